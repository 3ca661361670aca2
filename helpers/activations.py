"""Feature maps of a model, all layers in one pass, and numbers that sum them up."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from helpers.layers import checked_batch, conv_layers, find, model_input, sub_model
from helpers.safety import give_back_freed

#: How strongly ``read_back`` holds its reader back; the best of these is taken for each layer.
_RIDGES = 10.0 ** np.arange(-2, 6)

_passes: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()


class ReadBack(NamedTuple):
    """A photo as far as something else tells it, such as one layer's feature maps."""

    picture: np.ndarray  # float32 (rows, cols), grey values 0–1
    share: float  # R², how much of the variance is there: 1 is all, 0 no more than an even grey


class MapStatistics(NamedTuple):
    """How active one layer is on one batch."""

    name: str
    channels: int
    sparsity: float  # share of zeros among all numbers of the maps
    dead: int  # channels that are 0 everywhere


class OneMap(NamedTuple):
    """What there is to say about a single feature map."""

    zeros: float  # share of its numbers that are 0, 0–1
    mean: float
    largest: float
    row: int  # where the largest number is (the topmost, then leftmost of several)
    col: int


def feature_maps(
    model: Any,
    batch: np.ndarray,
    layers: Sequence[str | int] | str | int | None = None,
    what: str = "output",
) -> dict[str, np.ndarray]:
    """What chosen layers answer to a batch, computed in one compiled pass.

    The sub-model that ends in those layers is built and compiled on the first call and kept, so
    the second call costs little more than a forward pass.

    Args:
        model: A ``keras.Model``.
        batch: float array (n, rows, cols, channels), for VGG16 what ``images.prepare`` returns.
        layers: Names or indexes of layers, one or several; None for every convolution.
        what: "output", or "input" for what flows into the layers.

    Returns:
        float32 arrays (n, rows, cols, channels) by layer name, in the order asked for.

    Raises:
        ValueError: No such layer, or a batch that does not fit the model.
    """
    if layers is None:
        layers = [layer.name for layer in conv_layers(model)]
        if not layers:
            raise ValueError(f"{model.name} has no convolutions")
    wanted = [layers] if isinstance(layers, (str, int, np.integer)) else layers
    names = tuple(dict.fromkeys(find(model, layer).name for layer in wanted))
    if not names:
        raise ValueError(f"no layers chosen; {model.name} has {len(model.layers)}")
    batch = checked_batch(model, batch)
    kept = _passes.setdefault(model, {})
    if (what, names) not in kept:
        kept[what, names] = _compiled(model, names, what)
    too_small = ValueError(
        f"photos of {batch.shape[1]} × {batch.shape[2]} pixels are too small for "
        f"{model.name}: nothing is left of them after its pooling"
    )
    try:
        outputs = kept[what, names](batch)
    except Exception as error:  # TensorFlow's own words for it fill a page
        if None in model_input(model).shape[1:]:
            raise too_small from error
        raise
    maps = {name: np.asarray(outputs[name], dtype=np.float32) for name in names}
    if not all(found.size for found in maps.values()):  # some processors convolve nothing, too
        raise too_small
    return maps


def sparsity(maps: np.ndarray) -> np.ndarray:
    """Share of zeros in each channel, float (channels,), for maps (..., channels).

    Example:
        >>> sparsity(np.array([[0.0, 2.0], [3.0, 1.0]])).tolist()
        [0.5, 0.0]
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


def one_map(plane: np.ndarray) -> OneMap:
    """The share of zeros, the mean, the largest number and its place, for a map (rows, cols)."""
    row, col = np.unravel_index(plane.argmax(), plane.shape)
    zeros, mean = np.mean(plane == 0), plane.mean(dtype=np.float64)
    return OneMap(float(zeros), float(mean), float(plane.max()), int(row), int(col))


def statistics(maps: dict[str, np.ndarray]) -> list[MapStatistics]:
    """How many zeros and how many dead channels every layer has."""
    return [
        MapStatistics(name, found.shape[-1], float(np.mean(found == 0)), len(dead_channels(found)))
        for name, found in maps.items()
    ]


def distances(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> dict[str, float]:
    """How far apart two photos' maps are: the Euclidean distance, by layer name.

    Raises:
        ValueError: Other layers, or photos of another size.
    """
    if first.keys() != second.keys() or any(first[k].shape != second[k].shape for k in first):
        raise ValueError("both photos need the maps of the same layers, of the same size")
    return {name: float(np.linalg.norm(maps - second[name])) for name, maps in first.items()}


def edge_and_inside(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean activation of the outermost ring of positions, and of all others, by channel.

    Two float64 arrays (channels,), for maps (rows, cols, channels) of at least 3 rows and cols.

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
    return _as_far_as(guess, grey)


def mean_squares(grey: np.ndarray, squares: int = 14) -> ReadBack:
    """A photo with every square of pixels at its mean grey, to compare ``read_back`` with.

    The rows and cols of the photo (rows, cols) are multiples of ``squares``.

    Example:
        >>> mean_squares(np.array([[0.0, 0.5], [0.5, 1.0]]), squares=1).share
        0.0
    """
    high, wide = grey.shape[0] // squares, grey.shape[1] // squares
    means = grey.reshape(squares, high, squares, wide).mean(axis=(1, 3))
    return _as_far_as(np.kron(means, np.ones((high, wide))), grey)


def _as_far_as(guess: np.ndarray, grey: np.ndarray) -> ReadBack:
    wrong, varied = np.square(guess - grey).sum(), np.square(grey - grey.mean()).sum()
    return ReadBack(np.clip(guess, 0, 1).astype(np.float32), float(1 - wrong / varied))


def _compiled(model: Any, names: tuple[str, ...], what: str) -> Any:
    """A function from a batch to what those layers do, traced here and never again."""
    import tensorflow as tf

    give_back_freed()
    inner, photo = sub_model(model, names, what), model_input(model)
    compiled = tf.function(lambda batch: inner(batch, training=False), autograph=False)
    traced = compiled.get_concrete_function(tf.TensorSpec(photo.shape, tf.float32, name="photo"))
    return lambda batch: traced(tf.convert_to_tensor(batch))
