"""Exercises of lesson 01."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)
from helpers.layers import find


@judges.exercise
def ten_more(answer: Any, scores: Sequence[float], more: float) -> Judgement:
    """What softmax makes of scores that have all grown by the same number."""
    powers = np.exp(np.subtract(scores, np.max(scores)))  # no power too large for the computer
    both = (powers / powers.sum()).round(3).tolist()
    reasons = {
        "stay the same": f"Every power is e^{more} times as large, and so is their sum: {both} "
        f"before and after.",
        "all grow": "They can't all grow: together they are always 1.",
        "get more alike": "Scores closer to one another would. These keep their differences.",
        "the largest grows": "Only larger differences would do that. These scores keep theirs.",
    }
    return judges.choice(answer, "stay the same", reasons)


@judges.exercise
def larger_photo(answer: Any, model: Any) -> Judgement:
    """How many parameters fc1 would have if photos were 448 × 448."""
    pool, fc1 = find(model, "block5_pool"), find(model, "fc1")
    _, rows, cols, channels = pool.output.shape
    units, reach = fc1.units, 4 * rows * cols * channels
    truth, now = reach * units + units, math.prod(fc1.kernel.shape) + units
    mistakes = {
        now: "That is fc1 as it is. How many numbers would the last pool hand on?",
        (reach // 2 * units + units, 2 * now): "Twice as many rows and twice as many columns: how "
        "many times as many places is that?",
        reach: "So many numbers would reach fc1. How many weights and biases has it for them?",
        4 * now: "Almost: four times the weights, but still one bias for each unit.",
        reach * units: "Almost: those are the weights. Each unit also has a bias.",
    }
    because = (
        f"{2 * rows} × {2 * cols} × {channels} = {reach:,} numbers would reach fc1, so {reach:,} × "
        f"{units:,} + {units:,} = {truth:,}. The convolutions keep every one of their weights."
    )
    otherwise = "What shape would block5_pool hand on? fc1 weighs all of these numbers."
    return judges.number(answer, truth, because, mistakes, otherwise=otherwise)


@judges.exercise
def max_pool(answer: Callable | None) -> Judgement:
    """A function (maps, size) → their max pooling with a window and stride of that size."""
    random = np.random.default_rng(0)
    shapes = {(6, 6, 3): 2, (9, 6, 2): 3, (7, 10, 2): 2, (4, 4, 1): 1}
    cases = [(random.normal(size=shape).round(2), size) for shape, size in shapes.items()]
    mistakes = {
        lambda maps, size: _pooled(maps, size, np.mean): "That averages each window; max pooling "
        "keeps its largest number.",
        lambda maps, size: _pooled(maps, size, np.min): "Those are the windows' smallest.",
        lambda maps, size: _pooled(maps, size, lambda w, axis: w[:, 0, :, 0]): "That keeps each "
        "window's first number; look at all of them.",
        lambda maps, size: _pooled(maps, 2): "The window is always 2 × 2; use size.",
        lambda maps, size: _pooled(
            maps * 0 + maps.max(axis=-1, keepdims=True), size
        ): "The largest "
        "number of all channels is in each; pool each channel by itself: max(axis=(0, 1)).",
        lambda maps, size: np.maximum(_pooled(maps, size), 0): "Numbers below 0 are gone. Max "
        "pooling keeps the largest, even if it is negative.",
    }
    because = f"It agrees with max pooling for all {len(shapes)} shapes, leftovers included."
    return judges.function(answer, cases, _pooled, because, mistakes)


def _pooled(maps: np.ndarray, size: int, keep: Callable = np.max) -> np.ndarray:
    """One number for each window of each channel; what is left over is dropped."""
    rows, cols = (length // size for length in maps.shape[:2])
    windows = maps[: rows * size, : cols * size].reshape(rows, size, cols, size, -1)
    return keep(windows, axis=(1, 3))
