"""Lesson 02: filter and map shapes, the filter bank, names that mislead, the exercises."""

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import filters, layers, plots, widgets
from helpers.exercises import lesson_02
from helpers.plots import panels
from helpers.plots.panels import Label, Path
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


def _kernel(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _slices(bank, rows, cols, columns, count):
    """The tiles of a bank's grid, (count, rows, cols), found where something is drawn."""
    shown = bank.array != panels.NOTHING
    tops = np.flatnonzero(np.diff(shown.any(axis=1).astype(int), prepend=0) == 1)
    lefts = np.flatnonzero(np.diff(shown.any(axis=0).astype(int), prepend=0) == 1)
    assert len(lefts) == columns
    corners = [(top, left) for top in tops for left in lefts][:count]
    return np.array([bank.array[top : top + rows, left : left + cols] for top, left in corners])


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 40), st.integers(1, 70)),
    st.data(),
)
def test_any_bank_fits_its_picture(shape, data):
    chosen = data.draw(st.integers(0, shape[-1] - 1))
    picture = plots.filter_boxes(_kernel(shape), "some_layer", chosen)
    bank, one = picture.every()
    assert len({mark.words for mark in bank.marks if isinstance(mark, Label)}) == shape[-1]
    assert [*bank.clicks.values["number"]] == [*range(shape[-1])]
    points = np.concatenate([mark.points for mark in one.marks if isinstance(mark, Path)])
    assert points.min() >= 0
    assert (points.max(axis=0) <= one.shape).all()


@pytest.mark.parametrize(
    ("shape", "columns"), [((3, 3, 3, 64), 8), ((3, 3, 64, 128), 16), ((3, 3, 128, 512), 32)]
)
def test_the_grid_shows_the_weights_for_channel_0(shape, columns):
    kernel = _kernel(shape)
    bank, _ = plots.filter_boxes(kernel, "some_layer").every()
    limit = np.sort(np.abs(kernel).ravel())[int(np.ceil(0.97 * kernel.size)) - 1]
    expected = np.clip(kernel[:, :, 0] / limit, -1, 1) * 127 + 127
    found = _slices(bank, 3, 3, columns, shape[-1])
    np.testing.assert_allclose(found, expected.transpose(2, 0, 1), atol=0.51)
    words = f"{limit:#.2g}"
    assert bank.scale == ("RdBu_r", f"≤ −{words}", f"≥ +{words}", "weight 0", "")


def test_filters_are_numbered_along_the_rows_of_the_grid():
    small, _ = plots.filter_boxes(_kernel((3, 3, 3, 64)), "few").every()
    labels = [mark for mark in small.marks if isinstance(mark, Label)]
    assert [label.words for label in labels] == [str(number) for number in range(64)]
    large, _ = plots.filter_boxes(_kernel((3, 3, 3, 512)), "many").every()
    assert [*large.left.values()] == [str(number) for number in range(0, 512, 32)]
    np.testing.assert_allclose([*large.left], (np.arange(16) + 0.5) * len(large.array) / 16)


@pytest.mark.parametrize("count", [64, 128, 512])
def test_the_frame_is_around_the_chosen_filter(count):
    kernel = np.zeros((3, 3, 3, count), np.float32)
    for number in (0, 17, count - 1):
        kernel[:] = -1
        kernel[..., number] = 1
        bank, _ = plots.filter_boxes(kernel, "one_red", number).every()
        (frame,) = (mark for mark in bank.marks if isinstance(mark, Path) and mark.halo)
        (top, left), (bottom, right) = np.min(frame.points, 0), np.max(frame.points, 0)
        assert (bank.array[top:bottom, left:right] == 254).all()
        assert (bank.array == 254).sum() == 9


def _cells(panel):
    """The cells of a box: their colors, RGB, and their points, in the order they are drawn."""
    paths = [mark for mark in panel.marks if isinstance(mark, Path)]
    colors = [tuple(bytes.fromhex(path.fill[1:])) for path in paths]
    return np.array(colors), np.array([path.points for path in paths])


def test_the_enlarged_filter_is_a_box_of_its_weights():
    kernel = _kernel((2, 3, 4, 5))
    _, one = plots.filter_boxes(kernel, "some_layer", 3).every()
    colors, points = _cells(one)
    box = kernel[..., 3]
    weights = [*box[:, :, 0].ravel(), *box[0].T.ravel(), *box[:, -1].ravel()]
    shades = np.repeat([1, 0.93, 0.82], [6, 12, 8])
    limit = filters.ranges(kernel).limit
    palette = matplotlib.colormaps["RdBu_r"](np.clip(np.array(weights) / limit, -1, 1) / 2 + 0.5)
    np.testing.assert_allclose(colors, palette[:, :3] * 255 * shades[:, None], atol=4)
    front, right = points[:6], points[18:]
    cell = np.ptp(front[0], axis=0)
    assert cell[0] == pytest.approx(cell[1])  # all directions have one scale
    back = right[..., 1].max() - front[..., 1].max()
    assert back == pytest.approx(4 * 0.54 * cell[0])
    words = [mark.words for mark in one.marks if isinstance(mark, Label)]
    assert words == ["2 rows", "3 cols", "4 channels"]


def test_a_deep_filter_shows_its_first_and_last_slices():
    kernel = _kernel((3, 3, 64, 2))
    _, one = plots.filter_boxes(kernel, "deep", 1, limit=1.0).every()
    colors, _ = _cells(one)
    assert len(colors) == (9 + 2 * 3 * 2) + (9 + 2 * 3 * 6)  # fronts, and tops and sides
    palette = matplotlib.colormaps["RdBu_r"]
    for cells, channel in ((colors[:9], 62), (colors[21:30], 0)):  # the back is drawn first
        weights = kernel[:, :, channel, 1].ravel()
        expected = palette(np.clip(weights, -1, 1) / 2 + 0.5)[:, :3] * 255
        np.testing.assert_allclose(cells, expected, atol=4)
    words = [mark.words for mark in one.marks if isinstance(mark, Label)]
    assert words == ["•", "•", "•", "3 rows", "3 cols", "64 channels"]


def test_the_words_count_weights_and_parameters():
    kernel = _kernel((3, 3, 64, 128))
    _, one = plots.filter_boxes(kernel, "some_layer", 7).every()
    assert one.title == "filter 7"
    assert one.note == "3 × 3 × 64 = 576 weights + 1 bias\nall: 128 × 577 = 73,856 parameters"
    _, one = plots.filter_boxes(kernel, "some_layer", 7, biases=False).every()
    assert one.note == "3 × 3 × 64 = 576 weights, no bias\nall: 128 × 576 = 73,728 parameters"
    _, one = plots.filter_boxes(_kernel((1, 1, 1, 1)), "tiny").every()
    words = [mark.words for mark in one.marks if isinstance(mark, Label)]
    assert words == ["1 row", "1 col", "1 channel"]


@pytest.mark.parametrize(
    ("kernel", "complaint"),
    [
        (np.zeros((3, 3, 3)), "shape"),
        (np.full((3, 3, 3, 4), np.nan), "NaN"),
    ],
)
def test_no_bank_of_anything_else(kernel, complaint):
    with pytest.raises(ValueError, match=complaint):
        plots.filter_boxes(kernel, "wrong")


def test_no_filter_outside_the_bank():
    for wrong in (-1, 8):
        with pytest.raises(ValueError, match="filters 0 to 7"):
            plots.filter_boxes(_kernel((3, 3, 3, 8)), "some_layer", wrong)


def test_the_figure_has_its_size_and_leaves_the_kernel_alone(vgg16):
    kernel, _ = layers.kernel_and_bias(vgg16.get_layer("block1_conv1"))
    before = kernel.copy()
    width, height = plots.filter_boxes(kernel, "block1_conv1", chosen=5).figure().get_size_inches()
    assert 8 < width < 10 and 6 < height < 7
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


def test_picture_and_caption_follow_the_sliders(explorer, vgg16):
    layer, number = explorer.controls["layer"], explorer.controls["number"]
    layer.value, number.value = "block1_conv1", 63
    picture = explorer.picture
    one = layers.kernel_and_bias(vgg16.get_layer("block1_conv1"))[0][..., 63]
    assert picture.caption == (
        "Layer block1_conv1: a bank of 64 filters, each a box of 3 rows × 3 cols × 3 channels. "
        "Filter 63 is framed and enlarged; its 27 weights lie between "
        f"{one.min():.2g} and {one.max():.2g}.".replace("-", "−")
    )
    bank, enlarged = picture.every()
    assert bank.title == "block1_conv1: slice 0 of all 64 filters"
    assert enlarged.title == "filter 63"
    layer.value = "block4_conv2"
    assert "3 rows × 3 cols × 512 channels" in explorer.picture.caption
    assert explorer.picture.every()[0].clicks.cols == 32


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
