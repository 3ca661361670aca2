"""Lesson 04: pictures, explorers and exercises of what a filter does to a photo."""

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from helpers import convolution, layers, models, plots, widgets
from helpers.exercises import lesson_04 as exercises
from helpers.plots import canvas, effect
from helpers.plots import probe as probe_pictures
from helpers.quiet import keras


@pytest.fixture(scope="module")
def first(vgg16):
    return vgg16.get_layer("block1_conv1")


@pytest.fixture(scope="module")
def apart(first, batch):
    return convolution.decompose(first, batch, 34)


@pytest.fixture(scope="module")
def bank(first):
    return layers.kernel_and_bias(first)[0]


@pytest.fixture(scope="module")
def explorer(vgg16, photo):
    return widgets.convolution_effect(vgg16, photo)


def shown(explorer):
    return cv2.imdecode(np.frombuffer(explorer.picture.value, np.uint8), cv2.IMREAD_COLOR)


# Pictures


def test_every_figure_is_a_figure_of_a_projectors_width(
    photo, batch, first, apart, bank, vgg16, maps
):
    found = convolution.probe(first, batch, 34, 100, 80)
    deep = vgg16.get_layer("block3_conv1")
    inputs = convolution.input_of(deep, vgg16, batch)
    figures = [
        plots.input_channels(photo, batch[0]),
        plots.filter_effect(batch[0], bank[..., 34], apart, [0, 1, 2], effect.INPUT_COLORS),
        plots.pixel_probe(photo, apart.activation, found, (100, 80)),
        plots.all_partials(convolution.decompose(deep, inputs, 3)),
        plots.classical_beside_learned(
            convolution.CLASSICAL, [apart.total] * 4, [bank[..., 34]] * 4, "abcd", [apart.total] * 4
        ),
    ]
    for figure in figures:
        assert isinstance(figure, Figure)
        assert 880 <= figure.get_size_inches()[0] * 100 <= 1030


def test_the_picture_of_a_filter_has_one_size_for_every_layer(vgg16, batch):
    inputs = convolution.inputs_of(vgg16, batch)
    shapes = set()
    for layer in layers.conv_layers(vgg16)[::3]:
        done = convolution.decompose(layer, inputs[layer.name], 1)
        kernel = layers.kernel_and_bias(layer)[0][..., 1]
        picture = effect.filter_effect_picture(inputs[layer.name][0], kernel, done, [0, 1, 2])
        shapes.add(picture.shape)
    assert len(shapes) == 1


def test_odd_sizes_and_few_channels_can_be_drawn():
    random = np.random.default_rng(0)
    for rows, cols, depth in ((30, 50, 1), (500, 300, 2), (7, 7, 3)):
        layer = keras.layers.Conv2D(1, (5, 2), padding="same")
        inputs = random.normal(size=(rows, cols, depth)).astype(np.float32)
        layer.build((None, rows, cols, depth))
        done = convolution.decompose(layer, inputs, 0)
        kernel = layers.kernel_and_bias(layer)[0][..., 0]
        picture = effect.filter_effect_picture(inputs, kernel, done, range(depth))
        assert picture.shape[1] == 976


def place_in(picture, part):
    """The (row, col) at which a part is found in a picture, pixel by pixel."""
    found = cv2.matchTemplate(picture, part, cv2.TM_SQDIFF)
    row, col = np.unravel_index(found.argmin(), found.shape)
    spot = picture[row : row + part.shape[0], col : col + part.shape[1]]
    assert (spot == part).all()
    return row, col


def test_the_pictures_parts_are_where_they_should_be(batch, bank, apart):
    kernel = bank[..., 34]
    picture = effect.filter_effect_picture(batch[0], kernel, apart, [2, 0, 1])
    limit = np.abs(apart.partials).max()
    slices = [canvas.signed(kernel[:, :, c], np.abs(kernel).max()) for c in (2, 0, 1)]
    parts = [canvas.signed(apart.partials[:, :, c], limit) for c in (2, 0, 1)]
    tops = [place_in(picture, canvas.enlarge(part, 96)) for part in slices]
    sums = [place_in(picture, part) for part in [*parts, canvas.signed(apart.total)]]
    response = place_in(picture, canvas.colorize(apart.activation, canvas.HEAT, 0))
    assert len({row for row, _ in tops}) == len({row for row, _ in sums}) == 1
    assert [col for _, col in tops] == [col for _, col in sums[:3]]
    assert sorted(col for _, col in sums) == [col for _, col in sums]
    assert response[1] == sums[3][1] and response[0] < tops[0][0] < sums[0][0]


def test_channels_that_cannot_be_shown_are_refused(batch, bank, apart):
    for wrong in ([], [3], [-1], [0, 1, 2, 0]):
        with pytest.raises(ValueError, match="choose one to three of the channels 0 to 2"):
            effect.filter_effect_picture(batch[0], bank[..., 34], apart, wrong)


def test_padding_is_written_into_the_cells(first, batch, photo, apart):
    corner = convolution.probe(first, batch, 34, 0, 0)
    inside = convolution.Probe(**{**vars(corner), "inside": np.ones((3, 3), bool)})
    pictures = [
        probe_pictures.pixel_probe_picture(photo, apart.activation, found, (0, 0))
        for found in (corner, inside)
    ]
    assert (pictures[0] != pictures[1]).any()


def test_numbers_keep_three_digits_or_so():
    decimals = [probe_pictures._decimals(limit) for limit in (0, 1234, 123, 9.5, 0.5, 0.008, 1e-7)]
    assert decimals == [0, 0, 1, 2, 3, 4, 4]


def test_what_is_empty_says_so():
    layer = keras.layers.Conv2D(1, 3, padding="same", activation="relu")
    layer.build((None, 9, 9, 4))
    inputs = np.zeros((9, 9, 4), np.float32)
    done = convolution.decompose(layer, inputs, 0)
    kernel = layers.kernel_and_bias(layer)[0][..., 0]
    picture = effect.filter_effect_picture(inputs, kernel, done, [0, 1, 2])
    words = canvas.text("0 everywhere")
    found = cv2.matchTemplate(picture, words, cv2.TM_SQDIFF_NORMED) < 1e-4
    assert found.sum() == 8  # three channels, three partial sums, their sum, the response


# Explorers


def test_the_effect_explorer_survives_a_sweep(explorer, sweep):
    assert sweep(explorer) > 30


def test_the_probe_explorer_survives_a_sweep(vgg16, photo, sweep):
    assert sweep(widgets.pixel_probe(vgg16, photo)) > 20


def test_ranges_follow_the_layer(explorer):
    controls = explorer.controls
    for name, filters, depth in (
        ("block1_conv1", 64, 3),
        ("block4_conv1", 512, 256),
        ("block1_conv2", 64, 64),
    ):
        controls["layer"].value = name
        assert controls["filter"].max == filters - 1
        assert controls["first"].max == depth - 3
    controls["layer"].value = "block5_conv3"
    controls["filter"].value, controls["first"].value = 511, 509
    controls["layer"].value = "block1_conv1"
    assert (controls["filter"].value, controls["first"].value) == (63, 0)
    assert "block1_conv1, filter 63" in explorer.caption.value
    assert "blue" in explorer.caption.value


def test_every_control_changes_picture_and_caption(vgg16, photo, explorer):
    explorer.controls["layer"].value = "block2_conv1"
    explorer.controls["filter"].value = explorer.controls["first"].value = 0
    explorer.controls["order"].value = "by share of the work"
    probing = widgets.pixel_probe(vgg16, photo, 34)
    moves = [
        (explorer, "filter", 7),
        (explorer, "first", 5),
        (explorer, "order", "by index"),
        (explorer, "layer", "block2_conv2"),
        (probing, "filter", 12),
        (probing, "row", 3),
        (probing, "col", 223),
    ]
    for which, name, value in moves:
        before = shown(which), which.caption.value
        which.controls[name].value = value
        assert shown(which).shape == before[0].shape
        assert (shown(which) != before[0]).any(), name
        assert which.caption.value != before[1], name


def test_the_explorers_tell_the_truth(vgg16, photo, batch, maps, explorer):
    silent = next(i for i in range(512) if not maps["block5_conv3"][..., i].any())
    explorer.controls["layer"].value = "block5_conv3"
    explorer.controls["filter"].value = silent
    assert "silent" in explorer.caption.value
    explorer.controls["layer"].value = "block3_conv2"
    explorer.controls["filter"].value = 9
    explorer.controls["order"].value = "by share of the work"
    explorer.controls["first"].value = 0
    largest = maps["block3_conv2"][0, :, :, 9].max()
    assert f"0 to {largest:.3g};" in explorer.caption.value
    layer = vgg16.get_layer("block3_conv2")
    done = convolution.decompose(layer, convolution.input_of(layer, vgg16, batch), 9)
    best = done.by_share[0]
    assert f"{best} ({done.shares[best]:.1%})" in explorer.caption.value

    probing = widgets.pixel_probe(vgg16, photo, 34, (50, 60))
    value = maps["block1_conv1"][0, 50, 60, 34]
    assert f"after ReLU {value:.3f}." in probing.caption.value
    probing.controls["row"].value = 0
    assert "9 of the 27 numbers are zero padding" in probing.caption.value


def test_explorers_refuse_what_they_cannot_show(vgg16, photo):
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        widgets.convolution_effect(vgg16, photo, "conv9")
    with pytest.raises(ValueError, match="filters 0 to 63"):
        widgets.convolution_effect(vgg16, photo, filter_index=64)
    with pytest.raises(ValueError, match="takes a batch of the shape"):
        widgets.convolution_effect(vgg16, photo[:100])
    with pytest.raises(ValueError, match="rows 0 to 223"):
        widgets.pixel_probe(vgg16, photo, place=(224, 0))
    wide = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(2, 5)])
    with pytest.raises(ValueError, match="shows 3×3 kernels"):
        widgets.pixel_probe(wide, photo[:32, :32])


def test_explorers_take_another_model_and_another_size(photo):
    small = models.load_vgg16("random", input_shape=(None, None, 3))
    explorer = widgets.convolution_effect(small, photo[:96, :130], "block2_conv1")
    assert shown(explorer).shape[1] == 976
    assert shown(widgets.pixel_probe(small, photo[:96, :130])).std() > 1


# Exercises


def test_products(vgg16):
    assert exercises.products(None, vgg16).right is None
    assert exercises.products(1152, vgg16).right
    for wrong, words in ((9, "one slice"), (2304, "number of filters"), (1153, "added")):
        judged = exercises.products(wrong, vgg16)
        assert judged.right is False
        assert words in judged.reason


def test_padding(vgg16):
    assert exercises.padding(None, vgg16).right is None
    assert exercises.padding(15, vgg16).right
    for wrong, words in ((5, "one channel"), (12, "inside"), (9, "two edges")):
        judged = exercises.padding(wrong, vgg16)
        assert judged.right is False
        assert words in judged.reason


def test_one_number():
    def right(patch, kernel, bias):
        return max((patch * kernel).sum() + bias, 0)

    assert exercises.one_number(None).right is None
    assert exercises.one_number(lambda *_: None).right is None
    assert exercises.one_number(right).right
    wrong = {
        "ReLU is missing": lambda p, k, b: (p * k).sum() + b,
        "bias is missing": lambda p, k, b: max((p * k).sum(), 0),
        "before ReLU": lambda p, k, b: max((p * k).sum(), 0) + b,
        "not flipped": lambda p, k, b: max((p * k[::-1, ::-1]).sum() + b, 0),
        "add all": lambda p, k, b: np.maximum(p * k + b, 0),
        "raised": lambda p, k, b: p @ k[0, :2],
        "where the map has": lambda p, k, b: 17.0,
    }
    for words, function in wrong.items():
        judged = exercises.one_number(function)
        assert judged.right is False
        assert words in judged.reason, (words, judged)


def test_strongest_color(vgg16, photo, first, batch):
    colors = ("blue", "green", "red")
    for index in (12, 16, 34):
        best = int(convolution.decompose(first, batch, index).shares.argmax())
        for place, color in enumerate(colors):
            judged = exercises.strongest_color(color, vgg16, photo, index)
            assert judged.right == (place == best)
            if place == 2 - best != best:
                assert "BGR" in judged.reason
    assert exercises.strongest_color(None, vgg16, photo, 12).right is None
    assert exercises.strongest_color("purple", vgg16, photo, 12).right is False
