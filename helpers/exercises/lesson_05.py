"""Lesson 05's exercises: receptive fields, maps without names, dead channels."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.activations import dead_channels, feature_maps
from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)
from helpers.images import prepare
from helpers.receptive_field import receptive_field


@judges.exercise
def field_of_vgg19(answer: Any, model: Any) -> Judgement:
    """How wide is the field of VGG19's last convolution? ``model`` is VGG16's base."""
    fields = [receptive_field(model, f"block{number}_conv3") for number in (3, 4, 5)]
    size, steps = fields[-1].size[0], [field.stride[0] for field in fields]
    sums = " + ".join(f"2 · {step}" for step in steps)
    mistakes = {
        size: "That is VGG16's. With every new convolution the last one sees further.",
        size + 2 * len(steps): "Beyond a pool, a step is longer than one pixel.",
        size + sum(steps): "A 3 × 3 kernel reaches one step further on *each* side. (And a field "
        "may well be wider than the photo.)",
        size + 3 * sum(steps): "A window of 3 adds 3 − 1 steps: its middle was seen before.",
        size + 4 * sum(steps): "The pool comes later, so it does not double this step yet.",
        size + 2 * steps[-1]: "That is one new convolution; there are three.",
        size + 2 * sum(steps[1:]): "What the one in block 3 adds, all later fields have, too.",
    }
    because = f"{size} + {sums}: each new one adds 2 steps, and a step is longer in each block."
    otherwise = "What does each of the three new convolutions add? See the first hint."
    return judges.number(answer, size + 2 * sum(steps), because, mistakes, otherwise=otherwise)


@judges.exercise
def whose_maps(
    answer: Any, shown: np.ndarray, model: Any, photos: np.ndarray, layer: str, channel: int
) -> Judgement:
    """Which map of the channel, float (photos, rows, cols), belongs to each photo?

    The answer is letters in the photos' order, such as "DBAC".
    """
    letters = "ABCDEFGH"[: len(shown)]
    if answer is None:
        why = f"Replace None with {len(letters)} letters and run this cell again."
        return Judgement(None, why)
    words = answer if isinstance(answer, str) else " ".join(map(str, np.ravel(answer)))
    given = "".join(words.upper().replace(",", " ").split())
    if sorted(given) != sorted(letters):
        why = f"The answer is each of the letters {letters} once, in the photos' order"
        return Judgement(False, f"{why}, not {answer!r}.")
    own = feature_maps(model, prepare(photos), layer)[layer][..., channel]
    places = [letters.index(letter) for letter in given]
    if right := np.array_equal(shown[places], own):
        why = "Each map keeps its photo's layout: the same things, in their place."
    elif np.array_equal(shown, own[places]):
        why = "That goes from map to photo. First comes the map of photo 1."
    else:
        where = "what is large, and what lies in the middle, at the top, at the bottom?"
        why = f"Not every map fits its photo. Lay one over the other: {where}"
    return Judgement(right, why)


@judges.exercise
def dead_on_all(answer: Callable | None) -> Judgement:
    """A function of maps (photos, rows, cols, channels): how many channels are 0 on all photos?"""
    some = np.zeros((2, 3, 4, 6))
    some[0, 1, 2, :2], some[1, 0, 3, 1:4] = 2.0, (1e-7, 1e-7, 3.0)  # weak sparks: not dead
    mistakes = {
        lambda maps: (maps < 1e-3).all((0, 1, 2)).sum(): "A weak activation is not 0: leave out "
        "thresholds and rounding.",
        lambda maps: (maps == 0).sum(): "Those are all zeros. Which channels have nothing else?",
        lambda maps: maps.any((0, 1, 2)).sum(): "Those are the channels that do answer.",
        lambda maps: (maps == 0).all((1, 2)).sum(): "That counts each photo by itself: the axis of "
        "the photos is missing.",
        lambda maps: (maps == 0).any((0, 1, 2)).sum(): "A single 0 is enough for any; use all.",
        lambda maps: (maps == 0).all((1, 2)).any(0).sum(): "Those are dead on some photo. On all?",
        lambda maps: (maps[0] == 0).all((0, 1)).sum(): "That is the first photo only.",
        lambda maps: (maps == 0).all((0, 1)).sum(): "One axis is missing: photos, rows, cols.",
        lambda maps: (maps == 0).all((0, 1, 2)).mean(): "That is their share, not how many.",
        dead_channels: "Those are the channels' numbers. How many are there?",
    }
    cases = [(some,), (np.ones((1, 2, 2, 4)),), (np.zeros((3, 2, 2, 6)),)]
    because = "A channel is dead on all photos if no position of any photo answers."
    return judges.function(answer, cases, lambda m: len(dead_channels(m)), because, mistakes)
