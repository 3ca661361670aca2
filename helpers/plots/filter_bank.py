"""Lesson 02: all filters of a layer, and one of them as a box of rows × cols × channels."""

import numpy as np

from helpers import filters
from helpers.layers import check_index
from helpers.plots import panels
from helpers.plots.boxes import AWAY, box
from helpers.plots.page import Picture
from helpers.plots.panels import Label, Panel, number

_WIDE, _TALL, _LEFT = 400, 300, 72  # pixels for the enlarged filter; the words left of its box
_HEAD, _CUT, _TAIL = 4, 3, 2  # slices of a deep filter: shown, room for all others, shown


def filter_boxes(kernel: np.ndarray, name: str, chosen: int = 0, limit: float = 0) -> Picture:
    """Slice 0 of all filters of a layer, and one filter enlarged as a box.

    The weight ``limit`` has full color; 0 stands for ``filters.ranges(kernel).limit``.

    Raises:
        ValueError: Another shape, NaN or infinity, or no such filter.
    """
    limit = limit or filters.ranges(kernel).limit
    chosen = check_index(chosen, kernel.shape[3], "filter", name)
    count, one = kernel.shape[3], kernel[..., chosen]
    places, scale = panels.signed(kernel, limit)
    slices, scale = places[:, :, 0].transpose(2, 0, 1), scale._replace(middle="weight 0")
    numbers, columns = [str(f) for f in range(count)], 2 ** int(np.ceil(np.log2(count) / 2))
    bank = panels.tiles(
        f"{name}: slice 0 of all {count} filters",
        *(slices, scale, columns),
        width=540 if columns**2 > count else 420,
        names=numbers if count <= 128 else None,  # else no room for every number
        lines=numbers[::columns] if count > 128 else (),
        sets={"number": range(count)},
        chosen=chosen,
    )
    size = f"{' × '.join(map(str, one.shape))} = {one.size:,} weights"
    low, high = (number(weight, ".2g") for weight in (one.min(), one.max()))
    caption = f"{name}, filter {chosen} of {count}: {size} between {low} and {high}."
    return Picture([bank, _enlarged(one, limit, f"filter {chosen}: {size}")], caption)


def _enlarged(one: np.ndarray, limit: float, title: str) -> Panel:
    """A filter (rows, cols, in) as a box, a deep one with its middle cut out; its sides named."""
    rows, cols, depth = one.shape
    length = min(depth, _HEAD + _CUT + _TAIL)
    cut = [(_HEAD + _CUT, one[:, :, -_TAIL:]), (0, one[:, :, :_HEAD])]  # the back is drawn first
    up, right = np.abs(AWAY) * length
    cell = min((_WIDE - _LEFT - 8) / (cols + right), _TALL / (rows + up))
    front, away = np.array([up * cell + 4, _LEFT]), AWAY * cell  # upper left; a slice farther
    end = front + np.array([rows, cols]) * cell
    marks = []
    for skipped, part in cut if length < depth else [(0, one)]:
        faces = (part[:, :, 0], part[0].T, part[:, -1])
        colors = [panels.palette(panels.SIGNED)[panels.signed(f, limit)[0], :3] for f in faces]
        marks += box(front + skipped * away, (*(end - front), part.shape[-1] * cell), colors)
    if length < depth:
        marks += [Label("•", *(end + (_HEAD + _CUT * k / 4) * away)) for k in (1, 2, 3)]
    sides = zip(one.shape, ("row", "col", "channel"), strict=True)
    high, wide, deep = (f"{n:,} {side}{'s' * (n > 1)}" for n, side in sides)
    marks += [
        Label(high, (front[0] + end[0]) / 2, _LEFT - 8, "right", 15),
        Label(wide, end[0] + 6, (_LEFT + end[1]) / 2, "top", 15),
        Label(deep, *(front + length / 2 * away - (4, 8)), "bottom right", 15),
    ]
    return Panel(title, width=_WIDE, size=(end[0] + 30, _WIDE), marks=marks)
