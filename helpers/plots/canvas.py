"""Pictures as arrays: color, enlarge, label, stitch, turn into PNG bytes or a Figure.

Everything an explorer shows is stitched here and drawn once, which is what makes sliders fast.
"""

from __future__ import annotations

import io
import zlib
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

#: Color maps, one for each kind of number, safe for color-blind readers: brightness alone tells
#: how large a number is, or, on the signed map, how far from zero.
GREY = "gray"  # photos, channels of photos, filters scaled to 0–1
SIGNED = "RdBu_r"  # weights and sums around zero: blue negative, white 0, red positive
HEAT = "inferno"  # activations: black 0, yellow large

#: Colors of text and lines. FAINT is still legible text on PAPER (5.2 to 1), and RULE still a line
#: that is seen on it (3.4 to 1).
INK = (34, 34, 34)
FAINT = (110, 110, 110)
RULE = (140, 140, 140)
PAPER = (255, 255, 255)
BLACK = (0, 0, 0)

#: The same for charts that matplotlib draws; readable as text, and apart in brightness or by a
#: dash, a hatch or a mark as well.
BLUE, RED, GREY_BARS = "#2a5f94", "#b2182b", "#767676"


Color = tuple[int, int, int]


@lru_cache
def _table(cmap: str) -> np.ndarray:
    """A color map as 256 RGB triples, uint8 (256, 1, 3)."""
    colors = matplotlib.colormaps[cmap](np.arange(256)[:, np.newaxis])[:, :, :3]
    return (colors * 255).round().astype(np.uint8)


def colorize(
    array: np.ndarray, cmap: str = GREY, vmin: float | None = None, vmax: float | None = None
) -> np.ndarray:
    """Numbers to colors.

    Args:
        array: (rows, cols); uint8 is taken as positions in the color map.
        cmap: A matplotlib color map's name.
        vmin: Number that gets the first color; the array's smallest by default.
        vmax: Number that gets the last color; the array's largest by default.

    Returns:
        uint8 (rows, cols, 3).
    """
    if array.dtype != np.uint8:
        low = float(array.min()) if vmin is None else vmin
        high = float(array.max()) if vmax is None else vmax
        array = np.clip((array - low) * (255 / max(high - low, 1e-12)), 0, 255)
        array = (array + 0.5).astype(np.uint8)
    return cv2.applyColorMap(array, _table(cmap))  # a dozen times as fast as NumPy's indexing


def signed(array: np.ndarray, limit: float | None = None) -> np.ndarray:
    """Signed numbers to blue–white–red with 0 exactly at white: uint8 (rows, cols, 3).

    Args:
        array: (rows, cols).
        limit: Number that is fully red (and minus it, blue); the largest magnitude by default.
    """
    limit = float(np.abs(array).max()) if limit is None else limit
    return colorize(array, SIGNED, -limit, limit)


def enlarge(
    picture: np.ndarray, rows: int, cols: int | None = None, smooth: bool = False
) -> np.ndarray:
    """A picture at another size: averages when shrinking, hard-edged pixels when growing.

    Args:
        picture: uint8 or float (rows, cols) or (rows, cols, 3).
        rows: New number of rows.
        cols: New number of columns; by default as many as keep the shape.
        smooth: Blend between pixels when growing, as suits photos; kernels want hard edges.
    """
    cols = round(rows * picture.shape[1] / picture.shape[0]) if cols is None else cols
    if rows < picture.shape[0]:
        way = cv2.INTER_AREA
    else:
        way = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    return cv2.resize(picture, (cols, rows), interpolation=way)


def squares(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture with every pixel grown to a square of ``side`` pixels."""
    return enlarge(picture, picture.shape[0] * side, picture.shape[1] * side)


def rgb(picture: np.ndarray) -> np.ndarray:
    """A uint8 picture (rows, cols) or (rows, cols, 3) as (rows, cols, 3)."""
    return np.repeat(picture[:, :, np.newaxis], 3, axis=2) if picture.ndim == 2 else picture


def framed(picture: np.ndarray, width: int = 1, color: Color = INK) -> np.ndarray:
    """A picture with a line around it."""
    return cv2.copyMakeBorder(rgb(picture), *[width] * 4, cv2.BORDER_CONSTANT, value=color)


def contrast(one: Color, other: Color) -> float:
    """How well one color is told from another: 1 (not at all) to 21, as WCAG 2 defines it.

    Text needs 4.5, lines and marks 3.

    Args:
        one: RGB, 0–255.
        other: RGB, 0–255.
    """
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    shares = [part / 255 for part in color]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(maxsize=1024)
def legible_on(color: Color) -> Color:
    """Black or white, whichever stands out from a color more: by 4.5 to 1 at least."""
    return max(BLACK, PAPER, key=lambda ink: contrast(ink, color))


@lru_cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Matplotlib's DejaVu Sans, which is there wherever the course is; ``size`` in pixels."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf" / name), size)


@lru_cache(maxsize=512)
def text(
    words: str, size: int = 16, bold: bool = False, color: Color = INK, paper: Color = PAPER
) -> np.ndarray:
    """Words as a picture, uint8 (rows, cols, 3), dark on white, as large as they need.

    Args:
        words: What to write; line breaks are kept.
        size: Height of the letters in pixels.
        bold: Whether to use the bold face.
        color: RGB, 0–255.
        paper: The color behind the words, RGB, 0–255.
    """
    face = font(size, bold)
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    _, _, right, bottom = ruler.multiline_textbbox((0, 0), words or " ", font=face)
    extent = (int(right) + 1, max(int(bottom), round(size * 1.25)) + 2)
    picture = Image.new("RGB", extent, paper)
    ImageDraw.Draw(picture).multiline_text((0, 0), words, font=face, fill=color)
    return np.asarray(picture)


def stack(
    pictures: list[np.ndarray], gap: int = 8, align: str = "left", across: bool = False
) -> np.ndarray:
    """Pictures below one another (or, with ``across``, beside one another) on white.

    Args:
        pictures: uint8 arrays (rows, cols) or (rows, cols, 3).
        gap: Pixels between them.
        align: "left" (top), "center" or "right" (bottom).
        across: Beside rather than below one another.
    """
    axis, other = (1, 0) if across else (0, 1)
    pictures = [rgb(picture) for picture in pictures]
    extent = max(picture.shape[other] for picture in pictures)
    shape = [0, 0, 3]
    shape[other] = extent
    shape[axis] = sum(picture.shape[axis] for picture in pictures) + gap * (len(pictures) - 1)
    paper = np.full(shape, 255, np.uint8)
    place = 0
    for picture in pictures:
        free = extent - picture.shape[other]
        offset = {"left": 0, "center": free // 2, "right": free}[align]
        spot = [slice(None), slice(None)]
        spot[axis] = slice(place, place + picture.shape[axis])
        spot[other] = slice(offset, offset + picture.shape[other])
        paper[tuple(spot)] = picture
        place += picture.shape[axis] + gap
    return paper


def titled(
    picture: np.ndarray, title: str, size: int = 16, align: str = "left", bold: bool = False
) -> np.ndarray:
    """A picture with a line of text above it."""
    return stack([text(title, size, bold), picture], gap=4, align=align)


def padded(
    picture: np.ndarray, rows: int = 0, cols: int = 0, margin: int = 0, align: str = "left"
) -> np.ndarray:
    """White around a picture: a margin, then at least (rows, cols) in all.

    The picture stays at the top, and at the left unless ``align`` is "center".
    """
    picture = rgb(picture)
    free = max(cols - picture.shape[1] - 2 * margin, 0)
    left = margin + (free // 2 if align == "center" else 0)
    right = margin + free - (left - margin)
    bottom = margin + max(rows - picture.shape[0] - 2 * margin, 0)
    return cv2.copyMakeBorder(
        picture, margin, bottom, left, right, cv2.BORDER_CONSTANT, value=PAPER
    )


def color_bar(
    cmap: str, low: str, high: str, middle: str = "", cols: int = 240, size: int = 14
) -> np.ndarray:
    """A horizontal color bar with its ends (and middle) written below it."""
    ramp = colorize(np.tile(np.linspace(0, 255, cols).astype(np.uint8), (14, 1)), cmap)
    words = [text(low, size), text(middle, size), text(high, size)]
    labels = np.full((max(word.shape[0] for word in words), cols + 2, 3), 255, np.uint8)
    for word, align in zip(words, (0, 0.5, 1), strict=True):
        left = max(round((cols + 2 - word.shape[1]) * align), 0)
        part = word[:, : cols + 2 - left]
        labels[: part.shape[0], left : left + part.shape[1]] = np.minimum(
            labels[: part.shape[0], left : left + part.shape[1]], part
        )
    return stack([framed(ramp), labels], gap=2)


def few_colors(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """A picture as numbers of its colors, if it has at most 256, else None.

    Colors whose first 5 bits (6 of green) are the same count as one.

    Args:
        picture: uint8 (rows, cols, 3).

    Returns:
        The number of each pixel's color, uint8 (rows, cols), and the colors, uint8 (colors, 3).
    """
    codes = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR565).view(np.uint16).ravel()
    if np.count_nonzero(np.bincount(codes[::16])) > 256:  # a glance is enough for most photos
        return None
    pixel = np.full(2**16, -1, np.int32)
    pixel[codes] = np.arange(codes.size, dtype=np.int32)  # one that has this code
    used = np.flatnonzero(pixel >= 0)
    if len(used) > 256:
        return None
    colors = picture.reshape(-1, 3)[pixel[used]]
    colors[used == 2**16 - 1] = PAPER  # no near-white: the page around the picture is white, too
    table = np.zeros(2**16, np.uint8)
    table[used] = np.arange(len(used))
    return table.take(codes).reshape(picture.shape[:2]), colors


#: The fastest lossless settings that still make small files: runs of equal bytes, no prediction.
_PNG_SETTINGS = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
]

#: Hardly to be told from the original, with every pixel's color kept (no chroma subsampling).
_JPEG_SETTINGS = [
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]


def png(picture: np.ndarray) -> bytes:
    """A grey picture, uint8 (rows, cols), as the bytes of a PNG file."""
    return cv2.imencode(".png", picture, _PNG_SETTINGS)[1].tobytes()


def encoded(picture: np.ndarray) -> tuple[bytes, str]:
    """A picture as the bytes of a file, small and quickly made, and the file's format.

    That is PNG, with one byte for each pixel, for greys and what has few colors, such as maps;
    else, as for photos, JPEG, which takes a third of the time there.

    Args:
        picture: uint8 (rows, cols) or (rows, cols, 3).

    Returns:
        The bytes, and "png" or "jpeg".
    """
    if picture.ndim == 2:
        return png(picture), "png"
    few = few_colors(picture)
    if few is None:
        turned = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)  # a copy by NumPy takes 30 times as long
        return cv2.imencode(".jpg", turned, _JPEG_SETTINGS)[1].tobytes(), "jpeg"
    image = Image.fromarray(few[0])
    image.putpalette(few[1].tobytes())  # OpenCV writes no palettes
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue(), "png"


def figure(picture: np.ndarray, dpi: int = 100) -> Figure:
    """A picture as a Figure of exactly its size, one picture pixel to one figure pixel."""
    rows, cols = picture.shape[:2]
    result = Figure(figsize=(cols / dpi, rows / dpi), dpi=dpi)
    axes = result.add_axes((0, 0, 1, 1))
    axes.imshow(rgb(picture), interpolation="none", aspect="auto")
    axes.axis("off")
    return result
