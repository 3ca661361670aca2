"""Lesson 03: a layer's filters slice by slice, 64 on a page, and all of a layer at once.

A ``kernel`` is float (rows, cols, in, out); a ``scale`` is one of ``filters.WEIGHT_SCALES``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from helpers import filters
from helpers.images import CHANNELS
from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.plots.panels import GREY, RULE, SIGNED, Panel, Path, Scale, number

#: Filters on one page of a grid: 8 rows of 8.
PAGE = 64

_MEANING = {
    "0–1 per filter": "Black: each filter's smallest weight, white: its largest; 0: anywhere",
    "0–1 per layer": "Black: the layer's smallest weight, white: its largest; 0: one grey for all",
    "signed": "Blue weights are negative (inhibitory), red ones positive (excitatory)",
}


def slice_tiles(
    kernel: np.ndarray, channels: list, chosen: list, scale: str, found: filters.Ranges
) -> tuple[np.ndarray, Scale]:
    """Slices, channel by channel, as places in a color map: uint8 (slices, rows, cols)."""
    positions = filters.positions(kernel[:, :, channels][..., chosen], scale, found, chosen)
    tiles = panels.places(positions, 0, 1).transpose(2, 3, 0, 1).reshape(-1, *kernel.shape[:2])
    low, high, limit = (number(n, ".2g") for n in (found.low.min(), found.high.max(), found.limit))
    return tiles, {
        "0–1 per filter": Scale(GREY, "each filter's smallest", "its largest"),
        "0–1 per layer": Scale(GREY, low, high),
        "signed": Scale(SIGNED, f"≤ −{limit}", f"≥ +{limit}", "0"),
    }[scale]


def filter_slices(
    kernel: np.ndarray,
    chosen: Sequence[int] = range(6),
    scale: str = "signed",
    title: str = "one scale for all: red is +, blue is −",
) -> Panel:
    """Chosen first-layer filters, a column each, their input channels below one another."""
    count, chosen = kernel.shape[3], list(chosen)
    if not set(chosen) <= set(range(count)):
        raise ValueError(f"this layer has {count} filters, 0 to {count - 1}, not all of {chosen}")
    drawn = slice_tiles(kernel, [0, 1, 2], chosen, scale, filters.ranges(kernel))
    lines = [f"{channel}: {color} light" for channel, color in enumerate(CHANNELS)]
    more = {"names": [str(f) for f in chosen], "lines": lines, "edges": True}
    return panels.tiles(title, *drawn, len(chosen), 375, **more)


def weight_table(kernel: np.ndarray, f: int, channel: int, scale: str, title: str) -> Panel:
    """One slice of a filter with its numbers, in thousandths if the scale is signed."""
    found = filters.ranges(kernel)
    (tile,), meaning = slice_tiles(kernel, [channel], [f], scale, found)
    numbers = filters.positions(kernel[:, :, channel, [f]], scale, found, [f])[:, :, 0]
    (zero,), pattern = filters.positions(np.zeros(1), scale, found, [f]), ".2f"
    note = f"0 becomes {zero:.2f}"
    if scale == "signed":
        numbers, note, pattern = 1000 * kernel[:, :, channel, f], "in thousandths", ".1f"
    words = np.vectorize(number)(numbers, pattern).tolist()
    return Panel(f"filter {f}: {title}", tile, meaning, 240, (), words, note)


def filter_grid(
    kernel: np.ndarray,
    channel: int = 0,
    page: int = 0,
    scale: str = "signed",
    name: str = "this layer",
    channel_name: str = "",
    found: filters.Ranges | None = None,
) -> Picture:
    """64 filters' slices for one input channel, and how many weights there are of each color.

    ``page`` counts 64s from 0, ``name`` is the layer's, ``channel_name`` such as "blue"; ``found``
    is ``filters.ranges(kernel)``, if it is there already.
    """
    depth, count = kernel.shape[2:]
    if not 0 <= channel < depth or not 0 <= page * PAGE < count:
        raise ValueError(
            f"{name} has input channels 0 to {depth - 1} and pages 0 to {(count - 1) // PAGE}, "
            f"not channel {channel} and page {page}"
        )
    found = filters.ranges(kernel) if found is None else found
    chosen = list(range(page * PAGE, min(page * PAGE + PAGE, count)))
    tiles, meaning = slice_tiles(kernel, [channel], chosen, scale, found)
    shown = kernel[:, :, channel, chosen]
    low, high, negative = shown.min(), shown.max(), np.mean(shown < 0)
    place = f"channel {channel}" + (f" ({channel_name} light)" if channel_name else "")
    shown = f"{name}: filters {chosen[0]}–{chosen[-1]}"
    more = {"names": [str(f) for f in chosen], "edges": True, "bar": False}
    grid = panels.tiles(f"{shown}, {place}", tiles, meaning, 8, 70 * min(8, len(tiles)), **more)
    zeros = filters.positions(np.zeros(len(chosen)), scale, found, chosen)
    ticks = [Path([(61, x), (63, x)], RULE, 2, halo=False) for x in 51 * np.unique(zeros)]
    note = f"tick: where 0 lies\nsmallest {number(low, '.2g')}, largest {number(high, '.2g')}"
    counts = np.histogram(tiles, 51, (0, 255))[0].repeat(2)
    steps = zip(60 - 60 * counts / counts.max(), np.arange(1, 103) // 2, strict=True)
    hill = Path([(60, 0), *steps, (60, 51)], RULE, 1, fill=RULE, halo=False)
    title = "how many weights of each color"
    legend = Panel(title, None, meaning, 340, [hill, *ticks], note=note, size=(63, 51))
    caption = (
        f"{shown} of {count}, input {place} of {depth}: {panels.percent(negative)} of "
        f"these weights are negative. {_MEANING[scale]}."
    )
    return Picture([grid, legend], caption)


def every_slice(kernel: np.ndarray, name: str) -> Picture:
    """All slices of a layer, signed: a column per filter, a row per input channel."""
    rows, cols, depth, count = kernel.shape
    everything = list(range(depth)), list(range(count)), "signed", filters.ranges(kernel)
    tiles, meaning = slice_tiles(kernel, *everything)
    array, marks = panels.stitch(tiles, count), []
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
    panel = Panel(title, array, meaning, width, marks, top=top, left=left)
    return Picture([panel], "Across: filter, down: input channel; each square is one weight.")
