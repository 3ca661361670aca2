"""Exercises of lesson 04: the arithmetic of one filter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers import convolution, images
from helpers.exercises.judges import Judgement, judge_choice, judge_number
from helpers.layers import find_conv

_COLORS = ("blue", "green", "red")


def products(answer: Any, model: Any) -> Judgement:
    """How many multiplications make one number of block3_conv1's feature maps?"""
    rows, cols, depth, filters = find_conv(model, "block3_conv1").kernel.shape
    truth = rows * cols * depth
    return judge_number(
        answer,
        truth,
        f"{rows} × {cols} weights for each of the {depth} input channels make {truth} products.",
        {
            rows * cols: f"That is one slice; the filter has one for each of {depth} channels.",
            depth: f"Each of the {depth} channels has a slice of {rows} × {cols} weights.",
            truth + 1: "Nearly: the bias is added, not multiplied.",
            rows * cols * filters: (
                f"{filters} is the number of filters; one number comes from one filter, whose "
                f"depth is that of the layer's input."
            ),
            truth * filters: f"That is all {filters} filters; one number comes from one of them.",
        },
    )


def padding(answer: Any, model: Any) -> Judgement:
    """How many of the numbers under block1_conv1's kernel are padding at row 0, column 0?"""
    layer = find_conv(model, "block1_conv1")
    depth = layer.kernel.shape[2]
    found = convolution.probe(layer, np.zeros((32, 32, depth)), 0, 0, 0)
    outside = int((~found.inside).sum())
    all_numbers = found.patch.size
    return judge_number(
        answer,
        outside * depth,
        f"In the corner, {outside} of the 9 places hang over the edge, in each of {depth} "
        f"channels: {outside * depth} of {all_numbers} numbers are zeros from outside the photo.",
        {
            outside: f"That is one channel; the patch has {depth}.",
            (9 - outside) * depth: "That is how many lie inside the photo; the rest is padding.",
            3 * depth: "At an edge, yes; in the corner the kernel hangs over two edges at once.",
        },
    )


def one_number(answer: Callable | None) -> Judgement:
    """Judge a function of (patch, kernel, bias) that returns one number of a feature map."""
    random = np.random.default_rng(4)
    for case in range(6):
        patch, kernel = random.integers(-3, 4, (2, 3, 3, 3)).astype(float)
        patch[0, 0], kernel[0, 0] = 4, (-1.5, 2, 3)  # no case is the same when flipped
        kernel *= -np.sign((patch * kernel).sum())  # below 0, so that all mistakes differ
        plain = float((patch * kernel).sum())
        bias = (5.0 if case % 2 else -7.0) - plain  # before ReLU: 5 or -7
        truth = max(plain + bias, 0.0)
        try:
            found = None if answer is None else answer(patch.copy(), kernel.copy(), bias)
        except Exception as error:
            return Judgement(False, f"Your function raised {error!r}.")
        if found is None:
            return Judgement(None, "Fill in the function and run this cell again.")
        try:
            number = float(found)
        except (TypeError, ValueError):
            shape = np.shape(found)
            return Judgement(False, f"It returns an array {shape}; add all its numbers up.")
        if math.isclose(number, truth, rel_tol=1e-6, abs_tol=1e-6):
            continue
        flipped = float((patch * kernel[::-1, ::-1]).sum())
        reasons = {
            plain + bias: "ReLU is missing: what is below 0 becomes 0.",
            plain: "The bias is missing.",
            max(plain, 0.0): "The bias is missing.",
            max(plain, 0.0) + bias: "The bias is added before ReLU, not after it.",
            max(flipped + bias, 0.0): "The kernel is laid on the patch as it is, not flipped.",
        }
        for wrong, reason in reasons.items():
            if math.isclose(number, wrong, rel_tol=1e-6, abs_tol=1e-6):
                return Judgement(False, reason)
        return Judgement(
            False, f"For one patch it gives {number:.3g}, where the map has {truth:.3g}."
        )
    return Judgement(True, "Products, their sum, the bias, ReLU: the whole of a convolution.")


def strongest_color(answer: Any, model: Any, photo: np.ndarray, filter_index: int) -> Judgement:
    """Which color has the largest share in the work of one of block1_conv1's filters?"""
    layer = find_conv(model, "block1_conv1")
    shares = convolution.decompose(layer, images.prepare(photo), filter_index).shares
    best = int(shares.argmax())
    listed = ", ".join(f"{color} {share:.0%}" for color, share in zip(_COLORS, shares, strict=True))
    reasons = {}
    for place, color in enumerate(_COLORS):
        if place == best:
            reasons[color] = f"Channel {best} is {color}, since VGG16 takes BGR. Shares: {listed}."
        elif place == 2 - best:
            reasons[color] = (
                f"Channel {best} does the most, but which color is it? VGG16 takes BGR: "
                f"blue comes first."
            )
        else:
            reasons[color] = f"Look at the shares once more: {color} has {shares[place]:.0%}."
    return judge_choice(answer, _COLORS[best], reasons)
