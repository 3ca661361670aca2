"""Exercises of lesson 09: windows, an objective, and pictures matched to patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from helpers.exercises import judges
from helpers.patches import Scan

progress = judges.progress


@judges.exercise
def windows(answer: Any, side: int = 80, window: int = 64) -> judges.Judgement:
    """How many different windows a jitter can show of a picture."""
    places = side - window + 1
    return judges.number(
        answer,
        places**2,
        f"The window's upper edge can be at rows 0 to {places - 1}, that is {places} places, and "
        f"its left edge as well: {places} · {places} = {places**2}.",
        {
            (places - 1)
            ** 2: f"{places - 1} pixels of play are {places} places: count row 0, too.",
            places: "That is for one direction. The window moves down and across.",
            places - 1: "That is how far it can move in one direction. How many places is that?",
            2 * places: "Each row goes with each col: multiply, don't add.",
            side**2: "Those are all pixels, but a window has to lie within the picture.",
            window**2: "Those are the pixels of one window. At how many places can it lie?",
        },
        otherwise="At which rows can the window's upper edge be? And how many are those?",
    )


@judges.exercise
def only(answer: Callable | None) -> judges.Judgement:
    """A function of (maps, index): a channel's mean less the mean of all other channels."""
    rng = np.random.default_rng(9)
    sizes = (((3, 4, 5, 6), 2), ((2, 3, 3, 4), 0), ((4, 2, 6, 5), 4))
    cases = [(rng.normal(size=size).astype(np.float32), index) for size, index in sizes]

    def own(maps: np.ndarray, index: int) -> np.ndarray:
        return maps[..., index].mean(axis=(1, 2))

    def others(maps: np.ndarray, index: int) -> np.ndarray:
        return np.delete(maps, index, axis=-1).mean(axis=(1, 2, 3))

    return judges.function(
        answer,
        cases,
        lambda maps, index: own(maps, index) - others(maps, index),
        "One number for each picture: how much more it excites this channel than the rest.",
        {
            own: "That is `channel` itself. Take away what the others answer.",
            others: "That is the part to take away. From what?",
            lambda maps, index: own(maps, index) - maps.mean(axis=(1, 2, 3)): (
                "The mean that you take away holds the channel itself; leave it out."
            ),
            lambda maps, index: others(maps, index) - own(maps, index): (
                "The sign is wrong: climbing on this would silence the channel."
            ),
            lambda maps, index: (
                own(maps, index) - np.delete(maps, index, -1).mean((1, 2)).sum(-1)
            ): "Take away the mean of the others, not their sum.",
            lambda maps, index: (own(maps, index) - others(maps, index)).mean(): (
                "Return one number for each picture, not one for all."
            ),
        },
    )


def riddle(number: int, scan: Scan, layer: str, units: Sequence[int]) -> tuple[int, list[int]]:
    """A channel, and four of the units among which it is, drawn from a number.

    The four are those that rank the photos least alike, so that they can be told apart.
    """
    rng = np.random.default_rng(abs(int(number)))
    some = rng.permutation(units)
    order = rng.permutation(judges.unlike(scan[layer].values[:, some]))
    return int(some[rng.choice(order)]), some[order].tolist()


@judges.exercise
def same_unit(
    answer: Any, number: int, scan: Scan, layer: str, units: Sequence[int]
) -> judges.Judgement:
    """Which of the pictures A to D was made for the channel whose patches are shown."""
    asked, four = riddle(number, scan, layer, units)
    wrong = "That picture was made for channel {}. Compare sizes, directions, then colors."
    reasons = {"ABCD"[k]: wrong.format(channel) for k, channel in enumerate(four)}
    right = "ABCD"[four.index(asked)]
    return judges.choice(answer, right, reasons | {right: f"Both are channel {asked}'s."})
