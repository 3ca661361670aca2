"""Every lesson, run with its own solutions and moved in JupyterLab, where all solutions are right.

Every explorer is moved in Notebook 7 and Voilà, too. (nbval runs the lessons as they are opened
first, without answers.)
"""

from pathlib import Path

import explorers
import minutes
import pytest
from conftest import Lesson

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NAMES = [path.name for path in LESSONS]
#: Where a lesson runs as it does in JupyterLab: the first one, and a notebook of all explorers.
ELSEWHERE = [NAMES[0], "explorers.ipynb"]

pytestmark = pytest.mark.ci


@pytest.fixture(scope="module")
def voila(start_server):
    """The address of a Voilà that shows the lessons, and all explorers."""
    address, _ = start_server("voila", "--no-browser", "--Voila.ip=127.0.0.1", "--port={port}", ".")
    explorers.write_all(start_server.homes["voila"] / "course" / "notebooks" / "explorers.ipynb")
    return address


def moves_all(found):
    """Whether every explorer on the page shows something and follows its sliders."""
    for explorer in found:
        assert not explorers.is_blank(explorer)
        assert explorers.move_all(explorer)
    return len(found)


def walk(name, folder, open_page, jupyter):
    """Run a notebook and move its explorers; how many there are."""
    address, token = jupyter
    lesson = Lesson(open_page())
    lesson.open(f"{address}/{folder}/{name}?reset&token={token}")
    lesson.run_all()
    assert lesson.problems() == []
    for cell in filter(minutes.is_exercise, lesson.cells()):
        said = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        assert said.startswith("✔ Right."), f"{cell.source}\n{said}"
    count = moves_all(lesson.explorers())
    lesson.shut_down()
    return count


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_its_explorers_move(name, open_page, jupyter):
    assert walk(name, "doc/tree/notebooks", open_page, jupyter)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_so_it_does_in_notebook_7(name, open_page, jupyter, course):
    explorers.write_all(course / "notebooks" / "explorers.ipynb")
    count = walk(name, "notebooks/notebooks", open_page, jupyter)
    assert count == (1 if name == NAMES[0] else len(explorers.NAMES))


@pytest.mark.parametrize("name", ELSEWHERE)
def test_it_works_as_an_app(name, voila, open_page):
    page = open_page()
    page.goto(f"{voila}/voila/render/{name}", timeout=300_000)
    page.locator(".cnn-explorer [role=slider][aria-label]").first.wait_for(timeout=300_000)
    page.wait_for_function(
        """() => [...document.querySelectorAll('.cnn-explorer')].every(
            explorer => explorer.querySelector('.cnn-panels[data-shown]'))""",
        timeout=120_000,
    )
    count = moves_all(page.locator(".cnn-explorer").all())
    assert count == (1 if name == NAMES[0] else len(explorers.NAMES))
    assert "Traceback" not in page.locator("body").text_content()
    page.close()
