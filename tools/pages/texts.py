"""Lessons and documents as Sphinx takes them: links that lead within the site, pages of its own."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any

import nbformat
from pages import explorers

ROOT = explorers.ROOT
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
PICTURE = re.compile(r"\*The pictures?:?\*:?\s*(.+?)(?:\n\n|\Z)", re.S)


class Course:
    """What the pages are made of.

    Attributes:
        lessons: The stored lessons, in order.
        address: The public repository, or an empty string.
        tag: Its tag.
    """

    def __init__(self, lessons: list[Path], address: str, tag: str) -> None:
        self.lessons, self.address, self.tag = lessons, address, tag

    def source(self, path: str) -> str:
        """Where a file can be read in the public repository; an empty string without one."""
        return f"{self.address}/blob/{self.tag}/{path}" if self.address else ""

    def links(self, path: Path) -> list[tuple[str, str]]:
        """Words and targets of the links below a lesson's title."""
        found = [("Slides", f"../slides/{path.stem}.html")]
        if self.address:
            name = self.address.removeprefix("https://github.com/")
            lab = f"https://mybinder.org/v2/gh/{name}/{self.tag}?urlpath=lab/tree/notebooks"
            colab = f"https://colab.research.google.com/github/{name}/blob/{self.tag}/notebooks"
            found += [("Open in Binder", f"{lab}/{path.name}")]
            found += [("Open in Colab", f"{colab}/{path.name}")]
            found += [("Source", self.source(f"notebooks/{path.name}"))]
        return found


def title(notebook: Any) -> str:
    """A lesson's title, such as ``05 · Activations, block by block``."""
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ").strip()


def relinked(text: str, name: str, course: Course, pages: set[str]) -> str:
    """A text whose links to files that are no pages lead to their source, or are plain words.

    Args:
        text: Markdown.
        name: The file's path within the course, which its links are relative to.
        course: The course.
        pages: Paths of all files that become pages, within the course.

    Raises:
        FileNotFoundError: A link leads to a file that is not there.
    """
    place = Path(name).parent.as_posix()

    def new(match: re.Match) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = os.path.normpath(f"{place}/{target}").replace(os.sep, "/")
        if path in pages:
            return match[0]
        if not (ROOT / path).exists():
            raise FileNotFoundError(f"{name} has a link to {target}, which is not there")
        if path.startswith("helpers/"):
            return f"[{words}]({os.path.relpath('api/index.md', place)})"
        source = course.source(path)
        return f"[{words}]({source}{anchor})" if source else words

    return LINK.sub(new, text)


def lesson(path: Path, made: Path | None, course: Course, pages: set[str]) -> Any:
    """A lesson for the site: explorers in their places, what is folded folded, figures described.

    Args:
        path: The stored lesson.
        made: Its explorers' folder, or ``None`` to leave them out.
        course: The course.
        pages: Paths of all files that become pages, within the course.
    """
    notebook = nbformat.read(path, as_version=4)
    number = 0
    for k, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = relinked(cell.source, f"notebooks/{path.name}", course, pages)
            continue
        folded = cell.source.startswith("# @title")
        if folded:
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-cell"]
            folded = cell.source.splitlines()[0].removeprefix("# @title").strip()
        after = notebook.cells[k + 1].source if k + 1 < len(notebook.cells) else ""
        cell.metadata["mystnb"] = {"image": {"alt": description(after)}}
        if folded:
            cell.metadata["mystnb"] |= {"code_prompt_show": folded, "code_prompt_hide": folded}
        shown = explorers.found_in(cell)
        if shown:
            number += 1
            folder = f"../explorers/{path.stem}" if made else ""
            block = explorer(shown, folder, number)
            cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": block})]
    links = " · ".join(f'<a href="{at}">{words}</a>' for words, at in course.links(path))
    first, _, rest = notebook.cells[0].source.partition("\n")
    notebook.cells[0].source = f'{first}\n\n<p class="lesson-links">{links}</p>\n{rest}'
    return notebook


def description(text: str) -> str:
    """What a picture shows, in the words that follow it."""
    match = PICTURE.search(text)
    words = re.sub(r"[*`_]|\[|\]\([^)]*\)", "", " ".join(match[1].split())) if match else ""
    if len(words) > 300:
        words = words[:300].rsplit(" ", 1)[0] + " …"
    return words or "The figure that the code above draws"


def explorer(shown: re.Match, folder: str, number: int) -> str:
    """An explorer's place on a page: its first picture, until the script brings it to life."""
    name = html.escape(shown["title"])
    if not folder:
        return f'<p id="explorer-{number}" class="cnn-missing">[{name}: left out of this site]</p>'
    return (
        f'<div id="explorer-{number}" class="cnn-explorer" role="group" aria-label="{name}"'
        f' data-states="{folder}/{number}/states.json.gz">'
        f'<img src="{folder}/{number}/first.webp" alt="{name}, as it begins" loading="lazy"></div>'
    )


def bibliography(course: Course) -> str:
    """A page of everything that the lessons' "Read on" names."""
    found: dict[str, list[str]] = {}
    for path in course.lessons:
        notebook = nbformat.read(path, as_version=4)
        text = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        (section,) = re.findall(r"^## Read on\n(.*?)(?=^## |\Z)", text, re.M | re.S)
        for item in re.findall(r"^- (.+?)(?=\n- |\n\n|\Z)", section, re.M | re.S):
            found.setdefault(" ".join(item.split()), []).append(path.name)
    lines = ["# Bibliography", "", "Everything that the lessons' *Read on* names."]
    by_address: dict[str, tuple[str, list[str]]] = {}
    for item, names in found.items():
        where = re.search(r"https?://[^\s)>]+", item)
        key = where[0].rstrip(".,") if where else item
        _, before = by_address.setdefault(key, (item, []))
        before += [name for name in names if name not in before]
    for item, names in sorted(
        by_address.values(), key=lambda one: re.sub(r"\W", "", one[0].lower())
    ):
        lessons = ", ".join(f"[{name[:2]}](notebooks/{name})" for name in names)
        lines.append(f"- {autolinked(item)} *Lesson {lessons}.*")
    return "\n".join([*lines[:3], "", *lines[3:], ""])


def autolinked(text: str) -> str:
    """Bare addresses as links."""
    return re.sub(r"(?<![(<\"])(https?://[^\s)>]*[^\s)>.,;])", r"<\1>", text)


def install(readme: str, course: Course, pages: set[str], for_students: bool) -> str:
    """README from where it says how to start; the path is on the first page."""
    archive = '<a href="students.zip">The course for students, as one archive</a>: lessons not yet'
    archive = f"<p>{archive} run, without solutions.</p>\n\n" if for_students else ""
    text = "# Run it yourself\n\n" + archive + readme[readme.index("## Start") :]
    text = re.sub(r"^## The path\n.*?(?=^## )", "", text, flags=re.M | re.S)
    return relinked(text, "README.md", course, pages)


def decks(course: Course) -> str:
    """The page that lists the slides."""
    lines = [
        "# Slides",
        "",
        "Made from the lessons themselves, their explorers alive. Arrow keys",
        "",
    ]
    lines[2] += " move on, <kbd>S</kbd> opens the speaker's view with what the lesson says in full."
    for path in course.lessons:
        words = html.escape(title(nbformat.read(path, as_version=4)))
        lines.append(f'- <a href="slides/{path.stem}.html">{words}</a>')
    return "\n".join([*lines, ""])


def front(course: Course, pages: set[str], made: dict) -> str:
    """The first page: what the course is, an explorer, the path."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    opening = re.search(r"\A# .*?\n\n(.+?)\n\n", readme, re.S)[1]
    table = re.search(r"^## The path\n\n(.+?)\n\n", readme, re.M | re.S)[1]
    first = course.lessons[0]
    shown = next(filter(None, map(explorers.found_in, nbformat.read(first, 4).cells)))
    live = explorer(shown, f"explorers/{first.stem}", 1) if made.get(first) else ""
    docs = sorted(name.removesuffix(".md") for name in pages if name.startswith("docs/"))
    folders: dict[str, list[str]] = {}
    for name in docs:  # a folder of docs is a group of its own, an index or README first
        group = name.split("/")[1].capitalize() if name.count("/") > 1 else ""
        folders.setdefault(group, []).append(name)
    top = folders.pop("", [])
    for names in folders.values():
        names.sort(key=lambda name: (not name.endswith(("/index", "/README")), name))
    parts = {
        "Lessons": [f"notebooks/{path.stem}" for path in course.lessons],
        "Beside the lessons": ["photo", "notebooks/glossary", "bibliography"],
        "Run and teach it": ["install", "slides", *top],
        **folders,
        "Reference": ["api/index", "CONTRIBUTING", "data/README", "data/weights"],
    }
    trees = "\n".join(
        f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(entries) + "\n```\n"
        for caption, entries in parts.items()
    )
    return f"""\
# What a convolutional network sees

{opening}

<p class="start"><a class="button" href="notebooks/{first.stem}.html">Begin with lesson 00</a>
<a class="button plain" href="photo.html">Try your own photo</a>
<a class="button plain" href="install.html">Run it yourself</a></p>

{live}

## The path

{table}

Each lesson is also [a deck of slides](slides.md).

{trees}"""


#: Modules as CONTRIBUTING draws them, from left to right.
API = {
    "Photos and networks": ["collection", "images", "models"],
    "Numbers": [
        *("graph", "layers", "brightness", "activations", "filters", "convolution"),
        *("receptive_field", "visualization", "attribution"),
    ],
    "Many photos": ["datasets", "ranking", "patches", "cluster"],
    "Pictures": ["plots", "gallery"],
    "On the page": ["widgets"],
}


def api() -> dict[str, str]:
    """Pages of the helpers, from their docstrings, by path."""
    known = {name for names in API.values() for name in names}
    more = [p.stem for p in sorted((ROOT / "helpers").glob("*.py")) if p.stem not in known]
    left_out = {"__init__", "quiet", "packages", "start", "check_environment"}
    groups = {**API, "More": [name for name in more if name not in left_out]}
    pages, lines = {}, ["# The helpers", "", "The package that the lessons share, to be read.", ""]
    for group, names in groups.items():
        if not names:
            continue
        lines += [f"```{{toctree}}\n:caption: {group}\n:maxdepth: 1\n"]
        for name in names:
            lines.append(name)
            folder = ROOT / "helpers" / name
            inner = [p.stem for p in sorted(folder.glob("*.py")) if p.stem != "__init__"]
            modules = [f"helpers.{name}", *(f"helpers.{name}.{one}" for one in inner)]
            pages[f"api/{name}.md"] = f"# {name}\n\n" + "\n".join(map(_module, modules))
        lines += ["```", ""]
    pages["api/index.md"] = "\n".join(lines)
    return pages


def _module(name: str) -> str:
    head = f"## {name}\n\n" if name.count(".") > 1 else ""
    return f"{head}```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"
