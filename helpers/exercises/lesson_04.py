"""Exercises of lesson 04: the arithmetic of one filter."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from helpers import activations, convolution, images
from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)
from helpers.layers import find_conv, kernel_and_bias


@judges.exercise
def padding(answer: Any, model: Any) -> Judgement:
    """How many numbers under a kernel of block3_conv1 are padding, in a corner of its input?"""
    rows, cols, depth, filters = find_conv(model, "block3_conv1").kernel.shape
    everything, outside = rows * cols, rows + cols - 1
    mistakes = {
        outside: f"That is one channel; the filter has a slice for each of {depth}.",
        outside * 3: f"A photo has 3 channels, but this layer takes {depth}.",
        outside * filters: f"{filters} is the number of filters. How deep is one of them?",
        cols * depth: "That is one edge; in a corner the kernel hangs over two.",
        (rows + cols) * depth: "The square in the corner itself is counted twice.",
        (everything - outside) * depth: "That is how many lie inside; the rest is padding.",
        everything * depth: "Those are all numbers under the kernel, not only the padding.",
    }
    because = f"{outside} of {everything} squares lie outside, in each of {depth} channels."
    return judges.number(answer, outside * depth, because, mistakes)


def draw_maps(model: Any, photo: np.ndarray, number: int) -> tuple[int, dict[str, np.ndarray]]:
    """A filter of block1_conv1, and of four unlike maps of a photo by letter, one its own.

    Any whole number from 0 draws a riddle; the same one draws the same.
    """
    maps = activations.feature_maps(model, images.prepare(photo), "block1_conv1")["block1_conv1"][0]
    random = np.random.default_rng(number)
    drawn = random.permutation(np.flatnonzero(activations.sparsity(maps) < 0.95))[:15]
    four = judges.unlike(maps[::4, ::4, drawn].reshape(-1, len(drawn)))
    shuffled = drawn[random.permutation(four)]
    return int(drawn[0]), {at: maps[:, :, f] for at, f in zip("ABCD", shuffled, strict=True)}


@judges.exercise
def whose_map(answer: Any, model: Any, photo: np.ndarray, number: int) -> Judgement:
    """Which of the four maps that ``draw_maps`` drew is the filter's own?"""
    layer, (chosen, maps) = find_conv(model, "block1_conv1"), draw_maps(model, photo, number)
    wanted = convolution.decompose(layer, images.prepare(photo), chosen).activation
    right = min(maps, key=lambda letter: np.abs(maps[letter] - wanted).max())
    kernel = kernel_and_bias(layer)[0][..., chosen]
    slices, rows, cols = (
        ", ".join(f"{total:+.1f}" for total in kernel.sum(axis=axes) / np.abs(kernel).max())
        for axes in ((0, 1), (1, 2), (0, 2))
    )
    sums = (
        f"with its largest weight as 1, filter {chosen}'s slices add up to {slices} (blue, green, "
        f"red), its rows to {rows} (from above), its columns to {cols} (from the left)."
    )
    reasons = {letter: f"Map {letter} is another filter's: {sums}" for letter in maps}
    because = f"The filter's partial sums, bias and ReLU make map {right}: {sums}"
    return judges.choice(answer, right, reasons, because)


@judges.exercise
def slide(answer: Callable | None) -> Judgement:
    """Judge a function of (channel, weights) that lays a 3×3 slice on every pixel, zeros around."""

    def by(c: np.ndarray, w: np.ndarray, edge: int = cv2.BORDER_CONSTANT, **how: Any) -> np.ndarray:
        return cv2.filter2D(c, cv2.CV_64F, w, borderType=edge, **how)

    random = np.random.default_rng(4)
    cases = [
        (random.normal(size=shape).round(1), random.integers(-3, 4, (3, 3)) + np.eye(3) / 2)
        for shape in ((4, 6), (7, 5), (3, 3))
    ]
    mistakes = {
        lambda c, w: by(c, w[::-1, ::-1].copy()): "The weights are laid on as they are, not "
        "flipped: w[0, 0] meets the pixel above and to the left.",
        lambda c, w: by(c, w.T.copy()): "Rows and columns are swapped: i counts rows downward.",
        lambda c, w: by(c, w)[1:-1, 1:-1]: "Without zeros around it, the channel loses its rim.",
        (
            lambda c, w: by(c, w, cv2.BORDER_REPLICATE),
            lambda c, w: by(c, w, cv2.BORDER_REFLECT_101),
        ): "Around the channel are zeros, not its own edge once more.",
        lambda c, w: by(np.pad(c, 1, mode="wrap"), w)[1:-1, 1:-1]: "What is shifted out on one "
        "side, as np.roll does it, comes back on the other; zeros belong there.",
        (lambda c, w: by(c, w, anchor=(0, 0)), lambda c, w: by(c, w, anchor=(2, 2))): (
            "The pixel is under the kernel's middle, not its corner: zeros belong on all sides."
        ),
        lambda c, w: np.maximum(by(c, w), 0): "ReLU comes after all channels are added.",
        lambda c, w: c * w.sum(): "Each weight meets another pixel: shift before you multiply.",
    }
    because = "Nine shifted copies of the channel, each times one weight: filter2D by hand."
    return judges.function(answer, cases, by, because, mistakes)
