"""Lesson 02: the filters of any convolution as a bank of boxes."""

from __future__ import annotations

from typing import Any

from helpers.layers import conv_layers, kernel_and_bias
from helpers.plots import filter_bank as pictures
from helpers.widgets.explorer import Explorer, View, choice_slider, slider


def filter_bank(model: Any) -> Explorer:
    """An explorer with a slider over the convolutions and one over the filters of the chosen one.

    Each layer's bank is drawn once, here; a move of a slider only marks and enlarges a filter.

    Args:
        model: A model with at least one convolution, its weights loaded.

    Raises:
        ValueError: The model has no convolution.
    """
    convolutions = conv_layers(model)
    if not convolutions:
        raise ValueError(f"{model.name} has no convolution, so it has no filters to show")
    banks, biases = {}, {}
    for layer in convolutions:
        banks[layer.name] = pictures.draw_bank(kernel_and_bias(layer)[0], layer.name)
        biases[layer.name] = layer.use_bias

    def adapt(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {"number": {"max": banks[values["layer"]].kernel.shape[-1] - 1}}

    def draw(layer: str, number: int) -> View:
        bank = banks[layer]
        rows, cols, depth, count = bank.kernel.shape
        one = bank.kernel[:, :, :, number]
        return View(
            pictures.chosen_filter(bank, number, biases[layer]),
            f"Layer {layer}: a bank of {count} filters, each a box of {rows} rows × {cols} cols × "
            f"{depth} channels. Filter {number} is framed and enlarged; its {one.size:,} weights "
            f"lie between {one.min():.2g} and {one.max():.2g}.",
        )

    controls = {
        "layer": choice_slider("Layer", list(banks)),
        "number": slider("Filter", convolutions[0].filters - 1),
    }
    return Explorer(controls, draw, adapt, title="Filter bank")
