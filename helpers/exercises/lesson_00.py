"""Exercise of lesson 00."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from helpers.exercises import judges

progress = judges.progress


@judges.exercise
def largest_bias_for_zero(
    answer: Any, numbers: Sequence[float], weights: Sequence[float]
) -> judges.Judgement:
    """The largest bias for which ReLU still answers 0."""
    dot = float(np.dot(numbers, weights))
    sums = float(np.sum(numbers) * np.sum(weights))
    return judges.number(
        answer,
        -dot,
        f"The dot product is {dot:g}; with a bias of {-dot:g} the total is 0, and with any larger "
        f"one it is above 0.",
        mistakes={
            dot: "That is the dot product itself. The bias is added to it; what makes the total 0?",
            0: "With a bias of 0 the map holds 0, but somewhat larger ones give 0, too.",
            **dict.fromkeys(
                [-dot - less for less in (1, 0.5, 0.1, 0.01, 0.001)],
                "Close: a total of exactly 0 is still 0 after ReLU, and biases need not be whole "
                "numbers.",
            ),
            -dot + 1: "With this one the total is 1, and ReLU lets it pass.",
            -sums: "Multiply pair by pair and add up the products; don't add up first.",
            sums: "Multiply pair by pair and add up the products; don't add up first.",
        },
        otherwise="Work out the dot product first: three products, added up. Mind the signs.",
    )
