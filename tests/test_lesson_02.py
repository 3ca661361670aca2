"""Lesson 02: filter and map shapes, the filter bank, names that mislead, the exercises."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import layers, plots, widgets
from helpers.exercises import lesson_02
from helpers.plots import canvas, filter_bank
from helpers.quiet import keras

# index, name, filters, rows and cols of the maps, parameters
TABLE = [
    (1, "block1_conv1", (3, 3, 3, 64), 224, 1_792),
    (2, "block1_conv2", (3, 3, 64, 64), 224, 36_928),
    (4, "block2_conv1", (3, 3, 64, 128), 112, 73_856),
    (5, "block2_conv2", (3, 3, 128, 128), 112, 147_584),
    (7, "block3_conv1", (3, 3, 128, 256), 56, 295_168),
    (8, "block3_conv2", (3, 3, 256, 256), 56, 590_080),
    (9, "block3_conv3", (3, 3, 256, 256), 56, 590_080),
    (11, "block4_conv1", (3, 3, 256, 512), 28, 1_180_160),
    (12, "block4_conv2", (3, 3, 512, 512), 28, 2_359_808),
    (13, "block4_conv3", (3, 3, 512, 512), 28, 2_359_808),
    (15, "block5_conv1", (3, 3, 512, 512), 14, 2_359_808),
    (16, "block5_conv2", (3, 3, 512, 512), 14, 2_359_808),
    (17, "block5_conv3", (3, 3, 512, 512), 14, 2_359_808),
]


@pytest.fixture(scope="module")
def explorer(vgg16):
    return widgets.filter_bank(vgg16)


@pytest.fixture(scope="module")
def others():
    """ResNet50 and MobileNetV2, described without weights."""
    with keras.StatelessScope(initialize_variables=False):
        return [
            keras.applications.ResNet50(weights=None),
            keras.applications.MobileNetV2(weights=None),
        ]


def _picture(explorer):
    return cv2.imdecode(np.frombuffer(explorer.picture.value, np.uint8), cv2.IMREAD_COLOR)


def test_the_filter_table_is_exact(vgg16):
    assert layers.filter_shapes(vgg16) == [(name, shape) for _, name, shape, _, _ in TABLE]


def test_the_feature_map_table_is_exact(vgg16):
    assert layers.feature_map_shapes(vgg16) == [
        (index, name, (None, side, side, shape[-1])) for index, name, shape, side, _ in TABLE
    ]


def test_the_parameter_formula_holds_in_every_row(vgg16):
    for _, name, shape, _, parameters in TABLE:
        assert layers.conv_parameters(*shape) == parameters
        assert vgg16.get_layer(name).count_params() == parameters
    assert sum(row[-1] for row in TABLE) == vgg16.count_params() == 14_714_688


def test_names_mislead_and_the_helper_is_not_misled(others):
    resnet, mobilenet = others
    assert sum("conv" in layer.name for layer in resnet.layers) == 172
    assert len(layers.conv_layers(resnet)) == 53
    assert sum("conv" in layer.name for layer in mobilenet.layers) == 5
    convolutions = layers.conv_layers(mobilenet)
    assert len(convolutions) == 35
    assert not any(layer.use_bias for layer in convolutions)
    for network in others:
        for layer in layers.conv_layers(network):
            shape = tuple(layer.kernel.shape)
            assert layer.count_params() == layers.conv_parameters(*shape, bias=layer.use_bias)
    # ResNet50 and MobileNetV2 as their papers count them: 3.8 and 0.3 billion multiply-adds
    work = [sum(cost.multiply_adds for cost in layers.layer_costs(model)) for model in others]
    assert [round(count / 1e9, 1) for count in work] == [3.9, 0.3]


def test_a_missing_bias_is_zeros():
    layer = keras.layers.Conv2D(4, 3, use_bias=False)
    keras.Sequential([keras.Input((8, 8, 2)), layer])
    kernel, bias = layers.kernel_and_bias(layer)
    assert kernel.shape == (3, 3, 2, 4)
    np.testing.assert_array_equal(bias, np.zeros(4))


def _bank(shape, seed=0):
    kernel = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return kernel, filter_bank.draw_bank(kernel, "some_layer")


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 40), st.integers(1, 70)),
    st.data(),
)
def test_any_bank_fits_its_picture(shape, data):
    _, bank = _bank(shape)
    chosen = data.draw(st.integers(0, shape[-1] - 1))
    picture = filter_bank.chosen_filter(bank, chosen)
    assert picture.shape == (668, 960, 3)
    assert picture.dtype == np.uint8
    line, column = divmod(chosen, bank.columns)
    left = bank.corner[0] + column * bank.pitch[0]
    top = bank.corner[1] + line * bank.pitch[1]
    assert left >= 0 and left + bank.front[0] <= 960
    assert top >= 40 and top + bank.front[1] <= 495
    # nothing is cut off at the sides
    assert (bank.picture[45:490, [0, -1]] == 255).all()


@pytest.mark.parametrize("shape", [(3, 3, 3, 64), (3, 3, 64, 128)])
def test_fronts_show_the_weights_for_channel_0(shape):
    kernel, bank = _bank(shape)
    cell = bank.front[0] / shape[1]
    for number in (0, 9, shape[-1] - 1):
        colors = canvas.signed(kernel[:, :, 0, number], bank.limit).astype(int)
        line, column = divmod(number, bank.columns)
        for row in range(3):
            for col in range(3):
                x = bank.corner[0] + column * bank.pitch[0] + (col + 0.5) * cell
                y = bank.corner[1] + line * bank.pitch[1] + (row + 0.5) * cell
                shown = bank.picture[int(y), int(x)].astype(int)
                assert np.abs(shown - colors[row, col]).max() < 60, (number, row, col)


def test_deep_banks_show_every_channel_on_their_sides():
    kernel = np.full((3, 3, 64, 64), -1, np.float32)
    kernel[:, :, 32:] = 1  # blue in front, red behind
    bank = filter_bank.draw_bank(kernel, "two_halves")
    right = bank.corner[0] + 7 * bank.pitch[0] + bank.front[0]
    cell = bank.front[0] / 3
    middle = bank.corner[1] + bank.front[1] / 2
    for channel, red_wins in ((8, False), (56, True)):
        x, y = np.array([right, middle]) + channel * cell * filter_bank.boxes.AWAY
        side = bank.picture[int(y), int(x)].astype(int)
        assert (side[0] > side[2]) == red_wins
        x, y = np.array([bank.corner[0] + 60, bank.corner[1]]) + channel * cell * (
            filter_bank.boxes.AWAY
        )
        top = bank.picture[int(y), int(x)].astype(int)
        assert (top[0] > top[2]) == red_wins


def test_a_bank_is_numbered_along_its_rows():
    kernel = np.zeros((3, 3, 64, 64), np.float32)
    kernel[..., 10] = 1
    bank = filter_bank.draw_bank(kernel, "one_red")
    front = bank.picture[
        int(bank.corner[1]) : int(bank.corner[1] + 8 * bank.pitch[1]),
        int(bank.corner[0]) : int(bank.corner[0] + 8 * bank.pitch[0]),
    ].astype(int)
    red = np.argwhere(front[..., 0] - front[..., 2] > 60).mean(axis=0)
    assert red[0] == pytest.approx(1.4 * bank.pitch[1], rel=0.1)
    assert red[1] == pytest.approx(2.4 * bank.pitch[0], rel=0.1)


@pytest.mark.parametrize("shape", [(3, 3, 3, 64), (3, 3, 64, 128)])
def test_the_frame_is_around_the_chosen_filter(shape):
    _, bank = _bank(shape)
    for number in (0, 17, shape[-1] - 1):
        yellow = (filter_bank.chosen_filter(bank, number) == (255, 214, 0)).all(axis=-1)
        y, x = np.argwhere(yellow).mean(axis=0)
        line, column = divmod(number, bank.columns)
        wide, tall = bank.front
        assert x == pytest.approx(bank.corner[0] + column * bank.pitch[0] + wide / 2, abs=2)
        assert y == pytest.approx(bank.corner[1] + line * bank.pitch[1] + tall / 2, abs=2)


@pytest.mark.parametrize(
    ("kernel", "complaint"),
    [
        (np.zeros((3, 3, 3)), "shape"),
        (np.full((3, 3, 3, 4), np.nan), "NaN"),
    ],
)
def test_no_bank_of_anything_else(kernel, complaint):
    with pytest.raises(ValueError, match=complaint):
        filter_bank.draw_bank(kernel, "wrong")


def test_no_filter_outside_the_bank():
    _, bank = _bank((3, 3, 3, 8))
    for wrong in (-1, 8):
        with pytest.raises(ValueError, match="filters 0 to 7"):
            filter_bank.chosen_filter(bank, wrong)


def test_the_figure_has_its_size(vgg16):
    kernel, _ = layers.kernel_and_bias(vgg16.get_layer("block1_conv1"))
    before = kernel.copy()
    figure = plots.filter_boxes(kernel, "block1_conv1", chosen=5)
    np.testing.assert_allclose(figure.get_size_inches(), (9.6, 6.68))
    np.testing.assert_array_equal(kernel, before)


def test_every_layer_and_filter_can_be_shown(explorer, sweep):
    assert list(explorer.controls["layer"].options) == [row[1] for row in TABLE]
    assert sweep(explorer) > 20


def test_ranges_follow_the_layer(explorer):
    layer, number = explorer.controls["layer"], explorer.controls["number"]
    layer.value = "block5_conv3"
    assert number.max == 511
    number.value = 511
    layer.value = "block1_conv1"
    assert (number.max, number.value) == (63, 63)


def test_picture_and_caption_follow_the_sliders(explorer):
    layer, number = explorer.controls["layer"], explorer.controls["number"]
    layer.value, number.value = "block1_conv1", 0
    first, words = _picture(explorer), explorer.caption.value
    assert "64 filters, each a box of 3 rows × 3 cols × 3 channels" in words
    number.value = 63
    second = _picture(explorer)
    assert "Filter 63" in explorer.caption.value
    assert second.shape == first.shape
    assert (first != second).any(axis=-1).mean() > 0.005
    layer.value = "block4_conv2"
    assert "3 rows × 3 cols × 512 channels" in explorer.caption.value
    assert (_picture(explorer) != second).any(axis=-1).mean() > 0.2


def test_no_explorer_without_convolutions():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="flat")
    with pytest.raises(ValueError, match="flat has no convolution"):
        widgets.filter_bank(model)


@pytest.mark.parametrize(
    ("exercise", "answer", "right", "word"),
    [
        ("depth", None, None, "Replace None"),
        ("depth", 256, True, "256 deep"),
        ("depth", 512, False, "next layer's"),
        ("depth", 3, False, "rows or columns"),
        ("depth", 128, False, "how many leave"),
        ("depth", 64, False, "too small"),
        ("numbers_in_a_filter", None, None, "Replace None"),
        ("numbers_in_a_filter", 577, True, "73,856"),
        ("numbers_in_a_filter", 576, False, "added once"),
        ("numbers_in_a_filter", 9, False, "one slice"),
        ("numbers_in_a_filter", 73_856, False, "whole layer"),
        ("numbers_in_a_filter", 1_153, False, "how deep"),
        ("filters_for_grey", None, None, "Replace None"),
        ("filters_for_grey", "only the first layer's", True, "3 × 3 × 1"),
        ("filters_for_grey", "no layer's", False, "nothing to look at"),
        ("filters_for_grey", "every layer's", False, "does their number change"),
        ("filters_for_grey", 1, False, "one of"),
    ],
)
def test_the_exercises_judge(vgg16, exercise, answer, right, word):
    judgement = getattr(lesson_02, exercise)(answer, vgg16)
    assert judgement.right is right
    assert word in repr(judgement)
