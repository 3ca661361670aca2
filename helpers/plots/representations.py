"""Lesson 06: one photo on its way through a network, and how empty its maps get.

Photos are uint8 (rows, cols, 3), a layer's maps of one photo float (rows, cols, channels).
"""

from collections.abc import Sequence

import cv2
import numpy as np

from helpers import activations, brightness
from helpers.plots import mosaics, panels
from helpers.plots.page import Picture
from helpers.plots.panels import HEAT, NOTHING, Label, Panel, Scale
from helpers.receptive_field import ReceptiveField

SIDE = 76  #: pixels of a map among all channels; walls for ``chosen_channel`` are made with it


def layer_rows(
    maps: dict[str, np.ndarray],
    channels: dict[str, Sequence[int]] | None = None,
    scale: str = "percentile",
    columns: int = 4,
    width: int = 489,
) -> Picture:
    """A grid of maps for each layer; channels that are 0 everywhere are empty, with a ×.

    The maps are by layer, in the network's order; ``channels`` says which to show of each, all by
    default, ``columns`` of them in a row; ``scale`` is one of ``brightness.SCALES``.
    """
    shown, last = [], list(maps)[-1]
    for name, layer in maps.items():
        title = f"{name} · {' × '.join(str(length) for length in layer.shape)}"
        chosen = range(layer.shape[-1]) if channels is None else channels[name]
        every = mosaics.wall(layer, scale, side=width // columns - 4)
        shown.append(mosaics.grid(title, every, chosen, columns, width, bar=name == last))
    return Picture(shown, "The number above each map is its channel; × is a dead channel.")


def verdicts(photos: dict[str, np.ndarray], probabilities: np.ndarray) -> Picture:
    """Photos by name, with the probability of "dog" that the network gives each, float (n,)."""
    shown, dogs = [], [name for name, dog in zip(photos, probabilities, strict=True) if dog > 0.5]
    for (name, photo), dog in zip(photos.items(), probabilities, strict=True):
        title = f"answer: {'dog' if name in dogs else 'cat'}"
        note = f"probability of dog\n{name.replace('_', ' ')}"
        bar = panels.bars(title, {"": float(dog)}, 1, 148, note=note)
        shown.append([Panel("", panels.shrunk(photo, 148), width=148), bar])
    return Picture(shown, f"Over 0.5, so “dog”: {', '.join(dogs) or 'none'}.")


def chosen_channel(
    photo: np.ndarray,
    maps: np.ndarray,
    layer: str,
    channel: int,
    field: ReceptiveField,
    scale: str = "standardized",
    every: mosaics.Wall | None = None,
) -> Picture:
    """One map of a photo, the photo lit where it is active, and all channels beside them.

    The strongest unit is framed in the map, and what it sees in the photo.

    ``photo`` is as the network takes it, ``field`` that of the layer's units, ``scale`` one of
    ``brightness.SCALES``, and ``every`` ``mosaics.wall(maps, scale, side=SIDE)``, if it is there.
    """
    (rows, cols, count), plane = maps.shape, maps[:, :, channel]
    low, high = brightness.limits(maps if scale == "shared" else plane[:, :, np.newaxis], scale)
    colors = Scale(HEAT, *(panels.number(end[0], "#.3g") for end in (low, high)))
    array = panels.places(plane, low[0], high[0])
    zeros, mean, largest, row, col = activations.one_map(plane)
    box = np.clip(field.box(row, col), 0, [*photo.shape[:2]] * 2).tolist()
    unit, seen = [panels.frame((row, col, row + 1, col + 1))], [panels.frame(box)]
    words = (
        f"{panels.percent(zeros)} of them 0, mean {mean:.2f}. The largest, {largest:.2f}, is at "
        f"row {row}, col {col}; its unit sees the framed {field.size[0]} × {field.size[1]} pixels."
    )
    if not plane.any():
        array[:], unit, seen = NOTHING, [Label("×", rows / 2, cols / 2, size=60)], []
        words = "all of them 0: nothing in this photo excites the channel."
    every = mosaics.wall(maps, scale, side=SIDE) if every is None else every
    columns, sets = int(np.ceil(np.sqrt(1.7 * count))), {"channel": range(count)}
    title = f"all {count} channels, {scale}"
    grid = mosaics.grid(title, every, range(count), columns, 678, sets=sets, chosen=channel)
    one = Panel(f"channel {channel} of {layer}", array, colors, 250, unit)
    over = Panel("lit where it is active", lit(photo, plane, field), None, 250, seen)
    which = f"{layer}, channel {channel} of 0 to {count - 1}: {rows} × {cols} numbers, "
    return Picture([[one, over], grid], which + words)


def lit(photo: np.ndarray, plane: np.ndarray, field: ReceptiveField) -> np.ndarray:
    """A photo, light where one map (rows, cols) is active: uint8 of the photo's shape."""
    light = brightness.scaled(plane[:, :, np.newaxis])[:, :, 0].astype(np.float32) / 255
    light = light[np.ix_(*field.units_at(plane.shape, photo.shape[:2]))][:, :, np.newaxis]
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)[:, :, np.newaxis]
    return np.clip(gray * 0.35 + light * (photo * 0.65 + 30), 0, 255).astype(np.uint8)
