"""Lesson 03: first-layer filters in color, ranked and compared.

A ``kernel`` is float (rows, cols, 3, out), its input channels blue, green, red: VGG16's order. In
the pictures 0 is mid-grey, and each filter as strong as can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from helpers import filters
from helpers.plots import panels
from helpers.plots.boxes import cells
from helpers.plots.page import Picture
from helpers.plots.panels import RULE, Label, Panel, Path, Scale, number


def rgb_tiles(kernel: np.ndarray) -> np.ndarray:
    """First-layer filters as RGB: uint8 (out, rows, cols, 3)."""
    rgb = filters.zero_centered(filters.as_rgb(kernel))
    return (rgb * 255).round().astype(np.uint8).transpose(3, 0, 1, 2)


def rgb_filters(
    kernel: np.ndarray,
    chosen: Sequence[int] | None = None,
    title: str = "in color; mid-grey is 0",
    columns: int = 16,
    width: int = 980,
) -> Panel:
    """Chosen first-layer filters, all by default, as color pictures with their numbers."""
    chosen = list(range(kernel.shape[3]) if chosen is None else chosen)
    tiles, names = rgb_tiles(kernel)[chosen], [str(f) for f in chosen]
    return panels.tiles(title, tiles, None, columns, width, names, edges=True)


def slice_extremes(kernel: np.ndarray, values: np.ndarray, count: int = 6) -> Picture:
    """The filters whose R, G and B slices differ most, and those where they are most alike.

    ``values`` are what ``filters.slice_similarity`` returns; ``count`` is how many at each end.
    """
    order, halves = np.argsort(values, kind="stable"), []
    slices = panels.places(filters.zero_centered(filters.as_rgb(kernel)), 0, 1)
    slices = panels.palette(panels.SIGNED)[slices].transpose(2, 3, 0, 1, 4)
    lights = ["in color", "red light", "green light", "blue light"]
    scale = Scale(panels.SIGNED, "−largest of the filter", "+largest", "slices: 0")
    for title, chosen, lines in (
        ("slices least alike: mean cosine", order[:count], lights),
        ("slices most alike: mean cosine", order[::-1][:count], ()),
    ):
        tiles = np.concatenate([rgb_tiles(kernel)[chosen], *slices[:, chosen]])
        names = [f"{f}: {number(values[f])}" for f in chosen]
        more = {"names": names, "lines": lines, "edges": True}
        halves.append(panels.tiles(title, tiles, scale, count, 430, **more))
    return Picture(halves, "Slices: the color is the sign of the weight, red + and blue −.")


def orientation_fan(kernel: np.ndarray, found: filters.Orientation) -> Picture:
    """First-layer filters on half a disk: the angle is their stripes', the distance how clear."""
    side, radius, center = 32, 430, np.array([465.0, 490.0])  # pixels

    def at(angle: np.ndarray | float, share: np.ndarray | float) -> np.ndarray:
        turn = np.radians(angle)
        return np.stack([-np.sin(turn), np.cos(turn)], -1) * radius * np.expand_dims(share, -1)

    marks = []
    for share in (0.25, 0.5, 0.75, 1):
        arc = center + at(np.arange(0, 181, 3), share)
        marks += [Path(arc, RULE, 1, halo=False), Label(f"{share:g}", *arc[0] + (12, 0), size=12)]
    for angle, words in enumerate(("0° —", "45° /", "90° |", "135° \\", "180° —")):
        marks.append(Path([center, center + at(45 * angle, 1)], RULE, 1, halo=False))
        marks.append(Label(words, *center + at(45 * angle, 1.06), size=14))
    marks.append(Label("strength of the direction (0: none, 1: one only)", *center + (32, 0)))
    cell = np.array([side + 15, side + 5])  # a filter with its number above
    corners = center + _apart(at(found.angle, found.strength) / cell) * cell - (side, side / 2)
    for f, (tile, (top, left)) in enumerate(zip(rgb_tiles(kernel), corners, strict=True)):
        marks += cells(np.array([top, left]), *np.array([(0, side), (side, 0)]), tile)
        marks.append(panels.frame((top, left, top + side, left + side), RULE, 1, halo=False))
        marks.append(Label(str(f), top - 1, left + side / 2, "bottom", 11))
    title = "which way the stripes run; mid-grey is 0"
    return Picture([Panel(title, None, None, 980, marks, size=(505, 980))])


def _apart(spots: np.ndarray) -> np.ndarray:
    """Spots (n, 2) pushed apart until hardly any two unit squares there overlap; no row over 0."""
    for _ in range(60):
        between = spots[:, None] - spots
        overlap = np.maximum(1 - np.abs(between).max(axis=-1, keepdims=True), 0)
        length = np.maximum(np.linalg.norm(between, axis=-1, keepdims=True), 1e-6)
        spots = spots + 0.25 * (between / length * overlap).sum(axis=1)
        spots[:, 0] = np.minimum(spots[:, 0], 0)
    return spots
