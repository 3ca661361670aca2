"""Exercises of lesson 10: a score from its places, whose map is strongest, and one patch alone."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.attribution import class_activation_map
from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)
from helpers.images import prepare
from helpers.plots import Picture, heat_over_photo


@judges.exercise
def adds_up(answer: Any, places: Any, bias: float) -> Judgement:
    """The score of a class, from what each place adds and the class's bias."""
    places = np.asarray(places, float)
    mean, total, cut = places.mean(), places.sum(), np.maximum(places, 0)
    mistakes = {
        mean: "That is the mean. What does the dense layer add at the end?",
        total: "That is the sum. The head takes the mean, and then adds a bias.",
        total + bias: "The head takes the mean over the places, not their sum.",
        mean - bias: "The bias is added, not subtracted.",
        cut.mean() + bias: "Negative places count, too: the head cuts nothing off.",
        cut.sum() / np.count_nonzero(cut) + bias: "All places count, not the positive alone.",
        (places.max() + bias, places.max()): "That is the strongest place alone. All places count.",
    }
    because = f"The mean of {places.size} places is {mean:g}, the bias {bias:g}: {mean + bias:g}."
    otherwise = "Take the mean over all places, then the bias."
    return judges.number(answer, mean + bias, because, mistakes, otherwise=otherwise)


def four_maps(model: Any, photo: np.ndarray, number: int) -> tuple[dict[str, np.ndarray], str]:
    """Maps of four classes by a drawn letter, and the letter of the one with the highest mean.

    They are the network's first guess, of the others that with the brightest place, and two more.
    """
    batch, random = prepare(photo), np.random.default_rng(int(number))
    first, *others = np.argsort(-model.predict_on_batch(batch)[0], kind="stable")[:60:3]
    heats = {int(k): class_activation_map(model, batch, int(k))[0] for k in (first, *others)}
    others.sort(key=lambda k: -heats[k].max())
    four = random.permutation([first, others[0], *random.choice(others[1:], 2, replace=False)])
    maps = {letter: heats[k] for letter, k in zip("ABCD", four, strict=True)}
    return maps, max(maps, key=lambda letter: maps[letter].mean())


def line_up(model: Any, photo: np.ndarray, number: int) -> Picture:
    """A photo and the maps of four classes, A to D, in the same colors."""
    maps, _ = four_maps(model, photo, number)
    limit = max(float(np.abs(heat).max()) for heat in maps.values())
    return heat_over_photo(photo, maps, 1.0, 180, limit=limit)


@judges.exercise
def strongest(answer: Any, model: Any, photo: np.ndarray, number: int) -> Judgement:
    """The letter of the map with the highest mean, in the line-up of this number."""
    maps, right = four_maps(model, photo, number)
    brightest = max(maps, key=lambda letter: maps[letter].max())
    reasons = dict.fromkeys(maps, "Its places add up to less: more of them are pale, or teal.")
    reasons[brightest] = "It has the strongest place, but a score is a mean: look at all places."
    means = ", ".join(f"{letter} {heat.mean():.2f}" for letter, heat in maps.items())
    return judges.choice(answer, right, reasons, f"The means over all places: {means}.")


@judges.exercise
def one_patch(answer: Callable | None) -> Judgement:
    """A function of (photo, patch, fill): a batch, in each photo all but one patch covered."""

    def each(inside: bool) -> Callable:
        """A function that keeps what is inside each patch, or what is outside of it."""

        def batch(photo: np.ndarray, patch: int, fill: float) -> np.ndarray:
            row, col = (np.arange(side) // patch for side in photo.shape[:2])
            patches = row[:, np.newaxis] * (col[-1] + 1) + col  # of pixels, numbered as one reads
            masks = [(patches == k)[..., np.newaxis] for k in range(patches.max() + 1)]
            return np.array([np.where(mask == inside, photo, fill) for mask in masks])

        return batch

    truth = each(True)
    random = np.random.default_rng(10).random((8, 8, 3)).astype(np.float32)
    cases = [(random[:4, :4], 2, 0.5), (random[:4], 4, 0.25), (random[:6, :4, :1], 2, 0.75)]
    mistakes = {
        each(False): "That covers the patch. Cover everything else.",
        lambda photo, *rest: truth(photo.swapaxes(0, 1), *rest).swapaxes(1, 2): "These go down the "
        "columns; go along the rows, one after another.",
        lambda photo, patch, _: truth(photo, patch, 0): "What is covered has to be fill, not 0.",
        lambda *case: truth(*case)[0]: "That is one patch alone. Return a batch of all.",
        lambda photo, *rest: np.array([photo] * len(truth(photo, *rest))): "In the end nothing is "
        "covered. Begin each round with an array of its own.",
    }
    because = "Begin with nothing but fill, and put one patch of the photo back."
    return judges.function(answer, cases, truth, because, mistakes)
