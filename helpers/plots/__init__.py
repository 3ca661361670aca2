"""Pictures: arrays and Figures made of numbers that other modules computed.

A lesson's figure is one function that returns a ``matplotlib.figure.Figure``. Nothing here shows a
figure by itself or changes matplotlib's global style.
"""

from helpers.plots.blocks import (
    block_ends,
    bright_frames,
    layer_maps,
    layer_profile,
    lost_and_gained,
    padding_reach,
    read_backs,
    strongest_maps,
    two_photos,
    two_scales,
)
from helpers.plots.effect import (
    all_partials,
    classical_beside_learned,
    filter_effect,
    input_channels,
)
from helpers.plots.filter_bank import filter_boxes
from helpers.plots.filter_grids import (
    every_slice,
    filter_grid,
    filter_slices,
    scaling_hides,
    zero_greys,
)
from helpers.plots.filter_rankings import (
    channel_order,
    filter_pairs,
    orientation_fan,
    rgb_filters,
    slice_extremes,
    smoothness_test,
    trained_and_random,
)
from helpers.plots.first_look import guesses, photo_and_maps
from helpers.plots.mosaics import mosaic
from helpers.plots.network import layer_arithmetic, network_to_scale, parameters_and_work
from helpers.plots.patches import (
    gradient_in_field,
    nested_fields,
    patch_comparison,
    patch_wall,
    top_photos,
)
from helpers.plots.probe import pixel_probe
from helpers.plots.representations import (
    chosen_channel,
    emptiness,
    layer_rows,
    same_map_scaled,
    verdicts,
)

__all__ = [
    "all_partials",
    "block_ends",
    "bright_frames",
    "channel_order",
    "chosen_channel",
    "classical_beside_learned",
    "emptiness",
    "every_slice",
    "filter_boxes",
    "filter_effect",
    "filter_grid",
    "filter_pairs",
    "filter_slices",
    "gradient_in_field",
    "guesses",
    "input_channels",
    "layer_arithmetic",
    "layer_maps",
    "layer_profile",
    "layer_rows",
    "lost_and_gained",
    "mosaic",
    "nested_fields",
    "network_to_scale",
    "orientation_fan",
    "padding_reach",
    "parameters_and_work",
    "patch_comparison",
    "patch_wall",
    "photo_and_maps",
    "pixel_probe",
    "read_backs",
    "rgb_filters",
    "same_map_scaled",
    "scaling_hides",
    "slice_extremes",
    "smoothness_test",
    "strongest_maps",
    "top_photos",
    "trained_and_random",
    "two_photos",
    "two_scales",
    "verdicts",
    "zero_greys",
]
