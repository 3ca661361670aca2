"""One photo on its way through a network: every layer's maps in rows, and how empty they get."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from helpers.activations import MapStatistics
from helpers.plots import canvas
from helpers.plots.mosaics import fitted, limits, scaled, stitch
from helpers.receptive_field import ReceptiveField, receptive_field

#: Pixels for a layer's name at the left of its row.
LABEL_COLS = 104

#: Tiles in a line where all channels are shown.
LINE = 32

#: How maps become brightness in the explorer.
SCALES = ("standardized", "percentile", "shared")

#: Size of the strip that shows all channels of a layer.
STRIP_ROWS, STRIP_COLS = 120, 960

_CROSS = (150, 150, 150)
_CHOSEN = (0, 60, 200)  # the frame around a map: dark between white lines, so seen in grey, too


def standardized(maps: np.ndarray) -> np.ndarray:
    """Each channel by itself: its mean to 128, one standard deviation to 64 levels, then cut.

    A channel that is the same everywhere has no deviation to divide by; it becomes 128.

    Args:
        maps: float (rows, cols, channels).

    Returns:
        uint8 (rows, cols, channels).

    Raises:
        ValueError: Another shape, or NaN or infinity.
    """
    maps = np.asarray(maps, dtype=np.float32)
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(f"maps have the shape (rows, cols, channels), not {maps.shape}")
    if not np.isfinite(maps).all():
        raise ValueError("the maps hold NaN or infinity")
    flat = maps.reshape(-1, maps.shape[-1]).astype(np.float64)
    mean, spread = flat.mean(axis=0), flat.std(axis=0)
    varies = spread > 1e-7 * np.abs(flat).max(axis=0)  # less is rounding, not variation
    gain = np.divide(64, spread, out=np.zeros_like(spread), where=varies)
    return np.clip((flat - mean) * gain + 128.5, 0, 255).astype(np.uint8).reshape(maps.shape)


def layer_rows(maps: dict[str, np.ndarray], channels: int | None = None) -> Figure:
    """Every layer's maps of one photo, a row for each layer, standardized channel by channel.

    Channels that are 0 everywhere are crossed out.

    Args:
        maps: float arrays (rows, cols, channels) by layer name, in the network's order.
        channels: Only the first so many of each layer, enlarged; None for all, 32 to a line.
    """
    columns = LINE if channels is None else channels
    side = (1000 - LABEL_COLS) // columns - 2
    rows = []
    for name, layer_maps in maps.items():
        shown = layer_maps[:, :, :channels]
        strip = stitch(_tiles(shown, "standardized", side), columns, gap=2, fill=255)
        size = " × ".join(str(length) for length in layer_maps.shape)
        label = canvas.stack([canvas.text(name, 18, bold=True), canvas.text(size, 12)], gap=0)
        rows.append(
            canvas.stack([canvas.padded(label, cols=LABEL_COLS), strip], gap=0, across=True)
        )
    return canvas.figure(canvas.padded(canvas.stack(rows, gap=10), margin=4, cols=1008))


def same_map_scaled(maps: np.ndarray, channels: list[int], name: str) -> Figure:
    """A few channels on three scales: each standardized, each to its own percentile, all alike.

    Args:
        maps: float (rows, cols, channels) of one layer.
        channels: Which ones, at most 8.
        name: The layer's name.
    """
    titles = {
        "standardized": "standardized: mean 128,\none deviation 64 levels",
        "percentile": "own range: 0 dark,\n99th percentile light",
        "shared": "one range for all:\nthe layer's maximum light",
    }
    side = (1000 - 210) // len(channels) - 6
    heads = [canvas.text(f"channel {c}", 15, bold=True) for c in channels]
    gap = 6
    head = canvas.stack(
        [canvas.padded(head, cols=side)[:, :side] for head in heads], gap, across=True
    )
    rows = [
        canvas.stack(
            [canvas.padded(canvas.text(name, 18, bold=True), cols=210), head], 0, across=True
        )
    ]
    for scale in SCALES:
        strip = stitch(_tiles(maps, scale, side)[channels], len(channels), gap, fill=255)
        label = canvas.padded(canvas.text(titles[scale], 15), cols=210)
        rows.append(canvas.stack([label, strip], 0, across=True))
    return canvas.figure(canvas.padded(canvas.stack(rows, gap=8), margin=4))


def emptiness(statistics: list[MapStatistics]) -> Figure:
    """How large a share of each layer's numbers is 0, as bars, with the dead channels named.

    Args:
        statistics: What ``activations.statistics`` returns.
    """
    figure = Figure(figsize=(9.6, 0.62 * len(statistics) + 1), dpi=100, layout="constrained")
    axes = figure.subplots()
    names = [layer.name for layer in statistics]
    shares = [100 * layer.sparsity for layer in statistics]
    pools = ["pool" in name for name in names]
    bars = axes.barh(names, shares, color=["white" if pool else canvas.BLUE for pool in pools])
    for bar, pool in zip(bars, pools, strict=True):
        bar.set_hatch("//" if pool else "")
        bar.set_edgecolor(canvas.BLUE)
    for place, layer in enumerate(statistics):
        dead = f"; {layer.dead} of {layer.channels} channels are 0 everywhere" if layer.dead else ""
        axes.text(
            100 * layer.sparsity + 1, place, f"{layer.sparsity:.0%}{dead}", va="center", fontsize=13
        )
    axes.set(xlim=(0, 100), xticks=range(0, 101, 20))  # what stands beyond finds room by itself
    axes.set_xlabel("numbers that are exactly 0, in percent (hatched: pooling layers)", fontsize=13)
    axes.tick_params(labelsize=13)
    axes.invert_yaxis()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def verdicts(photos: dict[str, np.ndarray], probabilities: np.ndarray) -> Figure:
    """Photos with what the cat–dog network says of each.

    Args:
        photos: uint8 (rows, cols, 3) by name.
        probabilities: Probability of "dog" for each, float (n,).
    """
    columns = min(len(photos), 6)
    side = 1000 // columns - 10
    tiles = []
    for (name, photo), dog in zip(photos.items(), probabilities, strict=True):
        bar = np.full((16, side, 3), 222, np.uint8)
        bar[:, : round(side * float(dog))] = (33, 113, 181)
        words = canvas.stack(
            [canvas.text(name[:17], 14), canvas.text(f"dog: {dog:.2f}", 18, bold=True)], gap=0
        )
        picture = canvas.enlarge(photo, side, side)
        tile = canvas.stack([picture, canvas.framed(bar)[:, :side], words], gap=4)
        tiles.append(canvas.padded(tile[:, :side], cols=side))
    lines = [
        canvas.stack(tiles[first : first + columns], 10, across=True)
        for first in range(0, len(tiles), columns)
    ]
    return canvas.figure(canvas.padded(canvas.stack(lines, 12), margin=4))


def strip_of(maps: np.ndarray, scale: str) -> np.ndarray:
    """All channels of a layer as one uint8 picture (120, 960, 3): the fewer, the larger.

    Args:
        maps: float (rows, cols, channels).
        scale: One of ``SCALES``.
    """
    side, columns = _strip_layout(maps.shape[-1])
    strip = stitch(_tiles(maps, scale, side - 2), columns, gap=2, fill=255)
    return canvas.padded(strip, STRIP_ROWS, STRIP_COLS)


def one_channel(
    photo: np.ndarray,
    maps: np.ndarray,
    channel: int,
    field: ReceptiveField,
    strip: np.ndarray,
    scale: str,
) -> np.ndarray:
    """A photo, one of its maps, the map laid over the photo, and all channels below.

    Args:
        photo: uint8 (rows, cols, 3) as the network takes it.
        maps: float (rows, cols, channels) of one layer.
        channel: Which one, from 0.
        field: Receptive field of the layer's units.
        strip: What ``strip_of`` makes of these maps on this scale; not changed.
        scale: One of ``SCALES``.

    Returns:
        uint8 picture (rows, cols, 3), of the same size for all layers and channels.
    """
    side, gap = 308, 19
    chosen = maps[:, :, channel]
    within = limits(maps, scale) if scale == "shared" else None
    tile = _tiles(
        chosen[:, :, np.newaxis], scale, side, within and tuple(end[:1] for end in within)
    )[0]
    panels = [
        canvas.titled(cv2.resize(photo, (side, side)), "the photo"),
        canvas.titled(tile, f"channel {channel}"),
        canvas.titled(laid_over(photo, chosen, field, side), "where it is active"),
    ]
    strip = strip.copy()
    cell, columns = _strip_layout(maps.shape[-1])
    top, left = (channel // columns) * cell, (channel % columns) * cell
    corner = (left + cell - 2, top + cell - 2)
    start = (max(left - 1, 0), max(top - 1, 0))
    cv2.rectangle(strip, start, corner, canvas.PAPER, 7)
    cv2.rectangle(strip, start, corner, _CHOSEN, 3)
    above = canvas.stack(panels, gap, across=True)
    return canvas.padded(canvas.stack([above, strip], gap=12), margin=4, cols=970)


def chosen_channel(
    model: Any, photo: np.ndarray, maps: np.ndarray, layer: str, channel: int
) -> Figure:
    """The explorer's picture for one setting, standardized, as a Figure.

    Args:
        model: The network, for the layer's receptive field.
        photo: uint8 (rows, cols, 3) as the network takes it.
        maps: float (rows, cols, channels) of the layer.
        layer: Its name.
        channel: Which channel, from 0.
    """
    scale = SCALES[0]
    field, strip = receptive_field(model, layer), strip_of(maps, scale)
    return canvas.figure(one_channel(photo, maps, channel, field, strip, scale))


def laid_over(
    photo: np.ndarray, chosen: np.ndarray, field: ReceptiveField, side: int
) -> np.ndarray:
    """A photo that is light where a map is active: uint8 (side, side, 3).

    Each number of the map lights the square around the middle of its receptive field, so map and
    photo lie exactly over one another.

    Args:
        photo: uint8 (rows, cols, 3).
        chosen: float (rows, cols), one feature map.
        field: Receptive field of its units.
        side: Rows and cols of the picture in pixels.
    """
    strength = chosen / max(float(chosen.max()), 1e-12)
    spread = np.clip(strength, 0, 1).astype(np.float32)
    # pixel (y, x) of the photo belongs to the unit whose field's middle is nearest to it
    reach = [
        np.clip(
            np.floor((np.arange(length) + 0.5 - start - size / 2) / stride + 0.5).astype(int),
            0,
            count - 1,
        )
        for length, start, size, stride, count in zip(
            photo.shape[:2], field.start, field.size, field.stride, chosen.shape, strict=True
        )
    ]
    light = spread[np.ix_(*reach)]
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)[:, :, np.newaxis]
    lit = grey * 0.25 + light[:, :, np.newaxis] * (photo * 0.75 + np.float32([40, 30, 0]))
    return cv2.resize(np.clip(lit, 0, 255).astype(np.uint8), (side, side))


def _strip_layout(channels: int) -> tuple[int, int]:
    """Side of a tile with its gap, and how many go in a line, so that all fit into the strip."""
    lines = 1
    while -(-channels // lines) * (STRIP_ROWS // lines) > STRIP_COLS:
        lines += 1
    return STRIP_ROWS // lines, max(STRIP_COLS // (STRIP_ROWS // lines), 1)


def _tiles(
    maps: np.ndarray,
    scale: str,
    side: int,
    within: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Colored tiles (channels, side, side, 3) of maps; dead channels crossed out."""
    bright = standardized(maps) if scale == "standardized" else scaled(maps, scale, within)
    tiles = _colored(bright, side)
    for dead in np.flatnonzero(~np.any(maps, axis=(0, 1))):
        tile = np.full((side, side, 3), 60, np.uint8)
        cv2.line(tile, (0, 0), (side - 1, side - 1), _CROSS, max(1, side // 60), cv2.LINE_AA)
        cv2.line(tile, (0, side - 1), (side - 1, 0), _CROSS, max(1, side // 60), cv2.LINE_AA)
        tiles[dead] = tile
    return tiles


def _colored(bright: np.ndarray, side: int) -> np.ndarray:
    if side >= 4 * max(bright.shape[:2]):  # large enough to see the map's own pixels
        places = (
            np.arange(side) * bright.shape[0] // side,
            np.arange(side) * bright.shape[1] // side,
        )
        resized = bright[np.ix_(*places)]
    else:
        resized = fitted(bright, side)
    count = resized.shape[-1]
    flat = np.ascontiguousarray(resized.reshape(-1, count).T).reshape(-1, resized.shape[1])
    return canvas.colorize(flat, canvas.HEAT).reshape(count, *resized.shape[:2], 3)
