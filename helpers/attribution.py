"""Where a network looks: which places of a photo count for an answer, and tests of such maps.

In all functions ``model`` is a ``keras.Model`` with one input, ``batch`` float (n, rows, cols,
channels) prepared for it, ``photo`` such a batch of one, and ``output`` says which number of the
model's answer is meant: a class, or (row, col, channel) where the answer is maps. A *score* is that
number before the last layer's softmax or sigmoid. A *heat* is float (rows, cols), one number for
each place. What does not fit is a ValueError of one sentence.
"""

import weakref
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from helpers import layers
from helpers.activations import feature_maps
from helpers.models import chance

Output = int | tuple[int, ...]
Fill = float | np.ndarray  # a number, a color, or a photo, prepared as the photo is

_GROUP = 16  # photos in one pass
_passes: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()


def scores(model: Any, batch: np.ndarray, output: Output) -> np.ndarray:
    """What the last layer adds up for each photo, before softmax or sigmoid: float32 (n,)."""
    return _run(model, batch, output)[0]


def class_activation_map(model: Any, batch: np.ndarray, output: int) -> np.ndarray:
    """What each place adds to a score: the mean over all places, plus the bias, *is* the score.

    Only for a model that ends with ``GlobalAveragePooling2D`` and one ``Dense`` layer. Returns
    float32 (n, rows, cols) of the last maps, negative where a place speaks against the class.
    Source: Zhou et al. 2016, https://arxiv.org/abs/1512.04150.
    """
    maps, kernel, _ = averaged_maps(model, batch)
    return maps @ kernel[:, _number(model, output)]


def averaged_maps(model: Any, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The maps that such a model averages, and how its ``Dense`` layer weighs the means.

    Returns float32 (n, rows, cols, channels), (channels, outputs) and biases (outputs,).
    """
    from helpers.quiet import keras

    every = layers.walk(model).items()
    tail = [(name, x) for name, x in every if not isinstance(x, keras.layers.Dropout)][-2:]
    if [type(x) for _, x in tail] != [keras.layers.GlobalAveragePooling2D, keras.layers.Dense]:
        ends = "does not end with the mean of its maps and one dense layer"
        raise ValueError(f"{model.name} {ends}, so it has no class activation map; use grad_cam")
    (pool, _), (_, dense) = tail
    kernel = np.asarray(dense.kernel, np.float32)
    biases = np.zeros(dense.units, np.float32) if dense.bias is None else np.asarray(dense.bias)
    return feature_maps(model, batch, pool, "input")[pool], kernel, biases


def grad_cam(
    model: Any, batch: np.ndarray, output: Output, layer: str | int | None = None, relu: bool = True
) -> np.ndarray:
    """A layer's maps, each times the mean of the score's gradient by it, summed over the channels.

    ``layer`` is the name or index of one with maps, the last such layer if left out; with ``relu``
    negative places become 0, as in the source. Returns float32 (n, rows, cols) of the maps.
    Source: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391.

    Example:
        >>> from helpers import images, models
        >>> network, cat = models.load_cat_dog(), images.load_photo("chelsea", (150, 150))
        >>> grad_cam(network, images.scale_to_one(cat), 0, "conv4").shape
        (1, 15, 15)
    """
    if layer is None:
        names = list(layers.walk(model))
        layer = next((k for k in names[::-1] if len(layers.output_shape(k, model)) == 4), names[-1])
    name = layers.name_of(model, layer)
    if len(layers.output_shape(name, model)) != 4:
        raise ValueError(f"{name} gives no maps (rows, cols, channels); choose one that does")
    _, maps, weights = _run(model, batch, output, name)
    heat = np.einsum("nijk,nk->nij", maps, weights)
    return np.maximum(heat, 0) if relu else heat


def occlusion(
    model: Any, photo: np.ndarray, output: Output, patch: int, fill: Fill = 0.0
) -> np.ndarray:
    """How far a score falls when a patch of the photo is covered, for each patch of a grid.

    A patch has ``patch`` pixels a side, fewer at the right and lower edge if some are left over.
    Returns float32 (⌈rows / patch⌉, ⌈cols / patch⌉), negative where covering raises the score.
    Source: Zeiler & Fergus 2014, https://arxiv.org/abs/1311.2901.
    """
    photo = _one(model, photo)
    rows, cols = (range(0, length, patch) for length in photo.shape[:2])
    corners = [(slice(r, r + patch), slice(c, c + patch)) for r in rows for c in cols]
    fill, left = np.broadcast_to(fill, photo.shape), []
    for group in _groups(corners):
        covered = np.repeat(photo[np.newaxis], len(group), axis=0)
        for one, place in zip(covered, group, strict=True):
            one[place] = fill[place]
        left.append(scores(model, covered, output))
    falls = scores(model, photo[np.newaxis], output) - np.concatenate(left)
    return falls.reshape(len(rows), len(cols))


def exchanged(photo: np.ndarray, other: Fill, heat: np.ndarray, steps: int = 8) -> np.ndarray:
    """A photo (rows, cols, channels) that turns into another in equal steps, hottest pixels first.

    The heat is enlarged to the photo's size, smoothly. Returns float32 (steps + 1, rows, cols,
    channels): the photo first, the other one last.

    Example:
        >>> exchanged(np.zeros((1, 2, 1)), 9.0, np.array([[1, 2]]), 2)[:, 0, :, 0].tolist()
        [[0.0, 0.0], [0.0, 9.0], [9.0, 9.0]]
    """
    rows, cols = photo.shape[:2]
    heat = cv2.resize(np.asarray(heat, np.float32), (cols, rows))  # bilinear
    place = np.argsort(np.argsort(-heat.ravel(), kind="stable")).reshape(rows, cols, 1)
    ends = np.arange(steps + 1).reshape(-1, 1, 1, 1) * rows * cols / steps  # of steps, in pixels
    return np.where(place < ends, other, photo).astype(np.float32)


def deletion(
    model: Any, photo: np.ndarray, heat: np.ndarray, output: Output, fill: Fill = 0, steps: int = 8
) -> np.ndarray:
    """The model's answer (no score) while the hottest pixels go first: float32 (steps + 1,).

    *Insertion* is the same from a blurred photo, with the photo itself as ``fill``.
    Source: Petsiuk et al. 2018, https://arxiv.org/abs/1806.07421.
    """
    batch, name = exchanged(_one(model, photo), fill, heat, steps), model.layers[-1].name
    answers = [feature_maps(model, group, name)[name] for group in _groups(batch)]
    return np.concatenate(answers).reshape(steps + 1, -1)[:, _number(model, output)]


def baselines(rows: int, cols: int, count: int = 5, seed: int = 0) -> dict[str, np.ndarray]:
    """Heats that know nothing of any photo: a blob in the center (1, …) and random (count, …)."""
    down, across = (np.linspace(-1, 1, length, dtype=np.float32) for length in (rows, cols))
    center = np.exp(-(down[:, np.newaxis] ** 2) - across**2)
    random = np.random.default_rng(seed).random((count, rows, cols), np.float32)
    return {"center": center[np.newaxis], "random": random}


def from_the_top(model: Any, kind: str = "fresh", seed: int = 0) -> dict[str, list[np.ndarray]]:
    """Weights by chance from the last layer down to the one named, for ``model.set_weights``.

    Layers without a kernel keep theirs. ``kind`` and ``seed`` are those of ``models.chance``.
    Source: the cascade of Adebayo et al. 2018, https://arxiv.org/abs/1810.03292.
    """
    weights, found = model.get_weights(), {}
    drawn, at = chance(weights, kind, seed), {id(v): k for k, v in enumerate(model.weights)}
    once = {id(layer): layer for layer in layers.walk(model).values()}  # though called twice
    for layer in reversed(once.values()):
        if getattr(layer, "kernel", None) is not None:
            own = {at[id(variable)] for variable in layer.weights}
            weights = [drawn[k] if k in own else array for k, array in enumerate(weights)]
            found[layer.name] = weights
    return found


def _one(model: Any, photo: np.ndarray) -> np.ndarray:
    batch = layers.checked_batch(model, photo)
    if len(batch) != 1:
        raise ValueError(f"this takes one photo at a time, not {len(batch)}")
    return batch[0]


def _groups(every: Any) -> Iterator[Any]:
    return (every[start : start + _GROUP] for start in range(0, len(every), _GROUP))


def _number(model: Any, output: Output) -> int:
    shape = layers.output_shape(model.layers[-1])[1:]
    wanted = output if isinstance(output, tuple) else (output,)
    if len(wanted) != len(shape) or None in shape:
        raise ValueError(f"{model.name} answers with {shape}, so {output} names no number in it")
    pairs = zip(wanted, shape, strict=True)
    place = [layers.check_index(*pair, "output", model.name) for pair in pairs]
    return int(np.ravel_multi_index(place, shape))


def _run(model: Any, batch: np.ndarray, output: Output, layer: str | None = None) -> list:
    """Scores (n,); with a layer also its maps, and the mean of the scores' gradient by each."""
    kept, number = _passes.setdefault(model, {}), _number(model, output)
    if layer not in kept:
        kept[layer] = _compiled(model, layer)
    found = [kept[layer](group, number) for group in _groups(layers.checked_batch(model, batch))]
    return [np.concatenate(each) for each in zip(*found, strict=True)]


def _compiled(model: Any, layer: str | None) -> Any:
    """What ``_run`` runs, traced once for all outputs."""
    import tensorflow as tf

    from helpers.quiet import keras

    end = model.layers[-1]
    name, inner = end.name, layers.sub_model(model, [end.name, layer or end.name])

    def run(batch: Any, number: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(batch)
            found = inner(batch, training=False)
            score = tf.reshape(found[name], (tf.shape(batch)[0], -1))[:, number]
        if layer is None:
            return [tf.cast(score, tf.float32)]
        gradient = tape.gradient(score, found[layer])
        if gradient is None:
            raise ValueError(f"the model's answer does not depend on {layer}")
        every = score, found[layer], tf.reduce_mean(gradient, (1, 2))
        return [tf.cast(each, tf.float32) for each in every]

    while hasattr(end, "layers"):  # a head that is a model itself
        end = end.layers[-1]
    own = getattr(end, "activation", None)
    shapes = tf.TensorSpec(layers.model_input(model).shape, tf.float32), tf.TensorSpec((), tf.int32)
    try:  # while it is traced, the last layer hands on its sums
        if own in (keras.activations.softmax, keras.activations.sigmoid):
            end.activation = keras.activations.linear
        traced = tf.function(run, autograph=False).get_concrete_function(*shapes)
    finally:
        if own is not None:
            end.activation = own
    return lambda batch, number: traced(tf.constant(batch), tf.constant(number))
