"""Lesson 05: its pictures, its explorer and its exercises."""

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from helpers import activations, images, models, plots, widgets
from helpers.exercises import lesson_05 as exercises
from helpers.plots import blocks, canvas
from helpers.plots.mosaics import scaled
from helpers.quiet import keras
from helpers.receptive_field import receptive_field


@pytest.fixture(scope="module")
def first_maps(maps):
    return {name: layer[0] for name, layer in maps.items()}


@pytest.fixture(scope="module")
def astronaut():
    return images.load_photo("astronaut")


@pytest.fixture(scope="module")
def any_size():
    return models.load_vgg16("bundled", input_shape=(None, None, 3))


@pytest.fixture(scope="module")
def explorer(vgg16, photo):
    return widgets.feature_map_pages(vgg16, photo)


@pytest.fixture(autouse=True)
def fresh(request):
    """Put the shared explorer back to its first page after each test."""
    yield
    if "explorer" in request.fixturenames:
        for name, value in (("layer", "block1_conv1"), ("scale", "percentile")):
            request.getfixturevalue("explorer").controls[name].value = value
        request.getfixturevalue("explorer").controls["order"].value = "by index"


def size_of(explorer):
    encoded = np.frombuffer(explorer.picture.value, np.uint8)
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR).shape


def test_the_explorer_answers_at_all_its_extremes(explorer, sweep):
    assert sweep(explorer) >= 40


def test_pages_follow_the_layer(explorer):
    pages = {}
    for layer in ("block5_conv3", "block3_conv1", "block2_conv2", "block1_conv1"):
        explorer.controls["page"].max = 8
        explorer.controls["page"].value = 8
        explorer.controls["layer"].value = layer
        pages[layer] = explorer.controls["page"].max
        assert explorer.controls["page"].value <= pages[layer]
    assert list(pages.values()) == [8, 4, 2, 1]


def test_every_control_changes_picture_and_caption(explorer):
    explorer.controls["layer"].value = "block4_conv2"
    shown = [(explorer.picture.value, explorer.caption.value)]
    for name, value in (("page", 2), ("scale", "shared"), ("order", "by activity")):
        explorer.controls[name].value = value
        shown.append((explorer.picture.value, explorer.caption.value))
    pictures, captions = zip(*shown, strict=True)
    assert len(set(pictures)) == len(set(captions)) == 4


def test_the_picture_keeps_its_size(explorer):
    sizes = set()
    for layer in ("block1_conv1", "block2_conv1", "block3_conv3", "block5_conv1"):
        explorer.controls["layer"].value = layer
        for order in ("by activity", "by index"):
            explorer.controls["order"].value = order
            sizes.add(size_of(explorer))
    assert len(sizes) == 1


def test_a_page_by_activity_begins_with_the_most_active(explorer, first_maps):
    explorer.controls["layer"].value = "block5_conv3"
    explorer.controls["order"].value = "by activity"
    order = activations.by_activity(first_maps["block5_conv3"])
    assert f"({', '.join(map(str, order[:5]))}, …)" in explorer.caption.value
    explorer.controls["page"].value = 8
    assert "ranks 449 to 512 of 512" in explorer.caption.value
    assert f"({', '.join(map(str, order[448:453]))}, …)" in explorer.caption.value


def test_the_caption_counts_dead_channels_and_zeros(explorer, first_maps):
    explorer.controls["layer"].value = "block5_conv3"
    maps = first_maps["block5_conv3"][:, :, :64]
    assert f"dead channels here: {len(activations.dead_channels(maps))}." in explorer.caption.value
    assert f"{np.mean(maps == 0):.0%} of these maps" in explorer.caption.value


def test_the_network_is_not_run_when_a_control_moves(vgg16, photo, monkeypatch):
    made = widgets.feature_map_pages(vgg16, photo)
    monkeypatch.setattr(activations, "feature_maps", None)
    monkeypatch.setattr("helpers.widgets.feature_maps.maps_of", None)
    made.controls["layer"].value = "block3_conv3"
    assert "block3_conv3" in made.caption.value


def test_two_photos_show_the_same_channels(vgg16, photo, astronaut, sweep):
    made = widgets.feature_map_pages(vgg16, photo, astronaut, names=("cat", "astronaut"))
    assert sweep(made) >= 40
    made.controls["layer"].value = "block3_conv1"
    made.controls["order"].value = "by activity"
    assert "for cat" in made.caption.value
    same = widgets.feature_map_pages(vgg16, photo, photo)
    same.controls["layer"].value = "block3_conv1"
    read = cv2.imdecode(np.frombuffer(same.picture.value, np.uint8), cv2.IMREAD_COLOR)
    left, right = read[132:608, 2:478], read[132:608, 494:970]
    assert left.std() > 10
    assert np.abs(left.astype(int) - right).mean() < 5  # but for what JPEG rounds


def test_two_photos_must_be_of_one_size(vgg16, photo):
    with pytest.raises(ValueError, match="same size"):
        widgets.feature_map_pages(vgg16, photo, photo[:200])


def test_other_networks_and_sizes_work_too(sweep):
    inner = keras.Input((40, 30, 3))
    conv = keras.layers.Conv2D(70, 3, activation="relu", name="one")(inner)
    conv = keras.layers.Conv2D(5, 3, activation="tanh", name="two")(conv)
    photo = np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    made = widgets.feature_map_pages(keras.Model(inner, conv), photo)
    sweep(made)
    made.controls["layer"].value = "two"
    made.controls["order"].value = "by index"
    assert "channels 0 to 4 of 5" in made.caption.value


def test_vgg16_takes_512_pixels(any_size):
    batch = images.prepare(images.load_photo("astronaut", (512, 512)))
    shapes = {
        name: maps.shape
        for name, maps in activations.feature_maps(any_size, batch, [9, 17]).items()
    }
    assert shapes == {"block3_conv3": (1, 128, 128, 256), "block5_conv3": (1, 32, 32, 512)}


def test_only_units_that_meet_padding_differ_on_an_even_photo(vgg16):
    even = images.prepare(np.full((224, 224, 3), 128, np.uint8))
    for name, (maps,) in activations.feature_maps(vgg16, even).items():
        middle = maps[len(maps) // 2, len(maps) // 2]
        inside = receptive_field(vgg16, name).inside(maps.shape[:2], (224, 224))
        differs = np.abs(maps - middle).mean(axis=-1) > 1e-5
        assert (differs == ~inside).all(), name  # exactly those, with the bundled weights


def test_every_figure_is_one_that_can_be_read(photo, astronaut, maps, first_maps, vgg16):
    names = ["block1_conv1", "block4_conv1", "block5_conv3"]
    some = {name: first_maps[name] for name in names}
    fields = {name: receptive_field(vgg16, name) for name in maps}
    deviations = {name: layer.mean(axis=-1) for name, layer in some.items()}
    grey = photo.mean(axis=-1) / 255
    readings = {name: activations.read_back(layer, grey) for name, layer in some.items()}
    deep = first_maps["block5_conv1"]
    figures = {
        "layer_maps": plots.layer_maps(photo, first_maps["block3_conv1"], "block3_conv1"),
        "two_scales": plots.two_scales(first_maps["block1_conv1"], "block1_conv1"),
        "block_ends": plots.block_ends(photo, some),
        "strongest_maps": plots.strongest_maps(some, {name: np.arange(8) for name in names}),
        "padding_reach": plots.padding_reach(deviations, fields),
        "bright_frames": plots.bright_frames(deep, deep[::-1], np.arange(6)),
        "read_backs": plots.read_backs(grey, readings),
        "layer_profile": plots.layer_profile(activations.statistics(maps), fields, 224),
        "lost_and_gained": plots.lost_and_gained({"a": 0.9, "b": 0.2}, {"a": 0.5, "b": 0.1}, 4),
        "two_photos": plots.two_photos(
            (photo, astronaut), (deep, deep), ("a", "b"), "block5_conv1"
        ),
    }
    for name, figure in figures.items():
        assert isinstance(figure, Figure), name
        agg = FigureCanvasAgg(figure)
        agg.draw()
        pixels = np.asarray(agg.buffer_rgba())
        assert 650 <= pixels.shape[1] <= 1050, (name, pixels.shape)
        assert pixels[:, :, :3].std() > 20, name


def test_a_wall_shows_the_maps_and_nothing_else(first_maps):
    maps = first_maps["block5_conv1"][:, :, :5]
    picture = blocks.wall(maps, 28)
    assert picture.shape == (28, 5 * 28 + 4 * 4, 3)
    brightness = scaled(maps)
    for channel in range(5):
        tile = np.kron(brightness[:, :, channel], np.ones((2, 2), np.uint8))
        shown = picture[:, channel * 32 : channel * 32 + 28]
        assert (shown == canvas.colorize(tile, canvas.HEAT)).all()


@pytest.mark.parametrize(
    ("exercise", "right", "wrong"),
    [
        ("field_size", 10, {8: "2 pixels apart", 9: "2 × 2 positions", 3: "kernel", 11: "large"}),
        ("free_of_padding", 16, {4: "how many rows", 196: "all of them", 144: "outermost ring"}),
    ],
)
def test_number_exercises(vgg16, any_size, exercise, right, wrong):
    judge = getattr(exercises, exercise)
    assert judge(None, vgg16).right is None
    assert judge(right, vgg16).right is True
    assert judge(right, any_size).right is True
    for answer, reason in wrong.items():
        assert judge(answer, vgg16).right is False
        assert reason in judge(answer, vgg16).reason


def test_dead_channel_exercise():
    assert exercises.count_dead(None).right is None
    assert exercises.count_dead(lambda maps: None).right is None
    assert exercises.count_dead(lambda maps: (maps.max(axis=(0, 1)) == 0).sum()).right is True
    for wrong in (
        lambda maps: (maps == 0).sum(),
        lambda maps: (maps.mean(axis=(0, 1)) < 0.2).sum(),
        lambda maps: (maps[0, 0] == 0).sum(),
        lambda maps: 1,
        lambda maps: maps.nothing,
    ):
        assert exercises.count_dead(wrong).right is False


def test_scale_exercise():
    assert exercises.fair_scale(None).right is None
    assert exercises.fair_scale("shared").right is True
    for wrong in ("percentile", "min–max"):
        assert exercises.fair_scale(wrong).right is False
        assert "by itself" in exercises.fair_scale(wrong).reason
    assert "one of" in exercises.fair_scale("log").reason
