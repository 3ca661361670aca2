"""Exercises that judge an answer at once, and say why it is right or not yet.

A lesson asks; the reader replaces ``None`` by an answer and runs the cell. What is right is
computed from the network at hand wherever it can be, never written down.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Judgement(NamedTuple):
    """Whether an answer is right (None: not given yet), and why."""

    right: bool | None
    reason: str

    def __repr__(self) -> str:
        """One line a reader can act on."""
        mark = {True: "✔ Right.", False: "✘ Not yet.", None: "… No answer yet."}[self.right]
        return f"{mark} {self.reason}"


def judge_number(
    answer: Any,
    truth: float,
    because: str,
    mistakes: dict[float, str] | None = None,
    tolerance: float = 0.0,
) -> Judgement:
    """Judge a number.

    Args:
        answer: The reader's, or None.
        truth: The right number, computed.
        because: Why it is right, shown with the verdict "right".
        mistakes: Reasons for wrong numbers that are easily reached.
        tolerance: How far from the truth is still right, relative to it.
    """
    if answer is None:
        return Judgement(None, "Replace None by a number and run this cell again.")
    try:
        number = float(answer)
    except (TypeError, ValueError):
        return Judgement(False, f"The answer is one number, not {answer!r}.")
    if math.isclose(number, truth, rel_tol=tolerance, abs_tol=1e-9):
        return Judgement(True, because)
    for wrong, reason in (mistakes or {}).items():
        if math.isclose(number, wrong, rel_tol=tolerance, abs_tol=1e-9):
            return Judgement(False, reason)
    size = "too large" if number > truth else "too small"
    return Judgement(False, f"{answer} is {size}.")


def judge_choice(answer: Any, right: Any, reasons: dict[Any, str]) -> Judgement:
    """Judge one of several choices.

    Args:
        answer: The reader's, or None.
        right: The right choice, computed.
        reasons: Why each choice is right or wrong, by choice.
    """
    choices = ", ".join(repr(choice) for choice in reasons)
    if answer is None:
        return Judgement(None, f"Replace None by one of {choices} and run this cell again.")
    try:
        reason = reasons[answer]
    except (KeyError, TypeError):
        return Judgement(False, f"The answer is one of {choices}, not {answer!r}.")
    return Judgement(answer == right, reason)


def judge_function(
    answer: Callable | None, cases: list[tuple], truth: Callable, because: str
) -> Judgement:
    """Judge a function by calling it beside the right one.

    Args:
        answer: The reader's function, or None; one that still returns None counts as not given.
        cases: Arguments to call both with.
        truth: The right function.
        because: Why it is right.
    """
    for arguments in cases:
        shown = ", ".join(repr(argument) for argument in arguments)
        try:
            found = None if answer is None else answer(*arguments)
        except Exception as error:
            return Judgement(False, f"For ({shown}) your function raised {error!r}.")
        if found is None:
            return Judgement(None, "Fill in the function and run this cell again.")
        wanted = truth(*arguments)
        try:
            same = math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-9)
        except TypeError:
            same = False
        if not same:
            return Judgement(False, f"For ({shown}) your function gives {found!r}, not {wanted!r}.")
    return Judgement(True, because)
