"""Lesson 10: heat over a photo, a score written out, curves of what was taken away."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure

from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.plots.panels import BLUE, INK, Panel, Scale

#: How the curves of each heat are drawn: color, line, mark.
_LOOKS = [(INK, "-", "o"), (BLUE, "--", "s"), ("#a34a00", ":", "^"), ("#6a3d9a", "-.", "v")]
_LOOKS += [("#3b7a57", (0, (5, 1, 1, 1, 1, 1)), "D")]


def heat_over_photo(
    photo: np.ndarray,
    heats: Mapping[str, np.ndarray],
    opacity: float = 0.6,
    width: int = 224,
    caption: str = "",
    limit: float | None = None,
) -> Picture:
    """A photo, and over it one heat after the other, each with a scale of its own.

    If any place is negative, all are brown where positive and teal where negative; else they go
    from black (0) to yellow. Each place is a square as large as its part of the photo, and the
    photo below is gray: all color is heat.

    ``heats`` are float (rows, cols) of any size, by name, and cover the photo by ``opacity``, 0–1.
    Numbers as large as ``limit`` have full color; if left out, each heat's own largest magnitude.
    """
    shown = [Panel("the photo", photo, width=width)]
    colored = panels.signed if any(np.min(heat) < 0 for heat in heats.values()) else panels.heat
    for name, heat in heats.items():
        array, scale = colored(heat, limit)
        shown.append(Panel(name, laid_over(photo, array, scale, opacity), scale, width))
    return Picture(shown, caption)


def laid_over(photo: np.ndarray, array: np.ndarray, scale: Scale, opacity: float) -> np.ndarray:
    """Colors over a photo turned gray: uint8 (rows, cols, 3) of at least the photo's size.

    ``array`` holds places in the scale's color map, as ``panels.heat`` and ``signed`` return them.
    """
    side = max(photo.shape[:2])
    rows, cols = (length * -(-192 // side) for length in photo.shape[:2])  # blocks end sharply
    gray = cv2.resize(photo, (cols, rows), interpolation=cv2.INTER_LINEAR).mean(axis=2)
    colors = panels.palette(scale.cmap)[array][..., :3]
    colors = cv2.resize(colors, (cols, rows), interpolation=cv2.INTER_NEAREST)
    return ((1 - opacity) * gray[..., np.newaxis] + opacity * colors).round().astype(np.uint8)


def score_sheet(
    photo: np.ndarray, heat: np.ndarray, bias: float, name: str, width: int = 420
) -> Picture:
    """A class activation map as arithmetic: a number for each place; their mean and the bias.

    Thin lines show which part of the photo each place of ``heat``, float (rows, cols), stands for;
    ``bias`` is the number that the class of this name adds at the end.
    """
    rows, cols = heat.shape
    down, across = (np.linspace(0, length, count + 1) for length, count in
                    zip(photo.shape[:2], (rows, cols), strict=True))  # fmt: skip
    lines = [panels.Path([(row, 0), (row, photo.shape[1])], "#ffffff", 1) for row in down[1:-1]]
    lines += [panels.Path([(0, col), (photo.shape[0], col)], "#ffffff", 1) for col in across[1:-1]]
    words = [[panels.number(value, ".1f") for value in line] for line in heat]
    number, mean = panels.number, float(heat.mean(dtype=np.float64))
    note = (
        f"mean of {heat.size} numbers {number(mean)}, bias {number(bias)}: score "
        f"{number(mean + bias)}"
    )
    array, scale = panels.signed(heat)
    table = Panel(f"what each place adds to {name!r}", array, scale, width, words=words, note=note)
    return Picture([Panel("the photo and its places", photo, None, width, lines), table])


def curves(
    found: Mapping[str, Mapping[str, np.ndarray]],
    ylabel: str = "probability",
    ticks: Sequence[str] | None = None,
) -> Figure:
    """Mean curves side by side: for each kind of curve a chart, for each heat a line.

    ``found`` holds float (photos, steps) by title of the chart and name of the heat. ``ticks`` are
    what the steps are called; if left out, they are shares of the pixels, 0 to 1.
    """
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for ax, (title, lines) in zip(axes, found.items(), strict=True):
        for (name, every), (color, style, mark) in zip(lines.items(), _LOOKS, strict=False):
            mean = np.mean(every, axis=0)
            steps = np.linspace(0, 1, len(mean)) if ticks is None else np.arange(len(mean))
            ax.plot(steps, mean, color=color, linestyle=style, marker=mark, ms=5, label=name)
        ax.set(title=title, xlabel="share of the pixels" if ticks is None else "")
        if ticks is not None:
            ax.set_xticks(range(len(ticks)), ticks)
    axes[0].set_ylabel(ylabel)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
    return figure
