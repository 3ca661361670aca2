"""Every lesson on weights that nobody here has seen: it has to run, whatever they bring.

ImageNet's set cannot be had everywhere, so two others stand for it: the bundled one with its
channels permuted and on other scales (``stand_in``), and random numbers. What a lesson asserts must
hold for all of them.
"""

import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
import quicker
import stand_in
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
LESSONS = [
    path
    for path in sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
    if "load_vgg16(" in path.read_text("utf-8")  # the others have one set of weights
]

pytestmark = pytest.mark.ci


#: From lesson 08 on, lessons meet random weights in their own cells.
RUNS = [("stand-in", path) for path in LESSONS]
RUNS += [("random", path) for path in LESSONS if path.name < "08"]


@pytest.fixture(scope="module")
def choice(request, tmp_path_factory):
    """What CNN_WEIGHTS shall be."""
    if request.param == "random":
        return "random"
    file = tmp_path_factory.mktemp("weights") / "stand_in.npz"
    np.savez(file, **stand_in.stand_in())
    return str(file)


@pytest.mark.parametrize(
    ("choice", "lesson"),
    RUNS,
    indirect=["choice"],
    ids=[f"{k}-{path.name[:2]}" for k, path in RUNS],
)
def test_a_lesson_holds_for_other_weights(lesson, choice):
    notebook = quicker.shorten(nbformat.read(lesson, as_version=4))
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute(env={**os.environ, "CNN_WEIGHTS": choice})
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert f"VGG16 weights: {Path(choice).name} (set by CNN_WEIGHTS)" in printed
