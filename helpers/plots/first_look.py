"""Lesson 00: what a network takes photos for; one photo beside all the maps of one layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from helpers.models import Guess
from helpers.plots import canvas
from helpers.plots.mosaics import mosaic, scaled, shrunk

_TILE, _GAP, _COLUMNS = 76, 2, 8
_SIDE = 288


def photo_and_maps(photo: np.ndarray, maps: np.ndarray, name: str, channel: int = 0) -> Figure:
    """A photo, the first 64 feature maps a layer makes of it, and one of them enlarged.

    Args:
        photo: uint8 (rows, cols, 3).
        maps: float (rows, cols, channels).
        name: The layer's name.
        channel: Which map to enlarge and to mark with a white frame, from 0 to 63.

    Returns:
        A Figure of about 9 × 6.5 inches.
    """
    return canvas.figure(chosen_map(photo, maps, maps_picture(maps), channel, name))


def maps_picture(maps: np.ndarray) -> np.ndarray:
    """The first 64 of the maps as one picture, uint8 (rows, cols, 3)."""
    tiles = scaled(shrunk(maps[:, :, :64], _TILE)).transpose(2, 0, 1)
    tiles = np.stack([canvas.enlarge(tile, _TILE, _TILE) for tile in tiles], axis=-1)
    return canvas.colorize(mosaic(tiles, _COLUMNS, gap=_GAP, fill=0), canvas.HEAT)


def chosen_map(
    photo: np.ndarray, maps: np.ndarray, wall: np.ndarray, channel: int, name: str
) -> np.ndarray:
    """The photo, one map enlarged, and the wall of all maps with this one marked.

    Args:
        photo: uint8 (rows, cols, 3).
        maps: float (rows, cols, channels).
        wall: What ``maps_picture`` made of the maps.
        channel: Which map.
        name: The layer's name.

    Returns:
        uint8 (rows, cols, 3).
    """
    large = canvas.colorize(scaled(maps[:, :, channel : channel + 1])[:, :, 0], canvas.HEAT)
    left = canvas.stack(
        [
            canvas.titled(canvas.enlarge(photo, _SIDE, smooth=True), "the photo", 18),
            canvas.titled(
                canvas.enlarge(large, _SIDE, smooth=True), f"map {channel} of {name}", 18
            ),
        ],
        gap=8,
    )
    marked = wall.copy()
    step = _TILE + _GAP
    top, left_edge = (channel // _COLUMNS) * step, (channel % _COLUMNS) * step
    spot = marked[max(top - 2, 0) : top + _TILE + 2, max(left_edge - 2, 0) : left_edge + _TILE + 2]
    inside = spot[4:-4, 4:-4].copy()
    spot[:] = 255
    spot[4:-4, 4:-4] = inside
    right = canvas.titled(
        marked, f"maps 0 to {min(maps.shape[-1], 64) - 1}; the white frame marks map {channel}", 18
    )
    return canvas.padded(canvas.stack([left, right], gap=20, across=True), margin=4)


def guesses(photos: dict[str, np.ndarray], answers: dict[str, Sequence[Guess]]) -> Figure:
    """Photos, and beside each a bar for every class that a network takes it for.

    Args:
        photos: uint8 (rows, cols, 3) by name.
        answers: What ``models.classify`` returned for each, by the same names.
    """
    figure = Figure(figsize=(10, 2.3 * len(photos)), layout="constrained")
    grid = figure.subplots(len(photos), 2, width_ratios=(1, 3), squeeze=False)
    for (left, right), (name, photo) in zip(grid, photos.items(), strict=True):
        left.imshow(photo)
        left.set_title(name, fontsize=13)
        left.axis("off")
        first_words = [guess.name.split(",")[0] for guess in answers[name]]
        shares = [guess.probability for guess in answers[name]]
        places = np.arange(len(shares))[::-1]
        bars = right.barh(places, shares, height=0.7, color="#2171b5")
        right.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4, fontsize=12)
        right.set_yticks(places, first_words, fontsize=13)
        right.set(xlim=(0, 1.08), xticks=[])
        right.spines[["top", "right", "bottom"]].set_visible(False)
    return figure
