"""Lesson 03: a layer's filters in color, slice by slice, a page at a time, and all at once.

A ``kernel`` is float (rows, cols, in, out); a ``scale`` is one of ``filters.WEIGHT_SCALES``.
"""

from collections.abc import Sequence

import numpy as np

from helpers import filters
from helpers.images import CHANNELS
from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.plots.panels import GRAY, RULE, Panel, Path, Scale, number

GRID = (8, 8)  #: rows and columns of filters on one page

_MEANING = {
    "0–1 per filter": "Black: each filter's smallest weight, white: its largest; 0: anywhere",
    "0–1 per layer": "Black: the layer's smallest weight, white: its largest; 0: one gray for all",
    "0 is mid-gray": "Dark weights are negative (inhibitory), light ones positive (excitatory)",
}


def slice_tiles(
    kernel: np.ndarray, channels: list, chosen: list, scale: str, found: filters.Ranges
) -> tuple[np.ndarray, Scale]:
    """Slices, channel by channel, as places in a color map: uint8 (slices, rows, cols)."""
    positions = filters.positions(kernel[:, :, channels][..., chosen], scale, found, chosen)
    tiles = panels.places(positions, 0, 1).transpose(2, 3, 0, 1).reshape(-1, *kernel.shape[:2])
    low, high, limit = (number(n, ".2g") for n in (found.low.min(), found.high.max(), found.limit))
    return tiles, {
        "0–1 per filter": Scale(GRAY, "each filter's smallest", "its largest"),
        "0–1 per layer": Scale(GRAY, low, high),
        "0 is mid-gray": Scale(GRAY, f"≤ −{limit}", f"≥ +{limit}", "0"),
    }[scale]


def filter_slices(
    kernel: np.ndarray,
    chosen: Sequence[int] = range(6),
    title: str = "a filter in each row",
    channels: Sequence[int] = (0, 1, 2),
    scale: str = "0 is mid-gray",
) -> Panel:
    """Some filters' slices: a row for each filter, a column for each channel; 3 are colors."""
    (rows, cols, _, count), chosen, channels = kernel.shape, list(chosen), list(channels)
    if not set(chosen) <= set(range(count)):
        raise ValueError(f"this layer has {count} filters, 0 to {count - 1}, not all of {chosen}")
    drawn, meaning = slice_tiles(kernel, channels, chosen, scale, filters.ranges(kernel))
    drawn = drawn.reshape(len(channels), -1, rows, cols).swapaxes(0, 1).reshape(-1, rows, cols)
    names = [CHANNELS[c] if kernel.shape[2] == 3 else f"channel {c}" for c in channels]
    top = {k * (cols + 1) + cols / 2: name for k, name in enumerate(names)}
    more = {"lines": [f"filter {f}" for f in chosen], "edges": True, "top": top}
    return panels.tiles(title, drawn, meaning, len(channels), 75 * len(channels), **more)


def rgb_filters(
    kernel: np.ndarray,
    chosen: Sequence[int] | None = None,
    title: str = "in color; mid-gray is 0",
    columns: int = 16,
    width: int = 980,
    names: Sequence[str] | None = None,
) -> Panel:
    """Chosen first-layer filters, all by default, in color, each as strong as can be.

    Their input channels are blue, green and red, as VGG16 takes them. ``names`` are what to write
    above instead of their numbers.
    """
    chosen = list(range(kernel.shape[3]) if chosen is None else chosen)
    rgb = filters.zero_centered(filters.as_rgb(kernel))[..., chosen]
    tiles = (rgb * 255).round().astype(np.uint8).transpose(3, 0, 1, 2)
    names = [str(f) for f in chosen] if names is None else names
    return panels.tiles(title, tiles, None, columns, width, names, edges=True)


def filter_grid(
    kernel: np.ndarray,
    channel: int = 0,
    page: int = 0,
    scale: str = "0 is mid-gray",
    name: str = "this layer",
    channel_name: str = "",
    found: filters.Ranges | None = None,
    grid: tuple[int, int] = GRID,
) -> Picture:
    """A page of filters' slices for one input channel, and how many weights have each gray.

    ``grid`` is (rows, cols) of a page and ``page`` counts from 0; ``name`` is the layer's,
    ``channel_name`` such as "blue"; ``found`` is ``filters.ranges(kernel)``, if there already.
    """
    (depth, count), (lines, columns) = kernel.shape[2:], grid
    if min(lines, columns) < 1:
        raise ValueError(f"a grid is (rows, cols), both at least 1, not {grid}")
    size = lines * columns
    if not 0 <= channel < depth or not 0 <= page * size < count:
        raise ValueError(
            f"{name} has input channels 0 to {depth - 1} and pages 0 to {(count - 1) // size}, "
            f"not channel {channel} and page {page}"
        )
    found = filters.ranges(kernel) if found is None else found
    chosen = list(range(page * size, min(page * size + size, count)))
    tiles, meaning = slice_tiles(kernel, [channel], chosen, scale, found)
    shown = kernel[:, :, channel, chosen]
    low, high, negative = shown.min(), shown.max(), np.mean(shown < 0)
    place = f"channel {channel}" + (f" ({channel_name} light)" if channel_name else "")
    shown = f"{name}: filters {chosen[0]}–{chosen[-1]}"
    more = {"names": [str(f) for f in chosen], "edges": True, "bar": False}
    width = min(70 * min(columns, len(tiles)), 600)
    every = panels.tiles(f"{shown}, {place}", tiles, meaning, columns, width, **more)
    zeros = filters.positions(np.zeros(len(chosen)), scale, found, chosen)
    ticks = [Path([(61, x), (63, x)], RULE, 2, halo=False) for x in 51 * np.unique(zeros)]
    note = f"tick: where 0 is\nsmallest {number(low, '.2g')}, largest {number(high, '.2g')}"
    counts = np.histogram(tiles, 51, (0, 255))[0].repeat(2)
    steps = zip(60 - 60 * counts / counts.max(), np.arange(1, 103) // 2, strict=True)
    hill = Path([(60, 0), *steps, (60, 51)], RULE, 1, fill=RULE, halo=False)
    title = "how many weights have each gray"
    legend = Panel(title, None, meaning, 340, [hill, *ticks], note=note, size=(63, 51))
    caption = (
        f"{shown} of {count}, input {place} of {depth}: {panels.percent(negative)} of "
        f"these weights are negative. {_MEANING[scale]}."
    )
    return Picture([every, legend], caption)


def every_slice(kernel: np.ndarray, name: str) -> Picture:
    """All slices of a layer, signed: a column per filter, a row per input channel."""
    (rows, cols, depth, count), marks = kernel.shape, []
    side_by_side = kernel.transpose(2, 0, 3, 1).reshape(depth * rows, count * cols)
    array, scale = panels.signed(side_by_side, filters.ranges(kernel).limit)
    (high, wide), weight = array.shape, {0: 3}  # a thicker line after every eighth
    for k in range(count + 1):
        down = [(0, k * cols), (high, k * cols)]
        marks.append(Path(down, RULE, weight.get(k % 8, 1), halo=False))
    for k in range(depth + 1):
        across = [(k * rows, 0), (k * rows, wide)]
        marks.append(Path(across, RULE, weight.get(k % 8, 1), halo=False))
    top = {(f + 0.5) * cols: str(f) for f in range(0, count, 8)}
    left = {(c + 0.5) * rows: str(c) for c in range(0, depth, 8)}
    title = f"{name}: all {depth} × {count} = {depth * count:,} slices of its {count} filters"
    width = max(960 // array.shape[1], 1) * array.shape[1]
    panel = Panel(title, array, scale, width, marks, top=top, left=left)
    return Picture([panel], "Across: filter, down: input channel; each square is one weight.")
