"""Lesson 02: all filters of a layer, and one of them as a box of rows × cols × channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from helpers import filters
from helpers.layers import check_index
from helpers.plots import panels
from helpers.plots.boxes import AWAY, box
from helpers.plots.page import Picture
from helpers.plots.panels import Label, Panel

_WIDE, _LEFT = 370, 64  # pixels of the enlarged filter's drawing, and of the words left of the box
_HEAD, _CUT, _TAIL = 6, 5, 2  # slices of a deep filter: shown, room for all others, shown
_SIDES = ("row", "col", "channel")


def filter_boxes(
    kernel: np.ndarray,
    name: str,
    chosen: int = 0,
    biases: bool = True,
    limit: float | None = None,
) -> Picture:
    """Slice 0 of all filters of a layer, and one filter as a box, enlarged.

    Args:
        kernel: float (rows, cols, in, out).
        name: The layer's name.
        chosen: Which filter to enlarge.
        biases: Whether the layer also has one bias a filter.
        limit: ``filters.ranges(kernel).limit``, if it is there already.

    Raises:
        ValueError: Another shape, NaN or infinity, or no such filter.
    """
    limit = filters.ranges(kernel).limit if limit is None else limit
    rows, cols, depth, count = kernel.shape
    chosen = check_index(chosen, count, "filter", name)
    slices, scale = panels.signed(kernel[:, :, 0].transpose(2, 0, 1), limit)
    scale = scale._replace(low=f"≤ {scale.low}", middle="weight 0", high=f"≥ {scale.high}")
    columns = _columns(count)
    lines = -(-count // columns)
    bank = panels.tiles(
        f"{name}: slice 0 of all {count} filters",
        *(slices, scale, columns),
        width=540 if columns > lines else 420,
        names=[str(number) for number in range(count)] if count <= 128 else None,
        sets={"number": range(count)},
        chosen=chosen,
    )
    if count > 128:  # no room for every number
        high = len(bank.array) / lines
        left = {(line + 0.5) * high: str(line * columns) for line in range(lines)}
        bank = replace(bank, left=left)
    one = kernel[:, :, :, chosen]
    each = one.size + biases
    note = (
        f"{rows} × {cols} × {depth} = {one.size:,} weights{' + 1 bias' if biases else ', no bias'}"
        f"\nall: {count} × {each:,} = {count * each:,} parameters"
    )
    caption = (
        f"Layer {name}: a bank of {count} filters, each a box of {rows} rows × {cols} cols × "
        f"{depth} channels. Filter {chosen} is framed and enlarged; its {one.size:,} weights lie "
        f"between {panels.number(one.min(), '.2g')} and {panels.number(one.max(), '.2g')}."
    )
    return Picture([bank, _enlarged(one, limit, f"filter {chosen}", note)], caption)


def _enlarged(one: np.ndarray, limit: float, title: str, note: str) -> Panel:
    """A filter (rows, cols, in) as a box, a deep one with its middle cut out; its sides named."""
    rows, cols, depth = one.shape
    parts, length = [(0, one)], depth
    if depth > _HEAD + _CUT + _TAIL:
        length = _HEAD + _CUT + _TAIL
        parts = [(_HEAD + _CUT, one[:, :, -_TAIL:]), (0, one[:, :, :_HEAD])]
    up, right = np.abs(AWAY) * length
    names = [f"{n:,} {what}{'s' * (n > 1)}" for n, what in zip(one.shape, _SIDES, strict=True)]
    room = _WIDE - _LEFT - 10
    words = 9 * len(names[2])  # the pixels that these take, beside the middle of the right side
    cell = min(room / (cols + right), (room - words) / (cols + right / 2), 330 / (rows + up), 60)
    top = 4 + up * cell
    corner = np.array([top + rows * cell, _LEFT + cols * cell])  # of the front, lower right
    away = AWAY * cell  # a slice farther
    marks = []
    for skipped, part in parts:
        faces = (part[:, :, 0], part[0].T, part[:, -1])
        colors = [panels.palette(panels.SIGNED)[panels.signed(f, limit)[0]] for f in faces]
        size = (rows * cell, cols * cell, part.shape[-1] * cell)
        marks += box((top, _LEFT) + skipped * away, size, colors)
    if len(parts) > 1:
        marks += [Label("•", *(corner + (_HEAD + _CUT * k / 4) * away)) for k in (1, 2, 3)]
    marks += [
        Label(names[0], top + rows * cell / 2, _LEFT - 8, "right", 15),
        Label(names[1], corner[0] + 6, _LEFT + cols * cell / 2, "top", 15),
        Label(names[2], *(corner + length / 2 * away + (10, 10)), "top left", 15),
    ]
    return Panel(title, width=_WIDE, size=(corner[0] + 32, _WIDE), marks=marks, note=note)


def _columns(count: int) -> int:
    """How many filters stand side by side: a divisor of the count, if one is near its root."""
    root = int(np.ceil(np.sqrt(count)))
    return next((columns for columns in range(root, 2 * root + 1) if count % columns == 0), root)
