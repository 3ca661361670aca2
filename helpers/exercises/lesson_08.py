"""Exercises of lesson 08: a rule, a line-up, and a permutation test."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from helpers import models
from helpers.activations import feature_maps
from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)
from helpers.images import prepare
from helpers.plots import Picture, beside_chance


@judges.exercise
def more_than(answer: Any, chance: Sequence[float], least: float = 0.05) -> Judgement:
    """Above which value does a trained network differ from these values of chance?"""
    low, high, mean = min(chance), max(chance), float(np.mean(chance))
    width = high - low
    value = high + (margin := max(least, width))
    mistakes = {
        high: "That is the end of the range. The rule asks for a margin beyond it.",
        high + least: f"{least:g} is the least margin; these five values spread by more.",
        high + least + width: "The margin is the larger of the two, not their sum.",
        margin: "That is the margin. From where is it counted?",
        mean + margin: "The margin is counted from the highest of the five, not from the mean.",
        mean + least: "Count from the highest of the five, and look at how far they spread.",
        low - margin: "Below that, trained would be *less* than chance. What is more?",
    }
    because = f"The margin is the larger one, {margin:.2g}: {high:g} + {margin:.2g} = {value:.2g}."
    otherwise = "Take the highest of the five; then ask the rule for the margin."
    return judges.number(answer, value, because, mistakes, 1e-6, otherwise)


def line_up(model: Any, photo: np.ndarray, number: int, layer: str = "block3_conv1") -> Picture:
    """Maps of a trained, a fresh and a shuffled network: the number decides which is which."""
    own, found = model.get_weights(), {}
    for letter, kind in sorted(_letters(number).items()):
        model.set_weights(models.chance(own, kind, seed=1))
        found[letter] = None, feature_maps(model, prepare(photo), layer)[layer][0]
    model.set_weights(own)
    return beside_chance(found, layer)


def revealed(number: int) -> str:
    """The letters of the trained, the fresh and the shuffled network of a line-up."""
    kinds = _letters(number)
    return "".join(sorted(kinds, key=lambda letter: models.KINDS.index(kinds[letter])))


@judges.exercise
def who_is_who(answer: Any, number: int) -> Judgement:
    """The letters of the trained, the fresh and the shuffled network, in this order."""
    kinds, right, reasons = _letters(number), revealed(number), {}
    for letters in map("".join, itertools.permutations("ABC")):
        trained, fresh, shuffled = (kinds[letter] for letter in letters)
        ask = "In which of the two is the whole photo there, again and again?"
        reasons[letters] = f"{letters[0]} is {trained} and {letters[1]} {fresh}. {ask}"
        if shuffled != "shuffled":
            ask = "Which maps are nearly even, with a frame?"
            reasons[letters] = f"{letters[2]} is {shuffled}. {ask}"
    if isinstance(answer, (str, list, tuple)):
        answer = "".join(filter(str.isalnum, "".join(map(str, answer))))
    because = f"{right[0]} is trained, {right[1]} fresh and {right[2]} shuffled."
    return judges.choice(answer, right, reasons, because)


def _letters(number: int) -> dict[str, str]:
    """Which kind of weights hides behind each letter."""
    kinds = np.random.default_rng(int(number)).permutation(models.KINDS).tolist()
    return dict(zip("ABC", kinds, strict=True))


@judges.exercise
def permuted(answer: Callable | None) -> Judgement:
    """A function of (first, second, orders): the agreement for each order of second's subjects."""

    def agreement(first: np.ndarray, second: np.ndarray) -> float:
        pairs = zip(first.T, second.T, strict=True)  # of columns, the channels
        return float(np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs]))

    def each(change: Callable) -> Callable:
        return lambda a, b, orders: np.array([agreement(*change(a, b, order)) for order in orders])

    random, cases = np.random.default_rng(8), []
    for subjects, times in ((5, 3), (6, 4), (7, 2)):
        first, noise = random.random((2, subjects, subjects))
        orders = np.array([random.permutation(subjects) for _ in range(times)])
        cases.append((first, first + noise, orders))
    truth = each(lambda first, second, order: (first, second[order]))
    mistakes = {
        each(lambda first, second, _: (first, second)): "Every value is the true agreement: each "
        "subject still meets itself. Shuffle one of the halves, not both alike.",
        each(lambda first, second, order: (first, second[:, order])): "That shuffles the channels. "
        "Subjects are the rows, the first axis.",
        lambda *case: truth(*case).mean(): "Return one value for each order, not their mean.",
        lambda *case: truth(*case).max(): "Return one value for each order, not the largest.",
    }
    because = (
        "Each order mixes up the second half's subjects; the agreement that is left is chance."
    )
    return judges.function(answer, cases, truth, because, mistakes)
