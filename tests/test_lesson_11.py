"""Lesson 11: a score taken apart, its picture and explorer, and what the exercises say."""

import numpy as np
import pytest

from helpers import activations, images, plots, widgets
from helpers.exercises import lesson_11 as exercises
from helpers.plots.panels import Label
from helpers.quiet import keras

RANDOM = np.random.default_rng(11)


@pytest.fixture(scope="module")
def own():
    """A nested model as the lesson makes it, only small."""
    keras.utils.set_random_seed(1)
    conv = keras.layers.Conv2D(30, 3, activation="relu", name="conv")
    base = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.MaxPooling2D(4), conv])
    average = keras.layers.GlobalAveragePooling2D(name="average")
    dog = keras.layers.Dense(1, activation="sigmoid", name="dog", bias_initializer="ones")
    return keras.Sequential([keras.Input((32, 32, 3)), base, average, dog], name="own")


@pytest.fixture(scope="module")
def photo():
    return RANDOM.integers(0, 255, (32, 32, 3), np.uint8)


def words(panel):
    return [mark.words for mark in panel.marks if isinstance(mark, Label)]


# The picture


def test_a_score_is_the_mean_of_its_terms_and_the_bias():
    terms = np.zeros((2, 2, 3))
    terms[0, 0] = (4, -8, 0)
    (photo, one), (every,), wall = plots.decision(
        np.zeros((8, 8, 3), np.uint8), terms, 0.5, 1, ("cat", "dog")
    ).panels
    assert every.note == "mean −1.00, bias 0.50\nscore −0.50"
    assert photo.title == "38% dog"  # 1 / (1 + e^0.5)
    assert one.title == "channel 1" and one.note == "adds −2.00 to the score"
    assert words(wall) == ["1: −2.00", "0: +1.00", "2: 0.00"] or words(wall)[:2] == [
        "1: −2.00", "0: +1.00"
    ]  # fmt: skip


def test_the_rank_chooses_the_channel_and_the_caption_adds_up():
    terms = np.zeros((2, 2, 3))
    terms[0, 0] = (4, -8, 2)
    picture = plots.decision(np.zeros((8, 8, 3), np.uint8), terms, 0.0, 2, ("cat", "dog"))
    assert picture.panels[0][1].title == "channel 0"
    assert "Called cat (38% dog)" in picture.caption
    assert "Channel 0 is number 2 of 3" in picture.caption
    assert "they add −1.00 together" in picture.caption
    assert picture.panels[2].clicks.values == {"rank": range(1, 4)}


def test_what_is_all_zero_is_white_and_not_colored():
    picture = plots.decision(np.zeros((8, 8, 3), np.uint8), np.zeros((2, 2, 3)), 0.0)
    for panel in (picture.panels[0][1], *picture.panels[1]):
        assert (panel.array == 127).all()


# The explorer


def test_every_setting_of_the_explorer_shows_something(own, photo, sweep):
    assert sweep(widgets.decision(own, photo, ("cat", "dog"))) == 16


def test_the_explorer_shows_what_the_network_computes(own, photo):
    explorer = widgets.decision(own, photo)
    batch = images.prepare(photo)
    answer = float(own(batch)[0, 0])
    score = np.log(answer / (1 - answer))
    maps = activations.feature_maps(own, batch, "average", "input")["average"][0]
    adds = maps.mean(axis=(0, 1)) * own.get_layer("dog").get_weights()[0][:, 0]
    (_, one), (every,), _ = explorer.picture.panels
    assert every.note.endswith(f"score {score:.2f}".replace("-", "−"))
    assert one.title == f"channel {np.abs(adds).argmax()}"
    explorer.controls["rank"].value = 4
    assert explorer.picture.panels[0][1].title == f"channel {np.argsort(-np.abs(adds))[3]}"


def test_the_explorer_takes_another_photo_from_the_readers_buttons(own, photo):
    explorer = widgets.decision(own, photo, ("cat", "dog"))
    edition, before = explorer.panels.edition, explorer.picture.caption
    buttons = widgets.OwnPhoto(
        lambda new: explorer.show(widgets.decision(own, new, ("cat", "dog")).draw), (32, 32)
    )
    buttons.take(images.collection.find("bengal_16").read_bytes(), "mine.webp")
    assert buttons.camera.said.startswith("Shown: mine.webp")
    assert explorer.panels.edition == edition + 1 and explorer.picture.caption != before
    assert explorer.picture.panels[0][0].array.shape == (32, 32, 3)


def test_the_explorer_needs_a_mean_and_one_dense_unit(photo):
    flat = [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
    with pytest.raises(ValueError, match="does not end with the mean of its maps and one dense"):
        widgets.decision(keras.Sequential(flat), photo)
    two = [keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    with pytest.raises(ValueError, match="one dense unit"):
        widgets.decision(keras.Sequential(two), photo)


# Exercises


@pytest.mark.parametrize("right", [2000, "2,000", 2000.0, np.int64(2000), " 2000 "])
def test_each_epoch_sends_every_photo_through_the_base(right):
    assert exercises.photos_through_the_base(right, 100, 20).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (100, "if no photo ever changes"),
        (20, "Those are the epochs"),
        (120, "multiply"),
        (200, "kept for all epochs"),
        (4000, "held out"),
        (2100, "not shown besides"),
        (7, "How many photos does one epoch show"),
        ("many", "The answer is one number"),
    ],
)
def test_other_counts_get_their_reason(wrong, reason):
    judgement = exercises.photos_through_the_base(wrong, 100, 20)
    assert judgement.right is False and reason in judgement.reason


@pytest.fixture(scope="module")
def maps():
    """Terms and scores of 40 photos, 6 × 6 places each."""
    terms = RANDOM.normal(RANDOM.normal(0, 2, (40, 1, 1)), 1, (40, 6, 6))
    return terms, terms.mean(axis=(1, 2)) - 0.3


def test_the_four_maps_are_on_one_scale_and_the_letter_is_the_highest_score(maps):
    letters = set()
    for number in range(12):
        picture, letter = exercises.four_maps(*maps, number)
        means = [panel.array.astype(float).mean() for panel in picture.panels]
        assert "ABCD"[int(np.argmax(means))] == letter
        assert len({panel.scale for panel in picture.panels}) == 1
        letters.add(letter)
    assert len(letters) > 2
    again = exercises.four_maps(*maps, 3)[0]
    assert np.array_equal(again.panels[0].array, exercises.four_maps(*maps, 3)[0].panels[0].array)


@pytest.mark.parametrize("form", [str, str.lower, lambda letter: f" {letter} "])
def test_the_surest_dog_in_any_form(maps, form):
    for number in (0, 1, 2):
        right = form(exercises.four_maps(*maps, number)[1])
        assert exercises.surest_dog(right, *maps, number).right is True


def test_other_letters_get_their_reason(maps):
    right = exercises.four_maps(*maps, 5)[1]
    for wrong in set("ABCD") - {right}:
        judgement = exercises.surest_dog(wrong, *maps, 5)
        assert judgement.right is False and "weigh all brown" in judgement.reason
    for wrong in ("E", 2, "dog"):
        assert "one of 'A', 'B', 'C', 'D'" in exercises.surest_dog(wrong, *maps, 5).reason
    assert exercises.surest_dog(None, *maps, 5).right is None


def breeds(names):
    return [name.rsplit("_", 1)[0] for name in names]


def by_comprehension(names):
    chosen = sorted(set(breeds(names)))[1::2]
    return np.array([breed in chosen for breed in breeds(names)])


def by_numpy(names):
    _, number = np.unique(breeds(names), return_inverse=True)
    return number % 2 == 1


def by_list(names):
    order = sorted(set(breeds(names)))
    return [order.index(breed) % 2 == 1 for breed in breeds(names)]


@pytest.mark.parametrize("right", [by_comprehension, by_numpy, by_list])
def test_a_split_by_breed_in_any_form(right):
    assert exercises.split_by_breed(right).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda names: ~by_numpy(names), "hold out the first breed"),
        (lambda names: np.arange(len(names)) % 2 == 1, "alternates photos"),
        (lambda names: np.flatnonzero(by_numpy(names)), "not the places"),
        (lambda names: sorted(set(breeds(names)))[1::2], "Those are the breeds"),
        (
            lambda names: [
                name.split("_")[0] in sorted({n.split("_")[0] for n in names})[1::2]
                for name in names
            ],
            "*last* underscore",
        ),
        (lambda names: np.ones(len(names), bool), "your function gives"),
        (lambda names: names.sort() or by_list(names), "changes what it was given"),
        (lambda names: names[0] / 2, "raised TypeError"),
        (7, "The answer is a function"),
    ],
)
def test_other_splits_get_their_reason(wrong, reason):
    judgement = exercises.split_by_breed(wrong)
    assert judgement.right is False and reason in judgement.reason


def test_a_stub_is_no_answer_yet():
    assert exercises.split_by_breed(lambda names: None).right is None
    assert exercises.photos_through_the_base(None, 100, 20).right is None
