"""One number of a feature map, with all the arithmetic that leads to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helpers.convolution import Probe
from helpers.images import CHANNELS
from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.plots.panels import Clicks, Label, Panel, Scale, number

_SIDE, _TABLE = 168, 158  # pixels of the photo, and of a table
_LOW, _HIGH = -124, 152  # what VGG16's preprocessing makes of 0 and 255, all channels


def pixel_probe(
    photo: np.ndarray,
    activation: np.ndarray,
    found: Probe,
    place: tuple[int, int],
    name: str = "This filter",
) -> Picture:
    """Where a pixel lies, and its three patches × slices = products, summed up.

    Args:
        photo: uint8 (rows, cols, 3), RGB, of the size of the layer's input.
        activation: float (rows, cols), the filter's whole feature map.
        found: What ``convolution.probe`` returned: a 3×3 kernel on three channels.
        place: (row, col) of the number in the map.
        name: What the caption calls the filter.
    """
    heat = panels.heat(panels.shrunk(activation, 2 * _SIDE), float(activation.max()))
    left = [
        _located("the photo", panels.shrunk(photo, 2 * _SIDE), None, activation.shape, place),
        _located("its map", *heat, activation.shape, place),
        _pixels(photo, found.inside, activation.shape, place),
    ]
    columns = [
        _tables("input's patch", found.patch, *panels.grey(found.patch, _LOW, _HIGH), CHANNELS),
        _tables("filter's slice", found.kernel, *panels.signed(found.kernel), "×××"),
        _tables("products", found.products, *panels.signed(found.products), "==="),
    ]
    for k, panel in enumerate(columns[0]):
        words = np.where(found.inside, panel.words, "pad\n0")
        columns[0][k] = replace(panel, words=words.tolist())
    before, bias, after = map(_rounded, (found.total + found.bias, found.bias, found.activation))
    sums = [_rounded(value) for value in found.sums]
    ends = []
    for k, value in enumerate(sums):
        title, note = "" if k else "their sum", f"+ bias {bias} = {before}\nReLU: {after}"
        marks, size = [Label(value, 1.5, 0, "left", 16, bold=True)], (3, 4)
        note = note if k == len(sums) - 1 else ""
        ends.append(Panel(title, size=size, width=_TABLE * 4 // 3, marks=marks, note=note))
    both = zip(CHANNELS, sums, strict=True)
    padding = f" {found.padding} of the {found.patch.size} numbers are zero padding."
    caption = (
        f"{name}, row {place[0]}, col {place[1]}: {' + '.join(map(' '.join, both))} + bias {bias} "
        f"= {before}; after ReLU {after}.{padding if found.padding else ''}"
    )
    return Picture([left, *columns, ends], caption)


def _rounded(value: float) -> str:
    return number(value, ".1f" if abs(value) >= 100 else ".3f")


def _tables(
    title: str, numbers: np.ndarray, array: np.ndarray, scale: Scale, before: Sequence[str]
) -> list[Panel]:
    """Numbers (3, 3, channels) as tables on one scale below one another; a word before each."""
    largest = max(float(np.abs(numbers).max()), 1e-9)
    pattern = f".{np.clip(2 - np.floor(np.log10(largest)), 1, 4):.0f}f"  # three digits or so
    found = []
    for k, word in enumerate(before):
        words = [[number(value, pattern) for value in row] for row in numbers[:, :, k]]
        mark = Label(word, 1.5, -0.2, size=16, bold=True, upright=len(word) > 1)
        title, last = "" if k else title, k == len(before) - 1
        found.append(Panel(title, array[:, :, k], scale, _TABLE, [mark], words, bar=last))
    return found


def _located(
    title: str, array: np.ndarray, scale: Scale | None, shape: tuple[int, int], place: tuple
) -> Panel:
    """A photo or map with cross-hairs at a place of a map; a click chooses another place."""
    size = array.shape[:2]
    at = ((n + 0.5) * pixels / of - 0.5 for n, pixels, of in zip(place, size, shape, strict=True))
    marks, width = panels.cross(*at, *size), round(_SIDE * min(1, size[1] / size[0]))
    clicks = Clicks(*shape, {"row": "row", "col": "col"})
    return Panel(title, array, scale, width, marks, clicks=clicks)


def _pixels(photo: np.ndarray, inside: np.ndarray, shape: tuple, place: tuple) -> Panel:
    """The patch in the photo's colors, and where it is; grey where it hangs over the edge."""
    rows, cols = (
        (int((n + 0.5) * pixels / of) + np.arange(-1, 2)).clip(0, pixels - 1)
        for n, pixels, of in zip(place, photo.shape[:2], shape, strict=True)
    )
    patch = np.where(inside[:, :, np.newaxis], photo[np.ix_(rows, cols)], np.uint8(128))
    note = f"row {place[0]}, col {place[1]}"
    return Panel("3×3 pixels", patch, width=_SIDE * 2 // 3, note=note)
