"""Pictures of a layer's filters: slice by slice, 64 on a page, all of a layer at once.

Every weight is a hard-edged square. The numbers come from ``helpers.filters``.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure

from helpers import filters
from helpers.plots import canvas, tiles

#: Filters on one page of a grid: 8 rows of 8.
PAGE = 64

_GRID_SIDE, _GRID_GAP = 81, 6  # pixels of a filter in the 8 × 8 grid, and between filters


def filter_slices(
    kernel: np.ndarray, count: int = 6, channels: Sequence[str] = filters.INPUT_COLORS
) -> Figure:
    """The first filters, slice by slice: scaled to 0–1 at the left, signed at the right.

    Args:
        kernel: float (rows, cols, in, out).
        count: How many filters, one column each.
        channels: Names of the first input channels, one row each.

    Raises:
        ValueError: Fewer filters or input channels than asked for.
    """
    depth, available = kernel.shape[2:]
    if not 1 <= count <= available or not 1 <= len(channels) <= depth:
        raise ValueError(
            f"this layer has {available} filters with {depth} slices, "
            f"not {count} with {len(channels)}"
        )
    found = filters.ranges(kernel)
    side = min(63, 430 // count)
    heads = tiles.words_row([str(f) for f in range(count)], side)
    shown, halves = kernel[:, :, : len(channels), :count], []
    for scale, title in (
        ("0–1 per filter", "scaled to 0–1, each filter by itself"),
        ("signed", "signed, one scale for all"),
    ):
        rows = [tiles.row(colors, side) for colors in _tiles(shown, scale, found, slice(0, count))]
        half = [canvas.text(title, 17, bold=True), heads, *rows, _bar(scale, found, 320)]
        halves.append(canvas.stack(half, 6))
    labels = [tiles.label(f"{c} {name}", side + 2, 84) for c, name in enumerate(channels)]
    above = [tiles.label("", 21, 84), tiles.label("filter", heads.shape[0], 84)]
    left = canvas.stack([*above, *labels], 6)
    return canvas.figure(canvas.padded(canvas.stack([left, *halves], 24, across=True), margin=6))


def scaling_hides(kernel: np.ndarray, chosen: Sequence[int], channel: int = 0) -> Figure:
    """The same slices three times, with their numbers: signed, 0–1 by layer, 0–1 by filter.

    Args:
        kernel: float (rows, cols, in, out).
        chosen: Filters to compare, two or three, one row each.
        channel: Which input channel's slices to show.
    """
    found, chosen = filters.ranges(kernel), list(chosen)
    weights = kernel[:, :, channel, chosen]
    factor, unit = _unit(float(np.abs(weights).max()))
    side, columns = 186, []
    for scale, words in (
        ("signed", f"the weights, in {unit}"),
        ("0–1 per layer", "0–1 per layer"),
        ("0–1 per filter", "0–1 per filter"),
    ):
        colors = _tiles(weights, scale, found, chosen)
        values = filters.scaled(weights, scale, found, chosen)
        zeros = filters.scaled(np.zeros(len(chosen)), scale, found, chosen)
        values = weights * factor if scale == "signed" else values
        cells = [canvas.text(words, 17, bold=True)]
        for i in range(len(chosen)):
            words = [[tiles.number(value) for value in row] for row in values[:, :, i]]
            tile = tiles.numbered(colors[i], words, side // max(colors[i].shape[:2]), 17)
            note = "0 stays 0: white" if scale == "signed" else f"0 becomes {zeros[i]:.2f}"
            cells.append(canvas.stack([tile, canvas.text(note, 16)], 3))
        columns.append(canvas.padded(canvas.stack(cells, 10), cols=272))
    labels = [tiles.label(f"filter {f}", side + 24, 84) for f in chosen]
    left = canvas.stack([tiles.label("", 21, 84), *labels], 10)
    return canvas.figure(canvas.padded(canvas.stack([left, *columns], 26, across=True), margin=6))


def zero_greys(levels: np.ndarray) -> Figure:
    """The grey that stands for a weight of 0 in each filter, darkest first.

    Args:
        levels: float (filters,), what ``filters.zero_level`` returns.
    """
    levels = np.sort(levels)
    greys = (np.clip(levels, 0, 1)[np.newaxis] * 255).round().astype(np.uint8)
    ramp = canvas.framed(canvas.enlarge(greys, 60, 960))
    low, high = (tiles.number(level) for level in levels[[0, -1]])
    words = [canvas.text(f"darkest zero: {low}", 16), canvas.text(f"lightest zero: {high}", 16)]
    free = ramp.shape[1] - words[0].shape[1] - words[1].shape[1]
    picture = canvas.stack([ramp, canvas.stack(words, free, across=True)], 4)
    return canvas.figure(canvas.padded(picture, margin=6))


def filter_grid(
    kernel: np.ndarray,
    channel: int = 0,
    page: int = 0,
    scale: str = "signed",
    name: str = "this layer",
    channel_name: str = "",
) -> Figure:
    """64 filters' slices for one input channel, 8 × 8; what ``filter_page`` stitches."""
    found = filters.ranges(kernel)
    return canvas.figure(filter_page(kernel, found, channel, page, scale, name, channel_name))


def filter_page(
    kernel: np.ndarray,
    found: filters.Ranges,
    channel: int,
    page: int,
    scale: str,
    name: str,
    channel_name: str = "",
) -> np.ndarray:
    """One page of a layer's filters for one input channel, with what its colors mean.

    Args:
        kernel: float (rows, cols, in, out).
        found: ``filters.ranges(kernel)``, computed once.
        channel: Input channel, from 0.
        page: Which 64 filters, from 0.
        scale: One of ``filters.SCALES``.
        name: The layer's.
        channel_name: Such as "blue"; nothing by default.

    Returns:
        uint8 (rows, cols, 3), the same size for every setting.

    Raises:
        ValueError: No such page, channel or scale.
    """
    depth, count = kernel.shape[2:]
    if not 0 <= channel < depth or not 0 <= page * PAGE < count:
        raise ValueError(
            f"{name} has input channels 0 to {depth - 1} and pages 0 to {(count - 1) // PAGE}, "
            f"not channel {channel} and page {page}"
        )
    first, last = page * PAGE, min(page * PAGE + PAGE, count)
    chosen = slice(first, last)
    weights = kernel[:, :, channel, chosen]
    positions = filters.scaled(weights, scale, found, chosen)
    grid = tiles.grid(tiles.colors(positions, scale), _GRID_SIDE, _GRID_GAP, 8, 8)
    lines = [str(first + 8 * row) if first + 8 * row < last else "" for row in range(8)]
    grid = _with_heads(grid, lines, [f"+{col}" for col in range(8)])
    of_color = f" ({channel_name})" if channel_name else ""
    title = f"{name} · input channel {channel}{of_color} · filters {first}–{last - 1} of {count}"
    zeros = filters.scaled(np.zeros(last - first, np.float32), scale, found, chosen)
    panel = _legend(positions, zeros, weights, scale, found)
    body = canvas.stack([grid, panel], 26, across=True)
    return canvas.stack([canvas.text(title, 20, bold=True), body], 8)


def every_slice(kernel: np.ndarray, name: str, square: int = 4) -> Figure:
    """All slices of a layer in one picture, signed: a column per filter, a row per input channel.

    Args:
        kernel: float (rows, cols, in, out); up to about 64 × 64 slices of 3 × 3 fit a page.
        name: The layer's.
        square: Pixels of one weight.
    """
    found = filters.ranges(kernel)
    picture = slice_map(kernel, found, square)
    depth, count = kernel.shape[2:]
    title = f"{name}: all {depth} × {count} = {depth * count:,} slices of its {count} filters"
    step = 8 * (kernel.shape[0] * square + 2) + 3
    lines = [str(c) for c in range(0, depth, 8)]
    heads = [str(f) for f in range(0, count, 8)]
    labels = _ruler(lines, step, picture.shape[0], upright=True)
    tops = _ruler(heads, step, picture.shape[1], upright=False)
    corner = np.full((1, labels.shape[1], 3), 255, np.uint8)
    body = canvas.stack(
        [
            canvas.stack([corner, tops], 4, across=True),
            canvas.stack([labels, picture], 4, across=True),
        ],
        2,
    )
    words = canvas.text("across: filter, down: input channel; each little square is one weight", 16)
    legend = canvas.stack([words, _bar("signed", found, 320)], 30, across=True)
    parts = [canvas.text(title, 20, bold=True), body, legend]
    return canvas.figure(canvas.padded(canvas.stack(parts, 8), margin=6))


def slice_map(kernel: np.ndarray, found: filters.Ranges, square: int = 4) -> np.ndarray:
    """All slices stitched, input channels down and filters across: uint8 (rows, cols, 3).

    Weights are ``square`` pixels wide; slices are 2 pixels apart, every eighth gap is 5.
    """
    rows, cols, depth, count = kernel.shape
    colors = tiles.colors(filters.scaled(kernel, "signed", found), "signed", axis=None)
    colors = colors.repeat(square, axis=0).repeat(square, axis=1)
    picture = np.full((depth, rows * square + 2, count, cols * square + 2, 3), 255, np.uint8)
    picture[:, :-2, :, :-2] = colors.transpose(2, 0, 3, 1, 4)
    picture[:, -2:], picture[:, :, :, -2:] = canvas.RULE, canvas.RULE
    flat = picture.reshape(depth * (rows * square + 2), count * (cols * square + 2), 3)
    for axis, pitch in ((0, rows * square + 2), (1, cols * square + 2)):
        places = np.repeat(np.arange(8 * pitch, flat.shape[axis], 8 * pitch), 3)
        flat = np.insert(flat, places, canvas.RULE[0], axis=axis)
    return canvas.framed(flat[:-2, :-2], 2, canvas.RULE)


def _tiles(
    weights: np.ndarray, scale: str, found: filters.Ranges, chosen: slice | list[int]
) -> np.ndarray:
    """Weights (rows, cols, [channels,] n) as colors ([channels,] n, rows, cols, 3)."""
    colors = tiles.colors(filters.scaled(weights, scale, found, chosen), scale)
    return colors if weights.ndim == 3 else np.moveaxis(colors, 3, 0)


def _bar(scale: str, found: filters.Ranges, cols: int) -> np.ndarray:
    """The color bar of a scale, with its numbers."""
    cols = min(cols, 320)
    if scale == "signed":
        limit = tiles.number(found.limit, "#.2g")
        return canvas.color_bar(canvas.SIGNED, f"≤ −{limit}", f"≥ +{limit}", "0", cols, 15)
    if scale == "0–1 per layer":
        low, high = (tiles.number(v, "#.2g") for v in (found.low.min(), found.high.max()))
        return canvas.color_bar(canvas.GREY, low, high, "", cols, 15)
    return canvas.color_bar(canvas.GREY, "smallest", "largest", "", cols, 15)


def _legend(
    positions: np.ndarray,
    zeros: np.ndarray,
    weights: np.ndarray,
    scale: str,
    found: filters.Ranges,
) -> np.ndarray:
    """What the colors of a page mean: a bar, a histogram in these colors, where 0 lies."""
    cols, rows, bins = 196, 300, 28
    counts = np.histogram(positions, bins, (0, 1))[0]
    heights = np.ceil(counts / counts.max() * (rows - 10)).astype(int)
    filled = np.arange(rows)[::-1, None] < heights
    cmap = canvas.SIGNED if scale == "signed" else canvas.GREY
    colors = canvas.colorize(np.linspace(0, 1, bins)[None], cmap, 0, 1)
    bars = np.where(filled[:, :, None], colors, np.uint8(255))
    bars = canvas.enlarge(bars, rows, cols)
    filled = filled.repeat(cols // bins, axis=1)
    bars[cv2.morphologyEx(filled.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((2, 2))) > 0] = (
        canvas.INK
    )
    ticks = np.full((26, cols, 3), 255, np.uint8)
    places = np.clip((zeros * (cols - 1)).round().astype(int), 1, cols - 1)
    ticks[:, places] = canvas.INK
    ticks[:, places - 1] = canvas.INK
    words = {
        "0–1 per filter": "0 is elsewhere in\neach filter: a tick each",
        "0–1 per layer": "0 is the same grey\nin all filters",
        "signed": "0 is white, in all\nfilters and layers",
    }[scale]
    shown = [weights.min(), weights.max()]
    low, high = (tiles.number(weight, "#.2g") for weight in shown)
    numbers = f"smallest {low}\nlargest {high}\nnegative {np.mean(weights < 0):.0%}"
    parts = [
        canvas.text("colors", 17, bold=True),
        _bar(scale, found, cols),
        canvas.text("how many of each", 17, bold=True),
        canvas.stack([canvas.framed(bars), canvas.framed(ticks, 1, canvas.PAPER)], 2),
        canvas.text(words, 16),
        canvas.text("these weights", 17, bold=True),
        canvas.text(numbers, 16),
    ]
    return canvas.padded(canvas.stack(parts, 12), cols=cols + 2)


def _with_heads(grid: np.ndarray, lines: list[str], heads: list[str]) -> np.ndarray:
    """A grid with a label left of each line and above each column."""
    left, top = 46, 22
    paper = np.full((grid.shape[0] + top, grid.shape[1] + left, 3), 255, np.uint8)
    paper[top:, left:] = grid
    for index, words in enumerate(lines):
        word = canvas.text(words, 16)
        row = top + round((index + 0.5) * (grid.shape[0] + 6) / len(lines)) - word.shape[0] // 2 - 3
        tiles.put(paper, word, row, left - 6 - word.shape[1])
    for index, words in enumerate(heads):
        word = canvas.text(words, 15, color=canvas.FAINT)
        col = left + round((index + 0.5) * (grid.shape[1] + 6) / len(heads)) - word.shape[1] // 2
        tiles.put(paper, word, 0, col - 3)
    return paper


def _ruler(words: list[str], step: int, length: int, upright: bool) -> np.ndarray:
    """Labels every ``step`` pixels along an edge."""
    shape = (length, 26, 3) if upright else (20, length, 3)
    paper = np.full(shape, 255, np.uint8)
    for index, word in enumerate(words):
        picture = canvas.text(word, 15)
        place = index * step + 2
        tiles.put(paper, picture, *((place, 24 - picture.shape[1]) if upright else (0, place)))
    return paper


def _unit(largest: float) -> tuple[float, str]:
    """A power of ten that makes numbers readable, and its name."""
    power = int(np.floor(np.log10(max(largest, 1e-12))))
    power = min(power, 0)
    names = {0: "ones", -1: "tenths", -2: "hundredths", -3: "thousandths"}
    return 10.0**-power, names.get(power, f"10 to the {power}")
