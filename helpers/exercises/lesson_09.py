"""Exercises of lesson 09: windows, an objective, and pictures matched to patches."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)
from helpers.patches import Scan


@judges.exercise
def windows(answer: Any, side: int = 80, window: int = 64) -> Judgement:
    """How many different windows a jitter can show of a picture."""
    play, places = side - window, side - window + 1
    mistakes = {
        play**2: f"{play} pixels of play are {places} places: count row 0, too.",
        places: "That is for one direction. The window moves down and across.",
        play: "That is how far it can move in one direction. How many places is that?",
        2 * places: "Each row goes with each col: multiply, don't add.",
        side**2: "Those are all pixels, but a window has to lie within the picture.",
        window**2: "Those are the pixels of one window. At how many places can it lie?",
    }
    because = (
        f"Its upper edge can be at rows 0 to {play}, its left edge as well: {places} · {places}."
    )
    otherwise = "At which rows can the window's upper edge be? And how many are those?"
    return judges.number(answer, places**2, because, mistakes, otherwise=otherwise)


@judges.exercise
def only(answer: Callable | None) -> Judgement:
    """A function of (maps, index): a channel's mean less the mean of all other channels."""
    rng = np.random.default_rng(9)
    sizes = (((3, 4, 5, 6), 2), ((2, 3, 3, 4), 0), ((4, 2, 6, 5), 4))
    cases = [(rng.normal(size=size).astype(np.float32), index) for size, index in sizes]

    def by(value: Callable) -> Callable:
        """A function of (maps, index) from one of the means: own (n,), others (n, channels)."""
        return lambda maps, index: value(
            maps[..., index].mean((1, 2)), np.delete(maps, index, -1).mean((1, 2))
        )

    truth = by(lambda own, others: own - others.mean(1))
    mistakes = {
        by(lambda own, _: own): "That is `channel` itself. Take away what the others answer.",
        by(lambda _, others: others.mean(1)): "That is the part to take away. From what?",
        by(lambda own, others: own - np.c_[own, others].mean(1)): "The mean that you take away "
        "holds the channel itself; leave it out.",
        lambda *case: -truth(*case): "The sign is wrong: climbing on this silences the channel.",
        by(lambda own, others: own - others.sum(1)): "Take away the others' mean, not their sum.",
        lambda *case: truth(*case).mean(): "Return one number for each picture, not one for all.",
    }
    because = "One number for each picture: how much more it excites this channel than the rest."
    return judges.function(answer, cases, truth, because, mistakes)


def riddle(number: int, scan: Scan, layer: str, units: Sequence[int]) -> tuple[int, list[int]]:
    """A channel, and four that it is among, drawn: they rank the photos least alike."""
    rng = np.random.default_rng(abs(int(number)))
    some = rng.permutation(units)
    order = rng.permutation(judges.unlike(scan[layer].values[:, some]))
    return int(some[rng.choice(order)]), some[order].tolist()


@judges.exercise
def same_unit(answer: Any, number: int, scan: Scan, layer: str, units: Sequence[int]) -> Judgement:
    """Which of the pictures A to D was made for the channel whose patches are shown."""
    asked, four = riddle(number, scan, layer, units)
    more = "Compare sizes, directions, then colors."
    wrong = [f"That picture was made for channel {channel}. {more}" for channel in four]
    return judges.lettered(answer, four.index(asked), wrong, f"Both are channel {asked}'s.")
