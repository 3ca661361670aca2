"""Lesson 05: its pictures, its explorer and its exercises."""

import numpy as np
import pytest

from helpers import activations, brightness, images, models, plots, widgets
from helpers.exercises import lesson_05 as exercises
from helpers.plots import blocks, panels
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
    assert f"dead (×): {len(dead)} of 64" in picture.caption
    assert f"{np.mean(maps == 0):.0%} zeros for the photo" in picture.caption
    assert "14 × 14 positions each" in picture.caption
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


def test_a_channel_is_dead_if_it_is_0_on_both_photos_and_sizes_are_rows_and_cols():
    maps = np.ones((2, 6, 9, 4), np.float32)
    maps[0, ..., 0] = maps[:, ..., 1] = 0
    layer = blocks.summed_up("odd", maps, ["percentile"])
    photos = dict.fromkeys(("first", "second"), np.zeros((60, 90, 3), np.uint8))
    caption = blocks.page(photos, layer, range(4), "percentile", "channels 0–3").caption
    assert "odd, channels 0–3 of 4; 6 × 9 positions each." in caption
    assert caption.endswith("50% zeros for first and 25% zeros for second; dead (×): 1 of 4.")


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


def test_a_grid_shows_the_chosen_maps(first_maps):
    maps = first_maps["block4_conv2"]
    panel = plots.map_grid(maps, "some", [130, 7, 400], scale="shared", bar=False)
    assert names(panel) == ["130", "7", "400"] and not panel.bar
    bright = brightness.scaled(maps, "shared").astype(int)
    for channel in (130, 7, 400):
        assert np.abs(bright[:, :, channel] - tile(panel, channel, (28, 28))).max() <= 4
    assert names(plots.map_grid(maps, "all")) == [str(channel) for channel in range(64)]
    within = np.zeros(512), np.full(512, 1e9)
    dark = plots.map_grid(maps, "dark", within=within)
    assert not tile(dark, 7, (28, 28)).any()


def test_the_picture_stitched_by_hand_is_drawn_once(cell):
    figure = cell("05", "plt.imshow(grid", grid=np.zeros((1792, 1792)))
    (drawn,) = figure.axes[0].images
    assert drawn.get_array().shape == (1792, 1792)


def test_charts_show_what_the_table_counts(cell):
    layer = ["a", "b"]
    zeros, dead = {"a": 0.25, "b": 0.5}, {"a": 0.0, "b": 0.125}
    by_hand = {"a": (3, 1, -1), "b": (196, 16, -90)}
    words = {"zeros": zeros, "dead": dead, "by_hand": by_hand, "every": dict.fromkeys(layer)}
    charts = cell("05", "plots.bars", **words).every()
    said = [[mark.words for mark in chart.marks if hasattr(mark, "words")] for chart in charts]
    assert said == [["25%", "50%"], ["0%", "12%"], ["3", "196"]]
    assert all([*chart.left.values()] == layer for chart in charts)


def test_the_white_frames_enclose_the_units_that_see_the_pixel(cell):
    ends = ["x", "a", "b"]
    change = {"a": np.eye(8), "b": np.ones((4, 4))}
    units = {"a": np.array([2, 3, 4]), "b": np.arange(4)}
    first, second = cell("05", "plots.frame", ends=ends, change=change, units=units).panels
    assert first.marks[0].points == [(2, 2), (2, 5), (5, 5), (5, 2)]
    assert second.marks[0].points == [(0, 0), (0, 4), (4, 4), (4, 0)]
    assert first.array.max() == 254 and second.scale.high == "1.00"


# Exercises


@pytest.mark.parametrize("right", [252, 252.0, "252", " 252 ", np.int64(252)])
def test_field_exercise_takes_every_right_form(any_size, vgg16, right):
    assert exercises.field_of_vgg19(right, any_size).right is True
    assert exercises.field_of_vgg19(right, vgg16).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (196, "VGG16's"),
        (202, "longer than one pixel"),
        (224, "on *each* side"),
        (280, "3 − 1 steps"),
        (308, "does not double"),
        (228, "there are three"),
        (244, "in block 3"),
        (300, "What does each"),
        ("wide", "one number"),
        ((252, 252), "one number"),
    ],
)
def test_field_exercise_names_the_slip(vgg16, wrong, reason):
    judged = exercises.field_of_vgg19(wrong, vgg16)
    assert judged.right is False and reason in judged.reason
    assert exercises.field_of_vgg19(None, vgg16).right is None


def test_vgg19_is_what_the_exercise_says(any_size):
    vgg19 = keras.applications.VGG19(weights=None, include_top=False, input_shape=(None, None, 3))
    size = receptive_field(vgg19, "block5_conv4").size[0]
    assert exercises.field_of_vgg19(size, any_size).right is True


@pytest.fixture(scope="module")
def puzzle(vgg16, photo, astronaut):
    """Four maps in another order, and what else the judge takes."""
    both = np.stack([photo, astronaut, photo[::-1], astronaut[:, ::-1]])
    own = activations.feature_maps(vgg16, images.prepare(both), 17)["block5_conv3"]
    channel = int(activations.by_activity(own)[0])
    return own[[2, 0, 1, 3]][..., channel], vgg16, both, "block5_conv3", channel


@pytest.mark.parametrize("right", ["BCAD", "bcad", " B, C, A, D ", ["B", "C", "A", "D"], "b c a d"])
def test_maps_exercise_takes_every_right_form(puzzle, right):
    assert exercises.whose_maps(right, *puzzle).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("CABD", "from map to photo"),
        ("ABCD", "Lay one over the other"),
        ("DCAB", "Lay one over the other"),
        ("BCA", "each of the letters ABCD once"),
        ("BCAA", "each of the letters ABCD once"),
        ("2314", "each of the letters ABCD once"),
        (7, "each of the letters ABCD once"),
        (["B", "C"], "each of the letters ABCD once"),
    ],
)
def test_maps_exercise_names_the_slip(puzzle, wrong, reason):
    judged = exercises.whose_maps(wrong, *puzzle)
    assert judged.right is False and reason in judged.reason
    assert exercises.whose_maps(None, *puzzle).right is None


def test_maps_that_are_the_same_may_be_exchanged(puzzle):
    _, model, photos, layer, channel = puzzle
    twice = photos[[0, 0, 1, 1]]
    own = activations.feature_maps(model, images.prepare(twice), layer)[layer][..., channel]
    for right in ("ABCD", "BACD", "BADC"):
        assert exercises.whose_maps(right, own, model, twice, layer, channel).right is True


def in_loops(maps):
    """Dead channels without NumPy's axes."""
    count = 0
    for channel in range(maps.shape[-1]):
        if not maps[..., channel].any():
            count += 1
    return count


@pytest.mark.parametrize(
    "right",
    [
        lambda maps: (maps.max(axis=(0, 1, 2)) == 0).sum(),
        lambda maps: int((maps == 0).all(axis=(0, 1, 2)).sum()),
        lambda maps: np.array(float((~maps.any(axis=(0, 1, 2))).sum())),
        lambda maps: len(activations.dead_channels(maps)),
        in_loops,
    ],
)
def test_dead_exercise_takes_every_right_form(right):
    assert exercises.dead_on_all(right).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda maps: (maps.max(axis=(0, 1, 2)) < 0.1).sum(), "leave out thresholds"),
        (lambda maps: (maps.round(1) == 0).all(axis=(0, 1, 2)).sum(), "leave out thresholds"),
        (lambda maps: (maps.mean(axis=(0, 1, 2)) < 1e-4).sum(), "leave out thresholds"),
        (lambda maps: (maps == 0).any(axis=(0, 1, 2)).sum(), "A single 0 is enough"),
        (lambda maps: (maps == 0).all(axis=(1, 2)).any(axis=0).sum(), "dead on some photo"),
        (lambda maps: (maps == 0).sum(), "all zeros"),
        (lambda maps: maps.any(axis=(0, 1, 2)).sum(), "do answer"),
        (lambda maps: (maps.max(axis=(1, 2)) == 0).sum(), "each photo by itself"),
        (lambda maps: (maps[0].max(axis=(0, 1)) == 0).sum(), "first photo only"),
        (lambda maps: (maps.max(axis=(0, 1)) == 0).sum(), "One axis is missing"),
        (lambda maps: (maps.max(axis=(0, 1, 2)) == 0).mean(), "share"),
        (lambda maps: np.flatnonzero(~maps.any(axis=(0, 1, 2))), "channels' numbers"),
        (lambda maps: print((maps == 0).all(axis=(0, 1, 2)).sum()), "return it"),
        (lambda maps: maps.nothing, "raised AttributeError"),
        (lambda maps: 1, "gives 1, not 2"),
        (3, "a function"),
    ],
)
def test_dead_exercise_names_the_slip(wrong, reason):
    judged = exercises.dead_on_all(wrong)
    assert judged.right is False and reason in judged.reason, judged
    assert exercises.dead_on_all(lambda maps: None).right is None
