"""Explorers: sliders wired to the numbers and pictures of the other modules, one per lesson."""

from helpers.widgets.convolution_effect import convolution_effect, pixel_probe
from helpers.widgets.explorer import Explorer, View
from helpers.widgets.feature_maps import feature_map_pages
from helpers.widgets.filter_bank import filter_bank
from helpers.widgets.filter_grid import filter_grid
from helpers.widgets.first_look import first_look
from helpers.widgets.network import network
from helpers.widgets.patches import best_patches
from helpers.widgets.representations import representations

__all__ = [
    "Explorer",
    "View",
    "best_patches",
    "convolution_effect",
    "feature_map_pages",
    "filter_bank",
    "filter_grid",
    "first_look",
    "network",
    "pixel_probe",
    "representations",
]
