"""Maps become as bright as promised, on every scale."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from helpers.brightness import PERCENTILE, SCALES, between, limits, scaled

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 9))
any_maps = arrays(
    np.float32, shapes, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
)


def by_definition(maps, scale):
    """What ``scaled`` promises, in float64 and without any trick; small maps only."""
    maps = maps.astype(np.float64)
    if scale == "standardized":
        spread = np.where(np.ptp(maps, axis=(0, 1)) > 0, maps.std((0, 1)), np.inf)
        return np.clip((maps - maps.mean((0, 1))) / spread * 64 + 128, 0, 255)
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
    clear = (spread == 0) | (spread > 1e-30)  # closer together: as if the same
    if scale == "standardized":  # a spread that is only rounding
        clear &= (spread == 0) | (maps.std((0, 1), dtype=float) > 2e-7 * np.abs(maps).max((0, 1)))
    assert np.abs(found - by_definition(maps, scale))[:, :, clear].max(initial=0) <= 0.51


def test_a_small_difference_on_a_large_number_is_still_seen():
    maps = 1000 + np.linspace(0, 0.25, 16, dtype=np.float32).reshape(4, 4, 1)
    assert len(np.unique(scaled(maps, "min–max"))) == 16


@pytest.mark.parametrize("scale", SCALES[:3])
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


@pytest.mark.parametrize("scale", SCALES)
@given(maps=arrays(np.float32, (3, 2, 4, 2), elements=st.integers(-99, 99).map(float)))
@settings(max_examples=30, deadline=None)
def test_several_photos_share_their_limits(scale, maps):
    side_by_side = np.concatenate(list(maps), axis=0)  # as if they were one photo
    for together, one in zip(limits(maps, scale), limits(side_by_side, scale), strict=True):
        np.testing.assert_allclose(together, one)
    assert (scaled(maps, scale).reshape(side_by_side.shape) == scaled(side_by_side, scale)).all()


def test_part_of_the_channels_is_as_bright_as_among_all():
    maps = np.random.default_rng(1).normal(size=(5, 6, 9)).astype(np.float32)
    low, high = limits(maps, "shared")
    some = [7, 2]
    assert (scaled(maps[:, :, some], within=(low[some], high[some]))).tolist() == (
        scaled(maps, "shared")[:, :, some].tolist()
    )


@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(0, 1))
def test_between_is_the_share_of_the_way(low, high, share):
    found = between(low + share * (high - low), low, high, flat=0.25)
    if high - low > 1e-3:
        assert found == pytest.approx(share, abs=1e-5)
    elif high == low:
        assert found == np.float32(0.25)


def test_maps_themselves_stay_as_they_are():
    maps = np.random.default_rng(2).random((4, 4, 3)).astype(np.float32)
    before = maps.copy()
    for scale in SCALES:
        scaled(maps, scale)
    assert (maps == before).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: scaled(np.ones((3, 3, 2)), "log"), "percentile, min–max, shared, standardized"),
        (lambda: scaled(np.ones((3, 3))), r"not \(3, 3\)"),
        (lambda: scaled(np.ones((0, 3, 1))), r"not \(0, 3, 1\)"),
        (lambda: scaled(np.full((3, 3, 1), np.nan)), "NaN or infinity"),
        (lambda: scaled(np.full((3, 3, 1), np.inf)), "NaN or infinity"),
        (lambda: scaled(np.full((3, 3, 1), -np.inf)), "NaN or infinity"),
        (lambda: scaled(np.full((3, 3, 1), 1e300)), "NaN or infinity"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
