"""Exercises of lesson 06: how much a layer holds, where the weights are, and dividing by zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from helpers.exercises.judges import Judgement, judge_choice, judge_function, judge_number
from helpers.layers import find_conv, output_shape


def numbers_in_map(answer: Any, model: Any, layer: str = "conv3") -> Judgement:
    """How many numbers a layer makes of one photo."""
    rows, cols, channels = output_shape(find_conv(model, layer))[1:]
    weights = find_conv(model, layer).count_params()
    return judge_number(
        answer,
        rows * cols * channels,
        f"{layer} makes {channels} maps of {rows} × {cols} numbers.",
        {
            rows * cols: f"That is one of {layer}'s maps; it makes {channels} of them.",
            rows + cols + channels: "Rows, columns and channels multiply.",
            weights: f"That is how many numbers {layer} has learned, not how many it answers.",
        },
    )


def heaviest_layer(answer: Any, model: Any) -> Judgement:
    """Which layer holds the most parameters."""
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    total, right = sum(counts.values()), max(counts, key=counts.get)
    reasons = {
        name: f"{name} has {count:,} of {total:,} parameters, {count / total:.0%}"
        + ("." if name == right else "; another one has more.")
        for name, count in counts.items()
    }
    return judge_choice(answer, right, reasons)


def brightness(answer: Callable | None) -> Judgement:
    """A standardizing function of (value, mean, spread) that survives a spread of 0."""
    cases = [(1.0, 1.0, 0.5), (1.5, 1.0, 0.5), (0.0, 1.0, 2.0), (9.0, 1.0, 0.5), (0.0, 3.0, 0.5)]
    return judge_function(
        answer,
        [*cases, (0.0, 0.0, 0.0)],
        _brightness,
        "The mean is at 128, one deviation is 64 levels, nothing leaves 0 to 255, and a dead "
        "channel is 128 rather than an error.",
    )


def _brightness(value: float, mean: float, spread: float) -> float:
    if math.isclose(spread, 0):
        return 128.0
    return min(max((value - mean) / spread * 64 + 128, 0.0), 255.0)
