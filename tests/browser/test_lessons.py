"""Every lesson, run with its own solutions and moved in JupyterLab, where all solutions are right.

There it meets weights that nobody here has seen; ImageNet's set cannot be had everywhere, so the
bundled one with its channels permuted and on other scales stands for it. nbval runs the lessons on
the bundled weights, as they are opened first, without answers. Every explorer is moved in Notebook
7 and Voilà, too.
"""

from pathlib import Path

import explorers
import minutes
import nbformat
import numpy as np
import pytest
import stand_in
from conftest import Lesson

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NAMES = [path.name for path in LESSONS]
#: Where a lesson runs as it does in JupyterLab: the first one, and a notebook of all explorers.
ELSEWHERE = [NAMES[0], "explorers.ipynb"]

pytestmark = pytest.mark.ci


@pytest.fixture(scope="module")
def others(course):
    """A folder of the course, with its lessons on other weights."""
    folder = course / "others"
    folder.mkdir()
    np.savez(folder / "stand_in.npz", **stand_in.stand_in())
    chosen = f'__import__("os").environ["CNN_WEIGHTS"] = {str(folder / "stand_in.npz")!r}'
    for name in NAMES:
        lesson = nbformat.read(course / "notebooks" / name, as_version=4)
        first = next(cell for cell in lesson.cells if cell.cell_type == "code")
        first.source = f"{chosen}\n{first.source}"
        nbformat.write(lesson, folder / name)
    return folder


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
    """Run a notebook and move its explorers; what it printed, and how many explorers there are."""
    address, token = jupyter
    lesson = Lesson(open_page())
    lesson.open(f"{address}/{folder}/{name}?reset&token={token}")
    lesson.run_all()
    assert lesson.problems() == []
    cells = lesson.cells()
    for cell in filter(minutes.is_exercise, cells):
        said = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        assert said.startswith("✔ Right."), f"{cell.source}\n{said}"
    printed = "".join(output.get("text", "") for cell in cells for output in cell.outputs)
    count = moves_all(lesson.explorers())
    lesson.shut_down()
    return printed, count


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_its_explorers_move(name, open_page, jupyter, others):
    printed, count = walk(name, f"doc/tree/{others.name}", open_page, jupyter)
    assert count
    if "load_vgg16(" in (others / name).read_text("utf-8"):  # the others have one set of weights
        assert "VGG16 weights: stand_in.npz (set by CNN_WEIGHTS)" in printed


@pytest.mark.parametrize("name", ELSEWHERE)
def test_so_it_does_in_notebook_7(name, open_page, jupyter, course):
    explorers.write_all(course / "notebooks" / "explorers.ipynb")
    _, count = walk(name, "notebooks/notebooks", open_page, jupyter)
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
