"""Lesson 03: filters scaled, compared, drawn and explored."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.figure import Figure

from helpers import filters, images, models, plots, widgets
from helpers.exercises import lesson_03 as exercises
from helpers.layers import find_conv, kernel_and_bias
from helpers.plots import canvas, filter_grids, filter_rankings

SCALES = filters.SCALES


@pytest.fixture(scope="module")
def kernel(vgg16):
    return kernel_and_bias(find_conv(vgg16, "block1_conv1"))[0]


@pytest.fixture(scope="module")
def random_kernel():
    return kernel_and_bias(find_conv(models.load_vgg16("random"), "block1_conv1"))[0]


@pytest.fixture(scope="module")
def explorer(vgg16):
    return widgets.filter_grid(vgg16)


# whole numbers of 1/64, so that differences are exact and none is tiny
kernels = hnp.arrays(
    np.float32,
    st.tuples(st.integers(2, 4), st.integers(2, 4), st.integers(2, 5), st.integers(1, 6)),
    elements=st.integers(-640, 640).map(lambda n: n / 64),
)


# scaling


@given(kernels)
@settings(max_examples=60, deadline=None)
def test_each_filter_fills_0_to_1_and_keeps_its_order(kernel):
    scaled = filters.normalize(kernel)
    assert scaled.min() >= 0 and scaled.max() <= 1 + 1e-6
    for f in range(kernel.shape[-1]):
        one, before = scaled[..., f].ravel(), kernel[..., f].ravel()
        if np.ptp(before) == 0:
            assert (one == 0.5).all()
        else:
            assert one[before.argmin()] == 0 and one[before.argmax()] == pytest.approx(1)
            assert (np.diff(one[before.argsort(kind="stable")]) >= 0).all()


@given(kernels)
@settings(max_examples=60, deadline=None)
def test_zero_lands_where_it_is_said_to(kernel):
    """A 0 put into the filter, scaled with it, has the brightness that zero_level gives."""
    kernel[0, 0, 0] = 0
    for by in ("filter", "layer"):
        np.testing.assert_allclose(
            filters.normalize(kernel, by)[0, 0, 0], filters.zero_level(kernel, by), atol=1e-6
        )


@given(kernels, st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_zero_centered_keeps_zero_in_the_middle_and_forgets_strength(kernel, factor):
    centered = filters.zero_centered(kernel)
    assert centered.min() >= 0 and centered.max() <= 1 + 1e-6
    np.testing.assert_array_equal(np.sign(centered - 0.5), np.sign(kernel))
    np.testing.assert_allclose(
        filters.zero_centered(kernel * np.float32(factor)), centered, atol=1e-4
    )


def test_by_layer_one_scale_for_all(kernel):
    by_layer = filters.normalize(kernel, "layer")
    low, high = kernel.min(), kernel.max()
    np.testing.assert_allclose(by_layer, (kernel - low) / (high - low), atol=1e-6)
    assert np.ptp(filters.zero_level(kernel, "layer")) == 0
    assert np.ptp(filters.zero_level(kernel, "filter")) > 0.1, "zero is no fixed grey"


def test_a_filter_without_negative_weights_has_its_zero_below_black():
    kernel = np.linspace(1, 3, 9, dtype=np.float32).reshape(3, 3, 1, 1)
    assert filters.zero_level(kernel)[0] == pytest.approx(-0.5)


def test_signed_scale(kernel):
    found = filters.ranges(kernel)
    beyond = np.abs(kernel) > found.limit
    assert 0.02 < beyond.mean() <= 0.03
    scaled = filters.scaled(kernel, "signed", found)
    assert (scaled[kernel > found.limit] == 1).all() and (scaled[kernel < -found.limit] == 0).all()
    np.testing.assert_array_equal(np.sign(scaled - 0.5), np.sign(kernel))


def test_part_of_a_layer_is_scaled_like_the_whole(kernel):
    found, chosen = filters.ranges(kernel), slice(5, 20)
    for scale in SCALES:
        np.testing.assert_array_equal(
            filters.scaled(kernel[:, :, 1, chosen], scale, found, chosen),
            filters.scaled(kernel, scale, found)[:, :, 1, chosen],
        )


# channels


def test_channel_0_is_blue_as_prepare_makes_it(kernel):
    for index, color in enumerate(filters.INPUT_COLORS):
        pixel = np.zeros((1, 1, 3), np.uint8)
        pixel[..., ("red", "green", "blue").index(color)] = 255
        raised = images.prepare(pixel)[0, 0, 0] - images.prepare(0 * pixel)[0, 0, 0]
        assert raised.argmax() == index
    np.testing.assert_array_equal(filters.as_rgb(kernel)[:, :, 0], kernel[:, :, 2])


def test_a_filter_for_red_light_has_a_red_picture():
    red = np.zeros((3, 3, 3, 1), np.float32)
    red[:, :, 2] = 1
    picture = filter_rankings.rgb_tiles(red)[0]
    assert (picture == (255, 128, 128)).all()


# comparing


@given(kernels)
@settings(max_examples=40, deadline=None)
def test_cosines(kernel):
    found = filters.cosines(kernel)
    flat = kernel.reshape(-1, kernel.shape[-1]).astype(float)
    assert np.allclose(found, found.T) and np.abs(found).max() <= 1
    for f in range(kernel.shape[-1]):
        assert found[f, f] == pytest.approx(1 if flat[:, f].any() else 0)
    lengths = np.maximum(np.linalg.norm(flat, axis=0), 1e-9)
    np.testing.assert_allclose(found, flat.T @ flat / np.outer(lengths, lengths), atol=1e-9)


def test_near_duplicates_finds_planted_ones(random_kernel):
    planted = random_kernel.copy()
    planted[..., 40] = 7 * planted[..., 3]
    planted[..., 50] = -0.1 * planted[..., 9]
    twin, *others = filters.near_duplicates(planted, 4)
    assert twin[:2] == (3, 40) and twin.cosine == pytest.approx(1)
    values = [pair.cosine for pair in others]
    assert values == sorted(values, reverse=True)
    assert all(pair.first < pair.second for pair in others)
    opposite = filters.near_duplicates(planted, 1, opposite=True)[0]
    assert opposite[:2] == (9, 50) and opposite.cosine == pytest.approx(-1)


@given(kernels)
@settings(max_examples=40, deadline=None)
def test_slice_similarity_is_the_mean_cosine_of_all_pairs_of_slices(kernel):
    depth = kernel.shape[2]
    for f, found in enumerate(filters.slice_similarity(kernel)):
        table = filters.cosines(kernel[:, :, :, f].reshape(-1, 1, 1, depth))
        assert found == pytest.approx(table[np.triu_indices(depth, 1)].mean(), abs=1e-9)


def test_color_blind_and_color_opponent():
    pattern = np.arange(9, dtype=np.float32).reshape(3, 3, 1) - 4
    blind = np.repeat(pattern, 3, axis=2)
    opponent = pattern * np.array([1, -1, 0], np.float32)
    found = filters.slice_similarity(np.stack([blind, opponent], axis=-1))
    assert found == pytest.approx([1, -1 / 3])


# orientation

ROWS, COLS = np.mgrid[-1:2, -1:2].astype(np.float32)


@pytest.mark.parametrize(
    ("pattern", "angle"),
    [
        (COLS, 90),  # a vertical edge
        (ROWS, 0),
        (ROWS + COLS, 45),  # the same along /
        (COLS - ROWS, 135),
        (1 - 3 * COLS**2 / 2, 90),  # a vertical line
        (1 - 3 * ROWS**2 / 2, 0),
    ],
)
def test_orientation_of_edges_and_lines(pattern, angle):
    found = filters.orientation(pattern.astype(np.float32).reshape(3, 3, 1, 1))
    assert found.angle[0] % 180 == pytest.approx(angle) and found.strength[0] == pytest.approx(1)


def test_spots_and_flat_filters_have_no_direction():
    spot = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)
    stack = np.stack([spot, np.ones((3, 3), np.float32)], axis=-1)[:, :, None]
    assert filters.orientation(stack).strength == pytest.approx([0, 0])
    assert filters.orientation(np.ones((1, 1, 3, 2), np.float32)).strength == pytest.approx([0, 0])


def test_an_edge_between_two_colors_of_one_brightness_has_a_direction():
    kernel = np.stack([COLS, -COLS, 0 * COLS], axis=2)[..., None]
    assert not kernel.sum(axis=2).any(), "grey to a color-blind eye"
    found = filters.orientation(kernel)
    assert found.angle[0] == pytest.approx(90) and found.strength[0] == pytest.approx(1)


@given(kernels)
@settings(max_examples=40, deadline=None)
def test_turning_a_filter_turns_its_angle(kernel):
    found, turned = filters.orientation(kernel), filters.orientation(np.rot90(kernel))
    np.testing.assert_allclose(found.strength, turned.strength, atol=1e-9)
    clear = found.strength > 1e-6
    turn = (turned.angle - found.angle - 90 + 90) % 180 - 90
    np.testing.assert_allclose(turn[clear], 0, atol=1e-4)
    assert ((found.angle >= 0) & (found.angle <= 180)).all()


# smoothness


def test_smoothness_of_the_extremes():
    constant = np.ones((3, 3, 2, 4), np.float32)
    board = constant * (1 - 2 * ((ROWS + COLS) % 2)).reshape(3, 3, 1, 1).astype(np.float32)
    assert filters.smoothness(constant) == pytest.approx(1)
    assert filters.smoothness(board) == pytest.approx(-1)
    assert filters.smoothness(0 * constant) == 0


def test_strong_filters_count_no_more_than_weak_ones(random_kernel):
    uneven = random_kernel * np.geomspace(0.01, 100, 64).astype(np.float32)
    assert filters.smoothness(uneven) == pytest.approx(filters.smoothness(random_kernel), abs=1e-6)


def test_trained_filters_really_are_trained(kernel, random_kernel):
    """The bundled first layer is smoother than a random one, and than its own weights shuffled."""
    trained, untrained = filters.smoothness(kernel), filters.smoothness(random_kernel)
    assert trained > 0.3 and abs(untrained) < 0.1
    shuffled = filters.shuffled_smoothness(kernel, times=200)
    assert trained > shuffled.max() + 5 * shuffled.std()
    chance = filters.shuffled_smoothness(random_kernel, times=200)
    assert chance.min() < untrained < chance.max(), "random weights pass for shuffled ones"


def test_shuffling_only_moves_weights_and_is_repeatable(kernel):
    first = filters.shuffled_smoothness(kernel, times=5)
    np.testing.assert_array_equal(first, filters.shuffled_smoothness(kernel, times=5))
    assert not np.array_equal(first, filters.shuffled_smoothness(kernel, times=5, seed=1))
    constant = np.ones((3, 3, 2, 4), np.float32)
    assert filters.shuffled_smoothness(constant, times=3) == pytest.approx([1, 1, 1])


# bad input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda k: filters.normalize(k[0]), r"shape \(rows, cols, in, out\)"),
        (lambda k: filters.normalize(k, "slice"), "by 'filter' or by 'layer'"),
        (lambda k: filters.cosines(k * np.float32(np.nan)), "NaN"),
        (lambda k: filters.scaled(k, "loud", filters.ranges(k)), "0–1 per filter, 0–1 per layer"),
        (lambda k: filters.as_rgb(k[:, :, :2]), "3 color channels"),
        (lambda k: filters.slice_similarity(k[:, :, :1]), "single slice"),
        (lambda k: filters.smoothness(k[:1, :1]), "no neighboring"),
        (lambda k: filters.near_duplicates(k, 0), "at least 1"),
        (lambda k: plots.filter_grid(k, channel=3), "input channels 0 to 2"),
        (lambda k: plots.filter_grid(k, page=1), "pages 0 to 0"),
        (lambda k: plots.filter_slices(k, 65), "64 filters"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(kernel, call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(kernel)
    assert "\n" not in str(caught.value)


# pictures


def test_every_figure_is_a_figure_of_a_projectors_width(kernel, random_kernel):
    similar = filters.slice_similarity(kernel)
    pairs = filters.near_duplicates(kernel, 5)
    figures = [
        plots.filter_slices(kernel),
        plots.scaling_hides(kernel, [0, 1]),
        plots.zero_greys(filters.zero_level(kernel)),
        plots.filter_grid(kernel),
        plots.rgb_filters(kernel),
        plots.channel_order(kernel, range(8)),
        plots.slice_extremes(kernel, similar),
        plots.orientation_fan(kernel, filters.orientation(kernel)),
        plots.filter_pairs(kernel, pairs, pairs),
        plots.trained_and_random(kernel, random_kernel),
        plots.smoothness_test(0.4, 0.0, np.linspace(0.1, 0.2, 20)),
    ]
    for figure in figures:
        assert isinstance(figure, Figure)
        width, height = figure.get_size_inches() * 100
        assert 880 <= width <= 1020 and 80 <= height <= 1050


def test_scaling_hides_shows_the_channel_and_filters_asked_for(kernel):
    def picture(chosen, channel):
        figure = plots.scaling_hides(kernel, chosen, channel)
        return np.asarray(figure.axes[0].images[0].get_array())

    first = picture([3, 8], 0)
    for other in (picture([3, 8], 2), picture([3, 9], 0), picture([8, 3], 0)):
        assert first.shape == other.shape and not np.array_equal(first, other)


def test_every_slice_shows_each_weight_of_4096_slices_in_its_place(vgg16):
    kernel = kernel_and_bias(find_conv(vgg16, "block1_conv2"))[0]
    found, square = filters.ranges(kernel), 4
    picture = filter_grids.slice_map(kernel, found, square)
    pitch = 3 * square + 2
    for row, col, channel, f in ((0, 0, 0, 0), (2, 1, 63, 63), (1, 2, 8, 7), (0, 2, 31, 40)):
        y = 2 + channel * pitch + channel // 8 * 3 + row * square + 1
        x = 2 + f * pitch + f // 8 * 3 + col * square + 1
        weight = kernel[row, col, channel, f].reshape(1, 1)
        assert (picture[y, x] == canvas.signed(weight, found.limit)[0, 0]).all()
    width = plots.every_slice(kernel, "block1_conv2").get_size_inches()[0] * 100
    assert 900 <= width <= 1000


def test_a_page_shows_each_slice_in_its_place(kernel):
    """The middle square of filter 19 (row 2, column 3) has its weight's color."""
    found = filters.ranges(kernel)
    page = filter_grids.filter_page(kernel, found, 2, 0, "signed", "block1_conv1", "red")
    color = canvas.signed(kernel[1, 1, 2, 19].reshape(1, 1), found.limit)[0, 0]
    pitch, square = 83 + 6, 27
    title = canvas.text("block1_conv1", 20, bold=True).shape[0] + 8
    y, x = title + 22 + 2 * pitch + 1 + square * 3 // 2, 46 + 3 * pitch + 1 + square * 3 // 2
    assert (page[y, x] == color).all()


# the explorer


def _shown(explorer):
    return cv2.imdecode(np.frombuffer(explorer.picture.value, np.uint8), cv2.IMREAD_COLOR)


def test_explorer_sweep(explorer, sweep):
    assert sweep(explorer) > 50


def test_explorer_ranges_follow_the_layer(explorer, vgg16):
    controls = explorer.controls
    for name in controls["layer"].options:
        controls["layer"].value = name
        depth, count = find_conv(vgg16, name).kernel.shape[2:]
        assert controls["channel"].max == depth - 1
        assert controls["page"].max == count // 64
    controls["channel"].value, controls["page"].value = 511, 8
    controls["layer"].value = "block1_conv1"
    assert (controls["channel"].value, controls["page"].value) == (2, 1)
    assert "(red)" in explorer.caption.value


def test_explorer_picture_and_caption_follow_every_control(explorer):
    controls, pictures, captions = explorer.controls, [], []
    for changes in (
        {"layer": "block3_conv1", "channel": 0, "page": 1, "scale": "signed"},
        {"channel": 5},
        {"page": 4},
        {"scale": "0–1 per filter"},
        {"scale": "0–1 per layer"},
        {"layer": "block3_conv2"},
    ):
        for name, value in changes.items():
            controls[name].value = value
        pictures.append(explorer.picture.value)
        captions.append(explorer.caption.value)
    assert len(set(pictures)) == len(set(captions)) == 6
    assert "filters 192–255 of 256" in captions[2]


def test_explorer_keeps_its_size(explorer):
    shapes = set()
    for layer in ("block1_conv1", "block5_conv3"):
        explorer.controls["layer"].value = layer
        for scale in SCALES:
            explorer.controls["scale"].value = scale
            shapes.add(_shown(explorer).shape)
    assert len(shapes) == 1


def test_explorer_takes_other_models_and_refuses_those_without_filters():
    from helpers.quiet import keras

    odd = keras.Sequential(
        [keras.Input((20, 20, 3)), keras.layers.Conv2D(10, 7), keras.layers.Conv2D(70, 1)]
    )
    explorer = widgets.filter_grid(odd)
    assert "filters 0–9 of 10" in explorer.caption.value
    assert "blue" not in explorer.caption.value.split(".")[0], "only VGG16 is known to take BGR"
    explorer.controls["layer"].value = odd.layers[1].name
    explorer.controls["page"].value = 2
    assert "filters 64–69 of 70" in explorer.caption.value
    with pytest.raises(ValueError, match="no convolutions"):
        widgets.filter_grid(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))


# exercises


def test_exercise_red_channel():
    assert exercises.red_channel(2).right is True
    for wrong, word in ((0, "blue"), (1, "green")):
        judged = exercises.red_channel(wrong)
        assert judged.right is False and word in judged.reason
    assert exercises.red_channel(None).right is None


def test_exercise_slices(vgg16):
    assert exercises.slices(128 * 256, vgg16).right is True
    for wrong, word in ((256, "128 slices"), (128, "256 filters"), (294_912, "every weight")):
        judged = exercises.slices(wrong, vgg16)
        assert judged.right is False and word in judged.reason
    assert exercises.slices(None, vgg16).right is None


def test_exercise_zero_level(vgg16, kernel):
    low, high = kernel[..., 0].min(), kernel[..., 0].max()
    assert exercises.zero_level(-low / (high - low), vgg16).right is True
    for wrong, word in ((0, "negative"), (0.5, "signed"), (high / (high - low), "smallest")):
        judged = exercises.zero_level(wrong, vgg16)
        assert judged.right is False and word in judged.reason
    assert exercises.zero_level(None, vgg16).right is None


def test_exercise_centered():
    def right(weight, limit):
        return min(max((weight / limit + 1) / 2, 0), 1)

    assert exercises.centered(right).right is True
    assert exercises.centered(lambda weight, limit: 0.5 + weight / (2 * limit)).right is False
    assert exercises.centered(lambda weight, limit: weight / limit).right is False
    assert exercises.centered(lambda weight, limit: None).right is None
    assert exercises.centered(None).right is None
