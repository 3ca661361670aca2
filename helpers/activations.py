"""Feature maps of a model, all layers in one pass, and numbers that sum them up."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from helpers.layers import checked_batch, conv_layers, find, model_input
from helpers.memory import give_back_freed

#: How strongly ``read_back`` holds its reader back; the best of these is taken for each layer.
_RIDGES = 10.0 ** np.arange(-2, 6)

_sub_models: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()


class ReadBack(NamedTuple):
    """A photo as it can be read from one layer's feature maps.

    Attributes:
        picture: float32 (rows, cols), grey values 0–1, clipped.
        share: R², how much of the grey values' variance was read: 1 is everything, 0 no more than
            an even grey.
    """

    picture: np.ndarray
    share: float


class MapStatistics(NamedTuple):
    """How active one layer is on one batch."""

    name: str
    channels: int
    sparsity: float  # share of zeros among all numbers of the maps
    dead: int  # channels that are 0 everywhere
    mean: float
    largest: float


def feature_maps(
    model: Any, batch: np.ndarray, layers: Sequence[str | int] | str | int | None = None
) -> dict[str, np.ndarray]:
    """What chosen layers answer to a batch, computed in one compiled pass.

    The sub-model that ends in those layers is built and compiled on the first call and kept, so
    the second call costs little more than a forward pass.

    Args:
        model: A ``keras.Model``.
        batch: float array (n, rows, cols, channels), for VGG16 what ``images.prepare`` returns.
        layers: Names or indexes of layers, one or several; None for every convolution.

    Returns:
        float32 arrays (n, rows, cols, channels) by layer name, in the order asked for.

    Raises:
        ValueError: No such layer, or a batch that does not fit the model.
    """
    import tensorflow as tf

    if layers is None:
        names = [layer.name for layer in conv_layers(model)]
    else:
        wanted = [layers] if isinstance(layers, (str, int, np.integer)) else layers
        names = [_name(model, layer) for layer in wanted]
    if not names:
        raise ValueError(f"no layers chosen; {model.name} has {len(model.layers)}")
    batch = tf.convert_to_tensor(checked_batch(model, batch))
    kept = _sub_models.setdefault(model, {})
    key = tuple(dict.fromkeys(names))
    if key not in kept:
        kept[key] = _sub_model(model, key)
    too_small = ValueError(
        f"photos of {batch.shape[1]} × {batch.shape[2]} pixels are too small for "
        f"{model.name}: nothing is left of them after its pooling"
    )
    try:
        outputs = kept[key](batch)
    except Exception as error:  # TensorFlow's own words for it fill a page
        if None in model_input(model).shape[1:]:
            raise too_small from error
        raise
    maps = {name: np.asarray(outputs[name], dtype=np.float32) for name in key}
    if not all(found.size for found in maps.values()):  # some processors convolve nothing, too
        raise too_small
    return maps


def sparsity(maps: np.ndarray) -> np.ndarray:
    """Share of zeros in each channel.

    Args:
        maps: (..., channels), such as (rows, cols, channels).

    Returns:
        float array (channels,), 0–1.
    """
    return np.mean(maps.reshape(-1, maps.shape[-1]) == 0, axis=0)


def dead_channels(maps: np.ndarray) -> np.ndarray:
    """Indexes of the channels that are 0 everywhere, for maps (..., channels)."""
    return np.flatnonzero(~np.any(maps.reshape(-1, maps.shape[-1]), axis=0))


def by_activity(maps: np.ndarray) -> np.ndarray:
    """Channel indexes from the most to the least active, by mean activation.

    Channels that are equally active keep their order.
    """
    means = maps.reshape(-1, maps.shape[-1]).mean(axis=0, dtype=np.float64)
    return np.argsort(-means, kind="stable")


def statistics(maps: dict[str, np.ndarray]) -> list[MapStatistics]:
    """Sparsity, dead channels, mean and largest activation of every layer."""
    return [
        MapStatistics(
            name,
            layer_maps.shape[-1],
            float(np.mean(layer_maps == 0)),
            len(dead_channels(layer_maps)),
            float(layer_maps.mean(dtype=np.float64)),
            float(layer_maps.max()),
        )
        for name, layer_maps in maps.items()
    ]


def distances(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> dict[str, float]:
    """How far apart two photos' maps are, layer by layer.

    Args:
        first: Feature maps by layer name, as ``feature_maps`` returns them.
        second: The same layers' maps of another photo of the same size.

    Returns:
        The Euclidean distance of the two photos' maps in each layer.

    Raises:
        ValueError: Other layers, or photos of another size.
    """
    if list(first) != list(second):
        raise ValueError("both photos need the maps of the same layers")
    result = {}
    for name, maps in first.items():
        if maps.shape != second[name].shape:
            raise ValueError(f"{name} has maps of {maps.shape} and of {second[name].shape}")
        result[name] = float(np.linalg.norm(maps - second[name]))
    return result


def edge_and_inside(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean activation of the outermost ring of positions, and of all others, by channel.

    Args:
        maps: (rows, cols, channels), at least 3 rows and cols.

    Returns:
        Two float64 arrays (channels,): ring, and inside.

    Raises:
        ValueError: Another shape, or maps that have no inside.
    """
    maps = np.asarray(maps)
    if maps.ndim != 3 or min(maps.shape[:2]) < 3:
        raise ValueError(
            f"maps have the shape (rows, cols, channels) with at least 3 rows and cols, "
            f"not {maps.shape}"
        )
    ring = np.ones(maps.shape[:2], bool)
    ring[1:-1, 1:-1] = False
    return tuple(maps[part].mean(axis=0, dtype=np.float64) for part in (ring, ~ring))


def read_back(maps: np.ndarray, grey: np.ndarray) -> ReadBack:
    """How well a photo's grey values can be read from one layer's maps by weighted sums.

    At every position, each pixel of the patch of photo that belongs to it is guessed as a weighted
    sum of the channels there. The weights are fitted on all positions but the one that is read
    (leave one out), and are held back (ridge regression) as strongly as serves best, so a layer
    with many channels and few positions can't just learn the photo by heart.

    Source: Hoerl & Kennard 1970, "Ridge regression"; Allen 1974, "The relationship between variable
    selection and data augmentation and a method for prediction" (leaving one out in closed form).

    Args:
        maps: float (rows, cols, channels), one photo's.
        grey: float (photo rows, photo cols), 0–1; whole multiples of the maps' rows and cols.

    Returns:
        A ``ReadBack``.

    Raises:
        ValueError: Sizes that don't fit each other, or a photo that is the same everywhere.
    """
    maps, grey = np.asarray(maps), np.asarray(grey, dtype=np.float64)
    if maps.ndim != 3 or grey.ndim != 2 or np.any(np.remainder(grey.shape, maps.shape[:2])):
        raise ValueError(
            f"the photo (rows, cols) must be a whole multiple of the maps (rows, cols, channels), "
            f"not {grey.shape} and {maps.shape}"
        )
    if np.ptp(grey) == 0:
        raise ValueError("the photo is the same everywhere: there is nothing to read")
    rows, cols, channels = maps.shape
    high, wide = grey.shape[0] // rows, grey.shape[1] // cols
    # one line per position: its patch of pixels, its channels
    patches = grey.reshape(rows, high, cols, wide).swapaxes(1, 2).reshape(rows * cols, -1)
    signals = maps.reshape(-1, channels).astype(np.float64)
    typical = patches.mean(axis=0)
    patches = patches - typical
    signals -= signals.mean(axis=0)
    signals /= np.maximum(signals.std(axis=0), 1e-9)

    strengths, directions = np.linalg.eigh(signals.T @ signals)
    turned = signals @ directions
    del signals  # tens of megabytes in a large layer
    answers, squares = turned.T @ patches, turned**2
    best = None
    for ridge in _RIDGES:
        gain = 1 / (np.maximum(strengths, 0) + ridge)
        own_part = squares @ gain + 1 / len(patches)  # of the position read, in its own guess
        error = (patches - turned @ (gain[:, np.newaxis] * answers)) / (1 - own_part)[:, np.newaxis]
        if best is None or np.square(error).sum() < np.square(best).sum():
            best = error
    guess = (patches - best + typical).reshape(rows, cols, high, wide)
    guess = guess.swapaxes(1, 2).reshape(grey.shape)
    share = 1 - np.square(guess - grey).sum() / np.square(grey - grey.mean()).sum()
    return ReadBack(np.clip(guess, 0, 1).astype(np.float32), float(share))


def _name(model: Any, layer: str | int) -> str:
    return find(model, int(layer) if isinstance(layer, np.integer) else layer).name


def _sub_model(model: Any, names: tuple[str, ...]) -> Any:
    """A compiled function from a batch to those layers' outputs, traced here and never again."""
    import tensorflow as tf

    from helpers.quiet import keras

    give_back_freed()
    photo = model_input(model)
    inner = keras.Model(photo, {name: find(model, name).output for name in names})
    compiled = tf.function(lambda batch: inner(batch, training=False))
    return compiled.get_concrete_function(tf.TensorSpec(photo.shape, tf.float32, name="photo"))
