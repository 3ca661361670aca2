"""Lesson 05: its pictures, its explorer and its exercises."""

import numpy as np
import pytest

from helpers import activations, brightness, images, models, plots, widgets
from helpers.exercises import lesson_05 as exercises
from helpers.plots import panels
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


def grids(picture):
    """The panels that show maps."""
    return [panel for panel in picture.every() if panel.array is not None and panel.scale]


def names(panel):
    """The words above the maps of a panel."""
    return [mark.words for mark in panel.marks if getattr(mark, "words", "×") != "×"]


def tile(panel, number, size):
    """The map whose number stands in a grid, as places in the color map."""
    label = next(mark for mark in panel.marks if getattr(mark, "words", "") == str(number))
    top = round(label.row + 2 * panel.array.shape[1] / panel.width)
    left = int(label.col)
    return panel.array[top : top + size[0], left : left + size[1]]


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
    shown = [explorer.picture]
    for name, value in (("page", 2), ("scale", "shared"), ("order", "by activity")):
        explorer.controls[name].value = value
        shown.append(explorer.picture)
    arrays = {grids(picture)[0].array.tobytes() for picture in shown}
    assert len(arrays) == 4
    words = {(picture.caption, grids(picture)[0].scale.high) for picture in shown}
    assert len(words) == 4


def test_the_picture_keeps_its_size(explorer):
    sizes = set()
    for layer in ("block1_conv1", "block2_conv1", "block3_conv3", "block5_conv1"):
        explorer.controls["layer"].value = layer
        for order in ("by activity", "by index"):
            explorer.controls["order"].value = order
            sizes.add(explorer.picture.figure().get_size_inches().tolist()[1] // 0.25)
    assert len(sizes) == 1


def test_a_page_by_activity_begins_with_the_most_active(explorer, first_maps):
    explorer.controls["layer"].value = "block5_conv3"
    explorer.controls["order"].value = "by activity"
    order = [str(channel) for channel in activations.by_activity(first_maps["block5_conv3"])]
    assert names(grids(explorer.picture)[0]) == order[:64]
    explorer.controls["page"].value = 8
    assert "ranks 449 to 512 by activity of 512" in explorer.picture.caption
    assert names(grids(explorer.picture)[0]) == order[448:]


def test_a_page_says_how_many_channels_are_dead_and_numbers_zero(explorer, first_maps):
    explorer.controls["layer"].value = "block5_conv3"
    explorer.controls["page"].value = 2
    maps = first_maps["block5_conv3"][:, :, 64:128]
    picture = explorer.picture
    dead = activations.dead_channels(maps) + 64
    assert len(dead) > 0
    for words in (picture.caption, picture.every()[0].note):
        assert f"dead (×): {len(dead)} of 64" in words
        assert f"{np.mean(maps == 0):.0%} zeros in these" in words
        assert "14 × 14 positions each" in words
    panel = grids(picture)[0]
    for channel in range(64, 128):
        empty = (tile(panel, channel, (14, 14)) == panels.NOTHING).all()
        assert empty == (channel in dead)


@pytest.mark.parametrize("scale", ["percentile", "min–max", "shared"])
def test_a_page_shows_the_maps_on_its_scale(explorer, first_maps, scale):
    explorer.controls["layer"].value = "block4_conv2"
    explorer.controls["page"].value = 3
    explorer.controls["scale"].value = scale
    panel = grids(explorer.picture)[0]
    bright = brightness.scaled(first_maps["block4_conv2"], scale)
    for channel in (128, 150, 191):
        wrong = bright[:, :, channel].astype(int) - tile(panel, channel, (28, 28))
        assert np.abs(wrong).max() <= 4


def test_the_network_is_not_run_when_a_control_moves(vgg16, photo, monkeypatch):
    made = widgets.feature_map_pages(vgg16, photo)
    monkeypatch.setattr(activations, "feature_maps", None)
    made.controls["layer"].value = "block3_conv3"
    assert "block3_conv3" in made.picture.caption


def test_two_photos_show_the_same_channels_in_the_same_colors(vgg16, photo, astronaut, sweep):
    made = widgets.feature_map_pages(vgg16, photo, astronaut, names=("cat", "astronaut"))
    assert sweep(made) >= 40
    for name, value in (("layer", "block4_conv1"), ("page", 1), ("scale", "percentile")):
        made.controls[name].value = value
    made.controls["order"].value = "by activity"
    both = activations.feature_maps(vgg16, images.prepare(np.stack([photo, astronaut])), 11)
    both = both["block4_conv1"]
    first, second = grids(made.picture)
    order = activations.by_activity(both[0])[:64]
    assert names(first) == names(second) == [str(channel) for channel in order]
    for name, maps in zip(("cat", "astronaut"), both, strict=True):
        share = np.mean(maps[:, :, order] == 0)
        assert f"{share:.0%} zeros for {name}" in made.picture.caption
    within = brightness.limits(both)
    for panel, maps in ((first, both[0]), (second, both[1])):
        bright = brightness.scaled(maps, within=within).astype(int)
        for channel in order[[0, 30, 63]]:
            assert np.abs(bright[:, :, channel] - tile(panel, channel, (28, 28))).max() <= 4


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
    assert "channels 0 to 4 of 5" in made.picture.caption


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


def test_the_white_frame_encloses_what_meets_no_padding(maps, vgg16):
    fields = {name: receptive_field(vgg16, name) for name in maps}
    deviations = {
        name: np.linspace(0, 2, layer[0, :, :, 0].size).reshape(layer.shape[1:3])
        for name, layer in maps.items()
    }
    for panel in plots.padding_reach(deviations, fields).panels:
        side = panel.array.shape[0]
        inside = fields[panel.title].inside((side, side), (224, 224))
        (top, left), _, (bottom, right), _ = panel.marks[0].points
        framed = np.zeros_like(inside)
        framed[top:bottom, left:right] = True
        assert (framed == inside).all()
        assert f"{inside.sum():,} of {inside.size:,}" in panel.note
        assert panel.array.max() == 254 and panel.scale.high == "200% off"


def test_where_every_field_meets_padding_there_is_no_frame(vgg16):
    field = receptive_field(vgg16, "block5_conv3")
    picture = plots.padding_reach({"x": np.eye(6)}, {"x": field})
    assert not picture.panels[0].marks and "0 of 36" in picture.panels[0].note


def test_frames_are_compared_in_the_same_colors(first_maps):
    zeros = first_maps["block5_conv1"]
    photo = zeros[::-1] * 0.5
    channels = activations.by_activity(zeros)[:3]
    picture = plots.bright_frames(zeros, photo, channels)
    ring, inside = activations.edge_and_inside(zeros)
    for channel, (above, below) in zip(channels, picture.panels, strict=True):
        assert above.note == f"frame {ring[channel]:.2f}\ninside {inside[channel]:.2f}"
        assert above.array.max() == 254 and below.array.max() == 127  # half as strong
        assert float(below.scale.high) == pytest.approx(zeros[:, :, channel].max(), rel=0.01)
    assert f"{ring[channels].mean():.2f} with zeros around" in picture.caption


def test_read_backs_show_greys_as_they_are(photo, cell):
    grey = photo.mean(axis=-1) / 255
    readings = {"half": activations.ReadBack(grey / 2, 0.5), "other": None}
    names = {"grey": grey, "readings": readings, "six": ["half"], "activations": activations}
    picture = cell("05", "mean_squares", **names)
    first, half, coarse = picture.panels
    assert np.abs(first.array / 254 - grey).max() < 0.02
    assert np.abs(half.array / 254 - grey / 2).max() < 0.02
    assert np.ptp(coarse.array[:16, :16]) == 0
    assert coarse.array[0, 0] / 254 == pytest.approx(grey[:16, :16].mean(), abs=0.02)
    share = activations.mean_squares(grey).share
    assert half.note.startswith("50%") and coarse.note.startswith(f"{share:.0%}")


def test_the_first_maps_of_a_layer_stand_beside_the_photo(photo, maps):
    picture = plots.layer_maps({"a cat": photo}, maps["block3_conv1"], "block3_conv1")
    assert picture.every()[0].title == "a cat"
    assert names(grids(picture)[0]) == [str(channel) for channel in range(64)]
    assert grids(picture)[0].scale.high == "its 99th percentile"


def test_charts_say_what_they_show(maps, vgg16, cell):
    statistics = activations.statistics(maps)
    fields = {name: receptive_field(vgg16, name) for name in maps}
    profile = cell("05", "plots.bars", statistics=statistics, fields=fields).every()
    expected = (
        [layer.sparsity for layer in statistics],
        [layer.dead / layer.channels for layer in statistics],
        [fields[layer.name].size[0] for layer in statistics],
    )
    for panel, values, full in zip(profile, expected, (1, None, 224), strict=True):
        ends = [max(col for _, col in m.points) for m in panel.marks if getattr(m, "fill", None)]
        outline = panel.marks[0].points[2][1] if full else max(ends)
        share = np.array(values) / (full or max(values))
        np.testing.assert_allclose(ends, share * outline)
        assert [*panel.left.values()] == [layer.name for layer in statistics]
    readings = {k: activations.ReadBack(None, share) for k, share in (("a", 0.9), ("b", 0.2))}
    chart = cell("05", "figure.legend", readings=readings, changes={"a": 0.5, "b": 0.1})
    lines = {line.get_label(): list(line.get_ydata()) for line in chart.axes[0].lines}
    (read, lost), (moved, gained) = lines.items()
    assert "read back" in read and lost == [0.9, 0.2]
    assert "moves 4 pixels" in moved and gained == [0.5, 0.1]
    assert chart.axes[0].get_ylabel()
    assert 9 <= chart.get_size_inches()[0] <= 10


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
