"""Pictures: panels on a page, where each stands, and how matplotlib draws them."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from helpers.plots import panels
from helpers.plots.panels import Label, Panel, Path

GAP = 22  # pixels between panels, and between rows of them
MARGIN = 6
TITLE, NOTE, SMALL = 16, 14, 12  # heights of letters in pixels
_LINE = 1.3  # a line of text is so many times as high as its letters
_BAR = 44  # pixels for a color bar with its words
_DPI = 100


@dataclass(frozen=True)
class Picture:
    """Panels beside one another, in as many rows as they need, and a caption below.

    A list among the panels is a column of them. In a notebook a picture shows itself.
    """

    panels: Sequence[Panel | Sequence[Panel]]
    caption: str = ""  #: what to see in it, with its key numbers; plain text
    width: int = 1000  #: pixels of a full row

    def every(self) -> list[Panel]:
        """All panels, as one reads them."""
        return [p for item in self.panels for p in (item if isinstance(item, list) else [item])]

    def figure(self) -> Figure:
        """The picture as a matplotlib Figure."""
        rows, width, height = arrange(self)
        words = _wrapped(self.caption, max(width, 480), NOTE)
        width = max(width, 480 if words else 0)
        caption, height = height + 4, height + (len(words) * NOTE * _LINE + 10 if words else 0)
        result = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        paper = result.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        paper.axis("off")
        for spot in (spot for row in rows for column in row for spot in column):
            _draw(paper, spot)
        _write(paper, words, MARGIN, caption, NOTE, color=panels.FAINT)
        return result

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.figure().savefig(file, dpi=_DPI)
        return file.getvalue()

    def __repr__(self) -> str:
        """Stands in where no picture can be shown, and is read aloud."""
        return self.caption or " · ".join(panel.title for panel in self.every() if panel.title)


class Spot(NamedTuple):
    """Where a panel stands on the page, in pixels."""

    panel: Panel
    x: float  # its left edge, where the title begins
    y: float  # its upper edge
    left: float  # how far from x its array begins
    width: float
    title: list[str]  # in lines
    top: float  # the array's upper edge
    tall: float  # the array's height
    bar: float  # the upper edge of the color bar
    below: float  # the upper edge of the note
    note: list[str]  # in lines
    bottom: float  # where the panel ends


def arrange(picture: Picture) -> tuple[list[list[list[Spot]]], float, float]:
    """Rows of columns of panels, each where it stands; and the page's width and height."""
    rows, x, y, bottom, widest = [[]], MARGIN, MARGIN, MARGIN, 0.0
    for item in picture.panels:
        column = item if isinstance(item, (list, tuple)) else [item]
        wide = max(_spot(panel, 0, 0).width for panel in column)
        if rows[-1] and x + wide > picture.width + MARGIN:
            rows.append([])
            x, y = MARGIN, bottom + GAP
        spots, down = [], y
        for panel in column:
            spots.append(_spot(panel, x, down))
            down = spots[-1].bottom + GAP * 0.7
        rows[-1].append(spots)
        bottom = max(bottom, spots[-1].bottom)
        x += wide + GAP
        widest = max(widest, x - GAP)
    return rows, widest + MARGIN, bottom + MARGIN


def _spot(panel: Panel, x: float, y: float) -> Spot:
    left = max((len(word) * SMALL * 0.62 + 7 for word in (panel.left or {}).values()), default=0)
    width, (rows, cols) = left + panel.width, panel.shape
    title = _wrapped(panel.title, width, TITLE, bold=True)
    note = _wrapped(panel.note, width, NOTE)
    top = y + len(title) * TITLE * _LINE + 4 * bool(title)
    top += SMALL * _LINE + 3 if panel.top else 0
    tall = panel.width * rows / cols
    bar = top + tall + 6 * bool(tall)
    below = bar + (_BAR if panel.scale is not None and panel.bar else 0)
    bottom = below + len(note) * NOTE * _LINE
    return Spot(panel, x, y, left, width, title, top, tall, bar, below, note, bottom)


def _wrapped(words: str, width: float, size: int, bold: bool = False) -> list[str]:
    """Words in lines of at most so many pixels, by what letters take on average."""
    room = max(int(width / (size * (0.62 if bold else 0.58))), 8)
    return [
        line
        for part in words.split("\n")
        for line in textwrap.wrap(part, room, break_long_words=False)
    ]


def _draw(paper: Axes, spot: Spot) -> None:
    panel = spot.panel
    _write(paper, spot.title, spot.x, spot.y, TITLE, weight="bold")
    _write(paper, spot.note, spot.x, spot.below, NOTE)
    x, width, high = spot.x + spot.left, paper.get_xlim()[1], paper.get_ylim()[0]

    def part(top: float, tall: float, rows: float, cols: float) -> Axes:
        place = (x / width, 1 - (top + tall) / high, panel.width / width, tall / high)
        axes = paper.figure.add_axes(place, xlim=(0, cols), ylim=(rows, 0))
        axes.axis("off")
        return axes

    rows, cols = panel.shape
    if rows:
        axes = part(spot.top, spot.tall, rows, cols)
        if panel.array is not None:
            _show(axes, panel)
        if panel.words is not None:
            _fill_in(axes, panel)
        for mark in panel.marks:
            (_path if isinstance(mark, Path) else _label)(axes, mark)
    for row, words in (panel.left or {}).items():
        y = spot.top + row / rows * spot.tall
        _write(paper, [words], x - 6, y, SMALL, ha="right", va="center")
    for col, words in (panel.top or {}).items():
        across = x + col / cols * panel.width
        _write(paper, [words], across, spot.top - SMALL * _LINE - 3, SMALL, ha="center")
    if (scale := panel.scale) is not None and panel.bar:
        axes = part(spot.bar + 4, 12, 1, panels.NOTHING)
        colors = panels.palette(scale.cmap)[np.newaxis, : panels.NOTHING]
        axes.imshow(colors, aspect="auto", extent=(0, 255, 1, 0))
        axes.add_patch(_box(0, 0, 255, 1))
        said = scale.low, scale.middle or scale.what, scale.high
        for k, (words, side) in enumerate(zip(said, ("left", "center", "right"), strict=True)):
            _write(paper, [words], x + k / 2 * panel.width, spot.bar + 18, SMALL, ha=side)


def _show(axes: Axes, panel: Panel) -> None:
    """Hard-edged pixels where they grow, averages where they shrink, photos blended."""
    rows, cols = panel.shape
    pitch = panel.width / cols
    photo = panel.array.ndim == 3 and rows > 40 and 1 < pitch < 4
    way = "antialiased" if pitch < 1 else "bilinear" if photo else "nearest"
    how = {"interpolation_stage": "rgba", "extent": (0, cols, rows, 0), "aspect": "auto"}
    axes.imshow(panel.colors, interpolation=way, **how)


def _fill_in(axes: Axes, panel: Panel) -> None:
    """A table's words, each legible on its cell."""
    pitch, colors = panel.width / panel.shape[1], panel.colors
    cells = [part for line in panel.words for words in line for part in words.split("\n")]
    size = min(15, pitch / max(len(max(cells, key=len)), 1) / 0.68)
    for row, line in enumerate(panel.words):
        for col, words in enumerate(line):
            axes.add_patch(_box(col, row, 1, 1))
            axes.text(
                col + 0.5, row + 0.5, words, ha="center", va="center",
                fontsize=_points(size), color=panels.ink(colors[row, col]),
            )  # fmt: skip


def _box(x: float, y: float, width: float, height: float) -> Rectangle:
    how = {"fill": False, "edgecolor": panels.RULE, "linewidth": 0.7, "clip_on": False}
    return Rectangle((x, y), width, height, **how)


def _path(axes: Axes, path: Path) -> None:
    shape = Polygon(
        [(col, row) for row, col in path.points],
        closed=path.closed or path.fill is not None,
        fill=path.fill is not None,
        facecolor=path.fill or "none",
        edgecolor=path.color,
        linewidth=_points(path.width),
        clip_on=path.fill is None,
        joinstyle="miter",
    )
    if path.halo:
        dark = patheffects.Stroke(linewidth=_points(path.width + 2), foreground="black")
        shape.set_path_effects([dark, patheffects.Normal()])
    axes.add_patch(shape)
    # a line along the edge is cut off 2 pixels beyond it, not in its middle
    (rows, _), (_, cols) = axes.get_ylim(), axes.get_xlim()
    pixels = axes.get_position().size * axes.figure.get_size_inches() * _DPI
    x, y = 2 * cols / pixels[0], 2 * rows / pixels[1]
    room = Rectangle((-x, -y), cols + 2 * x, rows + 2 * y, transform=axes.transData)
    shape.set_clip_path(room)


def _label(axes: Axes, label: Label) -> None:
    across = next((side for side in ("left", "right") if side in label.anchor), "center")
    along = next((side for side in ("top", "bottom") if side in label.anchor), "center")
    axes.text(
        label.col, label.row, label.words, ha=across, va=along, color=label.color,
        fontsize=_points(label.size), weight="bold" if label.bold else "normal",
        rotation=90 if label.upright else 0, rotation_mode="anchor", clip_on=False,
        bbox=label.paper and {"facecolor": label.paper, "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


def _write(paper: Axes, lines: list[str], x: float, y: float, size: int, **how: object) -> None:
    """Lines of text from (x, y) down."""
    for k, line in enumerate(lines):
        paper.text(x, y + k * size * _LINE, line, fontsize=_points(size),
                   **{"color": panels.INK, "va": "top", **how})  # fmt: skip


def _points(pixels: float) -> float:
    return pixels * 72 / _DPI
