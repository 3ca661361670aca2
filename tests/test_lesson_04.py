"""Lesson 04: pictures, explorers and exercises of what a filter does to a photo."""

import numpy as np
import pytest

from helpers import activations, convolution, images, layers, models, plots, widgets
from helpers.exercises import lesson_04 as exercises
from helpers.images import CHANNELS
from helpers.plots import page, panels
from helpers.plots.panels import Label
from helpers.quiet import keras
from helpers.widgets import browser


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
def deep(vgg16, batch):
    layer = vgg16.get_layer("block3_conv1")
    inputs = activations.feature_maps(vgg16, batch, layer.name, "input")[layer.name]
    kernel = layers.kernel_and_bias(layer)[0][..., 3]
    return inputs[0], kernel, convolution.decompose(layer, inputs, 3)


@pytest.fixture(scope="module")
def explorer(vgg16, photo):
    return widgets.convolution_effect(vgg16, photo)


def signed(numbers, limit):
    """Places in the signed color map, computed anew: 0 at 127."""
    return np.rint(np.clip(np.asarray(numbers, float) / limit, -1, 1) * 127 + 127)


def near(array, expected):
    """The same places, but for rounding."""
    assert array.shape == expected.shape
    assert np.abs(array.astype(float) - expected).max() <= 1


def words_on(panel):
    return [mark.words for mark in panel.marks if isinstance(mark, Label)]


# Pictures


def test_the_photos_channels_come_blue_first_with_their_ranges(photo, batch, cell):
    picture = cell("04", "plots.grey", images=images, photo=photo, prepared=batch)
    np.testing.assert_array_equal(picture.panels[0].array, photo)
    for channel, panel in enumerate(picture.panels[1:]):
        plane = photo[:, :, 2 - channel].astype(float)
        near(panel.array, (plane - plane.min()) / np.ptp(plane) * 254)
        assert panel.title == f"channel {channel}: {CHANNELS[channel]}"
        ends = batch[0, :, :, channel].min(), batch[0, :, :, channel].max()
        for word, end in zip((panel.scale.low, panel.scale.high), ends, strict=True):
            assert float(word.replace("−", "-")) == pytest.approx(end, rel=0.01)
    assert picture.panels[1].note == "mean -24.2"


def test_a_filters_rows_are_channel_slice_and_partial_sum(deep):
    inputs, kernel, done = deep
    chosen = [7, 3, 100]
    picture = plots.filter_effect(inputs, kernel, done, chosen)
    channels, slices, partials, (total, response) = picture.panels
    limit, most = np.abs(kernel).max(), np.abs(done.partials[:, :, chosen]).max()
    for k, channel in enumerate(chosen):
        plane = inputs[:, :, channel]
        order = np.argsort(plane, axis=None)
        assert (np.diff(channels[k].array.ravel()[order].astype(int)) >= 0).all()
        assert channels[k].scale.cmap == panels.HEAT
        share = panels.percent(done.shares[channel])
        assert list(channels[k].left.values()) == [f"channel {channel}", "share of work", share]
        near(slices[k].array, signed(kernel[:, :, channel], limit))
        near(partials[k].array, signed(done.partials[:, :, channel], most))
        assert "×" in words_on(slices[k]) and "=" in words_on(partials[k])
    near(total.array, signed(done.total, np.abs(done.total).max()))
    near(response.array, np.rint(done.activation / done.activation.max() * 254))
    assert f"bias {panels.number(done.bias)}" in total.note
    for panel, size in ((slices[2], limit), (partials[2], most)):
        assert panel.scale.high == f"+{size:#.2g}"
        assert panel.bar
    assert total.scale.high == f"+{np.abs(done.total).max():#.2g}"
    shown = ", ".join(f"{c} ({done.shares[c]:.1%})" for c in chosen)
    assert f"3 of its 128 input channels, with their shares of the work: {shown}" in picture.caption


def test_a_photos_channels_are_grey_and_named(batch, bank, apart):
    picture = plots.filter_effect(batch[0], bank[..., 34], apart, [2, 0], CHANNELS)
    columns = picture.panels
    assert [panel.scale.cmap for panel in columns[0]] == [panels.GREY] * 2
    assert [list(panel.left.values())[1] for panel in columns[0]] == ["red", "blue"]
    assert [[panel.bar for panel in column] for column in columns[:3]] == [[False, True]] * 3
    assert f"red ({apart.shares[2]:.1%}), blue ({apart.shares[0]:.1%})" in picture.caption


def test_the_picture_of_a_filter_has_one_size_for_every_layer(vgg16, batch):
    inputs = activations.feature_maps(vgg16, batch, what="input")
    sizes = set()
    for layer in layers.conv_layers(vgg16)[::3]:
        done = convolution.decompose(layer, inputs[layer.name], 1)
        kernel = layers.kernel_and_bias(layer)[0][..., 1]
        picture = plots.filter_effect(inputs[layer.name][0], kernel, done, [0, 1, 2])
        rows, width, height = page.arrange(picture)
        sizes.add((len(rows), width, height))
    assert len(sizes) == 1
    assert sizes.pop() < (1, 1000, 630)


def test_odd_sizes_and_few_channels_can_be_drawn():
    random = np.random.default_rng(0)
    for rows, cols, depth in ((30, 50, 1), (500, 300, 2), (7, 7, 3)):
        layer = keras.layers.Conv2D(1, (5, 2), padding="same")
        inputs = random.normal(size=(rows, cols, depth)).astype(np.float32)
        layer.build((None, rows, cols, depth))
        done = convolution.decompose(layer, inputs, 0)
        kernel = layers.kernel_and_bias(layer)[0][..., 0]
        picture = plots.filter_effect(inputs, kernel, done, range(depth))
        assert len(page.arrange(picture)[0]) == 1
        heights = {
            panel.width * panel.shape[0] // panel.shape[1] // 4
            for column in picture.panels[:3]
            for panel in column
        }
        assert len(heights) == 1  # side by side
        assert max(picture.panels[0][0].array.shape) <= 158


def test_channels_that_cannot_be_shown_are_refused(batch, bank, apart):
    for wrong in ([], [3], [-1], [0, 1, 2, 0]):
        with pytest.raises(ValueError, match="choose one to three of the channels 0 to 2"):
            plots.filter_effect(batch[0], bank[..., 34], apart, wrong)


def test_what_is_empty_says_so():
    layer = keras.layers.Conv2D(1, 3, padding="same", activation="relu")
    layer.build((None, 9, 9, 4))
    inputs = np.zeros((9, 9, 4), np.float32)
    done = convolution.decompose(layer, inputs, 0)
    kernel = layers.kernel_and_bias(layer)[0][..., 0]
    picture = plots.filter_effect(inputs, kernel, done, [0, 1, 2])
    empty = ["0 everywhere" in words_on(panel) for panel in picture.every()]
    assert empty == [True] * 3 + [False] * 3 + [True] * 5  # all but the three slices
    assert "silent" in picture.caption


def test_all_partial_sums_are_shown_and_added_up(deep):
    done = deep[2]
    picture = plots.all_partials(done)
    grid, *columns, response = picture.panels
    names = words_on(grid)
    order = sorted(range(128), key=lambda c: -done.shares[c])
    assert [int(name.split(":")[0]) for name in names] == order
    assert names[0] == f"{order[0]}: {100 * done.shares[order[0]]:.1f}"
    limit = np.percentile(np.abs(done.partials), 99.8)
    spot = next(mark for mark in grid.marks if isinstance(mark, Label) and mark.words == names[17])
    row, col = round(spot.row + 0.5), int(spot.col)
    row = next(r for r in range(row, row + 5) if grid.array[r, col] != panels.NOTHING)
    tile = grid.array[row : row + 56, col : col + 56]
    near(tile, signed(done.partials[:, :, order[17]], limit))
    counts = [1, 2, 4, 8, 16, 32, 64, 128]
    steps = [column[k] for k in (0, 1) for column in columns]
    for count, step in zip(counts, steps, strict=True):
        part = done.partials[:, :, order[:count]].sum(-1)
        near(step.array, signed(part, np.abs(part).max()))
        likeness = np.corrcoef(part.ravel(), done.total.ravel())[0, 1]
        assert step.title == f"{count} of 128"
        assert step.note == f"r = {panels.number(likeness)}"
    assert response.array.max() == 254
    assert f"do {done.shares[order[:16]].sum():.0%} of the work" in picture.caption


def test_designed_kernels_stand_beside_the_learned(batch, bank, apart):
    grey = batch[0].mean(axis=-1)
    kernels = convolution.CLASSICAL
    matches = [convolution.most_alike(bank, kernel) for kernel in kernels.values()]
    responses = [convolution.filter_grey(grey, kernel) for kernel in kernels.values()]
    picture = plots.classical_beside_learned(
        kernels, bank, matches, [0.5, 0.6, 0.7, 0.8], responses, [apart.total] * 4
    )
    rows, width, _ = page.arrange(picture)
    assert [len(row) for row in rows] == [4] * 4
    assert width <= 1000
    for k, (name, kernel) in enumerate(kernels.items()):
        table, response, slices, learned = picture.panels[4 * k : 4 * k + 4]
        numbers = [[float(word.replace("−", "-")) for word in row] for row in table.words]
        np.testing.assert_array_equal(numbers, kernel)
        near(table.array, signed(kernel, np.abs(kernel).max()))
        assert table.note == name
        assert words_on(slices) == ["blue", "green", "red"]
        weights = bank[..., matches[k].filter]
        cells = slices.array[slices.array != panels.NOTHING].reshape(3, 9)
        near(cells, signed(weights.transpose(0, 2, 1).reshape(3, 9), np.abs(weights).max()))
        r = np.corrcoef(responses[k].ravel(), apart.total.ravel())[0, 1]
        assert f"filter {matches[k].filter}: likeness {matches[k].likeness:.2f}" in slices.note
        assert f"(chance 0.{5 + k}0)" in slices.note
        assert f"r = {panels.number(r)}" in slices.note
        assert not np.array_equal(response.array, learned.array)


def numbers_in(table):
    return np.array([[float(word.replace("−", "-")) for word in row] for row in table.words])


def test_a_number_is_taken_apart_in_tables(first, batch, photo, apart):
    found = convolution.probe(first, batch, 34, 100, 80)
    picture = plots.pixel_probe(photo, apart.activation, found, (100, 80))
    (at_photo, at_map, pixels), patches, slices, products, ends = picture.panels
    for c, color in enumerate(CHANNELS):
        patch = photo[99:102, 79:82, 2 - c] - [103.939, 116.779, 123.68][c]
        np.testing.assert_allclose(numbers_in(patches[c]), patch, atol=0.051)
        np.testing.assert_allclose(numbers_in(slices[c]), found.kernel[..., c], atol=0.000051)
        product = patch * found.kernel[..., c]
        np.testing.assert_allclose(numbers_in(products[c]), product, atol=0.00051)
        near(products[c].array, signed(product, np.abs(found.products).max()))
        assert words_on(patches[c]) == [color]
        assert words_on(ends[c]) == [f"{product.sum():.3f}"]
    value = max(found.total + found.bias, 0)
    assert ends[2].note == f"+ bias {found.bias:.3f} = {value:.3f}\nReLU: {value:.3f}"
    assert f"= {value:.3f}; after ReLU {value:.3f}." in picture.caption
    np.testing.assert_array_equal(at_photo.array, photo)
    near(at_map.array, np.rint(apart.activation / apart.activation.max() * 254))
    for panel in (at_photo, at_map):
        assert np.mean(panel.marks[-1].points, axis=0).tolist() == [100.5, 80.5]
        assert panel.clicks == (224, 224, {"row": "row", "col": "col"})
    np.testing.assert_array_equal(pixels.array, photo[99:102, 79:82])


def test_padding_is_written_into_the_cells(first, batch, photo, apart):
    corner = convolution.probe(first, batch, 34, 0, 0)
    picture = plots.pixel_probe(photo, apart.activation, corner, (0, 0))
    for table in picture.panels[1]:
        padded = np.array(table.words) == "pad\n0"
        assert padded.tolist() == [[True] * 3, [True, False, False], [True, False, False]]
    pixels = picture.panels[0][2].array
    assert (pixels[0] == 128).all() and (pixels[1:, 0] == 128).all()
    np.testing.assert_array_equal(pixels[1:, 1:], photo[:2, :2])
    assert "15 of the 27 numbers are zero padding" in picture.caption


@pytest.mark.parametrize(
    ("largest", "word"), [(0, "0.0000"), (123, "123.0"), (9.5, "9.50"), (0.5, "0.500")]
)
def test_numbers_keep_three_digits_or_so(largest, word, first, batch, photo, apart):
    found = convolution.probe(first, batch, 34, 9, 9)
    products = np.full((3, 3, 3), largest, np.float32)
    found = convolution.Probe(**{**vars(found), "products": products})
    picture = plots.pixel_probe(photo, apart.activation, found, (9, 9))
    assert picture.panels[3][1].words == [[word] * 3] * 3


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
    assert "block1_conv1, filter 63" in explorer.picture.caption
    assert "blue" in explorer.picture.caption


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
        before = which.picture
        which.controls[name].value = value
        after = which.picture
        assert page.arrange(after)[1:] == page.arrange(before)[1:]
        assert browser.described(after)[0]["rows"] != browser.described(before)[0]["rows"], name
        assert after.caption != before.caption, name


def test_the_explorers_tell_the_truth(vgg16, photo, batch, maps, explorer):
    silent = next(i for i in range(512) if not maps["block5_conv3"][..., i].any())
    explorer.controls["layer"].value = "block5_conv3"
    explorer.controls["filter"].value = silent
    assert "silent" in explorer.picture.caption
    explorer.controls["layer"].value = "block3_conv2"
    explorer.controls["filter"].value = 9
    explorer.controls["order"].value = "by share of the work"
    explorer.controls["first"].value = 0
    largest = maps["block3_conv2"][0, :, :, 9].max()
    assert explorer.picture.caption.startswith("block3_conv2, filter 9: ")
    assert f"0 to {largest:.3g};" in explorer.picture.caption
    layer = vgg16.get_layer("block3_conv2")
    inputs = activations.feature_maps(vgg16, batch, layer.name, "input")[layer.name]
    done = convolution.decompose(layer, inputs, 9)
    best = done.by_share[0]
    assert f"{best} ({done.shares[best]:.1%})" in explorer.picture.caption
    explorer.controls["order"].value = "by index"
    explorer.controls["first"].value = 20
    words = [next(iter(panel.left.values())) for panel in explorer.picture.panels[0]]
    assert words == ["channel 20", "channel 21", "channel 22"]

    probing = widgets.pixel_probe(vgg16, photo, 34, (50, 60))
    value = maps["block1_conv1"][0, 50, 60, 34]
    assert f"after ReLU {value:.3f}." in probing.picture.caption
    probing.controls["row"].value = 0
    assert "9 of the 27 numbers are zero padding" in probing.picture.caption


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
    photo = photo[:96, :130]
    explorer = widgets.convolution_effect(small, photo, "block2_conv1")
    assert len(page.arrange(explorer.picture)[0]) == 1
    probing = widgets.pixel_probe(small, photo, place=(95, 129))
    at_photo, at_map, _ = probing.picture.panels[0]
    assert at_photo.array.shape[:2] == at_map.array.shape == (96, 130)
    assert at_photo.clicks[:2] == (96, 130)
    large = np.zeros((500, 800, 3), np.uint8)
    spot = widgets.pixel_probe(small, large, place=(250, 600)).picture.panels[0][0]
    assert max(spot.array.shape) < 400
    middle = np.mean(spot.marks[-1].points, axis=0) / spot.array.shape[:2]
    np.testing.assert_allclose(middle, (0.501, 0.750625), atol=1e-6)


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
