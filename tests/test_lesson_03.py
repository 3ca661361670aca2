"""Lesson 03: filters scaled, compared, drawn and explored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from helpers import filters, images, models, plots, widgets
from helpers.exercises import lesson_03 as exercises
from helpers.layers import find_conv, kernel_and_bias
from helpers.plots import filter_rankings, panels
from helpers.plots.page import Picture
from helpers.plots.panels import Label, Path
from helpers.widgets import browser

SCALES = filters.WEIGHT_SCALES


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
    np.testing.assert_allclose(
        filters.normalize(kernel)[0, 0, 0], filters.zero_level(kernel), atol=1e-6
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
    by_layer = filters.positions(kernel, "0–1 per layer", filters.ranges(kernel))
    low, high = kernel.min(), kernel.max()
    np.testing.assert_allclose(by_layer, (kernel - low) / (high - low), atol=1e-6)
    assert np.ptp(filters.zero_level(kernel)) > 0.1, "by filter, zero is no fixed grey"


def test_a_filter_without_negative_weights_has_its_zero_below_black():
    kernel = np.linspace(1, 3, 9, dtype=np.float32).reshape(3, 3, 1, 1)
    assert filters.zero_level(kernel)[0] == pytest.approx(-0.5)


def test_signed_scale(kernel):
    found = filters.ranges(kernel)
    beyond = np.abs(kernel) > found.limit
    assert 0.02 < beyond.mean() <= 0.03
    scaled = filters.positions(kernel, "signed", found)
    assert (scaled[kernel > found.limit] == 1).all() and (scaled[kernel < -found.limit] == 0).all()
    np.testing.assert_array_equal(np.sign(scaled - 0.5), np.sign(kernel))


def test_part_of_a_layer_is_scaled_like_the_whole(kernel):
    found, chosen = filters.ranges(kernel), slice(5, 20)
    for scale in SCALES:
        np.testing.assert_array_equal(
            filters.positions(kernel[:, :, 1, chosen], scale, found, chosen),
            filters.positions(kernel, scale, found)[:, :, 1, chosen],
        )


# channels


def test_channel_0_is_blue_as_prepare_makes_it(kernel):
    for index, color in enumerate(images.CHANNELS):
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
def test_pairs_have_their_cosines(kernel):
    flat = kernel.reshape(-1, kernel.shape[-1]).astype(float)
    lengths = np.maximum(np.linalg.norm(flat, axis=0), 1e-9)
    wanted = flat.T @ flat / np.outer(lengths, lengths)
    pairs = filters.near_duplicates(kernel, count=10_000)
    assert len({pair[:2] for pair in pairs}) == len(pairs) == len(wanted) * (len(wanted) - 1) // 2
    for pair in pairs:
        assert pair.cosine == pytest.approx(wanted[pair.first, pair.second], abs=1e-9)
        assert abs(pair.cosine) <= 1


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
        pairs = filters.near_duplicates(kernel[:, :, :, f].reshape(-1, 1, 1, depth), 10_000)
        assert found == pytest.approx(np.mean([pair.cosine for pair in pairs]), abs=1e-9)


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
        (lambda k: filters.near_duplicates(k * np.float32(np.nan)), "NaN"),
        (
            lambda k: filters.positions(k, "loud", filters.ranges(k)),
            "0–1 per filter, 0–1 per layer",
        ),
        (lambda k: filters.as_rgb(k[:, :, :2]), "3 color channels"),
        (lambda k: filters.slice_similarity(k[:, :, :1]), "single slice"),
        (lambda k: filters.smoothness(k[:1, :1]), "no neighboring"),
        (lambda k: plots.filter_grid(k, channel=3), "input channels 0 to 2"),
        (lambda k: plots.filter_grid(k, page=1), "pages 0 to 0"),
        (lambda k: plots.filter_slices(k, [3, 64]), "64 filters, 0 to 63"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(kernel, call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(kernel)
    assert "\n" not in str(caught.value)


# pictures


def _tile(panel, number, lines, columns):
    """The part of a panel's array that shows one of its 3 × 3 tiles."""
    high, wide = panel.array.shape[0] // lines, panel.array.shape[1] // columns
    bottom, left = (number // columns + 1) * high, number % columns * wide
    return panel.array[bottom - 3 : bottom, left : left + 3]


def _names(panel):
    return [mark.words for mark in panel.marks if isinstance(mark, Label)]


def test_every_picture_fits_a_page(kernel, random_kernel, vgg16, cell):
    similar, pairs = filters.slice_similarity(kernel), filters.near_duplicates(kernel, 5)
    kernel2 = kernel_and_bias(find_conv(vgg16, "block1_conv2"))[0]
    pictures = [
        plots.filter_grid(kernel),
        plots.every_slice(kernel2, "block1_conv2"),
        plots.slice_extremes(kernel, similar),
        plots.orientation_fan(kernel, filters.orientation(kernel)),
        cell("03", "plots.filter_slices", kernel=kernel, chosen=range(8)),
        cell("03", "plots.weight_table", kernel=kernel, strong=0, odd=1),
        cell("03", "Picture([plots.rgb_filters", kernel=kernel),
        cell("03", "::-1], range(8)", kernel=kernel),
        cell("03", "zip(twins", kernel=kernel, twins=pairs, opposites=pairs),
        cell("03", "plots.rgb_filters(random", kernel=kernel, random_kernel=random_kernel),
    ]
    for picture in pictures:
        assert isinstance(picture, Picture)
        width, height = picture.figure().get_size_inches() * 100
        assert 750 <= width <= 1020 and 80 <= height <= 1100
        assert all(panel.title for panel in picture.every())


def test_filter_slices_show_the_chosen_filters_in_two_scales(kernel, cell):
    chosen = [53, 2, 54]
    own, signed = cell("03", "plots.filter_slices", kernel=kernel, chosen=chosen).every()
    limit = np.sort(np.abs(kernel).ravel())[int(np.ceil(kernel.size * 0.97)) - 1]
    for column, f in enumerate(chosen):
        low, high = kernel[..., f].min(), kernel[..., f].max()
        for channel in range(3):
            weights = kernel[:, :, channel, f]
            shown = _tile(own, channel * 3 + column, 3, 3)
            np.testing.assert_allclose(shown, (weights - low) / (high - low) * 254, atol=0.51)
            shown = _tile(signed, channel * 3 + column, 3, 3)
            expected = 127 + np.clip(weights / limit, -1, 1) * 127
            np.testing.assert_allclose(shown, expected, atol=0.51)
    assert _names(own) == _names(signed) == ["53", "2", "54"]
    assert list(own.left.values()) == ["0: blue light", "1: green light", "2: red light"]
    assert signed.scale.cmap == panels.SIGNED and f"{limit:.2g}" in signed.scale.high
    assert "red is +, blue is −" in signed.title


def test_scaling_hides_says_the_numbers_of_the_channel_and_filters_asked_for(kernel):
    for chosen, channel in (([3, 8], 0), ([8, 3], 2)):
        tables = [
            [plots.weight_table(kernel, f, channel, scale, "") for f in chosen]
            for scale in ("signed", "0–1 per layer", "0–1 per filter")
        ]
        for f, weights, layer, own in zip(chosen, *tables, strict=True):
            slice_, zero = kernel[:, :, channel, f], filters.zero_level(kernel)[f]
            said = [[float(w.replace("−", "-")) for w in row] for row in weights.words]
            np.testing.assert_allclose(said, 1000 * slice_, atol=0.051)
            by_layer = (slice_ - kernel.min()) / np.ptp(kernel)
            np.testing.assert_allclose(np.array(layer.words, float), by_layer, atol=0.0051)
            by_filter = filters.normalize(kernel)[:, :, channel, f]
            np.testing.assert_allclose(np.array(own.words, float), by_filter, atol=0.0051)
            np.testing.assert_allclose(own.array, by_filter * 254, atol=0.51)
            assert own.note == f"0 becomes {zero:.2f}"
            assert f"filter {f}:" in weights.title


def test_charts_show_the_numbers_they_are_of(cell):
    zeros = np.array([0.75, 0.25, 0.5])
    strip = cell("03", "colorbar(strip", zeros=zeros).axes[0]
    assert strip.images[0].get_array().tolist() == [[0.25, 0.5, 0.75]]
    assert strip.images[0].get_clim() == (0, 1) and "0.25 to 0.75" in strip.get_title()
    shuffled = np.array([0.1, 0.1, 0.15, 0.2])
    names = {"trained_value": 0.41, "random_value": 0.02, "shuffled": shuffled}
    chart = cell("03", "ax.hist", **names).axes[0]
    heights = {round(bar.get_x(), 3): bar.get_height() for bar in chart.patches}
    assert heights[0.1] == 2 and sum(heights.values()) == 4
    lines = {line.get_label(): line.get_xdata()[0] for line in chart.lines}
    assert lines == {"random: 0.02": 0.02, "trained: 0.41": 0.41}
    assert chart.get_xlabel() and chart.get_ylabel() == "shuffles"


def test_every_slice_shows_each_weight_of_4096_slices_in_its_place(vgg16):
    kernel = kernel_and_bias(find_conv(vgg16, "block1_conv2"))[0]
    panel = plots.every_slice(kernel, "block1_conv2").every()[0]
    assert panel.array.shape == (192, 192) and panel.width % 192 == 0
    expected, _ = panels.signed(kernel, filters.ranges(kernel).limit)
    for row, col, channel, f in ((0, 0, 0, 0), (2, 1, 63, 63), (1, 2, 8, 7), (0, 2, 31, 40)):
        assert panel.array[3 * channel + row, 3 * f + col] == expected[row, col, channel, f]
    assert panel.top[8.5 * 3] == panel.left[8.5 * 3] == "8"
    corners = {tuple(point) for mark in panel.marks for point in mark.points}
    for k in range(3, 192, 3):
        assert {(k, 0), (k, 192), (0, k), (192, k)} <= corners, "a line after every slice"


def test_color_pictures_are_of_the_filters_they_name(kernel, random_kernel, cell):
    colors, wrong = filter_rankings.rgb_tiles(kernel), filter_rankings.rgb_tiles(kernel[:, :, ::-1])
    panel = plots.rgb_filters(kernel)
    assert (_tile(panel, 19, 4, 16) == colors[19]).all() and _names(panel)[19] == "19"
    above, below = cell("03", "::-1], range(8)", kernel=kernel).every()
    assert (_tile(above, 4, 1, 8) == colors[4]).all() and above.title == "read as BGR: right"
    assert (_tile(below, 7, 1, 8) == wrong[7]).all() and below.title == "read as RGB: wrong"
    names = {"kernel": kernel, "random_kernel": random_kernel}
    trained, random = cell("03", "plots.rgb_filters(random", **names).every()
    assert (_tile(trained, 9, 8, 8) == colors[9]).all() and trained.title.startswith("trained")
    assert (_tile(random, 9, 8, 8) == filter_rankings.rgb_tiles(random_kernel)[9]).all()


def test_slice_extremes_show_both_ends_and_their_slices(kernel):
    values = filters.slice_similarity(kernel)
    least, most = plots.slice_extremes(kernel, values, 4).every()
    for panel, f in ((least, values.argmin()), (most, values.argmax())):
        assert _names(panel)[0] == f"{f}: {panels.number(values[f])}"
        assert (_tile(panel, 0, 4, 4) == filter_rankings.rgb_tiles(kernel)[f]).all()
        for line, channel in ((1, 2), (2, 1), (3, 0)):  # red, green, blue light
            weights = kernel[:, :, channel, f]
            places, _ = panels.signed(weights, np.abs(kernel[..., f]).max())
            shown = _tile(panel, 4 * line, 4, 4).astype(int)
            assert np.abs(shown - panels.palette(panels.SIGNED)[places]).max() <= 8
    assert list(least.left.values())[1:] == ["red light", "green light", "blue light"]


def _squares(panel):
    """The top, left, bottom and right of each filter: it has nine cells of one color."""
    cells = [m.points for m in panel.marks if isinstance(m, Path) and m.fill]
    points = np.array(cells).reshape(-1, 9 * 4, 2)
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1).tolist()


def test_fan_puts_each_filter_where_its_stripes_point(kernel):
    one = kernel[..., :3]
    found = filters.Orientation(np.array([0.0, 90.0, 135.0]), np.array([1.0, 0.5, 0.8]))
    panel = plots.orientation_fan(one, found).every()[0]
    squares = _squares(panel)
    middles = [((left + right) / 2, bottom) for _, left, bottom, right in squares]
    center = np.array([490, 465])
    for (x, y), angle, strength in zip(np.array(middles) - center, *found, strict=True):
        assert np.degrees(np.arctan2(-y, x)) % 180 == pytest.approx(angle, abs=1e-6)
        assert np.hypot(x, y) == pytest.approx(430 * strength)
    fills = [m.fill for m in panel.marks if isinstance(m, Path) and m.fill]
    expected = filter_rankings.rgb_tiles(one).reshape(-1, 3)
    assert fills == ["#" + bytes(color.tolist()).hex() for color in expected]
    for f, (_, left, _, right) in enumerate(squares):
        at = pytest.approx((left + right) / 2)
        assert any(m.words == str(f) and m.col == at for m in panel.marks if type(m) is Label)


def test_fan_moves_filters_apart(kernel):
    panel = plots.orientation_fan(kernel, filters.orientation(kernel)).every()[0]
    corners = np.array(_squares(panel))[:, :2]
    apart = np.abs(corners[:, None] - corners) / (32 + 12, 32)
    np.fill_diagonal(apart[:, :, 0], 9)
    assert (apart.max(axis=-1) > 0.7).all(), "numbers and filters hardly overlap"


def test_pairs_say_their_cosines(kernel, cell):
    alike, opposite = filters.near_duplicates(kernel, 2), filters.near_duplicates(kernel, 2, True)
    names = {"kernel": kernel, "twins": alike, "opposites": opposite}
    columns = cell("03", "zip(twins", **names).panels
    for column, pairs in zip(columns, zip(alike, opposite, strict=True), strict=True):
        for panel, pair in zip(column, pairs, strict=True):
            assert panel.title == f"cosine {pair.cosine:.2f}"
            assert _names(panel) == [str(pair.first), str(pair.second)]
            colors = filter_rankings.rgb_tiles(kernel)
            assert (_tile(panel, 1, 1, 2) == colors[pair.second]).all()


def test_a_page_shows_each_slice_in_its_place(kernel):
    picture = plots.filter_grid(kernel, 2, 0, "signed", "block1_conv1", "red")
    grid, legend = picture.every()
    expected, _ = panels.signed(kernel[:, :, 2, 19], filters.ranges(kernel).limit)
    assert (_tile(grid, 19, 8, 8) == expected).all() and _names(grid)[19] == "19"
    weights = kernel[:, :, 2]
    assert f"smallest {panels.number(weights.min(), '.2g')}, " in legend.note
    assert f"{(weights < 0).mean():.0%} of these weights are negative" in picture.caption
    assert "red light" in grid.title and legend.scale == grid.scale


def test_the_histogram_stands_on_its_color_bar(kernel):
    places, _ = panels.signed(kernel[:, :, 1], filters.ranges(kernel).limit)
    counts = np.bincount(places.ravel() // 5, minlength=51)
    hill = plots.filter_grid(kernel, 1).every()[1].marks[0]
    rows = np.array([row for row, _ in hill.points])[1:-1]
    np.testing.assert_allclose(rows, 60 - 60 * counts.repeat(2) / counts.max())
    kernel = np.abs(kernel) + np.float32(0.001)
    for scale, zero in (("signed", 0.5), ("0–1 per layer", 0)):
        legend = plots.filter_grid(kernel, scale=scale).every()[1]
        hill, tick = (mark for mark in legend.marks if isinstance(mark, Path))
        assert {col for _, col in tick.points} == {51 * zero}
        rows = np.array([row for row, _ in hill.points])
        assert rows.min() == 0 and len(rows) == 2 * 51 + 2
        if scale == "signed":
            assert (rows[1:50] == 60).all(), "no weight is negative"
    legend = plots.filter_grid(kernel, scale="0–1 per filter").every()[1]
    assert len(legend.marks) >= 2


# the explorer


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
    assert "(red light)" in explorer.picture.caption


def test_explorer_picture_and_caption_follow_every_control(explorer, vgg16):
    controls, arrays, captions = explorer.controls, [], []
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
        arrays.append(explorer.picture.every()[0].array.tobytes())
        captions.append(explorer.picture.caption)
        kernel = kernel_and_bias(find_conv(vgg16, controls["layer"].value))[0]
        first, channel = 64 * (controls["page"].value - 1), controls["channel"].value
        expected = plots.filter_grid(
            kernel, channel, controls["page"].value - 1, controls["scale"].value
        )
        assert arrays[-1] == expected.every()[0].array.tobytes()
        assert _names(explorer.picture.every()[0])[0] == str(first)
    assert len(set(arrays)) == len(set(captions)) == 6
    assert "filters 192–255 of 256" in captions[2]


def test_explorer_keeps_its_size(explorer):
    sizes = set()
    for layer in ("block1_conv1", "block5_conv3"):
        explorer.controls["layer"].value = layer
        for scale in SCALES:
            explorer.controls["scale"].value = scale
            described, files = browser.described(explorer.picture)
            sizes.add((described["width"], described["rows"][0][0][0]["rows"]))
            assert sum(map(len, files.values())) < 200_000
    assert len(sizes) == 1


def test_explorer_takes_other_models_and_refuses_those_without_filters():
    from helpers.quiet import keras

    odd = keras.Sequential(
        [keras.Input((20, 20, 3)), keras.layers.Conv2D(10, 7), keras.layers.Conv2D(70, 1)]
    )
    explorer = widgets.filter_grid(odd)
    assert "filters 0–9 of 10" in explorer.picture.caption
    assert "blue" not in explorer.picture.every()[0].title, "only VGG16 is known to take BGR"
    explorer.controls["layer"].value = odd.layers[1].name
    explorer.controls["page"].value = 2
    assert "filters 64–69 of 70" in explorer.picture.caption
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
