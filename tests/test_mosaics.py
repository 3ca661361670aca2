"""Maps land where they should, as bright as promised, each with its number."""

import numpy as np
import pytest

from helpers import brightness
from helpers.plots import mosaics, panels


@pytest.mark.parametrize("scale", brightness.SCALES)
def test_maps_themselves_stay_as_they_are(scale):
    maps = np.random.default_rng(2).random((4, 4, 3)).astype(np.float32)
    maps[:, :, 1] = 0
    before = maps.copy()
    mosaics.wall(maps, scale)
    mosaics.wall(maps, scale, side=2)
    assert (maps == before).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mosaics.wall(np.ones((3, 3, 2)), "log"), "percentile, min–max, shared"),
        (lambda: mosaics.wall(np.ones((3, 3))), r"not \(3, 3\)"),
        (lambda: mosaics.wall(np.ones((0, 3, 1))), r"not \(0, 3, 1\)"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("scale", brightness.SCALES)
def test_places_in_the_color_map_follow_brightness(scale):
    maps = np.random.default_rng(3).exponential(size=(9, 7, 5)).astype(np.float32)
    tiles, meaning = mosaics.wall(maps, scale)
    wrong = brightness.scaled(maps, scale).transpose(2, 0, 1).astype(int) - tiles
    assert wrong.min() >= 0 and wrong.max() <= 4  # 64 steps
    assert tiles.max() < panels.NOTHING
    assert meaning[:3] == (panels.HEAT, *mosaics.WORDS[scale])


def test_limits_are_those_of_the_whole_map_however_small_it_is_shown():
    maps = np.zeros((8, 8, 1), np.float32)
    maps[::2, ::2] = 4
    tiles, _ = mosaics.wall(maps, "min–max", side=4)
    assert np.unique(tiles).tolist() == [64]  # a quarter of each square is brightest


def test_dead_channels_are_empty_with_a_cross_and_flat_ones_are_not():
    maps = np.random.default_rng(4).random((6, 5, 7)).astype(np.float32)
    maps[:, :, [2, 5]], maps[:, :, 3] = 0, 1
    tiles, _ = every = mosaics.wall(maps, "standardized")
    empty = (tiles == panels.NOTHING).all(axis=(1, 2))
    assert np.flatnonzero(empty).tolist() == [2, 5]
    assert (tiles[~empty] < panels.NOTHING).all()
    panel = mosaics.grid("", every, [6, 5, 4, 2, 0], 2, 300)
    names = {mark.words: mark for mark in panel.marks[:5]}
    assert list(names) == ["6", "5", "4", "2", "0"]
    crosses = [mark for mark in panel.marks if mark.words == "×"]
    for name, cross in zip(["5", "2"], crosses, strict=True):
        assert cross.col == names[name].col + 2.5  # the middle of its tile
        top, left = round(cross.row - 3), int(names[name].col)
        assert top == pytest.approx(cross.row - 3)
        assert (panel.array[top : top + 6, left : left + 5] == panels.NOTHING).all()
        assert 0 < top - names[name].row < 2


def test_a_grid_shows_the_chosen_maps_below_their_numbers():
    maps = np.random.default_rng(5).random((6, 6, 9)).astype(np.float32)
    tiles, _ = every = mosaics.wall(maps)
    chosen = [7, 0, 3, 8]
    panel = mosaics.grid("", every, chosen, 3, 90)
    pitch = 90 / panel.array.shape[1]
    for channel, label in zip(chosen, panel.marks, strict=True):
        assert label.words == str(channel)
        top, left = round(label.row + 2 / pitch), int(label.col)
        assert (panel.array[top : top + 6, left : left + 6] == tiles[channel]).all()
