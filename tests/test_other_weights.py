"""The first lessons on random weights: they have to run, whatever the weights bring.

From lesson 08 on, lessons meet random weights in their own cells. Trained weights that nobody here
has seen are tried in ``tests/browser/test_lessons.py``.
"""

import os
from pathlib import Path

import nbformat
import pytest
import quicker
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
LESSONS = [
    path
    for path in sorted(FOLDER.glob("0[0-7]_*.ipynb"))
    if "load_vgg16(" in path.read_text("utf-8")  # the others have one set of weights
]

pytestmark = pytest.mark.ci


@pytest.mark.parametrize("lesson", LESSONS, ids=[path.stem for path in LESSONS])
def test_a_lesson_holds_for_random_weights(lesson):
    notebook = quicker.shorten(nbformat.read(lesson, as_version=4))
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute(env={**os.environ, "CNN_WEIGHTS": "random"})
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "VGG16 weights: random (set by CNN_WEIGHTS)" in printed
