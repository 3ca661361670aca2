"""Lesson 01: walk through a network layer by layer, with the arithmetic of each."""

from __future__ import annotations

from typing import Any

from helpers.layers import arithmetic, layer_costs
from helpers.plots import network as pictures
from helpers.widgets.explorer import Explorer, View, choice_slider


def network(model: Any) -> Explorer:
    """An explorer with one slider over all layers: the network to scale, one layer picked out.

    Args:
        model: A chain of layers with an input of fixed size; its weights are never read.

    Raises:
        ValueError: Too many layers for one picture, or photos of any size.
    """
    costs = layer_costs(model)
    sums = {layer.name: arithmetic(layer) for layer in model.layers}
    drawing = pictures.arrange(costs)
    indexes = {cost.name: cost.index for cost in costs}

    def draw(layer: str) -> View:
        cost, formulas = costs[indexes[layer]], sums[layer]
        words = (
            f"Layer {cost.index}, {layer} ({cost.kind}), hands on {formulas.output} numbers for "
            f"one photo. "
        )
        if cost.parameters:
            words += f"It learned {formulas.parameters} parameters"
            words += f" and does {formulas.multiply_adds} multiply-adds."
        else:
            words += "It has no parameters, so there is nothing in it to learn."
        return View(pictures.chosen_layer(drawing, cost.index, formulas), words)

    first = next((cost.name for cost in costs if cost.parameters), costs[0].name)
    return Explorer(
        {"layer": choice_slider("Layer", list(indexes), first)}, draw, title="Layer by layer"
    )
