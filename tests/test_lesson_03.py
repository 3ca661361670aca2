"""Lesson 03: filters scaled, compared, drawn and explored."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import pdist

from helpers import filters, images, models, plots, widgets
from helpers.exercises import lesson_03 as exercises
from helpers.layers import find_conv, kernel_and_bias
from helpers.plots import browser, panels
from helpers.plots.page import Picture
from helpers.plots.panels import Label, Path, Scale

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
    scaled = filters.positions(kernel, "0–1 per filter", filters.ranges(kernel))
    assert scaled.min() >= 0 and scaled.max() <= 1
    for f in range(kernel.shape[-1]):
        one, before = scaled[..., f].ravel(), kernel[..., f].ravel()
        if np.ptp(before) == 0:
            assert (one == 0.5).all()
        else:
            assert one[before.argmin()] == 0 and one[before.argmax()] == pytest.approx(1)
            assert (np.diff(one[before.argsort(kind="stable")]) >= 0).all()


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


def test_the_limit_of_few_weights_that_are_not_0_is_the_largest():
    kernel = np.zeros((3, 3, 3, 8), np.float32)
    assert filters.ranges(kernel).limit == 1
    kernel[1, 1, 0, 0] = -0.25
    assert filters.ranges(kernel).limit == 0.25


def test_0_is_mid_gray(kernel):
    found = filters.ranges(kernel)
    beyond = np.abs(kernel) > found.limit
    assert 0.02 < beyond.mean() <= 0.03
    scaled = filters.positions(kernel, "0 is mid-gray", found)
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
    picture = _tile(plots.rgb_filters(red), 0, 1, 1)
    assert (picture == (255, 128, 128)).all()


# comparing


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
    assert not kernel.sum(axis=2).any(), "gray to a color-blind eye"
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


# bad input


# pictures


def _tile(panel, number, lines, columns):
    """The part of a panel's array that shows one of its 3 × 3 tiles."""
    high, wide = panel.array.shape[0] // lines, panel.array.shape[1] // columns
    bottom, left = (number // columns + 1) * high, number % columns * wide
    return panel.array[bottom - 3 : bottom, left : left + 3]


def _names(panel):
    return [mark.words for mark in panel.marks if isinstance(mark, Label)]


def _rgb(kernel, f):
    """A filter in color, 0 at mid-gray, as the lesson makes it by hand."""
    one = kernel[:, :, ::-1, f]
    return np.rint(255 * (0.5 + one / (2 * np.abs(one).max())))


def test_every_picture_fits_a_page(kernel, vgg16, cell):
    kernel2 = kernel_and_bias(find_conv(vgg16, "block1_conv2"))[0]
    strong, alike = np.arange(64), filters.slice_similarity(kernel)
    pictures = [
        plots.filter_grid(kernel),
        plots.every_slice(kernel2, "block1_conv2"),
        cell("03", '"the six strongest"', kernel=kernel, filters=filters),
        cell("03", "Picture([three, many", model=vgg16),
        cell("03", "Picture([plots.rgb_filters(kernel)])", kernel=kernel, f=0, rgb=_all(kernel)),
        cell("03", "slices {title}", kernel=kernel, strong=strong, alike=alike),
        cell("03", "clearest stripes", kernel=kernel, strong=strong, filters=filters),
        cell("03", "a light square", model=vgg16, kernel=kernel, images=images, edge=3),
    ]
    for picture in pictures:
        assert isinstance(picture, Picture)
        width, height = picture.figure().get_size_inches() * 100
        assert 580 <= width <= 1020 and 80 <= height <= 1100
        assert all(panel.title for panel in picture.every())


def _all(kernel):
    return np.stack([_rgb(kernel, f) / 255 for f in range(kernel.shape[3])], axis=-1)


def test_filter_slices_have_a_filter_in_each_row_and_a_channel_in_each_column(kernel):
    chosen = [53, 2, 54]
    limit = np.sort(np.abs(kernel), axis=None)[int(0.97 * kernel.size)]
    panel = plots.filter_slices(kernel, chosen)
    own = plots.filter_slices(kernel, chosen, scale="0–1 per filter", channels=[2, 1, 0])
    for row, f in enumerate(chosen):
        low, high = kernel[..., f].min(), kernel[..., f].max()
        for channel in range(3):
            weights = kernel[:, :, channel, f]
            shown = _tile(panel, row * 3 + channel, 3, 3)
            np.testing.assert_allclose(
                shown, 127 + np.clip(weights / limit, -1, 1) * 127, atol=0.51
            )
            shown = _tile(own, row * 3 + 2 - channel, 3, 3)
            np.testing.assert_allclose(shown, (weights - low) / (high - low) * 254, atol=0.51)
    assert list(panel.left.values()) == ["filter 53", "filter 2", "filter 54"]
    assert list(panel.top.values()) == ["blue", "green", "red"] == list(own.top.values())[::-1]
    low, high = (panels.number(end, ".2g") for end in (kernel.min(), kernel.max()))
    scale = plots.filter_slices(kernel, chosen, scale="0–1 per layer").scale
    assert scale == Scale(panels.GRAY, low, high)
    assert panel.scale == Scale(panels.GRAY, f"≤ −{limit:.2g}", f"≥ +{limit:.2g}", "0")


def test_deeper_slices_are_named_by_their_channel(vgg16):
    kernel = kernel_and_bias(find_conv(vgg16, "block1_conv2"))[0]
    panel = plots.filter_slices(kernel, [1], channels=[5, 63])
    assert list(panel.top.values()) == ["channel 5", "channel 63"]
    places = filters.positions(kernel, "0 is mid-gray", filters.ranges(kernel))[:, :, 63, 1]
    np.testing.assert_allclose(_tile(panel, 1, 1, 2), 254 * places, atol=0.51)


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


def test_every_eighth_filter_and_channel_is_named():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 17, 40)).astype(np.float32)
    panel = plots.every_slice(kernel, "odd").every()[0]
    assert [*panel.top.values()] == ["0", "8", "16", "24", "32"]
    assert [*panel.left.values()] == ["0", "8", "16"]


def test_color_pictures_are_of_the_filters_they_name(kernel):
    panel = plots.rgb_filters(kernel)
    assert (_tile(panel, 19, 4, 16) == _rgb(kernel, 19)).all() and _names(panel)[19] == "19"
    panel = plots.rgb_filters(kernel, [7, 4], "two", 2, 200, ["seven", "four"])
    assert (_tile(panel, 1, 1, 2) == _rgb(kernel, 4)).all()
    assert _names(panel) == ["seven", "four"] and panel.title == "two"


def test_a_page_shows_each_slice_in_its_place(kernel):
    picture = plots.filter_grid(kernel, 2, 0, "0 is mid-gray", "block1_conv1", "red")
    grid, legend = picture.every()
    limit = filters.ranges(kernel).limit
    expected = panels.places(kernel[:, :, 2, 19], -limit, limit)
    assert (_tile(grid, 19, 8, 8) == expected).all() and _names(grid)[19] == "19"
    weights = kernel[:, :, 2]
    low, high = (panels.number(end, ".2g") for end in (weights.min(), weights.max()))
    assert legend.note.endswith(f"smallest {low}, largest {high}")
    assert f"{(weights < 0).mean():.0%} of these weights are negative" in picture.caption
    assert "red light" in grid.title and legend.scale == grid.scale


def test_a_grid_has_the_rows_and_columns_asked_for(kernel):
    picture = plots.filter_grid(kernel, 1, page=1, grid=(2, 5), name="block1_conv1")
    panel, limit = picture.panels[0], filters.ranges(kernel).limit
    assert _names(panel) == [str(f) for f in range(10, 20)]
    negative, of_layer = (np.mean(part < 0) for part in (kernel[:, :, 1, 10:20], kernel[:, :, 1]))
    assert abs(negative - of_layer) > 0.01
    assert f"{negative:.0%} of these weights are negative" in picture.caption
    expected = panels.places(kernel[:, :, 1, 17], -limit, limit)
    assert (_tile(panel, 7, 2, 5) == expected).all()
    last = plots.filter_grid(kernel, page=6, grid=(2, 5)).panels[0]
    assert _names(last) == ["60", "61", "62", "63"]


def test_the_histogram_stands_on_its_color_bar(kernel):
    limit = filters.ranges(kernel).limit
    places = panels.places(kernel[:, :, 1], -limit, limit)
    counts = np.bincount(places.ravel() // 5, minlength=51)
    hill = plots.filter_grid(kernel, 1).every()[1].marks[0]
    rows = np.array([row for row, _ in hill.points])[1:-1]
    np.testing.assert_allclose(rows, 60 - 60 * counts.repeat(2) / counts.max())
    kernel = np.abs(kernel) + np.float32(0.001)
    for scale, zero in (("0 is mid-gray", 0.5), ("0–1 per layer", 0)):
        legend = plots.filter_grid(kernel, scale=scale).every()[1]
        hill, tick = (mark for mark in legend.marks if isinstance(mark, Path))
        assert {col for _, col in tick.points} == {51 * zero}
        rows = np.array([row for row, _ in hill.points])
        assert rows.min() == 0 and len(rows) == 2 * 51 + 2
        if scale == "0 is mid-gray":
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
        {"layer": "block3_conv1", "channel": 0, "page": 1, "scale": "0 is mid-gray"},
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


def _judged(judge, *rest, right, wrong):
    """Every right form is right, and every wrong answer gets its reason."""
    for answer in right:
        assert judge(answer, *rest).right is True, answer
    for answer, word in wrong:
        judged = judge(answer, *rest)
        assert judged.right is False and word in judged.reason, (answer, judged)
    assert judge(None, *rest).right is None


@pytest.mark.parametrize("f", [0, 53])
def test_exercise_mid_gray(kernel, f):
    one = kernel[..., f].astype(float)
    low, high = one.min(), one.max()
    truth = (low + high) / 2
    _judged(
        exercises.mid_gray,
        kernel,
        f,
        right=[
            truth,
            str(truth),
            np.float32(truth),
            f" {truth:.4g} ",
            np.array([truth]),
        ],
        wrong=[
            (0, "smallest and largest weight decide"),
            (0.5, "brightness"),
            ((high - low) / 2, "half the range"),
            (-low / (high - low), "backward"),
            (one.mean(), "mean of its weights"),
            (np.median(one), "median"),
            ((kernel.min() + kernel.max()) / 2, "layer's middle"),
            ((one[:, :, 0].min() + one[:, :, 0].max()) / 2, "slice 0 alone"),
            (truth * 0.97, "give three digits"),
            (7, "first hint"),
        ],
    )


@pytest.mark.parametrize("number", [51, 34, 0])
def test_exercise_which_map(kernel, number):
    four = exercises.four_filters(number, kernel)
    assert len(set(four)) == 4 and number in four
    assert four == exercises.four_filters(np.int64(number), kernel)
    right = "ABCD"[four.index(number)]
    unit = filters.unit_filters(kernel)
    cosines = {f: float((unit[..., f] * unit[..., number]).sum()) for f in four}
    wrong = [(x, f"filter {f}'s") for x, f in zip("ABCD", four, strict=True) if f != number]
    wrong += [(x, f"{cosines[four['ABCD'.index(x)]]:.2f}") for x, _ in wrong]
    forms = [right, right.lower(), f" {right} "]
    _judged(exercises.which_map, number, kernel, right=forms, wrong=[*wrong, ("E", "one of 'A'")])
    assert exercises.which_map(right, number, kernel).reason.count("filter") == 4


def test_the_right_map_stands_in_any_place(kernel):
    at = {exercises.four_filters(f, kernel).index(f) for f in range(64)}
    assert at == {0, 1, 2, 3}


def test_a_filter_too_faint_to_see_is_not_set_beside_another(kernel):
    unit = filters.unit_filters(kernel)
    longest = np.sqrt(np.square(kernel).sum(axis=(0, 1, 2))).max()
    strong, faint = kernel.copy(), kernel.copy()
    strong[..., 5], faint[..., 5] = (-unit[..., 51] * longest / part for part in (5, 20))
    assert 5 in exercises.four_filters(51, strong)
    assert 5 not in exercises.four_filters(51, faint)


def test_exercise_stitched():
    def page(slices, grid, order=(0, 2, 1, 3)):
        _, rows, cols = slices.shape
        parts = slices.reshape(*grid, rows, cols).transpose(order)
        return parts.reshape(grid[0] * rows, grid[1] * cols)

    def lines(slices, grid):
        rows, cols = grid
        return np.vstack([np.hstack(slices[k * cols : (k + 1) * cols]) for k in range(rows)])

    def loop(slices, grid):
        high, wide = slices.shape[1:]
        made = np.zeros((grid[0] * high, grid[1] * wide))
        for k, one in enumerate(slices):
            row, col = k // grid[1] * high, k % grid[1] * wide
            made[row : row + high, col : col + wide] = one
        return made

    def printing(slices, grid):
        print(page(slices, grid))

    _judged(
        exercises.stitched,
        right=[page, lines, loop, lambda s, g: page(s, g).tolist()],
        wrong=[
            (lambda s, g: page(s, g, (0, 1, 2, 3)), "torn apart"),
            (lambda s, g: page(s, g[::-1]), "(rows, cols)"),
            (lambda s, g: page(s.reshape(*g[::-1], *s.shape[1:]).swapaxes(0, 1)
                               .reshape(s.shape), g), "down the columns"),
            (lambda s, g: page(s.swapaxes(1, 2), g), "your function gives"),
            (lambda s, g: s.reshape(24, 24), "raised ValueError"),
            (printing, "return it"),
            ("page", "a function"),
        ],
    )  # fmt: skip
    assert exercises.stitched(lambda slices, grid: None).right is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda k: filters.ranges(k[0]), r"shape \(rows, cols, in, out\)"),
        (
            lambda k: filters.positions(k, "loud", filters.ranges(k)),
            "0–1 per filter, 0–1 per layer",
        ),
        (lambda k: filters.as_rgb(k[:, :, :2]), "3 color channels"),
        (lambda k: filters.slice_similarity(k[:, :, :1]), "single slice"),
        (lambda k: plots.filter_grid(k, channel=3), "input channels 0 to 2"),
        (lambda k: plots.filter_grid(k, page=1), "pages 0 to 0"),
        (lambda k: plots.filter_grid(k, page=8, grid=(2, 4)), "pages 0 to 7"),
        (lambda k: plots.filter_grid(k, grid=(0, 4)), "both at least 1"),
        (lambda k: exercises.four_filters(64, k), "filters 0 to 63, not 64"),
        (lambda k: plots.filter_slices(k, [3, 64]), "64 filters, 0 to 63"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(kernel, call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(kernel)
    assert "\n" not in str(caught.value)


def test_slice_similarity_is_the_mean_cosine_of_all_pairs_of_slices(kernel):
    depth = kernel.shape[2]
    for f, found in enumerate(filters.slice_similarity(kernel)):
        slices = kernel[:, :, :, f].reshape(-1, depth).T.astype(np.float64)
        cosines = 1 - pdist(slices, "cosine")
        assert found == pytest.approx(cosines.mean(), abs=1e-6)
