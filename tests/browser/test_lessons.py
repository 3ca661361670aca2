"""Every lesson, run and moved in JupyterLab, Notebook 7 and Voilà."""

from pathlib import Path

import explorers
import pytest
from conftest import Lesson

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
PLACES = {"JupyterLab": "doc/tree/notebooks", "Notebook 7": "notebooks/notebooks"}

pytestmark = pytest.mark.ci


@pytest.fixture(params=[path.name for path in LESSONS])
def name(request):
    return request.param


@pytest.mark.parametrize("place", PLACES)
def test_it_runs_and_its_explorers_move(name, place, open_page, jupyter):
    address, token = jupyter
    lesson = Lesson(open_page())
    lesson.open(f"{address}/{PLACES[place]}/{name}?reset&token={token}")
    lesson.run_all()
    assert lesson.problems() == []
    for explorer in lesson.explorers():
        assert not explorers.is_blank(explorer)
        assert explorers.move_all(explorer)
    lesson.shut_down()


def test_it_works_as_an_app(name, start_server, open_page):
    address, _ = start_server(
        *("voila", name, "--no-browser", "--Voila.ip=127.0.0.1", "--port={port}"),
    )
    page = open_page()
    page.goto(address, timeout=300_000)
    page.locator(".cnn-explorer [role=slider][aria-label]").first.wait_for(timeout=300_000)
    page.wait_for_function(
        """() => [...document.querySelectorAll('.cnn-explorer')].every(
            explorer => explorer.querySelector('.cnn-panels[data-shown]'))""",
        timeout=120_000,
    )
    for explorer in page.locator(".cnn-explorer").all():
        assert not explorers.is_blank(explorer)
        assert explorers.move_all(explorer)
    assert "Traceback" not in page.locator("body").text_content()
    page.close()
