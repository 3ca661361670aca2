"""Lesson 08: trained networks beside chance, as pictures of one photo and as clouds of numbers."""

import textwrap
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from helpers.plots import filter_grids, panels
from helpers.plots.page import Picture
from helpers.plots.panels import BLUE, INK, number

#: How each kind of chance is drawn: mark, color, and how far beside the trained network.
LOOKS = {"fresh": ("o", BLUE, -0.17), "shuffled": ("^", "#a34a00", 0.17)}


def beside_chance(
    found: Mapping[str, tuple[np.ndarray | None, np.ndarray]],
    layer: str,
    columns: int = 5,
    width: int = 312,
    caption: str = "",
) -> Picture:
    """Networks side by side: each one's first filters in color, and below them maps of a layer.

    Of a single network the maps stand beside the filters.

    ``found`` holds by the network's name its first kernel, whose 3 channels are in BGR order, or
    None to leave the filters out; and the maps of the layer. ``columns`` of them stand in a row, in
    as many rows.
    """
    every = []
    for name, (kernel, maps) in found.items():
        maps = panels.shrunk(maps[:, :, : columns**2], 48)
        array, scale = panels.heat(maps, float(np.percentile(maps, 99.5)) or 1.0)
        names = [str(channel) for channel in range(maps.shape[-1])]
        tiles = array.transpose(2, 0, 1)
        below = panels.tiles(f"{name}: maps of {layer}", tiles, scale, columns, width, names)
        every.append([below])
        if kernel is not None:
            first, words = range(min(columns**2, kernel.shape[-1])), f"{name}: first filters"
            above = filter_grids.rgb_filters(kernel, first, words, columns, width)
            every[-1].insert(0, above)
    return Picture(every if len(every) > 1 else every[0], caption)


def clouds(
    found: Mapping[str, np.ndarray],
    bounds: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    names: Sequence[str],
    title: str,
    baseline: float | None = None,
) -> Figure:
    """A property of a trained network, a bar of ink, between two clouds of chance.

    ``found`` holds "trained", float (1, n), "fresh" and "shuffled", float (seeds, n), of what the
    title says; the n names may have a second line, for the verdict. ``bounds`` takes a cloud to the
    lowest and highest value (n,) that do not differ from it, drawn as a box. A dashed line is the
    ``baseline`` to compare all with.
    """
    figure, places = Figure(figsize=(9.6, 3.3), layout="constrained"), np.arange(len(names))
    ax = figure.subplots()
    for kind, (mark, color, aside) in LOOKS.items():
        cloud = np.asarray(found[kind])
        low, high = bounds(cloud)
        ax.bar(places + aside, high - low, 0.26, low, facecolor="none", edgecolor=color)
        ax.plot(np.tile(places, len(cloud)) + aside, cloud.ravel(), mark, color=color, label=kind)
    trained = np.ravel(found["trained"])
    ax.plot(places, trained, "_", color=INK, ms=46, mew=3, label="trained")
    if baseline is not None:
        ax.axhline(baseline, color=INK, linestyle="--", lw=1, label="the pixels themselves")
    ax.use_sticky_edges = False
    ax.autoscale_view()
    ax.set_xticks(places, names)
    ax.set(title=title, xlim=(-0.6, len(names) - 0.4))
    ax.axhline(0, color=panels.RULE, lw=0.8, zorder=0)
    figure.legend(loc="outside right upper", markerscale=0.5)
    return figure


def verdict_table(
    table: Mapping[str, tuple[Sequence[str], Mapping[str, np.ndarray], Sequence[str]]],
) -> Figure:
    """All verdicts with all their numbers: a row for each property.

    By property: what its n places are called, numbers as ``clouds`` takes them, and n verdicts.
    """
    wide = max(len(names) for names, _, _ in table.values())
    pale = {"learned": (198, 220, 240), "sizes": (240, 228, 205)}
    colors = np.full((len(table), wide, 3), 255, np.uint8)
    figure = Figure(figsize=(11.5, 0.3 + 0.62 * len(table)), layout="constrained")
    ax = figure.subplots()
    for row, (names, found, words) in enumerate(table.values()):
        for col, (name, word) in enumerate(zip(names, words, strict=True)):
            colors[row, col] = pale.get(word.split()[0], 255)
            clouds_here = (np.asarray(found[kind])[:, col] for kind in LOOKS)
            ends = [f"{number(cloud.min())} … {number(cloud.max())}" for cloud in clouds_here]
            value = f"{number(np.ravel(found['trained'])[col])}  {word}"
            lines = f"{name}\n{value}\n{' | '.join(ends)}"
            ax.text(col, row, lines, ha="center", va="center", fontsize=7, color=INK)
    ax.imshow(colors, aspect="auto")
    ax.hlines(np.arange(len(table)) + 0.5, -0.5, wide - 0.5, color=panels.RULE, lw=0.8)
    titles = ["\n".join(textwrap.wrap(title, 22)) for title in table]
    ax.set_yticks(range(len(table)), titles, fontsize=8)
    ax.set_xticks([])
    ax.set_title("trained: number and verdict; below, fresh | shuffled from lowest to highest")
    return figure
