"""Lesson 08: two kinds of chance, their pictures and explorer, and what the exercises say."""

import numpy as np
import pytest

from helpers import models, plots, widgets
from helpers.exercises import lesson_08 as exercises
from helpers.plots.panels import Label
from helpers.quiet import keras

FIVE = [0.10, 0.16, 0.12, 0.20, 0.14]


@pytest.fixture(scope="module")
def small():
    """A chain of two convolutions, large enough to see how its weights are distributed."""
    layers = [keras.Input((32, 32, 3)), keras.layers.Conv2D(32, 3, activation="relu")]
    return keras.Sequential([*layers, keras.layers.Conv2D(64, 3, activation="relu")])


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(3).integers(0, 255, (32, 32, 3), np.uint8)


# Chance


def test_fresh_weights_are_he_initialized_with_biases_of_zero(small):
    kernel, bias, deeper, bias2 = models.chance(small.get_weights(), "fresh", seed=4)
    assert not bias.any() and not bias2.any()
    assert kernel.dtype == deeper.dtype == bias.dtype == np.float32
    assert kernel.std() == pytest.approx(np.sqrt(2 / 27), rel=0.1)
    assert deeper.std() == pytest.approx(np.sqrt(2 / (9 * 32)), rel=0.02)
    assert abs(deeper.mean()) < 0.003


def test_shuffled_weights_are_the_same_numbers_in_other_places(small):
    own = small.get_weights()
    for one, other in zip(own, models.chance(own, "shuffled"), strict=True):
        assert one.shape == other.shape
        assert np.array_equal(np.sort(one.ravel()), np.sort(other.ravel()))
    assert not np.array_equal(own[0], models.chance(own, "shuffled")[0])


def test_a_seed_gives_the_same_weights_again_and_another_one_others(small):
    own = small.get_weights()
    for kind in ("fresh", "shuffled"):
        assert np.array_equal(models.chance(own, kind, 1)[2], models.chance(own, kind, 1)[2])
        assert not np.array_equal(models.chance(own, kind, 1)[2], models.chance(own, kind, 2)[2])
    assert all(map(np.array_equal, own, models.chance(own, "trained", 7)))


def test_an_unknown_kind_is_an_error(small):
    with pytest.raises(ValueError, match="no kind 'random' of weights; choose one of trained"):
        models.chance(small.get_weights(), "random")


# Pictures


def test_networks_stand_side_by_side_filters_above_maps(small, picture):
    kernel, maps = small.get_weights()[0], np.random.default_rng(0).random((9, 9, 40))
    shown = plots.beside_chance({"one": (kernel, maps), "two": (None, maps)}, "conv", columns=4)
    one, two = shown.panels
    assert [panel.title for panel in one] == ["one: first filters", "one: maps of conv"]
    assert [panel.title for panel in two] == ["two: maps of conv"]
    for panel in (*one, *two):
        words = [mark.words for mark in panel.marks if isinstance(mark, Label)]
        assert words == [str(k) for k in range(16)]


def test_filters_are_rgb_with_zero_at_mid_gray():
    kernel = np.zeros((3, 3, 3, 1), np.float32)
    kernel[0, 0, 2] = 0.5  # red, in BGR order
    above, _ = plots.beside_chance({"": (kernel, np.ones((4, 4, 1)))}, "conv", 1).panels
    colors = {tuple(color) for color in above.array.reshape(-1, 3).tolist()}
    assert {(255, 128, 128), (128, 128, 128)} <= colors


def test_clouds_show_every_number_and_the_boxes_of_the_rule():
    found = {"trained": [[0.5, 0.1]], "fresh": np.full((5, 2), 0.2), "shuffled": np.ones((5, 2))}
    figure = plots.clouds(found, lambda c: (c.min(0) - 0.05, c.max(0) + 0.05), ["a", "b"], "it")
    (ax,) = figure.axes
    assert [sorted(line.get_ydata()) for line in ax.lines[:3]] == [
        [0.2] * 10, [1.0] * 10, [0.1, 0.5]
    ]  # fmt: skip
    boxes = [(box.get_y(), box.get_height()) for box in ax.patches]
    assert boxes[0] == pytest.approx((0.15, 0.1)) and len(boxes) == 4
    low, high = ax.get_ylim()
    assert low < 0 and high > 1.05


def test_the_table_has_a_cell_for_every_verdict():
    found = {"trained": [[0.5, -0.1]], "fresh": np.zeros((5, 2)), "shuffled": np.ones((5, 2))}
    table = {"it": (["a", "b-c"], found, ["learned ↕", "sizes"]), "that": (["d"], found, ["sizes"])}
    (ax,) = plots.verdict_table(table).axes
    assert [text.get_text() for text in ax.texts] == [
        "a\n0.50  learned ↕\n0.00 … 0.00 | 1.00 … 1.00",
        "b-c\n−0.10  sizes\n0.00 … 0.00 | 1.00 … 1.00",
        "d\n0.50  sizes\n0.00 … 0.00 | 1.00 … 1.00",
    ]
    assert len(np.unique(ax.images[0].get_array().reshape(-1, 3), axis=0)) == 3


# Explorer


def test_every_setting_of_the_explorer_shows_something(small, picture, sweep):
    own = small.get_weights()
    explorer = widgets.trained_or_chance(small, picture)
    assert all(map(np.array_equal, small.get_weights(), own)), "the model has its weights again"
    assert sweep(explorer) == 6
    explorer.controls["weights"].value = "fresh"
    assert explorer.picture.panels[0].title == "fresh: first filters"
    assert "are 0" in explorer.picture.caption


# Exercises


@pytest.mark.parametrize("right", [0.3, "0.30", np.float64(0.2) + 0.1, [0.3], " 0.3 "])
def test_the_bound_is_the_highest_and_the_margin(right):
    assert exercises.more_than(right, FIVE).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (0.20, "end of the range"),
        (0.25, "the least margin"),
        (0.35, "not their sum"),
        (0.10, "That is the margin"),
        (0.244, "not from the mean"),
        (0.194, "how far they spread"),
        (0.0, "*less*"),
        ("0.0", "*less*"),
        (0.28, "Take the highest"),
        ("high", "The answer is one number"),
    ],
)
def test_other_bounds_get_their_reason(wrong, reason):
    judgement = exercises.more_than(wrong, FIVE)
    assert judgement.right is False and reason in judgement.reason


def test_where_five_lie_close_the_least_margin_counts():
    assert exercises.more_than(0.16, [0.10, 0.11, 0.10, 0.11, 0.10]).right is True


@pytest.mark.parametrize("number", [0, 1, 2, 77])
def test_the_line_up_can_be_told(number):
    right = exercises.revealed(number)
    for form in (right, right.lower(), f" {right} ", ", ".join(right), list(right)):
        assert exercises.who_is_who(form, number).right is True
    first, second, third = right
    for wrong, reason in [
        (second + first + third, f"{second} is fresh and {first} trained"),
        (first + third + second, f"{second} is fresh"),
        (third + second + first, f"{first} is trained"),
        (second + third + first, f"{first} is trained"),
        (third + first + second, f"{second} is fresh"),
        ("trained", "one of"),
        (right[:2], "one of"),
        (3, "one of"),
    ]:
        judgement = exercises.who_is_who(wrong, number)
        assert judgement.right is False and reason in judgement.reason, (wrong, judgement)
    assert exercises.who_is_who(None, number).right is None


def test_the_number_decides_who_is_who():
    assert len({exercises.revealed(number) for number in range(40)}) == 6


def test_the_line_up_shows_what_its_letters_stand_for(small, picture):
    own = small.get_weights()
    name = small.layers[1].name
    shown = exercises.line_up(small, picture, 5, name)
    titles = [column[0].title for column in shown.panels]
    assert titles == [f"{letter}: maps of {name}" for letter in "ABC"]
    assert all(map(np.array_equal, small.get_weights(), own))
    arrays = [column[0].array for column in shown.panels]
    again = [column[0].array for column in exercises.line_up(small, picture, 5, name).panels]
    assert all(map(np.array_equal, arrays, again))


def agreement(first, second):
    pairs = zip(first.T, second.T, strict=True)
    return np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs])


@pytest.mark.parametrize(
    "right",
    [
        lambda a, b, orders: np.array([agreement(a, b[order]) for order in orders]),
        lambda a, b, orders: [agreement(a, b[order]) for order in orders],
        lambda a, b, orders: np.array([agreement(a, np.take(b, o, axis=0)) for o in orders]),
    ],
)
def test_a_permutation_test_is_right(right):
    assert exercises.permuted(right).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda a, b, orders: [agreement(a[o], b[o]) for o in orders], "not both alike"),
        (lambda a, b, orders: [agreement(a, b) for o in orders], "still meets itself"),
        (lambda a, b, orders: [agreement(a, b[:, o]) for o in orders], "shuffles the channels"),
        (lambda a, b, orders: np.mean([agreement(a, b[o]) for o in orders]), "not their mean"),
        (lambda a, b, orders: max(agreement(a, b[o]) for o in orders), "not the largest"),
        (lambda a, b, orders: agreement(a, b[orders]), "raised"),
        (lambda a, b, orders: print(agreement(a, b)), "return it instead"),
        (lambda a, b, orders: b.sort(axis=0) or [0.0] * len(orders), "changes what it was given"),
        (lambda a, b, orders: np.zeros(len(orders)), "gives"),
        (0.3, "The answer is a function"),
    ],
)
def test_other_permutation_tests_get_their_reason(wrong, reason):
    judgement = exercises.permuted(wrong)
    assert judgement.right is False and reason in judgement.reason, judgement
