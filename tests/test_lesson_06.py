"""Lesson 06: the cat–dog network, its maps in rows, its explorer and its exercises."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from helpers import activations, images, layers, models, plots, widgets
from helpers.exercises import lesson_06 as exercises
from helpers.plots import representations as pictures
from helpers.receptive_field import ReceptiveField

NAMES = [f"{kind}{number}" for number in (1, 2, 3, 4) for kind in ("conv", "pool")]


@pytest.fixture(scope="module")
def network():
    return models.load_cat_dog()


@pytest.fixture(scope="module")
def photos():
    return {name: images.load_photo(name, (150, 150)) for name in ("chelsea", "rocket")}


@pytest.fixture(scope="module")
def cat_maps(network, photos):
    batch = images.scale_to_one(photos["chelsea"])
    return {name: maps[0] for name, maps in activations.feature_maps(network, batch, NAMES).items()}


@pytest.fixture(scope="module")
def explorer(network, photos):
    return widgets.representations(network, photos, NAMES)


# The network


def test_the_network_is_exactly_the_tutorials(network):
    assert network.count_params() == 3_453_121
    sides = [148, 74, 72, 36, 34, 17, 15, 7]
    channels = [32, 32, 64, 64, 128, 128, 128, 128]
    shapes = [layers.output_shape(network.get_layer(name))[1:] for name in NAMES]
    assert shapes == [(side, side, count) for side, count in zip(sides, channels, strict=True)]
    assert layers.output_shape(network.get_layer("flatten")) == (None, 6272)
    assert [layer.name for layer in network.layers[-2:]] == ["dense1", "dog"]
    assert models.weights_used(network) == "bundled"


def test_bundled_weights_are_trained_and_random_ones_are_not(network, photos):
    again = models.load_cat_dog("random")
    kernel = layers.kernel_and_bias(again.get_layer("conv1"))[0]
    assert not np.allclose(kernel, layers.kernel_and_bias(network.get_layer("conv1"))[0])
    assert np.allclose(
        kernel, layers.kernel_and_bias(models.load_cat_dog("random").get_layer("conv1"))[0]
    )
    dog = float(network.predict_on_batch(images.scale_to_one(photos["chelsea"]))[0, 0])
    assert dog < 0.5  # the cat


def test_weights_of_another_network_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        models.load_cat_dog(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", **{"conv1/kernel": np.zeros((3, 3, 3, 5))})
    with pytest.raises(ValueError, match="conv1"):
        models.load_cat_dog(tmp_path / "other.npz")
    (tmp_path / "bad.npz").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="damaged"):
        models.load_cat_dog(tmp_path / "bad.npz")


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8)])
def test_scaling_takes_uint8_photos_only(wrong):
    with pytest.raises(ValueError, match="scale_to_one"):
        images.scale_to_one(wrong)


def test_scaling_keeps_the_photo_and_its_order():
    photo = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_allclose(images.scale_to_one(photo), [[[[0, 0.2, 1]]]], rtol=1e-6)
    assert photo[0, 0, 2] == 255


# Standardizing


@settings(max_examples=40, deadline=None)
@given(
    level=st.floats(-1e6, 1e6, width=32),
    seed=st.integers(0, 99),
    rows=st.integers(1, 9),
    cols=st.integers(1, 9),
)
def test_standardizing_survives_dead_and_flat_channels(level, seed, rows, cols):
    maps = np.random.default_rng(seed).normal(size=(rows, cols, 3)).astype(np.float32)
    maps[:, :, 0], maps[:, :, 1] = 0, level
    with np.errstate(all="raise"):
        found = pictures.standardized(maps)
    assert found.dtype == np.uint8 and found.shape == maps.shape
    assert np.all(found[:, :, :2] == 128)


def test_standardizing_puts_the_mean_at_128_and_a_deviation_at_64_levels():
    maps = np.array([1.0, 3.0, 1.0, 3.0], np.float32).reshape(2, 2, 1)
    assert pictures.standardized(maps).ravel().tolist() == [64, 192, 64, 192]
    assert np.array_equal(pictures.standardized(maps), pictures.standardized(maps * 1e-6))


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.full((2, 2, 1), np.nan)])
def test_standardizing_refuses_what_has_no_mean(wrong):
    with pytest.raises(ValueError, match="maps"):
        pictures.standardized(wrong)


# Pictures


def test_every_figure_is_a_figure_of_a_projectors_width(network, photos, cat_maps):
    figures = [
        plots.layer_rows(cat_maps),
        plots.layer_rows(cat_maps, channels=10),
        plots.same_map_scaled(cat_maps["conv3"], [0, 1, 2, 3, 4, 5], "conv3"),
        plots.emptiness(activations.statistics(cat_maps)),
        plots.verdicts({str(n): photos["rocket"] for n in range(6)}, np.linspace(0, 1, 6)),
        plots.chosen_channel(network, photos["chelsea"], cat_maps["conv3"], "conv3", 3),
    ]
    for figure in figures:
        assert isinstance(figure, Figure)
        assert 900 <= figure.get_size_inches()[0] * 100 <= 1030


def test_dead_channels_are_crossed_out():
    maps = np.random.default_rng(0).random((9, 9, 4)).astype(np.float32)
    maps[:, :, 2] = 0
    tiles = pictures._tiles(maps, "standardized", 40)
    assert len(np.unique(tiles[2].reshape(-1, 3), axis=0)) < 20  # greys of a cross, no colors
    assert np.ptp(tiles[2].astype(int), axis=-1).max() == 0
    assert tiles[2].diagonal().min() > tiles[2].min()
    assert min(np.ptp(tiles[n].astype(int), axis=-1).max() for n in (0, 1, 3)) > 100


def test_light_falls_on_the_middle_of_a_units_field():
    chosen = np.zeros((7, 7), np.float32)
    chosen[2, 4] = 1
    field = ReceptiveField((46, 46), (16, 16), (0, 0))
    photo = np.full((150, 150, 3), 200, np.uint8)
    light = pictures.laid_over(photo, chosen, field, 150)[:, :, 0].astype(int)
    rows, cols = np.nonzero(light > light.min() + 50)
    top, left, bottom, right = field.box(2, 4)
    assert (rows.min() + rows.max() + 1) / 2 == pytest.approx((top + bottom) / 2, abs=1)
    assert (cols.min() + cols.max() + 1) / 2 == pytest.approx((left + right) / 2, abs=1)
    assert rows.max() - rows.min() + 1 == 16


@pytest.mark.parametrize("channels", [1, 3, 32, 64, 96, 128, 512])
def test_a_strip_holds_all_channels(channels):
    maps = np.random.default_rng(0).random((5, 5, channels)).astype(np.float32)
    assert pictures.strip_of(maps, "standardized").shape == (120, 960, 3)


# The explorer


def test_the_explorer_answers_everywhere(explorer, sweep):
    assert sweep(explorer) > 60


def test_the_explorer_follows_its_controls(explorer):
    for name, value in (
        ("layer", "conv1"),
        ("channel", 0),
        ("photo", "chelsea"),
        ("scale", "standardized"),
    ):
        explorer.controls[name].value = value
    seen = set()
    for name, value in (
        ("layer", "conv3"),
        ("channel", 77),
        ("photo", "rocket"),
        ("scale", "shared"),
    ):
        seen.add(bytes(explorer.picture.value))
        explorer.controls[name].value = value
        assert bytes(explorer.picture.value) not in seen
    assert "conv3, channel 77 of 0 to 127, on rocket: 34 × 34 numbers" in explorer.caption.value


def test_the_explorers_channels_follow_the_layer(explorer):
    explorer.controls["layer"].value = "conv4"
    explorer.controls["channel"].value = 127
    explorer.controls["layer"].value = "conv1"
    assert explorer.controls["channel"].max == explorer.controls["channel"].value == 31


def test_the_explorers_picture_keeps_its_size(explorer):
    sizes = set()
    for layer in NAMES:
        explorer.controls["layer"].value = layer
        encoded = np.frombuffer(explorer.picture.value, np.uint8)
        sizes.add(cv2.imdecode(encoded, cv2.IMREAD_COLOR).shape)
    assert len(sizes) == 1


def test_a_dead_channels_caption_says_so():
    from helpers.widgets.representations import _caption

    assert "nothing in this photo" in _caption("x", "conv1", 0, np.zeros((3, 3, 2), np.float32))


# Exercises


def test_numbers_in_a_map(network):
    assert exercises.numbers_in_map(None, network).right is None
    assert exercises.numbers_in_map(34 * 34 * 128, network).right
    assert "one of conv3's maps" in exercises.numbers_in_map(34 * 34, network).reason
    assert "has learned" in exercises.numbers_in_map(73_856, network).reason


def test_the_heaviest_layer(network):
    assert exercises.heaviest_layer(None, network).right is None
    right = exercises.heaviest_layer("dense1", network)
    assert right.right and "93%" in right.reason
    assert exercises.heaviest_layer("conv4", network).right is False
    assert "one of" in exercises.heaviest_layer("pool4", network).reason


def test_brightness_must_survive_a_dead_channel():
    def naive(value, mean, spread):
        return min(max((value - mean) / spread * 64 + 128, 0), 255)

    def safe(value, mean, spread):
        return naive(value, mean, spread) if spread > 0 else 128

    assert exercises.brightness(lambda value, mean, spread: None).right is None
    assert exercises.brightness(safe).right
    wrong = exercises.brightness(naive)
    assert wrong.right is False and "ZeroDivisionError" in wrong.reason
    assert exercises.brightness(lambda v, m, s: (v - m) / (s or 1) * 64 + 128).right is False
