"""Lesson 07: receptive fields against gradients, pictures of a scan, explorer and exercises."""

import numpy as np
import pytest
import tensorflow as tf

from helpers import collection, images, models, patches, plots, widgets
from helpers.exercises import lesson_07 as exercises
from helpers.plots import browser, panels
from helpers.plots.panels import Label, Path
from helpers.quiet import keras
from helpers.receptive_field import receptive_field


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


def influence(model, layer, batch, row, col, channel):
    """How much each pixel moves one unit, by the lines that the lesson shows."""
    inner = keras.Model(model.inputs[0], model.get_layer(layer).output)
    pixels = tf.constant(batch)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        answer = inner(pixels)[0, row, col, channel]
    return np.abs(tape.gradient(answer, pixels)[0]).sum(axis=-1)


def assert_field_is_exact(model, clear, layer, row, col):
    length = clear.inputs[0].shape[1]
    batch = np.random.default_rng(0).random((1, length, length, 3), dtype=np.float32) + 0.5
    moved = influence(clear, layer, batch, row, col, 0) > 0
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
    gradient = influence(network, "conv4", batch, row, col, channel)
    top, left, bottom, right = receptive_field(network, "conv4").box(row, col)
    assert gradient[top:bottom, left:right].max() > 0
    gradient[top:bottom, left:right] = 0
    assert gradient.max() == 0


# Pictures


def paths(panel, color=None):
    return [m for m in panel.marks if isinstance(m, Path) and color in (None, m.color)]


def extent(path):
    """(top, left, bottom, right)."""
    points = np.array(path.points)
    return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def words(panel):
    return [mark.words for mark in panel.marks if isinstance(mark, Label)]


def test_nested_fields_lie_where_the_layers_say(network, cell):
    photo = images.load_photo("chelsea", (150, 150))
    names = ["conv1", "conv3", "pool4"]
    fields = {name: receptive_field(network, name) for name in names}
    boxes = np.array([fields[n].box(k, k) for n, k in zip(names, (74, 17, 3), strict=True)])
    picture = cell("07", "near = ", photo=photo, names=names, fields=fields, boxes=boxes)
    whole, enlarged = picture.panels
    assert [extent(path) for path in paths(whole)] == [tuple(box) for box in boxes.tolist()]
    top, left = (boxes[2, :2] - 2).tolist()
    assert np.array_equal(enlarged.array, photo[top : top + 50, left : left + 50])
    assert [extent(path) for path in paths(enlarged)] == [
        tuple(np.subtract(box, (top, left, top, left)).tolist()) for box in boxes
    ]
    assert [p.color for p in paths(whole)] == [p.color for p in paths(enlarged)]
    assert picture.caption.endswith("conv1 3, conv3 18, pool4 46.")


def test_the_gradients_colors_are_its_square_root_and_say_so(cell):
    photo = np.zeros((4, 4, 3), np.uint8)
    gradient = np.zeros((4, 4))
    gradient[1, 2], gradient[2, 2] = 0.8, 0.2
    names = {"photo": photo, "gradient": gradient, "top": 1, "left": 1, "bottom": 3, "right": 4}
    left, heat = cell("07", "np.sqrt", **names).every()
    assert heat.array[1, 2] == 254 and heat.array[2, 2] == 127 and heat.array.sum() == 254 + 127
    assert heat.scale[:3] == ("inferno", "0", "0.894") and "square root" in heat.title
    assert extent(paths(left)[0]) == extent(paths(heat)[0]) == (1, 1, 3, 4)


@pytest.mark.parametrize("unit", [(None, None), (3, 2)])
def test_the_photos_are_those_of_the_ranking_with_grid_cell_and_field(scan, unit):
    ranking = scan["pool4"]
    channel = int(ranking.by_strength()[0])
    hits = ranking.best(channel, *unit)
    picture = plots.top_photos(scan, "pool4", channel, *unit)
    *columns, seen = picture.panels
    assert seen.title == "what it sees: 46 × 46 pixels"
    photos = [column[k] for k in range(3) for column in columns]
    assert words(seen) == [photo.note for photo in photos]
    for rank, (hit, photo) in enumerate(zip(hits, photos, strict=True), 1):
        assert np.array_equal(photo.array, scan.photos[hit.photo].pixels)
        assert np.array_equal(tile(seen, rank - 1, 46), scan.patch("pool4", hit))
        assert photo.note == f"{rank}: {hit.value:.3g}"
        box = np.clip(ranking.field.box(hit.row, hit.col), 0, 150)
        assert extent(paths(photo, panels.YELLOW)[0]) == tuple(box)
        middle = np.array(ranking.field.box(hit.row, hit.col)).reshape(2, 2).mean(axis=0)
        cell = np.array(extent(paths(photo, "#ffffff")[0])).reshape(2, 2)
        assert np.allclose(cell.mean(axis=0), middle) and np.ptp(cell, axis=0).tolist() == [16, 16]
        points = np.array(paths(photo, "#ffffff80")[0].points)
        assert len(np.unique(points[:, 0])) == len(np.unique(points[:, 1])) == 8  # 7 units
        assert cell[0, 0] in points[:, 0] and cell[1, 1] in points[:, 1]
    assert f"of {len(scan.photos)} photos" in picture.caption
    assert f"with {hits[0].value:.3g} at row {hits[0].row}, col {hits[0].col}" in picture.caption


def test_a_grid_too_fine_to_see_is_left_out(network):
    found = patches.scan(
        network, "conv1", collection.files()[:3], images.scale_to_one, progress=False
    )
    panel = plots.top_photos(found, "conv1", 0).panels[0][0]
    assert [path.color for path in paths(panel)] == [panels.YELLOW]


def test_units_that_see_everything_have_no_frame(network):
    found = patches.scan(
        network, "dog", collection.files()[:12], images.scale_to_one, progress=False
    )
    picture = plots.top_photos(found, "dog", 0)
    assert picture.panels[-1].title == "what it sees: the whole photo"
    assert not picture.panels[0][0].marks
    hit = found["dog"].best(0)[0]
    assert np.array_equal(tile(picture.panels[-1], 0, 150), found.photos[hit.photo].pixels)


def test_a_unit_that_nothing_excites_says_so_in_words(scan):
    values = scan["pool4"].values
    kept = values.copy()
    try:
        values[:, 0] = 0
        values[np.argsort(-values[:, 1])[4:], 1] = 0
        silent = plots.top_photos(scan, "pool4", 0)
        some = plots.top_photos(scan, "pool4", 1)
        wall = plots.patch_wall(scan, "pool4", [0, 1]).panels
        beside = plots.patch_comparison(scan, "pool4", [0]).panels
    finally:
        values[:] = kept
    nothing = [["no photo\nexcites it"]]
    assert "not one excites it" in silent.caption
    assert [panel.words for panel in silent.every()] == [nothing]
    assert len(some.every()) == 4 + 1 and (some.every()[-1].array[-40:] == 255).all()
    assert wall[0].words == nothing and wall[0].note == "up to 0"
    assert wall[1].words is None and (wall[1].array[-40:] == 255).all()  # 4 of 9 patches
    assert [panel.words for panel in beside] == [nothing, None, None]
    some.figure(), silent.figure()


def tile(panel, number, side):
    """A patch in a panel of nine."""
    rows, cols = (length // 3 for length in panel.array.shape[:2])
    row, col = number // 3 * rows + rows - side, number % 3 * cols
    return panel.array[row : row + side, col : col + side]


def test_a_channel_is_compared_with_random_and_weakest_photos(scan):
    ranking = scan["conv4"]
    picture = plots.patch_comparison(scan, "conv4", [20, 3])
    groups = [
        (f"channel {channel}: {words}", hits)
        for channel in (20, 3)
        for words, hits in (
            ("strongest", ranking.best(channel)),
            ("at random", ranking.drawn(channel)),
            ("weakest", ranking.least(channel)),
        )
    ]
    for panel, (title, hits) in zip(picture.panels, groups, strict=True):
        assert panel.title == title
        assert words(panel) == [f"{hit.value:.3g}" for hit in hits]
        for number, hit in enumerate(hits):
            assert np.array_equal(tile(panel, number, 38), scan.patch("conv4", hit))
    random = max(hit.value for hit in ranking.drawn(3))
    assert f"channel 3 reaches {ranking.best(3)[0].value:.3g}" in picture.caption
    assert f"in photos at random {random:.3g}" in picture.caption


def test_a_wall_has_a_named_square_of_patches_for_each_channel(scan):
    shown = plots.patch_wall(scan, "conv4", [20, 3]).panels
    assert [panel.title for panel in shown] == ["channel 20", "channel 3"]
    for panel, channel in zip(shown, (20, 3), strict=True):
        hits = scan["conv4"].best(channel)
        assert panel.note == f"up to {hits[0].value:.3g}"
        for number in (0, 8):
            wanted = scan.patch("conv4", hits[number])
            gap = panel.array.shape[1] // 3 - 38
            top, left = number // 3 * (38 + gap) + gap, number % 3 * (38 + gap)
            assert np.array_equal(panel.array[top : top + 38, left : left + 38], wanted)


def test_a_field_larger_than_the_photo_shows_the_photo():
    photo = np.full((64, 64, 3), 200, np.uint8)
    small = models.load_vgg16("bundled", input_shape=(64, 64, 3))
    result = patches.scan(small, "block5_conv3", [photo], images.prepare, progress=False)
    middle = result.patch("block5_conv3", patches.Hit(0, 1.0, 2, 2))
    assert middle.shape == (64, 64, 3) and (middle == 200).all()
    corner = result.patch("block5_conv3", patches.Hit(0, 1.0, 0, 0))
    assert corner.shape == (64, 64, 3)


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
        seen.add(explorer.picture.caption)
        explorer.controls[name].value = value
        assert explorer.picture.caption not in seen
    assert "conv4, channel 20: of" in explorer.picture.caption


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
    assert len(explorer.picture.every()) == 9 + 1


def test_the_explorer_compares_the_best_with_random_and_weakest_photos(explorer, scan):
    explorer.controls["layer"].value = "conv4"
    explorer.controls["channel"].value = 20
    explorer.controls["where"].value = "anywhere, beside random and weakest"
    shown, wanted = explorer.picture, plots.patch_comparison(scan, "conv4", [20])
    assert shown.caption == wanted.caption
    assert all(map(np.array_equal, *([p.array for p in each.panels] for each in (shown, wanted))))
    assert explorer.controls["row"].disabled


def test_a_picture_is_light_enough_to_send(explorer, scan):
    for where in ("anywhere in the map", "anywhere, beside random and weakest"):
        for layer in scan.rankings:
            _, files = browser.described(explorer.draw(layer, 20, where))
            assert 0 < sum(map(len, files.values())) < 200_000


# Exercises


def by(value, sign=-1):
    return lambda maps, channel, count: np.argsort(sign * value(maps, channel))[:count]


def highest(maps, channel):
    return maps[..., channel].max(axis=(1, 2))


@pytest.mark.parametrize(
    "answer",
    [
        by(highest),
        lambda maps, channel, count: highest(maps, channel).argsort()[::-1][:count],
        lambda maps, channel, count: [
            n for _, n in sorted((-plane[..., channel].max(), n) for n, plane in enumerate(maps))
        ][:count],
        lambda maps, channel, count: np.lexsort((-highest(maps, channel),))[:count],
    ],
)
def test_ranked_takes_every_right_function(answer):
    assert exercises.ranked(answer).right


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (by(highest, 1), "weakest"),
        (lambda m, c, n: np.argsort(highest(m, c))[-n:], "strongest comes last"),
        (by(lambda m, c: m[..., c].mean(axis=(1, 2))), "map's mean"),
        (by(lambda m, c: m[..., c].sum(axis=(1, 2))), "map's mean"),
        (by(lambda m, c: m.max(axis=(1, 2, 3))), "over all channels"),
        (lambda m, c, n: np.sort(highest(m, c))[::-1][:n], "the activations"),
        (lambda m, c, n: by(highest)(m, c, len(m)), "gives"),
        (lambda m, c, n: by(highest)(m, -1, n), "gives"),  # always the last channel
        (lambda m, c, n: by(highest)(m, c, 4), "gives"),  # always four
        (lambda m, c, n: m[0, 0, 0, c + 1], "raised IndexError"),
        (lambda m, c, n: print(by(highest)(m, c, n)), "return it"),
        (lambda m, c, n: (m.sort(), 0)[1], "changes what it was given"),
        (7, "a function"),
    ],
)
def test_ranked_names_slips(answer, reason):
    judged = exercises.ranked(answer)
    assert judged.right is False and reason in judged.reason, judged.reason


def test_unanswered(network, vgg16, scan):
    assert exercises.ranked(lambda maps, channel, count: None).right is None
    assert exercises.lucky_channels(None, vgg16).right is None
    assert exercises.same_channel(None, 1, few(scan)).right is None


@pytest.mark.parametrize("answer", [25.6, 26, "25.6", 25, np.float32(25.6), 0.05 * 512])
def test_lucky_channels_takes_every_right_number(vgg16, answer):
    assert exercises.lucky_channels(answer, vgg16).right


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (0.05, "share"),
        (5, "5 of 100"),
        (0, "very often"),
        (512, "only 5%"),
        (486.4, "does not pass"),
        (0.05 / 512, "stricter"),
        (100, "first hint"),
        ("many", "one number"),
    ],
)
def test_lucky_channels_names_slips(vgg16, answer, reason):
    judged = exercises.lucky_channels(answer, vgg16)
    assert judged.right is False and reason in judged.reason


def few(scan):
    """The scan, its conv4 under the name of the layer that the riddles are drawn from."""
    return patches.Scan(scan.photos, {"block2_conv2": scan["conv4"]})


def test_riddles_are_drawn_from_the_number_and_judged_by_it(scan):
    drawn, letters = set(), set()
    for number in range(12):
        asked, four = exercises.riddle(number, few(scan))
        assert (asked, four) == exercises.riddle(str(number), few(scan))
        assert len(set(four)) == 4 and asked in four
        assert set(four) <= set(scan["conv4"].by_strength()[:64].tolist()), "the stronger half"
        right = "ABCD"[four.index(asked)]
        drawn.add(asked)
        letters.add(right)
        for letter, channel in zip("ABCD", four, strict=True):
            judged = exercises.same_channel(f" {letter.lower()} ", number, few(scan))
            assert judged.right is (letter == right) and f"channel {channel}" in judged.reason
        for other in ("E", 7, asked):
            judged = exercises.same_channel(other, number, few(scan))
            assert judged.right is False and "one of 'A', 'B', 'C', 'D'" in judged.reason
    assert len(drawn) > 6 and len(letters) > 2
