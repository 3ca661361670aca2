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


@pytest.mark.parametrize(
    ("answer", "right", "word"),
    [
        (None, None, "Replace None"),
        (224 * 224 * 64, True, "3,211,264"),
        (224 * 224, False, "one map"),
        (224 * 224 * 3, False, "photo itself"),
        (64, False, "number of maps"),
        ("many", False, "one number"),
    ],
)
def test_the_exercise_judges(vgg16, answer, right, word):
    judgement = lesson_00.numbers_in_maps(answer, vgg16)
    assert judgement.right is right
    assert word in repr(judgement)
