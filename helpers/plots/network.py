"""Lesson 01: a whole network drawn to scale, and one layer of it with its arithmetic."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import NamedTuple

import cv2
import numpy as np

from helpers.layers import Arithmetic, LayerCost
from helpers.plots import panels
from helpers.plots.boxes import AWAY, box
from helpers.plots.page import Picture
from helpers.plots.panels import FAINT, INK, RULE, YELLOW, Clicks, Label, Panel

_WIDE, _MARGIN = 1000, 8
_TALLEST = 200  # pixels for the rows of the largest layer
_PITCH = 24  # pixels from box to box, at least: room for a name that reads upward
_MOST = (_WIDE - 150) // _PITCH
_BARS, _BARS_WIDE, _BAR = 132, 800, 11  # left edge, room and height of the bars
_CELL = 12.5  # pixels of the squares that tell what was clicked

#: What a kind of layer is called, and its color.
_LOOKS = {
    "InputLayer": ("input", (190, 190, 190)),
    "Conv2D": ("convolution", (86, 146, 214)),
    "MaxPooling2D": ("pooling", (244, 166, 72)),
    "AveragePooling2D": ("pooling", (244, 166, 72)),
    "Flatten": ("flatten", (190, 190, 190)),
    "Dense": ("dense", (104, 182, 120)),
}


class Places(NamedTuple):
    """Where the layers stand on a page 1,000 pixels wide."""

    pieces: list[list]  # for each layer ((row, col), (height, width, depth)); several for long bars
    floor: float  # what the boxes stand on
    ground: float  # where the bars begin
    channels: int  # so many are as long as one row


def network_to_scale(costs: list[LayerCost]) -> Picture:
    """All layers of a network side by side, each a box as tall, deep and wide as its output.

    Up and away from the reader go rows and columns, to the right go channels. Layers whose output
    is one list of numbers are bars below, at the scale of the channels.

    Args:
        costs: What ``layers.layer_costs`` says about a chain of layers.

    Raises:
        ValueError: Too many layers for one picture, or photos of any size.
    """
    places, marks = arrange(costs), []
    for number, ((kind, color), count) in enumerate(Counter(map(_look, costs)).items()):
        row, col = 10 + 26 * (number // 2), 600 + 190 * (number % 2)
        marks += box((row, col), (16, 22, 0), _faces(color))
        marks.append(Label(f"{kind}: {count}", row + 8, col + 30, "left", 15))
    words = f"1 row is drawn as long as {places.channels} channel{'s' * (places.channels > 1)}"
    marks.append(Label(words, row + 38, 600, "left", 15))
    solid = [cost for cost in costs if len(cost.output_shape) == 4]
    for (_, *shape), (*run,) in groupby(solid, lambda cost: cost.output_shape):
        (row, col), (_, _, depth) = places.pieces[run[0].index][0]
        row, words = row + AWAY[0] * depth - 4, " × ".join(map(str, shape))
        if run[-1] is solid[-1]:  # no room to its right
            marks.append(Label(words, row - 10, _WIDE - _MARGIN, "bottom right", 14, bold=True))
        elif len(run) > 1 or _look(run[0])[0] == "convolution":
            marks.append(Label(words, row, col + AWAY[1] * depth, "bottom left", 14, bold=True))
    first, last = (" × ".join(map(str, cost.output_shape[1:])) for cost in (solid[0], solid[-1]))
    caption = f"{len(costs)} layers. The first box is {first} numbers, the last one {last}."
    return Picture([_drawing(costs, places, marks)], caption)


def layer_arithmetic(costs: list[LayerCost], index: int, sums: Arithmetic) -> Picture:
    """The network to scale with one layer picked out and its numbers multiplied out.

    Args:
        costs: What ``layers.layer_costs`` says.
        index: Which layer.
        sums: What ``layers.arithmetic`` says about it.

    Raises:
        ValueError: As for ``network_to_scale``.
    """
    cost = costs[index]

    def share(what: str) -> str:
        part = getattr(cost, what) / max(sum(getattr(each, what) for each in costs), 1)
        return f"{panels.percent(part)} of the network's"

    names = "numbers out\n\nparameters\n\n\nmultiply-adds"
    numbers = (
        f"{sums.output}\n\n{sums.parameters}\n{share('parameters')}\n\n"
        f"{sums.multiply_adds}\n{share('multiply_adds')}"
    )
    marks = [
        Label(f"{index}  {cost.name}: {_look(cost)[0]}", 20, 330, "left", 22, bold=True),
        Label(names, 48, 330, "top left", 15),
        Label(numbers, 48, 450, "top left", 15),
    ]
    caption = (
        f"Layer {index}, {cost.name} ({cost.kind}), hands on {sums.output} numbers for one photo. "
    )
    if cost.parameters:
        caption += f"It learned {sums.parameters} parameters"
        caption += f" and does {sums.multiply_adds} multiply-adds."
    else:
        caption += "It has no parameters, so there is nothing in it to learn."
    return Picture([_drawing(costs, arrange(costs), marks, index)], caption)


def arrange(costs: list[LayerCost]) -> Places:
    """Find a place for every layer.

    Raises:
        ValueError: Too many layers for one picture, or photos of any size.
    """
    if any(None in cost.output_shape[1:] for cost in costs):
        raise ValueError("photos of any size have no scale; give the model a fixed input shape")
    solid = [cost for cost in costs if len(cost.output_shape) == 4]
    if not 1 <= len(solid) <= _MOST:
        raise ValueError(
            f"{len(solid)} layers with maps do not fit on one picture; 1 to {_MOST} do"
        )
    shapes = np.array([cost.output_shape[1:] for cost in solid], float)
    row = _TALLEST / shapes[:, 0].max()
    for channels in (1, 2, 5, 10, 20, 50, 100, 200):
        sizes = np.maximum(shapes[:, [0, 2, 1]] * (row, row / channels, row), 2)
        lefts = np.cumsum([_MARGIN, *np.maximum(sizes[:-1, 1] + 12, _PITCH)])
        spare = _WIDE - _MARGIN - (lefts + sizes[:, 1] + AWAY[1] * sizes[:, 2]).max()
        if spare >= 0:
            break
    lefts += np.linspace(0, spare, len(solid))
    floor = _TALLEST - AWAY[0] * sizes[:, 2].max() + 22
    ground = floor + 36 + 9 * max(len(cost.name) for cost in solid)
    boxes = iter(zip(zip(floor - sizes[:, 0], lefts, strict=True), sizes, strict=True))
    pieces, y = [], ground
    for cost in costs:
        pieces.append([next(boxes)] if cost in solid else [])
        length = 0 if cost in solid else max(cost.output_shape[-1] * row / channels, 2.0)
        for start in np.arange(0, length, _BARS_WIDE):
            pieces[-1].append(((y, _BARS), (_BAR, min(length - start, _BARS_WIDE), 0)))
            y += _BAR + (4 if length - start > _BARS_WIDE else 8)
    return Places(pieces, floor, ground, channels)


def _drawing(costs: list, places: Places, marks: list, chosen: int | None = None) -> Panel:
    """The network's boxes, bars and names, and other marks; a click on a layer chooses it."""
    high = max(row + size[0] for pieces in places.pieces for (row, _), size in pieces)
    shape = (int(max(high, places.ground) / _CELL) + 1, round(_WIDE / _CELL))
    cells = np.full(shape, chosen or 0, np.int32)
    drawn, outlines = [], []
    for cost, pieces in zip(costs, places.pieces, strict=True):
        color, edge, how = np.array(_look(cost)[1]), INK, {"size": 14}
        if cost.index == chosen:
            how |= {"bold": True, "paper": YELLOW}
        elif chosen is not None:
            color, edge, how = 255 - (255 - color) * 3 // 10, RULE, {"size": 14, "color": FAINT}
        paths = [path for piece in pieces for path in box(*piece, _faces(color), edge)]
        (row, col), (_, width, _) = pieces[-1]
        if len(cost.output_shape) == 4:
            x, below = col + width / 2, places.floor
            name = Label(cost.name, below + 26, x, "right", upright=True, **how)
            labels = [Label(str(cost.index), below + 14, x, **how), name]
            area = (below, x - 9, places.ground - 10, x + 9)
        else:
            first, end, count = pieces[0][0][0] + _BAR / 2, col + width, cost.output_shape[-1]
            name = Label(f"{cost.index} {cost.name}", first, _BARS - 8, "right", **how)
            labels = [name, Label(f"{count:,}", row + _BAR / 2, end + 8, "left", **how)]
            area = (row, 0, row + _BAR, end)
        drawn += [*paths, *labels]
        for path in (panels.frame(area), *paths):
            corners = [(int(x / _CELL), int(y / _CELL)) for y, x in path.points]
            cv2.fillPoly(cells, [np.array(corners)], cost.index)
        if cost.index == chosen:  # to be drawn once more, over what stands in front of it
            outlines = [path._replace(fill=None, width=2) for path in paths]
    clicks = None if chosen is None else Clicks(*cells.shape, {"layer": cells.ravel()})
    size = (cells.shape[0] * _CELL, _WIDE)
    return Panel("", width=_WIDE, size=size, marks=[*drawn, *outlines, *marks], clicks=clicks)


def _faces(color: tuple) -> list[np.ndarray]:
    return [np.full((1, 1, 3), color, np.uint8)] * 3


def _look(cost: LayerCost) -> tuple[str, tuple[int, int, int]]:
    return _LOOKS.get(cost.kind, ("other", (214, 206, 160)))
