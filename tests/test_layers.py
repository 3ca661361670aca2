"""What a model is made of: the tables of SPEC.md exactly, and odd models besides."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from helpers import layers, models
from helpers.quiet import keras

# index, layer, filters (rows, cols, in, out), feature map, parameters
VGG16 = [
    (1, "block1_conv1", (3, 3, 3, 64), (None, 224, 224, 64), 1_792),
    (2, "block1_conv2", (3, 3, 64, 64), (None, 224, 224, 64), 36_928),
    (4, "block2_conv1", (3, 3, 64, 128), (None, 112, 112, 128), 73_856),
    (5, "block2_conv2", (3, 3, 128, 128), (None, 112, 112, 128), 147_584),
    (7, "block3_conv1", (3, 3, 128, 256), (None, 56, 56, 256), 295_168),
    (8, "block3_conv2", (3, 3, 256, 256), (None, 56, 56, 256), 590_080),
    (9, "block3_conv3", (3, 3, 256, 256), (None, 56, 56, 256), 590_080),
    (11, "block4_conv1", (3, 3, 256, 512), (None, 28, 28, 512), 1_180_160),
    (12, "block4_conv2", (3, 3, 512, 512), (None, 28, 28, 512), 2_359_808),
    (13, "block4_conv3", (3, 3, 512, 512), (None, 28, 28, 512), 2_359_808),
    (15, "block5_conv1", (3, 3, 512, 512), (None, 14, 14, 512), 2_359_808),
    (16, "block5_conv2", (3, 3, 512, 512), (None, 14, 14, 512), 2_359_808),
    (17, "block5_conv3", (3, 3, 512, 512), (None, 14, 14, 512), 2_359_808),
]


def described(build):
    """A big network's shapes, without its weights."""
    with keras.StatelessScope(initialize_variables=False):
        return build(weights=None)


@pytest.fixture(scope="module")
def odd():
    """No bias, depthwise, grouped, dilated, transposed, and a name that lies."""
    stack = [
        keras.Input((20, 24, 4)),
        keras.layers.Conv2D(6, (3, 5), strides=2, use_bias=False, name="plain"),
        keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="deep"),
        keras.layers.Conv2D(8, 3, groups=2, padding="same", name="grouped"),
        keras.layers.Conv2D(5, 2, dilation_rate=2, name="dilated"),
        keras.layers.Conv2DTranspose(3, 2, strides=2, name="wider"),
        keras.layers.SeparableConv2D(2, 1, name="separable"),
        keras.layers.ReLU(name="conv_relu"),
    ]
    return keras.Sequential(stack, name="odd")


@pytest.fixture(scope="module")
def unbuilt():
    return keras.Sequential([keras.layers.Conv2D(3, 3, name="first")], name="unbuilt")


# The tables -------------------------------------------------------------------------------------


def test_the_table_of_vgg16(vgg16):
    assert [layer.name for layer in layers.conv_layers(vgg16)] == [row[1] for row in VGG16]
    assert [tuple(layer.kernel.shape) for layer in layers.conv_layers(vgg16)] == [
        row[2] for row in VGG16
    ]
    costs = layers.layer_costs(vgg16)
    assert [
        (c.index, c.name, c.output_shape, c.parameters) for c in costs if c.kind == "Conv2D"
    ] == [(index, name, shape, parameters) for index, name, _, shape, parameters in VGG16]
    for _, _, (rows, cols, channels_in, filters), _, parameters in VGG16:
        assert rows * cols * channels_in * filters + filters == parameters


def test_every_layer_of_the_whole_network():
    costs = layers.layer_costs(models.describe_vgg16())
    assert [cost.index for cost in costs] == list(range(23))
    assert costs[0][2:] == ("InputLayer", (None, 224, 224, 3), 0, 0)
    assert [c.index for c in costs if c.kind == "MaxPooling2D"] == [3, 6, 10, 14, 18]
    assert costs[18].output_shape == (None, 7, 7, 512)
    assert [cost.parameters for cost in costs[-4:]] == [0, 102_764_544, 16_781_312, 4_097_000]
    assert sum(cost.parameters for cost in costs) == 138_357_544
    assert sum(cost.parameters > 0 for cost in costs) == 16
    # Known from the literature: about 15.5 billion, nearly all in the convolutions.
    assert sum(cost.multiply_adds for cost in costs) == 15_470_264_320
    assert costs[1].multiply_adds == 224 * 224 * 64 * 27
    assert costs[20].multiply_adds == 25_088 * 4_096


def test_the_cat_dog_network():
    model = models.cat_dog_network()
    costs = layers.layer_costs(model)
    assert [(c.index, c.name, c.output_shape) for c in costs if c.kind == "Conv2D"] == [
        (0, "conv1", (None, 148, 148, 32)),
        (2, "conv2", (None, 72, 72, 64)),
        (4, "conv3", (None, 34, 34, 128)),
        (6, "conv4", (None, 15, 15, 128)),
    ]
    assert sum(cost.parameters for cost in costs) == 3_453_121


def test_resnet50_has_53_convolutions():
    model = described(keras.applications.ResNet50)
    assert len(layers.conv_layers(model)) == 53
    assert sum("conv" in layer.name for layer in model.layers) == 172


def test_mobilenet_v2_has_no_biases():
    model = described(keras.applications.MobileNetV2)
    convolutions = layers.conv_layers(model)
    assert convolutions
    assert all(layer.bias is None for layer in convolutions)
    # Its paper states 300 million multiply-adds (Sandler et al. 2018, table 4).
    assert sum(c.multiply_adds for c in layers.layer_costs(model)) == pytest.approx(300e6, rel=0.01)


# Odd models -------------------------------------------------------------------------------------


def test_only_real_convolutions(odd):
    assert [layer.name for layer in layers.conv_layers(odd)] == ["plain", "grouped", "dilated"]
    assert layers.output_shape(layers.conv_layers(odd)[0]) == (None, 9, 10, 6)


def test_multiply_adds_of_odd_layers(odd):
    count = {cost.name: cost.multiply_adds for cost in layers.layer_costs(odd)}
    assert count["plain"] == 9 * 10 * 6 * 3 * 5 * 4
    assert count["deep"] == 7 * 8 * 12 * 3 * 3
    assert count["grouped"] == 7 * 8 * 8 * 3 * 3 * 6
    assert count["wider"] == 5 * 6 * 5 * 2 * 2 * 3  # each of 5 × 6 × 5 numbers, 2 × 2 × 3 times
    assert count["separable"] == 10 * 12 * 3 * 1 * 1 + 10 * 12 * 2 * 3
    assert count["conv_relu"] == 0


def test_a_layer_without_bias(odd):
    kernel, bias = layers.kernel_and_bias(odd.get_layer("plain"))
    assert kernel.shape == (3, 5, 4, 6)
    assert kernel.dtype == bias.dtype == np.float32
    np.testing.assert_array_equal(bias, np.zeros(6))


def test_a_depthwise_layer_has_filters_of_one_slice(odd):
    layer = layers.find_conv(odd, "deep")
    kernel, bias = layers.kernel_and_bias(layer)
    assert kernel.shape == (3, 3, 1, 12)
    assert bias.shape == (12,)
    for number in range(12):  # over the first channel, over the first again, over the second, …
        wanted = np.asarray(layer.kernel)[:, :, number // 2, number % 2]
        np.testing.assert_array_equal(kernel[:, :, 0, number], wanted)


def test_a_layer_with_bias(vgg16):
    layer = vgg16.get_layer("block2_conv1")
    for found, expected in zip(layers.kernel_and_bias(layer), layer.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["wider", "separable", "conv_relu"])
def test_layers_without_filters(odd, name):
    with pytest.raises(ValueError, match="and has no filters; odd's convolutions are plain, deep"):
        layers.find_conv(odd, name)
    with pytest.raises(ValueError, match=f"layer '{name}' is a .* and has no filters"):
        layers.kernel_and_bias(odd.get_layer(name))


def test_a_described_network_has_no_weights_to_read():
    with pytest.raises(ValueError, match="'block1_conv1' was only described"):
        layers.kernel_and_bias(models.describe_vgg16().layers[1])


def test_a_sequential_without_input(unbuilt):
    for function in (layers.layer_costs, layers.model_input):
        with pytest.raises(ValueError, match=r"build .*with keras\.Input first"):
            function(unbuilt)
    with pytest.raises(ValueError, match="'first' is not built yet"):
        layers.kernel_and_bias(unbuilt.layers[0])


def test_the_input_of_both_kinds_of_model(vgg16, odd):
    assert layers.model_input(vgg16).shape == (None, 224, 224, 3)
    assert layers.model_input(odd).shape == (None, 20, 24, 4)
    one, two = keras.Input((2,)), keras.Input((2,))
    double = keras.Model([one, two], keras.layers.Add()([one, two]), name="double")
    with pytest.raises(ValueError, match="double has 2 inputs; only models with one"):
        layers.model_input(double)


@pytest.mark.parametrize("what, before", [("output", [0, 1]), ("input", [None, 0])])
def test_a_sub_model_hands_on_what_the_layers_answer_or_take(odd, what, before):
    batch = np.random.default_rng(0).normal(size=(2, 20, 24, 4)).astype(np.float32)
    found = layers.sub_model(odd, ["plain", 1], what)(batch)
    assert list(found) == ["plain", "deep"]
    stages = {None: batch, 0: odd.layers[0](batch)}
    stages[1] = odd.layers[1](stages[0])
    for answer, stage in zip(found.values(), before, strict=True):
        np.testing.assert_allclose(answer, stages[stage], atol=1e-5)
    with pytest.raises(ValueError, match="no layer 'none'"):
        layers.sub_model(odd, ["none"])


def test_costs_need_a_size():
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3, name="any")])
    assert layers.output_shape(model.layers[0]) == (None, None, None, 2)
    with pytest.raises(ValueError, match="multiply-adds of 'any' depend on the photo's size"):
        layers.layer_costs(model)


# Finding ----------------------------------------------------------------------------------------


def test_find_by_name_and_by_index(vgg16):
    for index, name, *_ in VGG16:
        for key in (name, index, np.int64(index), index - 19):
            assert layers.find(vgg16, key) is layers.find_conv(vgg16, key) is vgg16.layers[index]
    assert layers.find(vgg16, "block5_pool") is vgg16.layers[-1]


def test_unknown_layers(vgg16):
    with pytest.raises(ValueError) as caught:
        layers.find_conv(vgg16, "block9_conv1")
    assert str(caught.value) == "no layer 'block9_conv1'; vgg16 has block1_conv1 … block5_conv3"
    for index in (19, -20, 10**30):
        with pytest.raises(ValueError, match=f"no layer {index}; vgg16 has layers 0 to 18"):
            layers.find(vgg16, index)
    for key in (None, 1.0, True, "", ("block1_conv1",), b"block1_conv1"):
        with pytest.raises(ValueError, match=r"no layer .*; vgg16 has .* … block5_pool"):
            layers.find(vgg16, key)


def test_a_layer_without_filters_names_those_that_have(vgg16):
    for key in ("block1_pool", 3):
        with pytest.raises(ValueError) as caught:
            layers.find_conv(vgg16, key)
        assert str(caught.value) == (
            "layer 'block1_pool' is a MaxPooling2D, not a Conv2D, and has no filters; "
            "vgg16's convolutions are block1_conv1 … block5_conv3"
        )


def test_a_model_without_convolutions():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")], name="plain")
    assert layers.conv_layers(model) == []
    with pytest.raises(ValueError, match="plain's convolutions are none"):
        layers.find_conv(model, "d")


def test_short_lists_are_given_in_full(odd):
    with pytest.raises(ValueError, match=r"odd has plain, deep, grouped, dilated$"):
        layers.find_conv(odd, "nothing")


@given(count=st.integers(1, 512), index=st.integers(-600, 600))
@settings(deadline=None)
def test_check_index(count, index):
    if 0 <= index < count:
        for kind in (int, np.int64, float):
            checked = layers.check_index(kind(index), count, "filter", "block1_conv1")
            assert checked == index
            assert type(checked) is int
    else:
        with pytest.raises(
            ValueError, match=f"no filter {index} in b1; it has filters 0 to {count - 1}"
        ):
            layers.check_index(index, count, "filter", "b1")


@pytest.mark.parametrize("index", [None, "3", 1.5, math.nan, math.inf, True, [1], np.arange(2)])
def test_no_index_at_all(index):
    with pytest.raises(ValueError, match="it has channels 0 to 63"):
        layers.check_index(index, 64, "channel", "block1_conv1")


@given(
    rows=st.integers(1, 4),
    cols=st.integers(1, 4),
    channels=st.integers(1, 5),
    filters=st.integers(1, 5),
    stride=st.integers(1, 3),
    bias=st.booleans(),
    padding=st.sampled_from(["valid", "same"]),
)
@settings(max_examples=15, deadline=None)
def test_arithmetic_agrees_with_keras(rows, cols, channels, filters, stride, bias, padding):
    layer = keras.layers.Conv2D(
        filters, (rows, cols), strides=stride, use_bias=bias, padding=padding
    )
    model = keras.Sequential([keras.Input((9, 11, channels)), layer])
    (cost,) = layers.layer_costs(model)
    assert cost.parameters == layer.count_params()
    assert cost.parameters == rows * cols * channels * filters + filters * bias
    map_rows, map_cols = np.asarray(model(np.zeros((1, 9, 11, channels)))).shape[1:3]
    assert cost.multiply_adds == map_rows * map_cols * filters * rows * cols * channels
