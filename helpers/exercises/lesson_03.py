"""Exercises of lesson 03: what a picture of a filter says, and what it hides."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers import filters
from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)


@judges.exercise
def mid_gray(answer: Any, kernel: np.ndarray, f: int) -> Judgement:
    """Scaled to 0–1 by itself: which weight of filter f gets the brightness 0.5?"""
    one = kernel[..., f].astype(float)
    low, high = one.min(), one.max()
    mistakes = {
        0.0: "It would be, if 0 were mid-gray; here the smallest and largest weight decide.",
        0.5: "That is the brightness. Which weight is drawn with it?",
        (high - low) / 2: "That is half the range. Start from the smallest weight and add it.",
        -low / (high - low): "That is the brightness of a weight of 0: the question backward.",
        one.mean(): "That is the mean of its weights; only the two extremes set the scale.",
        np.median(one): "That is the median; only the two extremes set the scale.",
        (kernel.min() + kernel.max()) / 2: "That is the layer's middle; take this filter's.",
        (one[:, :, 0].min() + one[:, :, 0].max()) / 2: "That is slice 0 alone; a filter has three "
        "slices, and they share its scale.",
    }
    because = f"It is halfway between {low:.5f} and {high:.5f}; 0 is not."
    otherwise = "If you rounded, give three digits; if not, try the first hint."
    return judges.number(answer, (low + high) / 2, because, mistakes, 0.01, otherwise)


def four_filters(number: int, kernel: np.ndarray) -> list[int]:
    """This filter, its most opposite and the two least related, in an order drawn from the number.

    Only filters at least a tenth as strong as the strongest are set beside it.
    """
    if not 0 <= number < kernel.shape[-1]:
        raise ValueError(f"this layer has filters 0 to {kernel.shape[-1] - 1}, not {number}")
    length = np.sqrt(np.square(kernel).sum(axis=(0, 1, 2)))
    cosines = _cosines(kernel, number)
    others = [f for f in np.flatnonzero(length >= length.max() / 10) if f != number]
    opposite = min(others, key=lambda f: cosines[f])
    unrelated = sorted(set(others) - {opposite}, key=lambda f: abs(cosines[f]))[:2]
    four = [number, int(opposite), *map(int, unrelated)]
    return [four[k] for k in np.random.default_rng(number).permutation(4)]


@judges.exercise
def which_map(answer: Any, number: int, kernel: np.ndarray) -> Judgement:
    """Which of the maps A to D of ``four_filters`` belongs to this filter?"""
    four, cosines = four_filters(number, kernel), _cosines(kernel, number)
    alike = [f"its cosine similarity with filter {number} is {cosines[f]:.2f}" for f in four]
    whose = [f"{at} is filter {f}'s" for at, f in zip("ABCD", four, strict=True)]
    wrong = [f"Map {both[0]}, and {both[1]}." for both in zip(whose, alike, strict=True)]
    return judges.lettered(answer, four.index(number), wrong, f"{', '.join(whose)}.")


@judges.exercise
def stitched(answer: Callable | None) -> Judgement:
    """A function of (slices, grid): slices (n, rows, cols) in a grid of (rows, cols), one array."""

    def page(slices: np.ndarray, grid: tuple, order: tuple = (0, 2, 1, 3)) -> np.ndarray:
        (_, high, wide), (rows, cols) = slices.shape, grid
        parts = slices.reshape(rows, cols, high, wide).transpose(order)
        return parts.reshape(rows * high, cols * wide)

    mistakes = {
        lambda s, g: page(s, g, (0, 1, 2, 3)): "The numbers are only filled in: each slice is "
        "torn apart. Bring the rows inside a slice before the place along the line.",
        lambda s, g: page(s, g[::-1]): "The grid is (rows, cols); yours takes it as (cols, rows).",
        lambda s, g: page(
            s[np.arange(len(s)).reshape(g[::-1]).T.ravel()], g
        ): "Yours goes down the columns; slice 1 belongs to the right of slice 0.",
    }
    cases = [(np.arange(36).reshape(6, 2, 3), (2, 3)), (np.arange(54).reshape(6, 3, 3), (3, 2))]
    return judges.function(answer, cases, page, "Any grid, any size of slice.", mistakes)


def _cosines(kernel: np.ndarray, f: int) -> np.ndarray:
    """The cosine similarity of filter f with each filter of the layer, (out,)."""
    unit = filters.unit_filters(kernel)
    return (unit[..., [f]] * unit).sum(axis=(0, 1, 2))
