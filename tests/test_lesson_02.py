"""Lesson 02: filter and map shapes, the filter bank, other networks' layers, the exercises."""

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

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


def test_the_tables_are_exact(vgg16):
    found = []
    for index, layer in enumerate(vgg16.layers):
        if isinstance(layer, keras.layers.Conv2D):
            kernel, biases = layer.get_weights()
            assert biases.shape == kernel.shape[3:]
            _, side, cols, count = layer.output.shape
            assert (cols, count) == (side, kernel.shape[3])
            found.append((index, layer.name, kernel.shape, side, layer.count_params()))
    assert found == TABLE
    for *_, (rows, cols, depth, count), _, parameters in TABLE:
        assert rows * cols * depth * count + count == parameters
    assert sum(row[-1] for row in TABLE) == vgg16.count_params() == 14_714_688


def test_what_the_lesson_says_of_other_networks(others):
    resnet, mobilenet = others
    assert sum("conv" in layer.name for layer in resnet.layers) == 172
    assert sum("conv" in layer.name for layer in mobilenet.layers) == 5
    convolutions = [layers.conv_layers(network) for network in others]
    assert [len(found) for found in convolutions] == [53, 35]
    assert sum("conv" in layer.name for layer in convolutions[1]) == 1
    assert sum(layer.name.endswith("_0_conv") for layer in convolutions[0]) == 4  # on shortcuts
    assert all(layer.use_bias for layer in convolutions[0])
    assert sum(layer.filters for layer in convolutions[0]) == 26_560
    assert not any(layer.use_bias for layer in convolutions[1])
    depthwise = [x for x in mobilenet.layers if isinstance(x, keras.layers.DepthwiseConv2D)]
    assert len(depthwise) == 17 and not set(depthwise) & set(convolutions[1])
    for network, found in zip(others, convolutions, strict=True):
        norms = [x for x in network.layers if isinstance(x, keras.layers.BatchNormalization)]
        assert {id(layer.output) for layer in found} <= {id(norm.input) for norm in norms}
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
    assert one.title.startswith(f"filter {chosen}: ")
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
    assert bank.scale == ("BrBG_r", f"≤ −{words}", f"≥ +{words}", "weight 0", "")


def test_filters_are_numbered_along_the_rows_of_the_grid():
    small, _ = plots.filter_boxes(_kernel((3, 3, 3, 64)), "few").every()
    labels = [mark for mark in small.marks if isinstance(mark, Label)]
    assert [label.words for label in labels] == [str(number) for number in range(64)]
    large, _ = plots.filter_boxes(_kernel((3, 3, 3, 512)), "many").every()
    assert [*large.left.values()] == [str(number) for number in range(0, 512, 32)]
    middles = (np.arange(16) + 0.5) * len(large.array) / 16
    np.testing.assert_allclose([*large.left], middles, atol=1)  # of the array's rows


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
    palette = matplotlib.colormaps["BrBG_r"](np.clip(np.array(weights) / limit, -1, 1) / 2 + 0.5)
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
    assert len(colors) == (9 + 2 * 3 * 2) + (9 + 2 * 3 * 4)  # fronts, and tops and sides
    palette = matplotlib.colormaps["BrBG_r"]
    for cells, channel in ((colors[:9], 62), (colors[21:30], 0)):  # the back is drawn first
        weights = kernel[:, :, channel, 1].ravel()
        expected = palette(np.clip(weights, -1, 1) / 2 + 0.5)[:, :3] * 255
        np.testing.assert_allclose(cells, expected, atol=4)
    words = [mark.words for mark in one.marks if isinstance(mark, Label)]
    assert words == ["•", "•", "•", "3 rows", "3 cols", "64 channels"]


def test_the_words_count_weights():
    _, one = plots.filter_boxes(_kernel((3, 3, 64, 128)), "some_layer", 7).every()
    assert one.title == "filter 7: 3 × 3 × 64 = 576 weights"
    _, one = plots.filter_boxes(_kernel((1, 1, 1, 1)), "tiny").every()
    words = [mark.words for mark in one.marks if isinstance(mark, Label)]
    assert words == ["1 row", "1 col", "1 channel"]


@pytest.mark.parametrize("depth", [3, 64, 512])
def test_the_enlarged_filter_fills_its_panel(depth):
    _, one = plots.filter_boxes(_kernel((3, 3, depth, 64)), "some_layer").every()
    points = np.concatenate([mark.points for mark in one.marks if isinstance(mark, Path)])
    high, wide = np.ptp(points, axis=0)
    assert wide > 0.75 * one.shape[1]
    assert high > 0.85 * one.shape[0]


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
    for limit, low in ((0.5, "−0.50"), (0.001, "≤ −0.0010")):  # is there a weight beyond it?
        bank, _ = plots.filter_boxes(kernel, "block1_conv1", 5, limit=limit).every()
        assert bank.scale.low == low
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
        "block1_conv1, filter 63 of 64: 3 × 3 × 3 = 27 weights between "
        f"{one.min():.2g} and {one.max():.2g}.".replace("-", "−")
    )
    bank, enlarged = picture.every()
    assert bank.title == "block1_conv1: slice 0 of all 64 filters"
    assert enlarged.title == "filter 63: 3 × 3 × 3 = 27 weights"
    layer.value = "block4_conv2"
    assert "3 × 3 × 512 = 4,608 weights" in explorer.picture.caption
    assert explorer.picture.every()[0].clicks.cols == 32


def test_no_explorer_without_convolutions():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="flat")
    with pytest.raises(ValueError, match="flat has no convolution"):
        widgets.filter_bank(model)


@pytest.mark.parametrize(
    ("answer", "right", "word"),
    [
        (None, None, "Replace None"),
        (5 * 5 * 256 + 1, True, "6,400 weights and 1 bias"),
        ("6,401", True, "256 channels"),
        (np.int64(6401), True, "256 channels"),
        (6400, False, "added once"),
        (32 * 6401, False, "whole layer, which"),
        (26 * 256, False, "added once"),
        (6400 + 32, False, "has one"),
        (32 * 6400, False, "layer's kernel"),
        (9 * 256 + 1, False, "not 3 × 3"),
        (25 * 32 + 1, False, "how many filters"),
        (76, False, "first layer"),
        (26, False, "single channel"),
        (25 * 512 + 1, False, "leave block 4"),
        (7000, False, "How many rows, columns and channels"),
        ("many", False, "one number"),
    ],
)
def test_a_new_layer(vgg16, answer, right, word):
    judgement = lesson_02.new_layer(answer, vgg16)
    assert judgement.right is right
    assert word in judgement.reason


@pytest.mark.parametrize("number", range(12))
def test_which_map(vgg16, number):
    names, shape = lesson_02.four_layers(number, vgg16)
    assert sorted(names) == [f"block{n}_conv1" for n in (1, 2, 3, 4)]
    layer = next(x for x in layers.conv_layers(vgg16) if tuple(x.kernel.shape) == shape)
    truth, side = names.index(layer.name) + 1, layer.output.shape[1]
    for form in (truth, str(truth), float(truth)):
        assert lesson_02.which_map(form, number, vgg16).right
    for wrong in {1, 2, 3, 4} - {truth}:
        judgement = lesson_02.which_map(wrong, number, vgg16)
        seen = vgg16.get_layer(names[wrong - 1]).output.shape[1]
        assert judgement.right is False and f"Map {wrong} is {seen} × {seen}" in judgement.reason
        assert f"{side} × {side}" not in judgement.reason  # what is right is not given away
    for wrong, word in ((side, "its size"), (0, "1, 2, 3 or 4"), (5, "1, 2, 3"), ("a", "number")):
        judgement = lesson_02.which_map(wrong, number, vgg16)
        assert judgement.right is False and word in judgement.reason
    assert lesson_02.which_map(None, number, vgg16).right is None


def test_any_number_draws_maps_and_many_orders(vgg16):
    assert len({tuple(lesson_02.four_layers(n, vgg16)[0]) for n in range(500)}) == 24
    assert len({lesson_02.four_layers(n, vgg16)[1] for n in range(99)}) == 4
    assert lesson_02.four_layers(-7.0, vgg16) == lesson_02.four_layers(7, vgg16)


def _fold(kernel, bias, gamma, beta, mean, variance):
    scale = gamma / np.sqrt(variance + 0.001)
    return kernel * scale, (bias - mean) * scale + beta


def test_folding_answers_as_both_layers_do():
    draw = np.random.default_rng(0)
    norm = keras.layers.BatchNormalization()
    stack = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), norm])
    gamma, beta, mean = draw.normal(size=(3, 4))
    norm.set_weights([gamma, beta, mean, draw.uniform(0.1, 2, 4)])
    kernel, bias = stack.layers[0].get_weights()
    folded, biases = _fold(kernel, bias, *norm.get_weights())
    batch = draw.normal(size=(2, 8, 8, 3)).astype(np.float32)
    expected = keras.ops.conv(batch, folded.astype(np.float32)) + biases
    np.testing.assert_allclose(stack(batch), expected, atol=1e-4)
    assert norm.epsilon == lesson_02.EPSILON


def _in_float32(*arrays):
    return tuple(np.float32(part) for part in _fold(*(np.float32(array) for array in arrays)))


def _slow(k, b, g, be, m, v):
    scale = g / (v + 0.001) ** 0.5
    return [np.stack([k[..., f] * scale[f] for f in range(len(b))], -1), be + scale * (b - m)]


def _changing(k, b, g, be, m, v):
    k *= g / np.sqrt(v + 0.001)
    return k, (b - m) * g / np.sqrt(v + 0.001) + be


def _no_epsilon(k, b, g, be, m, v):
    return k * g / np.sqrt(v), (b - m) * g / np.sqrt(v) + be


def _no_root(k, b, g, be, m, v):
    return k * g / (v + 0.001), (b - m) * g / (v + 0.001) + be


def _no_gamma(k, b, g, be, m, v):
    return _fold(k, b, 1, be, m, v)


def _wrong_axis(k, b, g, be, m, v):
    return k * (g / np.sqrt(v + 0.001))[:, None], _fold(k, b, g, be, m, v)[1]


@pytest.mark.parametrize(
    ("answer", "right", "word"),
    [
        (None, None, "Fill in"),
        (lambda *a: None, None, "Fill in"),
        (_fold, True, "both layers"),
        (_in_float32, True, "both layers"),
        (_slow, True, "both layers"),
        (_no_epsilon, False, "Where is ε"),
        (_no_root, False, "root of variance"),
        (
            lambda k, b, g, be, m, v: _fold(k, b, g, be, m, (v**0.5 + 0.001) ** 2 - 0.001),
            False,
            "before its root",
        ),
        (lambda k, b, g, be, m, v: _fold(k, b, g, be, 0, v), False, "Where is the mean"),
        (_no_gamma, False, "Where is γ"),
        (_wrong_axis, False, "last axis"),
        (_changing, False, "changes what it was given"),
        (lambda k, *a: (k, _fold(k, *a)[1]), False, "The kernel is scaled"),
        (lambda k, b, *a: (_fold(k, b, *a)[0], _fold(k, 0, *a)[1] + b), False, "scaled as well"),
        (lambda k, b, *a: _fold(k, 0 * b, *a), False, "old bias?"),
        (
            lambda k, b, g, be, m, v: (
                _fold(k, b, g, be, m, v)[0],
                _fold(k, b, g, be, 0, v)[1] - m,
            ),
            False,
            "The mean is subtracted before",
        ),
        (lambda k, b, g, be, m, v: _fold(k, b, g, be, -m, v), False, "not added"),
        (lambda k, b, g, be, m, v: _fold(k, b, g, 0, m, v), False, "Where is β"),
        (lambda k, b, g, be, m, v: _fold(k, b + be, g, 0, m, v), False, "β is added after"),
        (lambda *a: _fold(*a)[::-1], False, "return two arrays"),
        (lambda *a: _fold(*a)[0], False, "return two arrays"),
        (lambda *a: 3, False, "return two arrays"),
        (lambda *a: print(_fold(*a)[1]), False, "prints its answer"),
        (lambda k, *a: (2 * k, 2 * a[0]), False, "other numbers"),
        (7, False, "a function"),
    ],
)
def test_folding_is_judged(vgg16, answer, right, word):
    judgement = lesson_02.fold(answer, vgg16)
    assert judgement.right is right, judgement
    assert word in judgement.reason
