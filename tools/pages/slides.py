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
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from pages import explorers, texts
from pages.texts import Course
from PIL import Image

ROOM = 15  # lines on a slide
WORDS = 13  # of a text in a line
WIDTH = 104  # characters of code in a line
OUTPUT = 12  # lines of printed words at most
LEFT_OUT = ("Exercises", "Read on", "The path through the course")
SKIPPED = ("Terms:", "*Short of time", "<", "|")  # what is left out of a text
SENTENCE_END = re.compile(r"(?:(?<=[.?!:])|(?<=[.?!:]\*\*))\s+(?=[A-Z*`\[(])")
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
        folder: ``slides`` of the site.
        course: The course.
        made: Each lesson's explorers, where they are made.
    """
    page = (Path(__file__).parent / "slides.html").read_text("utf-8")
    (folder / "pictures").mkdir(parents=True)

    def picture(data: str, words: str) -> str:
        names = fitted(base64.b64decode(data), folder / "pictures")
        alts = [html.escape(words), *("the figure's lower part",) * (len(names) - 1)]
        both = zip(names, alts, strict=True)
        return "".join(f'<img src="pictures/{n}" alt="{alt}" loading="lazy">' for n, alt in both)

    for path in course.lessons:
        notebook = nbformat.read(path, as_version=4)
        found = deck(notebook, f"../explorers/{path.stem}" if made.get(path) else "", picture)
        title = html.escape(texts.title(notebook))
        text = page.replace("{title}", title).replace("{lesson}", f"../notebooks/{path.stem}.html")
        text = text.replace("{slides}", "\n".join(slide.html() for slide in found))
        (folder / f"{path.stem}.html").write_text(text, "utf-8")


def deck(notebook: Any, folder: str, picture: Callable[[str, str], str]) -> list[Slide]:
    """A lesson's slides.

    Args:
        notebook: The stored lesson.
        folder: Where its explorers are, or an empty string to leave them out.
        picture: Makes HTML of a PNG in base64 and the words that describe it.
    """
    slides = [Slide("", "title")]
    section, number, left_out = "Before this lesson", 0, False
    for k, cell in enumerate(notebook.cells):
        shown = explorers.found_in(cell)
        number += shown is not None
        if cell.cell_type == "markdown":
            for part in re.split(r"^(?=##? )", DETAILS.sub("", cell.source), flags=re.M):
                first, _, rest = part.partition("\n")
                if first.startswith("# "):
                    slides[-1].add(f"<h1>{inline(first[2:])}</h1>", 3)
                elif first.startswith("## "):
                    left_out = first[3:].strip().startswith(LEFT_OUT)
                    section = inline(first[3:])
                    slides.append(Slide(section))
                else:
                    rest = part
                if not left_out:
                    _said(rest, slides, section)
            continue
        if left_out:
            continue
        if cell.source.startswith("# @title") or "exercises." in cell.source:
            continue
        if not shown:
            _code(cell, slides, section)
        after = notebook.cells[k + 1].source if k + 1 < len(notebook.cells) else ""
        if shown:
            if slides[-1].kind or slides[-1].lines > 2:  # a line or two stay above it
                slides.append(Slide(section))
            slides[-1].kind = "explorer"
            slides[-1].add(texts.explorer(shown, folder, number), ROOM)
        for output in cell.outputs:
            data = output.get("data", {}).get("image/png")
            if data and not shown:
                slides.append(Slide(section, "figure"))
                slides[-1].add(picture(data, texts.description(after)), ROOM)
    return [slide for slide in slides if slide.parts]


def _said(text: str, slides: list[Slide], section: str) -> None:
    """Put a text on the last slide, or where there is room; all of it goes to the notes."""
    whole = plain(text)
    parts = shortened(text)
    lines = sum(count for _, count in parts)
    if slides[-1].kind in ("figure", "explorer") and not parts and whole:
        slides[-1].notes.append(whole)  # a figure's description
        return
    full = slides[-1].lines + lines > ROOM and slides[-1].parts and slides[-1].kind != "title"
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
        if not block or texts.PICTURE.match(block) or block.startswith(SKIPPED):
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
    sentences = SENTENCE_END.split(text)
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
    code = re.sub(r"^(?:from|import) .*\n?", "", cell.source, flags=re.M).strip()
    if not code:
        return
    wrapped = sum(max(1, -(-len(line) // WIDTH)) for line in [*code.splitlines(), *lines])
    count = 0.8 * wrapped + 1
    if slides[-1].kind or slides[-1].lines + count > ROOM + 2:
        slides.append(Slide(section))
    slides[-1].add(highlight(code, PythonLexer(), HtmlFormatter(cssclass="code")), count)
    if lines:
        slides[-1].add(f'<pre class="printed">{html.escape(chr(10).join(lines))}</pre>', 0)


def _lines(text: str) -> int:
    return -(-len(text.split()) // WORDS)


def fitted(png: bytes, folder: Path) -> list[str]:
    """Write a figure into a folder; a tall one as two parts, to stand beside one another.

    It is cut at the white band that is nearest to its middle, if one is near.

    Returns:
        The files' names.
    """
    name = hashlib.sha256(png).hexdigest()[:16]
    with Image.open(io.BytesIO(png)) as image:
        width, height = image.size
        white = np.asarray(image.convert("L")).min(axis=1) > 250
        rows = np.flatnonzero(white[1:-1] & white[:-2] & white[2:]) + 1
        rows = rows[np.abs(rows - height / 2) < height / 5]
        if height < 1.15 * width or not len(rows):
            (folder / f"{name}.png").write_bytes(png)
            return [f"{name}.png"]
        at = int(rows[np.abs(rows - height / 2).argmin()])
        parts = {f"{name}-1.png": (0, at), f"{name}-2.png": (at, height)}
        for part, (top, bottom) in parts.items():
            image.crop((0, top, width, bottom)).save(folder / part, optimize=True)
    return list(parts)
