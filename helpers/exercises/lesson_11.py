"""Exercises of lesson 11: what augmentation costs, four maps, and a split by breed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)
from helpers.plots import Panel, Picture, signed


@judges.exercise
def photos_through_the_base(answer: Any, photos: int, epochs: int) -> Judgement:
    """How many photos go through the base if each is changed anew in each epoch?"""
    mistakes = {
        photos: "That is enough if no photo ever changes. Here each epoch brings new versions.",
        epochs: "Those are the epochs. How many photos does each of them show?",
        photos + epochs: "Each epoch shows every photo: don't add, multiply.",
        2 * photos: "That is one changed version of each photo, kept for all epochs.",
        2 * photos * epochs: "Only the training half is shown; the other half is held out.",
        photos * (epochs + 1): "The photos as they are are not shown besides: only versions.",
    }
    because = (
        f"{photos} in each of {epochs} epochs: a changed photo has new features; none can be kept."
    )
    otherwise = "How many photos does one epoch show to the base?"
    return judges.number(answer, photos * epochs, because, mistakes, otherwise=otherwise)


def four_maps(terms: np.ndarray, scores: np.ndarray, number: int) -> tuple[Picture, str]:
    """Four photos' maps of what each place adds to the score, as A to D; the number draws them.

    The letter comes along that belongs to the highest of the scores (photos,).
    """
    fourths = np.array_split(np.argsort(scores), 4)  # one from each, so that the scores differ
    random = np.random.default_rng(int(number))
    drawn = random.permutation([int(random.choice(part)) for part in fourths])
    limit = float(np.abs(terms[drawn]).max()) or 1.0
    shown = [
        Panel(letter, *signed(terms[k], limit), width=210, bar=letter == "D")
        for letter, k in zip("ABCD", drawn, strict=True)
    ]
    words = "One scale for all: brown speaks for dog, teal for cat; the mean over places decides."
    return Picture(shown, words), "ABCD"[int(np.argmax(scores[drawn]))]


@judges.exercise
def surest_dog(answer: Any, terms: np.ndarray, scores: np.ndarray, number: int) -> Judgement:
    """Which of the four maps belongs to the photo with the highest score?"""
    right = four_maps(terms, scores, number)[1]
    look = "Don't look for the darkest brown square: weigh all brown against all teal."
    reasons = dict.fromkeys("ABCD", f"Another map has a higher mean. {look}")
    because = "Its mean over all places is the highest, and so is its score."
    return judges.choice(answer, right, reasons, because)


@judges.exercise
def split_by_breed(answer: Callable | None) -> Judgement:
    """A function of a list of names, such as "bengal_16": which are held out, by breed."""

    def split(key: Callable, begin: int = 1) -> Callable:
        return lambda names: np.isin([*map(key, names)], sorted({*map(key, names)})[begin::2])

    def breed(name: str) -> str:
        return name.rsplit("_", 1)[0]

    cases = [
        (["bengal_1", "bengal_2", "persian_1", "pug_1", "pug_7"],),
        (["pug_3", "american_bulldog_2", "beagle_9", "american_pit_bull_terrier_1"],),
        (["sphynx_10", "sphynx_9", "birman_2", "american_bulldog_30", "american_bulldog_4"],),
    ]
    truth = split(breed)
    mistakes = {
        split(breed, 0): "You hold out the first breed, the third …, not the second, the fourth.",
        split(lambda name: name.split("_")[0]): "american_bulldog and american_pit_bull_terrier "
        "are two breeds: cut at the *last* underscore.",
        lambda names: truth(names).nonzero()[0]: "Return True or False for each, not the places.",
        lambda names: sorted({*map(breed, names)})[1::2]: "Those are the breeds, not the photos.",
        lambda names: np.arange(len(names)) % 2 == 1: "That alternates photos. Keep a breed on one "
        "side.",
    }
    because = "All photos of a breed are on one side, and every second breed is held out."
    return judges.function(answer, cases, truth, because, mistakes)
