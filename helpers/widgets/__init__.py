"""Explorers: sliders wired to the numbers and pictures of the other modules, one per lesson."""

from helpers.widgets.explorer import Explorer
from helpers.widgets.lessons import (
    best_patches,
    convolution_effect,
    decision,
    feature_map_pages,
    filter_bank,
    filter_grid,
    first_look,
    network,
    pixel_probe,
    preferred_pictures,
    representations,
    trained_or_chance,
    where_it_looks,
)
from helpers.widgets.photo import OwnPhoto
