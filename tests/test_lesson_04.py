"""Lesson 04: pictures, explorers and exercises of what a filter does to a photo."""

import numpy as np
import pytest

from helpers import activations, convolution, layers, models, plots, widgets
from helpers.exercises import lesson_04 as exercises
from helpers.images import CHANNELS
from helpers.plots import browser, page, panels
from helpers.plots.panels import Label
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
        np.testing.assert_allclose(numbers_in(slices[k]), kernel[:, :, channel], atol=5.1e-5)
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
    assert picture.caption.endswith(f"{panels.percent((done.activation == 0).mean())} of it is 0.")
    assert f"3 of its 128 input channels, with their shares of the work: {shown}" in picture.caption


def test_a_photos_channels_are_gray_and_named(batch, bank, apart):
    picture = plots.filter_effect(batch[0], bank[..., 34], apart, [2, 0], CHANNELS)
    columns = picture.panels
    assert [panel.scale.cmap for panel in columns[0]] == [panels.GRAY] * 2
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


def test_all_partial_sums_are_shown(deep):
    done = deep[2]
    grid = plots.all_partials(done)
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


def test_what_raises_and_what_lowers_make_what_is_left(deep, cell):
    done = deep[2]
    names = {"deep_partials": done.partials, "deep_response": done.activation}
    up, down, both, after = cell("04", "what raises", **names).panels
    raises = np.where(done.partials > 0, done.partials, 0).sum(axis=2)
    lowers = done.total - raises
    limit = max(raises.max(), -lowers.min())
    for panel, numbers in ((up, raises), (down, lowers), (both, done.total)):
        near(panel.array, signed(numbers, limit))
        assert panel.scale == up.scale
        assert panel.bar
    near(after.array, np.rint(done.activation / done.activation.max() * 254))


def numbers_in(table):
    return np.array([[float(word.replace("−", "-")) for word in row] for row in table.words])


def test_a_number_is_taken_apart_in_tables(first, batch, photo, apart):
    found = convolution.probe(first, batch, 34, 100, 80)
    picture = plots.pixel_probe(photo, apart.activation, found, (100, 80))
    (at_photo, at_map), patches, slices, products, ends = picture.panels
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


def test_padding_is_written_into_the_cells(first, batch, photo, apart):
    corner = convolution.probe(first, batch, 34, 0, 0)
    picture = plots.pixel_probe(photo, apart.activation, corner, (0, 0))
    for table in picture.panels[1]:
        padded = np.array(table.words) == "pad\n0"
        assert padded.tolist() == [[True] * 3, [True, False, False], [True, False, False]]
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
    at_photo, at_map = probing.picture.panels[0]
    assert at_photo.array.shape[:2] == at_map.array.shape == (96, 130)
    assert at_photo.clicks[:2] == (96, 130)
    large = np.zeros((500, 800, 3), np.uint8)
    spot = widgets.pixel_probe(small, large, place=(250, 600)).picture.panels[0][0]
    assert max(spot.array.shape) < 400
    middle = np.mean(spot.marks[-1].points, axis=0) / spot.array.shape[:2]
    np.testing.assert_allclose(middle, (0.501, 0.750625), atol=1e-6)


# Exercises


def refused(judged, words):
    assert judged.right is False
    assert words in judged.reason, judged


def test_padding(vgg16):
    assert exercises.padding(None, vgg16).right is None
    for answer in (640, 640.0, " 640 ", np.int64(640)):
        assert exercises.padding(answer, vgg16).right
    wrong = {
        5: "one channel",
        15: "A photo has 3",
        1280: "number of filters",
        384: "one edge",
        768: "counted twice",
        512: "inside",
        1152: "all numbers",
        27: "first hint",
    }
    for answer, words in wrong.items():
        refused(exercises.padding(answer, vgg16), words)
    refused(exercises.padding("many", vgg16), "one number")


@pytest.mark.parametrize("number", [0, 2, 1234])
def test_whose_map(vgg16, photo, maps, number):
    chosen, four = exercises.draw_maps(vgg16, photo, number)
    first = maps["block1_conv1"][0]
    right = next(at for at, one in four.items() if np.allclose(one, first[..., chosen], atol=1e-4))
    for answer in (right, right.lower(), f" {right} "):
        assert exercises.whose_map(answer, vgg16, photo, number).right
    assert exercises.whose_map(None, vgg16, photo, number).right is None
    kernel = layers.kernel_and_bias(vgg16.get_layer("block1_conv1"))[0][..., chosen]
    scaled = kernel / np.abs(kernel).max()
    colors, rows, cols = (
        ", ".join(f"{part.sum():+.1f}" for part in parts)
        for parts in (scaled.transpose(2, 0, 1), scaled, scaled.transpose(1, 0, 2))
    )
    for letter in set("ABCD") - {right}:
        judged = exercises.whose_map(letter, vgg16, photo, number)
        refused(judged, f"Map {letter} is another filter's")
        assert f"slices add up to {colors} (blue, green, red)" in judged.reason
        assert f"rows to {rows} (from above), its columns to {cols} (from" in judged.reason
        assert f"map {right}" not in judged.reason
    for answer in ("E", 3, chosen):
        refused(exercises.whose_map(answer, vgg16, photo, number), "one of 'A', 'B', 'C', 'D'")


def test_riddles_are_many_and_their_maps_unlike(vgg16, photo):
    drawn = [exercises.draw_maps(vgg16, photo, number) for number in range(12)]
    assert len({chosen for chosen, _ in drawn}) > 6
    for _, four in drawn:
        assert list(four) == ["A", "B", "C", "D"]
        alike = np.corrcoef([one.ravel() for one in four.values()])
        assert alike[~np.eye(4, dtype=bool)].max() < 0.8


def nine_shifts(channel, weights):
    rows, cols = channel.shape
    framed = np.pad(channel, 1)
    parts = [weights[i, j] * framed[i : i + rows, j : j + cols] for i in range(3) for j in range(3)]
    return sum(parts)


def place_by_place(channel, weights):
    framed, found = np.pad(channel, 1), np.zeros(channel.shape)
    for row, col in np.ndindex(channel.shape):
        found[row, col] = (framed[row : row + 3, col : col + 3] * weights).sum()
    return found


def windows(channel, weights):
    views = np.lib.stride_tricks.sliding_window_view(np.pad(channel, 1), (3, 3))
    return np.einsum("rcij,ij->rc", views, weights).astype(np.float32)


@pytest.mark.parametrize("right", [nine_shifts, place_by_place, windows])
def test_slide_takes_every_right_form(right):
    assert exercises.slide(right).right


def test_slide_names_slips():
    def valid(channel, weights):
        return nine_shifts(channel, weights)[1:-1, 1:-1]

    def late(channel, weights):
        rows, cols = channel.shape
        framed = np.pad(channel, ((0, 2), (0, 2)))
        return sum(
            weights[i, j] * framed[i : i + rows, j : j + cols] for i in range(3) for j in range(3)
        )

    def repeated(channel, weights):
        return place_by_place(np.pad(channel, 1, mode="edge"), weights)[1:-1, 1:-1]

    def prints(channel, weights):
        print(nine_shifts(channel, weights))

    def changes(channel, weights):
        channel *= 2
        return channel

    def rolled(channel, weights):
        places = [(i, j) for i in range(3) for j in range(3)]
        return sum(weights[i, j] * np.roll(channel, (1 - i, 1 - j), (0, 1)) for i, j in places)

    def early(channel, weights):
        return late(channel[::-1, ::-1], weights[::-1, ::-1])[::-1, ::-1]

    def mirrored(channel, weights):
        return place_by_place(np.pad(channel, 1, mode="reflect"), weights)[1:-1, 1:-1]

    assert exercises.slide(None).right is None
    for words, function in {"np.roll": rolled, "on all sides": early, "own edge": mirrored}.items():
        refused(exercises.slide(function), words)
    assert exercises.slide(lambda c, w: None).right is None
    wrong = {
        "not flipped": lambda c, w: nine_shifts(c, w[::-1, ::-1]),
        "swapped": lambda c, w: nine_shifts(c, w.T),
        "loses its rim": valid,
        "not its own edge": repeated,
        "on all sides": late,
        "after all channels": lambda c, w: np.maximum(nine_shifts(c, w), 0),
        "shift before": lambda c, w: c * w.sum(),
        "return it": prints,
        "changes what it was given": changes,
        "raised ValueError": lambda c, w: c * w,
        "your function gives": lambda c, w: c,
    }
    for words, function in wrong.items():
        refused(exercises.slide(function), words)
