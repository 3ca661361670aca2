"""Exercises of lesson 02."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)
from helpers.layers import find, find_conv, kernel_and_bias

EPSILON = 0.001  # what batch normalization adds to a variance


@judges.exercise
def new_layer(answer: Any, model: Any) -> Judgement:
    """How many numbers one filter of a Conv2D(32, 5) after block3_pool has."""
    depth = find(model, "block3_pool").output.shape[-1]
    weights = 5 * 5 * depth
    mistakes = {
        weights: "Those are its weights. What is added once to each dot product?",
        32 * (weights + 1): "That is the whole layer, which has 32 such filters.",
        32 * weights: "That is the whole layer's kernel. How much of it is one filter's?",
        3 * 3 * depth + 1: "The new filters are not 3 × 3.",
        5 * 5 * 32 + 1: "32 is how many filters there are, not how deep each of them is.",
        5 * 5 * 3 + 1: "Only the first layer looks at 3 channels.",
        weights + depth: "The bias is added once, when the channels are summed already.",
        weights + 32: "The layer has 32 biases; one of its filters has one.",
        5 * 5 + 1: "That is a filter over a single channel. How many come in here?",
        5 * 5 * 2 * depth + 1: "That many channels leave block 4. How many leave block3_pool?",
    }
    because = f"{depth} channels come in: 5 × 5 × {depth} = {weights:,} weights and 1 bias."
    otherwise = "How many rows, columns and channels does it cover, and what is added?"
    return judges.number(answer, weights + 1, because, mistakes, otherwise=otherwise)


def four_layers(number: int, model: Any) -> tuple[list[str], tuple[int, ...]]:
    """The first layers of blocks 1 to 4 in an order that a number draws, and one's kernel shape."""
    draw = np.random.default_rng(abs(int(number)))
    names = [f"block{block}_conv1" for block in 1 + draw.permutation(4)]
    return names, tuple(find_conv(model, names[draw.integers(4)]).kernel.shape)


@judges.exercise
def which_map(answer: Any, number: int, model: Any) -> Judgement:
    """Which of four maps comes from the layer whose kernel has a given shape."""
    names, shape = four_layers(number, model)
    found = [find_conv(model, name) for name in names]
    (right,) = (k for k, layer in enumerate(found, 1) if tuple(layer.kernel.shape) == shape)
    sides = [layer.output.shape[1] for layer in found]
    name, side = names[right - 1], sides[right - 1]
    where = f"Which layer has the kernel {shape}, and how large does the table say its maps are?"
    mistakes = {side: "That is its size. Which of the maps has it?"}
    mistakes |= {k: f"Map {k} is {each} × {each}. {where}" for k, each in enumerate(sides, 1)}
    because = f"{shape} is the kernel of {name}: map {right} has its {side} squares a side."
    otherwise = "The answer is the number above a map: 1, 2, 3 or 4."
    return judges.number(answer, right, because, mistakes, otherwise=otherwise)


@judges.exercise
def fold(answer: Callable | None, model: Any) -> Judgement:
    """A function that folds batch normalization into the kernel and biases before it."""
    draw, cases = np.random.default_rng(0), []
    for kernel, bias in (
        (draw.normal(size=(3, 3, 4, 4)), draw.normal(size=4)),
        kernel_and_bias(find_conv(model, "block1_conv2")),
    ):
        gamma, beta, mean = draw.normal(size=(3, bias.size))
        cases.append((kernel, bias, gamma, beta, mean, draw.uniform(0.001, 2, bias.size)))

    def joined(*arguments: np.ndarray) -> np.ndarray | None:
        found = answer(*arguments)
        if found is None:
            return None
        shapes = [np.shape(part) for part in found] if isinstance(found, tuple | list) else []
        if shapes != [np.shape(part) for part in arguments[:2]]:
            raise TypeError("return two arrays of the shapes of kernel and bias")
        return _joined(*found)

    asked = joined if callable(answer) else answer
    because = "One convolution does the work of both layers, channel by channel."
    return judges.function(asked, cases, _folded(), because, _SLIPS)


def _joined(kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A kernel (rows, cols, in, out) and biases (out,) in one array (rows · cols · in + 1, out)."""
    return np.vstack([np.reshape(kernel, (-1, np.size(bias))), bias])


def _folded(
    kernel: Callable = lambda k, s: k * s,
    bias: Callable = lambda b, s, m, beta: (b - m) * s + beta,
    scale: Callable = lambda gamma, v: gamma / np.sqrt(v + EPSILON),
) -> Callable:
    """A right function, or one with a slip in one of its three steps."""
    return lambda k, b, gamma, beta, m, v: _joined(
        kernel(k, scale(gamma, v)), bias(b, scale(gamma, v), m, beta)
    )


_SLIPS = {
    _folded(scale=lambda gamma, v: gamma / np.sqrt(v)): "Where is ε, added to the variance?",
    _folded(scale=lambda gamma, v: gamma / (np.sqrt(v) + EPSILON)): "ε is added to the variance, "
    "before its root is taken.",
    _folded(scale=lambda gamma, v: gamma / (v + EPSILON)): "Divide by the root of variance + ε.",
    _folded(scale=lambda gamma, v: 1 / np.sqrt(v + EPSILON)): "Where is γ, which multiplies all?",
    _folded(lambda k, s: k): "The kernel is scaled, too: it makes the sums that are divided.",
    _folded(lambda k, s: k * s[:, None]): "You scaled the channels that come in; filters are "
    "told apart by the kernel's last axis.",
    _folded(bias=lambda b, s, m, beta: b - m * s + beta): "The old bias is part of the sum that "
    "is divided, so it is scaled as well.",
    _folded(bias=lambda b, s, m, beta: beta - m * s): "What became of the old bias?",
    _folded(bias=lambda b, s, m, beta: b * s + beta): "Where is the mean, which is subtracted?",
    _folded(bias=lambda b, s, m, beta: b * s - m + beta): "The mean is subtracted before the "
    "division, so it is scaled as well.",
    _folded(bias=lambda b, s, m, beta: (b + m) * s + beta): "The mean is subtracted, not added.",
    _folded(bias=lambda b, s, m, beta: (b - m) * s): "Where is β, which is added at the end?",
    _folded(bias=lambda b, s, m, beta: (b - m + beta) * s): "β is added after the division, so "
    "it is not scaled.",
}
