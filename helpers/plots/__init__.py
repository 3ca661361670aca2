"""Pictures made of numbers that other modules computed; each is one function.

Most return a ``Picture``: panels and a caption (``panels``). A notebook shows it as it is; its
``figure()`` is a matplotlib Figure (``page``). Some return a ``Panel``, for lessons that put
several into a picture of their own. Nothing here shows a figure by itself, opens a file or changes
matplotlib's global style.

Everywhere ``photo`` is uint8 (rows, cols, 3), RGB; ``maps`` are what a layer makes of it, float
(rows, cols, channels); a ``kernel`` is float (rows, cols, in, out); ``channel``, ``row``, ``col``
count from 0; ``width`` is in pixels on the page, which has room for 1,000; ``name`` and ``title``
are words on the page, and ``caption`` says what to see.
"""

from helpers.plots.attribution import curves, heat_over_photo, score_sheet
from helpers.plots.blocks import map_grid
from helpers.plots.chance import beside_chance, clouds, verdict_table
from helpers.plots.decisions import decision
from helpers.plots.effect import all_partials, filter_effect
from helpers.plots.filter_bank import filter_boxes
from helpers.plots.filter_grids import every_slice, filter_grid, filter_slices, rgb_filters
from helpers.plots.first_look import guesses, photo_and_maps
from helpers.plots.network import network_to_scale
from helpers.plots.page import Picture
from helpers.plots.panels import Panel, bars, frame, gray, heat, signed
from helpers.plots.patches import patch_comparison, patch_square, patch_wall, top_photos
from helpers.plots.probe import pixel_probe
from helpers.plots.representations import chosen_channel, layer_rows, verdicts
from helpers.plots.visualization import chosen_picture, picture_beside_patches, picture_rows
