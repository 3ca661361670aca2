"""Exercises of lesson 06: a threshold, a pool recognized, and maps standardized without NaN."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises import judges
from helpers.exercises.judges import Judgement, progress  # noqa: F401 (one for the notebook)


@judges.exercise
def cats_called_cat(
    answer: Any, dogs: np.ndarray, labels: np.ndarray, threshold: float = 0.4
) -> Judgement:
    """How many cats are called cats at a threshold, for probabilities of "dog" and labels (n,)."""
    cats, called = labels == 0, dogs > threshold
    right = int(np.sum(cats & ~called))
    mistakes = {
        np.sum(cats & called): "Those are the cats that are called dogs now.",
        np.sum(cats & (dogs <= 0.5)): f"That is for 0.5; the threshold is {threshold} now.",
        np.sum(called == ~cats): "Those are all photos called rightly, dogs included.",
        np.sum(~cats & called): "Those are the dogs that are called dogs.",
        np.sum(~cats & ~called): "Those are the dogs that are called cats.",
        np.sum(~called): "Those are all photos called cat, dogs among them.",
        right / cats.sum(): "That is their share; how many are they?",
    }
    because = f"{right} of the {cats.sum()} cats have a probability of dog up to {threshold}."
    return judges.number(answer, right, because, mistakes)


def pool_riddle(number: int, conv: np.ndarray, pool: np.ndarray) -> tuple[np.ndarray, dict]:
    """A map of a convolution, and by letter four maps of its pool, one of which belongs to it.

    Each whole number makes a riddle of its own, of maps (rows, cols, channels) of one photo.
    """
    random = np.random.default_rng(abs(int(number)))
    lively = np.argsort(-pool.mean(axis=(0, 1)), kind="stable")[: max(4, pool.shape[2] // 2)]
    channels = random.choice(lively, 4, replace=False)
    choices = {letter: pool[:, :, k] for letter, k in zip("ABCD", channels, strict=True)}
    return conv[:, :, random.choice(channels)], choices


@judges.exercise
def which_pool(answer: Any, question: np.ndarray, choices: dict[str, np.ndarray]) -> Judgement:
    """Which of ``pool_riddle``'s four maps is the pool of its map, computed."""
    rows, cols = next(iter(choices.values())).shape
    pooled = question[: 2 * rows, : 2 * cols].reshape(rows, 2, cols, 2).max(axis=(1, 3))
    reasons, off = {}, {letter: np.abs(found - pooled) for letter, found in choices.items()}
    for letter, differs in off.items():
        row, col = np.unravel_index(differs.argmax(), differs.shape)
        reasons[letter] = (
            f"At row {row}, col {col} {letter} has {choices[letter][row, col]:.2f}; the largest of "
            f"the map's four numbers there is {pooled[row, col]:.2f}."
        )
    right = min(off, key=lambda letter: off[letter].max())
    because = f"Every number of {right} is the largest of four of the map's."
    return judges.choice(answer, right, reasons, because)


@judges.exercise
def standardize(answer: Callable | None) -> Judgement:
    """A function of maps (rows, cols, channels) that standardizes each, also where all is even."""
    live = np.random.default_rng(0).gamma(0.5, [0.2, 2, 9], (9, 8, 3)).astype(np.float32)
    live[0, 0] = live.max(axis=(0, 1)) * 3  # to be cut off
    live[..., 1] = live[..., 1].max() - live[..., 1]  # one that is dark in a few places
    with_dead, with_even = live.copy(), live.copy()
    with_dead[..., 0], with_even[..., 2] = 0, 2

    def levels(m: np.ndarray, axis: Any = (0, 1), even: float = 128, ends: Any = (0, 255)) -> Any:
        mean, spread = m.mean(axis, keepdims=True), m.std(axis, keepdims=True)
        with np.errstate(invalid="ignore"):
            found = np.clip((m - mean) / spread * 64 + 128, *ends)
        return np.where(spread > 0, found, even)

    mistakes = {
        lambda m: levels(m, even=np.nan): "A channel that is the same everywhere divides by 0.",
        lambda m: np.where(m.mean((0, 1)) == 0, 128, levels(m, even=np.nan)): "A channel that is 2 "
        "everywhere has a spread of 0 as well, though its mean is not 0.",
        lambda m: levels(m, even=0): "A channel's mean is shown at 128: all of an even channel is.",
        lambda m: levels(m, None): "Each channel has a mean and a spread of its own: axis=(0, 1).",
        lambda m: levels(m, 0): "That is a mean for each column; axis=(0, 1) takes rows and cols.",
        lambda m: levels(m, ends=(-np.inf, np.inf)): "What leaves 0 to 255 is to be cut off.",
    }
    because = "Each channel's mean is at 128, one deviation is 64 levels, and no NaN anywhere."
    cases = [(live,), (with_dead,), (with_even,)]
    return judges.function(answer, cases, levels, because, mistakes, tolerance=0.005)
