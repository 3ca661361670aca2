"""Lesson 07: receptive fields against gradients, pictures of a scan, explorer and exercises."""

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from helpers import collection, images, models, patches, plots, widgets
from helpers.exercises import lesson_07 as exercises
from helpers.plots import patches as pictures
from helpers.quiet import keras
from helpers.receptive_field import ReceptiveField, receptive_field


@pytest.fixture(scope="module")
def network():
    return models.load_cat_dog()


@pytest.fixture(scope="module")
def scan(network):
    files = collection.files("cats", "dogs")[::6]
    return patches.scan(
        network, ["conv4", "pool4"], files, images.scale_to_one, each_unit=True, progress=False
    )


@pytest.fixture(scope="module")
def explorer(scan):
    return widgets.best_patches(scan)


def transparent(model):
    """The same layers, made so that every pixel in a field counts: means, positive weights."""

    def clone(layer):
        if isinstance(layer, keras.layers.MaxPooling2D):
            config = layer.get_config()
            return keras.layers.AveragePooling2D(
                config["pool_size"], config["strides"], config["padding"], name=config["name"]
            )
        return layer.__class__.from_config(layer.get_config())

    clear = keras.models.clone_model(model, clone_function=clone)
    for layer in clear.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            layer.set_weights([np.full_like(kernel, 1 / kernel[..., 0].size), 0 * bias])
    return clear


# Receptive fields


def assert_field_is_exact(model, clear, layer, row, col):
    length = clear.inputs[0].shape[1]
    batch = np.random.default_rng(0).random((1, length, length, 3), dtype=np.float32) + 0.5
    moved = patches.input_gradient(clear, layer, batch, row, col, 0) > 0
    top, left, bottom, right = receptive_field(model, layer).box(row, col)
    wanted = np.zeros_like(moved)
    wanted[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    assert np.array_equal(moved, wanted), (layer, row, col)


def test_the_cat_dog_networks_fields_are_exactly_the_pixels_that_count(network):
    clear = transparent(network)
    for layer in ("conv1", "pool1", "conv2", "conv3", "conv4", "pool4"):
        rows, cols = network.get_layer(layer).output.shape[1:3]
        for row, col in ((0, 0), (rows // 2, cols // 3), (rows - 1, cols - 1)):
            assert_field_is_exact(network, clear, layer, row, col)


def test_vgg16s_fields_are_exactly_the_pixels_that_count(vgg16):
    clear = transparent(vgg16)
    places = [
        ("block1_conv1", 0, 0),
        ("block1_conv2", 100, 223),
        ("block2_conv2", 111, 5),
        ("block3_conv3", 20, 40),
        ("block4_pool", 0, 13),
        ("block5_conv3", 7, 7),  # 196 pixels: the largest that fits into the photo
    ]
    for layer, row, col in places:
        assert_field_is_exact(vgg16, clear, layer, row, col)


def test_the_gradient_of_a_trained_unit_stays_inside_its_field(network):
    batch = images.scale_to_one(images.load_photo("chelsea", (150, 150)))
    inner = keras.Model(network.inputs[0], network.get_layer("conv4").output)
    maps = np.asarray(inner(batch))[0]
    row, col, channel = np.unravel_index(maps.argmax(), maps.shape)
    gradient = patches.input_gradient(network, "conv4", batch, row, col, channel)
    top, left, bottom, right = receptive_field(network, "conv4").box(row, col)
    assert gradient[top:bottom, left:right].max() > 0
    gradient[top:bottom, left:right] = 0
    assert gradient.max() == 0


def test_a_gradient_of_no_unit_is_an_error(network):
    batch = np.zeros((1, 150, 150, 3), np.float32)
    with pytest.raises(ValueError, match="no row 15 in conv4"):
        patches.input_gradient(network, "conv4", batch, 15, 0, 0)


# Pictures


def test_every_figure_is_a_figure_of_a_projectors_width(network, scan):
    photo = images.load_photo("chelsea", (150, 150))
    names = ["conv1", "conv3", "pool4"]
    fields = {name: receptive_field(network, name) for name in names}
    shapes = {name: network.get_layer(name).output.shape[1:3] for name in names}
    figures = [
        plots.nested_fields(photo, fields, shapes),
        plots.gradient_in_field(photo, np.eye(150), (10, 10, 48, 48), "a unit"),
        plots.top_photos(scan, "pool4", 3, 3, 3),
        plots.top_photos(scan, "conv4", 3),
        plots.patch_wall(scan, "conv4", range(24)),
        plots.patch_comparison(scan, "conv4", [3, 5]),
    ]
    for figure in figures:
        assert isinstance(figure, Figure)
        assert 850 <= figure.get_size_inches()[0] * 100 <= 1030


def test_the_box_and_the_grid_lie_where_the_field_says():
    photo = np.zeros((100, 100, 3), np.uint8)
    field = ReceptiveField((46, 46), (16, 16), (0, 0))
    picture = pictures.on_photo(photo, field, (4, 4), patches.Hit(0, 1.0, 1, 2), 100)
    rows, cols = np.nonzero((picture == pictures.BOX).all(axis=-1))
    box = field.box(1, 2)
    assert abs(rows.min() - box[0]) <= 1 and abs(rows.max() - (box[2] - 1)) <= 1
    assert abs(cols.min() - box[1]) <= 1 and abs(cols.max() - (box[3] - 1)) <= 1
    lines = np.flatnonzero((picture[90] == 100).all(axis=-1))  # below the box, below the grid
    assert not len(lines)
    bare = pictures.on_photo(photo, field, (4, 4), patches.Hit(0, 1.0, 1, 2), 100, grid=False)
    assert (bare == 100).all(axis=-1).sum() < (picture == 100).all(axis=-1).sum()


def test_a_silent_channel_is_crossed_out(scan):
    ranking = scan["pool4"]
    kept = ranking.values.copy()
    try:
        ranking.values[0] = 0
        silent = pictures.best_photos(scan, "pool4", 0)
        other = pictures.best_photos(scan, "pool4", 1)
    finally:
        ranking.values[:] = kept
    assert silent.shape == other.shape and silent.min() < 100
    assert np.unique(silent.reshape(-1, 3), axis=0).shape[0] < 300 < len(np.unique(other)) * 300


def test_a_field_larger_than_the_photo_shows_the_photo(vgg16):
    photo = np.full((224, 224, 3), 200, np.uint8)
    small = models.load_vgg16("bundled", input_shape=(64, 64, 3))
    result = patches.scan(small, "block5_conv3", [photo], images.prepare, progress=False)
    tile = pictures._seen(result, "block5_conv3", patches.Hit(0, 1.0, 2, 2), 100)
    assert tile.shape == (100, 100, 3) and np.mean(tile == 200) > 0.95


# The explorer


def test_the_explorer_answers_everywhere(explorer, sweep):
    assert sweep(explorer) > 20
    explorer.controls["where"].value = "at this row and column"
    assert sweep(explorer) > 20


def test_the_explorer_follows_its_controls(explorer):
    explorer.controls["layer"].value = "conv4"
    explorer.controls["where"].value = "at this row and column"
    seen = set()
    for name, value in (("channel", 20), ("row", 3), ("col", 11), ("where", "anywhere in the map")):
        seen.add(explorer.caption.value)
        explorer.controls[name].value = value
        assert explorer.caption.value not in seen
    assert "conv4 (15 × 15 units), channel 20 of 0 to 127" in explorer.caption.value


def test_the_explorers_ranges_follow_the_layer(explorer):
    explorer.controls["layer"].value = "conv4"
    assert explorer.controls["row"].max == 14
    explorer.controls["layer"].value = "pool4"
    assert explorer.controls["row"].max == explorer.controls["col"].max == 6
    explorer.controls["where"].value = "anywhere in the map"
    assert explorer.controls["row"].disabled
    explorer.controls["where"].value = "at this row and column"
    assert not explorer.controls["row"].disabled


def test_a_scan_without_single_units_has_no_place_to_choose(network):
    files = collection.files()[:9]
    scanned = patches.scan(network, "conv1", files, images.scale_to_one, progress=False)
    explorer = widgets.best_patches(scanned)
    assert list(explorer.controls) == ["layer", "channel", "where"]
    picture = cv2.imdecode(np.frombuffer(explorer.picture.value, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[1] > 900


# Exercises


def test_field_size(vgg16):
    assert exercises.field_size(None, vgg16).right is None
    assert exercises.field_size(24, vgg16).right
    for wrong, reason in (
        (16, "block2_pool"),
        (48, "overlap"),
        (18, "4 pixels apart"),
        (28, "steps"),
    ):
        judged = exercises.field_size(wrong, vgg16)
        assert judged.right is False and reason in judged.reason


def test_next_size():
    assert exercises.next_size(lambda size, stride, kernel: None).right is None
    assert exercises.next_size(lambda size, stride, kernel: size + (kernel - 1) * stride).right
    assert exercises.next_size(lambda size, stride, kernel: size * kernel).right is False
    assert exercises.next_size(lambda size, stride, kernel: size + kernel * stride).right is False


def test_units_that_see(network):
    assert exercises.units_that_see(None, network).right is None
    assert exercises.units_that_see(16, network).right
    assert "2 apart" in exercises.units_that_see(64, network).reason
    assert "square" in exercises.units_that_see(4, network).reason
    assert exercises.units_that_see(9, network, "conv1").right


def test_the_explorer_compares_the_best_with_random_and_weakest_photos(explorer, scan):
    explorer.controls["layer"].value = "conv4"
    explorer.controls["channel"].value = 20
    explorer.controls["where"].value = "anywhere in the map"
    alone = bytes(explorer.picture.value)
    explorer.controls["where"].value = "anywhere, beside random and weakest"
    assert bytes(explorer.picture.value) != alone
    strongest = max(hit.value for hit in scan["conv4"].drawn(20))
    assert f"the strongest gives {strongest:.3g}" in explorer.caption.value
    assert explorer.controls["row"].disabled
