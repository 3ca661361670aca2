"""Each lesson with its own folded solutions in place of the reader's answers: all are right."""

import ast
import itertools
import os
import re

import minutes
import nbformat
import pytest
import quicker
import rebuild

LESSONS = rebuild.lessons()
FOLD = re.compile(r"<details><summary>(.+?)</summary>\n(.*?)\n</details>", re.S)
CODE = re.compile(r"```python\n(.*?)```", re.S)


def folds(cell):
    """What is folded in a markdown cell, by its summary."""
    return dict(FOLD.findall(cell.source))


def answered(cells):
    """Each answer cell, and the cell of hints and solution that follows it."""
    for cell, after in itertools.pairwise(cells):
        if minutes.is_exercise(cell) or "investigation" in cell.metadata.get("tags", []):
            yield cell, after


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_exercise_has_two_hints_and_a_solution_folded(path):
    found = list(answered(nbformat.read(path, as_version=4).cells))
    assert len(found) >= 4
    for cell, after in found:
        assert "solution" in after.metadata.get("tags", []), cell.source
        assert list(folds(after))[-1] == "Solution"
        assert CODE.search(folds(after)["Solution"]), after.source
        if minutes.is_exercise(cell):
            assert list(folds(after)) == ["Hint 1", "Hint 2", "Solution"]
    assert sum("investigation" in cell.metadata.get("tags", []) for cell, _ in found) == 1


@pytest.mark.ci
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_solution_is_right(path):
    from nbclient import NotebookClient

    notebook = quicker.shorten(nbformat.read(path, as_version=4))
    for cell, after in answered(notebook.cells):
        (solution,) = CODE.findall(folds(after)["Solution"])
        judged = ast.unparse(ast.parse(cell.source).body[-1]) if minutes.is_exercise(cell) else ""
        cell.source = f"{solution}\n{judged}"
    environment = {key: value for key, value in os.environ.items() if key != "CNN_WEIGHTS"}
    client = NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(rebuild.FOLDER)}}
    )
    client.execute(env={**environment, "MPLBACKEND": "agg"})
    for cell in filter(minutes.is_exercise, notebook.cells):
        said = "".join(o.get("data", {}).get("text/plain", "") for o in cell.outputs)
        assert said.startswith("✔ Right."), f"{cell.source}\n{said}"
