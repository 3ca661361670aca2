"""Lesson 00: a first slider, over the feature maps of the first layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.activations import feature_maps, sparsity
from helpers.images import prepare
from helpers.layers import conv_layers
from helpers.plots import first_look as pictures
from helpers.widgets.explorer import Explorer, View, percent, slider


def first_look(model: Any, photo: np.ndarray) -> Explorer:
    """An explorer with one slider: which feature map of the first convolution to enlarge.

    Args:
        model: A model with at least one convolution that takes what ``images.prepare`` returns.
        photo: uint8 (rows, cols, 3), of the model's size.
    """
    name = conv_layers(model)[0].name
    maps = feature_maps(model, prepare(photo), name)[name][0, :, :, :64]
    wall = pictures.maps_picture(maps)
    zeros = sparsity(maps)

    def draw(channel: int) -> View:
        picture = pictures.chosen_map(photo, maps, wall, channel, name)
        one = maps[:, :, channel]
        row, col = (int(n) for n in np.unravel_index(one.argmax(), one.shape))
        return View(
            picture,
            f"Feature map {channel} of layer {name}: strongest answer {one.max():.2f} at row "
            f"{row}, col {col}; {percent(zeros[channel])} of its numbers are zero (black).",
        )

    return Explorer({"channel": slider("Channel", maps.shape[-1] - 1)}, draw, title="First look")
