"""Lesson 00: what a network takes photos for; one photo beside all the maps of one layer."""

from collections.abc import Sequence

import numpy as np

from helpers import activations
from helpers.models import Guess
from helpers.plots import mosaics, panels
from helpers.plots.page import Picture
from helpers.plots.panels import Panel

TILE = 64  # pixels of a small map


def photo_and_maps(
    photo: np.ndarray,
    maps: np.ndarray,
    name: str,
    channel: int = 0,
    wall: mosaics.Wall | None = None,
) -> Picture:
    """A photo, one of the maps that a layer makes of it, and the first 64 of them.

    The map of ``channel`` is enlarged, and framed among the others. ``wall`` is
    ``mosaics.wall(maps, side=TILE)``, if it is there already.
    """
    one, count = maps[:, :, channel], min(maps.shape[-1], 64)
    found = activations.one_map(one)
    left = [
        Panel("the photo", panels.shrunk(photo, 250), width=250),
        Panel(f"map {channel} of {name}", *panels.heat(one), 250),
    ]
    title = f"maps 0 to {count - 1}; map {channel} is framed"
    wall = mosaics.wall(maps[:, :, :count], side=TILE) if wall is None else wall
    sets = {"channel": range(count)}
    every = mosaics.grid(title, wall, range(count), 8, 552, sets=sets, chosen=channel)
    caption = (
        f"Feature map {channel} of layer {name}: strongest answer {found.largest:.2f} at row "
        f"{found.row}, col {found.col}; {panels.percent(found.zeros)} of its numbers are zero "
        f"(black)."
    )
    return Picture([left, every], caption)


def guesses(name: str, photo: np.ndarray, answers: Sequence[Guess]) -> Picture:
    """A photo, and beside it a bar for each class that a network takes it for."""
    shares = {guess.name.split(",")[0]: guess.probability for guess in answers}
    every = panels.bars("what it is taken for: probability", shares, full=1, width=500, tall=36)
    return Picture([Panel(name, panels.shrunk(photo, 448), width=224), every])
