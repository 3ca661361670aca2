"""Explorers: sliders wired to the numbers and pictures of the other modules, one per lesson."""

from helpers.widgets.explorer import Explorer
from helpers.widgets.lessons import (
    best_patches,
    convolution_effect,
    feature_map_pages,
    filter_bank,
    filter_grid,
    first_look,
    network,
    pixel_probe,
    representations,
    trained_or_chance,
)
