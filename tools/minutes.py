"""How long each lesson takes, by a stated rule, and what a 45-minute class leaves out.

    python tools/minutes.py                   all lessons
    python tools/minutes.py 03 05             only lessons 03 and 05

180 words a minute, 20 seconds a figure, 30 seconds a code cell, 4 minutes an exercise. Not
counted: the cell that sets up, closing checks, hints and solutions. A class skips the cells
with the tag ``skip``; their section says so in its first line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import rebuild

WORDS, FIGURE, CELL, EXERCISE = 1 / 180, 20 / 60, 30 / 60, 4  # minutes for each
FOLDED = re.compile(r"# @title")


def is_exercise(cell: Any) -> bool:
    """Whether the reader answers in this cell."""
    return cell.cell_type == "code" and bool(re.search(r"^exercises\.\w+\([^)]", cell.source, re.M))


def minutes(cells: Iterable[Any], in_class: bool = False) -> float:
    """Minutes for these cells of a lesson; without those that a class skips, if asked."""
    total = 0.0
    for cell in cells:
        tags = cell.metadata.get("tags", [])
        if "solution" in tags or FOLDED.match(cell.source) or (in_class and "skip" in tags):
            continue
        if cell.cell_type == "markdown":
            total += len(cell.source.split()) * WORDS
        elif is_exercise(cell) or "investigation" in tags:
            total += EXERCISE
        else:
            total += CELL + FIGURE * sum("image/png" in o.get("data", {}) for o in cell.outputs)
    return total


def code_lines(cells: Iterable[Any]) -> list[int]:
    """Lines of code in each cell that a reader reads, without empty ones and comments."""
    seen = (c.source for c in cells if c.cell_type == "code" and not FOLDED.match(c.source))
    return [sum(bool(re.match(r"\s*[^\s#]", line)) for line in s.splitlines()) for s in seen]


def main(chosen: list[str]) -> None:
    """Print one line for each lesson."""
    print("lesson                           cells  words  lines  longest  minutes  in class")
    for path in rebuild.lessons(chosen):
        cells = nbformat.read(Path(path), as_version=4).cells
        words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
        lines = sorted(code_lines(cells))
        print(
            f"{path.stem:32} {len(cells):5} {words:6} {lines[len(lines) // 2]:6} {lines[-1]:8}"
            f" {minutes(cells):8.0f} {minutes(cells, in_class=True):9.0f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
