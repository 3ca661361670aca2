"""Feature maps are Keras's, come in one pass, and are summed up rightly."""

import logging

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from helpers import activations
from helpers.quiet import keras

small_maps = arrays(
    np.float32,
    st.tuples(st.integers(3, 5), st.integers(3, 5), st.integers(1, 6)),
    elements=st.sampled_from([0.0, 0.0, 0.5, 3.0]),
)


def two_layers(shape=(8, 8, 1)):
    photo = keras.Input(shape)
    first = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name="first")(photo)
    pooled = keras.layers.MaxPooling2D(name="pool")(first)
    return keras.Model(photo, keras.layers.Conv2D(3, 3, padding="same", name="second")(pooled))


def test_maps_are_keras_own(vgg16, batch, maps):
    wanted = keras.Model(vgg16.input, vgg16.get_layer("block3_conv2").output)(batch).numpy()
    assert len(maps) == 13
    assert maps["block3_conv2"].dtype == np.float32
    np.testing.assert_allclose(maps["block3_conv2"], wanted, rtol=1e-4, atol=1e-4)


def test_layers_come_in_the_order_asked_for_by_name_or_index(vgg16, batch):
    found = activations.feature_maps(vgg16, batch, [17, "block1_pool", np.int64(2)])
    assert list(found) == ["block5_conv3", "block1_pool", "block1_conv2"]
    assert list(activations.feature_maps(vgg16, batch, "block1_conv1")) == ["block1_conv1"]
    assert list(activations.feature_maps(vgg16, batch, np.int64(1))) == ["block1_conv1"]


def test_the_second_call_traces_nothing():
    class Counting(keras.layers.Layer):
        runs = 0

        def call(self, inputs):
            Counting.runs += 1
            return inputs * 1

    photo = keras.Input((None, None, 1))
    counting = Counting(name="counting")
    model = keras.Model(photo, keras.layers.Conv2D(1, 1)(counting(photo)))
    activations.feature_maps(model, np.ones((1, 8, 8, 1)), "counting")
    runs = Counting.runs
    for shape in ((1, 8, 8, 1), (3, 8, 8, 1), (1, 9, 6, 1)):
        found = activations.feature_maps(model, np.ones(shape), "counting")
        assert found["counting"].shape == shape
    assert Counting.runs == runs


def test_many_choices_of_layers_bring_no_warning(caplog):
    with caplog.at_level(logging.WARNING):
        for number in range(12):
            model = two_layers((8 + 2 * number, 8, 1))
            activations.feature_maps(model, np.ones((1, 8 + 2 * number, 8, 1)))
    assert not caplog.records


def test_new_weights_show_at_once():
    model = two_layers()
    batch = np.ones((1, 8, 8, 1), np.float32)
    activations.feature_maps(model, batch, "second")
    model.get_layer("second").set_weights([np.zeros((3, 3, 2, 3)), np.array([1.0, 2.0, 3.0])])
    found = activations.feature_maps(model, batch, "second")["second"]
    assert (found == [1, 2, 3]).all()


def test_half_precision_comes_back_as_float32():
    photo = keras.Input((4, 4, 1))
    model = keras.Model(photo, keras.layers.Conv2D(1, 1, dtype="mixed_bfloat16")(photo))
    (found,) = activations.feature_maps(model, np.ones((1, 4, 4, 1))).values()
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("batch", "layers", "words"),
    [
        (np.ones((8, 8, 1)), None, r"\(any, 8, 8, 1\), not \(8, 8, 1\)"),
        (np.ones((1, 9, 8, 1)), None, r"not \(1, 9, 8, 1\)"),
        (np.ones((0, 8, 8, 1)), None, r"not \(0, 8, 8, 1\)"),
        (np.ones((1, 8, 8, 1), np.uint8), None, "prepare the photo first"),
        (np.full((1, 8, 8, 1), np.nan), None, "NaN or infinity"),
        (np.full((1, 8, 8, 1), 1e300), None, "NaN or infinity"),
        (np.ones((1, 8, 8, 1)), [], "no layers chosen"),
        (np.ones((1, 8, 8, 1)), "third", "no layer 'third'"),
        (np.ones((1, 8, 8, 1)), 17, "no layer 17"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(batch, layers, words):
    with pytest.raises(ValueError, match=words):
        activations.feature_maps(two_layers(), batch, layers)


def test_a_photo_too_small_for_the_pools_is_refused():
    photo = tensor = keras.Input((None, None, 1))
    for _ in range(3):
        tensor = keras.layers.MaxPooling2D()(keras.layers.Conv2D(1, 3, padding="same")(tensor))
    model = keras.Model(photo, keras.layers.Conv2D(1, 3, padding="same")(tensor))
    assert activations.feature_maps(model, np.ones((1, 8, 8, 1)))
    with pytest.raises(ValueError, match="too small"):
        activations.feature_maps(model, np.ones((1, 4, 4, 1)))


@given(maps=small_maps)
def test_channels_are_ordered_by_mean_and_ties_keep_theirs(maps):
    order = activations.by_activity(maps)
    keys = [(-maps[:, :, channel].mean(dtype=np.float64), channel) for channel in order]
    assert keys == sorted(keys)
    assert sorted(order) == list(range(maps.shape[-1]))


@given(maps=small_maps)
def test_one_map_is_summed_up_number_by_number(maps):
    plane = maps[:, :, 0]
    found = activations.one_map(plane)
    numbers = [(float(n), row, col) for row, line in enumerate(plane) for col, n in enumerate(line)]
    largest = max(number for number, _, _ in numbers)
    assert found.largest == largest
    assert (found.row, found.col) == next((r, c) for n, r, c in numbers if n == largest)
    assert found.zeros == pytest.approx(sum(n == 0 for n, _, _ in numbers) / len(numbers))
    assert found.mean == pytest.approx(sum(n for n, _, _ in numbers) / len(numbers))


def photo_of_noise(side=12):
    return np.random.default_rng(0).random((side, side))


def test_zeros_and_dead_channels_are_counted():
    maps = np.maximum(np.random.default_rng(3).normal(size=(6, 5, 9)), 0)
    maps[..., [2, 7]] = 0
    zeros = activations.sparsity(maps)
    assert zeros.shape == (maps.shape[-1],)
    assert set(activations.dead_channels(maps)) == {2, 7}
    assert zeros == pytest.approx([(maps[..., c] == 0).sum() / 30 for c in range(9)])
