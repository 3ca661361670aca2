"""Maps are scaled as promised, land where they should, and fast enough."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from helpers import images
from helpers.plots import canvas
from helpers.plots.mosaics import (
    PERCENTILE,
    SCALES,
    fitted,
    limits,
    mosaic,
    scaled,
    shrunk,
    stitch,
)

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 9))
any_maps = arrays(
    np.float32, shapes, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
)


def by_definition(maps, scale):
    """What ``scaled`` promises, in float64 and without any trick; small maps only."""
    maps = maps.astype(np.float64)
    low, high = maps.min((0, 1)), maps.max((0, 1))
    if scale == "shared":
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    if scale == "percentile":
        flat = np.sort(maps.reshape(-1, maps.shape[-1]), axis=0)
        rank = max(int(np.ceil(len(flat) * PERCENTILE / 100)) - 1, 0)
        high = np.where(flat[rank] > low, flat[rank], high)
    spread = np.where(high > low, high - low, np.inf)
    return np.clip((maps - low) / spread * 255, 0, 255)


@pytest.mark.parametrize("scale", SCALES)
@given(maps=any_maps)
@settings(max_examples=60, deadline=None)
def test_brightness_follows_the_definition(scale, maps):
    alone = None if scale == "shared" else (0, 1)
    spread = np.broadcast_to(np.ptp(maps.astype(np.float64), axis=alone), maps.shape[2])
    found = scaled(maps, scale)
    assert found.shape == maps.shape
    assert found.dtype == np.uint8
    clear = (spread == 0) | (spread > 1e-30)  # closer together: dark, see the code
    assert np.abs(found - by_definition(maps, scale))[:, :, clear].max(initial=0) <= 0.51


def test_a_small_difference_on_a_large_number_is_still_seen():
    maps = 1000 + np.linspace(0, 0.25, 16, dtype=np.float32).reshape(4, 4, 1)
    assert len(np.unique(scaled(maps, "min–max"))) == 16


@pytest.mark.parametrize("scale", SCALES)
def test_dead_maps_are_dark_beside_live_ones(scale):
    maps = np.zeros((8, 8, 3), np.float32)
    maps[2, 3, 1] = 5  # a single spark: fewer than 1 % of a large map, but not to vanish
    pictures = scaled(maps, scale)
    assert not pictures[:, :, [0, 2]].any()
    assert pictures[2, 3, 1] == 255


def test_a_spark_in_a_large_map_does_not_vanish():
    maps = np.zeros((224, 224, 1), np.float32)
    maps[101, 37] = 5
    assert scaled(maps)[101, 37, 0] == 255


@pytest.mark.parametrize("side", [64, 65, 224, 300])
def test_percentiles_of_large_maps_are_estimated_well(side):
    maps = np.random.default_rng(0).exponential(size=(side, side, 4)).astype(np.float32)
    above = (maps > limits(maps)[1]).mean(axis=(0, 1))
    assert (above > 0.005).all()
    assert (above < 0.016).all()


def test_one_strong_edge_darkens_min_max_but_not_the_percentile():
    maps = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10, 1).repeat(10, 0).repeat(10, 1)
    maps[50, :9] = 40
    assert scaled(maps, "min–max").mean() < 10
    assert scaled(maps, "percentile").mean() > 100


def test_limits_can_be_given():
    maps = np.array([[[0.0], [1.0], [2.0], [4.0]]])
    pictures = scaled(maps, within=(np.array([1.0]), np.array([2.0])))
    assert pictures.ravel().tolist() == [0, 0, 255, 255]


@given(
    count=st.integers(1, 20),
    columns=st.one_of(st.none(), st.integers(1, 25)),
    gap=st.integers(0, 3),
    color=st.sampled_from([(), (3,)]),
)
def test_every_tile_lands_in_its_place(count, columns, gap, color):
    tiles = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, *[1] * len(color))
    tiles = np.broadcast_to(tiles, (count, 2, 3, *color))
    picture = stitch(tiles, columns, gap, fill=99)
    across = min(columns or int(np.ceil(np.sqrt(count))), count)
    down = -(-count // across)
    assert picture.shape == (down * (2 + gap) - gap, across * (3 + gap) - gap, *color)
    seen = np.zeros(picture.shape[:2], bool)
    for index in range(count):
        top, left = index // across * (2 + gap), index % across * (3 + gap)
        assert (picture[top : top + 2, left : left + 3] == index).all()
        seen[top : top + 2, left : left + 3] = True
    assert (picture[~seen] == 99).all()


def test_a_mosaic_takes_maps_of_one_photo_with_or_without_its_axis():
    maps = np.random.default_rng(1).random((1, 4, 5, 6)).astype(np.float32)
    assert (mosaic(maps) == mosaic(maps[0])).all()
    assert mosaic(maps).shape == (2 * 6 - 2, 3 * 7 - 2)


def test_a_mosaic_takes_brightness_as_it_is():
    tiles = np.array([[[3, 200]]], np.uint8)
    assert mosaic(tiles, gap=0).tolist() == [[3, 200]]


def test_maps_themselves_stay_as_they_are():
    maps = np.random.default_rng(2).random((4, 4, 3)).astype(np.float32)
    before = maps.copy()
    for scale in SCALES:
        mosaic(maps, scale=scale)
    assert (maps == before).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mosaic(np.ones((3, 3, 2)), scale="log"), "percentile, min–max, shared"),
        (lambda: mosaic(np.ones((3, 3))), r"not \(3, 3\)"),
        (lambda: mosaic(np.ones((2, 3, 3, 1))), r"not \(2, 3, 3, 1\)"),
        (lambda: mosaic(np.ones((0, 3, 1))), r"not \(0, 3, 1\)"),
        (lambda: mosaic(np.ones((3, 3, 2)), columns=0), "at least 1 column"),
        (lambda: scaled(np.full((3, 3, 1), np.nan)), "NaN or infinity"),
        (lambda: scaled(np.full((3, 3, 1), np.inf)), "NaN or infinity"),
        (lambda: scaled(np.full((3, 3, 1), -np.inf)), "NaN or infinity"),
        (lambda: scaled(np.full((3, 3, 1), 1e300)), "NaN or infinity"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("count", [1, 5, 600])
@pytest.mark.parametrize(("side", "shape"), [(4, (4, 2)), (20, (20, 10)), (15, (15, 8))])
def test_maps_are_fitted_to_a_side(count, side, shape):
    maps = np.random.default_rng(3).random((10, 5, count)).astype(np.float32)
    assert fitted(maps, side).shape == (*shape, count)
    assert shrunk(maps, side).shape == ((*shape, count) if side < 10 else (10, 5, count))


def test_enlarged_maps_keep_hard_edges_where_they_can():
    maps = np.array([[[0.0], [1.0]], [[2.0], [3.0]]], np.float32)
    assert (fitted(maps, 6)[:, :, 0] == np.kron(maps[:, :, 0], np.ones((3, 3)))).all()


def _read(png):
    read = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    return read[:, :, ::-1] if read.ndim == 3 else read


def test_greys_and_a_few_colors_are_kept_exactly():
    picture = np.random.default_rng(4).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    for each in (picture, picture[:, :, 0], picture[:, ::2]):
        file, form = canvas.encoded(each)
        assert form == "png"
        assert (_read(file) == each).all()


def test_a_photo_is_hardly_told_from_what_is_sent_and_keeps_paper_and_marks():
    photo = images.load_photo("chelsea", (300, 450))
    picture = canvas.padded(photo, margin=12)
    picture[20:22, 100:140] = 255, 0, 255  # a thin mark in a color that no photo has
    file, form = canvas.encoded(picture)
    assert form == "jpeg"
    wrong = np.abs(_read(file).astype(int) - picture)
    assert 10 * np.log10(255**2 / np.square(wrong).mean()) > 38  # dB
    assert wrong[:4].max() <= 1 and wrong[:, -4:].max() <= 1
    assert wrong[20:22, 100:140].mean() < 12
    assert len(file) < 0.4 * picture.size


def test_every_color_of_a_map_stays_in_its_place():
    for cmap in (canvas.GREY, canvas.HEAT, canvas.SIGNED):
        ramp = canvas.colorize(np.tile(np.arange(256, dtype=np.uint8), (4, 1)), cmap)
        assert np.abs(_read(canvas.encoded(ramp)[0]).astype(int) - ramp).max() <= 7


@pytest.mark.parametrize("colors, kind", [(200, "png"), (1000, "jpeg")])
def test_few_colors_go_as_png_and_many_as_jpeg(colors, kind):
    rng = np.random.default_rng(0)
    palette = rng.permutation(2**15)[:colors]  # 5 bits a color, all told apart
    codes = palette[rng.integers(0, colors, (160, 200))]
    picture = np.stack([codes >> 10, codes >> 5 & 31, codes & 31], axis=-1).astype(np.uint8) * 8
    data, found = canvas.encoded(picture)
    assert found == kind
    if kind == "png":
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), picture)
