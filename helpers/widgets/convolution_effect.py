"""Explorers of what one filter does to a photo: as a whole, and number by number."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from helpers import images
from helpers.convolution import decompose, input_of, inputs_of, probe
from helpers.layers import check_index, conv_layers, find_conv, kernel_and_bias
from helpers.plots.effect import INPUT_COLORS, filter_effect_picture
from helpers.plots.probe import pixel_probe_picture, rounded
from helpers.widgets.explorer import Explorer, View, choice_slider, dropdown, percent, slider

BY_SHARE, BY_INDEX = "by share of the work", "by index"


def convolution_effect(
    model: Any, photo: np.ndarray, layer: str | None = None, filter_index: int = 0
) -> Explorer:
    """Any filter of any layer at work: three input channels, their slices, sums and the response.

    Args:
        model: A model of ``keras.applications`` style that takes what ``images.prepare`` returns.
        photo: uint8 (rows, cols, 3), RGB.
        layer: Name of the layer to begin with; the first convolution if left out.
        filter_index: The filter to begin with.

    Raises:
        ValueError: The photo does not fit the model, or there is no such layer or filter.
    """
    inputs = inputs_of(model, images.prepare(photo))
    # One channel after the other in memory: what OpenCV wants, and several times faster
    inputs = {
        name: np.ascontiguousarray(maps[0].transpose(2, 0, 1)).transpose(1, 2, 0)
        for name, maps in inputs.items()
    }
    layers = {found.name: found for found in conv_layers(model)}
    kernels = lru_cache(2)(lambda name: kernel_and_bias(layers[name])[0])
    first_layer = next(iter(layers))

    @lru_cache(4)
    def work(name: str, index: int) -> tuple:
        done = decompose(layers[name], inputs[name], index)
        return done, done.shares, done.by_share

    def adapt(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
        depth, filters = kernels(values["layer"]).shape[2:]
        return {"filter": {"max": filters - 1}, "first": {"max": max(depth - 3, 0)}}

    def draw(layer: str, filter: int, order: str, first: int) -> View:
        done, shares, ranked = work(layer, filter)
        depth = len(shares)
        ordered = ranked if order == BY_SHARE else np.arange(depth)
        channels = [int(channel) for channel in ordered[first : first + 3]]
        names = INPUT_COLORS if layer == first_layer and depth == 3 else ()
        picture = filter_effect_picture(
            inputs[layer], kernels(layer)[:, :, :, filter], done, channels, names
        )
        shown = ", ".join(f"{names[c] if names else c} ({shares[c]:.1%})" for c in channels)
        which = f"places {first + 1} to {first + len(channels)}, ordered {order}"
        zeros, largest = float(np.mean(done.activation == 0)), float(done.activation.max())
        result = f"a response of 0 to {largest:.3g}; {percent(zeros)} of it is 0"
        if largest == 0:
            result = "0 everywhere: this photo leaves the filter silent"
        caption = (
            f"{layer}, filter {filter}: {len(channels)} of its {depth} input channels ({which}) "
            f"with their shares of the work: {shown}. All {depth} partial sums + bias "
            f"{done.bias:.3g}, then ReLU, give {result}."
        )
        return View(picture, caption)

    name = find_conv(model, first_layer if layer is None else layer).name
    depth, filters = kernels(name).shape[2:]
    check_index(filter_index, filters, "filter", name)
    controls = {
        "layer": choice_slider("Layer", list(layers), name),
        "filter": slider("Filter", filters - 1, filter_index),
        "order": dropdown("Channels", [BY_SHARE, BY_INDEX]),
        "first": slider("First shown", max(depth - 3, 0)),
    }
    return Explorer(controls, draw, adapt, title="What a filter does to the photo")


def pixel_probe(
    model: Any, photo: np.ndarray, filter_index: int = 0, place: tuple[int, int] | None = None
) -> Explorer:
    """Any number in the first layer's maps, taken apart into its 27 products.

    Args:
        model: A model whose first convolution is 3×3 on a photo from ``images.prepare``.
        photo: uint8 (rows, cols, 3), RGB.
        filter_index: The filter to begin with.
        place: The (row, col) to begin with; the middle of the map if left out.

    Raises:
        ValueError: The photo does not fit the model, its first convolution is not 3×3 on three
            channels, or there is no such filter or place.
    """
    layer = next(iter(conv_layers(model)), None)
    if layer is None:
        raise ValueError(f"{model.name} has no convolutions")
    bank, _ = kernel_and_bias(layer)
    if bank.shape[:3] != (3, 3, 3):
        raise ValueError(
            f"the pixel probe shows 3×3 kernels on three channels; {layer.name}'s are "
            f"{bank.shape[0]}×{bank.shape[1]} on {bank.shape[2]}"
        )
    inputs = input_of(layer, model, images.prepare(photo))
    activation = lru_cache(8)(lambda index: decompose(layer, inputs, index).activation)
    rows, cols = activation(filter_index).shape
    row, col = (rows // 2, cols // 2) if place is None else place
    probe(layer, inputs, filter_index, row, col)  # says what is wrong, if something is

    def draw(filter: int, row: int, col: int) -> View:
        found = probe(layer, inputs, filter, row, col)
        picture = pixel_probe_picture(photo, activation(filter), found, (row, col))
        sums = ", ".join(
            f"{name} {rounded(value)}" for name, value in zip(INPUT_COLORS, found.sums, strict=True)
        )
        outside = 27 - 3 * int(found.inside.sum())
        edge = f" {outside} of the 27 numbers are zero padding." if outside else ""
        caption = (
            f"{layer.name}, filter {filter}, row {row}, col {col}: the sums of the products are "
            f"{sums}; with the bias {rounded(found.bias)} that makes "
            f"{rounded(found.total + found.bias)}, after ReLU {rounded(found.activation)}.{edge}"
        )
        return View(picture, caption)

    controls = {
        "filter": slider("Filter", bank.shape[-1] - 1, filter_index),
        "row": slider("Row", rows - 1, row),
        "col": slider("Column", cols - 1, col),
    }
    return Explorer(controls, draw, title="One number, taken apart")
