"""Run lessons the way Colab does: each one alone in an empty folder, with what is installed.

    python tools/alone.py                          every lesson, as it is stored
    python tools/alone.py 00 05                    only these
    python tools/alone.py --from ADDRESS TAG 00    as if the project had that public address

The exit status is 1 if a cell of a lesson failed. Needs nbclient, which Colab has too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from address import first_cell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

LESSONS = Path(__file__).resolve().parents[1] / "notebooks"


def run(
    path: Path, folder: Path, source: tuple[str, str] | None = None, then: str = "pass"
) -> nbformat.NotebookNode:
    """Run a lesson in a folder, and some code after it; the copy that ran is returned.

    Raises:
        CellExecutionError: A cell failed.
    """
    lesson = nbformat.read(path, as_version=4)
    if source is not None:
        first = next(cell for cell in lesson.cells if cell.cell_type == "code")
        first.source = first_cell(*source)
    lesson.cells.append(nbformat.v4.new_code_cell(then))
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CNN_COURSE", "JPY_SESSION_NAME")
    }
    client = NotebookClient(
        lesson, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=environment)
    return lesson


def main() -> int:
    """Run the lessons asked for; the exit status is 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="beginnings of names, such as 03")
    parser.add_argument("--from", nargs=2, dest="source", metavar=("ADDRESS", "TAG"))
    args = parser.parse_args()
    failed = 0
    for path in sorted(LESSONS.glob("[0-9][0-9]_*.ipynb")):
        if args.lessons and not path.name.startswith(tuple(args.lessons)):
            continue
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            try:
                run(path, Path(folder), args.source)
            except CellExecutionError as error:
                failed += 1
                print(f"{path.name}: {error}")
        print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
