"""Boxes in oblique projection, drawn smoothly on uint8 pictures.

A box stands on the page with its front to the reader: width to the right, height upward, depth
away, which is drawn to the right and upward. Positions are (x, y) in pixels from the top left, as
drawing libraries count them; fractions are allowed.
"""

from __future__ import annotations

import cv2
import numpy as np

from helpers.plots import canvas

#: Where one unit of depth goes on the page, as shares of a unit: right and up.
AWAY = np.array([0.54, -0.26])

#: How bright the front, the top and the right side are drawn, so that a box looks solid.
SHADES = (1.0, 0.93, 0.82)

Color = tuple[int, int, int]
Point = tuple[float, float]


def polygon(picture: np.ndarray, corners: list, color: Color, edge: Color | None = None) -> None:
    """Fill a polygon, in place, and draw its edge.

    Args:
        picture: uint8 (rows, cols, 3).
        corners: (x, y) of each corner.
        color: RGB, 0–255.
        edge: RGB of a line around it, one pixel wide.
    """
    points = [_fixed(corners)]
    cv2.fillPoly(picture, points, color, cv2.LINE_AA, _BITS)
    cv2.polylines(picture, points, True, edge or color, 1, cv2.LINE_AA, _BITS)


def line(
    picture: np.ndarray,
    points: list,
    color: Color = canvas.INK,
    width: int = 1,
    closed: bool = False,
) -> None:
    """Draw a line through points (x, y), in place."""
    cv2.polylines(picture, [_fixed(points)], closed, color, width, cv2.LINE_AA, _BITS)


def faces(at: Point, size: tuple[float, float, float], away: np.ndarray = AWAY) -> list[np.ndarray]:
    """Corners of a box's front, top and right side, (4, 2) each.

    Args:
        at: (x, y) of the front's upper left corner.
        size: (width, height, depth) in pixels.
        away: Where one pixel of depth goes.
    """
    width, height, depth = size
    across, down, back = np.array([width, 0.0]), np.array([0.0, height]), depth * np.asarray(away)
    corner = np.asarray(at, dtype=float)
    front = [corner, corner + across, corner + across + down, corner + down]
    top = [corner, corner + across, corner + across + back, corner + back]
    side = [front[1], front[1] + back, front[2] + back, front[2]]
    return [np.array(face) for face in (front, top, side)]


def box(
    picture: np.ndarray,
    at: Point,
    size: tuple[float, float, float],
    color: Color,
    edge: Color = canvas.INK,
    away: np.ndarray = AWAY,
) -> None:
    """Draw a box of one color, in place; see ``faces`` for its place and size."""
    for face, shade in zip(faces(at, size, away), SHADES, strict=True):
        polygon(picture, face, tuple(int(part * shade) for part in color), edge)


def textured_box(
    picture: np.ndarray,
    at: Point,
    size: tuple[float, float, float],
    textures: tuple[np.ndarray, np.ndarray, np.ndarray],
    edge: Color | None = canvas.INK,
    away: np.ndarray = AWAY,
) -> None:
    """Draw a box with a picture on each of its three faces, in place.

    Args:
        picture: uint8 (rows, cols, 3).
        at: (x, y) of the front's upper left corner.
        size: (width, height, depth) in pixels.
        textures: uint8 (rows, cols, 3) for the front (rows run down), the top (rows run from
            front to back) and the right side (columns run from front to back).
        edge: RGB of the edges, or None for no edges.
        away: Where one pixel of depth goes.
    """
    corners = faces(at, size, away)
    front, top, side = corners
    frames = ((front[0], front[1], front[3]), (top[0], top[1], top[3]), (side[0], side[1], side[3]))
    for texture, shade, (origin, right, below) in zip(textures, SHADES, frames, strict=True):
        shaded = texture if shade == 1 else cv2.convertScaleAbs(texture, alpha=shade)
        _paste(picture, shaded, origin, right - origin, below - origin)
    if edge is not None:
        for face in corners:
            line(picture, face, edge, closed=True)


def write(
    picture: np.ndarray,
    words: str,
    at: Point,
    size: int = 16,
    bold: bool = False,
    anchor: str = "left",
    upright: bool = False,
    color: Color = canvas.INK,
) -> None:
    """Write words over what is there, in place; what lies outside the picture is cut off.

    Args:
        picture: uint8 (rows, cols, 3).
        words: What to write.
        at: (x, y) of the middle of the words' edge that ``anchor`` names: of the left or right
            edge, or of the top edge for "top" and the bottom one for "bottom".
        size: Height of the letters in pixels.
        bold: Whether to use the bold face.
        anchor: "left", "right", "top" or "bottom".
        upright: Turned a quarter to the left, so that one reads upward.
        color: RGB, 0–255.
    """
    ink = canvas.text(words, size, bold, color)
    if upright:
        ink = np.rot90(ink)
    rows, cols = ink.shape[:2]
    shift = {
        "left": (0, -rows / 2),
        "right": (-cols, -rows / 2),
        "top": (-cols / 2, 0),
        "bottom": (-cols / 2, -rows),
    }[anchor]
    left, top = round(at[0] + shift[0]), round(at[1] + shift[1])
    cut_left, cut_top = max(-left, 0), max(-top, 0)
    spot = picture[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + cols, 0)]
    part = ink[cut_top : cut_top + spot.shape[0], cut_left : cut_left + spot.shape[1]]
    np.minimum(spot, part, out=spot)


_BITS = 4  # fractions of a pixel that OpenCV is given, as a power of 2


def _fixed(points: list | np.ndarray) -> np.ndarray:
    return np.round(np.asarray(points, dtype=float) * 2**_BITS).astype(np.int32)


def _paste(
    picture: np.ndarray,
    texture: np.ndarray,
    origin: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
) -> None:
    """Put a texture onto the parallelogram at ``origin`` with the sides ``right`` and ``down``."""
    corners = np.array([origin, origin + right, origin + down, origin + right + down])
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 2, picture.shape[1::-1])
    if (high <= low).any():
        return
    rows, cols = texture.shape[:2]
    # pixel centers: texture (-0.5, -0.5) is the corner itself
    turn = np.stack([right / cols, down / rows], axis=1)
    offset = origin - low - 0.5 + turn @ np.array([0.5, 0.5])
    spot = picture[low[1] : high[1], low[0] : high[0]]
    cv2.warpAffine(
        texture,
        np.column_stack([turn, offset]),
        (spot.shape[1], spot.shape[0]),
        dst=(whole := np.ascontiguousarray(spot)),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
    spot[:] = whole
