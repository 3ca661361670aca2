"""A lesson's own folded solutions, and the lesson with them in place of the reader's answers."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

import minutes

FOLD = re.compile(r"<details><summary>(.+?)</summary>\n(.*?)\n</details>", re.S)
CODE = re.compile(r"```python\n(.*?)```", re.S)


def folds(cell: Any) -> dict[str, str]:
    """What is folded in a markdown cell, by its summary."""
    return dict(FOLD.findall(cell.source))


def answered(cells: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Each answer cell, and the cell of hints and solution that follows it."""
    for cell, after in itertools.pairwise(cells):
        if minutes.is_exercise(cell) or "investigation" in cell.metadata.get("tags", []):
            yield cell, after


def solve(notebook: Any) -> Any:
    """Put the solutions into a notebook's answer cells; returns the notebook."""
    for cell, after in answered(notebook.cells):
        (solution,) = CODE.findall(folds(after)["Solution"])
        judged = ast.unparse(ast.parse(cell.source).body[-1]) if minutes.is_exercise(cell) else ""
        cell.source = f"{solution}\n{judged}"
    return notebook
