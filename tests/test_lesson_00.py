"""Lesson 00: the first figure, the first slider, the exercise."""

import cv2
import numpy as np
import pytest

from helpers import plots, widgets
from helpers.exercises import lesson_00


@pytest.fixture(scope="module")
def explorer(vgg16, photo):
    return widgets.first_look(vgg16, photo)


def _picture(explorer):
    return cv2.imdecode(np.frombuffer(explorer.picture.value, np.uint8), cv2.IMREAD_COLOR)


def test_the_figure_shows_photo_and_maps(photo, maps):
    figure = plots.photo_and_maps(photo, maps["block1_conv1"][0], "block1_conv1", channel=3)
    width, height = figure.get_size_inches()
    assert 8 < width < 11
    assert 5 < height < 7


def test_every_channel_can_be_shown(explorer, sweep):
    assert sweep(explorer) >= 4
    assert explorer.controls["channel"].max == 63


def test_picture_and_caption_follow_the_slider(explorer):
    explorer.controls["channel"].value = 0
    before, words = _picture(explorer), explorer.caption.value
    explorer.controls["channel"].value = 42
    assert "map 42 of layer block1_conv1" in explorer.caption.value
    assert explorer.caption.value != words
    after = _picture(explorer)
    assert after.shape == before.shape
    assert (after != before).mean() > 0.02


def test_the_white_frame_is_around_the_chosen_map(explorer):
    from helpers.plots import first_look

    maps = np.zeros((8, 8, 64), np.float32)
    wall = first_look.maps_picture(maps)
    photo = np.zeros((224, 224, 3), np.uint8)
    first, last = (first_look.chosen_map(photo, maps, wall, c, "x") for c in (10, 63))
    changed = np.argwhere((first != last).any(axis=-1) & (last == 255).all(axis=-1))
    middle = changed[changed[:, 1] > 310].mean(axis=0)
    assert middle[0] > 0.6 * last.shape[0]
    assert middle[1] > 0.8 * last.shape[1]


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


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0%"), (1e-6, "under 1%"), (0.126, "13%"), (0.9999, "over 99%"), (1, "100%")],
)
def test_all_and_nothing_are_said_only_of_all_and_nothing(share, words):
    from helpers.widgets.explorer import percent

    assert percent(share) == words
