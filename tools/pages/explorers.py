"""The explorers of a lesson as files: its code is run once, up to its last explorer, and kept.

A folder is named after everything that goes into it, so it is made once for as long as lesson,
helpers, weights and photos stay as they are.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[2]
#: What ``Explorer.__repr__`` leaves in a stored lesson.
SHOWN = re.compile(r"\[(?P<title>.+): run this cell for its controls \((?P<controls>.+)\)\]")

#: Run after an explorer's cell.
SAVE = """\
import sys as _sys
_sys.path.append({tools!r})
from pages import explorers as _explorers
_explorers.save(list(Out.values())[-1], {folder!r})
"""
UNUSED = ("pictures", "recipes")  # in data: no lesson reads them


class LessonFails(Exception):
    """A cell of a lesson raised an error; the message names both."""


def found_in(cell: Any) -> re.Match | None:
    """The explorer that a stored cell shows: a match with its title and its controls, or none."""
    for output in cell.get("outputs", ()):
        match = SHOWN.fullmatch("".join(output.get("data", {}).get("text/plain", "")))
        if match:
            return match
    return None


def save(explorer: Any, folder: str | Path, most: int = 800) -> None:
    """Write an explorer's states and first picture into a new folder, its files beside the folder.

    Files have their content's names, so explorers can share them.

    Args:
        explorer: An ``Explorer``.
        folder: Where to.
        most: Pictures to save at most; they have at most 15 MB together.
    """
    from helpers.widgets import saved

    folder = Path(folder)
    states, files = saved.collect(explorer, most, 15_000_000)
    folder.mkdir(parents=True)
    words = json.dumps(states, separators=(",", ":")).encode()
    (folder / "states.json.gz").write_bytes(gzip.compress(words, mtime=0))
    (folder / "first.png").write_bytes(explorer.picture._repr_png_())
    for name, content in files.items():
        (folder.parent / name).write_bytes(content)


def folder_of(path: Path, cache: Path) -> Path | None:
    """Where a lesson's explorers are, numbered from 1; they are made if they are not there.

    Args:
        path: A stored lesson.
        cache: The folder in which each lesson's explorers have a folder.

    Returns:
        The folder, or ``None`` for a lesson without explorers.

    Raises:
        LessonFails: A cell failed; nothing is kept.
    """
    notebook = nbformat.read(path, as_version=4)
    last = max((k for k, cell in enumerate(notebook.cells) if found_in(cell)), default=None)
    if last is None:
        return None
    notebook.cells = notebook.cells[: last + 1]
    folder = cache / f"{path.stem}-{_digest(notebook)}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as unfinished:
            _run(notebook, path.name, Path(unfinished, "made").resolve())
            for old in cache.glob(f"{path.stem}-*"):
                shutil.rmtree(old)
            Path(unfinished, "made").replace(folder)
    return folder


def _run(notebook: Any, name: str, folder: Path) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    cells, number = [], 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cells.append(cell)
            if found_in(cell):
                number += 1
                place = {"tools": str(ROOT / "tools"), "folder": str(folder / str(number))}
                source = SAVE.format(**place)
                cells.append(nbformat.v4.new_code_cell(source))
    resources = {"metadata": {"path": str(ROOT / "notebooks")}}
    copy = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(copy, timeout=1800, kernel_name="python3", resources=resources)
    environment = {key: value for key, value in os.environ.items() if key != "CNN_WEIGHTS"}
    try:
        client.execute(env={**environment, "MPLBACKEND": "agg"}, stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        failed = next(c for c in cells if any(o.output_type == "error" for o in c.get("outputs")))
        raise LessonFails(
            f"{name}, cell {failed.id} ({failed.source.splitlines()[0]!r}) fails: "
            f"{error.ename}: {error.evalue}"
        ) from error


def _digest(notebook: Any) -> str:
    """A name made of all that the explorers are made of."""
    content = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=8)
    for cell in notebook.cells:
        content.update(cell.source.encode() if cell.cell_type == "code" else b"")
    data = [path for path in (ROOT / "data").iterdir() if path.name not in UNUSED]
    files = [file for path in data for file in (path.rglob("*") if path.is_dir() else [path])]
    files += [*(ROOT / "helpers").rglob("*.py")]
    for path in sorted(path for path in files if path.is_file()):
        content.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return content.hexdigest()
