"""A lesson as a deck: what goes on a slide is decided by rule, from the lesson as it is stored.

A section begins a slide. On it stand a text's headings, lists, questions and the first sentence of
each paragraph; the whole text is in the speaker's notes, descriptions of figures only there. Code
stands below the text before it while there is room. A figure and an explorer have a slide of their
own. Left out: setting up, checks, exercises with their solutions, references.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path
from typing import Any

import nbformat
from pages import explorers, texts
from pages.texts import Course

ROOM = 15  # lines on a slide
WORDS = 13  # of a text in a line
OUTPUT = 12  # lines of printed words at most
LEFT_OUT = ("Exercises", "Read on", "The path through the course")
DETAILS = re.compile(r"<details>.*?</details>", re.S)


class Slide:
    """A heading, parts in HTML, and what the speaker reads."""

    def __init__(self, heading: str, kind: str = "") -> None:
        self.heading, self.kind = heading, kind
        self.parts: list[str] = []
        self.notes: list[str] = []
        self.lines = 0

    def add(self, part: str, lines: int) -> None:
        """Put something on the slide."""
        self.parts.append(part)
        self.lines += lines

    def html(self) -> str:
        """The slide as reveal takes it."""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        heading = f"<h2>{self.heading}</h2>" if self.heading else ""
        aside = f'<aside class="notes">{notes}</aside>' if notes else ""
        return f'<section class="{self.kind}">{heading}{"".join(self.parts)}{aside}</section>'


def write(folder: Path, course: Course, made: dict) -> None:
    """Write a deck for every lesson.

    Args:
        folder: ``slides`` of the site, beside ``_images``.
        course: The course.
        made: Each lesson's explorers, where they are made.
    """
    pictures = {_name(path.read_bytes()): path.name for path in folder.parent.glob("_images/*")}
    page = (Path(__file__).parent / "slides.html").read_text("utf-8")
    folder.mkdir()
    for path in course.lessons:
        notebook = nbformat.read(path, as_version=4)
        found = deck(notebook, f"../explorers/{path.stem}" if made.get(path) else "", pictures)
        title = html.escape(texts.title(notebook))
        text = page.replace("{title}", title).replace("{lesson}", f"../notebooks/{path.stem}.html")
        text = text.replace("{slides}", "\n".join(slide.html() for slide in found))
        (folder / f"{path.stem}.html").write_text(text, "utf-8")


def deck(notebook: Any, folder: str, pictures: dict[str, str]) -> list[Slide]:
    """A lesson's slides.

    Args:
        notebook: The stored lesson.
        folder: Where its explorers are, or an empty string to leave them out.
        pictures: Names of the site's pictures by their content's.
    """
    slides = [Slide("", "title")]
    section, number, left_out = "", 0, False
    for k, cell in enumerate(notebook.cells):
        shown = explorers.found_in(cell)
        number += shown is not None
        if cell.cell_type == "markdown":
            heading = re.search(r"^## (.+)$", cell.source, re.M)
            if heading:
                left_out = heading[1].strip().startswith(LEFT_OUT)
        if left_out or "solution" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "markdown":
            text = DETAILS.sub("", cell.source)
            for part in re.split(r"^(?=## )", text, flags=re.M):
                if part.startswith("## "):
                    first, _, part = part.partition("\n")
                    if first[3:].strip().startswith(LEFT_OUT):
                        break
                    section = inline(first[3:])
                    slides.append(Slide(section))
                if part.startswith("# "):
                    first, _, part = part.partition("\n")
                    slides[-1].add(f"<h1>{inline(first[2:])}</h1>", 3)
                _said(part, slides, section)
            continue
        if cell.source.startswith("# @title") or "exercises." in cell.source:
            continue
        _code(cell, slides, section)
        after = notebook.cells[k + 1].source if k + 1 < len(notebook.cells) else ""
        if shown:
            slides.append(Slide(section, "explorer"))
            slides[-1].add(texts.explorer(shown, folder, number), ROOM)
        for output in cell.outputs:
            data = output.get("data", {}).get("image/png")
            if data and not shown:
                slides.append(Slide(section, "figure"))
                name = pictures[_name(base64.b64decode(data))]
                alt = html.escape(texts.description(after))
                picture = f'<img src="../_images/{name}" alt="{alt}" loading="lazy">'
                slides[-1].add(picture, ROOM)
    return [slide for slide in slides if slide.parts]


def _said(text: str, slides: list[Slide], section: str) -> None:
    """Put a text on the last slide, or where there is room; all of it goes to the notes."""
    whole = plain(text)
    parts = shortened(text)
    lines = sum(count for _, count in parts)
    if slides[-1].kind in ("figure", "explorer") and not parts and whole:
        slides[-1].notes.append(whole)  # a figure's description
        return
    full = slides[-1].lines + lines > ROOM and slides[-1].parts
    if parts and (full or slides[-1].kind in ("figure", "explorer")):
        slides.append(Slide(section))
    for part, count in parts:
        if slides[-1].lines + count > ROOM and slides[-1].parts:
            slides.append(Slide(section))
        slides[-1].add(part, count)
    if whole:
        slides[-1].notes.append(whole)


def shortened(text: str) -> list[tuple[str, int]]:
    """What of a text goes on a slide: pieces of HTML, each with the lines that it takes."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        block = block.strip()
        if not block or texts.PICTURE.match(block) or block.startswith(("Terms:", "<", "|")):
            continue
        if block.startswith("### "):
            found.append((f"<h3>{inline(block[4:])}</h3>", 2))
        elif re.match(r"(- |\d+\. )", block):
            items = re.split(r"^(?:- |\d+\. )", block, flags=re.M)[1:]
            short = [first_sentence(item) for item in items[:7]]
            kind = "ul" if block.startswith("- ") else "ol"
            listed = "".join(f"<li>{inline(item)}</li>" for item in short)
            found.append((f"<{kind}>{listed}</{kind}>", sum(map(_lines, short))))
        elif block.startswith("$$"):
            found.append((formula(block.strip("$ \n")), 3))
        elif block.startswith("```"):
            code = block.strip("`").partition("\n")[2]
            found.append((f"<pre>{html.escape(code)}</pre>", len(code.splitlines())))
        elif block.startswith(">"):
            quote = first_sentence(re.sub(r"^> ?", "", block, flags=re.M), 2)
            found.append((f"<blockquote>{inline(quote)}</blockquote>", _lines(quote) + 1))
        else:
            short = first_sentence(block, 3 if "Guess first" in block else 1)
            found.append((f"<p>{inline(short)}</p>", _lines(short)))
    return found


def first_sentence(text: str, count: int = 1) -> str:
    """The first sentence of a text, or the first few."""
    text = " ".join(text.split())
    sentences = re.split(r"(?<=[.?!:])(?<!e\.g\.)(?<!i\.e\.)\**\s+(?=[A-Z*`\[(])", text)
    if text.startswith("**") and len(sentences[0].split()) < 4:
        count += 1
    kept = " ".join(sentences[:count])
    return kept + "**" * (kept.count("**") % 2)


def inline(text: str) -> str:
    """A line of Markdown as HTML; links as their words."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(text.split()))
    pieces = re.split(r"(`[^`]+`)", text)
    for k, piece in enumerate(pieces):
        if piece.startswith("`") and len(piece) > 2:
            pieces[k] = f"<code>{html.escape(piece.strip('`'))}</code>"
            continue
        piece = html.escape(piece, quote=False)
        piece = re.sub(r"&lt;(/?(?:kbd|sup|sub))&gt;", r"<\1>", piece)
        piece = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", piece)
        piece = re.sub(r"(?<!\*)\*([^*\s][^*]*)\*", r"<em>\1</em>", piece)
        pieces[k] = re.sub(r"https?://\S+", lambda m: f"<small>{m[0]}</small>", piece)
    return "".join(pieces)


def plain(text: str) -> str:
    """A text without Markdown's signs."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"[*`>]|^#+ ", "", text, flags=re.M).split())


def formula(tex: str) -> str:
    """A formula as MathML."""
    from docutils.utils.math import latex2mathml

    return f'<div class="math">{latex2mathml.tex2mathml(tex, as_block=True)}</div>'


def _code(cell: Any, slides: list[Slide], section: str) -> None:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    printed = "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
        if "image/png" not in output.get("data", {}) and not explorers.found_in(cell)
    ).rstrip()
    lines = printed.splitlines()
    if len(lines) > OUTPUT:
        lines = [*lines[: OUTPUT - 1], "…"]
    code = cell.source.strip()
    count = 0.8 * (len(code.splitlines()) + len(lines)) + 1
    if slides[-1].kind or slides[-1].lines + count > ROOM + 2:
        slides.append(Slide(section))
    slides[-1].add(highlight(code, PythonLexer(), HtmlFormatter(cssclass="code")), count)
    if lines:
        slides[-1].add(f'<pre class="printed">{html.escape(chr(10).join(lines))}</pre>', 0)


def _lines(text: str) -> int:
    return -(-len(text.split()) // WORDS)


def _name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
