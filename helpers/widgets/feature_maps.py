"""Lesson 05: page through every layer's feature maps of one photo, or of two."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from helpers.activations import by_activity, dead_channels
from helpers.activations import feature_maps as maps_of
from helpers.images import prepare
from helpers.layers import conv_layers
from helpers.plots import blocks, mosaics
from helpers.widgets.explorer import Explorer, View, choice_slider, dropdown, percent, slider

_ORDERS = ("by index", "by activity")
_HOW = {
    "percentile": "each map from its smallest value to its 99th percentile",
    "min–max": "each map from its smallest to its largest value",
    "shared": "all maps alike, from the layer's smallest to its largest value",
}


class _Layer(NamedTuple):
    """All that drawing one layer's pages needs, computed once."""

    maps: tuple[np.ndarray, ...]  # of each photo: (rows, cols, channels), shrunk to a tile
    size: tuple[int, int]  # rows and cols before that
    within: dict[str, blocks.Limits]  # by scale; the same for all photos
    zeros: np.ndarray  # share of zeros by photo and channel
    order: np.ndarray  # channels from the most active down, for the first photo
    dead: set[int]  # channels that are 0 everywhere for every photo


def feature_map_pages(
    model: Any,
    photo: np.ndarray,
    other: np.ndarray | None = None,
    names: tuple[str, str] = ("first photo", "second photo"),
) -> Explorer:
    """An explorer of all convolutions' feature maps, 64 channels a page.

    The network runs once, when the explorer is made.

    Args:
        model: A model of convolutions that takes what ``images.prepare`` returns.
        photo: uint8 (rows, cols, 3), of a size that the model takes.
        other: A second photo of the same size; the same channels are then shown for both, in the
            same colors.
        names: What to call the two photos.

    Returns:
        An ``Explorer`` with sliders for layer and page, and menus for scale and order.

    Raises:
        ValueError: A photo that does not fit the model, or two of different sizes.
    """
    photos = (photo,) if other is None else (photo, other)
    if other is not None and np.shape(photo) != np.shape(other):
        raise ValueError(
            f"both photos must have the same size, not {np.shape(photo)} and {np.shape(other)}"
        )
    side = blocks.PAGE_SIDE if other is None else blocks.PAIR_SIDE
    layers = _summed_up(model, photos, side)

    def chosen(layer: str, number: int, order: str) -> np.ndarray:
        found = layers[layer]
        channels = np.arange(len(found.order)) if order == "by index" else found.order
        return channels[(number - 1) * blocks.PAGE : number * blocks.PAGE]

    def draw(layer: str, page: int, scale: str, order: str) -> View:
        found, channels = layers[layer], chosen(layer, page, order)
        within, count = found.within[scale], len(found.order)
        rank = None if order == "by index" else (page - 1) * blocks.PAGE
        if other is None:
            picture = blocks.page(
                photo, found.maps[0], channels, layer, scale, within, found.size, rank
            )
        else:
            heads = tuple(
                f"{name}\n{layer}\n{zeros[channels].mean():.0%} zeros in these maps"
                for name, zeros in zip(names, found.zeros, strict=True)
            )
            picture = blocks.pair(photos, found.maps, channels, heads, within)
        which = (
            f"channels {channels[0]} to {channels[-1]} of {count}"
            if rank is None
            else f"ranks {rank + 1} to {rank + len(channels)} of {count} channels by activity "
            f"({', '.join(str(channel) for channel in channels[:5])}, …)"
        )
        dead = len(found.dead.intersection(channels.tolist()))
        return View(
            picture,
            f"{layer}, {which}; {found.size[0]} × {found.size[1]} positions each. Brightness: "
            f"{_HOW[scale]}. {percent(found.zeros[0][channels].mean())} of these maps' numbers are "
            f"zero{'' if other is None else ' for ' + names[0]}; dead channels here: {dead}.",
        )

    def adapt(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {"page": {"max": -(-len(layers[values["layer"]].order) // blocks.PAGE)}}

    names_in_order = list(layers)
    controls = {
        "layer": choice_slider("Layer", names_in_order),
        "page": slider("Page", 1, 1, minimum=1),
        "scale": dropdown("Scale", list(mosaics.SCALES)),
        "order": dropdown("Order", list(_ORDERS)),
    }
    return Explorer(controls, draw, adapt, "Feature maps, page by page")


def _summed_up(model: Any, photos: tuple[np.ndarray, ...], side: int) -> dict[str, _Layer]:
    names = [layer.name for layer in conv_layers(model)]
    every = [maps_of(model, prepare(photo), names) for photo in photos]
    layers = {}
    for name in names:
        full = [maps.pop(name)[0] for maps in every]
        within = {}
        for scale in mosaics.SCALES:
            low, high = zip(*(mosaics.limits(maps, scale) for maps in full), strict=True)
            within[scale] = (np.min(low, axis=0), np.max(high, axis=0))
        layers[name] = _Layer(
            tuple(mosaics.shrunk(maps, side) for maps in full),
            full[0].shape[:2],
            within,
            np.stack([(maps == 0).mean(axis=(0, 1)) for maps in full]),
            by_activity(full[0]),
            set.intersection(*(set(dead_channels(maps).tolist()) for maps in full)),
        )
    return layers
