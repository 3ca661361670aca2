"""Write the project's public address wherever it is needed.

    python tools/address.py https://github.com/you/course v1.0    set it, and write it everywhere
    python tools/address.py                                       write it everywhere again
    python tools/address.py --unset                               take it back

It stands in pyproject.toml alone, with the tag that a lesson on Colab fetches. README's links and
the first cell of every lesson, which is written here, follow; so does a link in every explorer's
place to where it is alive. Other outputs stay: no result depends on the address.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from pathlib import Path

import nbformat
import rebuild
from pages import explorers

ROOT = Path(__file__).resolve().parents[1]
PLACE = re.compile(r'^address = "(.*)"\ntag = "(.*)"$', re.M)  # in pyproject.toml
LINKS = re.compile(
    r"(?<=<!-- launch: tools/address.py writes this -->\n).*?(?=<!-- /launch -->)", re.S
)

#: A lesson's first cell looks upward from the folders that two variables name, else from its own.
CELL = """\
# @title Set up: run this cell first
os, pathlib = map(__import__, ("os", "pathlib"))
at = [pathlib.Path(os.getenv(n, "."), "_").resolve() for n in ("CNN_COURSE", "JPY_SESSION_NAME")]
start = [file for n in at for up in n.parents for file in up.glob("helpers/start.py")]
assert start, "this lesson is alone: open it in a copy of the whole course"
%run "{start[0]}"\
"""
#: The same once there is an address: it also looks into its clone, and makes it (git prints why it
#: cannot) where nothing is found. No terminal is needed for that, as it would be for ``!git``.
CELL_WITH_ADDRESS = """\
# @title Set up: run this cell first
os, pathlib = map(__import__, ("os", "pathlib"))
FETCH = "git clone {how} cnn"  # noqa: E501
at = [pathlib.Path(os.getenv(n, "cnn"), "_").resolve() for n in ("CNN_COURSE", "JPY_SESSION_NAME")]
start = [file for n in at for up in n.parents for file in up.glob("helpers/start.py")]
%run "{start[0] if start or 0 * os.system(FETCH) else 'cnn/helpers/start.py'}"\
"""


def stored(root: Path) -> tuple[str, str]:
    """The address and the tag; two empty strings while there is none."""
    return PLACE.search((root / "pyproject.toml").read_text(encoding="utf-8")).groups()


def site(address: str) -> str:
    """Where GitHub Pages shows the site of a repository."""
    owner, name = address.removeprefix("https://github.com/").split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}" if name.lower() == host else f"https://{host}/{name}"


def link_explorers(notebook: nbformat.NotebookNode, stem: str, address: str) -> None:
    """Where no widget can be shown, link from an explorer's place to its page; in place."""
    shown = [cell for cell in notebook.cells if explorers.found_in(cell)]
    for number, cell in enumerate(shown, 1):
        title = html.escape(explorers.found_in(cell)["title"])
        page = f"{site(address)}/notebooks/{stem}.html#explorer-{number}" if address else ""
        for output in cell.outputs:
            data = output.get("data", {})
            if explorers.SHOWN.fullmatch(data.get("text/plain", "")):
                data.pop("text/html", None)
                if page:
                    words = f'<a href="{page}">move its controls in the browser</a>'
                    data["text/html"] = f"<p>{title}: {words}, or run this cell.</p>"


def links(root: Path) -> str:
    """What README shows: badges and a link for every lesson, or that there is no address yet."""
    address, tag = stored(root)
    if not address:
        return (
            "Binder and Colab need a public copy of this repository, and none is named yet:\n"
            "`python tools/address.py https://github.com/you/course v1.0` puts their links here.\n"
        )
    path = address.removeprefix("https://github.com/")
    lab = f"https://mybinder.org/v2/gh/{path}/{tag}?urlpath=lab/tree/notebooks"
    colab = f"https://colab.research.google.com/github/{path}/blob/{tag}/notebooks"
    tests = f"{address}/actions/workflows/tests.yml"
    names = [lesson.name for lesson in _lessons(root)]
    return "\n".join(
        (
            f"[![Tests]({tests}/badge.svg)]({tests})",
            f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({lab}/{names[0]})",
            "",
            f"To read, sliders alive, nothing to install: [{site(address)}]({site(address)})",
            "",
            "On Colab: " + " ·\n".join(f"[{name[:2]}]({colab}/{name})" for name in names),
            "",
        )
    )


def first_cell(address: str, tag: str) -> str:
    """The source of a lesson's first cell; with two empty strings for a course without address."""
    if not address:
        return CELL
    # options in full: a line too long to be broken keeps its one line when it is formatted
    how = "--quiet --config advice.detachedHead=false --depth 1"
    return CELL_WITH_ADDRESS.replace("{how}", f"{how} --branch {tag} {address}")


def set_address(root: Path, address: str, tag: str) -> None:
    """Put the address in its one place, then everywhere."""
    _replace(root / "pyproject.toml", PLACE, f'address = "{address}"\ntag = "{tag}"')
    write(root)


def write(root: Path) -> None:
    """Bring README and the lessons in line with pyproject.toml."""
    _replace(root / "README.md", LINKS, links(root))
    address, tag = stored(root)
    for path in _lessons(root):
        notebook = nbformat.read(path, as_version=4)
        was_current = notebook.metadata.get("code_digest") == rebuild.code_digest(notebook)
        cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
        cell.source = first_cell(address, tag)
        cell.metadata = rebuild.folded()
        link_explorers(notebook, path.stem, address)
        if was_current:
            notebook.metadata["code_digest"] = rebuild.code_digest(notebook)
        nbformat.write(notebook, path)


def problems(root: Path) -> list[str]:
    """The files that name another address than pyproject.toml, or none."""
    address, tag = stored(root)
    found = []
    if LINKS.findall((root / "README.md").read_text(encoding="utf-8")) != [links(root)]:
        found.append("README.md")
    for path in _lessons(root):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        link_explorers(notebook, path.stem, address)
        first = next(c.source for c in notebook.cells if c.cell_type == "code")
        if first != first_cell(address, tag) or nbformat.writes(notebook) != before:
            found.append(path.name)
    return found


def _lessons(root: Path) -> list[Path]:
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def _replace(path: Path, pattern: re.Pattern, text: str) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        before = file.read()
    after, count = pattern.subn(lambda _: text, before)
    if count != 1:
        raise ValueError(f"{path.name} has {count} places for the address where it should have one")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(after)


def main() -> int:
    """Set, take back or write again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", nargs="?", help="such as https://github.com/you/course")
    parser.add_argument("tag", nargs="?", help="the git tag that lessons fetch, such as v1.0")
    parser.add_argument("--unset", action="store_true", help="no public address")
    args = parser.parse_args()
    if args.unset:
        set_address(ROOT, "", "")
    elif args.address is None:
        write(ROOT)
    else:
        if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w-][\w.-]*(?<!\.git)", args.address):
            parser.error(f"{args.address} is no address like https://github.com/you/course")
        if not re.fullmatch(r"\w[\w.-]*", args.tag or ""):
            parser.error("name the tag as well, such as v1.0")
        set_address(ROOT, args.address, args.tag)
    return 0


if __name__ == "__main__":
    sys.exit(main())
