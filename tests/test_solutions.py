"""Every exercise has hints and a solution; test_lessons, in the browser, tries the solutions."""

import nbformat
import pytest
import rebuild
from minutes import is_exercise
from solutions import CODE, answered, folds


@pytest.mark.parametrize("path", rebuild.lessons(), ids=lambda path: path.stem)
def test_every_exercise_has_two_hints_and_a_solution_folded(path):
    found = list(answered(nbformat.read(path, as_version=4).cells))
    assert len(found) >= 4
    for cell, after in found:
        assert "solution" in after.metadata.get("tags", []), cell.source
        assert list(folds(after))[-1] == "Solution"
        assert CODE.search(folds(after)["Solution"]), after.source
        if is_exercise(cell):
            assert list(folds(after)) == ["Hint 1", "Hint 2", "Solution"]
    assert sum("investigation" in cell.metadata.get("tags", []) for cell, _ in found) == 1
