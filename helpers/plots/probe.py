"""One number of a feature map, with all the arithmetic that leads to it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure

from helpers.convolution import Probe
from helpers.plots import canvas
from helpers.plots.effect import INPUT_COLORS
from helpers.plots.tiles import number, numbered, put

_CELL = 66
_MAP = 224
_MARK = (255, 0, 255)


def pixel_probe(
    photo: np.ndarray,
    activation: np.ndarray,
    found: Probe,
    place: tuple[int, int],
    names: Sequence[str] = INPUT_COLORS,
) -> Figure:
    """A pixel's patch × kernel = the number in the map; see ``pixel_probe_picture``."""
    return canvas.figure(pixel_probe_picture(photo, activation, found, place, names))


def pixel_probe_picture(
    photo: np.ndarray,
    activation: np.ndarray,
    found: Probe,
    place: tuple[int, int],
    names: Sequence[str] = INPUT_COLORS,
) -> np.ndarray:
    """Where a pixel lies, and its three patches × slices = products, summed up.

    Args:
        photo: uint8 (rows, cols, 3), RGB, of the size of the layer's input.
        activation: float (rows, cols), the filter's whole feature map.
        found: What ``convolution.probe`` returned: a 3×3 kernel on three channels.
        place: (row, col) of the number in the map.
        names: What to call the three input channels.

    Returns:
        uint8 (rows, cols, 3), about 730 × 995, the same for all places.
    """
    limits = [np.abs(part).max() for part in (found.patch, found.kernel, found.products)]
    low, high = -124.0, 152.0  # what VGG16's preprocessing makes of 0 and 255, all channels
    lines = []
    for channel, name in enumerate(names):
        patch = found.patch[:, :, channel]
        words = _words(patch, limits[0])
        words = [
            [word if inside else "pad\n0" for word, inside in zip(*pair, strict=True)]
            for pair in zip(words, found.inside, strict=True)
        ]
        grids = [numbered(canvas.colorize(patch, canvas.GREY, low, high), words, _CELL)]
        for part, limit in zip((found.kernel, found.products), limits[1:], strict=True):
            plane = part[:, :, channel]
            colors = canvas.signed(plane, max(float(limit), 1e-12))
            grids.append(numbered(colors, _words(plane, limit), _CELL))
        side = grids[0].shape[0]
        cells = [
            grids[0],
            _middle("×", side, 20),
            grids[1],
            _middle("=", side, 20),
            grids[2],
            _middle(f"sum\n{name}\n{rounded(found.sums[channel])}", side, 92),
        ]
        lines.append(canvas.stack(cells, 4, across=True))
    body = canvas.stack(lines, 8)
    heads = np.full((24, body.shape[1], 3), 255, np.uint8)
    step = lines[0].shape[1] - 96
    for index, words in enumerate(("patch of the input", "slice of the filter", "products")):
        put(heads, canvas.text(words, 17, bold=True), 0, index * (step // 3 + 8))
    body = canvas.stack([heads, body], 2)
    left = canvas.stack(
        [
            canvas.text("the photo", 17, bold=True),
            _marked(photo, place),
            canvas.text("the filter's map", 17, bold=True),
            _marked(canvas.colorize(activation, canvas.HEAT, 0), place),
            _corner(photo, found, place),
        ],
        6,
    )
    picture = canvas.stack([left, body], 20, across=True)
    return canvas.stack([picture, _equation(found, names, picture.shape[1])], 12)


def _words(plane: np.ndarray, limit: float) -> list[list[str]]:
    """Numbers for one grid, all with as many decimals as its limit calls for."""
    digits = _decimals(float(limit))
    return [[number(value, f".{digits}f") for value in row] for row in plane]


def _decimals(limit: float) -> int:
    """Decimals that leave a number of that size about three digits; 0 to 4."""
    if limit >= 1000 or limit == 0:
        return 0
    return int(np.clip(2 - np.floor(np.log10(limit)), 1, 4))


def rounded(value: float) -> str:
    """A sum as it is written in the picture, and below it."""
    return number(value, ".1f" if abs(value) >= 100 else ".3f")


def _middle(words: str, rows: int, cols: int) -> np.ndarray:
    """Words in the middle of a space of their own, each line centered."""
    picture = canvas.stack(
        [canvas.text(line, 18, bold=True) for line in words.split("\n")], 4, align="center"
    )
    paper = np.full((rows, cols, 3), 255, np.uint8)
    top, left = (rows - picture.shape[0]) // 2, (cols - picture.shape[1]) // 2
    put(paper, picture, top, left)
    return paper


def _marked(picture: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    """A picture with cross-hairs that leave the pixel itself and its surroundings free."""
    rows, cols = picture.shape[:2]
    scale = _MAP / max(rows, cols)
    picture = canvas.enlarge(canvas.rgb(picture), round(rows * scale), round(cols * scale)).copy()
    row, col = (int((position + 0.5) * scale) for position in place)
    for width, color in ((3, canvas.PAPER), (1, _MARK)):
        cv2.rectangle(picture, (col - 8, row - 8), (col + 8, row + 8), color, width)
        for start, end in (
            ((col, 0), (col, row - 8)),
            ((col, row + 8), (col, picture.shape[0])),
            ((0, row), (col - 8, row)),
            ((col + 8, row), (picture.shape[1], row)),
        ):
            if end >= start:
                cv2.line(picture, start, end, color, width)
    paper = np.full((_MAP, _MAP, 3), 255, np.uint8)
    put(paper, picture, 0, 0)
    return canvas.framed(paper)


def _corner(photo: np.ndarray, found: Probe, place: tuple[int, int]) -> np.ndarray:
    """The patch in the photo's colors, and where it is; grey where it hangs over the edge."""
    size = found.inside.shape
    around = cv2.copyMakeBorder(photo, *[size[0]] * 4, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    top, left = (at + size[0] - n // 2 for at, n in zip(place, size, strict=True))
    patch = np.ascontiguousarray(around[top : top + size[0], left : left + size[1]])
    words = canvas.text(f"row {place[0]}\ncol {place[1]}\nits 3×3 pixels", 17)
    patch = canvas.framed(canvas.enlarge(patch, 108))
    return canvas.padded(canvas.stack([patch, words], 8, across=True), rows=110, cols=_MAP + 2)


def _equation(found: Probe, names: Sequence[str], cols: int) -> np.ndarray:
    sums = "  +  ".join(
        f"{name} {rounded(value)}" for name, value in zip(names, found.sums, strict=True)
    )
    before = found.total + found.bias
    words = f"{sums}  +  bias {rounded(found.bias)}  =  {rounded(before)}"
    end = f"→  ReLU  →  {rounded(found.activation)}"
    paper = np.full((40, cols, 3), 255, np.uint8)
    put(paper, canvas.text(words, 18, bold=True), 8, 0)
    picture = canvas.text(end, 18, bold=True)
    put(paper, picture, 8, cols - picture.shape[1] - 4)
    return paper
