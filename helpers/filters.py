"""Filters as they are: scaled for a picture, compared, ranked, and told from random numbers.

A kernel is what a convolution holds: float (rows, cols, in, out). A *filter* is
``kernel[:, :, :, f]``, a *slice* is ``kernel[:, :, c, f]``: the part of filter f that looks at
input channel c. All functions that take a ``kernel`` refuse another shape, NaN and infinity with a
ValueError.
"""

from typing import Any, NamedTuple

import numpy as np

from helpers.brightness import between

#: Ways to turn weights into the brightness or color of squares; see ``positions``.
WEIGHT_SCALES = ("0–1 per filter", "0–1 per layer", "0 is mid-gray")

#: The share of a layer's weights, in percent, that "0 is mid-gray" keeps from black and white.
PERCENT = 97.0


class Ranges(NamedTuple):
    """What scaling needs to know about a layer's weights."""

    low: np.ndarray  # (out,) the smallest weight of each filter
    high: np.ndarray  # (out,) the largest weight of each filter
    limit: float  # 97 % of the layer's weights are no larger than this, sign aside


class Orientation(NamedTuple):
    """Which way the stripes of each filter run."""

    angle: np.ndarray  # (out,) degrees, 0 to 180: 0 is —, 45 is /, 90 is |, 135 is \
    strength: np.ndarray  # (out,) 0 (no direction) to 1 (one direction only)


def ranges(kernel: np.ndarray) -> Ranges:
    """Smallest and largest weight of each filter, and the limit of the "0 is mid-gray" scale."""
    kernel = _checked(kernel)
    sizes = np.abs(kernel)
    limit = float(np.percentile(sizes, PERCENT, method="inverted_cdf"))
    limit = limit or float(sizes.max()) or 1.0
    return Ranges(kernel.min(axis=(0, 1, 2)), kernel.max(axis=(0, 1, 2)), limit)


def zero_centered(kernel: np.ndarray) -> np.ndarray:
    """Each filter to 0–1 with 0 at exactly 0.5: 0.5 + weight / (2 × its largest magnitude)."""
    found = ranges(kernel)
    largest = np.maximum(np.abs(found.low), np.abs(found.high))
    return between(kernel, -largest, largest, flat=0.5)


def positions(
    weights: np.ndarray, scale: str, found: Ranges, filters: Any = slice(None)
) -> np.ndarray:
    """Some of a layer's weights as positions in a color map.

    ==============  ===================================================================
    0–1 per filter  each filter's smallest weight to its largest; 0 lies anywhere
    0–1 per layer   the layer's smallest weight to its largest; 0 is the same everywhere
    0 is mid-gray   minus the layer's ``limit`` to plus it, so that 0 is in the middle;
                    the 3 % of weights beyond are drawn as if they were at the limit
    ==============  ===================================================================

    Args:
        weights: float (..., n), the last axis being the chosen filters.
        scale: One of ``WEIGHT_SCALES``.
        found: The ``ranges`` of the whole layer.
        filters: Which filters of the layer these n are.

    Returns:
        float32 of the same shape, 0–1.

    Raises:
        ValueError: An unknown scale.
    """
    if scale not in WEIGHT_SCALES:
        raise ValueError(f"no scale {scale!r}; choose one of {', '.join(WEIGHT_SCALES)}")
    low, high = {
        "0–1 per filter": (found.low[filters], found.high[filters]),
        "0–1 per layer": (found.low.min(), found.high.max()),
        "0 is mid-gray": (-found.limit, found.limit),
    }[scale]
    return np.clip(between(weights, low, high, flat=0.5), 0, 1)


def as_rgb(kernel: np.ndarray) -> np.ndarray:
    """The first layer's 3 input channels put from BGR, as VGG16 takes them, into RGB: a view."""
    kernel = _checked(kernel)
    if kernel.shape[2] != 3:
        raise ValueError(
            f"only filters over 3 color channels have an RGB picture, not over {kernel.shape[2]}"
        )
    return kernel[:, :, ::-1]


def slice_similarity(kernel: np.ndarray) -> np.ndarray:
    """How alike the slices of each filter are: the mean cosine over all pairs of its slices.

    For the three color slices of a first layer: 1 is color-blind (red, green and blue get the
    same pattern), clearly below 0 is color-opponent (what one color raises, another lowers).
    float64 (out,), from -1 / (in - 1) to 1; a kernel with a single slice is refused.
    """
    kernel = _checked(kernel)
    depth = kernel.shape[2]
    if depth < 2:
        raise ValueError("filters with a single slice have nothing to compare")
    unit = _unit(kernel.reshape(-1, depth, kernel.shape[-1]).astype(np.float64))
    # |u1 + … + un|² is the sum of all cosines, those of each slice with itself included
    with_itself = np.square(unit).sum(axis=(0, 1))
    total = np.square(unit.sum(axis=1)).sum(axis=0)
    return (total - with_itself) / (depth * (depth - 1))


def orientation(kernel: np.ndarray) -> Orientation:
    """Which way the stripes or edges of each filter run, and how clearly.

    The slope of the weights is measured in every 2 × 2 corner of every slice; the structure
    tensor [[Σ x², Σ xy], [Σ xy, Σ y²]] of these slopes x, y has its larger eigenvector across the
    stripes. Summed over slices, as Di Zenzo (1986, "A note on the gradient of a multi-image")
    does for color photos, it also sees edges between two colors of the same brightness.

    The strength is the difference of the two eigenvalues over their sum. Filters without any
    slope, such as all those of 1 × 1, have strength 0.
    """
    kernel = _checked(kernel).astype(np.float64)
    across = (kernel[:-1, 1:] - kernel[:-1, :-1] + kernel[1:, 1:] - kernel[1:, :-1]) / 2
    down = (kernel[1:, :-1] - kernel[:-1, :-1] + kernel[1:, 1:] - kernel[:-1, 1:]) / 2
    xx, yy, xy = (product.sum(axis=(0, 1, 2)) for product in (across**2, down**2, across * down))
    slope = np.degrees(np.arctan2(2 * xy, xx - yy)) / 2  # rows count downward, angles upward
    total = xx + yy
    difference = np.hypot(xx - yy, 2 * xy)
    strength = np.divide(difference, total, out=np.zeros_like(total), where=total > 0)
    return Orientation((90 - slope) % 180, np.minimum(strength, 1))


def unit_filters(kernel: np.ndarray) -> np.ndarray:
    """Each filter at length 1, float64; those of zeros stay."""
    kernel = _checked(kernel).astype(np.float64)
    return _unit(kernel.reshape(-1, kernel.shape[-1])).reshape(kernel.shape)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors along the first axis at length 1; those of zeros stay."""
    length = np.linalg.norm(vectors, axis=0, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def _checked(kernel: np.ndarray) -> np.ndarray:
    kernel = np.asarray(kernel)
    if kernel.ndim != 4 or kernel.size == 0:
        raise ValueError(f"a kernel has the shape (rows, cols, in, out), not {kernel.shape}")
    if not np.issubdtype(kernel.dtype, np.floating):
        kernel = kernel.astype(np.float32)
    if not np.isfinite(kernel).all():
        raise ValueError("the kernel holds NaN or infinity")
    return kernel
