"""Lesson 06: the cat–dog network, its maps in rows, its explorer and its exercises."""

import re

import numpy as np
import pytest

from helpers import activations, brightness, images, layers, models, plots, widgets
from helpers.exercises import lesson_06 as exercises
from helpers.plots import mosaics, panels, representations as pictures
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


def test_rows_show_all_channels_or_the_chosen_ones(cat_maps):
    every = plots.layer_rows(cat_maps, scale="standardized", columns=24, width=1000)
    for panel, (name, maps) in zip(every.panels, cat_maps.items(), strict=True):
        assert panel.title.startswith(name)
        assert _names(panel) == [str(channel) for channel in range(maps.shape[-1])]
    chosen = {name: activations.by_activity(maps)[:10] for name, maps in cat_maps.items()}
    picture = plots.layer_rows(cat_maps, chosen, columns=5)
    assert [_names(panel) for panel in picture.panels] == [
        [str(channel) for channel in channels] for channels in chosen.values()
    ]
    assert [panel.bar for panel in picture.panels] == [False] * 7 + [True]


def test_verdicts_are_bars_from_0_to_1(photos):
    shown = {str(n): photos["rocket"] for n in range(3)}
    picture = plots.verdicts(shown, np.array([0.1, 0.5, 0.94]))
    for (_, bar), dog in zip(picture.panels, (0.1, 0.5, 0.94), strict=True):
        outline, drawn, words = bar.marks
        assert bar.title == f"answer: {'dog' if dog > 0.5 else 'cat'}"
        assert words.words == f"{dog:.0%}"
        assert drawn.points[2][1] == pytest.approx(dog * outline.points[2][1])
    assert [bar.note for _, bar in picture.panels] == [f"probability of dog\n{n}" for n in range(3)]
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
        zeros, mean = np.mean(maps[:, :, channel] == 0), maps[:, :, channel].mean()
        assert f"{zeros:.0%} of them 0, mean {mean:.2f}. The largest" in picture.caption
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


#: At 0.4: 5 of 11 cats called cat, 8 of 12 dogs called dog; at 0.5 two more cats.
LABELS = np.repeat(np.uint8([0, 1]), [11, 12])
DOGS = np.repeat(np.float32([0.1, 0.45, 0.9, 0.8, 0.2]), [5, 2, 4, 8, 4])


@pytest.mark.parametrize("right", [5, "5", 5.0, np.int64(5), " 5 ", np.array([5])])
def test_cats_at_another_threshold(right):
    judged = exercises.cats_called_cat(right, DOGS, LABELS)
    assert judged.right and "5 of the 11 cats" in judged.reason


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (6, "called dogs now"),
        (7, "That is for 0.5"),
        (13, "all photos called rightly"),
        (8, "dogs that are called dogs"),
        (9, "all photos called cat"),
        (5 / 11, "their share"),
        (4, "dogs that are called cats"),
        (3, "first hint"),
        ("most", "one number"),
    ],
)
def test_slips_in_counting_cats(wrong, reason):
    judged = exercises.cats_called_cat(wrong, DOGS, LABELS)
    assert judged.right is False and reason in judged.reason, judged


def test_a_cat_at_the_threshold_is_called_cat():
    assert exercises.cats_called_cat(2, np.float32([0.1, 0.5, 0.7]), np.zeros(3), 0.5).right


def test_cats_not_counted_yet():
    assert exercises.cats_called_cat(None, DOGS, LABELS).right is None


@pytest.mark.parametrize("number", range(0, 40, 3))
def test_the_pool_riddle_has_one_answer(cat_maps, number):
    question, choices = exercises.pool_riddle(number, cat_maps["conv3"], cat_maps["pool3"])
    again, _ = exercises.pool_riddle(-number, cat_maps["conv3"], cat_maps["pool3"])
    assert np.array_equal(question, again) and list(choices) == [*"ABCD"]
    judged = {letter: exercises.which_pool(letter, question, choices) for letter in choices}
    (right,) = (letter for letter, judgement in judged.items() if judgement.right)
    assert choices[right].max() == question.max()
    assert f"Every number of {right}" in judged[right].reason
    for letter in set(choices) - {right}:
        row, col = (int(k) for k in re.findall(r"row (\d+), col (\d+)", judged[letter].reason)[0])
        four = question[2 * row : 2 * row + 2, 2 * col : 2 * col + 2]
        differs = np.abs(choices[letter] - question.reshape(17, 2, 17, 2).max(axis=(1, 3)))
        assert differs[row, col] == pytest.approx(differs.max()), "where it shows most"
        assert f"{letter} has {choices[letter][row, col]:.2f}" in judged[letter].reason
        assert judged[letter].reason.endswith(f"there is {four.max():.2f}.")


def test_no_map_of_the_pool_riddle_is_dead():
    conv = np.random.default_rng(0).random((8, 8, 12))
    conv[..., ::2] = 0
    pool = conv.reshape(4, 2, 4, 2, 12).max(axis=(1, 3))
    for number in range(10):
        question, choices = exercises.pool_riddle(number, conv, pool)
        assert question.any() and all(found.any() for found in choices.values())


def test_the_pool_riddle_takes_letters_in_any_form(cat_maps):
    question, choices = exercises.pool_riddle(1, cat_maps["conv4"], cat_maps["pool4"])
    (right,) = (k for k in choices if exercises.which_pool(k, question, choices).right)
    assert exercises.which_pool(f" {right.lower()} ", question, choices).right
    assert exercises.which_pool(None, question, choices).right is None
    for wrong in ("E", 1, "pool3", ["A"], choices["A"]):
        judged = exercises.which_pool(wrong, question, choices)
        assert judged.right is False and "one of 'A', 'B'" in judged.reason


def _levels(maps, spread, axis=(0, 1), middle=128):
    with np.errstate(all="ignore"):
        scaled = (maps - maps.mean(axis=axis)) / spread(maps.mean(axis=axis), maps.std(axis=axis))
        return np.clip(scaled * 64 + middle, 0, 255)


STANDARDIZING = {
    "where": lambda m: _levels(m, lambda mean, s: np.where(s > 0, s, 1)),
    "a little more": lambda m: _levels(m, lambda mean, s: s + 1e-5),
    "at least": lambda m: _levels(m, lambda mean, s: np.maximum(s, 1e-6)),
    "whole levels": lambda m: _levels(m, lambda mean, s: s + 1e-7).astype(np.uint8),
    "the helper": lambda m: brightness.scaled(m, "standardized"),
}


@pytest.mark.parametrize("way", STANDARDIZING)
def test_all_ways_to_survive_a_spread_of_0(way):
    judged = exercises.standardize(STANDARDIZING[way])
    assert judged.right, judged


def _prints(maps):
    print(STANDARDIZING["where"](maps))


def _in_place(maps):
    maps -= maps.mean(axis=(0, 1))
    return np.clip(maps / (maps.std(axis=(0, 1)) + 1e-5) * 64 + 128, 0, 255)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda m: _levels(m, lambda mean, s: s), "divides by 0"),
        (lambda m: _levels(m, lambda mean, s: np.where(mean == 0, 1, s)), "though its mean"),
        (lambda m: np.nan_to_num(_levels(m, lambda mean, s: s)), "shown at 128"),
        (lambda m: _levels(m, lambda mean, s: s, axis=None), "axis=(0, 1)"),
        (lambda m: _levels(m, lambda mean, s: np.where(s > 0, s, 1), axis=0), "each column"),
        (
            lambda m: (m - m.mean((0, 1))) / (m.std((0, 1)) + 1e-5) * 64 + 128,
            "cut off",
        ),
        (lambda m: _levels(m, lambda mean, s: s or 1), "truth value"),
        (lambda m: _levels(m, lambda mean, s: s + 1e-5, middle=0), "other numbers"),
        (lambda m: 128, "not an array"),
        (_prints, "return it"),
        (_in_place, "changes what it was given"),
        (7, "a function, not 7"),
    ],
)
def test_slips_in_standardizing(wrong, reason):
    judged = exercises.standardize(wrong)
    assert judged.right is False and reason in judged.reason, judged


def test_standardizing_not_written_yet():
    assert exercises.standardize(lambda maps: None).right is None
    assert exercises.standardize(None).right is None
