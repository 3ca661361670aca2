"""Item 7: one step of climbing to a picture, beside the work that no way can avoid, and others.

All steps are of the same size: block5_conv3 of VGG16, one picture seen through a window of
160 × 160 pixels. The floor is one compiled forward pass and its gradient for the picture.
``tf-keras-vis`` takes part if it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
import tensorflow as tf
from subject import vgg16
from table import Row, in_turn, ratio, seconds

from helpers import visualization
from helpers.quiet import keras

LAYER, CHANNEL, SIDE, JITTER, STEPS = "block5_conv3", 3, 160, 16, 10


def steps(rounds: int) -> Iterator[Row]:
    """Item 7: our step, a plain loop's, the floor, and tf-keras-vis, in turns."""
    model = vgg16(input_shape=(SIDE, SIDE, 3))
    works = {"ours": _ours(model), "eager": _eager(model), "floor": _floor(model)}
    missing = ""
    try:
        works["tf-keras-vis"] = _tf_keras_vis(model)
        works["tf-keras-vis"]()
    except Exception as error:  # not installed, or broken by a newer Keras
        missing = f"{type(error).__name__}: {error}".splitlines()[0][:60]
        works.pop("tf-keras-vis", None)
    first = seconds(works["ours"])
    times = in_turn(works, max(rounds, 3))
    what = f"{LAYER}, {SIDE} px, {STEPS} steps"
    yield Row(7, f"ours ({what})", median(times["ours"]) * 1e3, "ms")
    yield Row(7, "ours, the first time", first * 1e3, "ms")
    yield Row(7, "a plain GradientTape loop", median(times["eager"]) * 1e3, "ms")
    yield Row(7, "floor: a compiled forward pass and gradient", median(times["floor"]) * 1e3, "ms")
    found = median(times["tf-keras-vis"]) * 1e3 if "tf-keras-vis" in times else None
    yield Row(7, "tf-keras-vis", found, "ms", note=missing)
    yield Row(7, "ours against the floor", ratio(times["ours"], times["floor"]), "×", 1.25)
    if found:
        yield Row(7, "tf-keras-vis against ours", ratio(times["tf-keras-vis"], times["ours"]), "×")


def _ours(model: keras.Model) -> Callable[[], object]:
    """Our steps alone: what compiling takes shows in the first time."""
    start, objective = (
        visualization.fourier(1, SIDE + JITTER),
        visualization.channel(LAYER, CHANNEL),
    )
    step, _ = visualization.climber(model, objective, start, JITTER, visualization.to_vgg16)
    places = tf.constant(np.random.default_rng(0).integers(0, JITTER + 1, (STEPS, 2), np.int32))
    return lambda: [step(row, col).numpy() for row, col in places]


def _eager(model: keras.Model) -> Callable[[], object]:
    """What tutorials do: pixels, a tape, an optimizer, nothing compiled."""
    seen = keras.Model(model.inputs[0], model.get_layer(LAYER).output)
    noise = np.random.default_rng(0).normal(0, 10, (1, SIDE, SIDE, 3))
    numbers, optimizer = keras.Variable(noise, dtype="float32"), keras.optimizers.Adam(1.0)

    def work() -> None:
        for _ in range(STEPS):
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(seen(numbers.value, training=False)[..., CHANNEL])
            optimizer.apply([tape.gradient(loss, numbers.value)], [numbers])

    return work


def _floor(model: keras.Model) -> Callable[[], object]:
    """A compiled forward pass to the same layer, and the gradient of one mean."""
    seen = keras.Model(model.inputs[0], model.get_layer(LAYER).output)
    noise = np.random.default_rng(0).normal(0, 10, (1, SIDE, SIDE, 3))
    picture = tf.constant(noise, tf.float32)

    @tf.function
    def gradient(picture: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            value = tf.reduce_mean(seen(picture, training=False)[..., CHANNEL])
        return tape.gradient(value, picture)

    return lambda: [gradient(picture).numpy() for _ in range(STEPS)]


def _tf_keras_vis(model: keras.Model) -> Callable[[], object]:
    """Its ActivationMaximization as its own documentation uses it, as many steps."""
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.utils.model_modifiers import ExtractIntermediateLayer, ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    climb = ActivationMaximization(
        model, model_modifier=[ExtractIntermediateLayer(LAYER), ReplaceToLinear()], clone=True
    )
    return lambda: climb(CategoricalScore(CHANNEL), steps=STEPS, callbacks=[])
