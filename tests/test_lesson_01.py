"""Lesson 01: the network described, counted, drawn to scale, and its exercises."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from helpers import layers, models, plots, widgets
from helpers.exercises import lesson_01
from helpers.plots import boxes, network
from helpers.plots.panels import YELLOW, Label, Path
from helpers.quiet import keras

# index, name, output shape, parameters: VGG16 as published
VGG16 = [
    (0, "input_layer", (224, 224, 3), 0),
    (1, "block1_conv1", (224, 224, 64), 1_792),
    (2, "block1_conv2", (224, 224, 64), 36_928),
    (3, "block1_pool", (112, 112, 64), 0),
    (4, "block2_conv1", (112, 112, 128), 73_856),
    (5, "block2_conv2", (112, 112, 128), 147_584),
    (6, "block2_pool", (56, 56, 128), 0),
    (7, "block3_conv1", (56, 56, 256), 295_168),
    (8, "block3_conv2", (56, 56, 256), 590_080),
    (9, "block3_conv3", (56, 56, 256), 590_080),
    (10, "block3_pool", (28, 28, 256), 0),
    (11, "block4_conv1", (28, 28, 512), 1_180_160),
    (12, "block4_conv2", (28, 28, 512), 2_359_808),
    (13, "block4_conv3", (28, 28, 512), 2_359_808),
    (14, "block4_pool", (14, 14, 512), 0),
    (15, "block5_conv1", (14, 14, 512), 2_359_808),
    (16, "block5_conv2", (14, 14, 512), 2_359_808),
    (17, "block5_conv3", (14, 14, 512), 2_359_808),
    (18, "block5_pool", (7, 7, 512), 0),
    (19, "flatten", (25_088,), 0),
    (20, "fc1", (4_096,), 102_764_544),
    (21, "fc2", (4_096,), 16_781_312),
    (22, "predictions", (1_000,), 4_097_000),
]


@pytest.fixture(scope="module")
def full():
    return models.describe_vgg16()


@pytest.fixture(scope="module")
def costs(full):
    return layers.layer_costs(full)


@pytest.fixture(scope="module")
def explorer(full):
    return widgets.network(full)


def test_the_whole_table_is_exact(costs):
    found = [(cost.index, cost.name, cost.output_shape[1:], cost.parameters) for cost in costs]
    assert found == VGG16
    assert sum(cost.parameters for cost in costs) == 138_357_544
    assert sum(cost.parameters for cost in costs[:19]) == 14_714_688


def test_sixteen_layers_have_weights(costs):
    kinds = [cost.kind for cost in costs if cost.parameters]
    assert (kinds.count("Conv2D"), kinds.count("Dense"), len(kinds)) == (13, 3, 16)


def test_describing_allocates_no_weights_and_names_stay():
    import psutil

    models.describe_vgg16()
    before = psutil.Process().memory_info().rss
    described = [models.describe_vgg16() for _ in range(2)]
    assert psutil.Process().memory_info().rss - before < 300e6  # one with weights takes 553e6
    assert [model.layers[0].name for model in described] == ["input_layer"] * 2
    assert all(weight._value is None for weight in described[0].weights)


def test_parameters_sit_in_fc1_and_work_in_the_convolutions(costs):
    parameters = {cost.name: cost.parameters for cost in costs}
    work = {cost.name: cost.multiply_adds for cost in costs}
    assert round(parameters["fc1"] / sum(parameters.values()), 3) == 0.743
    assert sum(work.values()) == 15_470_264_320
    assert sum(n for name, n in work.items() if "conv" in name) / sum(work.values()) > 0.99
    assert work["block1_conv1"] == 224 * 224 * 64 * 27
    assert work["fc1"] == 25_088 * 4_096
    assert work["block1_pool"] == work["flatten"] == work["input_layer"] == 0


def _check_formula(formula, truth):
    left, _, right = formula.replace(",", "").partition(" = ")
    assert eval(left.replace("×", "*")) == truth
    assert int(right or left) == truth


def test_the_written_arithmetic_is_true_for_every_layer(full, costs):
    for layer, cost in zip(full.layers, costs, strict=True):
        sums = layers.arithmetic(layer)
        _check_formula(sums.output, math.prod(cost.output_shape[1:]))
        _check_formula(sums.parameters, layer.count_params())
        _check_formula(sums.multiply_adds, cost.multiply_adds)
    assert layers.arithmetic(full.layers[1]) == (
        "224 × 224 × 64 = 3,211,264",
        "3 × 3 × 3 × 64 + 64 = 1,792",
        "224 × 224 × 64 × 3 × 3 × 3 = 86,704,128",
    )


@settings(max_examples=12, deadline=None)
@given(
    rows=st.integers(1, 4),
    cols=st.integers(1, 4),
    depth=st.integers(1, 5),
    filters=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["same", "valid"]),
    bias=st.booleans(),
)
def test_counts_hold_for_any_convolution(rows, cols, depth, filters, stride, padding, bias):
    conv = keras.layers.Conv2D(filters, (rows, cols), stride, padding, use_bias=bias)
    model = keras.Sequential([keras.Input((9, 8, depth)), conv])
    (cost,) = layers.layer_costs(model)
    assert cost.parameters == conv.count_params()
    # a layer of ones on a photo of ones counts its own products where nothing is padded
    if padding == "valid":
        conv.set_weights([np.ones(w.shape) if w.ndim == 4 else 0 * w for w in conv.get_weights()])
        answers = conv(np.ones((1, 9, 8, depth), np.float32))
        assert cost.multiply_adds == np.asarray(answers).sum()
    _check_formula(layers.arithmetic(conv).multiply_adds, cost.multiply_adds)


def test_depthwise_filters_look_at_one_channel():
    layer = keras.layers.DepthwiseConv2D(3, padding="same")
    (cost,) = layers.layer_costs(keras.Sequential([keras.Input((8, 8, 5)), layer]))
    assert cost.multiply_adds == 8 * 8 * 5 * 9


def test_photos_of_any_size_are_refused_in_one_sentence():
    with keras.StatelessScope(initialize_variables=False):
        model = keras.applications.VGG16(
            weights=None, include_top=False, input_shape=(None, None, 3)
        )
    for ask in (layers.layer_costs, widgets.network, lambda m: layers.arithmetic(m.layers[1])):
        with pytest.raises(ValueError, match="fixed input_shape"):
            ask(model)


def test_too_many_layers_are_refused_in_one_sentence(costs):
    with pytest.raises(ValueError, match=r"57 layers .* do not fit on one picture"):
        plots.network_to_scale(costs[:19] * 3)


def _panel(picture):
    (panel,) = picture.every()
    return panel


def _marks(panel, kind):
    return [mark for mark in panel.marks if isinstance(mark, kind)]


def _fronts(panel, color="#5692d6"):
    """The box or bar of each shape of a color: top, left, bottom, right."""
    shapes = [np.array(path.points) for path in _marks(panel, Path) if path.fill == color]
    return [(*shape.min(axis=0), *shape.max(axis=0)) for shape in shapes]


def test_boxes_are_drawn_to_scale(costs):
    panel = _panel(plots.network_to_scale(costs))
    names = {label.words: label for label in _marks(panel, Label) if label.upright}
    assert [*names] == [row[1] for row in VGG16[:19]]
    paths = [np.array(path.points) for path in _marks(panel, Path)]
    for _, name, (rows, cols, channels), _ in VGG16[:19]:
        middle, floor = names[name].col, names[name].row - 26
        front = next(
            k for k, points in enumerate(paths)
            if np.allclose([points[:, 1].mean(), points[:, 0].max()], [middle, floor])
        )  # fmt: skip
        row = 200 / 224  # pixels; 10 channels are as long
        high, wide = np.ptp(paths[front], axis=0)
        assert (high, wide) == pytest.approx((rows * row, max(channels * row / 10, 2)))
        assert np.ptp(paths[front + 2][:, 1]) == pytest.approx(0.54 * cols * row)  # its side
    lefts = [label.col for label in names.values()]
    assert lefts == sorted(lefts) and np.diff(lefts).min() >= 24
    assert all(points.min() >= 0 and points[:, 1].max() <= 1000 for points in paths)
    words = [label.words for label in _marks(panel, Label)]
    assert "One row is drawn as long as 10 channels." in plots.network_to_scale(costs).caption
    assert {"25,088", "4,096", "1,000"} <= {*words}
    shapes = [label.words for label in _marks(panel, Label) if label.bold]
    assert shapes == [
        "224 × 224 × 64", "112 × 112 × 128", "56 × 56 × 256",
        "28 × 28 × 512", "14 × 14 × 512", "7 × 7 × 512",
    ]  # fmt: skip


def test_lists_are_bars_at_the_same_scale(costs):
    panel = _panel(plots.network_to_scale(costs))
    below = next(label.row for label in _marks(panel, Label) if label.words == "19 flatten") - 10
    for color, sizes in (("#bebebe", [25_088]), ("#68b678", [4_096, 4_096, 1_000])):
        bars = [bar for bar in _fronts(panel, color) if bar[0] > below]
        assert all(left == 132 and right <= 932 for _, left, _, right in bars)
        lengths = [right - left for _, left, _, right in bars]
        lengths = [sum(lengths)] if color == "#bebebe" else lengths
        np.testing.assert_allclose(lengths, np.array(sizes) * 20 / 224)


def test_other_chains_fit_on_the_picture_too():
    with keras.StatelessScope(initialize_variables=False):
        cat_dog = models.cat_dog_network()
    costs = layers.layer_costs(cat_dog)
    panel = _panel(plots.network_to_scale(costs))
    points = np.concatenate([path.points for path in _marks(panel, Path)])
    assert points.min() >= 0
    assert (points.max(axis=0) <= panel.shape).all()
    words = [label.words for label in _marks(panel, Label)]
    assert {"148 × 148 × 32", "7 × 7 × 128", "6,272"} <= {*words}
    assert all(cost.name in " ".join(words) for cost in costs)


def test_pictures_have_their_size_and_leave_costs_alone(full, costs):
    before = list(costs)
    for figure in (
        plots.network_to_scale(costs).figure(),
        plots.network_to_scale(costs, 8, layers.arithmetic(full.layers[8])).figure(),
    ):
        width, height = figure.get_size_inches()
        assert 9 < width < 11
        assert 5 < height < 7
    assert costs == before


def test_the_bars_are_parameters_and_work_of_layers_with_weights(costs, cell):
    left, right = cell("01", "plots.bars", costs=costs).every()
    rows = [row for row in VGG16 if row[1].startswith(("fc", "predictions")) or "conv" in row[1]]
    assert len(rows) == 16 and [*left.left.values()] == [row[1] for row in rows]
    for panel, what in ((left, "parameters"), (right, "multiply_adds")):
        numbers = np.array([getattr(cost, what) for cost in costs if cost.parameters], float)
        drawn = [max(col for _, col in bar.points) for bar in _marks(panel, Path)]
        np.testing.assert_allclose(drawn / np.max(drawn), numbers / numbers.max())
        assert [label.words for label in _marks(panel, Label)] == [f"{n:,.0f}" for n in numbers]


def test_every_layer_can_be_shown(explorer, costs, sweep):
    assert list(explorer.controls["layer"].options) == [cost.name for cost in costs]
    assert sweep(explorer) > 20


def test_picture_and_caption_follow_the_slider(explorer):
    explorer.controls["layer"].value = "fc1"
    dense = explorer.picture
    words = [label.words for label in _marks(_panel(dense), Label)]
    assert "20, fc1 (Dense)" in words
    for line in (
        "output: 4,096",
        "parameters: 25,088 × 4,096 + 4,096 = 102,764,544",
        "multiply-adds: 4,096 × 25,088 = 102,760,448",
    ):
        assert line in words and line in dense.caption
    explorer.controls["layer"].value = "block3_conv2"
    conv = explorer.picture
    assert "multiply-adds: 56 × 56 × 256 × 3 × 3 × 256 = 1,849,688,064" in conv.caption
    assert _panel(conv).shape == _panel(dense).shape
    explorer.controls["layer"].value = "block1_pool"
    assert "parameters: 0" in explorer.picture.caption


def _chosen(costs, index):
    return _panel(plots.network_to_scale(costs, index, layers.Arithmetic("1", "1", "1")))


def test_only_the_chosen_layer_keeps_its_color_and_is_named_on_yellow(costs):
    whole = _fronts(_panel(plots.network_to_scale(costs)))
    assert len(whole) == 13
    for index, blue in ((12, 1), (18, 0), (20, 0)):
        panel = _chosen(costs, index)
        assert len(_fronts(panel)) == blue
        marked = {label.words for label in _marks(panel, Label) if label.paper == YELLOW}
        expected = {"20 fc1", "4,096"} if index == 20 else {str(index), costs[index].name}
        assert marked == expected
        outlines = [path for path in _marks(panel, Path) if path.fill is None]
        assert len(outlines) == 3 and {path.width for path in outlines} == {2}


def test_a_click_on_a_layer_chooses_it(costs):
    panel = _chosen(costs, 5)
    values = np.reshape(panel.clicks.values["layer"], (panel.clicks.rows, panel.clicks.cols))

    def clicked(row, col):
        rows, cols = panel.shape
        return values[int(row / rows * len(values)), int(col / cols * len(values[0]))]

    labels = _marks(panel, Label)
    for cost in costs[:19]:
        name = next(label for label in labels if label.upright and label.words == cost.name)
        assert clicked(name.row + 20, name.col) == cost.index  # on its name
        assert clicked(name.row - 30, name.col) == cost.index  # on its box
    for cost in costs[19:]:
        name = next(label for label in labels if label.words == f"{cost.index} {cost.name}")
        assert clicked(name.row, 140) == cost.index
    assert clicked(10, 990) == 5  # a click on nothing changes nothing


def test_boxes_are_as_tall_as_rows_and_as_deep_as_columns():
    inputs = keras.Input((40, 80, 3))
    outputs = keras.layers.Conv2D(20, 3, padding="same")(inputs)
    pieces, _, _, channels = network._arrange(layers.layer_costs(keras.Model(inputs, outputs)))
    for ((_, (height, width, depth)),), count in zip(pieces, (3, 20), strict=True):
        assert depth == 2 * height
        assert width == pytest.approx(max(count * height / 40 / channels, 2))


def test_boxes_have_a_front_a_top_and_a_side():
    front, top, side = (np.full((1, 1, 3), value, np.uint8) for value in (100, 150, 200))
    paths = boxes.box((50, 20), (40, 30, 50), (front, top, side))
    assert [path.fill for path in paths] == ["#646464", "#8b8b8b", "#a4a4a4"]  # shaded
    assert paths[0].points == [(50, 20), (50, 50), (90, 50), (90, 20)]
    assert paths[1].points == [(50, 20), (50, 50), (37, 77), (37, 47)]
    assert paths[2].points == [(50, 50), (37, 77), (77, 77), (90, 50)]


def test_pooling_is_shown_before_and_after_in_the_same_colors(cell):
    random = np.random.default_rng(0)
    before = random.random((1, 224, 224, 4)) - 0.5
    after = before.reshape(1, 112, 2, 112, 2, 4).max(axis=(2, 4))
    large, small = cell("01", "plots.heat", before=before, after=after).every()
    assert np.array_equal(large.array.reshape(32, 2, 32, 2).max(axis=(1, 3)), small.array)
    assert large.scale == small.scale


FC1_448 = 14 * 14 * 512 * 4096 + 4096


@pytest.mark.parametrize(
    ("answer", "right", "word"),
    [
        (None, None, "Replace None"),
        (FC1_448, True, "411,045,888"),
        ("411,045,888", True, "every one of their weights"),
        (float(FC1_448), True, "100,352"),
        (np.int64(FC1_448), True, "100,352"),
        (102_764_544, False, "as it is"),
        (2 * 7 * 7 * 512 * 4096 + 4096, False, "how many times"),
        (2 * 102_764_544, False, "how many times"),
        (4 * 102_764_544, False, "one bias"),
        (FC1_448 - 4096, False, "bias"),
        (14 * 14 * 512, False, "How many weights and biases"),
        (7, False, "What shape would block5_pool"),
        ("many", False, "one number"),
    ],
)
def test_the_larger_photo_is_judged(full, answer, right, word):
    judgement = lesson_01.larger_photo(answer, full)
    assert judgement.right is right
    assert word in repr(judgement)


@pytest.mark.parametrize(
    ("answer", "right", "word"),
    [
        (None, None, "Replace None"),
        ("stay the same", True, "e^10"),
        ("Stay the same ", True, "before and after"),
        ("STAY THE SAME", True, "their sum"),
        ("all grow", False, "always 1"),
        ("get more alike", False, "closer to one another"),
        ("the largest grows", False, "larger differences"),
        ("the same", False, "one of"),
        (1, False, "one of"),
        ("", False, "one of"),
    ],
)
def test_ten_more_is_judged(answer, right, word):
    judgement = lesson_01.ten_more(answer, [3, 1, 0], 10)
    assert judgement.right is right
    assert word in repr(judgement)


def test_powers_too_large_for_the_computer_change_no_verdict():
    for scores, more in (([3, 1, 0], 1000), ([900, 1, 0], 10)):
        assert lesson_01.ten_more("stay the same", scores, more).right
        assert lesson_01.ten_more("the largest grows", scores, more).right is False


def _loops(maps, size, keep=lambda window: window.max(axis=(0, 1))):
    rows, cols, channels = maps.shape
    pooled = np.zeros((rows // size, cols // size, channels))
    for r in range(rows // size):
        for c in range(cols // size):
            pooled[r, c] = keep(maps[r * size : (r + 1) * size, c * size : (c + 1) * size])
    return pooled


def _reshaped(maps, size):
    rows, cols = maps.shape[0] // size, maps.shape[1] // size
    cut = maps[: rows * size, : cols * size]
    return cut.reshape(rows, size, cols, size, -1).max(axis=(1, 3))


def _keras(maps, size):
    return np.asarray(keras.layers.MaxPooling2D(size)(maps[np.newaxis]))[0]


def _running(maps, size):
    return np.maximum.reduce([maps[k : k - size or None] for k in range(size)])


def _spoils(maps, size):
    maps[:] = 0
    return maps


@pytest.mark.parametrize(
    ("answer", "right", "word"),
    [
        (None, None, "Fill in"),
        (lambda maps, size: None, None, "Fill in"),
        (_loops, True, "leftovers included"),
        (_reshaped, True, "4 shapes"),
        (_keras, True, "4 shapes"),
        (lambda m, s: _loops(m, s, lambda w: w.mean(axis=(0, 1))), False, "averages"),
        (lambda m, s: _loops(m, s, lambda w: w.min(axis=(0, 1))), False, "smallest"),
        (lambda m, s: _loops(m, s, lambda w: w[0, 0]), False, "first number"),
        (lambda m, s: _loops(m, s, lambda w: w.max()), False, "each channel by itself"),
        (lambda m, s: _loops(m, 2), False, "use size"),
        (lambda m, s: np.maximum(_loops(m, s), 0), False, "below 0"),
        (lambda m, s: m.reshape(3, 2, 3, 2, 3).max(axis=(1, 3)), False, "ValueError"),
        (_running, False, "your function gives"),
        (_spoils, False, "changes what it was given"),
        (lambda m, s: print(m.max()), False, "return it instead"),
        (3, False, "a function"),
    ],
)
def test_max_pool_is_judged(answer, right, word):
    judgement = lesson_01.max_pool(answer)
    assert judgement.right is right
    assert word in repr(judgement)
