"""A student's copy of the course: lessons not yet run, without solutions, and nothing of the tests.

    python tools/student_copy.py FOLDER           the copy, in a new or empty folder
    python tools/student_copy.py FILE --zip       the same as one archive, FILE.zip

Helpers, photos and weights are all there, so a lesson works as it does in the full course. Hints
stay; solutions go. The judges of exercises stay too, and who reads them finds how they judge.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import minutes
import nbformat
import rebuild

ROOT = Path(__file__).resolve().parents[1]
NAME = "what-a-cnn-sees"  # the folder in the archive
WHOLE = ("helpers", "data")
SINGLE = ("constraints.txt", "environment.yml", "LICENSE", "LICENSE-text.md")
UNWANTED = re.compile(r"(^|/)(\.[^/]*|__pycache__|[^/]*\.(pyc|part)|explorers\.webp)(/|$)")
TEACHERS = "docs/teaching"
SECTIONS = ("The path", "Your own photo and weights")  # of README, taken over whole
LINK = re.compile(r"!?\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
FOLD = re.compile(r"<details><summary>(.+?)</summary>.*?</details>", re.S)

README = """\
{title}

{about}

This is a student's copy: the lessons have not been run yet, and the exercises are yours to solve.

## Start

{needs}

One line, run in this folder, sets everything up and opens the first lesson. On Linux and macOS
(Apple silicon):

```
{posix}
```

On Windows (PowerShell):

```
{windows}
```

With conda:

```
{conda}
```

The set-up needs the internet; after it, everything works without. Another day, the last of the
line's commands is enough.

{sections}## Help

- Terms: [glossary](notebooks/glossary.md).
- Something does not work? In this folder, `.venv/bin/python -m helpers.check_environment` (Windows:
  `.venv\\Scripts\\python …`) says what is missing and what helps; more in
  [Troubleshooting](docs/troubleshooting.md).
- Each lesson prints which weights it uses; every error says in one sentence what would be right.

{license}
"""
#: Where README has what stands in braces above.
TAKEN = {
    "title": r"^# .+$",
    "about": r"(?<=\n\n)[A-Z][^\n]+(?:\n[^\n]+)*(?=\n\n)",  # the first paragraph of words
    "needs": r"You need Python [^.]+(?:\.\d[^.]*)*\.",
    "posix": r"^python3 -m venv .* jupyter lab .*$|^python3 -m venv .*/jupyter lab .*$",
    "windows": r"^py -m venv .*\\jupyter lab .*$",
    "conda": r"^conda env create .* jupyter lab .*$",
    "license": r"^Code: \[(?:.+\n?)+",
}


def contents(root: Path = ROOT) -> dict[str, bytes]:
    """Every file of a student's copy, by its place in it.

    Raises:
        ValueError: A lesson's exercise is answered, or README lacks what the copy takes from it.
    """
    found = {name: (root / name).read_bytes() for name in SINGLE}
    for folder in WHOLE:
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and not UNWANTED.search(name):
                found[name] = path.read_bytes()
    wanted = (root / "requirements.txt").read_text(encoding="utf-8").partition("\n# tests")[0]
    wanted = wanted.replace("the lessons and their tests need", "the lessons need")
    found["requirements.txt"] = f"{wanted.strip()}\n".encode()
    texts = {"README.md": readme((root / "README.md").read_text(encoding="utf-8"))}
    for path in sorted((root / "notebooks").glob("*.md")):
        texts[f"notebooks/{path.name}"] = path.read_text(encoding="utf-8")
    lessons = {
        f"notebooks/{path.name}": lesson(path)
        for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    }
    texts |= _linked_documents(root, texts, lessons)
    present = {*found, *texts, *lessons}
    for name, text in texts.items():
        found[name] = _without_dead_links(text, name, present).encode()
    for name, notebook in lessons.items():
        for cell in _words(notebook):
            cell.source = _without_dead_links(cell.source, name, present)
        found[name] = f"{nbformat.writes(notebook)}\n".encode()
    return dict(sorted(found.items()))


def lesson(path: Path) -> nbformat.NotebookNode:
    """A lesson as a student begins it: not run, its exercises empty, its solutions gone.

    Raises:
        ValueError: An exercise holds an answer.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("code_digest", None)
    kept = []
    for cell in notebook.cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if not tag.startswith("nbval-")]
        if minutes.is_exercise(cell) and not re.search(r"\bNone\b", cell.source):
            first = cell.source.partition("\n")[0]
            raise ValueError(f"{path.name}: an exercise is answered ({first}); put None back there")
        if "solution" in tags:
            hints = [fold[0] for fold in FOLD.finditer(cell.source) if fold[1].startswith("Hint")]
            cell.source, tags = "\n\n".join(hints), ["hints"]
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = cell.source.replace("Hints and a solution are", "Hints are")
        folded = rebuild.folded() if rebuild.is_folded(cell) else {}
        cell.metadata = nbformat.from_dict(({"tags": tags} if tags else {}) | folded)
        if cell.source or "hints" not in tags:
            kept.append(cell)
    notebook.cells = kept
    return notebook


def readme(text: str) -> str:
    """README shortened to what a student needs.

    Raises:
        ValueError: Something that the copy takes over isn't there.
    """
    taken = {}
    for name, pattern in TAKEN.items():
        if (match := re.search(pattern, text, re.M)) is None:
            raise ValueError(f"README.md lacks what a student's copy takes from it: {name}")
        taken[name] = match[0].strip()
    parts = re.split(r"^## (.+)\n", text, flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    if absent := [name for name in SECTIONS if name not in sections]:
        raise ValueError(f"README.md lacks a section that a student's copy takes: {absent[0]}")
    whole = "".join(f"## {name}\n{sections[name].rstrip()}\n\n" for name in SECTIONS)
    return README.format(sections=whole, **taken)


def write(folder: Path) -> None:
    """Write the copy into a new or empty folder: all of it, or nothing.

    Raises:
        ValueError: The folder holds something, or there is no place for it.
        OSError: It cannot be written; nothing is left.
    """
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder.name} is not empty; name a new folder, or an empty one")
    files = contents()
    with beside(folder) as there:
        for name, data in files.items():
            path = there / NAME / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if folder.exists():
            folder.rmdir()
        (there / NAME).rename(folder)


def archive(path: Path) -> None:
    """Write the copy as one zip file, the same bytes for the same course: all of it, or nothing.

    Raises:
        ValueError: There is no folder for it.
        OSError: It cannot be written; nothing is left.
    """
    path, files = Path(path).absolute(), contents()
    with beside(path) as there:
        with zipfile.ZipFile(there / path.name, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in files.items():
                file.writestr(entry(f"{NAME}/{name}"), data, zipfile.ZIP_DEFLATED)
        (there / path.name).replace(path)


def entry(name: str, mode: int = 0o644) -> zipfile.ZipInfo:
    """A file's place in an archive, without the date that would change it from day to day."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (0o100000 | mode) << 16
    return info


def beside(path: Path) -> tempfile.TemporaryDirectory:
    """A folder on the same disk, gone in the end: what is finished is renamed out of it."""
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent.name} to put {path.name} into")
    return _Temporary(dir=path.parent, prefix=f".{path.name}-")


class _Temporary(tempfile.TemporaryDirectory):
    def __enter__(self) -> Path:
        return Path(super().__enter__())


def _words(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def _linked_documents(
    root: Path, texts: dict[str, str], lessons: dict[str, nbformat.NotebookNode]
) -> dict[str, str]:
    """The pages of docs that the copy refers to, and those they refer to; none for teachers."""
    todo = [(name, text) for name, text in texts.items()]
    todo += [(name, cell.source) for name, book in lessons.items() for cell in _words(book)]
    found: dict[str, str] = {}
    while todo:
        name, text = todo.pop()
        for target in _targets(text, name):
            page = root / target
            ours = re.fullmatch(r"docs/.+\.md", target) and not target.startswith(TEACHERS)
            if ours and target not in found and page.is_file():
                found[target] = page.read_text(encoding="utf-8")
                todo.append((target, found[target]))
    return found


def _targets(text: str, name: str) -> Iterator[str]:
    for match in LINK.finditer(text):
        if (target := _place(match[2], name)) is not None:
            yield target


def _place(target: str, name: str) -> str | None:
    """What a link in a file leads to, as a place in the copy; None if it leads elsewhere."""
    if re.match(r"[a-z]+:", target):
        return None
    parts: list[str] = []
    for part in (PurePosixPath(name).parent / target).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _without_dead_links(text: str, name: str, present: set[str]) -> str:
    """The text with the words alone where a link led to something that the copy lacks."""
    folders = {parent.as_posix() for file in present for parent in PurePosixPath(file).parents}

    def judged(match: re.Match) -> str:
        target = _place(match[2], name)
        return match[0] if target is None or target in present | folders else match[1]

    return LINK.sub(judged, text)


def main() -> int:
    """Write the copy; the exit status is 1 if that was not possible."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("place", metavar="FOLDER", type=Path, help="where the copy goes")
    parser.add_argument("--zip", action="store_true", help="one archive in place of a folder")
    args = parser.parse_args()
    place = args.place
    if args.zip and place.suffix != ".zip":
        place = place.with_name(f"{place.name}.zip")
    try:
        (archive if args.zip else write)(place)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        why = error.strerror or error
        print(f"{place.name} could not be written ({why}); nothing is left of it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
