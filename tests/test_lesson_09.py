"""Lesson 09: pictures in rows, beside patches and enlarged, the explorer, and the exercises."""

import numpy as np
import pytest
import tensorflow as tf

from helpers import collection, gallery, images, models, patches, plots, widgets
from helpers.exercises import lesson_09 as exercises
from helpers.plots.panels import Label

LAYER, UNITS = "conv2", list(range(10))


@pytest.fixture(scope="module")
def scan():
    files = collection.files()[::12]
    return patches.scan(models.load_cat_dog(), LAYER, files, images.scale_to_one, progress=False)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(3).integers(0, 255, (10, 20, 20, 3), np.uint8)


# Pictures


def test_rows_of_pictures_have_titles_names_and_notes(pictures):
    shown = plots.picture_rows(
        {"first": pictures[:4], "second": pictures[4:8]}, list("abcd"), {"second": "so"}, 400
    )
    ((one, two),) = shown.panels
    assert (one.title, two.title, one.note, two.note) == ("first", "second", "", "so")
    for panel in (one, two):
        assert [mark.words for mark in panel.marks if isinstance(mark, Label)] == list("abcd")
    for k, picture in enumerate(pictures[4:8]):
        label = [mark for mark in two.marks if isinstance(mark, Label)][k]
        rows = slice(two.array.shape[0] - 20, None)
        cols = slice(int(label.col), int(label.col) + 20)
        assert np.array_equal(two.array[rows, cols], picture)


def test_rows_can_have_names_of_their_own(pictures):
    names = {"first": list("ab"), "second": list("cd")}
    ((one, two),) = plots.picture_rows(
        {"first": pictures[:2], "second": pictures[2:4]}, names
    ).panels
    for panel, words in ((one, ["a", "b"]), (two, ["c", "d"])):
        assert [mark.words for mark in panel.marks if isinstance(mark, Label)] == words


def test_each_picture_stands_above_its_channels_patches(pictures, scan):
    hits = {channel: scan[LAYER].exciting(channel)[:9] for channel in (5, 0, 7)}
    shown = plots.picture_beside_patches(pictures[:3], scan, LAYER, hits)
    titles = [above.title for above, _ in shown.panels]
    assert titles == ["channel 5: picture", "channel 0: picture", "channel 7: picture"]
    for (above, below), picture, best in zip(
        shown.panels, pictures[:3], hits.values(), strict=True
    ):
        assert np.array_equal(above.array, picture)
        patches_alone = plots.patch_square(scan, LAYER, best, "", below.width)
        assert np.array_equal(below.array, patches_alone.array)


def test_the_chosen_picture_is_framed_and_enlarged(pictures):
    some = dict(zip((3, 8, 11), pictures, strict=False))
    shown = plots.chosen_picture(some, LAYER, 8, made=False)
    sheet, large = shown.panels
    assert np.array_equal(large.array, pictures[1]) and large.title == "channel 8"
    assert [mark.words for mark in sheet.marks if isinstance(mark, Label)] == ["3", "8", "11"]
    assert sheet.clicks.values == {"number": range(3)}
    assert "made just now" in shown.caption
    assert "beforehand" in plots.chosen_picture(some, LAYER, 8).caption


# Explorer


def test_every_setting_of_the_explorer_shows_something(vgg16, sweep):
    explorer = widgets.preferred_pictures(vgg16)
    assert sweep(explorer) >= 13
    explorer.controls["layer"].value = "block3_conv1"
    explorer.controls["number"].value = 5
    stored = gallery.made(vgg16)["block3_conv1"][5]
    assert np.array_equal(explorer.picture.panels[1].array, stored)
    assert "made beforehand" in explorer.picture.caption


def test_other_weights_and_channels_are_made_before_the_explorer_is_there(sweep):
    how = {"steps": 1, "prepare": lambda picture: picture, "progress": False}
    explorer = widgets.preferred_pictures(models.load_cat_dog("random"), ["conv1"], [4, 9], **how)
    assert sweep(explorer) == 2
    explorer.controls["number"].value = 1
    assert explorer.picture.panels[1].title == "channel 9"
    assert "made just now" in explorer.picture.caption


# Exercises


@pytest.mark.parametrize("right", [289, "289", 289.0, np.int64(289), [17**2]])
def test_windows_are_counted_in_both_directions(right):
    assert exercises.windows(right).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (256, "count row 0, too"),
        (17, "down and across"),
        (16, "How many places"),
        (32 + 2, "multiply"),
        (6400, "within the picture"),
        (4096, "pixels of one window"),
        (300, "upper edge"),
        ("many", "The answer is one number"),
    ],
)
def test_other_counts_of_windows_get_their_reason(wrong, reason):
    judgement = exercises.windows(wrong)
    assert judgement.right is False and reason in judgement.reason, judgement


def with_a_loop(maps, index):
    found = []
    for one in maps:
        means = [float(one[..., k].mean()) for k in range(maps.shape[-1])]
        own = means.pop(index)
        found.append(own - sum(means) / len(means))
    return found


def in_tensorflow(maps, index):
    means = tf.reduce_mean(maps, axis=(1, 2))
    own = means[:, index]
    return own - (tf.reduce_sum(means, axis=1) - own) / (means.shape[1] - 1)


def own(maps, index):
    return maps[..., index].mean(axis=(1, 2))


def others(maps, index):
    return np.delete(maps, index, axis=-1).mean(axis=(1, 2, 3))


@pytest.mark.parametrize(
    "right",
    [with_a_loop, in_tensorflow, lambda maps, index: own(maps, index) - others(maps, index)],
)
def test_a_channel_less_the_others_is_right(right):
    assert exercises.only(right).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (own, "That is `channel` itself"),
        (others, "From what?"),
        (lambda maps, k: own(maps, k) - maps.mean(axis=(1, 2, 3)), "holds the channel itself"),
        (lambda maps, k: others(maps, k) - own(maps, k), "The sign is wrong"),
        (lambda maps, k: np.mean(own(maps, k) - others(maps, k)), "for each picture"),
        (
            lambda maps, k: own(maps, k) - np.delete(maps, k, -1).mean((1, 2)).sum(-1),
            "not their sum",
        ),
        (lambda maps, k: maps[:, 0, 0, k], "gives"),
        (lambda maps, k: maps.mean(axis=(1, 2))[:, 99], "raised"),
        (0.5, "The answer is a function"),
    ],
)
def test_other_objectives_get_their_reason(wrong, reason):
    judgement = exercises.only(wrong)
    assert judgement.right is False and reason in judgement.reason, judgement


@pytest.mark.parametrize("number", [0, 1, 5, 77, -3])
def test_the_riddle_is_judged_by_what_it_drew(number, scan):
    asked, four = exercises.riddle(number, scan, LAYER, UNITS)
    assert asked in four and len(set(four)) == 4 and set(four) <= set(UNITS)
    right = "ABCD"[four.index(asked)]
    for form in (right, right.lower(), f" {right} "):
        assert exercises.same_unit(form, number, scan, LAYER, UNITS).right is True
    for letter, channel in zip("ABCD", four, strict=True):
        judgement = exercises.same_unit(letter, number, scan, LAYER, UNITS)
        assert f"channel {channel}" in judgement.reason
        assert judgement.right is (letter == right)
    for wrong in ("E", asked + 100, "AB"):
        judgement = exercises.same_unit(wrong, number, scan, LAYER, UNITS)
        assert judgement.right is False and "one of" in judgement.reason
    assert exercises.same_unit(None, number, scan, LAYER, UNITS).right is None


def test_the_number_decides_the_riddle(scan):
    drawn = [exercises.riddle(number, scan, LAYER, UNITS) for number in range(12)]
    assert len({asked for asked, _ in drawn}) > 3
    assert drawn[4] == exercises.riddle(4, scan, LAYER, UNITS)
