"""Exercises of lesson 03: what a picture of a filter says, and what it hides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers import filters
from helpers.exercises.judges import Judgement, judge_choice, judge_function, judge_number
from helpers.images import CHANNELS
from helpers.layers import conv_layers, find_conv, kernel_and_bias


def red_channel(answer: Any) -> Judgement:
    """Which index along the first kernel's third axis belongs to red? 0, 1 or 2."""
    reasons = {
        0: "Channel 0 meets blue: prepare() turns RGB into BGR before the network sees a photo.",
        1: "Channel 1 is green in either order; only the two ends swap.",
        2: "prepare() turns RGB into BGR, so kernel[:, :, 2, f] is the slice for red.",
    }
    return judge_choice(answer, CHANNELS.index("red"), reasons)


def slices(answer: Any, model: Any, layer: str = "block3_conv1") -> Judgement:
    """How many 3 × 3 pictures does it take to show all of a layer?"""
    rows, cols, depth, count = find_conv(model, layer).kernel.shape
    truth = depth * count
    return judge_number(
        answer,
        truth,
        f"{count} filters × {depth} slices each = {truth:,} pictures.",
        {
            count: f"That is how many filters there are; each has {depth} slices.",
            depth: f"That is how many slices one filter has; there are {count} filters.",
            truth * rows * cols: f"That counts every weight; one picture holds {rows * cols}.",
        },
    )


def zero_level(answer: Any, model: Any, index: int = 0) -> Judgement:
    """Scaled to 0–1 by itself, which brightness does a weight of 0 get in a filter?"""
    kernel, _ = kernel_and_bias(conv_layers(model)[0])
    low, high = float(kernel[..., index].min()), float(kernel[..., index].max())
    truth = float(filters.zero_level(kernel)[index])
    return judge_number(
        answer,
        truth,
        f"(0 − smallest) / (largest − smallest) = {truth:.3f}, for weights from {low:.4f} to "
        f"{high:.4f}.",
        {
            0.0: "0 would stay 0 only if the smallest weight were 0; this one is negative.",
            0.5: "That is so on a signed scale. Here it depends on the smallest and the largest.",
            1 - truth: "That is where 0 lies counted from the largest weight; count from the "
            "smallest, which becomes black.",
        },
        tolerance=0.01,
    )


def centered(answer: Callable | None) -> Judgement:
    """A function of (weight, limit) that maps -limit to 0, 0 to 0.5 and limit to 1, clipped."""

    def truth(weight: float, limit: float) -> float:
        return float(np.clip(0.5 + weight / (2 * limit), 0, 1))

    cases = [(0.0, 1.0), (0.0, 0.3), (0.2, 0.2), (-0.2, 0.2), (0.1, 0.4), (0.9, 0.3), (-2.0, 1.0)]
    because = "0 is always 0.5, and a filter with no negative weight no longer looks as if it had."
    return judge_function(answer, cases, truth, because)
