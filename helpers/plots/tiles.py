"""Filters as tiles: hard-edged squares, framed, in rows and grids, with labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw

from helpers.plots import canvas

_EMPTY = (236, 236, 236)


def colors(positions: np.ndarray, scale: str, axis: int | None = -1) -> np.ndarray:
    """Positions 0–1 to colors: (rows, cols, n) → (n, rows, cols, 3), or in place with no axis."""
    cmap = canvas.SIGNED if scale == "signed" else canvas.GREY
    flat = canvas.colorize(positions.reshape(positions.shape[0], -1), cmap, 0, 1)
    painted = flat.reshape(*positions.shape, 3)
    return painted if axis is None else np.moveaxis(painted, -2, 0)


def tile(colors: np.ndarray, side: int) -> np.ndarray:
    """A filter's colors (rows, cols, 3) enlarged to about ``side`` pixels, with a thin frame."""
    square = max(side // max(colors.shape[:2]), 1)
    return canvas.framed(canvas.squares(colors, square))


def row(tiles: np.ndarray, side: int, gap: int = 6) -> np.ndarray:
    """Filters' colors (n, rows, cols, 3) as tiles beside one another."""
    return canvas.stack([tile(colors, side) for colors in tiles], gap, across=True)


def words_row(words: list[str], side: int, gap: int = 6) -> np.ndarray:
    """Words, each centered above or below a tile of a ``row`` of the same side and gap."""
    cells = [canvas.padded(canvas.text(word, 16), cols=side + 2, align="center") for word in words]
    return canvas.stack(cells, gap, across=True)


def grid(tiles: np.ndarray, side: int, gap: int, columns: int, lines: int) -> np.ndarray:
    """Framed tiles (n, rows, cols, 3) in lines and columns; places left over are light grey."""
    count, rows, cols = tiles.shape[:3]
    square = max(side // max(rows, cols), 1)
    height, width = rows * square + 2, cols * square + 2
    size = lines * (height + gap) - gap, columns * (width + gap) - gap, 3
    picture = np.full(size, 255, np.uint8)
    empty = np.full((height, width, 3), _EMPTY, np.uint8)
    for place in range(lines * columns):
        line, column = divmod(place, columns)
        cell = tile(tiles[place], side) if place < count else empty
        put(picture, cell, line * (height + gap), column * (width + gap))
    return picture


def label(words: str, rows: int, cols: int) -> np.ndarray:
    """Words at the left of a space of their own, half-way up."""
    word = canvas.text(words, 17)
    paper = np.full((max(rows, word.shape[0]), max(cols, word.shape[1]), 3), 255, np.uint8)
    put(paper, word, (paper.shape[0] - word.shape[0]) // 2, 0)
    return paper


def numbered(
    colors: np.ndarray, words: Sequence[Sequence[str]], side: int = 64, size: int = 15
) -> np.ndarray:
    """A small grid of colored cells with a number in each, black or white, whichever is legible.

    Args:
        colors: uint8 (rows, cols, 3).
        words: What to write, row by row.
        side: Side of a cell in pixels.
        size: Height of the letters in pixels.
    """
    large = canvas.squares(colors, side)
    large[::side, :] = large[:, ::side] = canvas.RULE
    for row, line in enumerate(words):
        for col, word in enumerate(line):
            letters = _letters(word, side - 1, size if len(word) < 7 else size - 1)
            cell = cv2.applyColorMap(letters, _blends(tuple(colors[row, col].tolist())))
            put(large, cell, row * side + 1, col * side + 1)
    return canvas.framed(large)


@lru_cache(maxsize=1024)
def _blends(color: canvas.Color) -> np.ndarray:
    """From a color to the ink that is legible on it, as a color map: uint8 (256, 1, 3)."""
    steps = np.linspace(color, canvas.legible_on(color), 256)
    return steps.round().astype(np.uint8)[:, np.newaxis]


@lru_cache(maxsize=1024)
def _letters(words: str, side: int, size: int) -> np.ndarray:
    """Words in the middle of a square: 0 where there is nothing, 255 inside letters."""
    paper = Image.new("L", (side, side))
    ImageDraw.Draw(paper).multiline_text(
        (side / 2, side / 2), words, 255, canvas.font(size), anchor="mm", align="center"
    )
    return np.asarray(paper)


def number(value: float, pattern: str = ".2f") -> str:
    """A number with a real minus, and without one at 0."""
    words = format(float(value), pattern)
    if not words.strip("-0."):
        words = words.lstrip("-")
    return words.replace("-", "−")


def put(paper: np.ndarray, picture: np.ndarray, row: int, col: int) -> None:
    """Paste a picture, in place, cutting off what would stick out."""
    row, col = max(row, 0), max(col, 0)
    part = picture[: paper.shape[0] - row, : paper.shape[1] - col]
    paper[row : row + part.shape[0], col : col + part.shape[1]] = part
