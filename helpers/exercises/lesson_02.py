"""Exercises of lesson 02."""

from __future__ import annotations

import math
from typing import Any

from helpers.exercises.judges import Judgement, judge_choice, judge_number
from helpers.layers import conv_layers, conv_parameters, find_conv


def depth(answer: Any, model: Any) -> Judgement:
    """How deep each filter of block4_conv1 is."""
    rows, _, truth, count = find_conv(model, "block4_conv1").kernel.shape
    return judge_number(
        answer,
        truth,
        f"block3_pool hands on {truth} channels, so every filter of block4_conv1 is {truth} deep.",
        mistakes={
            count: "That is how many filters there are, so the depth of the next layer's.",
            rows: "That is its rows or columns. The depth is the number of channels that come in.",
            find_conv(model, "block3_conv1").kernel.shape[2]: "That many channels enter block 3; "
            "how many leave it?",
        },
    )


def numbers_in_a_filter(answer: Any, model: Any) -> Judgement:
    """How many numbers one filter of block2_conv1 consists of, its bias included."""
    rows, cols, channels, count = find_conv(model, "block2_conv1").kernel.shape
    truth = conv_parameters(rows, cols, channels, 1)
    return judge_number(
        answer,
        truth,
        f"{rows} × {cols} × {channels} = {truth - 1} weights and 1 bias. {count} such filters "
        f"make the layer's {conv_parameters(rows, cols, channels, count):,} parameters.",
        mistakes={
            truth - 1: "Those are the weights. What is added once to each sum?",
            rows * cols: "That is one slice; the filter has one for every channel that comes in.",
            conv_parameters(rows, cols, channels, count): "That is the whole layer; how many "
            f"filters share it? There are {count}.",
            rows * cols * count
            + 1: f"{count} is how many filters there are, not how deep each is.",
        },
    )


def filters_for_grey(answer: Any, model: Any) -> Judgement:
    """What would have to change for photos with one channel instead of three."""
    first, second = conv_layers(model)[:2]
    rows, cols, channels, count = first.kernel.shape
    weights = math.prod((rows, cols, 1))
    return judge_choice(
        answer,
        "only the first layer's",
        {
            "no layer's": f"{first.name}'s filters are {channels} deep; over a single channel "
            f"two of their slices would have nothing to look at.",
            "only the first layer's": f"{first.name}'s {count} filters would be {rows} × {cols} × "
            f"1, with {weights} weights each. They still make {count} maps, so {second.name} and "
            f"all after it stay as they are.",
            "every layer's": f"{second.name} sees the {count} maps of {first.name}, not the "
            f"photo; does their number change?",
        },
    )
