"""Every right form of an answer is right, and every slip gets its own sentence."""

import numpy as np
import pytest

from helpers.exercises import judges


@pytest.mark.parametrize(
    "answer",
    [1152, 1152.0, np.int64(1152), np.float32(1152), "1,152", "1_152", "1 152", " 1152 ",
     "1\u2009152", "1\u202f152", "1.152e3", [1152], np.array(1152), np.array([[1152.0]])],
)  # fmt: skip
def test_every_form_of_a_number_is_right(answer):
    assert judges.number(answer, 1152, "so").right is True


@pytest.mark.parametrize(
    "answer",
    ["1.152", 1152.5, 11520, "11,52", "1,1520", True, "a lot", "", [1152, 1], {1152}, print,
     float("nan"), np.inf, np.array([])],
)  # fmt: skip
def test_nothing_else_is(answer):
    assert judges.number(answer, 1152, "so").right is False


@pytest.mark.parametrize("answer", [-4, "-4", "−4", " −4.0 ", "−4e0"])
def test_a_minus_may_be_the_one_that_lessons_print(answer):
    assert judges.number(answer, -4, "so").right is True


@pytest.mark.parametrize("answer", [True, np.True_, [True], np.array([True])])
def test_true_is_not_the_number_one(answer):
    judgement = judges.number(answer, 1, "so")
    assert judgement.right is False and "one number" in judgement.reason
    assert judges.choice(answer, 1, {0: "blue", 1: "green"}).right is False


def test_a_long_answer_is_not_repeated():
    assert "not an array (64,)." in judges.number(np.zeros(64), 1, "so").reason


def test_a_number_is_never_said_to_be_too_large_or_too_small():
    for answer in (1, 10**9):
        reason = judges.number(answer, 1152, "so", {9: "a slice"}, otherwise="Count.").reason
        assert reason == f"It is not {answer}. Count."


def test_a_number_that_is_a_known_slip_gets_its_reason():
    assert judges.number("9", 1152, "so", {9: "a slice"}) == (False, "a slice")
    assert judges.number(0.502, 0.5, "so", {0.6: "no"}, tolerance=0.01) == (True, "so")
    assert judges.number(0.601, 0.5, "so", {0.6: "no"}, tolerance=0.01) == (False, "no")
    assert judges.number(0, 0.5, "so", {0: "nothing"}) == (False, "nothing")


@pytest.mark.parametrize("answer", [9, 27])
def test_several_numbers_may_share_a_reason(answer):
    assert judges.number(answer, 1152, "so", {(9, 27): "a slice"}) == (False, "a slice")
    assert judges.number(3, 1152, "so", {(9, 27): "a slice"}).reason.startswith("It is not 3.")


@pytest.mark.parametrize("answer", ["min–max", "Min-Max ", "min—max", "MIN−MAX", " min–max"])
def test_capitals_spaces_and_dashes_of_a_choice_do_not_matter(answer):
    assert judges.choice(answer, "min–max", {"min–max": "so", "shared": "no"}) == (True, "so")


@pytest.mark.parametrize(
    ("answer", "right"),
    [(2, True), ("2", True), (np.int64(2), True), (2.0, True), (0, False), ("02x", False)],
)
def test_a_choice_can_be_a_number(answer, right):
    assert judges.choice(answer, 2, {0: "blue", 2: "red"}).right is right


def test_the_right_choice_may_have_its_reason_apart():
    for because, reason in (("indeed", "indeed"), ("", "so")):
        assert judges.choice("a", "a", {"a": "so", "b": "no"}, because) == (True, reason)
        assert judges.choice("b", "a", {"a": "so", "b": "no"}, because) == (False, "no")


def test_one_of_four_things_goes_by_its_letter():
    wrong = ["the first", "the second", "the third", "the fourth"]
    assert judges.lettered("c", 2, wrong, "so") == (True, "so")
    assert judges.lettered(" D", 2, wrong, "so") == (False, "the fourth")
    assert "one of 'A', 'B', 'C', 'D'" in judges.lettered(2, 2, wrong, "so").reason


@pytest.mark.parametrize("answer", ["minmax", "", 3, [], {}, print, np.arange(3), True])
def test_what_is_no_choice_is_told_the_choices(answer):
    judgement = judges.choice(answer, "a", {"a": "so", "b": "no"})
    assert judgement.right is False
    assert "one of 'a', 'b'" in judgement.reason


def test_no_answer_is_neither_right_nor_wrong():
    asked = [judges.number(None, 1, ""), judges.choice(None, 1, {1: ""})]
    asked += [judges.function(given, [(1,)], abs, "") for given in (None, lambda x: None)]
    assert [judgement.right for judgement in asked] == [None] * 4


CASES = [(np.array([[1.0, -2.0], [0.0, 3.0]]),), (-np.ones((2, 3, 4)),)]


def relu(maps):
    return np.maximum(maps, 0)


def _changes(maps):
    maps[maps < 0] = 0
    return maps


@pytest.mark.parametrize(
    "right", [relu, lambda m: m * (m > 0), lambda m: relu(m).tolist(), lambda m: relu(m) + 1e-8]
)
def test_every_right_function_is_right(right):
    assert judges.function(right, CASES, relu, "so") == (True, "so")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda m: m, "ReLU is missing"),
        (lambda m: print(relu(m)), "return it instead"),
        (_changes, "changes what it was given"),
        (lambda m: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda m, bias: m, "raised TypeError"),
        (lambda m: "many", "gives 'many'"),
        (lambda m: relu(m).sum(), "gives 4.0"),
        (lambda m: relu(m)[0], "gives [1., 0.]"),
        (lambda m: None if m.ndim == 3 else relu(m), "gives None"),
        (lambda m: relu(m) + 0.01 * (m.ndim == 3), "gives other numbers"),
        (abs(-3), "is a function, not 3"),
    ],
)
def test_every_wrong_function_gets_the_reason(wrong, reason):
    judgement = judges.function(wrong, CASES, relu, "so", {lambda m: m: "ReLU is missing."})
    assert judgement.right is False
    assert reason in judgement.reason


@pytest.mark.parametrize("wrong", [np.abs, np.negative])
def test_several_functions_may_share_a_reason(wrong):
    judgement = judges.function(wrong, CASES, relu, "so", {(np.abs, np.negative): "mind the sign"})
    assert judgement == (False, "mind the sign")


def test_a_slip_that_divides_by_zero_is_known():
    with np.errstate(invalid="ignore"):
        judgement = judges.function(
            lambda x: x / np.float64(0), [(0.0,)], lambda x: 1.0, "so",
            {lambda x: np.nan * x: "Nothing divides by 0."},
        )  # fmt: skip
    assert judgement == (False, "Nothing divides by 0.")


def test_what_a_function_prints_is_shown(capsys):
    judges.function(lambda m: print("seen") or relu(m), CASES, relu, "so")
    assert capsys.readouterr().out == "seen\n" * 2


def test_what_a_function_prints_before_it_fails_is_shown(capsys):
    judged = judges.function(lambda m: print("seen") or 1 / 0, CASES, relu, "so")
    assert "ZeroDivisionError" in judged.reason and capsys.readouterr().out == "seen\n"


def test_small_numbers_have_to_be_right_as_well():
    assert judges.function(lambda x: 0.0, [(1.0,)], lambda x: 5e-6, "so").right is False


def test_stop_stops_an_endless_function():
    def endless(maps):
        raise KeyboardInterrupt  # what JupyterLab's Stop raises in it

    with pytest.raises(KeyboardInterrupt):
        judges.function(endless, CASES, relu, "so")


def test_progress_remembers_what_was_solved(capsys, monkeypatch):
    monkeypatch.setattr(judges, "_solved", {})

    @judges.exercise
    def depth_of_filters(answer):
        return judges.number(answer, 3, "so")

    @judges.exercise
    def other(answer):
        return judges.number(answer, 4, "so")

    depth_of_filters(3)
    depth_of_filters(2)  # a later slip takes nothing away
    other(None)
    judges.progress()
    assert capsys.readouterr().out == "1 of 2 solved\n✔ depth of filters\n· other\n"
