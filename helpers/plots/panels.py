"""What pictures are made of: panels, of numbers and words alone.

``page`` draws them with matplotlib, for the stored figure; ``browser`` hands the same
panels to an explorer. Whatever is written or drawn on an array is a mark, in the array's own rows
and columns: (0, 0) is the upper left corner of its first pixel, (rows, cols) the lower right corner
of its last. Marks are drawn over the array, so they are sharp at any size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np

#: Color maps, one for each kind of number, safe for color-blind readers: brightness alone tells
#: how large a number is, or, on the signed map, how far from zero.
GRAY = "gray"  # photos, channels of photos, filters scaled to 0–1
SIGNED = "BrBG_r"  # weights and sums around zero: teal negative, white 0, brown positive
HEAT = "inferno"  # activations: black 0, yellow large

#: Colors of text and lines. FAINT is still legible text on white (5.2 to 1), and RULE still a line
#: that is seen on it (3.4 to 1).
INK, FAINT, RULE, YELLOW = "#222222", "#6e6e6e", "#8c8c8c", "#ffdd00"
BLUE = "#2a5f94"  # of bars

#: In an array of places in a color map: nothing is here, the page shows through.
NOTHING = 255

_LABEL_ROOM = 17  # pixels on the page for a line of small words


class Scale(NamedTuple):
    """What an array's colors mean: a color map, and words at the ends of its bar."""

    cmap: str
    low: str = ""
    high: str = ""
    middle: str = ""
    what: str = ""


class Path(NamedTuple):
    """A line through points (row, col), or a closed shape if it is filled or says so.

    A line has a dark edge (``halo``) that keeps it visible on any photo.
    """

    points: Sequence[tuple[float, float]]
    color: str = YELLOW
    width: float = 2
    closed: bool = False
    fill: str | None = None
    halo: bool = True


class Label(NamedTuple):
    """Words at (row, col), which is the edge or corner of theirs that ``anchor`` names.

    ``anchor`` is such as "left", "bottom" or "bottom left"; "center" is their middle. ``paper`` is
    a color behind them. ``upright`` words read upward; "left" is then their lower end.
    """

    words: str
    row: float
    col: float
    anchor: str = "center"
    size: int = 13
    color: str = INK
    bold: bool = False
    upright: bool = False
    paper: str | None = None


class Clicks(NamedTuple):
    """What a click sets: the array is divided into rows × cols cells, numbered as one reads.

    ``values`` gives, for a control's name, the value of each cell, or "row" or "col" for the
    cell's own row or column.
    """

    rows: int
    cols: int
    values: Mapping[str, Sequence[int] | str]


@dataclass(frozen=True)
class Panel:
    """One array with its title, the marks on it, and what its colors mean.

    Attributes:
        title: What it shows.
        array: uint8 (rows, cols), places in the scale's color map, 0 to 254, and ``NOTHING``; or
            uint8 (rows, cols, 3), RGB; None for a drawing that is marks alone, or words alone.
        scale: What the colors mean; a plain gray without one.
        width: Pixels of the array on the page.
        marks: Paths and labels, drawn in this order.
        words: Numbers or words in each of the array's cells: the panel is then a table.
        note: A line or more below.
        top: Words above the array, by column.
        left: Words left of it, by row.
        clicks: What a click in an explorer sets.
        size: (rows, cols) of a drawing without an array.
        bar: Whether this panel shows the scale's color bar; one bar can serve several panels.
    """

    title: str
    array: np.ndarray | None = None
    scale: Scale | None = None
    width: int = 224
    marks: Sequence[Path | Label] = ()
    words: Sequence[Sequence[str]] | None = None
    note: str = ""
    top: Mapping[float, str] | None = None
    left: Mapping[float, str] | None = None
    clicks: Clicks | None = None
    size: tuple[float, float] | None = None
    bar: bool = True

    @property
    def shape(self) -> tuple[float, float]:
        """(rows, cols) of the array or drawing; (0, 1) if there is neither."""
        if self.array is not None:
            return self.array.shape[:2]
        return self.size or (0, 1)

    @property
    def colors(self) -> np.ndarray:
        """The array as RGBA, uint8 (rows, cols, 4)."""
        if self.array.ndim == 2:
            return palette(self.scale.cmap if self.scale else GRAY)[self.array]
        return np.dstack([self.array, np.full(self.array.shape[:2], 255, np.uint8)])


@lru_cache
def palette(cmap: str) -> np.ndarray:
    """A color map as RGBA, uint8 (256, 4): 255 colors, and nothing at the end."""
    colors = matplotlib.colormaps[cmap](np.append(np.linspace(0, 1, NOTHING), 0))
    colors[NOTHING] = 0
    return (colors * 255).round().astype(np.uint8)


def places(array: np.ndarray, low: float, high: float) -> np.ndarray:
    """Numbers as places in a color map, uint8: ``low`` and less at 0, ``high`` and more at 254."""
    shares = (np.asarray(array, np.float64) - low) / max(high - low, 1e-30)
    return (np.clip(shares, 0, 1) * (NOTHING - 1)).round().astype(np.uint8)


def number(value: float, pattern: str = ".2f") -> str:
    """A number with a real minus, and without one at 0."""
    words = format(float(value), pattern).rstrip(".")  # "#.3g" writes "128."
    if "e+" in words:
        words = format(float(value), ".0f")
    if not words.strip("-0."):
        words = words.lstrip("-")
    return words.replace("-", "−")


def percent(share: float) -> str:
    """A share in whole percent; "100%" only of everything, and "0%" only of nothing."""
    rounded = f"{share:.0%}"
    if rounded == "100%" and share < 1:
        return "over 99%"
    return "under 1%" if rounded == "0%" and share > 0 else rounded


def heat(maps: np.ndarray, high: float | None = None) -> tuple[np.ndarray, Scale]:
    """A map of activations from 0 (black) to its largest, or to ``high``: an array and its scale.

    Example:
        >>> array, scale = heat(np.array([[0.0, 1.0], [2.0, 4.0]]))
        >>> array.tolist(), scale.high
        ([[0, 64], [127, 254]], '4.00')
    """
    high = float(np.max(maps)) if high is None else high
    return places(maps, 0, high), Scale(HEAT, "0", number(high, "#.3g"))


def signed(array: np.ndarray, limit: float | None = None) -> tuple[np.ndarray, Scale]:
    """Signed numbers with 0 exactly at white, full color at plus and minus ``limit``.

    The limit is the largest magnitude by default; where there are larger ones, the scale says so.
    """
    largest = float(np.abs(array).max())
    limit = (largest or 1.0) if limit is None else limit
    low, high = ("≤ −", "≥ +") if largest > limit else ("−", "+")
    words = number(limit, "#.2g")
    return places(array, -limit, limit), Scale(SIGNED, low + words, high + words, "0")


def gray(array: np.ndarray, low: float, high: float) -> tuple[np.ndarray, Scale]:
    """Numbers from ``low`` (black) to ``high`` (white): an array and its scale."""
    return places(array, low, high), Scale(GRAY, number(low, "#.3g"), number(high, "#.3g"))


def tiles(
    title: str,
    pictures: np.ndarray,
    scale: Scale | None,
    columns: int,
    width: int,
    names: Sequence[str] | None = None,
    lines: Sequence[str] = (),
    edges: bool = False,
    sets: Mapping[str, Sequence[int]] | None = None,
    chosen: int | None = None,
    **panel: object,
) -> Panel:
    """Many small pictures of one size, stitched into one array; an × is on empty ones.

    Args:
        title: What they are.
        pictures: uint8 (count, rows, cols), places in a color map, or (count, rows, cols, 3).
        scale: What the colors mean.
        columns: Pictures in a row.
        width: Pixels of the whole on the page.
        names: Words above each picture, or above the first ones.
        lines: Words left of the rows of pictures.
        edges: Whether each has a thin line around it, as signed ones always have.
        sets: For a control's name, the value that a click on each picture sets.
        chosen: Which one to frame.
        **panel: More of the panel's attributes, such as ``note``.
    """
    count, rows, cols = pictures.shape[:3]
    columns = max(min(columns, count), 1)
    gap = max(1, round(4 * columns * cols / width))
    pitch = width / (columns * (cols + gap))  # pixels on the page for one of the array's
    above = -(-_LABEL_ROOM // pitch) if names is not None else gap
    padding = ((0, 0), (int(above), 0), (0, gap), *[(0, 0)] * (pictures.ndim - 3))
    array = stitch(np.pad(pictures, padding, constant_values=NOTHING), columns)
    high, wide = int(rows + above), cols + gap
    corners = [(int(k // columns * high + above), k % columns * wide) for k in range(count)]
    paper = None if pictures.ndim == 3 else "#ffffff"  # RGB has no gaps to see a dark page through
    color = INK if paper is None else "#000000"
    marks = [
        Label(name, row - 2 / pitch, col, "bottom left", 12, color, paper=paper)
        for name, (row, col) in zip(names or (), corners, strict=False)
    ]
    if edges or (scale is not None and scale.cmap == SIGNED):  # else white tiles end nowhere
        boxes = [(row, col, row + rows - 1 / pitch, col + cols) for row, col in corners]
        marks += [frame(box, RULE, 1, halo=False) for box in boxes]
    if chosen is not None and chosen < count:
        row, col = corners[chosen]
        marks.append(frame((row, col, row + rows, col + cols)))
    if pictures.ndim == 3:
        empty = np.flatnonzero((pictures == NOTHING).all(axis=(1, 2)))
        middles = [(corners[k][0] + rows / 2, corners[k][1] + cols / 2) for k in empty]
        marks += [Label("×", *middle, size=24) for middle in middles]
    more = {
        "left": {k * high + above + rows / 2: words for k, words in enumerate(lines)},
        "clicks": sets and Clicks(-(-count // columns), columns, sets),
    }
    return Panel(title, array, scale, width, marks, **more | panel)


def bars(
    title: str,
    values: Mapping[str, float],
    full: float | None = None,
    width: int = 380,
    tall: int = 24,
    note: str = "",
) -> Panel:
    """Named bars below one another, each with its number behind it.

    Args:
        title: What the numbers are.
        values: By name: shares (float), written in percent, or counts (int).
        full: What a bar of full length stands for, which is then outlined; the largest value if
            left out.
        width: Pixels on the page, without the names.
        tall: Pixels from bar to bar.
        note: A line or more below.

    Example:
        >>> panel = bars("probability", {"cat": 0.75, "dog": 0.25}, full=1)
        >>> [mark.words for mark in panel.marks if isinstance(mark, Label)]
        ['75%', '25%']
    """
    counts = all(isinstance(value, (int, np.integer)) for value in values.values())
    words = [f"{value:,}" if counts else percent(value) for value in values.values()]
    room = width - 8 * max(map(len, words)) - 8
    largest, marks = full or max(values.values()) or 1, []
    for k, (value, said) in enumerate(zip(values.values(), words, strict=True)):
        top, end = (k + 0.15) * tall, value / largest * room
        bottom = top + 0.7 * tall
        marks += [frame((top, 0, bottom, room), RULE, 1, halo=False)] if full else []
        marks.append(frame((top, 0, bottom, end), BLUE, 0, halo=False)._replace(fill=BLUE))
        marks.append(Label(said, (k + 0.5) * tall, (room if full else end) + 6, "left"))
    left = {(k + 0.5) * tall: name for k, name in enumerate(values) if name}
    size = (len(values) * tall, width)
    return Panel(title, width=width, size=size, marks=marks, left=left, note=note)


def stitch(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures of one size in a grid, row by row; what is left over is ``NOTHING``.

    uint8 (count, rows, cols) → (lines · rows, columns · cols), or both with a last axis of 3.
    """
    count, rows, cols, *color = pictures.shape
    lines = -(-count // columns)
    grid = np.full((lines * columns, rows, cols, *color), NOTHING, np.uint8)
    grid[:count] = pictures
    grid = grid.reshape(lines, columns, rows, cols, *color).swapaxes(1, 2)
    return grid.reshape(lines * rows, columns * cols, *color)


def frame(box: Sequence[float], color: str = YELLOW, width: float = 2, halo: bool = True) -> Path:
    """A rectangle (top, left, bottom, right)."""
    top, left, bottom, right = box
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    return Path(corners, color, width, closed=True, halo=halo)


def cross(row: int, col: int, rows: int, cols: int) -> list[Path]:
    """Cross-hairs at a pixel of an array, which leave it and its surroundings free."""
    at, over, free = row + 0.5, col + 0.5, max(rows, cols) / 28
    ends = [
        ((0, over), (at - free, over)),
        ((at + free, over), (rows, over)),
        ((at, 0), (at, over - free)),
        ((at, over + free), (at, cols)),
    ]
    square = (at - free, over - free, at + free, over + free)
    lines = [Path(end, "#ff4fff", 1) for end in ends if end[0] < end[1]]
    return [*lines, frame(square, "#ff4fff", 1)]


def shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """A photo or maps (rows, cols, …) with neither side over ``side`` pixels, by averaging."""
    factor = side / max(picture.shape[:2])
    if factor >= 1:
        return picture
    rows, cols = (max(1, round(length * factor)) for length in picture.shape[:2])
    flat = np.ascontiguousarray(picture).reshape(*picture.shape[:2], -1)
    # plane by plane: with cv2.INTER_AREA, OpenCV 5 takes at most 4 channels at once
    planes = [
        cv2.resize(flat[:, :, k : k + 4], (cols, rows), interpolation=cv2.INTER_AREA)
        for k in range(0, flat.shape[2], 4)
    ]
    planes = [plane.reshape(rows, cols, -1) for plane in planes]
    return np.concatenate(planes, axis=2).reshape(rows, cols, *picture.shape[2:])


def ink(color: Sequence[int]) -> str:
    """Black or white, whichever stands out more from an RGB color: by 4.5 to 1 at least."""
    parts = (np.asarray(color[:3]) / 255).tolist()
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in parts)
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"
