"""Many maps in one panel: scaled to brightness, stitched, dead ones marked."""

from collections.abc import Sequence

import numpy as np

from helpers import brightness
from helpers.plots import panels
from helpers.plots.panels import HEAT, Panel, Scale

#: What is black and what is brightest in each of the scales of ``brightness``.
WORDS = {
    "percentile": ("each map's smallest", "its 99th percentile"),
    "min–max": ("each map's smallest", "its largest"),
    "shared": ("smallest of all", "largest of all"),
    "standardized": ("2 deviations below each map's mean", "2 above"),
}

Wall = tuple[np.ndarray, Scale]  # what ``wall`` returns

_STEP = 4  # 64 steps of brightness: hardly seen in small maps, and their files a third smaller


def wall(
    maps: np.ndarray,
    scale: str = "percentile",
    within: brightness.Limits | None = None,
    side: int | None = None,
) -> Wall:
    """Maps as places in a color map, and what these mean: what ``panels.tiles`` takes.

    ``scale`` is one of ``brightness.SCALES``; or what is black and brightest in each map is
    ``within``, as of ``brightness.limits``. Maps larger than ``side`` are averaged to so many rows
    and cols. What does not fit is a ValueError, as of ``brightness.scaled``.

    Returns:
        uint8 (channels, rows, cols), ``NOTHING`` in channels that are 0 everywhere, and a
        ``Scale``.

    Example:
        >>> tiles, scale = wall(np.arange(8.0).reshape(2, 2, 2), "shared")
        >>> tiles.shape, int(tiles.max()), scale.high
        ((2, 2, 2), 252, 'largest of all')
    """
    within = brightness.limits(maps, scale) if within is None else within
    if side is not None:
        maps = panels.shrunk(maps, side)  # fewer numbers to scale
    tiles = brightness.scaled(maps, scale, within).transpose(2, 0, 1)
    tiles = np.minimum(tiles - tiles % _STEP, panels.NOTHING - 1)
    tiles[~maps.any(axis=(0, 1))] = panels.NOTHING
    return tiles, Scale(HEAT, *WORDS[scale])


def grid(
    title: str, every: Wall, channels: Sequence[int], columns: int, width: int, **panel: object
) -> Panel:
    """Some of a layer's maps as one panel: above each its channel's number.

    ``every`` is what ``wall`` returns, of all channels; ``channels`` are shown, in this order.
    """
    names = [str(channel) for channel in channels]
    return panels.tiles(title, every[0][channels], every[1], columns, width, names, **panel)
