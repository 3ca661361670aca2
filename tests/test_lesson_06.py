"""Lesson 06: the cat–dog network, its maps in rows, its explorer and its exercises."""

import numpy as np
import pytest

from helpers import activations, brightness, images, layers, models, plots, widgets
from helpers.exercises import lesson_06 as exercises
from helpers.plots import mosaics, panels
from helpers.plots import representations as pictures
from helpers.receptive_field import ReceptiveField, receptive_field

NAMES = [f"{kind}{number}" for number in (1, 2, 3, 4) for kind in ("conv", "pool")]


@pytest.fixture(scope="module")
def network():
    return models.load_cat_dog()


@pytest.fixture(scope="module")
def photos():
    return {name: images.load_photo(name, (150, 150)) for name in ("chelsea", "rocket")}


@pytest.fixture(scope="module")
def cat_maps(network, photos):
    batch = images.scale_to_one(photos["chelsea"])
    return {name: maps[0] for name, maps in activations.feature_maps(network, batch, NAMES).items()}


@pytest.fixture(scope="module")
def explorer(network, photos):
    return widgets.representations(network, photos, NAMES)


# The network


def test_the_network_is_exactly_the_tutorials(network):
    assert network.count_params() == 3_453_121
    sides = [148, 74, 72, 36, 34, 17, 15, 7]
    channels = [32, 32, 64, 64, 128, 128, 128, 128]
    shapes = [layers.output_shape(network.get_layer(name))[1:] for name in NAMES]
    assert shapes == [(side, side, count) for side, count in zip(sides, channels, strict=True)]
    assert layers.output_shape(network.get_layer("flatten")) == (None, 6272)
    assert [layer.name for layer in network.layers[-2:]] == ["dense1", "dog"]
    assert network.weights_used == "bundled"


def test_bundled_weights_are_trained_and_random_ones_are_not(network, photos):
    again = models.load_cat_dog("random")
    kernel = layers.kernel_and_bias(again.get_layer("conv1"))[0]
    assert not np.allclose(kernel, layers.kernel_and_bias(network.get_layer("conv1"))[0])
    assert np.allclose(
        kernel, layers.kernel_and_bias(models.load_cat_dog("random").get_layer("conv1"))[0]
    )
    dog = float(network.predict_on_batch(images.scale_to_one(photos["chelsea"]))[0, 0])
    assert dog < 0.5  # the cat


def test_weights_of_another_network_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        models.load_cat_dog(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", **{"conv1/kernel": np.zeros((3, 3, 3, 5))})
    with pytest.raises(ValueError, match="conv1"):
        models.load_cat_dog(tmp_path / "other.npz")
    (tmp_path / "bad.npz").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="damaged"):
        models.load_cat_dog(tmp_path / "bad.npz")


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8)])
def test_scaling_takes_uint8_photos_only(wrong):
    with pytest.raises(ValueError, match="scale_to_one"):
        images.scale_to_one(wrong)


def test_scaling_keeps_the_photo_and_its_order():
    photo = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_allclose(images.scale_to_one(photo), [[[[0, 0.2, 1]]]], rtol=1e-6)
    assert photo[0, 0, 2] == 255


# Pictures


def _names(panel):
    return [mark.words for mark in panel.marks if getattr(mark, "words", "×") != "×"]


def test_rows_show_all_channels_or_the_chosen_ones(photos, cat_maps):
    every = plots.layer_rows(cat_maps, scale="standardized", columns=24, width=1000)
    for panel, (name, maps) in zip(every.panels, cat_maps.items(), strict=True):
        assert panel.title.startswith(name)
        assert _names(panel) == [str(channel) for channel in range(maps.shape[-1])]
    chosen = {name: activations.by_activity(maps)[:10] for name, maps in cat_maps.items()}
    picture = plots.layer_rows(cat_maps, chosen, columns=5, photo=photos["chelsea"])
    assert picture.panels[0].title == "the photo"
    assert [_names(panel) for panel in picture.panels[1:]] == [
        [str(channel) for channel in channels] for channels in chosen.values()
    ]
    assert [panel.bar for panel in picture.panels[1:]] == [False] * 7 + [True]


def test_the_same_maps_are_as_bright_as_their_scale_says(cat_maps):
    maps, channels = cat_maps["conv3"], [3, 9, 40]
    picture = plots.same_map_scaled(maps, channels, "conv3")
    for panel, scale in zip(picture.panels, pictures.SCALES, strict=True):
        assert panel.title == f"conv3, {scale}"
        bright = brightness.scaled(maps, scale)[:, :, channels]
        assert panel.note == f"mean brightness {bright.mean():.0f} of 255"
        for label, channel in zip(panel.marks, range(3), strict=True):
            top = round(label.row + 2 * panel.array.shape[1] / panel.width)
            shown = panel.array[top : top + 34, int(label.col) : int(label.col) + 34]
            assert np.abs(bright[:, :, channel].astype(int) - shown).max() <= 4
    largest = maps[:, :, channels].max(axis=(0, 1))
    assert f"to {largest.max():.2f} (channel {channels[largest.argmax()]})" in picture.caption
    assert f"from {largest.min():.2f} (channel" in picture.caption


def test_bars_are_as_long_as_the_share_of_zeros(cat_maps, cell):
    statistics = activations.statistics({**cat_maps, "none": np.zeros((2, 2, 3))})
    zeros, dead = cell("06", "plots.bars", measured=statistics).every()
    ends = [max(c for _, c in m.points) for m in zeros.marks if getattr(m, "fill", None)]
    room = zeros.marks[0].points[2][1]  # of the outline: 100%
    np.testing.assert_allclose(ends, [room * np.mean(m == 0) for m in cat_maps.values()] + [room])
    assert _names(zeros)[-1] == "100%"
    assert _names(dead) == [f"{layer.dead}" for layer in statistics] and _names(dead)[-1] == "3"


def test_verdicts_are_bars_from_0_to_1(photos):
    shown = {str(n): photos["rocket"] for n in range(3)}
    picture = plots.verdicts(shown, np.array([0.1, 0.5, 0.94]))
    for (_, bar), dog in zip(picture.panels, (0.1, 0.5, 0.94), strict=True):
        outline, drawn, words = bar.marks
        assert bar.title == "dog" and words.words == f"{dog:.0%}"
        assert drawn.points[2][1] == pytest.approx(dog * outline.points[2][1])
    assert [bar.note for _, bar in picture.panels] == ["0", "1", "2"]
    assert "“dog”: 2." in picture.caption
    assert "none" in plots.verdicts(shown, np.zeros(3)).caption


def test_the_strongest_unit_and_its_field_are_framed(network, photos, cat_maps):
    photo = photos["chelsea"]
    for layer, channel in (("conv3", 43), ("pool4", 2)):
        field, maps = receptive_field(network, layer), cat_maps[layer]
        picture = plots.chosen_channel(photo, maps, layer, channel, field)
        (one, over), grid = picture.panels
        row, col = np.unravel_index(maps[:, :, channel].argmax(), maps.shape[:2])
        assert one.marks[0].points[0] == (row, col)
        assert one.marks[0].points[2] == (row + 1, col + 1)
        box = np.clip(field.box(row, col), 0, 150)
        assert [*over.marks[0].points[0], *over.marks[0].points[2]] == box.tolist()
        assert f"is at row {row}, col {col}" in picture.caption
        assert f"{np.mean(maps[:, :, channel] == 0):.0%} of them 0" in picture.caption
        (low, *_), (high, *_) = brightness.limits(maps[:, :, [channel]], "standardized")
        assert one.scale[1:3] == (panels.number(low, "#.3g"), panels.number(high, "#.3g"))
        bright = brightness.scaled(maps[:, :, [channel]], "standardized")[:, :, 0]
        assert np.abs(bright.astype(int) - one.array).max() <= 1
        assert grid.clicks.values["channel"][channel] == channel
        label = next(m for m in grid.marks if getattr(m, "words", "") == str(channel))
        assert grid.marks[maps.shape[-1]].points[0][1] == label.col  # the frame


def test_on_the_shared_scale_a_map_keeps_its_place_among_all(network, photos, cat_maps):
    maps, field = cat_maps["conv4"], receptive_field(network, "conv4")
    picture = plots.chosen_channel(photos["chelsea"], maps, "conv4", 7, field, "shared")
    one = picture.panels[0][0]
    assert one.scale.high == panels.number(maps.max(), "#.3g")
    assert one.array.max() == pytest.approx(254 * maps[:, :, 7].max() / maps.max(), abs=1)


def test_a_dead_channel_is_empty_and_its_caption_says_so(photos):
    maps = np.zeros((148, 148, 2), np.float32)
    maps[3, 4, 1] = 1
    field = ReceptiveField((3, 3), (1, 1), (0, 0))
    picture = plots.chosen_channel(photos["rocket"], maps, "conv1", 0, field)
    (one, over), grid = picture.panels
    assert "nothing in this photo" in picture.caption
    assert (one.array == panels.NOTHING).all() and not over.marks
    assert [mark.words for mark in (*one.marks, grid.marks[-1])] == ["×", "×"]


def test_light_falls_on_the_middle_of_a_units_field():
    chosen = np.zeros((7, 7), np.float32)
    chosen[2, 4] = 1
    field = ReceptiveField((46, 46), (16, 16), (0, 0))
    photo = np.full((150, 150, 3), 200, np.uint8)
    light = pictures.lit(photo, chosen, field)[:, :, 0].astype(int)
    rows, cols = np.nonzero(light > light.min() + 50)
    top, left, bottom, right = field.box(2, 4)
    assert (rows.min() + rows.max() + 1) / 2 == pytest.approx((top + bottom) / 2, abs=1)
    assert (cols.min() + cols.max() + 1) / 2 == pytest.approx((left + right) / 2, abs=1)
    assert rows.max() - rows.min() + 1 == 16


@pytest.mark.parametrize("channels", [1, 3, 32, 64, 96, 128, 512])
def test_all_channels_find_room(channels):
    maps = np.random.default_rng(0).random((15, 15, channels)).astype(np.float32)
    field = ReceptiveField((46, 46), (8, 8), (0, 0))
    photo = np.zeros((150, 150, 3), np.uint8)
    picture = plots.chosen_channel(photo, maps, "conv4", channels - 1, field)
    width, height = picture.figure().get_size_inches()
    assert 9 <= width <= 10 and height <= 12
    assert len(_names(picture.panels[1])) == channels


# The explorer


def test_the_explorer_answers_everywhere(explorer, sweep):
    assert sweep(explorer) > 60


def test_the_explorer_follows_its_controls(explorer, network, photos):
    for name, value in (
        ("layer", "conv1"),
        ("channel", 0),
        ("photo", "chelsea"),
        ("scale", "standardized"),
    ):
        explorer.controls[name].value = value
    seen = [explorer.picture.panels[0][0].array.tobytes()]
    for name, value in (
        ("layer", "conv3"),
        ("channel", 77),
        ("photo", "rocket"),
        ("scale", "shared"),
    ):
        explorer.controls[name].value = value
        found = explorer.picture.panels[0][0].array.tobytes()
        assert found not in seen
        seen.append(found)
    assert "conv3, channel 77 of 0 to 127: 34 × 34 numbers" in explorer.picture.caption
    maps = activations.feature_maps(network, images.scale_to_one(photos["rocket"]), "conv3")
    tiles, _ = mosaics.wall(maps["conv3"][0], "shared", side=pictures.SIDE)
    shown = explorer.picture.panels[1].array
    assert np.array_equal(np.sort(shown[shown < panels.NOTHING]), np.sort(tiles, axis=None))


def test_the_explorers_channels_follow_the_layer(explorer):
    explorer.controls["layer"].value = "conv4"
    explorer.controls["channel"].value = 127
    explorer.controls["layer"].value = "conv1"
    assert explorer.controls["channel"].max == explorer.controls["channel"].value == 31


def test_the_explorers_picture_keeps_its_size(explorer):
    sizes = set()
    for layer in NAMES:
        explorer.controls["layer"].value = layer
        sizes.add(tuple((explorer.picture.figure().get_size_inches() // 0.25).tolist()))
    assert len(sizes) == 1


# Exercises


def test_numbers_in_a_map(network):
    assert exercises.numbers_in_map(None, network).right is None
    assert exercises.numbers_in_map(34 * 34 * 128, network).right
    assert "one of conv3's maps" in exercises.numbers_in_map(34 * 34, network).reason
    assert "has learned" in exercises.numbers_in_map(73_856, network).reason


def test_the_heaviest_layer(network):
    assert exercises.heaviest_layer(None, network).right is None
    right = exercises.heaviest_layer("dense1", network)
    assert right.right and "93%" in right.reason
    assert exercises.heaviest_layer("conv4", network).right is False
    assert "one of" in exercises.heaviest_layer("pool4", network).reason


def test_brightness_must_survive_a_dead_channel():
    def naive(value, mean, spread):
        return min(max((value - mean) / spread * 64 + 128, 0), 255)

    def safe(value, mean, spread):
        return naive(value, mean, spread) if spread > 0 else 128

    assert exercises.brightness(lambda value, mean, spread: None).right is None
    assert exercises.brightness(safe).right
    wrong = exercises.brightness(naive)
    assert wrong.right is False and "ZeroDivisionError" in wrong.reason
    assert exercises.brightness(lambda v, m, s: (v - m) / (s or 1) * 64 + 128).right is False
