"""Lesson 02: all filters of a layer as a bank of boxes, each rows × cols × channels."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.figure import Figure

from helpers import filters
from helpers.plots import boxes, canvas

_COLS, _BANK_ROWS, _ROWS = 960, 452, 668
_BANK_TOP = 40
_FINE = 2  # the bank is drawn this many times larger, then averaged: smooth edges
_CELL = 22  # pixels of a weight in the enlarged filter
_SHOWN = (6, 2)  # of a deep filter, slices at its front and at its back
_CUT = 6  # slices' worth of space between these
_YELLOW = (255, 214, 0)


class Bank(NamedTuple):
    """A layer's filters drawn once, and what is needed to pick one of them out.

    Attributes:
        picture: uint8 (rows, cols, 3).
        kernel: float32 (rows, cols, in, out).
        limit: The weight that is fully red; minus it is fully blue.
        corner: (x, y) of the bank's front.
        pitch: (x, y) pixels from one filter to the next.
        front: (width, height) of one filter's front in pixels.
        columns: Filters side by side.
    """

    picture: np.ndarray
    kernel: np.ndarray
    limit: float
    corner: tuple[float, float]
    pitch: tuple[float, float]
    front: tuple[float, float]
    columns: int


def filter_boxes(kernel: np.ndarray, name: str, chosen: int = 0, biases: bool = True) -> Figure:
    """All filters of a layer as one block of boxes, and one of them enlarged.

    Args:
        kernel: float (rows, cols, in, out).
        name: The layer's name.
        chosen: Which filter to enlarge.
        biases: Whether the layer also has one bias a filter.

    Returns:
        A Figure of 9.6 × 6.7 inches.

    Raises:
        ValueError: Another shape, NaN or infinity, or no such filter.
    """
    return canvas.figure(chosen_filter(draw_bank(kernel, name), chosen, biases))


def draw_bank(kernel: np.ndarray, name: str) -> Bank:
    """Draw all filters of a layer to scale, colored by their weights.

    The filters stand side by side and above one another in the order of their numbers, each with
    its rows × cols front (the weights for input channel 0) to the reader and its channels going
    away. All three directions have the same scale, but what goes away is drawn at 0.6 times its
    length, as is usual, and tops and sides are drawn a little darker.

    Args:
        kernel: float (rows, cols, in, out).
        name: The layer's name.

    Raises:
        ValueError: Another shape, or NaN or infinity.
    """
    limit = filters.ranges(kernel).limit
    rows, cols, depth, count = kernel.shape
    columns = _columns(count)
    lines = -(-count // columns)
    gap = 1.0 if depth <= 16 else 0.5  # between filters, in weights
    wide = columns * (cols + gap) - gap
    tall = lines * (rows + gap) - gap
    right, up = depth * boxes.AWAY[0], -depth * boxes.AWAY[1]
    cell = min((_COLS - 40) / (wide + right), (_BANK_ROWS - 30) / (tall + up), 18)
    corner = ((_COLS - (wide + right) * cell) / 2, _BANK_TOP + 14 + up * cell)
    corner = (corner[0], corner[1] + (_BANK_ROWS - 30 - (tall + up) * cell) / 2)

    large = np.full((_BANK_ROWS * _FINE, _COLS * _FINE, 3), 255, np.uint8)
    start = np.array([corner[0], corner[1] - _BANK_TOP]) * _FINE
    size = cell * _FINE
    if depth <= 16:
        _separate_boxes(large, kernel, limit, start, size, gap, columns)
    else:
        _one_block(large, kernel, limit, start, size, gap, columns)
    picture = np.full((_ROWS, _COLS, 3), 255, np.uint8)
    small = cv2.resize(large, (_COLS, _BANK_ROWS), interpolation=cv2.INTER_AREA)
    picture[_BANK_TOP : _BANK_TOP + _BANK_ROWS] = small

    title = f"{name}: {count} filters, each {rows} × {cols} × {depth}"
    boxes.write(picture, title, (16, 22), 24, bold=True)
    bar = canvas.color_bar(
        canvas.SIGNED, f"≤ −{limit:.2g}", f"≥ {limit:.2g}", "0", cols=250, size=16
    )
    place = (_ROWS - bar.shape[0] - 6, _COLS - bar.shape[1] - 14)
    picture[place[0] : place[0] + bar.shape[0], place[1] : place[1] + bar.shape[1]] = bar
    boxes.write(picture, "weight", (place[1] - 12, place[0] + 9), 16, anchor="right")
    pitch = ((cols + gap) * cell, (rows + gap) * cell)
    return Bank(picture, kernel, limit, corner, pitch, (cols * cell, rows * cell), columns)


def chosen_filter(bank: Bank, chosen: int, biases: bool = True) -> np.ndarray:
    """The bank with one filter marked and, below, enlarged.

    Args:
        bank: What ``draw_bank`` returns.
        chosen: Which filter.
        biases: Whether the layer also has one bias a filter.

    Returns:
        uint8 (668, 960, 3).

    Raises:
        ValueError: No such filter.
    """
    rows, cols, depth, count = bank.kernel.shape
    if not 0 <= chosen < count:
        raise ValueError(f"no filter {chosen}; this bank has filters 0 to {count - 1}")
    picture = bank.picture.copy()
    line, column = divmod(chosen, bank.columns)
    left = bank.corner[0] + column * bank.pitch[0]
    top = bank.corner[1] + line * bank.pitch[1]
    wide, tall = bank.front
    _enlarged(picture, bank, chosen)
    for grow, width, color in ((3.5, 3, canvas.INK), (2, 2, _YELLOW)):
        frame = [
            (left - grow, top - grow),
            (left + wide + grow, top - grow),
            (left + wide + grow, top + tall + grow),
            (left - grow, top + tall + grow),
        ]
        boxes.line(picture, frame, color, width, closed=True)
    weights = rows * cols * depth
    words = [
        f"filter {chosen}, in the thick yellow frame above",
        f"{rows} × {cols} × {depth} = {weights:,} weights"
        + (" + 1 bias" if biases else ", no bias"),
        f"all: {count} × {weights + biases:,} = {count * (weights + biases):,} parameters",
    ]
    for number, sentence in enumerate(words):
        boxes.write(picture, sentence, (500, 516 + 28 * number), 18, bold=number == 0)
    return picture


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _columns(count: int) -> int:
    """How many filters stand side by side: a divisor of the count, if one is near its root."""
    root = int(np.ceil(np.sqrt(count)))
    for columns in range(root, 2 * root + 1):
        if count % columns == 0:
            return columns
    return root


def _separate_boxes(
    large: np.ndarray,
    kernel: np.ndarray,
    limit: float,
    start: np.ndarray,
    size: float,
    gap: float,
    columns: int,
) -> None:
    """Shallow filters one by one, those first that others stand in front of."""
    rows, cols, depth, count = kernel.shape
    lines = -(-count // columns)
    edges = canvas.INK if size * rows > 12 else None
    for line in reversed(range(lines)):
        for column in range(columns):
            number = line * columns + column
            if number >= count:
                continue
            at = start + size * np.array([column * (cols + gap), line * (rows + gap)])
            box = np.array([cols, rows, depth]) * size
            textures = _textures(kernel[:, :, :, number], limit, round(size))
            boxes.textured_box(large, at, box, textures, edges)


def _one_block(
    large: np.ndarray,
    kernel: np.ndarray,
    limit: float,
    start: np.ndarray,
    size: float,
    gap: float,
    columns: int,
) -> None:
    """Deep filters so close to one another that only the block's surface shows."""
    rows, cols, depth, count = kernel.shape
    lines = -(-count // columns)
    full = np.zeros((rows, cols, depth, lines * columns), np.float32)
    full[..., :count] = kernel
    full = full.reshape(rows, cols, depth, lines, columns)
    dots = max(round(size), 2)
    space = max(round(dots * gap), 1)
    front = _grid(full[:, :, 0].transpose(2, 3, 0, 1), limit, dots, space)
    side = _grid(full[:, -1, :, :, -1].transpose(2, 0, 1)[:, np.newaxis], limit, dots, space)
    top = _grid(full[0, :, :, 0].transpose(2, 1, 0)[np.newaxis], limit, dots, space)
    wide, tall = front.shape[1] * size / dots, front.shape[0] * size / dots
    boxes.textured_box(large, tuple(start), (wide, tall, depth * size), (front, top, side))


def _grid(tiles: np.ndarray, limit: float, dots: int, space: int) -> np.ndarray:
    """Tiles (lines, columns, rows, cols) of weights side by side, with lines between them."""
    lines, columns, rows, cols = tiles.shape
    high, wide = rows * dots + space, cols * dots + space
    picture = np.full((lines * high, columns * wide, 3), 70, np.uint8)
    flat = tiles.transpose(0, 2, 1, 3).reshape(lines * rows, columns * cols)
    colors = canvas.squares(canvas.signed(flat, limit), dots)
    colors = colors.reshape(lines, rows * dots, columns, cols * dots, 3)
    cells = picture.reshape(lines, high, columns, wide, 3)
    cells[:, : rows * dots, :, : cols * dots] = colors
    return picture[:-space, :-space]


def _textures(
    weights: np.ndarray, limit: float, dots: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Front, top and right side of a filter (rows, cols, in), with lines between the weights."""
    pictures = []
    for face in (weights[:, :, 0], weights[0].T, weights[:, -1]):
        colors = canvas.squares(canvas.signed(face, limit), dots)
        if dots > 6:
            width = 2 if dots > 15 else 1
            for offset in range(width):
                colors[offset::dots] = 70
                colors[:, offset::dots] = 70
        pictures.append(colors)
    return tuple(pictures)


def _enlarged(picture: np.ndarray, bank: Bank, chosen: int) -> None:
    """Draw one filter large, a deep one with its middle cut out, and name its three sides."""
    rows, cols, depth, _ = bank.kernel.shape
    weights = bank.kernel[:, :, :, chosen]
    head, tail = _SHOWN
    cell = min(_CELL, 3 * _CELL / max(rows, cols))
    left, below = 112, 24
    floor = _ROWS - below
    whole = depth <= head + tail + _CUT
    parts = [(0, depth)] if whole else [(0, head), (head + _CUT, tail)]

    height, width = 160, 330
    large = np.full((height * _FINE, width * _FINE, 3), 255, np.uint8)
    size = cell * _FINE
    corner = np.array([10.0, height * _FINE - 4 - rows * size])
    for skipped, slices in reversed(parts):
        part = weights[:, :, :slices] if skipped == 0 else weights[:, :, -slices:]
        at = corner + skipped * size * boxes.AWAY
        box = (cols * size, rows * size, slices * size)
        boxes.textured_box(large, tuple(at), box, _textures(part, bank.limit, round(size)))
    small = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
    picture[floor - height : floor, left : left + width] = small

    front = np.array([left + 5, floor - 2 - rows * cell])  # its upper left corner
    boxes.write(
        picture, _count(rows, "row"), (left - 4, front[1] + rows * cell / 2), 16, anchor="right"
    )
    boxes.write(
        picture, _count(cols, "col"), (front[0] + cols * cell / 2, floor + 1), 16, anchor="top"
    )
    edge = front + (cols * cell, rows * cell)  # the lower right corner, where the depth begins
    if whole:
        place = edge + depth * cell * boxes.AWAY + (10, 0)
    else:
        for offset in (2, 3, 4):
            dot = edge + (head + offset) * cell * boxes.AWAY
            boxes.line(picture, [dot, dot], canvas.INK, 4)
        place = edge + (head + _CUT + tail) * cell * boxes.AWAY + (10, 0)
    boxes.write(picture, _count(depth, "channel"), tuple(place), 16)
