"""Exercise of lesson 00."""

from __future__ import annotations

import math
from typing import Any

from helpers.exercises.judges import Judgement, judge_number
from helpers.layers import feature_map_shapes


def numbers_in_maps(answer: Any, model: Any) -> Judgement:
    """How many numbers the first convolution makes out of one photo."""
    _, name, (_, rows, cols, channels) = feature_map_shapes(model)[0]
    truth = math.prod((rows, cols, channels))
    return judge_number(
        answer,
        truth,
        f"{rows} rows × {cols} cols × {channels} maps = {truth:,} numbers leave {name}, "
        f"{channels / 3:.0f} times as many as the photo has.",
        mistakes={
            rows * cols: f"That is one map; there are {channels}.",
            rows * cols * 3: "That is the photo itself: 3 colors. The layer makes more maps.",
            channels: "That is the number of maps; each of them holds a grid of numbers.",
        },
    )
