"""Lesson 10: Grad-CAM beside a plain forward and backward pass, occlusion beside plain passes."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import numpy as np
import tensorflow as tf
from subject import photo
from table import Row, in_turn, ratio, seconds

from helpers import attribution, images, models
from helpers.quiet import keras

ITEM = 8
SIDE, PATCH = 96, 16  # 36 patches


def where(rounds: int) -> Iterator[Row]:
    """The 200-class network on one photo, for one class.

    The plain pass ends where Grad-CAM's does: it goes forward to the score and back to the maps.
    """
    model = models.load_classifier()
    square = images.load_photo(photo(), (SIDE, SIDE))
    batch = images.prepare(square)
    many = np.repeat(batch, (SIDE // PATCH) ** 2, axis=0)
    kernel, bias = model.get_layer("head").get_weights()

    for layer in ("block5_conv3", "block4_conv3"):
        inner = keras.Model(
            model.inputs[0], [model.get_layer(name).output for name in (layer, "block5_conv3")]
        )

        @tf.function(reduce_retracing=True)
        def plain(tensor: tf.Tensor, inner: keras.Model = inner) -> tuple:
            with tf.GradientTape() as tape:
                tape.watch(tensor)
                maps, last = inner(tensor, training=False)
                score = (tf.reduce_mean(last, (1, 2)) @ kernel + bias)[:, 0]
            return score, tape.gradient(score, maps)

        tensor = tf.constant(batch)
        times = in_turn(
            {
                "ours": lambda layer=layer: attribution.grad_cam(model, batch, 0, layer),
                "plain": lambda plain=plain, tensor=tensor: [x.numpy() for x in plain(tensor)],
            },
            4 * rounds,
        )
        yield _row(f"Grad-CAM of {layer}, {SIDE} px", times["ours"])
        yield _row("a plain compiled pass, forward and back to these maps", times["plain"])
        against = ratio(times["ours"], times["plain"])
        yield Row(ITEM, "Grad-CAM against the plain pass", against, "×", 1.3)

    compiled = tf.function(lambda tensor: model(tensor, training=False))
    first = seconds(lambda: attribution.occlusion(model, batch, 0, PATCH))
    times = in_turn(
        {
            "ours": lambda: attribution.occlusion(model, batch, 0, PATCH),
            "plain": lambda: compiled(tf.constant(many)).numpy(),
        },
        2 * rounds,
    )
    yield _row(f"occlusion, {len(many)} patches", times["ours"])
    yield _row(f"a plain compiled pass of {len(many)} photos", times["plain"])
    yield Row(ITEM, "occlusion, the first time, which compiles", first * 1e3, "ms")
    against = ratio(times["ours"], times["plain"])
    yield Row(ITEM, "occlusion per patch against the plain pass per photo", against, "×", 1.15)


def _row(what: str, times: list[float]) -> Row:
    return Row(ITEM, what, median(times) * 1e3, "ms")
