"""Lesson 01: a whole network drawn to scale, and where its parameters and its work are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from helpers.layers import Arithmetic, LayerCost
from helpers.plots import boxes, canvas

_COLS, _MARGIN = 1000, 16
_TALLEST = 224  # pixels for the rows of the largest layer
_PITCH = 24  # pixels from box to box, at least: room for a name that reads upward
_LABEL = 15

#: What kinds of layers are called and how they are colored (fill, name in the legend).
_KINDS = {
    "InputLayer": ((190, 190, 190), "input"),
    "Conv2D": ((86, 146, 214), "convolution"),
    "MaxPooling2D": ((244, 166, 72), "pooling"),
    "AveragePooling2D": ((244, 166, 72), "pooling"),
    "Flatten": ((190, 190, 190), "flatten"),
    "Dense": ((104, 182, 120), "dense"),
}
_OTHER = ((214, 206, 160), "other")
_FAINT = 0.3  # how much of its color a layer keeps that is not the chosen one


class Drawing(NamedTuple):
    """Where everything of a network stands on its picture.

    Attributes:
        costs: The layers.
        spots: For a box ((x, y), (width, height, depth)); for a list of numbers the bars it
            takes, each (x, y, width), since long ones go on in the next line.
        floor: y of the ground that the boxes stand on.
        rows: Height of the picture.
        per_channel: Pixels for one channel, across.
        per_row: Pixels for one row of a layer, upward.
    """

    costs: list[LayerCost]
    spots: list
    floor: int
    rows: int
    per_channel: float
    per_row: float


def network_to_scale(costs: list[LayerCost]) -> Figure:
    """All layers of a network in a row, each a box as tall, deep and wide as its output.

    Up and away from the reader go rows and columns, to the right go channels. Layers whose output
    is one list of numbers are bars below, at the scale of the channels.

    Args:
        costs: What ``layers.layer_costs`` says about a chain of layers.

    Returns:
        A Figure of 10 × about 6 inches.

    Raises:
        ValueError: Too many layers for one picture, or photos of any size.
    """
    drawing = arrange(costs)
    return canvas.figure(_with_legend(drawing))


def layer_arithmetic(costs: list[LayerCost], index: int, sums: Arithmetic) -> Figure:
    """The network to scale with one layer picked out and its numbers multiplied out.

    Args:
        costs: What ``layers.layer_costs`` says.
        index: Which layer.
        sums: What ``layers.arithmetic`` says about it.

    Returns:
        A Figure of 10 × about 6 inches.
    """
    return canvas.figure(chosen_layer(arrange(costs), index, sums))


def parameters_and_work(costs: list[LayerCost]) -> Figure:
    """Two bars for every layer with weights: parameters to the left, multiply-adds to the right.

    Args:
        costs: What ``layers.layer_costs`` says.

    Returns:
        A Figure of 10 inches' width.

    Raises:
        ValueError: No layer has weights.
    """
    rows = [cost for cost in costs if cost.parameters]
    if not rows:
        raise ValueError("no layer has weights, so there is nothing to compare")
    all_parameters = sum(cost.parameters for cost in rows)
    all_work = max(sum(cost.multiply_adds for cost in rows), 1)
    figure = Figure(figsize=(10, 1.15 + 0.35 * len(rows)), dpi=100)
    tall = figure.get_figheight()
    bottom, height = 0.1 / tall, 1 - 1.0 / tall
    left = figure.add_axes((0.02, bottom, 0.40, height))
    right = figure.add_axes((0.58, bottom, 0.40, height))
    sides = (
        (left, "parameters", [cost.parameters / all_parameters for cost in rows], all_parameters),
        (right, "multiply-adds", [cost.multiply_adds / all_work for cost in rows], all_work),
    )
    for axes, what, shares, total in sides:
        colors = [np.array(_look(cost)[0]) / 255 for cost in rows]
        axes.barh(range(len(rows)), shares, color=colors, edgecolor="#222222", linewidth=0.8)
        largest = max(shares)
        for row, share in enumerate(shares):
            inside = share > 0.5 * largest
            axes.annotate(
                _percent(share),
                (share, row),
                xytext=((-5 if inside else 5) * (-1 if axes is left else 1), 0),
                textcoords="offset points",
                ha="left" if inside == (axes is left) else "right",
                va="center",
                fontsize=13,
            )
        axes.set_xlim(0, largest * 1.06)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.axis("off")
        axes.set_title(f"{what}\n{total:,} in all", fontsize=15)
    left.invert_xaxis()
    for row, cost in enumerate(rows):
        y = bottom + height * (1 - (row + 0.6) / (len(rows) + 0.2))
        figure.text(0.5, y, _name(cost), ha="center", va="center", fontsize=13)
    return figure


def arrange(costs: list[LayerCost]) -> Drawing:
    """Find a place for every layer on a picture 1,000 pixels wide.

    Raises:
        ValueError: Too many layers for one picture, or photos of any size.
    """
    if any(None in cost.output_shape[1:] for cost in costs):
        raise ValueError("photos of any size have no scale; give the model a fixed input shape")
    solid = [cost for cost in costs if len(cost.output_shape) == 4]
    if not solid or len(solid) * _PITCH > _COLS - 150:
        raise ValueError(
            f"{len(solid)} layers with maps do not fit on one picture; 1 to "
            f"{(_COLS - 150) // _PITCH} do"
        )
    per_row = _TALLEST / max(cost.output_shape[1] for cost in solid)
    for per_channel in (2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01):
        places, right = _row_of_boxes(solid, per_row, per_channel)
        if right <= _COLS - _MARGIN:
            break
    stretch = (_COLS - _MARGIN - right) / max(len(solid) - 1, 1)
    deepest = max(boxes.AWAY[1] * -1 * size[2] for _, size in places)
    floor = round(_TALLEST + deepest + 60)
    boxed = iter(
        ((x + number * stretch, floor - size[1]), size) for number, (x, size) in enumerate(places)
    )
    names = max(canvas.text(_name(cost), _LABEL).shape[1] for cost in solid)
    bars = _bars(costs, floor + names + 60, per_channel)
    spots = [next(boxed) if cost in solid else bars.get(cost.index) for cost in costs]
    last = max((y for bar in bars.values() for _, y, _ in bar), default=floor + names)
    return Drawing(costs, spots, floor, round(last + 26), per_channel, per_row)


def chosen_layer(drawing: Drawing, index: int, sums: Arithmetic) -> np.ndarray:
    """The network with one layer picked out and its arithmetic in the free corner.

    Args:
        drawing: What ``arrange`` returns.
        index: Which layer.
        sums: What ``layers.arithmetic`` says about it.

    Returns:
        uint8 (rows, cols, 3), of the same size for every layer.
    """
    picture = draw(drawing, index)
    costs = drawing.costs
    cost = costs[index]
    left = 330
    boxes.write(picture, f"{cost.index}   {cost.name}", (left, 26), 26, bold=True)
    boxes.write(picture, _look(cost)[1], (_COLS - _MARGIN, 26), 20, anchor="right")
    totals = (None, sum(c.parameters for c in costs), sum(c.multiply_adds for c in costs))
    own = (None, cost.parameters, cost.multiply_adds)
    lines = ("numbers out", "parameters", "multiply-adds")
    for number, (what, formula) in enumerate(zip(lines, sums, strict=True)):
        y = 64 + 58 * number - (0 if number == 0 else 14)
        boxes.write(picture, what, (left, y), 18)
        boxes.write(picture, formula, (left + 142, y), 18, bold=True)
        if totals[number]:
            share = own[number] / totals[number]
            _share_bar(picture, (left + 142, y + 16), share, _look(cost)[0])
            words = f"{_percent(share)} of all" if share else "none"
            boxes.write(picture, words, (left + 142 + 330, y + 23), 16)
    return picture


def draw(drawing: Drawing, chosen: int | None = None) -> np.ndarray:
    """The network's boxes, bars and names: uint8 (rows, 1000, 3).

    Args:
        drawing: What ``arrange`` returns.
        chosen: Index of a layer to pick out: the others turn faint, and a triangle points at it.
    """
    picture = np.full((drawing.rows, _COLS, 3), 255, np.uint8)
    for cost, spot in zip(drawing.costs, drawing.spots, strict=True):
        if spot is None:
            continue
        faint = chosen is not None and chosen != cost.index
        color, edge = _look(cost)[0], canvas.INK
        if faint:
            color, edge = _fade(color, _FAINT), canvas.RULE
        if isinstance(spot, list):
            _draw_bars(picture, cost, spot, color, edge, cost.index == chosen)
        else:
            _draw_box(picture, cost, spot, drawing.floor, color, edge, cost.index == chosen)
    if chosen is not None and not isinstance(drawing.spots[chosen], list):
        at, size = drawing.spots[chosen]  # once more, over what stands in front of it
        for face in boxes.faces(at, size):
            boxes.line(picture, face, canvas.INK, 2, closed=True)
    return picture


def _with_legend(drawing: Drawing) -> np.ndarray:
    picture = draw(drawing)
    for shape, (x, y) in _shape_labels(drawing):
        boxes.write(picture, shape, (x, y), 16, bold=True)
    seen: dict[str, list[LayerCost]] = {}
    for cost in drawing.costs:
        seen.setdefault(_look(cost)[1], []).append(cost)
    x, y = 612, 26
    for name, members in seen.items():
        boxes.polygon(
            picture, [(x, y - 8), (x + 22, y - 8), (x + 22, y + 8), (x, y + 8)],
            _look(members[0])[0], canvas.INK,
        )  # fmt: skip
        boxes.write(picture, f"{name}: {len(members)}", (x + 32, y), 17)
        x, y = (612, y + 27) if x > 612 else (802, y)
    y += 27 if x > 612 else 6
    up = f"1 pixel upward = {_per(1 / drawing.per_row, 'row')}"
    across = f"1 pixel across = {_per(1 / drawing.per_channel, 'channel')}"
    for number, words in enumerate((up, across)):
        boxes.write(picture, words, (612, y + 24 * number), 16)
    return picture


def _row_of_boxes(
    solid: list[LayerCost], per_row: float, per_channel: float
) -> tuple[list[tuple[float, tuple[float, float, float]]], float]:
    """Left edges and sizes of the boxes at a scale, and where the last one ends."""
    places, x, right = [], float(_MARGIN), 0.0
    for before, cost in zip([None, *solid], solid, strict=False):
        _, rows, cols, channels = cost.output_shape
        size = (max(channels * per_channel, 2), max(rows * per_row, 2), cols * per_row)
        if before is not None:
            last = places[-1][1][0]
            x += max(_PITCH, last + 12)
        places.append((x, size))
        right = max(right, x + size[0] + boxes.AWAY[0] * size[2])
    return places, right


def _bars(costs: list[LayerCost], top: int, per_channel: float) -> dict[int, list]:
    """Bars (x, y, width) of the layers whose output is a list, wrapped like words of a text."""
    wide = _COLS - 2 * _MARGIN
    bars: dict[int, list] = {}
    x, y, fresh = 0.0, float(top), True
    for cost in costs:
        if len(cost.output_shape) == 4:
            continue
        length = max(cost.output_shape[-1] * per_channel, 2)
        words = canvas.text(_name(cost), _LABEL).shape[1]
        if not fresh and x + max(length, words) > wide:
            x, y = 0.0, y + 46
        pieces = []
        while length > 0:
            piece = min(length, wide - x)
            pieces.append((_MARGIN + x, y, piece))
            length -= piece
            if length > 0:
                x, y = 0.0, y + 13
            else:
                x += max(piece, words if len(pieces) == 1 else 0) + 18
        bars[cost.index], fresh = pieces, False
        if len(pieces) > 1:  # what follows a wrapped bar starts in a line of its own
            x = float(wide)
    return bars


def _draw_box(
    picture: np.ndarray,
    cost: LayerCost,
    spot: tuple,
    floor: int,
    color: tuple,
    edge: tuple,
    chosen: bool,
) -> None:
    at, size = spot
    boxes.box(picture, at, size, color, edge)
    middle = at[0] + size[0] / 2
    ink = canvas.INK if edge == canvas.INK else canvas.FAINT
    boxes.write(picture, str(cost.index), (middle, floor + 13), _LABEL, chosen, "top", color=ink)
    words = (middle, floor + 36)
    boxes.write(picture, cost.name, words, _LABEL, chosen, "top", upright=True, color=ink)
    if chosen:
        tip = floor + 2
        boxes.polygon(picture, [(middle, tip), (middle + 7, tip + 10), (middle - 7, tip + 10)],
                      canvas.INK)  # fmt: skip


def _draw_bars(
    picture: np.ndarray, cost: LayerCost, bars: list, color: tuple, edge: tuple, chosen: bool
) -> None:
    for x, y, width in bars:
        boxes.polygon(
            picture, [(x, y), (x + width, y), (x + width, y + 9), (x, y + 9)], color, edge
        )
    x, y, width = bars[0]
    ink = canvas.INK if edge == canvas.INK else canvas.FAINT
    words = ("► " if chosen else "") + _name(cost) + f": {cost.output_shape[-1]:,}"
    room = _COLS - _MARGIN - canvas.text(words, _LABEL, chosen).shape[1]
    boxes.write(picture, words, (min(x, room), y - 13), _LABEL, chosen, color=ink)


def _shape_labels(drawing: Drawing) -> list[tuple[str, tuple[float, float]]]:
    """The shapes of the layers, once for each run of the same, and where to write them."""
    labels, before, right, roof = [], None, 0.0, 0.0
    placed = [
        (cost, spot)
        for cost, spot in zip(drawing.costs, drawing.spots, strict=True)
        if isinstance(spot, tuple)
    ]
    for number, (cost, (at, size)) in enumerate(placed):
        same_as_next = number + 1 < len(placed) and (
            placed[number + 1][0].output_shape == cost.output_shape
        )
        last = number + 1 == len(placed)
        alone = not same_as_next and _look(cost)[1] in ("input", "pooling")
        if cost.output_shape != before and (last or not alone):
            shape = " × ".join(str(n) for n in cost.output_shape[1:])
            top = at[1] + boxes.AWAY[1] * size[2]
            room = _COLS - _MARGIN - canvas.text(shape, 16, True).shape[1]
            x = min(max(at[0] + 4, right + 6), room)  # beside what stands behind, not over it
            if right > x:  # at the margin there is no room beside: above it
                top = min(top, roof)
            labels.append((shape, (x, top - 14)))
        before = cost.output_shape
        roof = at[1] + boxes.AWAY[1] * size[2]
        if not same_as_next:
            right = max(right, at[0] + size[0] + boxes.AWAY[0] * size[2])
    return labels


def _share_bar(picture: np.ndarray, at: tuple[int, int], share: float, color: tuple) -> None:
    x, y = at
    picture[y : y + 14, x : x + 320] = 236
    picture[y : y + 14, x : x + round(320 * share)] = color
    picture[[y, y + 13], x : x + 320] = canvas.INK
    picture[y : y + 14, [x, x + 319]] = canvas.INK


def _look(cost: LayerCost) -> tuple[tuple[int, int, int], str]:
    return _KINDS.get(cost.kind, _OTHER)


def _name(cost: LayerCost) -> str:
    return f"{cost.index} {cost.name}"


def _fade(color: tuple[int, ...], keep: float) -> tuple[int, ...]:
    return tuple(round(255 - (255 - part) * keep) for part in color)


def _per(count: float, what: str) -> str:
    return f"{count:.2g} {what}" + ("" if count == 1 else "s")


def _percent(share: float) -> str:
    digits = 0 if share >= 0.1 or share == 0 else 1 if share >= 0.001 else 3
    return f"{share:.{digits}%}"
