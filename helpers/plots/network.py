"""Lesson 01: a whole network drawn to scale; one of its layers may be picked out."""

from itertools import groupby

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
_LINES = 16  # of bars, at most
_CELL = 12.5  # pixels of the squares that tell what was clicked

_COLORS = {
    "Conv2D": (86, 146, 214),
    "MaxPooling2D": (244, 166, 72),
    "AveragePooling2D": (244, 166, 72),
    "Dense": (104, 182, 120),
}
_OTHERS = (190, 190, 190)


def network_to_scale(
    costs: list[LayerCost], chosen: int | None = None, sums: Arithmetic | None = None
) -> Picture:
    """All layers of a network side by side, each a box as tall, deep and wide as its output.

    Up and away from the reader go rows and columns, to the right go channels. Layers whose output
    is one list of numbers are bars below, at the scale of the channels.

    ``costs`` is what ``layers.layer_costs`` says about a chain of layers. One of them can be picked
    out by its place, with what ``layers.arithmetic`` says about it; in an explorer, by a click.

    Raises:
        ValueError: Too many layers for one picture, or photos of any size.
    """
    pieces, floor, ground, channels = _arrange(costs)
    if chosen is None:
        marks = _sizes(costs, pieces)
        caption = f"{len(costs)} layers. One row is drawn as long as {channels} channels."
    else:
        cost = costs[chosen]
        lines = [f"{what.replace('_', '-')}: {how}" for what, how in sums._asdict().items()]
        title = f"{chosen}, {cost.name} ({cost.kind})"
        marks = [Label(title, 20, 330, "left", 22, bold=True)]
        marks += [Label(line, 60 + 30 * k, 330, "left", 16) for k, line in enumerate(lines)]
        caption = f"Layer {title}: " + "; ".join(lines) + "."
    return Picture([_drawing(costs, pieces, floor, ground, marks, chosen)], caption)


def _sizes(costs: list[LayerCost], pieces: list[list]) -> list[Label]:
    """The shapes of outputs, above the first of several equal boxes."""
    marks, solid = [], [cost for cost in costs if len(cost.output_shape) == 4]
    for (_, *shape), (*run,) in groupby(solid, lambda cost: cost.output_shape):
        (row, col), (_, _, depth) = pieces[costs.index(run[0])][0]
        at, anchor = (row + AWAY[0] * depth - 4, col + AWAY[1] * depth), "bottom left"
        if run[-1] is solid[-1]:  # no room to its right
            at, anchor = (at[0] - 10, _WIDE - _MARGIN), "bottom right"
        elif len(run) == 1 and run[0].kind != "Conv2D":
            continue
        marks.append(Label(" × ".join(map(str, shape)), *at, anchor, 14, bold=True))
    return marks


def _arrange(costs: list[LayerCost]) -> tuple[list[list], float, float, int]:
    """Where the layers stand on a page 1,000 pixels wide.

    Returns:
        For each layer its pieces ((row, col), (height, width, depth)), several for long bars; the
        row on which the boxes stand; the row where the bars begin; how many channels are as long
        as one row.
    """
    if any(None in cost.output_shape[1:] for cost in costs):
        raise ValueError("photos of any size have no scale; give the model a fixed input shape")
    solid = [cost for cost in costs if len(cost.output_shape) == 4]
    if not 1 <= len(solid) <= _MOST:
        raise ValueError(
            f"{len(solid)} layers with maps do not fit on one picture; 1 to {_MOST} do"
        )
    shapes = np.array([cost.output_shape[1:] for cost in solid], float)
    row, flat = _TALLEST / shapes[:, 0].max(), [x.output_shape[-1] for x in costs if x not in solid]
    for channels in (1, 2, 5, 10, 20, 50, 100, 200):
        sizes = np.maximum(shapes[:, [0, 2, 1]] * (row, row / channels, row), 2)
        lefts = np.cumsum([_MARGIN, *np.maximum(sizes[:-1, 1] + 12, _PITCH)])
        spare = _WIDE - _MARGIN - (lefts + sizes[:, 1] + AWAY[1] * sizes[:, 2]).max()
        lines = sum(-(-each * row // (channels * _BARS_WIDE)) for each in flat)
        if spare >= 0 and lines <= _LINES:
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
    return pieces, floor, ground, channels


def _drawing(
    costs: list, pieces: list, floor: float, ground: float, marks: list, chosen: int | None
) -> Panel:
    """The network's boxes, bars and names, and other marks; a click on a layer chooses it."""
    high = max(row + size[0] for parts in pieces for (row, _), size in parts)
    shape = (int(max(high, ground) / _CELL) + 1, round(_WIDE / _CELL))
    cells = np.full(shape, chosen or 0, np.int32)
    drawn, outlines = [], []
    for place, (cost, parts) in enumerate(zip(costs, pieces, strict=True)):
        index = "" if cost.index is None else str(cost.index)
        color, edge, how = np.array(_COLORS.get(cost.kind, _OTHERS)), INK, {"size": 14}
        if place == chosen:
            how |= {"bold": True, "paper": YELLOW}
        elif chosen is not None:
            color, edge, how = 255 - (255 - color) * 3 // 10, RULE, {"size": 14, "color": FAINT}
        faces = [np.full((1, 1, 3), color, np.uint8)] * 3
        paths = [path for piece in parts for path in box(*piece, faces, edge)]
        (row, col), (_, width, _) = parts[-1]
        if len(cost.output_shape) == 4:
            x, below = col + width / 2, floor
            name = Label(cost.name, below + 26, x, "right", upright=True, **how)
            labels = [Label(index, below + 14, x, **how), name]
            area = (below, x - 9, ground - 10, x + 9)
        else:
            first, end, count = parts[0][0][0] + _BAR / 2, col + width, cost.output_shape[-1]
            name = Label(f"{index} {cost.name}".lstrip(), first, _BARS - 8, "right", **how)
            labels = [name, Label(f"{count:,}", row + _BAR / 2, end + 8, "left", **how)]
            area = (row, 0, row + _BAR, end)
        drawn += [*paths, *labels]
        for path in (panels.frame(area), *paths):
            corners = [(int(x / _CELL), int(y / _CELL)) for y, x in path.points]
            cv2.fillPoly(cells, [np.array(corners)], place)
        if place == chosen:  # to be drawn once more, over what stands in front of it
            outlines = [path._replace(fill=None, width=2) for path in paths]
    clicks = None if chosen is None else Clicks(*cells.shape, {"layer": cells.ravel()})
    size = (cells.shape[0] * _CELL, _WIDE)
    return Panel("", width=_WIDE, size=size, marks=[*drawn, *outlines, *marks], clicks=clicks)
