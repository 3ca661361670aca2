"""Pictures of first-layer filters in color, ranked and compared.

The numbers come from ``helpers.filters``.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure

from helpers import filters
from helpers.plots import canvas, tiles


def rgb_filters(
    kernel: np.ndarray,
    order: Sequence[int] | None = None,
    notes: Sequence[str] | None = None,
    columns: int = 16,
    side: int = 54,
) -> Figure:
    """First-layer filters as color pictures: mid-grey is 0, each filter as strong as can be.

    Args:
        kernel: float (rows, cols, 3, out), input channels blue, green, red (VGG16's order).
        order: Which filters, in which order; all by default.
        notes: A few letters below each one; its number by default.
        columns: Filters in a row.
        side: Pixels of a filter.
    """
    order = range(kernel.shape[3]) if order is None else order
    notes = [str(f) for f in order] if notes is None else notes
    chosen = rgb_tiles(kernel)[list(order)]
    cells = [
        canvas.stack([tiles.tile(colors, side), canvas.text(note, 14)], 2, "center")
        for colors, note in zip(chosen, notes, strict=True)
    ]
    pitch = max(cell.shape[1] for cell in cells)
    cells = [canvas.padded(cell, cols=pitch, align="center") for cell in cells]
    rows = [
        canvas.stack(cells[i : i + columns], 4, across=True) for i in range(0, len(cells), columns)
    ]
    return canvas.figure(canvas.padded(canvas.stack(rows, 6), margin=6))


def channel_order(kernel: np.ndarray, chosen: Sequence[int]) -> Figure:
    """The same filters with their input channels read rightly (BGR) and wrongly (as RGB).

    Args:
        kernel: float (rows, cols, 3, out), input channels blue, green, red.
        chosen: Which filters.
    """
    side = min(96, 760 // len(chosen))
    rows = []
    for words, colors in (
        ("read as BGR\n(right)", rgb_tiles(kernel)),
        ("read as RGB\n(wrong)", rgb_tiles(filters.as_rgb(kernel))),
    ):
        label = tiles.label(words, side + 2, 130)
        rows.append(canvas.stack([label, tiles.row(colors[list(chosen)], side)], 12, across=True))
    heads = tiles.words_row([str(f) for f in chosen], side)
    head = canvas.stack([np.full((1, 130, 3), 255, np.uint8), heads], 12, across=True)
    return canvas.figure(canvas.padded(canvas.stack([head, *rows], 10), margin=6))


def slice_extremes(kernel: np.ndarray, values: np.ndarray, count: int = 6) -> Figure:
    """The filters whose R, G and B slices differ most, and those where they are most alike.

    Args:
        kernel: float (rows, cols, 3, out), input channels blue, green, red.
        values: float (out,), what ``filters.slice_similarity`` returns.
        count: How many at each end.
    """
    order = np.argsort(values, kind="stable")
    colored, centered = rgb_tiles(kernel), filters.zero_centered(kernel)
    side, groups = min(63, 430 // count), []
    for title, chosen in (
        ("least alike: color-opponent", order[:count]),
        ("most alike: color-blind", order[::-1][:count]),
    ):
        slices = [tiles.colors(centered[:, :, channel, chosen], "signed") for channel in (2, 1, 0)]
        rows = [tiles.row(colors, side) for colors in (colored[chosen], *slices)]
        notes = tiles.words_row([tiles.number(values[f]) for f in chosen], side)
        heads = tiles.words_row([str(f) for f in chosen], side)
        groups.append(canvas.stack([canvas.text(title, 17, True), heads, *rows, notes], 6))
    names = ["in color", "red slice", "green slice", "blue slice"]
    middle = [tiles.label(name, side + 2, 96) for name in names]
    ends = [tiles.label(words, heads.shape[0], 96) for words in ("filter", "similarity")]
    left = canvas.stack([tiles.label("", 21, 96), ends[0], *middle, ends[1]], 6)
    body = canvas.stack([left, *groups], 22, across=True)
    bar = canvas.color_bar(canvas.SIGNED, "−largest", "+largest", "0", 300, 15)
    words = canvas.text("slices: each filter by its own largest magnitude", 16)
    legend = canvas.stack([words, bar], 26, across=True)
    return canvas.figure(canvas.padded(canvas.stack([body, legend], 14), margin=6))


def orientation_fan(kernel: np.ndarray, found: filters.Orientation, side: int = 36) -> Figure:
    """First-layer filters on half a disk: the angle is their stripes', the distance how clear.

    Args:
        kernel: float (rows, cols, 3, out), input channels blue, green, red.
        found: What ``filters.orientation`` returns.
        side: Pixels of a filter.
    """
    radius, margin, top = 430, 60, 40
    paper = np.full((top + radius + 70, 2 * (radius + margin), 3), 255, np.uint8)
    center = np.array([top + radius, radius + margin])
    _draw_rings(paper, center, radius)
    colors = rgb_tiles(kernel)
    angle = np.radians(found.angle)
    spots = np.stack([-np.sin(angle), np.cos(angle)], axis=1) * found.strength[:, None] * radius
    spots = _apart(spots, side + 5)
    for index in np.argsort(found.strength, kind="stable"):
        tile = tiles.tile(colors[index], side)
        row, col = np.round(center + spots[index] - tile.shape[0] / 2).astype(int)
        row = min(max(row, 0), paper.shape[0] - tile.shape[0])
        col = min(max(col, 0), paper.shape[1] - tile.shape[1])
        paper[row : row + tile.shape[0], col : col + tile.shape[1]] = tile
    return canvas.figure(paper)


def filter_pairs(kernel: np.ndarray, alike: list, opposite: list) -> Figure:
    """Pairs of first-layer filters with the cosine between them: near-duplicates, opposites.

    Args:
        kernel: float (rows, cols, 3, out), input channels blue, green, red.
        alike: ``filters.Pair`` objects for the upper row.
        opposite: ``filters.Pair`` objects for the lower row.
    """
    colors, rows = rgb_tiles(kernel), []
    for words, pairs in (("most alike", alike), ("most opposite", opposite)):
        cells = []
        for pair in pairs:
            both = tiles.row([colors[pair.first], colors[pair.second]], 70, gap=3)
            note = f"{pair.first} and {pair.second}\ncosine {tiles.number(pair.cosine)}"
            cells.append(canvas.stack([both, canvas.text(note, 15)], 3))
        label = tiles.label(words, 72, 130)
        rows.append(canvas.stack([label, *cells], 20, across=True))
    return canvas.figure(canvas.padded(canvas.stack(rows, 16), margin=6))


def trained_and_random(trained: np.ndarray, random: np.ndarray) -> Figure:
    """All first-layer filters of a trained network beside those of one that never learned.

    Args:
        trained: float (rows, cols, 3, out), input channels blue, green, red.
        random: The same of the other network.
    """
    halves = []
    for kernel, title in ((trained, "trained"), (random, "random: before any training")):
        grid = tiles.grid(rgb_tiles(kernel), 51, 5, 8, -(-kernel.shape[3] // 8))
        halves.append(canvas.titled(grid, title, 19, bold=True))
    return canvas.figure(canvas.padded(canvas.stack(halves, 40, across=True), margin=6))


def smoothness_test(
    trained: float, random: float, shuffled: np.ndarray, layer: str = "block1_conv1"
) -> Figure:
    """A layer's smoothness beside that of a random one and of its own weights shuffled.

    Args:
        trained: ``filters.smoothness`` of the trained layer.
        random: The same of the random one.
        shuffled: float (times,), what ``filters.shuffled_smoothness`` returns.
        layer: The layer's name.
    """
    figure = Figure(figsize=(9.6, 3.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.hist(
        shuffled,
        bins=20,
        color=canvas.GREY_BARS,
        label=f"the same weights, shuffled {shuffled.size} times",
    )
    tallest = axes.get_ylim()[1]
    for value, words, color, style in (
        (random, "random", canvas.BLUE, "--"),
        (trained, "trained", canvas.RED, "-"),
    ):
        axes.axvline(value, color=color, linewidth=3, linestyle=style)
        axes.annotate(
            f" {words}\n {tiles.number(value)}",
            (value, tallest * 1.04),
            color=color,
            fontsize=14,
            va="top",
        )
    low, high = min(random, shuffled.min(), trained), max(random, shuffled.max(), trained)
    axes.set_xlim(low - 0.05, high + 0.12)
    axes.set_ylim(0, tallest * 1.1)
    axes.set_xlabel(f"smoothness of {layer} (0: neighbors unrelated, 1: all the same)", fontsize=13)
    axes.set_ylabel("shuffles", fontsize=13)
    axes.tick_params(labelsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=12, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.16))
    return figure


def rgb_tiles(kernel: np.ndarray) -> np.ndarray:
    """First-layer filters (rows, cols, 3, out), BGR, as RGB: uint8 (out, rows, cols, 3)."""
    rgb = filters.zero_centered(filters.as_rgb(kernel))
    return (rgb * 255).round().astype(np.uint8).transpose(3, 0, 1, 2)


def _draw_rings(paper: np.ndarray, center: np.ndarray, radius: int) -> None:
    """Half a disk with rings, spokes and labels, in place."""
    row, col = (int(n) for n in center)
    for share in (0.25, 0.5, 0.75, 1):
        cv2.circle(paper, (col, row), round(radius * share), canvas.RULE, 1, cv2.LINE_AA)
    paper[row + 2 :] = 255
    for share in (0.25, 0.5, 0.75, 1):
        word = canvas.text(f"{share:g}", 15, color=canvas.FAINT)
        tiles.put(paper, word, row + 22, col + round(radius * share) - word.shape[1] // 2)
    for angle in range(0, 181, 45):
        turn = np.radians(angle)
        end = (round(col + radius * np.cos(turn)), round(row - radius * np.sin(turn)))
        cv2.line(paper, (col, row), end, canvas.RULE, 1, cv2.LINE_AA)
    for angle, words in (
        (0, "0°  —"),
        (45, "45°  /"),
        (90, "90°  |"),
        (135, "135°  \\"),
        (180, "180°  —"),
    ):
        turn = np.radians(angle)
        word = canvas.text(words, 16, bold=True)
        place = center + np.array([-np.sin(turn), np.cos(turn)]) * (radius + 30)
        tiles.put(
            paper, word, round(place[0]) - word.shape[0] // 2, round(place[1]) - word.shape[1] // 2
        )
    words = canvas.text("strength of the direction (0: none, 1: one only)", 15)
    tiles.put(paper, words, row + 44, col - words.shape[1] // 2)


def _apart(spots: np.ndarray, distance: float, rounds: int = 60) -> np.ndarray:
    """Spots (n, 2) pushed apart until hardly any two squares of that side overlap."""
    spots = spots.copy()
    for _ in range(rounds):
        between = spots[:, None] - spots[None]
        overlap = distance - np.abs(between).max(axis=-1)
        np.fill_diagonal(overlap, 0)
        overlap = np.maximum(overlap, 0)
        length = np.maximum(np.linalg.norm(between, axis=-1), 1e-6)
        push = (between / length[:, :, None] * overlap[:, :, None]).sum(axis=1)
        spots += 0.25 * push
        spots[:, 0] = np.minimum(spots[:, 0], 0)
    return spots
