"""A built site's references: each page, picture, script and anchor must be there."""

from __future__ import annotations

import re
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image


class _Page(HTMLParser):
    """The references that a page makes, and the names that can be referred to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.references: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.names.add(value)
            elif name in ("href", "src", "data-states") and value:
                self.references.append(value)


def problems(folder: Path) -> list[str]:
    """References of all pages that lead nowhere within the site; addresses are not tried."""
    pages = {path: _Page(path.read_text("utf-8")) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        for reference in dict.fromkeys(page.references):
            parts = urllib.parse.urlsplit(reference)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
            if target.is_dir():
                target = target / "index.html"
            there = target.is_file()
            if there and parts.fragment and target in pages:
                name = urllib.parse.unquote(parts.fragment)
                there = name in pages[target].names or name.startswith(("/", "L-"))
            if not there:
                found.append(f"{path.relative_to(folder)} → {reference}")
    return found


def finish(folder: Path) -> None:
    """Give every page's pictures their sizes, leave all but the first for later, mend headings."""
    for path in folder.rglob("*.html"):
        text = path.read_text("utf-8")
        count = 0

        def better(match: re.Match, path: Path = path) -> str:
            nonlocal count
            count += 1
            tag = match[0]
            source = urllib.parse.unquote(re.search(r'\ssrc="([^"]+)"', tag)[1])
            file = path.parent / source
            more = ""
            if "loading=" not in tag and count > 1:
                more += ' loading="lazy"'
            if not re.search(r"\s(width|style)=", tag) and file.suffix in (".png", ".webp", ".jpg"):
                with Image.open(file) as image:
                    more += f' width="{image.width}" height="{image.height}"'
            return f"<img{more}{tag[4:]}"

        better_text = re.sub(r"<img\s[^>]*>", better, text)
        # the navigation's: a heading must have a level, for those who jump between headings
        better_text = better_text.replace('role="heading">', 'role="heading" aria-level="2">')
        if better_text != text:
            path.write_text(better_text, "utf-8")
