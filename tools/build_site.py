"""Build the course's website: lessons as they are stored, explorers alive, slides.

    python tools/build_site.py                      into the folder "site"
    python tools/build_site.py FOLDER               into another
    python tools/build_site.py --no-explorers       in seconds: explorers are left out
    python -m http.server --directory site          look at it

Needs what requirements-site.txt names, and npm for scripts that are fetched once and kept in
".site-cache" with the explorers. The lessons' outputs are those that are stored; code is run only
to make explorers, once, until lesson or helpers change. A site appears only when it is complete:
where something is wrong, the last one stays.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import address
import nbformat
import rebuild
from pages import check, explorers, photo, slides, texts, vendor
from pages.texts import Course
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for helpers
PAGES = ROOT / "tools" / "pages"
STUDENTS = ROOT / "tools" / "student_copy.py"
CACHE = ROOT / ".site-cache"
MOST = 120_000_000  # bytes of the whole site


class Unfit(Exception):
    """The site can't be built; the message says why in one sentence."""


def build(folder: Path, with_explorers: bool = True, chosen: list[str] | None = None) -> None:
    """Write the whole site into a folder, in place of what an earlier build left there.

    Args:
        folder: Where to.
        with_explorers: Whether to make explorers; they take minutes when they are not kept yet.
        chosen: Beginnings of names of the lessons whose explorers are made, such as ``["03"]``;
            all if left out.

    Raises:
        Unfit: A lesson is not fit to be shown, a reference leads nowhere, or the folder holds
            something else. The folder is as it was.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / ".site").exists():
        raise Unfit(f"{folder} holds something else than a site; name an empty or a new folder")
    lessons = rebuild.lessons()
    for path in lessons:
        complain(path)
    course = Course(lessons, *address.stored(ROOT))
    made = {}
    for path in lessons if with_explorers else ():
        if chosen is None or path.name.startswith(tuple(chosen)):
            made[path] = explorers.folder_of(path, CACHE / "explorers")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=folder.parent) as temporary:
        source, html = Path(temporary, "source"), Path(temporary, "html")
        write_source(source, course, made)
        run_sphinx(source, html, course, Path(temporary, "doctrees"))
        for path, folder_made in made.items():
            if folder_made is not None:
                copy_explorers(folder_made, html / "explorers" / path.stem)
        slides.write(html / "slides", course, made)
        vendor.copy(vendor.REVEAL, CACHE, html / "slides" / "reveal")
        photo.write(html, CACHE)
        if STUDENTS.exists():
            pack_for_students(html / "students.zip")
        (html / ".site").touch()
        (html / ".nojekyll").touch()  # GitHub would leave out folders that begin with _
        check.finish(html)
        wrong = check.problems(html)
        if wrong:
            raise Unfit("the site has references that lead nowhere: " + "; ".join(wrong[:8]))
        size = sum(path.stat().st_size for path in html.rglob("*") if path.is_file())
        if size > MOST:
            raise Unfit(f"the site has {size / 1e6:.1f} MB, and {MOST / 1e6:.0f} at most are fit")
        swap(html, folder)


def complain(path: Path) -> None:
    """Name the lesson and the cell that keep a lesson from being shown.

    Raises:
        Unfit: There is such a cell.
    """
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                raise Unfit(
                    f"{path.name}, cell {cell.id} ({cell.source.splitlines()[0]!r}) failed when it"
                    f" was last run: {output.ename}: {output.evalue}"
                )
    wrong = rebuild.problems(path)
    if wrong:
        raise Unfit(f"{path.name}: {wrong[0]}; python tools/rebuild.py {path.name[:2]} may help")


def write_source(source: Path, course: Course, made: dict) -> None:
    """All that Sphinx is given."""
    documents = [ROOT / "notebooks" / "glossary.md", ROOT / "CONTRIBUTING.md"]
    documents += [*sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "data").glob("*.md"))]
    pages = {path.relative_to(ROOT).as_posix() for path in (*course.lessons, *documents)}
    for path in documents:
        name = path.relative_to(ROOT)
        text = texts.relinked(path.read_text("utf-8"), name.as_posix(), course, pages)
        put(source / name, text)
        for picture in re.findall(r"!\[[^\]]*\]\(([^)\s:]+)\)", text):
            copy(path.parent / picture, source / name.parent / picture)
    for path in course.lessons:
        notebook = texts.lesson(path, made.get(path), course, pages)
        (source / "notebooks").mkdir(exist_ok=True)
        nbformat.write(notebook, source / "notebooks" / path.name)
    readme = re.sub(r"<!--.*?-->", "", (ROOT / "README.md").read_text("utf-8"))
    put(source / "install.md", texts.install(readme, course, pages, STUDENTS.exists()))
    for picture in (ROOT / "data" / "pictures").iterdir():
        copy(picture, source / "data" / "pictures" / picture.name)
    put(source / "index.md", texts.front(course, pages, made))
    put(source / "bibliography.md", texts.bibliography(course))
    put(source / "slides.md", texts.decks(course))
    put(source / "photo.md", photo.page())
    for name, text in texts.api().items():
        put(source / name, text)


def run_sphinx(source: Path, html: Path, course: Course, doctrees: Path) -> None:
    """Build the pages; a warning is an error.

    Raises:
        Unfit: Sphinx is missing, or says what is wrong.
    """
    from helpers.widgets import saved

    settings = source.parent / "settings"
    shutil.copytree(PAGES, settings, ignore=shutil.ignore_patterns("__pycache__"))
    script = saved.script() + (PAGES / "wake.js").read_text("utf-8")
    put(settings / "static" / "explorers.js", script)
    own_photo = saved.script() + (PAGES / "photo.js").read_text("utf-8")
    put(settings / "static" / "photo.js", own_photo)
    put(settings / "static" / "explorers.css", saved.style())
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    command += ["-c", settings, "-d", doctrees, source, html]
    place = {"CNN_ADDRESS": course.address, "CNN_TAG": course.tag, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, env={**os.environ, **place}, capture_output=True, text=True)
    if told.returncode:
        words = told.stderr.replace(f"{source}/", "").strip()
        if "No module named sphinx" in words:
            words = "it needs Sphinx: pip install -r requirements-site.txt"
        raise Unfit(f"Sphinx stopped: {words}")


def copy_explorers(made: Path, folder: Path) -> None:
    """A lesson's explorers, their first pictures made small."""
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("first.png"))
    for picture in made.glob("*/first.png"):
        with Image.open(picture) as image:
            to = folder / picture.parent.name / "first.webp"
            image.convert("RGB").save(to, quality=80, method=4)


def pack_for_students(archive: Path) -> None:
    """The students' copy, to be fetched.

    Raises:
        Unfit: It can't be made.
    """
    command = [sys.executable, STUDENTS, archive, "--zip"]
    told = subprocess.run(command, capture_output=True, text=True)
    if told.returncode:
        raise Unfit(f"the students' copy was not made: {told.stderr.strip()}")


def put(path: Path, text: str) -> None:
    """Write a text where its folder may be missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def copy(path: Path, to: Path) -> None:
    """Copy a file that a page shows.

    Raises:
        Unfit: It is not there.
    """
    if not path.is_file():
        raise Unfit(f"a page shows {path.name}, which is not there")
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, to)


def swap(new: Path, folder: Path) -> None:
    """Put a finished site in an old one's place."""
    old = new.parent / "old"
    if folder.exists():
        folder.replace(old)
    try:
        new.replace(folder)
    except OSError:
        if old.exists():
            old.replace(folder)
        raise


def main() -> int:
    """Build; say in one sentence what is wrong, if something is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site")
    parser.add_argument("--no-explorers", action="store_true", help="leave explorers out: seconds")
    parser.add_argument("--only", nargs="+", metavar="NN", help="explorers of these lessons alone")
    args = parser.parse_args()
    try:
        build(args.folder.resolve(), not args.no_explorers, args.only)
    except (Unfit, explorers.LessonFails, vendor.Missing, OSError) as error:
        print(f"no site was built, and the last one is as it was: {error}", file=sys.stderr)
        return 1
    files = [path for path in args.folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(
        f"{args.folder}: {len(files)} files, {size:.1f} MB; python -m http.server -d {args.folder}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
