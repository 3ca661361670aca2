"""Exercises of lesson 01."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from helpers.exercises.judges import Judgement, judge_choice, judge_function, judge_number
from helpers.layers import find, layer_costs


def index_of(answer: Any, model: Any) -> Judgement:
    """The index of block4_conv3 in the model's list of layers."""
    costs = layer_costs(model)
    truth = next(cost.index for cost in costs if cost.name == "block4_conv3")
    with_weights = [cost.name for cost in costs if cost.parameters]
    return judge_number(
        answer,
        truth,
        f"model.layers[{truth}] is block4_conv3: the input is number 0, and pools count too.",
        mistakes={
            truth + 1: "Close: Python counts from 0, so the input layer is number 0.",
            with_weights.index("block4_conv3") + 1: "That counts the convolutions only; the list "
            "holds the input and the pools as well.",
            with_weights.index("block4_conv3"): "That counts the convolutions only; the list "
            "holds the input and the pools as well.",
        },
    )


def conv_parameters(answer: Callable | None, model: Any) -> Judgement:
    """A function (channels in, filters) → parameters of a 3 × 3 convolution."""
    convolutions = [cost for cost in layer_costs(model) if cost.kind == "Conv2D"]
    shapes = [tuple(find(model, cost.index).kernel.shape) for cost in convolutions]
    cases = list(dict.fromkeys((shape[2], shape[3]) for shape in shapes))
    truths = {
        case: next(c.parameters for c, s in zip(convolutions, shapes, strict=True) if s[2:] == case)
        for case in cases
    }
    for channels, filters in cases:
        try:
            found = None if answer is None else answer(channels, filters)
        except Exception:
            break  # judge_function reports it
        if found == truths[channels, filters] - filters and found is not None:
            return Judgement(
                False,
                f"For ({channels}, {filters}) your function gives {found:,}: all the weights. "
                f"Each of the {filters} filters also has one bias.",
            )
    return judge_function(
        answer,
        cases,
        lambda channels, filters: truths[channels, filters],
        f"It agrees with Keras on all {len(cases)} pairs of sizes in VGG16.",
    )


def larger_photo(answer: Any, model: Any) -> Judgement:
    """How many parameters fc1 would have if photos were 448 × 448."""
    pool, fc1 = find(model, "block5_pool"), find(model, "fc1")
    _, rows, cols, channels = pool.output.shape
    units = fc1.units
    truth = 4 * rows * cols * channels * units + units
    now = math.prod(fc1.kernel.shape) + units
    return judge_number(
        answer,
        truth,
        f"{2 * rows} × {2 * cols} × {channels} = {4 * rows * cols * channels:,} numbers would "
        f"reach fc1, so {4 * rows * cols * channels:,} × {units:,} + {units:,} = {truth:,}. "
        f"The convolutions would keep every one of their weights.",
        mistakes={
            now: "That is fc1 as it is. How many numbers would the last pool hand on?",
            2 * rows * cols * channels * units + units: "Twice as many rows and twice as many "
            "columns: how many times as many places is that?",
            2 * now: "Twice as many rows and twice as many columns: how many times as many "
            "places is that?",
            4 * now: "Almost: four times the weights, but still one bias for each unit.",
            4 * rows * cols * channels * units: "Almost: those are the weights. Each unit also "
            "has a bias.",
        },
    )


def work_of_larger_photo(answer: Any, model: Any) -> Judgement:
    """What happens to the multiply-adds of the convolutions with twice the rows and columns."""
    cost = next(cost for cost in layer_costs(model) if cost.kind == "Conv2D")
    _, rows, cols, _ = cost.output_shape
    factor = (2 * rows) * (2 * cols) // (rows * cols)
    return judge_choice(
        answer,
        f"{factor} times as many",
        {
            "the same": "Their weights stay the same, but they are used at more places.",
            "2 times as many": "Both the rows and the columns double.",
            "4 times as many": f"Each filter is laid over {2 * rows} × {2 * cols} places instead "
            f"of {rows} × {cols}: {factor} times as many.",
            "16 times as many": "Rows and columns double once each; a filter itself does not grow.",
        },
    )
