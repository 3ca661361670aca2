"""Lesson 01: the network described, counted, drawn to scale, and its exercises."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import layers, models, plots, widgets
from helpers.exercises import lesson_01
from helpers.plots import boxes, network
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
def drawing(costs):
    return network.arrange(costs)


@pytest.fixture(scope="module")
def explorer(full):
    return widgets.network(full)


def _picture(explorer):
    return cv2.imdecode(np.frombuffer(explorer.picture.value, np.uint8), cv2.IMREAD_COLOR)


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
    assert cost.parameters == layers.conv_parameters(rows, cols, depth, filters, bias)
    # a layer of ones on a photo of ones counts its own products where nothing is padded
    if padding == "valid":
        conv.set_weights([np.ones(w.shape) if w.ndim == 4 else 0 * w for w in conv.get_weights()])
        answers = conv(np.ones((1, 9, 8, depth), np.float32))
        assert cost.multiply_adds == np.asarray(answers).sum()
    _check_formula(layers.arithmetic(conv).multiply_adds, cost.multiply_adds)


def test_depthwise_filters_look_at_one_channel():
    layer = keras.layers.DepthwiseConv2D(3, padding="same")
    keras.Sequential([keras.Input((8, 8, 5)), layer])
    assert layers.multiply_adds(layer) == 8 * 8 * 5 * 9


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
        network.arrange(costs[:19] * 3)


def test_boxes_are_drawn_to_scale(costs, drawing):
    boxed = [
        (cost, spot)
        for cost, spot in zip(costs, drawing.spots, strict=True)
        if isinstance(spot, tuple)
    ]
    assert len(boxed) == 19
    for cost, (at, (width, height, depth)) in boxed:
        _, rows, cols, channels = cost.output_shape
        assert (height, depth) == (rows * drawing.per_row, cols * drawing.per_row)
        assert width == max(channels * drawing.per_channel, 2)
        assert at[1] + height == drawing.floor
    lefts = [at[0] for _, (at, _) in boxed]
    assert lefts == sorted(lefts)
    ends = [at[0] + size[0] + boxes.AWAY[0] * size[2] for _, (at, size) in boxed]
    assert max(ends) <= 1000
    bars = {cost.name: drawing.spots[cost.index] for cost in costs[19:]}
    for name, count in (("flatten", 25_088), ("fc1", 4_096), ("predictions", 1_000)):
        assert sum(width for *_, width in bars[name]) == pytest.approx(count * drawing.per_channel)
        assert all(x >= 0 and x + width <= 1000 for x, _, width in bars[name])


def test_other_chains_fit_on_the_picture_too():
    with keras.StatelessScope(initialize_variables=False):
        cat_dog = models.cat_dog_network()
    figure = plots.network_to_scale(layers.layer_costs(cat_dog))
    assert figure.get_size_inches()[0] == pytest.approx(10)


def test_figures_have_their_size_and_leave_costs_alone(full, costs):
    before = list(costs)
    for figure in (
        plots.network_to_scale(costs),
        plots.layer_arithmetic(costs, 8, layers.arithmetic(full.layers[8])),
        plots.parameters_and_work(costs),
    ):
        width, height = figure.get_size_inches()
        assert 9 < width < 11
        assert 5 < height < 8
    assert costs == before


def test_the_two_sided_bars_are_the_shares(costs):
    left, right = plots.parameters_and_work(costs).axes
    rows = [cost for cost in costs if cost.parameters]
    for axes, what in ((left, "parameters"), (right, "multiply_adds")):
        numbers = np.array([getattr(cost, what) for cost in rows], float)
        drawn = [bar.get_width() for bar in axes.patches]
        np.testing.assert_allclose(drawn, numbers / numbers.sum())
    assert left.xaxis_inverted() and not right.xaxis_inverted()
    with pytest.raises(ValueError, match="no layer has weights"):
        plots.parameters_and_work([costs[0]])


def test_every_layer_can_be_shown(explorer, costs, sweep):
    assert list(explorer.controls["layer"].options) == [cost.name for cost in costs]
    assert sweep(explorer) > 20


def test_picture_and_caption_follow_the_slider(explorer):
    explorer.controls["layer"].value = "fc1"
    dense, words = _picture(explorer), explorer.caption.value
    assert "25,088 × 4,096 + 4,096 = 102,764,544 parameters" in words
    explorer.controls["layer"].value = "block3_conv2"
    conv = _picture(explorer)
    assert "56 × 56 × 256 × 3 × 3 × 256 = 1,849,688,064 multiply-adds" in explorer.caption.value
    assert conv.shape == dense.shape
    assert (conv != dense).any(axis=-1).mean() > 0.01
    explorer.controls["layer"].value = "block1_pool"
    assert "no parameters" in explorer.caption.value


def test_only_the_chosen_layer_keeps_its_color(drawing):
    blue = np.array([86, 146, 214])

    def blue_columns(chosen):
        return np.flatnonzero((network.draw(drawing, chosen) == blue).all(axis=-1).any(axis=0))

    at, size = drawing.spots[12]
    found = blue_columns(12)
    assert found.size and at[0] <= found.min() and found.max() <= at[0] + size[0]
    assert blue_columns(18).size == 0
    assert blue_columns(None).size > 5 * found.size


def test_a_triangle_points_at_the_chosen_layer(drawing):
    for chosen in (0, 8, 18):
        at, size = drawing.spots[chosen]
        below = (drawing.floor + 9, round(at[0] + size[0] / 2))
        assert network.draw(drawing, chosen)[below].max() < 60
        assert network.draw(drawing, 20)[below].min() > 100
    x, y, _ = drawing.spots[20][0]  # a bar has it beside its name
    spot = np.s_[int(y) - 18 : int(y) - 6, int(x) : int(x) + 10]
    assert network.draw(drawing, 20)[spot].min() < 60 < network.draw(drawing, 8)[spot].min()


def test_boxes_are_where_they_should_be():
    picture = np.full((100, 120, 3), 255, np.uint8)
    boxes.box(picture, (20, 50), (30, 40, 50), (100, 150, 200))
    assert tuple(picture[70, 35]) == (100, 150, 200)  # front
    assert tuple(picture[44, 50]) == tuple(int(c * 0.93) for c in (100, 150, 200))  # top
    assert tuple(picture[60, 65]) == tuple(int(c * 0.82) for c in (100, 150, 200))  # side
    assert tuple(picture[10, 10]) == (255, 255, 255)
    textures = tuple(np.full((2, 2, 3), value, np.uint8) for value in (10, 100, 200))
    boxes.textured_box(picture, (20, 50), (30, 40, 50), textures)
    assert picture[70, 35, 0] == 10
    assert picture[44, 50, 0] == 93
    assert picture[60, 65, 0] == 164


@settings(max_examples=30, deadline=None)
@given(st.integers(-80, 160), st.integers(-80, 160), st.sampled_from(["left", "right", "top"]))
def test_words_and_boxes_over_the_edge_are_cut_off(x, y, anchor):
    picture = np.full((90, 100, 3), 255, np.uint8)
    boxes.write(picture, "block1_conv1", (x, y), anchor=anchor, upright=anchor == "top")
    textures = tuple(np.zeros((2, 3, 3), np.uint8) for _ in range(3))
    boxes.textured_box(picture, (x, y), (20, 10, 30), textures)
    assert picture.shape == (90, 100, 3)


FC1_448 = 14 * 14 * 512 * 4096 + 4096


@pytest.mark.parametrize(
    ("exercise", "answer", "right", "word"),
    [
        ("index_of", None, None, "Replace None"),
        ("index_of", 13, True, "model.layers[13]"),
        ("index_of", 14, False, "counts from 0"),
        ("index_of", 10, False, "convolutions only"),
        ("index_of", 9, False, "convolutions only"),
        ("index_of", "block4", False, "one number"),
        ("conv_parameters", None, None, "Fill in"),
        ("conv_parameters", lambda a, b: None, None, "Fill in"),
        ("conv_parameters", lambda a, b: (9 * a + 1) * b, True, "agrees with Keras"),
        ("conv_parameters", lambda a, b: 9 * a * b, False, "bias"),
        ("conv_parameters", lambda a, b: 9 * a * b + a, False, "not 1792"),
        ("conv_parameters", lambda a, b: 1792, False, "not 36928"),
        ("conv_parameters", lambda a, b: a / 0, False, "ZeroDivisionError"),
        ("conv_parameters", lambda a, b: "many", False, "'many'"),
        ("larger_photo", None, None, "Replace None"),
        ("larger_photo", FC1_448, True, "411,045,888"),
        ("larger_photo", 102_764_544, False, "as it is"),
        ("larger_photo", 2 * 102_764_544, False, "how many times"),
        ("larger_photo", 4 * 102_764_544, False, "one bias"),
        ("larger_photo", FC1_448 - 4096, False, "bias"),
        ("larger_photo", 7, False, "too small"),
        ("work_of_larger_photo", None, None, "Replace None"),
        ("work_of_larger_photo", "4 times as many", True, "448 × 448"),
        ("work_of_larger_photo", "the same", False, "more places"),
        ("work_of_larger_photo", "2 times as many", False, "Both"),
        ("work_of_larger_photo", "16 times as many", False, "once each"),
        ("work_of_larger_photo", 4, False, "one of"),
    ],
)
def test_the_exercises_judge(full, exercise, answer, right, word):
    judgement = getattr(lesson_01, exercise)(answer, full)
    assert judgement.right is right
    assert word in repr(judgement)
