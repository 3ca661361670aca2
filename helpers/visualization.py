"""Pictures that a unit would choose: feature visualization by gradient ascent.

A picture is climbed on through the numbers it is made from: its pixels (which ends in noise), its
Fourier spectrum in decorrelated colors (Olah, Mordvintsev & Schubert 2017, "Feature
Visualization", https://distill.pub/2017/feature-visualization), or the phases of a spectrum whose
magnitudes are those of photos (Fel et al. 2023, "Unlocking Feature Visualization for Deeper
Networks with MAgnitude Constrained Optimization", https://arxiv.org/abs/2306.06805). What is
climbed on is an objective; objectives add and subtract.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from helpers import collection
from helpers.images import IMAGENET_MEAN_BGR, load_photo
from helpers.layers import check_index, find, model_input, name_of, tensors

Tensors = dict[str, Any]


class Objective(NamedTuple):
    """What pictures are to excite: a number for each, from some layers' maps.

    Objectives add, subtract and take weights: ``channel("conv1", 5) - 0.5 * channel("conv1", 6)``.
    """

    layers: tuple[str, ...]
    value: Callable[[Tensors], Any]  # tensors (n, rows, cols, channels) by layer → tensor (n,)

    def __add__(self, other: Objective) -> Objective:  # type: ignore[override]
        layers = tuple(dict.fromkeys(self.layers + other.layers))
        return Objective(layers, lambda maps: self.value(maps) + other.value(maps))

    def __mul__(self, weight: float) -> Objective:  # type: ignore[override]
        return Objective(self.layers, lambda maps: weight * self.value(maps))

    def __sub__(self, other: Objective) -> Objective:
        return self + -1 * other

    __rmul__ = __mul__


def channel(layer: str, index: int | Sequence[int]) -> Objective:
    """The mean of one channel's map; of several channels, each picture of a batch has its own."""

    def value(maps: Tensors) -> Any:
        import tensorflow as tf

        means = _means(maps[layer])
        each = [check_index(k, means.shape[-1], "channel", layer) for k in np.ravel(index).tolist()]
        if np.ndim(index) == 0:
            return means[:, each[0]]
        if len(each) != means.shape[0]:
            raise ValueError(f"{len(each)} channels need as many pictures, not {means.shape[0]}")
        return tf.gather(means, each, axis=1, batch_dims=1)

    return Objective((layer,), value)


def unit(layer: str, row: int, col: int, index: int) -> Objective:
    """One position of one channel's map."""

    def value(maps: Tensors) -> Any:
        asked = zip(
            (row, col, index), maps[layer].shape[1:], ("row", "col", "channel"), strict=True
        )
        return maps[layer][(slice(None), *(check_index(*each, layer) for each in asked))]

    return Objective((layer,), value)


def direction(layer: str, weights: np.ndarray) -> Objective:
    """A weighted sum of the means of all channels, such as a class takes; weights (channels,)."""
    column = np.asarray(weights, np.float32).reshape(-1, 1)
    return Objective((layer,), lambda maps: (_means(maps[layer]) @ column)[:, 0])


def _means(maps: Any) -> Any:
    """The mean of each map (n, channels); a dense layer's answers as they are."""
    import tensorflow as tf

    return tf.reduce_mean(maps, axis=list(range(1, len(maps.shape) - 1)))


class Start(NamedTuple):
    """Where to start climbing, and on what."""

    numbers: np.ndarray  # float32 (n, …): what is changed, for n pictures
    picture: Callable[[Any], Any]  # a tensor of such numbers → (n, side, side, 3), RGB, 0–1
    rate: float  # Adam's learning rate


def pixels(count: int, side: int = 96, seed: int = 0) -> Start:
    """Pixels near mid-gray, (count, side, side, 3): the plain way, which ends in noise."""
    import tensorflow as tf

    noise = np.random.default_rng(seed).normal(0, 0.1, (count, side, side, 3))
    return Start(noise.astype(np.float32), tf.sigmoid, 0.05)


def fourier(count: int, side: int = 96, seed: int = 0) -> Start:
    """Spectra in which all waves weigh alike, in colors that vary together as in photos.

    Example:
        >>> start = fourier(2, side=32)
        >>> start.numbers.shape, start.picture(start.numbers).shape
        ((2, 2, 3, 32, 17), TensorShape([2, 32, 32, 3]))
    """
    import tensorflow as tf

    _, colors, _ = photo_statistics(side)
    wave = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side))  # in 1 / pixel
    weight = (side / np.maximum(wave, 1 / side)).astype(np.float32)
    numbers = np.random.default_rng(seed).normal(0, 0.01, (count, 2, 3, *wave.shape))

    def picture(numbers: Any) -> Any:
        planes = tf.signal.irfft2d(tf.complex(numbers[:, 0] * weight, numbers[:, 1] * weight))
        return tf.sigmoid(tf.transpose(planes, (0, 2, 3, 1)) @ colors)

    return Start(numbers.astype(np.float32), picture, 0.05)


def phases(count: int, side: int = 96, seed: int = 0) -> Start:
    """Random phases of waves that each keep the magnitude they have in photos (MACO)."""
    import tensorflow as tf

    mean, colors, magnitude = photo_statistics(side)
    numbers = np.random.default_rng(seed).uniform(-np.pi, np.pi, (count, *magnitude.shape))

    def picture(phase: Any) -> Any:
        spectrum = tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase))
        planes = tf.transpose(tf.signal.irfft2d(spectrum), (0, 2, 3, 1))
        return tf.clip_by_value(planes @ colors + mean, 0, 1)

    return Start(numbers.astype(np.float32), picture, 1.0)


@functools.lru_cache(maxsize=4)
def photo_statistics(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What 61 of the course's photos have in common, at this side in pixels; RGB, 0–1, float32.

    Returns:
        Their mean color (3,); the three directions (3, 3), in rows, along which their colors vary
        independently, the widest of length 1; and the mean magnitude of each wave along these,
        (3, side, side // 2 + 1).
    """
    photos = np.stack([load_photo(file, (side, side)) for file in collection.files()[::8]]) / 255
    mean = photos.mean(axis=(0, 1, 2))
    spreads, axes = np.linalg.eigh(np.cov(photos.reshape(-1, 3).T))
    colors = (axes * np.sqrt(np.maximum(spreads, 0) / spreads.max())).T
    planes = (photos - mean) @ np.linalg.inv(colors)
    magnitude = np.abs(np.fft.rfft2(planes, axes=(1, 2))).mean(axis=0).transpose(2, 0, 1)
    magnitude[:, 0, 0] = 0
    return mean.astype(np.float32), colors.astype(np.float32), magnitude.astype(np.float32)


class Ascent(NamedTuple):
    """Where climbing has led."""

    pictures: np.ndarray  # uint8 (n, side, side, 3), RGB: of each the best on the way
    values: np.ndarray  # float32 (steps, n): the objective on the way


def to_vgg16(pictures: Any) -> Any:
    """What ``images.prepare`` does, for tensors (n, rows, cols, 3), RGB, 0–1."""
    return pictures[..., ::-1] * 255 - IMAGENET_MEAN_BGR


def ascend(
    model: Any,
    objective: Objective,
    start: Start,
    steps: int = 64,
    jitter: int = 16,
    prepare: Callable[[Any], Any] = to_vgg16,
    seed: int = 0,
    progress: bool = True,
) -> Ascent:
    """Change pictures, step by step, so that they excite an objective more.

    Stopping it (in JupyterLab) keeps the best so far. The same seeds give the same pictures.

    Args:
        model: A ``keras.Model`` that takes pictures of the start's side, less ``jitter``.
        objective: What to excite, before activation functions: ReLU hides which way is up.
        start: What ``pixels``, ``fourier`` or ``phases`` returned.
        steps: How many.
        jitter: Each step sees a window this many pixels smaller, at a random place.
        prepare: Turns tensors (n, rows, cols, 3), RGB, 0–1, into what the model takes.
        seed: Of the windows' places.
        progress: Whether to show a bar.

    Raises:
        ValueError: No such layer or channel, or windows of a size that the model does not take.
    """
    import tensorflow as tf
    from tqdm.auto import tqdm

    step, best = climber(model, objective, start, jitter, prepare)
    places = np.random.default_rng(seed).integers(0, jitter + 1, (steps, 2), np.int32)
    values = []
    try:
        for row, col in tqdm(tf.constant(places), disable=not progress, leave=False):
            values.append(step(row, col).numpy())
    except KeyboardInterrupt:
        print(f"stopped after {len(values)} of {steps} steps; the best so far is kept")
    pictures = np.clip(start.picture(best.value), 0, 1) * 255
    return Ascent(pictures.round().astype(np.uint8), np.array(values, np.float32))


def climber(
    model: Any, objective: Objective, start: Start, jitter: int, prepare: Callable[[Any], Any]
) -> tuple[Callable[[Any, Any], Any], Any]:
    """What ``ascend`` repeats: a compiled step, and the variable that keeps the best numbers.

    The step takes a window's row and col, and returns the objective before it, float32 (n,).
    """
    import tensorflow as tf

    from helpers.quiet import keras

    numbers, best = keras.Variable(start.numbers), keras.Variable(start.numbers)
    count, whole = start.picture(numbers.value).shape[:2]
    side, wanted = whole - jitter, model_input(model).shape[1]
    if jitter < 0 or wanted not in (None, side):
        raise ValueError(f"{model.name} takes {wanted} pixels, not {whole} less {jitter} of jitter")
    answers = {layer: before_activation(model, layer) for layer in objective.layers}
    seen = keras.Model(model_input(model), answers)
    highest = tf.Variable(tf.fill([count], -np.inf))
    optimizer = keras.optimizers.Adam(start.rate)
    optimizer.build([numbers])

    @functools.partial(tf.function, autograph=False)
    def step(row: Any, col: Any) -> Any:
        with tf.GradientTape() as tape:
            window = start.picture(numbers.value)[:, row : row + side, col : col + side]
            window = prepare(tf.ensure_shape(window, (count, side, side, 3)))
            value = tf.cast(objective.value(seen(window, training=False)), tf.float32)
            loss = -tf.reduce_sum(value)
        higher = tf.reshape(value > highest, (-1,) + (1,) * (len(numbers.shape) - 1))
        best.assign(tf.where(higher, numbers.value, best.value))
        highest.assign(tf.maximum(value, highest))
        optimizer.apply([tape.gradient(loss, numbers.value)], [numbers])
        return value

    return step, best


def before_activation(model: Any, layer: str | int) -> Any:
    """A layer's symbolic output without its activation function."""
    name = name_of(model, layer)
    found = find(model, name)
    if getattr(found, "activation", None) is None:
        return tensors(model, [name])[name]
    plain = re.sub("[/@]", ".", name)  # what TensorFlow takes for a name
    change = {"activation": "linear", "name": f"{plain}_before"}
    twin = type(found).from_config({**found.get_config(), **change})
    answer = twin(tensors(model, [name], "input")[name])
    twin.set_weights(found.get_weights())
    return answer
