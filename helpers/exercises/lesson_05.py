"""Lesson 05's exercises: receptive fields, padding, dead channels and scales."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.activations import dead_channels
from helpers.brightness import SCALES, scaled
from helpers.exercises.judges import Judgement, judge_choice, judge_function, judge_number
from helpers.receptive_field import receptive_field


def field_size(answer: Any, model: Any, layer: str = "block2_conv1") -> Judgement:
    """How many pixels wide and high is the receptive field of a unit of this layer?"""
    truth = receptive_field(model, layer).size[0]
    return judge_number(
        answer,
        truth,
        f"Each convolution adds 2 steps and the pool adds 1: 1 → 3 → 5 → 6, and beyond the pool a "
        f"step is 2 pixels long, so the last convolution adds 4: {truth}.",
        {
            8: "Almost: beyond the pool, neighboring units are 2 pixels apart, so a 3 × 3 kernel "
            "there adds 2 · 2 pixels, not 2.",
            9: "Almost: the pool itself looks at 2 × 2 positions, which adds 1 pixel.",
            7: "That leaves the pool out. It looks at 2 × 2 positions, and beyond it neighboring "
            "units are 2 pixels apart.",
            3: "That is the kernel. A unit here looks at units that look at units that see pixels.",
        },
    )


def free_of_padding(
    answer: Any, model: Any, layer: str = "block5_conv2", photo_side: int = 224
) -> Judgement:
    """How many positions of this layer's map never meet padding, for a square photo?"""
    field = receptive_field(model, layer)
    units, photo = (photo_side // field.stride[0],) * 2, (photo_side,) * 2
    inside = field.inside(units, photo)
    side = int(inside.any(axis=1).sum())
    return judge_number(
        answer,
        int(inside.sum()),
        f"The field of unit r begins at pixel {field.start[0]} + {field.stride[0]} · r and is "
        f"{field.size[0]} long: it stays within the {photo[0]} pixels for {side} rows and as "
        f"many cols.",
        {
            side: f"That is how many rows. Count positions: rows × cols, {side} × {side}.",
            units[0] * units[1]: "That is all of them; most look over the photo's edge.",
            (units[0] - 2) * (units[1] - 2): "That takes off the outermost ring only. What an "
            "earlier layer got wrong at the edge travels inwards, layer by layer.",
        },
    )


def count_dead(answer: Callable | None) -> Judgement:
    """A function of maps (rows, cols, channels): how many channels are 0 everywhere?"""
    one_spark = np.zeros((2, 2, 3))
    one_spark[0, 1, 1] = 0.5
    cases = [
        (np.array([[[0.0, 1.0], [0.0, 0.0]]]),),
        (one_spark,),
        (np.ones((2, 2, 4)),),
        (np.zeros((1, 2, 2)),),
    ]
    return judge_function(
        answer,
        cases,
        lambda maps: len(dead_channels(maps)),
        "A channel is dead on a photo if no position answers; a single spark keeps it alive.",
    )


def fair_scale(answer: Any) -> Judgement:
    """On which scale does a map that is half as strong as another look half as bright?"""
    strong = np.linspace(0, 2, 100, dtype=np.float32).reshape(10, 10)
    both = np.dstack([strong, strong / 2])
    offered = SCALES[:3]  # the lesson's
    fair = [scale for scale in offered if _half_as_bright(scaled(both, scale))]
    (right,) = fair
    reasons = dict.fromkeys(
        offered,
        "There each map is scaled by itself, so a weak map and a strong one look equally bright.",
    )
    reasons[right] = (
        "One scale for all maps keeps their strengths comparable; the price is that most maps of "
        "a layer look dark beside its strongest."
    )
    return judge_choice(answer, right, reasons)


def _half_as_bright(pictures: np.ndarray) -> bool:
    strong, weak = pictures.reshape(-1, 2).mean(axis=0)
    return bool(np.isclose(weak, strong / 2, rtol=0.05))
