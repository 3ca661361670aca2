"""The reader's own photo in JupyterLab and Voilà: by upload, and from Chromium's fake camera."""

import io

import chrome
import nbformat
import numpy as np
import pytest
from conftest import Lesson
from PIL import Image

FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
CELLS = [
    'import sys\nsys.path.insert(0, "..")',
    """import numpy as np
from helpers.plots.page import Picture
from helpers.plots.panels import Panel
from helpers.widgets import Explorer, OwnPhoto
from helpers.widgets.explorer import slider


def drawn(photo):
    words = f"mean {photo.mean():.1f}, spread {photo.std():.1f}, the very photo that was sent"
    return lambda darker: Picture([Panel("yours", photo // (darker + 1))], f"{words}, {darker}")""",
    'gray = np.full((64, 64, 3), 128, np.uint8)\nexplorer = Explorer({"darker": slider('
    '"Darker", 2)}, drawn(gray))\nexplorer',
    "own = OwnPhoto(lambda photo: explorer.show(drawn(photo)), size=(64, 64))\nown",
]


@pytest.fixture(scope="module")
def camera(browser, tmp_path_factory):
    """A function that opens a page in a browser with a fake camera; or with other flags."""
    home, running = tmp_path_factory.mktemp("camera"), []

    def open_(*flags):
        started = chrome.start(browser.browser_type, home, *flags)
        running.append(started)
        page = started.new_page()
        page.set_default_timeout(60_000)
        return page

    yield open_
    for started in running:
        started.close()


@pytest.fixture(scope="module")
def notebook(jupyter, course):
    """The address of a notebook with an explorer, and the buttons for the reader's photo."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), course / "notebooks" / "own_photo.ipynb")
    address, token = jupyter
    return f"{address}/doc/tree/notebooks/own_photo.ipynb?reset&token={token}"


@pytest.fixture(scope="module")
def lab(camera, notebook):
    """The notebook in JupyterLab, run, beside a camera."""
    lesson = Lesson(camera(*FAKE))
    lesson.open(notebook)
    lesson.run_all()
    assert lesson.problems() == []
    lesson.explorers()
    yield lesson.page
    lesson.shut_down()


def png(level):
    file = io.BytesIO()
    Image.fromarray(np.full((80, 120, 3), level, np.uint8)).save(file, "PNG")
    return file.getvalue()


def said(page, words):
    page.locator(".cnn-own-photo [role=status]", has_text=words).wait_for()


def caption(page, words):
    page.locator(".cnn-caption", has_text=words).wait_for()


def choose(page, name, content):
    """Upload a file through the button."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload a photo").click()
    chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})


def snap(page):
    """Open the camera and take a photo, by keyboard alone."""
    page.get_by_role("button", name="Use the camera").focus()
    page.keyboard.press("Enter")
    video = page.get_by_label("What the camera sees now")
    video.wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Take the photo"
    page.wait_for_timeout(500)  # the fake camera begins with a dark frame
    page.keyboard.press("Enter")
    said(page, "Shown: your snapshot, cut to 64 × 64 pixels.")


def test_an_uploaded_photo_goes_to_the_explorer(lab):
    for level in (200, 50):
        choose(lab, "mine.png", png(level))
        caption(lab, f"mean {level}.0, spread 0.0")
        said(lab, "Shown: mine.png, cut to 64 × 64 pixels.")


def test_a_file_that_is_no_photo_gets_a_sentence_and_the_next_one_is_shown(lab):
    choose(lab, "notes.png", b"just words")
    said(lab, "notes.png: the photo of 10 bytes is no image that can be read")
    choose(lab, "good.png", png(90))
    caption(lab, "mean 90.0")


def test_a_snapshot_goes_to_the_explorer_and_the_camera_goes_off(lab):
    choose(lab, "black.png", png(0))
    caption(lab, "mean 0.0, spread 0.0")
    snap(lab)
    shown = lab.locator(".cnn-caption").text_content()
    assert "mean 0.0" not in shown and "spread 0.0" not in shown
    assert not lab.get_by_label("What the camera sees now").is_visible()
    assert lab.evaluate("document.querySelector('.cnn-own-photo video').srcObject") is None
    assert lab.evaluate("document.activeElement.textContent") == "Use the camera"
    snap(lab)  # and again


def test_the_camera_can_be_closed(lab):
    lab.get_by_role("button", name="Use the camera").click()
    lab.get_by_role("button", name="Close the camera").click()
    said(lab, "The camera is off.")
    assert not lab.get_by_role("button", name="Take the photo").is_visible()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("() => Promise.reject(new DOMException('', 'NotAllowedError'))", "refused: allow it in"),
        ("() => Promise.reject(new DOMException('', 'NotReadableError'))", "in use by another"),
        ("() => Promise.reject(new DOMException('', 'AbortError'))", "does not answer (AbortError"),
        ("undefined", "needs an address with https, or localhost"),
    ],
)
def test_what_keeps_the_camera_away_is_said(lab, script, words):
    lab.evaluate(
        f"Object.defineProperty(navigator.mediaDevices, 'getUserMedia',"
        f"{{ value: {script}, configurable: true }})"
    )
    lab.get_by_role("button", name="Use the camera").click()
    said(lab, words)
    lab.evaluate("delete navigator.mediaDevices.getUserMedia")
    assert lab.get_by_role("button", name="Use the camera").is_enabled()


def test_where_there_is_no_camera_a_sentence_says_so(camera, notebook):
    lesson = Lesson(camera("--use-fake-ui-for-media-stream"))
    lesson.open(notebook)
    lesson.run_all()
    lesson.page.get_by_role("button", name="Use the camera").click()
    said(lesson.page, "There is no camera here; upload a photo instead.")
    lesson.shut_down()


def test_both_work_as_an_app(camera, notebook, start_server, course):
    address, _ = start_server(
        *("voila", str(course / "notebooks" / "own_photo.ipynb")),
        *("--no-browser", "--Voila.ip=127.0.0.1", "--port={port}"),
    )
    page = camera(*FAKE)
    page.goto(address, timeout=120_000)
    page.locator(".cnn-panels[data-shown]").wait_for(timeout=120_000)
    choose(page, "mine.png", png(70))
    caption(page, "mean 70.0, spread 0.0")
    snap(page)
    assert "mean 70.0" not in page.locator(".cnn-caption").text_content()
