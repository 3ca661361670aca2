"""Lesson 10: heat over photos, the score written out, its explorer, and what the exercises say."""

import numpy as np
import pytest

from helpers import plots, widgets
from helpers.exercises import lesson_10 as exercises
from helpers.plots import attribution as heats, panels
from helpers.quiet import keras

PLACES = [[4, 1, 0], [-2, 3, 6]]


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(2)
    stack = [
        keras.Input((None, None, 3)),
        keras.layers.Conv2D(8, 5, 8, activation="relu", padding="same", name="conv"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(70, activation="softmax"),
    ]
    model = keras.Sequential(stack, name="classifier")
    model.class_names = [f"thing {k}, thingy" for k in range(70)]
    return model


# Pictures


def test_heat_lies_over_a_gray_photo_in_sharp_squares(photo):
    heat = np.array([[0.0, 1.0], [2.0, 4.0]])
    plain, over = plots.heat_over_photo(photo, {"it": heat}, opacity=1).panels
    assert np.array_equal(plain.array, photo) and (over.title, over.scale.high) == ("it", "4.00")
    quarter = over.array[: over.array.shape[0] // 2, : over.array.shape[1] // 2]
    assert np.unique(quarter.reshape(-1, 3), axis=0).tolist() == [[0, 0, 4]]  # inferno's black
    assert len(np.unique(over.array.reshape(-1, 3), axis=0)) == 4


def test_without_opacity_the_photo_is_seen_in_gray(photo):
    _, over = plots.heat_over_photo(photo, {"it": np.eye(2)}, opacity=0).panels
    red, green, blue = over.array.reshape(-1, 3).T
    assert np.array_equal(red, green) and np.array_equal(green, blue)
    assert abs(over.array.mean() - photo.mean()) < 2


def test_all_heats_of_a_picture_have_the_same_kind_of_scale(photo):
    signed = {"one": np.eye(2), "two": -2 * np.eye(2)}
    _, one, two = plots.heat_over_photo(photo, signed).panels
    assert one.scale.cmap == two.scale.cmap == panels.SIGNED
    assert (one.scale.high, two.scale.high) == ("+1.0", "+2.0")
    _, one, two = plots.heat_over_photo(photo, signed, limit=4).panels
    assert one.scale.high == two.scale.high == "+4.0"
    _, one = plots.heat_over_photo(photo, {"one": np.eye(2)}).panels
    assert one.scale.cmap == panels.HEAT


def test_heat_in_colors_of_its_scale(photo):
    array, scale = panels.signed(np.array([[-1.0, 1.0]]))
    found = heats.laid_over(photo, array, scale, 0.5)
    gray = heats.laid_over(photo, array, scale, 0.0).astype(int)
    teal, brown = panels.palette(panels.SIGNED)[[0, panels.NOTHING - 1], :3]
    half = found.shape[1] // 2
    for colors, side in ((teal, np.s_[:, :half]), (brown, np.s_[:, half:])):
        np.testing.assert_allclose(found[side], (gray[side] + colors) / 2, atol=1)


def test_the_sheet_adds_up(photo):
    left, table = plots.score_sheet(photo, np.array(PLACES, float), -0.5, "thing").panels
    assert table.words == [["4.0", "1.0", "0.0"], ["−2.0", "3.0", "6.0"]]
    assert table.note == "mean of 6 numbers 2.00, bias −0.50: score 1.50"
    lines = [mark.points for mark in left.marks]
    assert [(16, 0), (16, 48)] in lines and [(0, 32), (32, 32)] in lines and len(lines) == 3


def test_curves_are_means_over_photos():
    one = np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])
    figure = plots.curves({"deletion": {"a": one, "b": one + 1}, "insertion": {"a": one}})
    first, second = figure.axes
    assert [line.get_ydata().tolist() for line in first.lines] == [[0.5] * 3, [1.5] * 3]
    assert first.lines[0].get_xdata().tolist() == [0, 0.5, 1] and len(second.lines) == 1
    assert (first.get_title(), second.get_title()) == ("deletion", "insertion")


# Explorer


def test_every_setting_of_the_explorer_shows_something(classifier, photo, sweep):
    photos = {"one": photo, "two": photo[:, ::-1][:24, :24]}
    explorer = widgets.where_it_looks(classifier, photos, ["conv"], patch=16)
    assert sweep(explorer) > 50
    for name, value in {"photo": "one", "label": 5, "way": "class activation map"}.items():
        explorer.controls[name].value = value
    assert explorer.picture.panels[1].title == "thing 5"
    assert "class activation map for thing 5, which gets" in explorer.picture.caption
    explorer.controls["label"].value = -1
    best = classifier.class_names[int(np.argmax(explorer_answer(classifier, photo)))]
    assert explorer.picture.panels[1].title == best.split(",")[0]
    opaque = explorer.picture.panels[1].array
    explorer.controls["opacity"].value = 0
    assert not np.array_equal(opaque, explorer.picture.panels[1].array)


def explorer_answer(model, photo):
    from helpers.images import prepare

    return model.predict_on_batch(prepare(photo))[0]


# Exercises


@pytest.mark.parametrize("right", [1.5, "1.5", np.float32(1.5), 12 / 6 - 0.5, [1.5]])
def test_the_score_is_the_mean_and_the_bias(right):
    assert exercises.adds_up(right, PLACES, -0.5).right is True


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (2, "does the dense layer add"),
        (12, "That is the sum"),
        (11.5, "not their sum"),
        (2.5, "not subtracted"),
        (14 / 6 - 0.5, "cuts nothing off"),
        (14 / 4 - 0.5, "not the positive alone"),
        (5.5, "strongest place"),
        (6, "strongest place"),
        (7, "mean over all places"),
        ("much", "The answer is one number"),
    ],
)
def test_other_scores_get_their_reason(wrong, reason):
    judgement = exercises.adds_up(wrong, PLACES, -0.5)
    assert judgement.right is False and reason in judgement.reason
    assert exercises.adds_up(None, PLACES, -0.5).right is None


@pytest.mark.parametrize("number", [0, 1, 2, 77])
def test_the_line_up_can_be_told(classifier, photo, number):
    maps, right = exercises.four_maps(classifier, photo, number)
    assert list(maps) == [*"ABCD"]
    means = {letter: heat.sum() / heat.size for letter, heat in maps.items()}
    assert means[right] == max(means.values())
    for form in (right, right.lower(), f" {right} "):
        judgement = exercises.strongest(form, classifier, photo, number)
        assert judgement.right is True and "The means" in judgement.reason
    brightest = max(maps, key=lambda letter: maps[letter].max())
    for letter in set(maps) - {right}:
        judgement = exercises.strongest(letter, classifier, photo, number)
        reason = "a score is a mean" if letter == brightest else "add up to less"
        assert judgement.right is False and reason in judgement.reason
    for wrong in ("E", 3, right * 2):
        judgement = exercises.strongest(wrong, classifier, photo, number)
        assert judgement.right is False and "one of" in judgement.reason
    assert exercises.strongest(None, classifier, photo, number).right is None


def test_the_number_decides_which_letter_is_right(classifier, photo):
    found = [exercises.four_maps(classifier, photo, number) for number in range(20)]
    assert {right for _, right in found} == set("ABCD")


def test_means_decide_where_the_strongest_place_is_elsewhere(classifier, photo):
    elsewhere = 0
    for number in range(20):
        maps, right = exercises.four_maps(classifier, photo[:, :, ::-1], number)
        means = {letter: heat.sum() / heat.size for letter, heat in maps.items()}
        assert means[right] == max(means.values())
        elsewhere += maps[right].max() < max(heat.max() for heat in maps.values())
    assert elsewhere


def test_the_line_up_has_one_scale(classifier, photo):
    shown = exercises.line_up(classifier, photo, 5).panels
    assert [panel.title for panel in shown] == ["the photo", *"ABCD"]
    assert len({panel.scale for panel in shown[1:]}) == 1


def loops(photo, patch, fill):
    batch = []
    for row in range(0, photo.shape[0], patch):
        for col in range(0, photo.shape[1], patch):
            one = np.full_like(photo, fill)
            one[row : row + patch, col : col + patch] = photo[row : row + patch, col : col + patch]
            batch.append(one)
    return np.array(batch)


def masks(photo, patch, fill):
    rows, cols = (np.arange(side) // patch for side in photo.shape[:2])
    number = rows[:, None] * (cols[-1] + 1) + cols
    keep = number == np.arange(number.max() + 1)[:, None, None]
    return np.where(keep[..., None], photo, fill)


@pytest.mark.parametrize("right", [loops, masks, lambda *case: list(loops(*case))])
def test_one_patch_alone_is_right(right):
    assert exercises.one_patch(right).right is True


def covered(photo, patch, fill):
    return np.where(loops(np.ones_like(photo), patch, 0) > 0, fill, photo)


def shared(photo, patch, fill):
    one = np.full_like(photo, fill)
    for row in range(0, photo.shape[0], patch):
        for col in range(0, photo.shape[1], patch):
            one[row : row + patch, col : col + patch] = photo[row : row + patch, col : col + patch]
    return np.array([one] * len(loops(photo, patch, fill)))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (covered, "Cover everything else"),
        (shared, "an array of its own"),
        (lambda p, k, f: loops(p, k, 0), "not 0"),
        (lambda p, k, f: loops(p, k, f)[0], "a batch of all"),
        (lambda p, k, f: loops(p.swapaxes(0, 1), k, f).swapaxes(1, 2), "along the rows"),
        (lambda p, k, f: p.fill(f) or loops(p, k, f), "changes what it was given"),
        (lambda p, k, f: print(loops(p, k, f)), "return it instead"),
        (lambda p, k: loops(p, k, 0), "raised"),
        (lambda p, k, f: loops(p, k, f)[::-1], "gives"),
        (5, "The answer is a function"),
    ],
)
def test_other_functions_get_their_reason(wrong, reason):
    judgement = exercises.one_patch(wrong)
    assert judgement.right is False and reason in judgement.reason, judgement


def test_no_function_yet():
    assert exercises.one_patch(lambda photo, patch, fill: None).right is None
