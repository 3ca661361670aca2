"""Lesson 06: one photo on its way through a network, and how empty its maps get.

Photos are uint8 (rows, cols, 3), a layer's maps of one photo float (rows, cols, channels).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from helpers import activations, brightness
from helpers.plots import mosaics, panels
from helpers.plots.page import Picture
from helpers.plots.panels import HEAT, NOTHING, Label, Panel, Scale
from helpers.receptive_field import ReceptiveField

#: How maps become brightness in this lesson.
SCALES = ("standardized", "percentile", "shared")

#: Pixels of a map among all channels; walls for ``chosen_channel`` are made with it.
SIDE = 76


def layer_rows(
    maps: dict[str, np.ndarray],
    channels: dict[str, Sequence[int]] | None = None,
    scale: str = "percentile",
    columns: int = 4,
    width: int = 489,
    photo: np.ndarray | None = None,
) -> Picture:
    """A grid of maps for each layer; channels that are 0 everywhere are empty, with a ×.

    Args:
        maps: By layer name, in the network's order.
        channels: Which channels of each layer; all by default.
        scale: One of ``brightness.SCALES``.
        columns: Maps in a row of a grid.
        width: Pixels of a grid on the page, which has room for 1,000.
        photo: To be shown before the grids.
    """
    shown = [] if photo is None else [Panel("the photo", panels.shrunk(photo, width), width=width)]
    for name, layer in maps.items():
        title = f"{name} · {' × '.join(str(length) for length in layer.shape)}"
        chosen = range(layer.shape[-1]) if channels is None else channels[name]
        every = mosaics.wall(layer, scale, side=width // columns - 4)
        last = name == list(maps)[-1]
        shown.append(mosaics.grid(title, every, chosen, columns, width, bar=last))
    return Picture(shown, "Above each map stands its channel's number; × is a dead channel.")


def same_map_scaled(
    maps: np.ndarray, channels: Sequence[int], name: str, scales: Sequence[str] = SCALES
) -> Picture:
    """Some of a layer's maps on several scales of brightness, side by side."""
    columns, width = 3 if len(channels) <= 6 else 8, 1000 // len(scales) - 15
    shown = []
    for scale in scales:
        mean = brightness.scaled(maps, scale)[:, :, channels].mean()
        every = mosaics.wall(maps, scale, side=width // columns - 4)
        note = f"mean brightness {mean:.0f} of 255"
        shown.append(mosaics.grid(f"{name}, {scale}", every, channels, columns, width, note=note))
    largest = maps[:, :, channels].max(axis=(0, 1))
    ends = [
        f"{largest[k]:.2f} (channel {channels[k]})" for k in (largest.argmin(), largest.argmax())
    ]
    return Picture(shown, f"The largest numbers of these maps go from {' to '.join(ends)}.")


def verdicts(photos: dict[str, np.ndarray], probabilities: np.ndarray) -> Picture:
    """Photos by name, with the probability of "dog" that the network gives each, float (n,)."""
    shown = []
    for (name, photo), dog in zip(photos.items(), probabilities, strict=True):
        bar = panels.bars("dog", {"": float(dog)}, 1, 146, note=name.replace("_", " "))
        shown.append([Panel("", panels.shrunk(photo, 146), width=146), bar])
    dogs = [name for name, dog in zip(photos, probabilities, strict=True) if dog > 0.5]
    return Picture(shown, f"Over 0.5, so “dog”: {', '.join(dogs) or 'none'}.")


def chosen_channel(
    photo: np.ndarray,
    maps: np.ndarray,
    layer: str,
    channel: int,
    field: ReceptiveField,
    scale: str = SCALES[0],
    every: mosaics.Wall | None = None,
) -> Picture:
    """One map of a photo, the photo lit where it is active, and all channels beside them.

    The strongest unit is framed in the map, and what it sees in the photo.

    Args:
        photo: As the network takes it.
        maps: The layer's maps of it.
        layer: Its name.
        channel: Which channel, from 0.
        field: Receptive field of the layer's units.
        scale: One of ``SCALES``.
        every: ``mosaics.wall(maps, scale, side=SIDE)``, if it is there already.
    """
    every = mosaics.wall(maps, scale, side=SIDE) if every is None else every
    (rows, cols, count), plane = maps.shape, maps[:, :, channel]
    found = activations.one_map(plane)
    low, high = brightness.limits(maps if scale == "shared" else plane[:, :, np.newaxis], scale)
    array = panels.places(plane, low[0], high[0])
    colors = Scale(HEAT, panels.number(low[0], "#.3g"), panels.number(high[0], "#.3g"))
    words = f"{layer}, channel {channel} of 0 to {count - 1}: {rows} × {cols} numbers, "
    if plane.any():
        unit = [panels.frame((found.row, found.col, found.row + 1, found.col + 1))]
        box = np.clip(field.box(found.row, found.col), 0, [*photo.shape[:2]] * 2)
        seen = [panels.frame(box.tolist())]
        words += (
            f"{panels.percent(found.zeros)} of them 0, mean {panels.number(found.mean)}. The "
            f"largest, {panels.number(found.largest)}, is at row {found.row}, col {found.col}; "
            f"its unit sees the framed pixels of the photo, {field.size[0]} × {field.size[1]}."
        )
    else:
        array, seen = np.full_like(array, NOTHING), []
        unit = [Label("×", rows / 2, cols / 2, size=60)]
        words += "all of them 0: nothing in this photo excites the channel."
    left = [
        Panel(f"channel {channel} of {layer}", array, colors, 250, unit),
        Panel("lit where it is active", lit(photo, plane, field), None, 250, seen),
    ]
    columns, sets = int(np.ceil(np.sqrt(1.7 * count))), {"channel": range(count)}
    title = f"all {count} channels, {scale}"
    grid = mosaics.grid(title, every, range(count), columns, 678, sets=sets, chosen=channel)
    return Picture(
        [left, grid], f"{words} Of the whole layer {panels.percent(np.mean(maps == 0))} is 0."
    )


def lit(photo: np.ndarray, plane: np.ndarray, field: ReceptiveField) -> np.ndarray:
    """A photo, light where one map (rows, cols) is active: uint8 of the photo's shape."""
    light = brightness.scaled(plane[:, :, np.newaxis])[:, :, 0].astype(np.float32) / 255
    light = light[np.ix_(*field.units_at(plane.shape, photo.shape[:2]))][:, :, np.newaxis]
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)[:, :, np.newaxis]
    return np.clip(grey * 0.35 + light * (photo * 0.65 + 30), 0, 255).astype(np.uint8)
