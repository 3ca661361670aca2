"""Exercises of lesson 07: a ranking, a blind comparison, and luck."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)
from helpers.layers import find, output_shape
from helpers.patches import Scan


@judges.exercise
def ranked(answer: Callable | None) -> Judgement:
    """A function of (maps, channel, count): the photos that excite a channel most."""
    rng = np.random.default_rng(7)
    asked = (((6, 5, 4, 3), 1, 4), ((9, 3, 3, 2), 0, 5), ((12, 2, 6, 4), 3, 3))
    cases = [(rng.random(size, np.float32) ** 8, channel, n) for size, channel, n in asked]

    def by(value: Callable, sign: int = -1) -> Callable:
        return lambda maps, channel, count: np.argsort(sign * value(maps[..., channel]))[:count]

    def highest(maps: np.ndarray) -> np.ndarray:
        return maps.max(axis=(1, 2))

    truth = by(highest)
    mistakes = {
        by(highest, 1): "Those are the weakest: argsort sorts upward.",
        lambda *case: truth(*case)[::-1]: "The right photos, but the strongest comes last.",
        by(lambda maps: maps.mean(axis=(1, 2))): "That ranks by the map's mean, which a single "
        "strong place hardly moves. Take the highest.",
        lambda maps, _, count: np.argsort(-maps.max(axis=(1, 2, 3)))[:count]: "That takes the "
        "highest over all channels; choose the channel first.",
        lambda maps, channel, count: np.sort(highest(maps[..., channel]))[::-1][:count]: "Those "
        "are the activations. Return the photos' numbers.",
    }
    because = "One number for each photo, its map's highest, sorted from the top."
    return judges.function(answer, cases, truth, because, mistakes)


def riddle(number: int, scan: Scan, layer: str = "block2_conv2") -> tuple[int, list[int]]:
    """A channel, and four that it is among, drawn: of 16 strong ones those least alike."""
    rng, ranking = np.random.default_rng(abs(int(number))), scan[layer]
    some = rng.permutation(ranking.by_strength()[: ranking.map_shape[2] // 2])[:16]
    order = rng.permutation(judges.unlike(ranking.values[:, some]))
    return int(some[rng.choice(order)]), some[order].tolist()


@judges.exercise
def same_channel(answer: Any, number: int, scan: Scan) -> Judgement:
    """Which of the squares A to D belongs to the riddle's channel."""
    asked, four = riddle(number, scan)
    more = "another one. What do all nine patches of “?” share?"
    wrong = [f"That is channel {channel}, {more}" for channel in four]
    return judges.lettered(answer, four.index(asked), wrong, f"Both are channel {asked}'s.")


@judges.exercise
def lucky_channels(answer: Any, model: Any, layer: str = "block4_conv3") -> Judgement:
    """How many of a layer's channels pass a test at 5% by luck."""
    count = output_shape(find(model, layer))[-1]
    mistakes = {
        0.05: "That is the share. How many channels is it?",
        5: f"5% means 5 of 100; there are {count}.",
        0: "Luck passes such a test in 5% of cases, and it is tried very often.",
        count: "Each of them passes in only 5% of cases.",
        0.95 * count: "Those are the ones that luck does not pass.",
        0.05 / count: "Dividing makes each test stricter; it does not count what passes.",
    }
    because = f"5% of {count}: about {0.05 * count:.0f} names, all of them luck."
    return judges.number(answer, 0.05 * count, because, mistakes, tolerance=0.025)
