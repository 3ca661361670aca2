"""Lesson 00: the first figure, the first slider, the exercise."""

import numpy as np
import pytest

from helpers import plots, widgets
from helpers.exercises import lesson_00
from helpers.plots.panels import Label, Path


@pytest.fixture(scope="module")
def explorer(vgg16, photo):
    return widgets.first_look(vgg16, photo)


def test_the_picture_shows_photo_map_and_all_maps(photo, maps):
    layer = maps["block1_conv1"][0]
    picture = plots.photo_and_maps(photo, layer, "block1_conv1", channel=3)
    shown, one, every = picture.every()
    assert shown.array.shape == (224, 224, 3) and np.array_equal(shown.array, photo)
    largest = layer[:, :, 3].max()
    assert np.allclose(one.array / 254 * largest, layer[:, :, 3], atol=largest / 254)
    assert one.scale.high == f"{largest:#.3g}"
    assert [m.words for m in every.marks if isinstance(m, Label)] == [str(k) for k in range(64)]
    assert "map 3 is framed" in every.title
    zeros = np.mean(layer[:, :, 3] == 0)
    row, col = np.argwhere(layer[:, :, 3] == largest)[0]
    assert f"strongest answer {largest:.2f} at row {row}, col {col}; " in picture.caption
    assert f"{zeros:.0%} of its numbers are zero" in picture.caption


def test_every_channel_can_be_shown(explorer, sweep):
    assert sweep(explorer) >= 4
    assert explorer.controls["channel"].max == 63


def test_the_picture_follows_the_slider(explorer, photo, maps):
    explorer.controls["channel"].value = 42
    fresh = plots.photo_and_maps(photo, maps["block1_conv1"][0], "block1_conv1", 42)
    for shown, panel in zip(explorer.picture.every(), fresh.every(), strict=True):
        assert np.array_equal(shown.array, panel.array) and shown.title == panel.title
    assert explorer.picture.caption == fresh.caption
    assert "map 42 of layer block1_conv1" in fresh.caption


def test_the_frame_is_around_the_chosen_map():
    maps = np.zeros((8, 8, 64), np.float32)
    maps[:, :, 10] = np.arange(8)
    photo = np.zeros((224, 224, 3), np.uint8)
    every = plots.photo_and_maps(photo, maps, "x", 10).every()[2]
    (frame,) = [mark for mark in every.marks if isinstance(mark, Path) and mark.closed]
    (top, left), (bottom, right) = frame.points[0], frame.points[2]
    inside = every.array[int(top) : int(bottom), int(left) : int(right)]
    assert (np.diff(inside.astype(int), axis=1) > 20).all()  # the one map that is not even


NUMBERS, WEIGHTS = [4, 1, 2], [1, -2, -3]  # as in the lesson: the dot product is -4


@pytest.mark.parametrize(
    ("answer", "right", "word"),
    [
        (None, None, "Replace None"),
        (4, True, "-4"),
        (4.0, True, "above 0"),
        ("4", True, "above 0"),
        (np.array([4.0]), True, "above 0"),
        (np.int64(4), True, "above 0"),
        (-4, False, "dot product itself"),
        (0, False, "larger ones"),
        (3, False, "exactly 0"),
        (3.9, False, "exactly 0"),
        ("3.999", False, "exactly 0"),
        (5, False, "lets it pass"),
        (28, False, "pair by pair"),
        (-28, False, "pair by pair"),
        (12, False, "Mind the signs"),
        ("none", False, "one number"),
        ([4, 1], False, "one number"),
        (True, False, "one number"),
    ],
)
def test_the_exercise_judges(answer, right, word):
    judgement = lesson_00.largest_bias_for_zero(answer, NUMBERS, WEIGHTS)
    assert judgement.right is right
    assert word in repr(judgement)


PATCH, KERNEL = np.full((3, 3, 3), 2.0), np.full((3, 3, 3), 0.1)  # the dot product is 5.4


@pytest.mark.parametrize(
    ("answer", "right", "word"),
    [
        (None, None, "Replace None"),
        (3.4, True, "added whole"),
        ("3.4", True, "added whole"),
        (np.float32(3.4), True, "added whole"),
        (3.3995, True, "added whole"),
        (3.05, False, "halved the bias"),
        (2.7, False, "half the dot product"),
        (5.4, False, "whole dot product"),
        (6.1, False, "holds now"),
        (2.05, False, "halved twice"),
        (11.5, False, "twice as large"),
        (2.0, False, "not taken away"),
        (7, False, "in order"),
    ],
)
def test_the_exercise_on_strength_judges(answer, right, word):
    judgement = lesson_00.half_as_strong(answer, PATCH, KERNEL, 0.7)
    assert judgement.right is right
    assert word in repr(judgement)


def test_half_as_strong_ends_at_0():
    assert lesson_00.half_as_strong(0, PATCH, KERNEL, -3).right
    assert not lesson_00.half_as_strong(-0.3, PATCH, KERNEL, -3).right


def by_loop(probabilities, right):
    count = 0
    for row, k in zip(probabilities, right, strict=True):
        count += (row > row[k]).sum() < 5
    return count / len(right)


@pytest.mark.parametrize(
    ("answer", "right", "word"),
    [
        (None, None, "Fill in"),
        (by_loop, True, "top-5"),
        (lambda p, k: np.mean([k[i] in p[i].argsort()[-5:] for i in range(len(p))]), True, "top-5"),
        (lambda p, k: (np.argsort(-p)[:, :5] == k[:, None]).any(axis=1).mean(), True, "top-5"),
        (lambda p, k: (np.argsort(p)[:, :5] == k[:, None]).any(axis=1).mean(), False, "least"),
        (lambda p, k: np.mean(p.argmax(axis=1) == k), False, "first guess"),
        (lambda p, k: (np.argsort(-p)[:, :4] == k[:, None]).any(axis=1).mean(), False, "four"),
        (lambda p, k: (np.argsort(-p)[:, :6] == k[:, None]).any(axis=1).mean(), False, "six"),
        (lambda p, k: by_loop(p, k) * len(k), False, "divide by"),
        (lambda p, k: by_loop(p, k) * 100, False, "percentage"),
        (lambda p, k: 1 - by_loop(p, k), False, "where it is not"),
        (lambda p, k: print(0.5), False, "prints"),
        (lambda p, k: p[k], False, "your function"),
    ],
)
def test_the_exercise_on_five_guesses_judges(answer, right, word):
    judgement = lesson_00.share_in_five(answer)
    assert judgement.right is right
    assert word in repr(judgement)


def test_the_exercise_follows_its_numbers():
    judgement = lesson_00.largest_bias_for_zero(-7, [1, 2], [3, 2])
    assert judgement.right and "-7" in judgement.reason


def test_where_a_number_comes_from(photo, maps, cell):
    layer = maps["block1_conv1"][0]
    picture = cell("00", 'Panel("the patch"', photo=photo, maps=layer, row=100, col=52)
    whole, patch, one = picture.every()
    assert np.array_equal(patch.array, photo[99:102, 51:54])
    for panel in (whole, one):
        (top, left), (bottom, right) = panel.marks[0].points[0], panel.marks[0].points[2]
        assert (top + bottom) / 2 == 100.5 and (left + right) / 2 == 52.5  # the pixel's middle
