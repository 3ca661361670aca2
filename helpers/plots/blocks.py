"""Lesson 05: what each block of a network makes of a photo.

Photos are uint8 (rows, cols, 3), a layer's maps of one photo float (rows, cols, channels).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from helpers import activations, brightness
from helpers.plots import mosaics, panels
from helpers.plots.page import Picture
from helpers.plots.panels import Panel

PAGE = 64  #: maps on one page of the explorer
_SIDES = {1: 60, 2: 43}  # pixels of a map beside one photo, and below each of two


def map_grid(
    maps: np.ndarray,
    title: str,
    channels: Sequence[int] = range(PAGE),
    scale: str = "percentile",
    within: brightness.Limits | None = None,
    **panel: object,
) -> Panel:
    """Some of a layer's maps, eight in a row; channels that are 0 everywhere are empty, with a ×.

    ``scale`` is one of ``brightness.SCALES``, or ``within`` what ``brightness.limits`` returned.
    More, such as ``bar`` or ``note``, is for ``panels.tiles``.
    """
    every = mosaics.wall(maps, scale, within, side=57)
    return mosaics.grid(title, every, channels, columns=8, width=489, **panel)


class Layer(NamedTuple):
    """One layer's maps of one photo or two, small and bright, and what is said of them."""

    name: str
    size: tuple[int, int]  # (rows, cols) of its maps
    zeros: np.ndarray  # share of zeros, float (photos, channels)
    walls: dict[str, list[mosaics.Wall]]  # by scale, one a photo; a channel's colors are the same


def summed_up(name: str, maps: np.ndarray, scales: Sequence[str]) -> Layer:
    """What ``page`` shows of a layer's maps, float (photos, rows, cols, channels)."""
    small = [panels.shrunk(one, _SIDES[len(maps)]) for one in maps]
    walls = {}
    for scale in scales:
        within = brightness.limits(maps, scale)
        walls[scale] = [mosaics.wall(one, scale, within) for one in small]
    return Layer(name, maps.shape[1:3], np.stack([*map(activations.sparsity, maps)]), walls)


def page(
    photos: dict[str, np.ndarray], layer: Layer, channels: Sequence[int], scale: str, which: str
) -> Picture:
    """A photo beside up to 64 of a layer's maps, or two photos, each above its own.

    There are one or two photos, by name. ``which`` is what to call the channels, and ``scale`` one
    of those that the layer was summed up for.
    """
    which = f"{layer.name}, {which} of {layer.zeros.shape[1]}"
    dead = f"dead (×): {(layer.zeros[:, channels] == 1).all(axis=0).sum()} of {len(channels)}"
    zeros = [f"{panels.percent(share[channels].mean())} zeros" for share in layer.zeros]
    side, width = (280, 640) if len(photos) == 1 else (90, 472)
    shown = []
    for (name, photo), wall in zip(photos.items(), layer.walls[scale], strict=True):
        one = Panel(name, panels.shrunk(photo, side), width=side)
        grid = mosaics.grid(f"{layer.name}, {name}", wall, channels, 10, width)
        shown += [one, grid] if len(photos) == 1 else [[one, grid]]
    found = " and ".join(f"{share} for {name}" for name, share in zip(photos, zeros, strict=True))
    same = "The same place is the same channel, and the same color the same number. "
    return Picture(
        shown,
        f"{which}; {layer.size[0]} × {layer.size[1]} positions each. "
        f"{same if len(photos) > 1 else ''}{found}; {dead}.",
    )
