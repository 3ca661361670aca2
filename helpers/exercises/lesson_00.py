"""Exercises of lesson 00."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)


@judges.exercise
def largest_bias_for_zero(
    answer: Any, numbers: Sequence[float], weights: Sequence[float]
) -> Judgement:
    """The largest bias for which ReLU still answers 0."""
    dot = float(np.dot(numbers, weights))
    sums = float(np.sum(numbers) * np.sum(weights))
    mistakes = {
        dot: "That is the dot product itself. The bias is added to it; what makes the total 0?",
        0: "With a bias of 0 the map holds 0, but somewhat larger ones give 0, too.",
        tuple(-dot - less for less in (1, 0.5, 0.1, 0.01, 0.001)): "Close: a total of exactly 0 is "
        "still 0 after ReLU, and biases need not be whole numbers.",
        -dot + 1: "With this one the total is 1, and ReLU lets it pass.",
        (-sums, sums): "Multiply pair by pair and add up the products; don't add up first.",
    }
    because = f"The dot product is {dot:g}: up to a bias of {-dot:g} the total is not above 0."
    otherwise = "Work out the dot product first: three products, added up. Mind the signs."
    return judges.number(answer, -dot, because, mistakes, otherwise=otherwise)


@judges.exercise
def half_as_strong(answer: Any, patch: np.ndarray, kernel: np.ndarray, bias: float) -> Judgement:
    """What a map holds where all numbers of the patch below the filter are halved."""
    dot, bias = float((patch * kernel).sum()), float(bias)
    mistakes = {
        max(0.0, (dot + bias) / 2): "You halved the bias, too. It belongs to the filter, and the "
        "photo doesn't change it.",
        dot / 2: "That is half the dot product. What is added to it?",
        dot: "That is the whole dot product, without a bias. Half the numbers: half of it.",
        max(0.0, dot + bias): "That is what the map holds now. Which part of it is halved?",
        max(0.0, dot / 4 + bias): "You halved twice. The weights stay as they are.",
        max(0.0, 2 * dot + bias): "That is for numbers twice as large.",
        dot / 2 - bias: "The bias is added, not taken away.",
    }
    because = f"Half the dot product: {dot / 2:.3f}; the bias {bias:.3f} is added whole, then ReLU."
    otherwise = "Go through it in order: dot product of the halved numbers, bias, ReLU."
    return judges.number(answer, max(0.0, dot / 2 + bias), because, mistakes, 0.002, otherwise)


@judges.exercise
def share_in_five(answer: Callable | None) -> Judgement:
    """A function of (probabilities, right): for what share the right class is among five."""

    def share(likeliest: Callable) -> Callable:
        return lambda probabilities, right: np.mean(
            [k in likeliest(row) for row, k in zip(probabilities, right, strict=True)]
        )

    random, cases = np.random.default_rng(5), []
    for photos, classes in ((4, 9), (12, 11), (30, 20)):
        scores = random.random((photos, classes))
        right = random.integers(0, classes, photos)
        right[:3] = scores[:3].argsort(axis=1)[[0, 1, 2], [-1, -5, -6]]  # first, fifth and sixth
        cases.append((scores / scores.sum(axis=1, keepdims=True), right))
    truth = share(lambda row: np.argsort(-row)[:5])
    mistakes = {
        share(lambda row: np.argsort(row)[:5]): "Those are the five least likely classes.",
        share(lambda row: [row.argmax()]): "That counts the first guess alone.",
        share(lambda row: np.argsort(-row)[:4]): "Those are four classes; [:5] picks five.",
        share(lambda row: np.argsort(-row)[:6]): "Those are six classes; [:5] picks five.",
        lambda *case: truth(*case) * len(case[1]): "That is how many; divide by the photos.",
        lambda *case: truth(*case) * 100: "Return a share from 0 to 1, not a percentage.",
        lambda *case: 1 - truth(*case): "That is the share of photos where it is not.",
    }
    because = "Is each photo's class among its five likeliest? The share is the *top-5 accuracy*."
    return judges.function(answer, cases, truth, because, mistakes)
