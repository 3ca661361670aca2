"""Lesson 03's explorer: any layer's filters, 64 at a time, seen from any input channel."""

from __future__ import annotations

from typing import Any

from helpers import filters
from helpers.layers import conv_layers, kernel_and_bias
from helpers.plots.filter_grids import PAGE, filter_page
from helpers.plots.tiles import number
from helpers.widgets.explorer import Explorer, View, choice_slider, dropdown, slider

_MEANING = {
    "0–1 per filter": (
        "Black is each filter's smallest weight and white its largest, so brightness cannot be "
        "compared between filters and 0 lies at another grey in each of them"
    ),
    "0–1 per layer": (
        "Black is the layer's smallest weight ({low}) and white its largest ({high}), "
        "so 0 is one grey for all"
    ),
    "signed": (
        "Blue weights are negative (inhibitory), white 0, red positive (excitatory); "
        "full color from ±{limit} on"
    ),
}


def filter_grid(model: Any) -> Explorer:
    """Explore a model's filters: layer, input channel, page of 64 filters, scale.

    Args:
        model: A ``keras.Model`` with convolutions.

    Returns:
        An ``Explorer`` with the controls ``layer``, ``channel``, ``page`` and ``scale``.

    Raises:
        ValueError: The model has no convolution.
    """
    kernels = {layer.name: kernel_and_bias(layer)[0] for layer in conv_layers(model)}
    if not kernels:
        raise ValueError(f"{model.name} has no convolutions, so there are no filters to show")
    found = {name: filters.ranges(kernel) for name, kernel in kernels.items()}
    first = next(iter(kernels))
    # channels 0, 1, 2 are colors only in the first layer, and blue, green, red only in a VGG
    colors = filters.INPUT_COLORS if model.name.startswith("vgg") else ("",) * 3

    def adapt(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
        depth, count = kernels[values["layer"]].shape[2:]
        return {"channel": {"max": depth - 1}, "page": {"max": -(-count // PAGE)}}

    def draw(layer: str, channel: int, page: int, scale: str) -> View:
        kernel, limits = kernels[layer], found[layer]
        color = colors[channel] if layer == first and kernel.shape[2] == 3 else ""
        picture = filter_page(kernel, limits, channel, page - 1, scale, layer, color)
        start, count = (page - 1) * PAGE, kernel.shape[3]
        weights = kernel[:, :, channel, start : start + PAGE]
        meaning = _MEANING[scale].format(
            low=number(limits.low.min(), ".2g"),
            high=number(limits.high.max(), ".2g"),
            limit=number(limits.limit, ".2g"),
        )
        caption = (
            f"{layer}, input channel {channel}{f' ({color})' if color else ''} of "
            f"{kernel.shape[2]}, filters {start}–{min(start + PAGE, count) - 1} of {count}: "
            f"{(weights < 0).mean():.0%} of these weights are negative. {meaning}."
        )
        return View(picture, caption)

    controls = {
        "layer": choice_slider("Layer", list(kernels)),
        "channel": slider("Input channel", 0),
        "page": slider("Page", 1, 1, minimum=1),
        "scale": dropdown("Scale", list(filters.SCALES), "signed"),
    }
    return Explorer(controls, draw, adapt, "Filter grids")
