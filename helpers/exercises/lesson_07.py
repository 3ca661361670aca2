"""Exercises of lesson 07: receptive fields by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpers.exercises.judges import Judgement, judge_function, judge_number
from helpers.layers import find, find_conv, output_shape
from helpers.receptive_field import receptive_field


def field_size(answer: Any, model: Any, layer: str = "block3_conv1") -> Judgement:
    """Rows of a convolution's receptive field, in pixels."""
    names = [candidate.name for candidate in model.layers]
    before = names[names.index(find_conv(model, layer).name) - 1]
    size, earlier = receptive_field(model, layer).size[0], receptive_field(model, before)
    window, step = find_conv(model, layer).kernel_size[0], earlier.stride[0]
    return judge_number(
        answer,
        size,
        f"{before}'s units see {earlier.size[0]} pixels and lie {step} apart; a window of {window} "
        f"of them sees {earlier.size[0]} + {window - 1} · {step} = {size}.",
        {
            earlier.size[0]: f"That is {before}'s. {layer} looks at {window} × {window} of them.",
            window * earlier.size[0]: "Neighboring fields overlap, so their sizes don't add up.",
            earlier.size[0] + window - 1: f"{before}'s units lie {step} pixels apart, not 1.",
            earlier.size[0] + window * step: "From the first of 3 units to the last it is 2 steps.",
        },
    )


def next_size(answer: Callable | None) -> Judgement:
    """A function of (size, stride, kernel) that gives the size of the next layer's field."""
    return judge_function(
        answer,
        [(1, 1, 3), (3, 1, 2), (4, 2, 3), (18, 4, 2), (7, 3, 1)],
        lambda size, stride, kernel: size + (kernel - 1) * stride,
        "A window of so many units reaches (kernel - 1) strides further than one unit.",
    )


def units_that_see(
    answer: Any, model: Any, layer: str = "conv2", pixel: tuple[int, int] = (75, 75)
) -> Judgement:
    """How many positions of a layer's map see one pixel."""
    field = receptive_field(model, layer)
    rows, cols = (
        [
            number
            for number in range(count)
            if start + number * stride <= place < start + number * stride + size
        ]
        for start, stride, size, count, place in zip(
            field.start,
            field.stride,
            field.size,
            output_shape(find(model, layer))[1:3],
            pixel,
            strict=True,
        )
    )
    return judge_number(
        answer,
        len(rows) * len(cols),
        f"Rows {rows[0]} to {rows[-1]} and columns {cols[0]} to {cols[-1]}: {len(rows)} × "
        f"{len(cols)} positions, in each of the layer's channels.",
        {
            1: "Fields overlap: a pixel belongs to several of them.",
            field.size[0] * field.size[1]: (
                f"That would be so if fields lay 1 pixel apart; these lie {field.stride[0]} apart."
            ),
            len(rows): "Count rows and columns: the positions form a square.",
        },
    )
