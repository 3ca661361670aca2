"""Feature maps of a model, all layers in one pass, and numbers that sum them up."""

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from helpers.graph import graph_of
from helpers.layers import checked_batch, name_of, sub_model, walk
from helpers.safety import give_back_freed

_passes: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()


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
        batch: float array (n, rows, cols, channels), for VGG16 what ``images.prepare`` returns;
            for a model with several inputs a list of arrays, or a dict by the inputs' names.
        layers: Names (as of ``layers.walk``) or indexes of layers, one or several; None for every
            convolution.
        what: "output", or "input" for what flows into the layers.

    Returns:
        float32 arrays (n, rows, cols, channels) by layer name, in the order asked for.

    Raises:
        ValueError: No such layer, or a batch that does not fit the model.
    """
    if layers is None:
        from helpers.quiet import keras

        layers = list(walk(model, keras.layers.Conv2D))
        if not layers:
            raise ValueError(f"{model.name} has no convolutions")
    wanted = [layers] if isinstance(layers, (str, int, np.integer)) else layers
    names = tuple(dict.fromkeys(name_of(model, layer) for layer in wanted))
    if not names:
        raise ValueError(f"no layers chosen; {model.name} has {len(walk(model))}")
    checked = checked_batch(model, batch)
    arrays = checked if isinstance(checked, list) else [checked]
    kept = _passes.setdefault(graph_of(model), {})  # a Sequential that grows has a new graph
    if (what, names) not in kept:
        kept[what, names] = _compiled(model, names, what)
    size = " and ".join(f"{x.shape[1]} × {x.shape[2]}" for x in arrays if x.ndim > 2)
    too_small = ValueError(
        f"photos of {size} pixels are too small for "
        f"{model.name}: nothing is left of them after its pooling"
    )
    try:
        outputs = kept[what, names](*arrays)
    except Exception as error:  # TensorFlow's own words for it fill a page
        if any(None in tensor.shape[1:] for tensor in model.inputs):
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


def _compiled(model: Any, names: tuple[str, ...], what: str) -> Any:
    """A function from a batch to what those layers do, traced here and never again."""
    import tensorflow as tf

    give_back_freed()
    inner = sub_model(model, names, what)
    compiled = tf.function(
        lambda *arrays: inner(arrays if len(arrays) > 1 else arrays[0], training=False),
        autograph=False,
    )
    specs = [
        tf.TensorSpec(tensor.shape, tf.float32, name=f"photo{k or ''}")
        for k, tensor in enumerate(model.inputs)
    ]
    traced = compiled.get_concrete_function(*specs)
    return lambda *arrays: traced(*map(tf.convert_to_tensor, arrays))
