"""One number of a feature map, with all the arithmetic that leads to it."""

from dataclasses import replace

import numpy as np

from helpers.convolution import Probe
from helpers.images import CHANNELS
from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.plots.panels import Clicks, Label, Panel, Scale, number

_SIDE, _TABLE = 168, 158  # pixels of the photo, and of a table
_LARGEST = 152  # of all that VGG16's preprocessing makes of a photo, sign aside


def pixel_probe(
    photo: np.ndarray,
    activation: np.ndarray,
    found: Probe,
    place: tuple[int, int],
    name: str = "This filter",
) -> Picture:
    """Where a pixel lies, and its three patches × slices = products, summed up.

    The photo has the size of the layer's input; ``activation`` is the filter's whole feature map,
    and ``found`` what ``convolution.probe`` says of the number at (row, col) in it, for a 3×3
    kernel on three channels.
    """
    heat = panels.heat(panels.shrunk(activation, 2 * _SIDE), float(activation.max()))
    left = [
        _place("the photo", panels.shrunk(photo, 2 * _SIDE), None, activation.shape, place),
        _place("its map", *heat, activation.shape, place),
    ]
    columns = [
        _tables("input's patch", found.patch, _LARGEST, CHANNELS),
        _tables("filter's slice", found.kernel, np.abs(found.kernel).max(), "×××"),
        _tables("products", found.products, np.abs(found.products).max(), "==="),
    ]
    for k, panel in enumerate(columns[0]):
        columns[0][k] = replace(panel, words=np.where(found.inside, panel.words, "pad\n0").tolist())
    before, bias, after = map(_rounded, (found.total + found.bias, found.bias, found.activation))
    sums = [_rounded(value) for value in found.sums]
    label, size = Label("", 1.5, 0, "left", 16, bold=True), (3, 4)
    ends = [Panel("", size=size, width=210, marks=[label._replace(words=one)]) for one in sums]
    ends[0] = replace(ends[0], title="their sum")
    note = f"\n{found.function}: {after}" if found.function else ""
    ends[-1] = replace(ends[-1], note=f"+ bias {bias} = {before}{note}")
    both = zip(CHANNELS, sums, strict=True)
    then = f"; after {found.function} {after}" if found.function else ""
    padding = f" {found.padding} of the {found.patch.size} numbers are zero padding."
    caption = (
        f"{name}, row {place[0]}, col {place[1]}: {' + '.join(map(' '.join, both))} + bias {bias} "
        f"= {before}{then}.{padding if found.padding else ''}"
    )
    return Picture([left, *columns, ends], caption)


def _rounded(value: float) -> str:
    return number(value, ".1f" if abs(value) >= 100 else ".3f")


def written(numbers: np.ndarray, largest: float) -> np.ndarray:
    """Numbers as words of one form, with three digits or so of the largest; str of their shape."""
    pattern = f".{np.clip(2 - np.floor(np.log10(max(largest, 1e-9))), 1, 4):.0f}f"
    return np.vectorize(lambda value: number(value, pattern))(numbers)


def _tables(
    title: str, numbers: np.ndarray, largest: float, before: str | tuple[str, ...]
) -> list[Panel]:
    """Numbers (3, 3, channels) as tables below one another, 0 mid-gray; a word before each."""
    words, found = written(numbers, np.abs(numbers).max()).transpose(2, 0, 1).tolist(), []
    array, scale = panels.signed(numbers, largest)
    scale = scale._replace(cmap=panels.GRAY)
    for k, word in enumerate(before):
        mark, last = Label(word, 1.5, -0.2, size=16, bold=True, upright=len(word) > 1), k == 2
        found.append(Panel("", array[:, :, k], scale, _TABLE, [mark], words[k], bar=last))
    return [replace(found[0], title=title), *found[1:]]


def _place(title: str, array: np.ndarray, scale: Scale | None, shape: tuple, at: tuple) -> Panel:
    """A photo or map with cross-hairs at a place of a map; a click chooses another place."""
    size = array.shape[:2]
    spot = ((n + 0.5) * pixels / of - 0.5 for n, pixels, of in zip(at, size, shape, strict=True))
    marks, width = panels.cross(*spot, *size), round(_SIDE * min(1, size[1] / size[0]))
    clicks = Clicks(*shape, {"row": "row", "col": "col"})
    return Panel(title, array, scale, width, marks, clicks=clicks)
