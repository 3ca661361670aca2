"""Run the lessons and store their outputs; or check that they are clean.

    python tools/rebuild.py                   run and store all of them
    python tools/rebuild.py 03 05             only lessons 03 and 05
    python tools/rebuild.py --check           run nothing, list what is wrong

A lesson is executed on the bundled weights in its own folder. Then its pictures get a palette
(smaller), widget views (dead without a kernel) and volatile metadata are dropped.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
MAX_BYTES = 3_000_000
MAX_LINES = 20
LEGIBLE_NAME = re.compile(r"\d\d_[a-z0-9_]+")
MACHINE_PATH = re.compile(r"(/root/|/work/|/tmp/|/home/|/Users/|[A-Z]:\\\\Users)")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
PROGRESS_BAR = re.compile(r"(\s*\d+%\||\d+(it|photo|B) \[|[^|\n]{0,40}:\s+\d+%\|)")
CHECKED, VOLATILE = "nbval-check-output", "nbval-ignore-output"
MAX_SETUP_LINES = 6


def lessons(chosen: list[str] | None = None) -> list[Path]:
    """The lessons in order, or those whose names begin as asked."""
    found = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
    if not chosen:
        return found
    return [path for path in found if any(path.name.startswith(start) for start in chosen)]


def execute(path: Path) -> nbformat.NotebookNode:
    """Run one lesson from its own folder on the bundled weights.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    environment = {key: value for key, value in os.environ.items() if key != "CNN_WEIGHTS"}
    client.execute(env={**environment, "MPLBACKEND": "agg"})
    return notebook


def folded() -> nbformat.NotebookNode:
    """The metadata of a cell folded away in JupyterLab, and on Colab."""
    return nbformat.from_dict({"cellView": "form", "jupyter": {"source_hidden": True}})


def is_folded(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell is to be folded: the one that sets up, and closing checks."""
    return cell.cell_type == "code" and cell.source.startswith(
        ("# @title Set up", "# @title Checks")
    )


def clean(notebook: nbformat.NotebookNode) -> None:
    """Drop what changes from run to run and make pictures small, in place."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "code_digest": code_digest(notebook),
        }
    )
    for cell in notebook.cells:
        tags = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        cell.metadata = nbformat.from_dict(tags | (folded() if is_folded(cell) else {}))
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not _is_progress_bar(output)]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop(WIDGET_VIEW, None)
            if "image/png" in data:
                data["image/png"] = _with_palette(data["image/png"])
                data["text/plain"] = "<Figure>"
            if output.get("metadata"):
                output["metadata"] = {}


def code_digest(notebook: nbformat.NotebookNode) -> str:
    """A hash of all code: tells whether a lesson was edited after it was last run."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def problems(path: Path) -> list[str]:
    """What is wrong with a stored lesson; an empty list if nothing is."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = []
    if not LEGIBLE_NAME.fullmatch(path.stem):
        found.append("its name is not NN_short_name.ipynb")
    if path.stat().st_size > MAX_BYTES:
        found.append(f"{path.stat().st_size} bytes, over {MAX_BYTES}")
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("not run from top to bottom in one go")
    if notebook.metadata.get("code_digest") != code_digest(notebook):
        found.append("its code was edited after it was last run")
    if set(notebook.metadata) - {"kernelspec", "language_info", "code_digest"}:
        found.append(f"extra metadata: {sorted(notebook.metadata)}")
    first = nbformat.read(lessons()[0], as_version=4)
    standard = next(cell.source for cell in first.cells if cell.cell_type == "code")
    if code and code[0].source != standard:
        found.append("its first code cell differs from lesson 00's")
    if code and len(code[0].source.splitlines()) > MAX_SETUP_LINES:
        found.append(f"its first code cell has over {MAX_SETUP_LINES} lines")
    if code and not is_folded(code[0]):
        found.append("its first code cell does not say '# @title Set up'")
    for cell in notebook.cells:
        more = {name: value for name, value in cell.metadata.items() if name != "tags"}
        if is_folded(cell) and more != folded():
            found.append(f"cell {cell.id}: not folded")
        elif more and not is_folded(cell):
            found.append(f"cell {cell.id}: extra metadata {sorted(more)}")
        found += [f"cell {cell.id}: {problem}" for problem in _cell_problems(cell)]
    return found


def _cell_problems(cell: nbformat.NotebookNode) -> list[str]:
    found = []
    tags = set(cell.metadata.get("tags", ()))
    if MACHINE_PATH.search(cell.source):
        found.append("a machine's path in the source")
    if cell.cell_type != "code":
        return found
    if len(cell.source.splitlines()) > MAX_LINES:
        found.append(f"over {MAX_LINES} lines of code")
    has_text = False
    for output in cell.outputs:
        words = output.get("text", "") or output.get("data", {}).get("text/plain", "")
        if output.output_type == "error":
            found.append("an error in its outputs")
        if output.get("name") == "stderr":
            found.append(f"text on stderr: {words[:80]!r}")
        if MACHINE_PATH.search(words):
            found.append("a machine's path in its outputs")
        if WIDGET_VIEW in output.get("data", {}):
            found.append("a stored widget view")
        has_text |= "image/png" not in output.get("data", {})
    if has_text and not tags & {CHECKED, VOLATILE}:
        found.append(f"has text outputs but neither the tag {CHECKED} nor {VOLATILE}")
    return found


def _is_progress_bar(output: nbformat.NotebookNode) -> bool:
    """Whether an output is a bar that was running: without its kernel it stands at 0 % forever."""
    data = output.get("data", {})
    return WIDGET_VIEW in data and bool(PROGRESS_BAR.match(data.get("text/plain", "")))


def _with_palette(encoded: str) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(white, image).convert("RGB")
    if (colors := flat.getcolors(256)) is not None:  # few enough: nothing is lost
        small = flat.quantize(len(colors), dither=Image.Dither.NONE)
    else:
        # of Pillow's methods the one that keeps rare colors, such as a cat's green eyes
        small = flat.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    file = io.BytesIO()
    small.save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def main() -> int:
    """Rebuild or check; the exit status is 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="beginnings of names, such as 03")
    parser.add_argument("--check", action="store_true", help="run nothing, list what is wrong")
    args = parser.parse_args()
    import address  # which imports this module

    wrong = 0
    for path in lessons(args.lessons):
        if not args.check:
            start = time.perf_counter()
            notebook = execute(path)
            clean(notebook)
            address.link_explorers(notebook, path.stem, address.stored(FOLDER.parent)[0])
            nbformat.write(notebook, path)
            size = path.stat().st_size / 1000
            print(f"{path.name}: {time.perf_counter() - start:.0f} s, {size:.0f} kB", flush=True)
        for problem in problems(path):
            wrong += 1
            print(f"{path.name}: {problem}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
