"""Lesson 05: what each block of a network makes of a photo.

Photos are uint8 (rows, cols, 3), a layer's maps of one photo float (rows, cols, channels).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from helpers import activations, brightness
from helpers.plots import mosaics, panels
from helpers.plots.page import Picture
from helpers.plots.panels import Panel
from helpers.receptive_field import ReceptiveField

#: Maps on one page.
PAGE = 64

_SIDES = {1: 60, 2: 43}  # pixels of a map beside one photo, and below each of two


class Layer(NamedTuple):
    """One layer's maps of one photo or two, small and bright, and what is said of them.

    Attributes:
        name: The layer's.
        size: (rows, cols) of its maps.
        zeros: Share of zeros, float (photos, channels).
        walls: By scale of brightness, one for each photo; a channel has the same colors in all.
    """

    name: str
    size: tuple[int, int]
    zeros: np.ndarray
    walls: dict[str, list[mosaics.Wall]]


def summed_up(name: str, maps: np.ndarray, scales: Sequence[str]) -> Layer:
    """What ``page`` shows of a layer's maps, float (photos, rows, cols, channels)."""
    small = [panels.shrunk(one, _SIDES[len(maps)]) for one in maps]
    walls = {}
    for scale in scales:
        within = brightness.limits(maps, scale)
        walls[scale] = [mosaics.wall(one, scale, within) for one in small]
    return Layer(name, maps.shape[1:3], np.stack([*map(activations.sparsity, maps)]), walls)


def page(
    photos: dict[str, np.ndarray],
    layer: Layer,
    channels: Sequence[int],
    scale: str = "percentile",
    which: str = "",
) -> Picture:
    """A photo beside up to 64 of a layer's maps, or two photos, each above its own.

    Args:
        photos: One or two, by name.
        layer: What ``summed_up`` returns for them.
        channels: Which channels to show, in this order.
        scale: One of those that the layer was summed up for.
        which: What to call these channels; "channels 0 to 63" or the like by default.
    """
    which = which or f"channels {channels[0]} to {channels[-1]}"
    which = f"{layer.name}, {which} of {layer.zeros.shape[1]}"
    size = f"{layer.size[0]} × {layer.size[1]} positions each"
    dead = f"dead (×): {(layer.zeros[:, channels] == 1).all(axis=0).sum()} of {len(channels)}"
    zeros = [f"{panels.percent(share[channels].mean())} zeros" for share in layer.zeros]
    shown, alone = [], len(photos) == 1
    columns, width = (10, 640) if alone else (8 if len(channels) <= 32 else 10, 472)
    for (name, photo), wall, share in zip(photos.items(), layer.walls[scale], zeros, strict=True):
        side, note = 280 if alone else 90, f"{size}\n{share} in these {len(channels)}\n{dead}"
        one = Panel(name, panels.shrunk(photo, side), width=side, note=note if alone else "")
        title, note = (which, "") if alone else (f"maps of {name}", f"{share}")
        grid = mosaics.grid(title, wall, channels, columns, width, note=note)
        shown += [one, grid] if alone else [[one, grid]]
    zeros[0] += " in these maps" if alone else ""
    found = " and ".join(f"{share} for {name}" for name, share in zip(photos, zeros, strict=True))
    same = (
        "" if alone else "The same place is the same channel, and the same color the same number. "
    )
    return Picture(shown, f"{which}; {size}. {same}{found}; {dead}.")


def layer_maps(
    photos: dict[str, np.ndarray],
    maps: np.ndarray,
    name: str,
    scale: str = "percentile",
    count: int = PAGE,
) -> Picture:
    """``page`` of the first ``count`` maps of a layer, float (photos, rows, cols, channels)."""
    channels = np.arange(min(count, maps.shape[-1]))
    return page(photos, summed_up(name, maps, [scale]), channels, scale)


def padding_reach(deviations: dict[str, np.ndarray], fields: dict[str, ReceptiveField]) -> Picture:
    """How far each position's answer to an even photo is from that of the middle.

    Deviations are float (rows, cols) by layer name, 1 being the mean of the middle. A white frame
    encloses the positions whose receptive field meets no padding.
    """
    shown = []
    for name, deviation in deviations.items():
        (rows, cols), stride = deviation.shape, fields[name].stride
        inside = fields[name].inside((rows, cols), (rows * stride[0], cols * stride[1]))
        free = np.argwhere(inside)
        array, colors = panels.heat(deviation)
        colors = colors._replace(low="as in the middle", high=f"{deviation.max():.0%} off")
        note, marks = f"{len(free):,} of {rows * cols:,}\nmeet no padding", []
        if len(free):
            box = [*free.min(axis=0).tolist(), *(free.max(axis=0) + 1).tolist()]
            marks = [panels.frame(box, "#ffffff")]
        shown.append(Panel(name, array, colors, 224, marks, note=note))
    return Picture(shown, "Inside the white frame no receptive field meets padding: all is black.")


def bright_frames(zeros: np.ndarray, photo: np.ndarray, channels: Sequence[int]) -> Picture:
    """Some channels' maps of one part of a photo, with zeros around it and with more photo."""
    around = {"zeros around": zeros, "photo around": photo}
    sums = {what: activations.edge_and_inside(maps) for what, maps in around.items()}
    columns = []
    for channel in channels:
        high = max(float(maps[:, :, channel].max()) for maps in around.values())
        columns.append([])
        for what, maps in around.items():
            ring, inside = (part[channel] for part in sums[what])
            title, note = f"channel {channel},\n{what}", f"frame {ring:.2f}\ninside {inside:.2f}"
            array, colors = panels.heat(maps[:, :, channel], high)
            columns[-1].append(Panel(title, array, colors, 140, note=note, bar=maps is photo))
    means = [f"{sums[what][0][channels].mean():.2f} with {what}" for what in around]
    return Picture(columns, f"Mean of these frames: {' and '.join(means)}.")
