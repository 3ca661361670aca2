"""Lesson 06's explorer: one photo, any layer, any channel of the cat–dog network."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from helpers.activations import feature_maps
from helpers.images import scale_to_one
from helpers.plots import representations as pictures
from helpers.receptive_field import receptive_field
from helpers.widgets.explorer import Explorer, View, choice_slider, dropdown, percent, slider


def representations(model: Any, photos: dict[str, np.ndarray], layers: list[str]) -> Explorer:
    """Sliders for layer and channel; menus for the photo and for how brightness is scaled.

    Args:
        model: The cat–dog network, or another that takes photos scaled to 0–1.
        photos: uint8 (rows, cols, 3) by name, of the size the model takes.
        layers: Names of the layers to choose from, convolutions and pools.
    """
    batch = scale_to_one(np.stack(list(photos.values())))
    maps = feature_maps(model, batch, layers)
    numbers = {name: number for number, name in enumerate(photos)}
    fields = {layer: receptive_field(model, layer) for layer in layers}

    @lru_cache(maxsize=64)
    def strip(photo: str, layer: str, scale: str) -> np.ndarray:
        return pictures.strip_of(maps[layer][numbers[photo]], scale)

    def draw(layer: str, channel: int, photo: str, scale: str) -> View:
        shown = maps[layer][numbers[photo]]
        picture = pictures.one_channel(
            photos[photo], shown, channel, fields[layer], strip(photo, layer, scale), scale
        )
        return View(picture, _caption(photo, layer, channel, shown))

    def adapt(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {"channel": {"max": maps[values["layer"]].shape[-1] - 1}}

    controls = {
        "layer": choice_slider("Layer", layers),
        "channel": slider("Channel", maps[layers[0]].shape[-1] - 1),
        "photo": dropdown("Photo", list(photos)),
        "scale": dropdown("Brightness", list(pictures.SCALES)),
    }
    return Explorer(controls, draw, adapt, title="Every layer's maps of a photo")


def _caption(photo: str, layer: str, channel: int, maps: np.ndarray) -> str:
    chosen = maps[:, :, channel]
    rows, cols, channels = maps.shape
    place = (
        f"{layer}, channel {channel} of 0 to {channels - 1}, on {photo}: {rows} × {cols} numbers"
    )
    if not chosen.any():
        return f"{place}, all of them 0: nothing in this photo excites the channel."
    row, col = np.unravel_index(chosen.argmax(), chosen.shape)
    return (
        f"{place}, {percent(np.mean(chosen == 0))} of them 0, mean {chosen.mean():.2f}; the "
        f"largest, {chosen.max():.2f}, is at row {row}, col {col}. Of the whole layer "
        f"{percent(np.mean(maps == 0))} is 0."
    )
