"""Exercises that judge an answer at once, and say why it is right or not yet.

A lesson asks; the reader replaces ``None`` by an answer and runs the cell. What is right is
computed from the network at hand wherever it can be, never written down. A wrong answer that is
easily reached gets the reason why it is wrong; any other is told what to look at, but not
whether it is too large or too small.
"""

import contextlib
import copy
import functools
import io
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Judgement(NamedTuple):
    """Whether an answer is right (None: not given yet), and why."""

    right: bool | None
    reason: str

    def __repr__(self) -> str:
        """One line a reader can act on."""
        mark = {True: "✔ Right.", False: "✘ Not yet.", None: "… No answer yet."}[self.right]
        return f"{mark} {self.reason}"


_solved: dict[str, bool] = {}


def exercise(judge: Callable[..., Judgement]) -> Callable[..., Judgement]:
    """Mark a function that judges an exercise, so that ``progress`` lists it when it is solved."""
    _solved[judge.__name__] = False

    @functools.wraps(judge)
    def judged(*arguments: Any, **named: Any) -> Judgement:
        judgement = judge(*arguments, **named)
        _solved[judge.__name__] |= judgement.right is True
        return judgement

    return judged


def progress() -> None:
    """Print which exercises have been solved since this notebook's kernel started."""
    print(f"{sum(_solved.values())} of {len(_solved)} solved")
    for name, solved in _solved.items():
        print("✔" if solved else "·", name.replace("_", " "))


def number(
    answer: Any,
    truth: float,
    because: str,
    mistakes: dict[float | tuple[float, ...], str] | None = None,
    tolerance: float = 0.0,
    otherwise: str = "Try the first hint.",
) -> Judgement:
    """Judge a number, in any form: ``1152``, ``1152.0``, ``"1,152"``, ``np.int64(1152)``.

    Args:
        answer: The reader's, or None.
        truth: The right number, computed.
        because: Why it is right, shown with the verdict "right".
        mistakes: Reasons for wrong numbers that are easily reached, or for several in a tuple.
        tolerance: How far from the truth is still right, relative to it.
        otherwise: What any other wrong number is told.

    Example:
        >>> number("1,152", 1152, "3 · 3 · 128.")
        ✔ Right. 3 · 3 · 128.
        >>> number(9, 1152, "3 · 3 · 128.", {9: "That is one slice."})
        ✘ Not yet. That is one slice.
    """
    if answer is None:
        return Judgement(None, "Replace None with a number and run this cell again.")
    number = _number(answer)
    if number is None:
        why = f"The answer is one number, such as 12 or 0.5, not {_shown(answer)}."
        return Judgement(False, why)
    if math.isclose(number, truth, rel_tol=tolerance, abs_tol=1e-9):
        return Judgement(True, because)
    for wrong, reason in (mistakes or {}).items():
        if any(math.isclose(number, one, rel_tol=tolerance, abs_tol=1e-9) for one in _each(wrong)):
            return Judgement(False, reason)
    return Judgement(False, f"It is not {answer}. {otherwise}")


def _each(wrong: Any) -> tuple:
    return wrong if isinstance(wrong, tuple) else (wrong,)


def _number(answer: Any) -> float | None:
    """The number that an answer means, or None; True and False mean none."""
    if isinstance(answer, str):
        answer = re.sub(r"(?<=\d)[,_ \u00a0\u2009\u202f](?=\d{3}(?!\d))", "", answer.strip())
        answer = answer.replace("−", "-")  # a minus as the lessons write it
    try:
        found = np.asarray(answer).item() if np.size(answer) == 1 else "no number"
        number = float("no number" if isinstance(found, bool) else found)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def choice(answer: Any, right: Any, reasons: dict[Any, str], because: str = "") -> Judgement:
    """Judge one of several choices; capitals, spaces at the ends and kinds of dashes don't matter.

    Args:
        answer: The reader's, or None.
        right: The right choice, computed.
        reasons: Why each choice is right or wrong, by choice.
        because: Why the right one is, instead of its reason among these.

    Example:
        >>> choice("Min-max ", "min–max", {"min–max": "One map each.", "shared": "No."})
        ✔ Right. One map each.
    """
    reasons = reasons | {right: because} if because else reasons
    choices = ", ".join(repr(choice) for choice in reasons)
    if answer is None:
        return Judgement(None, f"Replace None with one of {choices} and run this cell again.")
    for choice, reason in reasons.items():
        if _plain(answer) == _plain(choice):
            return Judgement(choice == right, reason)
    return Judgement(False, f"The answer is one of {choices}, not {answer!r}.")


def _plain(choice: Any) -> Any:
    """A choice without what does not matter about it."""
    number = _number(choice)
    return (
        re.sub("[‐‑–—−]", "-", " ".join(str(choice).lower().split())) if number is None else number
    )


def function(
    answer: Callable | None,
    cases: Sequence[tuple],
    truth: Callable,
    because: str,
    mistakes: dict[Callable | tuple[Callable, ...], str] | None = None,
    tolerance: float = 1e-5,
) -> Judgement:
    """Judge a function by calling it beside the right one, with arguments of its own each time.

    Args:
        answer: The reader's function, or None; one that still returns None counts as not given.
        cases: Arguments to call both with: numbers, arrays, or whatever ``copy`` can copy.
        truth: The right function; it returns a number or an array.
        because: Why it is right.
        mistakes: Reasons for wrong functions that are easily written, or for several in a tuple: a
            reader's function that agrees with one in every case gets its reason.
        tolerance: How far from the truth is still right, relative to its largest number.

    Example:
        >>> function(lambda x: -x, [(1,), (-1,)], abs, "", {lambda x: -x: "Both signs!"})
        ✘ Not yet. Both signs!
    """
    if answer is not None and not callable(answer):
        return Judgement(False, f"The answer is a function, not {_shown(answer)}.")
    results = []
    for case in cases:
        arguments, said = copy.deepcopy(case), io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                found = None if answer is None else answer(*arguments)
        except Exception as error:
            return Judgement(False, f"For {_call(case)} your function raised {_shown(error)}.")
        finally:
            print(said.getvalue(), end="")
        if found is None and said.getvalue():
            return Judgement(False, "Your function prints its answer; return it instead.")
        if found is None and not results:
            return Judgement(None, "Fill in the function and run this cell again.")
        if not all(_same(*pair, 0.0) for pair in zip(arguments, case, strict=True)):
            return Judgement(False, f"For {_call(case)} your function changes what it was given.")
        results.append(found)
    wanted = [truth(*copy.deepcopy(case)) for case in cases]
    fine = [_same(*pair, tolerance) for pair in zip(results, wanted, strict=True)]
    if all(fine):
        return Judgement(True, because)
    for wrong, reason in (mistakes or {}).items():
        for one in _each(wrong):
            slips = (one(*copy.deepcopy(case)) for case in cases)
            if all(_same(*pair, tolerance) for pair in zip(results, slips, strict=True)):
                return Judgement(False, reason)
    at = fine.index(False)
    gives, not_this = _shown(results[at]), _shown(wanted[at])
    if gives == not_this:
        gives, not_this = "other numbers", "those expected"
    return Judgement(False, f"For {_call(cases[at])} your function gives {gives}, not {not_this}.")


def _same(found: Any, wanted: Any, tolerance: float) -> bool:
    """Whether two values are the same: arrays by shape and numbers, other things as they are."""
    try:
        found, wanted = (np.asarray(value, np.float64) for value in (found, wanted))
    except (TypeError, ValueError):
        return found is wanted or str(found) == str(wanted)
    if found.shape != wanted.shape:
        return False
    margin = tolerance * np.abs(wanted).max(initial=0.01, where=np.isfinite(wanted))
    return bool(np.allclose(found, wanted, rtol=0, atol=margin, equal_nan=True))


def _call(case: tuple) -> str:
    return f"({', '.join(_shown(argument) for argument in case)})"


def _shown(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, Exception):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=4, separator=", ")
        return text if value.size <= 9 and "\n" not in text else f"an array {value.shape}"
    value = value.item() if isinstance(value, np.generic) else value
    return text if len(text := repr(value)) <= 60 else f"{text[:57]}…"


def lettered(answer: Any, right: int, wrong: Sequence[str], because: str) -> Judgement:
    """Judge which of four things, shown as A to D, is right; ``wrong`` is what each gets else."""
    return choice(answer, "ABCD"[right], dict(zip("ABCD", wrong, strict=True)), because)


def unlike(columns: np.ndarray, count: int = 4) -> list[int]:
    """Which columns (rows, columns) to take to tell them apart: the first, then the least alike.

    Example:
        >>> unlike(np.array([[1.0, 2.1, -1.0], [2.0, 3.9, 0.0], [3.0, 6.0, -1.0]]), 2)
        [0, 2]
    """
    alike, taken = np.corrcoef(columns.T), [0]
    while len(taken) < count:
        taken.append(int(alike[:, taken].max(axis=1).argmin()))
    return taken
