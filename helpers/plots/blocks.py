"""Lesson 05: what each block of a network makes of a photo."""

from __future__ import annotations

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from helpers.activations import MapStatistics, ReadBack, edge_and_inside
from helpers.plots import canvas
from helpers.plots.mosaics import fitted, limits, mosaic, scaled, stitch
from helpers.receptive_field import ReceptiveField

#: Maps on one page.
PAGE = 64

#: Pixels along a map on a page of one photo, and of two.
PAGE_SIDE, PAIR_SIDE = 84, 56

_COLUMNS, _GAP = 8, 4
_LEVELS = 24  # steps of brightness in stored figures: hardly seen in small maps, a third smaller
_BETWEEN = 205  # brightness of the gaps between maps: no color that a map has
_WHITE = {
    "percentile": "its 99th percentile",
    "min–max": "its largest",
    "shared": "largest of the layer",
}

Limits = tuple[np.ndarray, np.ndarray]


def wall(
    maps: np.ndarray,
    side: int,
    scale: str = "percentile",
    within: Limits | None = None,
    levels: int = 256,
    gap: int = _GAP,
) -> np.ndarray:
    """Maps in rows of eight as one colored picture.

    Args:
        maps: float (rows, cols, channels).
        side: Pixels along a map's longer side in the picture.
        scale: One of ``mosaics.SCALES``.
        within: What to show black and brightest instead, as ``mosaics.limits`` returns it.
        levels: Steps of brightness; fewer make a smaller file.
        gap: Pixels between maps.

    Returns:
        uint8 (rows, cols, 3).
    """
    within = limits(maps, scale) if within is None else within
    if max(maps.shape[:2]) > side:  # fewer numbers to scale
        maps = fitted(maps, side)
    bright = fitted(scaled(maps, within=within), side)
    if levels < 256:
        bright = (_stepped(bright / 255, levels) * 255).round().astype(np.uint8)
    colors = canvas.colorize(mosaic(bright, _COLUMNS, gap=gap), canvas.HEAT)
    places = np.zeros((bright.shape[2], *bright.shape[:2]), np.uint8)
    colors[stitch(places, _COLUMNS, gap, fill=1) == 1] = _BETWEEN
    return colors


def layer_maps(photo: np.ndarray, maps: np.ndarray, name: str, scale: str = "percentile") -> Figure:
    """A photo beside the first 64 feature maps of a layer.

    Args:
        photo: uint8 (rows, cols, 3).
        maps: float (rows, cols, channels).
        name: The layer's name.
        scale: One of ``mosaics.SCALES``.

    Returns:
        A Figure of about 10 × 7 inches.
    """
    chosen = np.arange(min(PAGE, maps.shape[-1]))
    within = limits(maps, scale)
    return canvas.figure(page(photo, maps, chosen, name, scale, within, levels=_LEVELS))


def page(
    photo: np.ndarray,
    maps: np.ndarray,
    chosen: np.ndarray,
    name: str,
    scale: str,
    within: Limits,
    size: tuple[int, int] | None = None,
    rank: int | None = None,
    levels: int = 256,
) -> np.ndarray:
    """A photo beside up to 64 of a layer's maps.

    Args:
        photo: uint8 (rows, cols, 3).
        maps: float (rows, cols, channels), all channels; may be shrunk already.
        chosen: Which channels to show, in this order.
        name: The layer's name.
        scale: One of ``mosaics.SCALES``; names what is brightest.
        within: What to show black and brightest of every channel, as ``mosaics.limits`` returns it.
        size: (rows, cols) of the maps before they were shrunk.
        rank: If the channels are in order of activity, how many come before the first one; rows
            can't be named by their channels then.
        levels: Steps of brightness.

    Returns:
        uint8 (rows, cols, 3), about 960 wide and 730 high.
    """
    side = PAGE_SIDE
    rows, cols = maps.shape[:2] if size is None else size
    grid = wall(
        maps[:, :, chosen], side, within=(within[0][chosen], within[1][chosen]), levels=levels
    )
    lines = -(-len(chosen) // _COLUMNS)
    step = (grid.shape[0] + _GAP) // lines
    firsts = chosen[::_COLUMNS]
    labels = [
        canvas.padded(canvas.text(str(first) if rank is None else "", 15), rows=step, cols=34)
        for first in firsts
    ]
    grid = canvas.padded(grid, 8 * step - _GAP, _COLUMNS * (side + _GAP) - _GAP)
    walls = canvas.stack([canvas.stack(labels, 0), grid], 2, across=True)
    high = within[1][chosen]
    bar = canvas.color_bar(canvas.HEAT, *_ends(scale, within, chosen), cols=220, size=15)
    facts = [
        f"{rows} × {cols} positions",
        f"{len(chosen)} of {maps.shape[-1]} channels:",
        f"{chosen[0]} to {chosen[-1]}, row by row"
        if rank is None
        else f"ranks {rank + 1} to {rank + len(chosen)}",
    ]
    what = f"Brightest color:\n{_WHITE[scale]}"
    if scale != "shared":
        what += f"\n({high.min():.2f} to {high.max():.2f} here)"
    left = canvas.stack(
        [
            canvas.framed(_thumbnail(photo, 220)),
            canvas.text(name, 20, bold=True),
            canvas.text("\n".join(facts), 17),
            bar,
            canvas.text(what, 15),
        ],
        14,
    )
    return canvas.padded(
        canvas.stack([canvas.padded(left, cols=228), walls], 8, across=True), margin=2
    )


def pair(
    photos: tuple[np.ndarray, np.ndarray],
    maps: tuple[np.ndarray, np.ndarray],
    chosen: np.ndarray,
    heads: tuple[str, str],
    within: Limits,
    levels: int = 256,
) -> np.ndarray:
    """Two photos, each above the same channels' maps of it, in the same colors.

    Args:
        photos: Two uint8 (rows, cols, 3).
        maps: Two float (rows, cols, channels), all channels of a layer.
        chosen: Which channels to show, up to 64.
        heads: What to write beside each photo: its name, then facts on further lines.
        within: What to show black and brightest of every channel, in both.
        levels: Steps of brightness.

    Returns:
        uint8 (rows, cols, 3), about 970 wide and 640 high.
    """
    some = (within[0][chosen], within[1][chosen])
    extent = _COLUMNS * (PAIR_SIDE + _GAP) - _GAP
    columns = []
    for photo, both, words in zip(photos, maps, heads, strict=True):
        grid = wall(both[:, :, chosen], PAIR_SIDE, within=some, levels=levels)
        grid = canvas.padded(grid, cols=extent)
        name, _, facts = words.partition("\n")
        lines = canvas.stack([canvas.text(name, 20, bold=True), canvas.text(facts, 17)], 4)
        head = [canvas.framed(_thumbnail(photo, 120)), lines]
        columns.append(canvas.stack([canvas.stack(head, 12, across=True), grid], 8))
    return canvas.padded(canvas.stack(columns, 16, across=True), margin=2)


def two_photos(
    photos: tuple[np.ndarray, np.ndarray],
    maps: tuple[np.ndarray, np.ndarray],
    names: tuple[str, str],
    layer: str,
) -> Figure:
    """The first 32 maps of one layer for two photos side by side, in the same colors.

    Args:
        photos: Two uint8 (rows, cols, 3).
        maps: Two float (rows, cols, channels) of the same layer.
        names: What to call the photos.
        layer: The layer's name.
    """
    chosen = np.arange(min(32, maps[0].shape[-1]))
    heads = tuple(pair_head(name, layer, m, chosen) for name, m in zip(names, maps, strict=True))
    return canvas.figure(pair(photos, maps, chosen, heads, joint_limits(*maps), _LEVELS))


def pair_head(name: str, layer: str, maps: np.ndarray, chosen: np.ndarray) -> str:
    """What stands beside one of two photos: its name, the layer and the share of zeros."""
    zeros = np.mean(maps[:, :, chosen] == 0)
    return f"{name}\n{layer}, {len(chosen)} channels\n{zeros:.0%} zeros in them"


def joint_limits(first: np.ndarray, second: np.ndarray, scale: str = "percentile") -> Limits:
    """Limits that fit the same channels' maps of two photos: float arrays (channels,)."""
    (low, high), (low2, high2) = limits(first, scale), limits(second, scale)
    return np.minimum(low, low2), np.maximum(high, high2)


def two_scales(maps: np.ndarray, name: str) -> Figure:
    """The same 32 maps scaled min–max and to the 99th percentile, side by side.

    Args:
        maps: float (rows, cols, channels).
        name: The layer's name.
    """
    maps = maps[:, :, :32]
    halves = []
    for scale in ("min–max", "percentile"):
        title = f"{name}, {scale}"
        bright = f"mean brightness {scaled(maps, scale).mean():.0f} of 255"
        heads = [canvas.text(title, 18, bold=True), canvas.text(bright, 17)]
        halves.append(canvas.stack([*heads, wall(maps, 56, scale, levels=_LEVELS)], 6))
    return canvas.figure(canvas.stack(halves, 16, across=True))


def block_ends(photo: np.ndarray, maps: dict[str, np.ndarray]) -> Figure:
    """A photo and, for each layer, its first 64 feature maps; three panels in a row.

    Args:
        photo: uint8 (rows, cols, 3).
        maps: float (rows, cols, channels) by layer name.
    """
    side, gap = 38, 2
    extent = _COLUMNS * (side + gap) - gap
    panels = [canvas.titled(_thumbnail(photo, extent), "the photo", 18, bold=True)]
    for name, layer in maps.items():
        title = f"{name} · {layer.shape[0]} × {layer.shape[1]}"
        grid = wall(layer[:, :, :PAGE], side, levels=_LEVELS, gap=gap)
        panels.append(canvas.titled(grid, title, 18, bold=True))
    return canvas.figure(_in_rows(panels, 3))


def strongest_maps(maps: dict[str, np.ndarray], channels: dict[str, np.ndarray]) -> Figure:
    """A row of maps for each layer.

    Args:
        maps: float (rows, cols, channels) by layer name.
        channels: Which channels of each layer, up to eight, such as the most active.
    """
    rows = []
    for name, layer in maps.items():
        chosen = channels[name]
        which = ", ".join(str(channel) for channel in chosen)
        title = canvas.stack(
            [
                canvas.text(name, 18, bold=True),
                canvas.text(f"{layer.shape[0]} × {layer.shape[1]}, channels {which}", 17),
            ],
            12,
            across=True,
        )
        rows.append(canvas.stack([title, wall(layer[:, :, chosen], 112, levels=_LEVELS)], 4))
    return canvas.figure(canvas.stack(rows, 12))


def padding_reach(deviations: dict[str, np.ndarray], fields: dict[str, ReceptiveField]) -> Figure:
    """How far each position's answer to an even photo is from that of the middle.

    A white frame encloses the positions whose receptive field meets no padding.

    Args:
        deviations: float (rows, cols) by layer name.
        fields: The layers' receptive fields.
    """
    panels = []
    for name, deviation in deviations.items():
        rows, cols = deviation.shape
        side = 224 // max(rows, cols)
        picture = canvas.colorize(deviation, canvas.HEAT, 0)
        picture = canvas.enlarge(picture, rows * side, cols * side)
        stride = fields[name].stride
        inside = fields[name].inside((rows, cols), (rows * stride[0], cols * stride[1]))
        spots = np.argwhere(inside)
        if len(spots):
            (top, left), (bottom, right) = spots.min(axis=0) * side, (spots.max(axis=0) + 1) * side
            cv2.rectangle(picture, (left - 2, top - 2), (right + 1, bottom + 1), (255, 255, 255), 2)
        words = f"{inside.sum():,} of {inside.size:,}\nmeet no padding"
        panels.append(
            canvas.stack([canvas.text(name, 18, bold=True), picture, canvas.text(words, 17)], 6)
        )
    picture = canvas.stack(panels, 12, across=True)
    bar = canvas.color_bar(canvas.HEAT, "as in the middle", "most different", cols=300, size=16)
    return canvas.figure(canvas.stack([picture, bar], 12))


def bright_frames(zeros: np.ndarray, photo: np.ndarray, channels: np.ndarray) -> Figure:
    """Maps of the same part of a photo, with zeros around it and with the rest of the photo.

    Args:
        zeros: float (rows, cols, channels), with zeros around.
        photo: The same positions, with photo around.
        channels: Which channels to show, about six.
    """
    rows = [canvas.text("", 16)]
    for title, maps, other in (
        ("zeros around the photo", zeros, photo),
        ("more of the photo around it", photo, zeros),
    ):
        ring, inside = edge_and_inside(maps)
        tiles = []
        for channel in channels:
            largest = max(maps[:, :, channel].max(), other[:, :, channel].max())
            tile = canvas.colorize(maps[:, :, channel], canvas.HEAT, 0, float(largest))
            words = f"channel {channel}\nframe {ring[channel]:.2f}\ninside {inside[channel]:.2f}"
            tiles.append(canvas.stack([canvas.enlarge(tile, 140), canvas.text(words, 17)], 4))
        rows.append(canvas.titled(canvas.stack(tiles, 16, across=True), title, 18, bold=True))
    bar = canvas.color_bar(canvas.HEAT, "0", "channel's largest", cols=300, size=16)
    return canvas.figure(canvas.stack([*rows[1:], bar], 14))


def read_backs(grey: np.ndarray, readings: dict[str, ReadBack], squares: int = 14) -> Figure:
    """A photo, what can be read back from each layer, and the photo as means of squares.

    Args:
        grey: float (rows, cols), 0–1.
        readings: What ``activations.read_back`` found, by layer name.
        squares: Rows and cols of squares for comparison; they must divide the photo's.
    """
    high, wide = grey.shape[0] // squares, grey.shape[1] // squares
    means = grey.reshape(squares, high, squares, wide).mean(axis=(1, 3))
    coarse = np.kron(means, np.ones((high, wide)))
    share = 1 - np.square(coarse - grey).sum() / np.square(grey - grey.mean()).sum()
    pictures = {
        "the photo in grey": (grey, 1.0),
        **readings,
        f"{squares} × {squares} mean greys": (coarse, share),
    }
    panels = [
        canvas.stack(
            [
                canvas.text(name, 18, bold=True),
                canvas.enlarge(canvas.colorize(_stepped(picture, 48), canvas.GREY, 0, 1), 224),
                canvas.text(f"{share:.0%} of the variance", 17),
            ],
            4,
        )
        for name, (picture, share) in pictures.items()
    ]
    return canvas.figure(_in_rows(panels, 4))


def layer_profile(
    statistics: list[MapStatistics], fields: dict[str, ReceptiveField], photo_side: int
) -> Figure:
    """Sparsity, dead channels and receptive field of every layer, from first to last.

    Args:
        statistics: What ``activations.statistics`` returns.
        fields: Receptive fields by layer name.
        photo_side: Rows of the photo in pixels, drawn as a line to compare fields with.
    """
    names = [layer.name for layer in statistics]
    places = np.arange(len(names))
    figure = Figure(figsize=(9.6, 7.8), dpi=100, layout="constrained")
    top, middle, bottom = figure.subplots(3, sharex=True, height_ratios=(1, 1, 1.4))
    series = (
        (top, [layer.sparsity for layer in statistics], "zeros among\nall numbers", "{:.0%}"),
        (middle, [layer.dead / layer.channels for layer in statistics], "dead\nchannels", "{:.0%}"),
        (bottom, [fields[name].size[0] for name in names], "receptive field\n(pixels)", "{:.0f}"),
    )
    for axes, values, label, pattern in series:
        bars = axes.bar(places, values, color=canvas.BLUE, width=0.7)
        axes.bar_label(bars, [pattern.format(value) for value in values], fontsize=12, padding=2)
        axes.set_ylabel(label, fontsize=13)
        axes.tick_params(labelsize=12)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    for axes in (top, middle):
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    top.set_ylim(0, 1)
    middle.set_ylim(0, max(1.25 * max(series[1][1]), 0.1))
    bottom.set_ylim(0, 1.25 * max(photo_side, *series[2][1]))
    bottom.axhline(photo_side, color=canvas.RED, linestyle="--")
    bottom.annotate(
        f"the photo: {photo_side} pixels",
        (-0.4, photo_side),
        xytext=(0, 4),
        textcoords="offset points",
        fontsize=12,
        color=canvas.RED,
    )
    bottom.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    return figure


def lost_and_gained(shares: dict[str, float], changes: dict[str, float], pixels: int) -> Figure:
    """How much of a photo each layer lets one read back, and how much a small shift changes it.

    Args:
        shares: R² by layer name, as ``activations.read_back`` returns it.
        changes: Distance from the maps of the shifted photo, relative to that of another photo.
        pixels: How far the photo was shifted.
    """
    names = list(shares)
    figure = Figure(figsize=(9.6, 4.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    lines = (
        (shares, "o-", canvas.BLUE, "lost: grey values that can be read back"),
        (changes, "s--", canvas.RED, f"gained: change when the photo moves {pixels} pixels"),
    )
    for values, style, color, label in lines:
        axes.plot([values[name] for name in names], style, color=color, label=label, lw=2, ms=8)
    axes.set_ylim(0, 1.05)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(labelsize=12)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=13, frameon=False, loc="upper right")
    return figure


def _ends(scale: str, within: Limits, chosen: np.ndarray) -> tuple[str, str]:
    """What to write at the ends of the color bar."""
    low, high = within[0][chosen], within[1][chosen]
    dark = f"{low.min():.2g}" if low.min() == low.max() else "smallest"
    return dark, f"{high.max():.3g}" if scale == "shared" else "brightest"


def _stepped(brightness: np.ndarray, levels: int) -> np.ndarray:
    """Brightness 0–1 in so many steps."""
    return np.rint(brightness * (levels - 1)) / (levels - 1)


def _thumbnail(photo: np.ndarray, side: int) -> np.ndarray:
    """A photo with its longer side of so many pixels."""
    factor = side / max(photo.shape[:2])
    rows, cols = (max(1, round(length * factor)) for length in photo.shape[:2])
    return canvas.enlarge(photo, rows, cols, smooth=True)


def _in_rows(panels: list[np.ndarray], columns: int) -> np.ndarray:
    rows = [panels[first : first + columns] for first in range(0, len(panels), columns)]
    return canvas.stack([canvas.stack(row, 12, across=True) for row in rows], 14)
