"""Climbing to pictures that excite units: objectives, starts, what is kept; and stored pictures."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tqdm.auto
from PIL import Image

from helpers import gallery, images, visualization
from helpers.quiet import keras
from helpers.visualization import (
    Objective,
    ascend,
    channel,
    direction,
    fourier,
    phases,
    pixels,
    unit,
)


@pytest.fixture(scope="module")
def small():
    """A chain of two convolutions and a dense layer, of photos of any size, 0–1."""
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(6, 3, activation="relu", name="one"),
            keras.layers.MaxPooling2D(name="pool"),
            keras.layers.Conv2D(8, 3, activation="relu", name="two"),
            keras.layers.GlobalAveragePooling2D(name="mean"),
            keras.layers.Dense(5, activation="softmax", name="classes"),
        ]
    )


def as_it_is(pictures):
    return pictures


def climb(model, objective, start, steps=3, **how):
    return ascend(model, objective, start, steps, prepare=as_it_is, progress=False, **how)


@pytest.fixture(scope="module")
def maps():
    random = np.random.default_rng(1)
    sizes = {"one": (3, 6, 5, 4), "two": (3, 2, 2, 7)}
    return {name: tf.constant(random.normal(size=s), tf.float32) for name, s in sizes.items()}


# Objectives


def test_objectives_are_the_means_places_and_sums_that_they_say(maps):
    one, two = maps["one"].numpy(), maps["two"].numpy()
    mean = one.mean(axis=(1, 2))
    weights = np.arange(4)
    for objective, expected in [
        (channel("one", 2), mean[:, 2]),
        (channel("one", [2, 0, 3]), mean[[0, 1, 2], [2, 0, 3]]),
        (unit("one", 5, 0, 1), one[:, 5, 0, 1]),
        (direction("one", weights), mean @ weights),
        (channel("one", 1) + unit("two", 1, 1, 6), mean[:, 1] + two[:, 1, 1, 6]),
        (channel("one", 1) - 0.5 * channel("one", 3), mean[:, 1] - 0.5 * mean[:, 3]),
        (channel("one", 1) * 3, 3 * mean[:, 1]),
    ]:
        assert objective.value(maps).shape == (3,)
        assert objective.value(maps).numpy() == pytest.approx(expected, abs=1e-5)
    assert (channel("one", 1) - unit("two", 1, 1, 6) + channel("one", 0)).layers == ("one", "two")


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (channel("one", 6), "no channel 6 in one; it has channels 0 to 5"),
        (channel("one", [0, 9]), "no channel 9 in one"),
        (channel("one", [0, 1, 2]), "3 channels need as many pictures, not 2"),
        (unit("one", 40, 0, 0), "no row 40 in one"),
        (unit("one", 0, 0, -1), "no channel -1 in one"),
        (channel("three", 0), "no layer 'three'"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(small, objective, words):
    with pytest.raises(ValueError, match=words) as error:
        climb(small, objective, pixels(2, 24), jitter=4)
    assert "\n" not in str(error.value)


def test_windows_must_be_of_the_models_size():
    fixed = keras.Sequential([keras.Input((20, 20, 3)), keras.layers.Conv2D(2, 3, name="one")])
    with pytest.raises(ValueError, match="takes 20 pixels, not 30 less 16 of jitter"):
        climb(fixed, channel("one", 0), pixels(1, 30))
    assert climb(fixed, channel("one", 0), pixels(1, 30), jitter=10).pictures.shape[1] == 30


def test_layers_answer_before_their_activation_function(small):
    photo = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    for name in ("one", "two", "classes", "pool"):
        before = keras.Model(small.inputs, visualization.before_activation(small, name))(photo)
        after = keras.Model(small.inputs, small.get_layer(name).output)(photo)
        function = getattr(small.get_layer(name), "activation", as_it_is)
        assert np.allclose(function(before), after, atol=1e-6)
        assert (np.min(before) < 0) == (name != "pool")


# Starts


@pytest.mark.parametrize("start", [pixels, fourier, phases])
def test_a_start_gives_pictures_and_a_seed_the_same_again(start):
    one, again, other = start(2, 20, seed=1), start(2, 20, seed=1), start(2, 20, seed=2)
    pictures = one.picture(tf.constant(one.numbers)).numpy()
    assert pictures.shape == (2, 20, 20, 3) and 0 <= pictures.min() < pictures.max() <= 1
    assert not np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(one.numbers, again.numbers)
    assert not np.array_equal(one.numbers, other.numbers)


def test_colors_of_photos_vary_independently_along_the_three_directions():
    mean, colors, magnitude = visualization.photo_statistics(16)
    assert mean.shape == (3,) and (mean > 0.2).all() and (mean < 0.8).all()
    assert np.linalg.norm(colors, axis=1).max() == pytest.approx(1)
    gray = colors[np.linalg.norm(colors, axis=1).argmax()]
    assert (gray > 0).all() or (gray < 0).all(), "the widest direction is from dark to bright"
    assert np.abs(colors @ colors.T - np.diag((colors**2).sum(axis=1))).max() < 1e-6
    assert magnitude.shape == (3, 16, 9) and magnitude[:, 0, 0].tolist() == [0, 0, 0]
    assert magnitude[:, 0, 1].min() > magnitude[:, 8, 8].max(), "long waves are the strong ones"


def test_phases_change_no_magnitude():
    start, (mean, colors, magnitude) = phases(1, 16, seed=4), visualization.photo_statistics(16)
    found = start.picture(start.numbers)[0].numpy()
    planes = (found - mean) @ np.linalg.inv(colors)
    clipped = (found == 0) | (found == 1)
    size = np.abs(np.fft.rfft2(planes, axes=(0, 1)))[:, 1:8].transpose(2, 0, 1)
    assert clipped.mean() < 0.05
    assert np.corrcoef(size.ravel(), magnitude[:, :, 1:8].ravel())[0, 1] > 0.98


# Climbing


@pytest.mark.parametrize("start", [pixels, fourier, phases])
def test_climbing_raises_the_objective(small, start):
    found = climb(small, channel("two", [0, 1]), start(2, 32), steps=12, jitter=4)
    assert found.values.shape == (12, 2) and found.values.dtype == np.float32
    assert found.pictures.shape == (2, 32, 32, 3) and found.pictures.dtype == np.uint8
    assert (found.values[-3:].mean(axis=0) > found.values[:3].mean(axis=0)).all()


def test_the_same_seeds_give_the_same_pictures(small):
    start = fourier(2, 24, seed=5)
    one, again, other = (
        climb(small, channel("two", 1), start, steps=5, jitter=8, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.pictures, again.pictures)
    assert np.array_equal(one.values, again.values)
    assert not np.array_equal(one.pictures, other.pictures)


def test_a_batch_gives_what_each_picture_gives_alone(small):
    both = fourier(2, 24)
    found = climb(small, channel("two", [3, 5]), both, jitter=4)
    for k, index in enumerate((3, 5)):
        one = climb(small, channel("two", index), both._replace(numbers=both.numbers[k : k + 1]),
                    jitter=4)  # fmt: skip
        assert one.values[:, 0] == pytest.approx(found.values[:, k], abs=1e-4)


def test_objectives_of_several_layers_and_of_the_picture_itself(small):
    objective = channel("one", 1) + channel("two", 2) - direction("classes", np.ones(5))
    assert climb(small, objective, pixels(1, 24), jitter=0).values.shape == (3, 1)
    functional = keras.Model(small.inputs, small.outputs)
    name = functional.layers[0].name
    dark = Objective((name,), lambda maps: -tf.reduce_mean(maps[name], axis=(1, 2, 3)))
    found = climb(functional, dark, pixels(1, 24), steps=20, jitter=0)
    assert found.pictures.mean() < 100


@pytest.fixture
def bar(monkeypatch):
    """``bar(stop)``: a bar that is interrupted before this step."""

    def interrupt(stop):
        def steps(places, **_):
            for k, place in enumerate(places):
                if k == stop:
                    raise KeyboardInterrupt
                yield place

        monkeypatch.setattr(tqdm.auto, "tqdm", steps)

    return interrupt


def test_stopping_keeps_the_best_so_far(small, bar, capsys):
    start, goal = pixels(2, 24), channel("two", [0, 1])
    whole = climb(small, goal, start, steps=4, jitter=4)
    bar(4)
    stopped = climb(small, goal, start, steps=9, jitter=4, seed=0)
    assert "stopped after 4 of 9 steps" in capsys.readouterr().out
    assert len(stopped.values) == 4 and len(whole.values) == 4
    assert stopped.pictures.shape == (2, 24, 24, 3)
    bar(0)
    nothing = climb(small, goal, start, steps=9, jitter=4)
    pictures = start.picture(start.numbers).numpy() * 255
    assert np.abs(nothing.pictures - pictures).max() <= 0.5001, "the start is all there is"


def test_the_best_on_the_way_is_kept_for_each_picture(small):
    """With steps far too long, later pictures are worse than earlier ones."""
    model = keras.Model(small.inputs, small.outputs)
    name, wanted = model.layers[0].name, np.array([0.55, 0.4, 0.62], np.float32)
    goal = Objective(
        (name,), lambda maps: -tf.abs(tf.reduce_mean(maps[name], axis=(1, 2, 3)) - wanted)
    )
    found = climb(model, goal, pixels(3, 24)._replace(rate=4.0), steps=6, jitter=0)
    assert (found.values.max(axis=0) > found.values[-1] + 0.05).all(), "else this shows nothing"
    brightness = found.pictures.mean(axis=(1, 2, 3)) / 255
    assert -np.abs(brightness - wanted) == pytest.approx(found.values.max(axis=0), abs=0.01)


def test_pictures_are_prepared_as_photos_are():
    photo = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), np.uint8)
    found = visualization.to_vgg16(tf.constant(photo / 255, tf.float32))
    assert np.allclose(found, images.prepare(photo), atol=1e-3)


# Pictures made beforehand


@pytest.fixture
def folder(tmp_path, monkeypatch, small):
    """Two pictures of layer "two", made for ``small``, each with a black rim."""
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)
    squares = [np.pad(np.full((10, 10), gray, np.uint8), 3) for gray in (40, 200)]
    Image.fromarray(np.hstack(squares)).save(gallery.sheet("two"), lossless=True)
    about = {"weights": gallery.fingerprint(small), "side": 16, "jitter": 6}
    about["channels"] = {"two": [4, 6]}
    (tmp_path / "made.json").write_text(json.dumps(about))
    return tmp_path


def test_pictures_made_beforehand_are_found_by_layer_and_channel(folder, small):
    (found,) = gallery.made(small).values()
    assert {channel: int(picture.mean()) for channel, picture in found.items()} == {4: 40, 6: 200}
    assert found[4].shape == (10, 10, 3), "the rim is cut off"
    assert gallery.pictures(small, ["two"], [6])["two"][6].mean() == 200
    assert [*gallery.pictures(small, ["two"])["two"]] == [4, 6]


def test_other_weights_get_none_of_them(folder, small):
    own = small.get_weights()
    small.set_weights([array * 1.01 for array in own])
    try:
        assert gallery.made(small) == {}
    finally:
        small.set_weights(own)
    assert gallery.made(small)


def test_what_is_lacking_is_made_now(folder, small):
    how = {"steps": 2, "prepare": as_it_is, "progress": False}
    found = gallery.pictures(small, ["one", "two"], [1, 4], **how)
    assert {layer: [*found[layer]] for layer in found} == {"one": [1, 4], "two": [1, 4]}
    assert found["two"][4].shape == (64, 64, 3)
    assert gallery.pictures(small, ["two"], [1], jitter=60, **how)["two"][1].shape[1] == 64
    with pytest.raises(ValueError, match="no channel 8 in two"):
        gallery.pictures(small, ["two"], [8], **how)


def test_the_bundled_pictures_are_of_the_bundled_weights(vgg16):
    found = gallery.made(vgg16)
    assert len(found) == 13 and all([*one] == list(range(24)) for one in found.values())
    files = [path.stat().st_size for path in gallery.FOLDER.iterdir()]
    assert sum(files) <= 6_000_000
    some = found["block4_conv1"]
    assert all(picture.std() > 10 for picture in some.values()), "none is empty"
