"""Item 3: the feature maps of all 13 convolutions of VGG16."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import tensorflow as tf
from subject import photo, vgg16
from table import Row, in_turn, ratio, seconds

from helpers import activations, images
from helpers.layers import conv_layers
from helpers.quiet import keras


def layers(rounds: int) -> Iterator[Row]:
    """Item 3: one sub-model for each layer, one model for all, ours, and a plain pass."""
    model, batch = vgg16(), images.prepare(photo())
    outputs = {layer.name: layer.output for layer in conv_layers(model)}
    all_at_once = keras.Model(model.inputs[0], outputs)
    compiled = tf.function(lambda each: model(each, training=False))
    tensor = tf.convert_to_tensor(batch)

    def one_by_one() -> None:
        for output in outputs.values():
            keras.Model(model.inputs[0], output).predict(batch, verbose=0)

    slow = {
        "one by one": one_by_one,
        "together": lambda: all_at_once.predict(batch, verbose=0),
    }
    fast = {
        "ours": lambda: activations.feature_maps(model, batch),
        "floor": lambda: compiled(tensor).numpy(),
    }
    first = seconds(fast["ours"])
    slow_times, times = in_turn(slow, max(rounds // 4, 2)), in_turn(fast, 4 * rounds)
    yield _row("tutorials: a sub-model and predict for each layer", slow_times["one by one"])
    yield _row("one keras.Model with all outputs, predict", slow_times["together"])
    yield _row("ours: activations.feature_maps", times["ours"])
    yield Row(3, "ours, the first time, which compiles", first * 1e3, "ms")
    yield _row("floor: a compiled forward pass", times["floor"])
    against = median(slow_times["one by one"]) / median(times["ours"])
    yield Row(3, "ours, times as fast as the tutorials", against, "×")
    yield Row(3, "ours against the floor", ratio(times["ours"], times["floor"]), "×", 1.2)


def _row(what: str, times: list[float]) -> Row:
    return Row(3, what, median(times) * 1e3, "ms")
