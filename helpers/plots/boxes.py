"""Boxes in oblique projection, made of paths."""

from collections.abc import Iterator, Sequence

import numpy as np

from helpers.plots.panels import INK, Path

#: Where one unit of depth goes on the page, (rows, cols): to the right and up, 0.6 times as long.
AWAY = np.array([-0.26, 0.54])

_SHADES = (1.0, 0.93, 0.82)  # how bright the front, the top and the right side are drawn


def box(at: Sequence[float], size: Sequence[float], faces: Sequence, edge: str = INK) -> list[Path]:
    """A box with its front to the reader: a path for each cell of its three faces.

    The front's upper left corner is ``at`` (row, col), the size (height, width, depth). ``faces``
    are the cells' colors, uint8 (rows, cols, 3), of the front, of the top (its rows run from front
    to back), and of the right side (its columns run from front to back).
    """
    corner, back = np.asarray(at, float), size[2] * AWAY
    down, right = np.array([size[0], 0.0]), np.array([0.0, size[1]])
    sides = ((corner, right, down), (corner, right, back), (corner + right, back, down))
    drawn = zip(sides, faces, _SHADES, strict=True)
    return [path for side, face, shade in drawn for path in cells(*side, face * shade, edge)]


def cells(
    start: np.ndarray, across: np.ndarray, along: np.ndarray, colors: np.ndarray, edge: str = ""
) -> Iterator[Path]:
    """Colors (rows, cols, 3), 0 to 255, as a parallelogram: a path for each of its cells.

    From its corner, ``start`` (row, col), it is ``across`` (rows, cols) to the end of its first row
    and ``along`` to the end of its first column. Without ``edge``, edges have their cell's color.
    """
    rows, cols = colors.shape[:2]
    for row, col in np.ndindex(rows, cols):
        ends = ((row, col), (row, col + 1), (row + 1, col + 1), (row + 1, col))
        points = [tuple(start + r / rows * along + c / cols * across) for r, c in ends]
        fill = "#" + bytes(colors[row, col].astype(np.uint8)).hex()
        yield Path(points, edge or fill, 1, closed=True, fill=fill, halo=False)
