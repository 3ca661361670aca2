"""Many maps in one picture: scale them, stitch them, draw them once."""

from __future__ import annotations

import cv2
import numpy as np

#: Ways to turn numbers into brightness; see ``scaled``.
SCALES = ("percentile", "min–max", "shared")

#: The share of a map's values that the "percentile" scale keeps below white, in percent.
PERCENTILE = 99.0

#: Percentiles of larger maps are taken from a regular grid of at most this many rows and cols.
SAMPLED_SIDE = 64

#: A map whose values lie closer together than this counts as the same everywhere.
_SMALLEST_SPREAD = 1e-36


def scaled(
    maps: np.ndarray,
    scale: str = "percentile",
    within: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Maps to brightness, 0 (dark) to 255 (light).

    ============  =====================================================================
    percentile    each map by itself: its minimum to its 99th percentile; the few larger
                  values are all shown as white
    min–max       each map by itself: its minimum to its maximum
    shared        all maps alike: the smallest to the largest of all
    ============  =====================================================================

    A map that is the same everywhere is dark.

    Args:
        maps: float (rows, cols, channels).
        scale: One of ``SCALES``.
        within: What to show dark and white instead, as ``limits`` returns it; ``scale`` is then
            ignored.

    Returns:
        uint8 (rows, cols, channels).

    Raises:
        ValueError: An unknown scale, another shape, or NaN or infinity.
    """
    tiles = _bright_tiles(maps, scale, within)
    count, rows, cols = tiles.shape
    return cv2.transpose(tiles.reshape(count, -1)).reshape(rows, cols, count)


def limits(maps: np.ndarray, scale: str = "percentile") -> tuple[np.ndarray, np.ndarray]:
    """The numbers that ``scaled`` shows dark and white, one of each per channel.

    Args:
        maps: float (rows, cols, channels).
        scale: One of ``SCALES``.

    Returns:
        Two float64 arrays (channels,): what is dark, and what is white.

    Raises:
        ValueError: As for ``scaled``.
    """
    _check_scale(scale)
    return _limits(_tiles(maps), scale)


def stitch(
    tiles: np.ndarray, columns: int | None = None, gap: int = 2, fill: int = 128
) -> np.ndarray:
    """Put pictures of one size into a grid, row by row.

    Args:
        tiles: uint8 (count, rows, cols), or (count, rows, cols, 3) for colors.
        columns: Pictures in a row; by default about as many as there are rows of them.
        gap: Pixels between them.
        fill: Brightness of the gaps and of places left empty.

    Returns:
        uint8 (grid rows, grid cols) or (grid rows, grid cols, 3).

    Raises:
        ValueError: Fewer than one column.
    """
    count, rows, cols, *color = tiles.shape
    if columns is None:
        columns = int(np.ceil(np.sqrt(count)))
    if columns < 1:
        raise ValueError(f"a mosaic has at least 1 column, not {columns}")
    columns = min(columns, count)
    lines = -(-count // columns)
    # A picture seen as (line, row in it, column, col in it): all tiles but those of the last
    # line go to their places in one assignment.
    height, width = rows + gap, cols + gap
    picture = np.full((lines * height, columns * width, *color), fill, np.uint8)
    places = picture.reshape(lines, height, columns, width, *color).swapaxes(1, 2)
    full = count // columns
    places[:full, :, :rows, :cols] = tiles[: full * columns].reshape(
        full, columns, *tiles.shape[1:]
    )
    if full < lines:
        places[full, : count - full * columns, :rows, :cols] = tiles[full * columns :]
    return picture[: lines * height - gap, : columns * width - gap]


def mosaic(
    maps: np.ndarray,
    columns: int | None = None,
    scale: str = "percentile",
    gap: int = 2,
    fill: int = 128,
) -> np.ndarray:
    """Stitch maps into one picture, row by row.

    Args:
        maps: (rows, cols, channels), such as a layer's feature maps of one photo. uint8 maps are
            taken as brightness already; others are scaled by ``scaled``.
        columns: Maps in a row of the mosaic; by default about as many as there are rows.
        scale: One of ``SCALES``.
        gap: Pixels between maps.
        fill: Brightness of the gaps and of places left empty.

    Returns:
        uint8 (grid rows, grid cols).

    Raises:
        ValueError: No columns, an unknown scale, another shape, or NaN or infinity.
    """
    maps = np.asarray(maps)
    if maps.ndim == 4 and maps.shape[0] == 1:
        maps = maps[0]
    tiles = _tiles(maps) if maps.dtype == np.uint8 else _bright_tiles(maps, scale)
    return stitch(tiles, columns, gap, fill)


def shrunk(maps: np.ndarray, side: int) -> np.ndarray:
    """Maps (rows, cols, channels) with neither side over ``side`` pixels, by averaging."""
    if max(maps.shape[:2]) <= side:
        return maps
    return _resized(maps, side, cv2.INTER_AREA)


def fitted(maps: np.ndarray, side: int) -> np.ndarray:
    """Maps (rows, cols, channels) whose longer side is ``side`` pixels.

    Larger maps are averaged. Smaller ones get hard-edged pixels where a whole number of them
    fits, and are smoothed where it doesn't.
    """
    longest = max(maps.shape[:2])
    if longest == side:
        return maps
    if longest > side:
        return _resized(maps, side, cv2.INTER_AREA)
    return _resized(maps, side, cv2.INTER_LINEAR if side % longest else cv2.INTER_NEAREST)


def _bright_tiles(
    maps: np.ndarray, scale: str, within: tuple[np.ndarray, np.ndarray] | None = None
) -> np.ndarray:
    """What ``scaled`` returns, as uint8 (channels, rows, cols)."""
    _check_scale(scale)
    tiles = _tiles(maps)
    low, high = _limits(tiles, scale) if within is None else within
    spread = np.asarray(high, np.float64) - low
    visible = spread > _SMALLEST_SPREAD
    gain = np.divide(255, spread, out=np.zeros_like(spread), where=visible).astype(np.float32)
    flat = tiles.reshape(len(tiles), -1)  # a view of our own copy: changed in place from here on
    with np.errstate(over="ignore"):
        flat -= np.asarray(low, np.float32)[:, np.newaxis]
        flat *= gain[:, np.newaxis]
    np.clip(flat, 0, 255, out=flat)
    return cv2.convertScaleAbs(flat).reshape(tiles.shape)  # rounds to uint8


def _tiles(maps: np.ndarray) -> np.ndarray:
    """Maps (rows, cols, channels) as a new array (channels, rows, cols), uint8 or float32."""
    maps = np.asarray(maps)
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(f"maps have the shape (rows, cols, channels), not {maps.shape}")
    if maps.dtype != np.uint8:
        with np.errstate(over="ignore"):  # too large for float32: infinite, and refused as such
            maps = maps.astype(np.float32, copy=False)
    rows, cols, count = maps.shape
    # cv2.transpose is several times faster than NumPy's copy of a transposed view
    turned = cv2.transpose(np.ascontiguousarray(maps).reshape(-1, count))
    return turned.reshape(count, rows, cols)


def _limits(tiles: np.ndarray, scale: str) -> tuple[np.ndarray, np.ndarray]:
    flat = tiles.reshape(len(tiles), -1)
    low, high = flat.min(axis=1).astype(np.float64), flat.max(axis=1).astype(np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("the maps hold NaN or infinity")
    if scale == "shared":
        return np.full_like(low, low.min()), np.full_like(high, high.max())
    if scale == "percentile":
        step = -(-max(tiles.shape[1:]) // SAMPLED_SIDE)
        sample = tiles[:, ::step, ::step].reshape(len(tiles), -1)
        rank = max(int(np.ceil(sample.shape[1] * PERCENTILE / 100)) - 1, 0)
        # a full sort, which NumPy vectorizes, is three times faster here than np.partition
        percentile = np.sort(sample, axis=1)[:, rank].astype(np.float64)
        # a map with fewer bright values than 1 % would vanish: fall back to its maximum
        high = np.where(percentile > low, percentile, high)
    return low, high


def _check_scale(scale: str) -> None:
    if scale not in SCALES:
        raise ValueError(f"no scale {scale!r}; choose one of {', '.join(SCALES)}")


def _resized(maps: np.ndarray, side: int, way: int) -> np.ndarray:
    factor = side / max(maps.shape[:2])
    rows, cols = (max(1, round(length * factor)) for length in maps.shape[:2])
    # plane by plane: with cv2.INTER_AREA, OpenCV 5 takes at most 4 channels at once
    planes = [cv2.resize(tile, (cols, rows), interpolation=way) for tile in _tiles(maps)]
    return np.stack(planes, axis=-1)
