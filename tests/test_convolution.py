"""OpenCV's partial sums are Keras's feature maps, for any convolution there is."""

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from helpers import activations, convolution, layers
from helpers.quiet import keras

sizes = st.integers(1, 11)


@st.composite
def convolutions(draw):
    """A random convolution, its inputs and one of its filters."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    stride = draw(st.sampled_from([(1, 1), (2, 2), (1, 3), (3, 2), (4, 1)]))
    dilation = draw(st.sampled_from([(1, 1), (2, 2), (1, 3)])) if stride == (1, 1) else (1, 1)
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = draw(st.sampled_from(["same", "valid"]))
    rows, cols = draw(sizes), draw(sizes)
    if padding == "valid":
        reaches = [(n - 1) * gap + 1 for n, gap in zip(kernel, dilation, strict=True)]
        assume(rows >= reaches[0] and cols >= reaches[1])
    layer = keras.layers.Conv2D(
        groups * draw(st.integers(1, 2)),
        kernel,
        strides=stride,
        padding=padding,
        dilation_rate=dilation,
        groups=groups,
        use_bias=draw(st.booleans()),
        kernel_initializer="zeros",
        activation=draw(st.sampled_from([None, "relu", "tanh", "leaky_relu"])),
    )
    inputs = np.empty((1, rows, cols, groups * draw(st.integers(1, 3))), np.float32)
    layer.build(inputs.shape)
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    layer.set_weights([random.normal(size=w.shape) for w in layer.weights])
    inputs[:] = random.normal(size=inputs.shape)
    return layer, inputs, draw(st.integers(0, layer.filters - 1)), random


@given(convolutions())
@settings(max_examples=80, deadline=None)
def test_decomposition_is_what_keras_computes(case):
    layer, inputs, index, random = case
    maps = np.asarray(layer(inputs))[0, :, :, index]
    apart = convolution.decompose(layer, inputs, index)
    np.testing.assert_allclose(apart.activation, maps, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(apart.partials.sum(-1), apart.total, rtol=1e-4, atol=1e-4)
    assert apart.partials.shape == (*maps.shape, layer.kernel.shape[2])
    assert apart.partials.dtype == apart.total.dtype == apart.activation.dtype == np.float32
    assert apart.bias == (float(layer.bias[index]) if layer.use_bias else 0)
    work = np.abs(apart.partials).mean(axis=(0, 1))
    np.testing.assert_allclose(apart.shares * work.sum(), work, rtol=1e-4, atol=1e-6)
    assert apart.shares.sum() == pytest.approx(1) or not apart.shares.any()
    assert sorted(apart.by_share) == list(range(apart.partials.shape[-1]))

    row, col = random.integers(maps.shape[0]), random.integers(maps.shape[1])
    probe = convolution.probe(layer, inputs[0], index, row, col)
    assert probe.activation == pytest.approx(maps[row, col], rel=1e-4, abs=1e-4)
    np.testing.assert_allclose(probe.sums, apart.partials[row, col], rtol=1e-4, atol=1e-4)
    assert not probe.patch[~probe.inside].any()
    np.testing.assert_allclose(probe.products, probe.patch * probe.kernel)


def test_a_kernel_large_enough_for_opencv_to_go_by_fourier_transform():
    layer = keras.layers.Conv2D(2, 13, padding="same")
    inputs = np.random.default_rng(0).normal(size=(1, 40, 30, 3)).astype(np.float32)
    maps = np.asarray(layer(inputs))
    found = convolution.decompose(layer, inputs, 1).activation
    np.testing.assert_allclose(found, maps[0, :, :, 1], atol=1e-4)


def test_decompose_leaves_its_inputs_alone(vgg16, batch):
    before = batch.copy()
    convolution.decompose(vgg16.get_layer("block1_conv1"), batch, 0)
    np.testing.assert_array_equal(batch, before)


@pytest.fixture(scope="module")
def inputs(vgg16, batch):
    return activations.feature_maps(vgg16, batch, what="input")


def test_two_dozen_filters_of_vgg16_on_a_photo(vgg16, inputs, maps):
    random = np.random.default_rng(16)
    names = list(maps)
    for name in [*names, *random.choice(names, 13)]:
        layer = vgg16.get_layer(name)
        index = int(random.integers(layer.filters))
        apart = convolution.decompose(layer, inputs[name], index)
        difference = np.abs(apart.activation - maps[name][0, :, :, index]).max()
        size = np.abs(apart.total + apart.bias).max()
        assert difference < 1e-4 * size, (name, index)


def test_the_inputs_of_each_layer_in_one_pass(vgg16, batch, inputs, maps):
    assert list(inputs) == [layer.name for layer in layers.conv_layers(vgg16)]
    np.testing.assert_array_equal(inputs["block1_conv1"], batch)
    np.testing.assert_allclose(inputs["block1_conv2"], maps["block1_conv1"], atol=1e-4)
    for name in ("block1_conv1", "block2_conv1"):
        (single,) = activations.feature_maps(vgg16, batch, name, "input").values()
        np.testing.assert_allclose(single, inputs[name], atol=1e-4)


def test_the_strongest_channels_come_first():
    partials = np.dstack([np.full((4, 5), n, np.float32) for n in (1, -4, 0, 3)])
    total = partials.sum(-1)
    apart = convolution.Decomposition(partials, total, 0.0, np.maximum(total, 0))
    np.testing.assert_allclose(apart.shares, [1 / 8, 1 / 2, 0, 3 / 8])
    assert apart.by_share.tolist() == [1, 3, 0, 2]


def test_the_padding_under_a_kernel_is_counted():
    layer = keras.layers.Conv2D(1, 3, padding="same")
    layer.build((None, 5, 6, 2))
    inputs = np.ones((5, 6, 2))
    counted = [convolution.probe(layer, inputs, 0, *at).padding for at in ((0, 0), (0, 2), (2, 2))]
    assert counted == [5 * 2, 3 * 2, 0]


def test_a_dilation_may_differ_by_axis():
    layer = keras.layers.Conv2D(2, 3, dilation_rate=(1, 2))
    inputs = np.random.default_rng(0).normal(size=(1, 8, 9, 3)).astype(np.float32)
    maps = np.asarray(layer(inputs))
    found = convolution.probe(layer, inputs, 1, 4, 3)
    np.testing.assert_array_equal(found.patch, inputs[0, 4:7, 3:8:2])
    assert found.activation == pytest.approx(maps[0, 4, 3, 1], rel=1e-4, abs=1e-5)
    apart = convolution.decompose(layer, inputs, 1)
    np.testing.assert_allclose(apart.activation, maps[0, ..., 1], rtol=1e-4, atol=1e-5)


def test_shares_of_a_filter_that_sees_nothing():
    layer = keras.layers.Conv2D(1, 3)
    layer.build((None, 5, 5, 2))
    assert convolution.decompose(layer, np.zeros((5, 5, 2)), 0).shares.tolist() == [0, 0]


def _one_sentence(error):
    words = str(error.value)
    assert "\n" not in words
    assert len(words) < 220


def test_bad_input_is_refused_in_one_sentence(vgg16, batch):
    layer = vgg16.get_layer("block1_conv1")
    unbuilt = keras.layers.Conv2D(1, 3, name="fresh")
    softmax = keras.layers.Conv2D(2, 1, activation="softmax")
    softmax.build((None, 4, 4, 3))
    large = keras.layers.Conv2D(1, 5, name="large")
    large.build((None, 9, 9, 3))
    damaged = batch.copy()
    damaged[0, 5, 5, 1] = np.nan
    cases = [
        ((vgg16.get_layer("block1_pool"), batch, 0), "MaxPooling2D"),
        (("block1_conv1", batch, 0), "'block1_conv1' is a str"),
        ((unbuilt, batch, 0), "'fresh' is not built yet"),
        ((softmax, batch[:, :4, :4], 0), "softmax"),
        ((large, batch[:, :3, :9], 0), "reaches over 5 pixels"),
        ((layer, batch, 64), "filters 0 to 63"),
        ((layer, batch, -1), "filters 0 to 63"),
        ((layer, batch, 1.5), "filters 0 to 63"),
        ((layer, batch[..., :2], 0), "takes inputs of the shape"),
        ((layer, batch[0, :, :, 0], 0), "takes inputs of the shape"),
        ((layer, np.concatenate([batch, batch]), 0), "takes inputs of the shape"),
        ((layer, damaged, 0), "NaN or infinity"),
    ]
    for arguments, words in cases:
        with pytest.raises(ValueError, match=words) as error:
            convolution.decompose(*arguments)
        _one_sentence(error)
    for place, words in (((224, 0), "rows 0 to 223"), ((0, -1), "columns 0 to 223")):
        with pytest.raises(ValueError, match=words) as error:
            convolution.probe(layer, batch, 0, *place)
        _one_sentence(error)


def test_other_bad_input_is_refused_too(vgg16, batch):
    for wrong in (batch[0], batch[:, :100]):
        with pytest.raises(ValueError, match="takes a batch of the shape") as error:
            activations.feature_maps(vgg16, wrong, what="input")
        _one_sentence(error)
    dense = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="no convolutions"):
        activations.feature_maps(dense, np.zeros((1, 4)), what="input")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda batch: batch.astype(np.uint8), "float batches, not uint8; prepare the photo"),
        (lambda batch: batch * np.nan, "NaN or infinity"),
        (lambda batch: batch[:, :100], "takes a batch of the shape"),
        (lambda batch: batch[:0], "takes a batch of the shape"),
    ],
)
def test_a_batch_that_is_none_is_refused(vgg16, batch, spoil, words):
    for ask in (
        lambda wrong: activations.feature_maps(vgg16, wrong, what="input"),
        lambda wrong: activations.feature_maps(vgg16, wrong, "block1_conv1", "input"),
    ):
        with pytest.raises(ValueError, match=words):
            ask(spoil(batch))
