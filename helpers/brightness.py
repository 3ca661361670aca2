"""How bright a map is drawn: which number is dark, and which is white.

============  ============================================================================
percentile    each channel by itself: its smallest number to its 99th percentile; the few
              larger ones are all white
min–max       each channel by itself: its smallest to its largest number
shared        all channels alike: the smallest to the largest number of all
standardized  each channel by itself: its mean to 128, one standard deviation to 64 levels
============  ============================================================================
"""

from typing import Any

import numpy as np

SCALES = ("percentile", "min–max", "shared", "standardized")

#: The share of a channel's numbers that the "percentile" scale keeps below white, in percent.
PERCENTILE = 99.0

#: Percentiles of larger maps are taken from a regular grid of at most this many rows and cols.
SAMPLED_SIDE = 64

Limits = tuple[np.ndarray, np.ndarray]


def scaled(maps: np.ndarray, scale: str = "percentile", within: Limits | None = None) -> np.ndarray:
    """Maps to brightness, 0 (dark) to 255 (light).

    A map that is the same everywhere is dark; on the "standardized" scale it is 128.

    Args:
        maps: float (rows, cols, channels), or (n, rows, cols, channels) of several photos.
        scale: One of ``SCALES``.
        within: What to show dark and white instead, as ``limits`` returns it.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: An unknown scale, another shape, or NaN or infinity.

    Example:
        >>> scaled(np.array([[[0.0], [1.0], [4.0]]]), "min–max").ravel().tolist()
        [0, 64, 255]
    """
    low, high = limits(maps, scale) if within is None else within
    return np.rint(255 * np.clip(between(maps, low, high), 0, 1)).astype(np.uint8)


def limits(maps: np.ndarray, scale: str = "percentile") -> Limits:
    """The numbers that ``scaled`` shows dark and white, one of each per channel.

    Args:
        maps: float (rows, cols, channels), or (n, rows, cols, channels) of several photos, whose
            maps of the same channel then get the same limits.
        scale: One of ``SCALES``.

    Returns:
        Two float64 arrays (channels,): what is dark, and what is white.

    Raises:
        ValueError: As for ``scaled``.
    """
    if scale not in SCALES:
        raise ValueError(f"no scale {scale!r}; choose one of {', '.join(SCALES)}")
    with np.errstate(over="ignore"):  # too large for float32: infinite, and refused as such
        maps = np.asarray(maps).astype(np.float32, copy=False)
    if maps.ndim not in (3, 4) or maps.size == 0:
        raise ValueError(f"maps have the shape (rows, cols, channels), not {maps.shape}")
    every = tuple(range(maps.ndim - 1))
    low, high = maps.min(axis=every).astype(float), maps.max(axis=every).astype(float)
    if not np.isfinite([low, high]).all():
        raise ValueError("the maps hold NaN or infinity")
    if scale == "shared":
        return np.full_like(low, low.min()), np.full_like(high, high.max())
    if scale == "standardized":
        mean, spread = maps.mean(axis=every, dtype=float), maps.std(axis=every, dtype=float)
        largest = np.maximum(np.abs(low), np.abs(high))
        # a spread that is only rounding: any other one does, with the mean at 128
        spread = np.where(spread > 1e-7 * largest, spread, np.maximum(largest, 1))
        return mean - spread * 128 / 64, mean + spread * 127 / 64
    if scale == "percentile":
        step = -(-max(maps.shape[-3:-1]) // SAMPLED_SIDE)
        sample = np.sort(maps[..., ::step, ::step, :].reshape(-1, maps.shape[-1]), axis=0)
        percentile = sample[int(np.ceil(len(sample) * PERCENTILE / 100)) - 1].astype(float)
        # a map with fewer bright numbers than 1 % would vanish: fall back to its largest
        high = np.where(percentile > low, percentile, high)
    return low, high


def between(values: Any, low: Any, high: Any, flat: float = 0.0) -> np.ndarray:
    """Where numbers lie between two others: 0 at low, 1 at high, not cut off beyond.

    float32 of the shape of ``values``; ``low`` and ``high`` are numbers, or one for each of the
    last axis. Where they are the same, all becomes ``flat``.
    """
    low, high = np.asarray(low, float), np.asarray(high, float)
    varied = high - low > 1e-36
    gain = np.divide(1, high - low, out=np.zeros_like(high - low), where=varied)
    return np.where(varied, (values - low) * gain, flat).astype(np.float32)
