"""What a model is made of: its layers, their shapes, parameters and multiply-adds."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np


class LayerCost(NamedTuple):
    """One layer's size and work, computed from shapes alone."""

    index: int  # place in model.layers
    name: str
    kind: str  # the layer's class, such as "Conv2D"
    output_shape: tuple[int | None, ...]
    parameters: int
    multiply_adds: int  # products for one photo, each with its addition; no biases, no ReLU


class Arithmetic(NamedTuple):
    """How one layer's numbers come about, written out for a reader."""

    output: str  # how many numbers it hands on for one photo
    parameters: str  # "0" for a layer without weights
    multiply_adds: str


def conv_layers(model: Any) -> list[Any]:
    """All ``keras.layers.Conv2D`` of a model, in order, whatever their names."""
    from helpers.quiet import keras

    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def output_shape(layer: Any) -> tuple[int | None, ...]:
    """Shape of a layer's output, (None, rows, cols, channels) for images.

    Raises:
        ValueError: The layer has never been connected to an input.
    """
    try:
        return tuple(layer.output.shape)
    except (AttributeError, ValueError):  # the latter in Keras 3.5
        raise ValueError(
            f"layer {layer.name!r} has no output yet; build its model with keras.Input first"
        ) from None


def model_input(model: Any) -> Any:
    """A model's one symbolic input tensor; a Sequential has no ``model.input`` of its own.

    Raises:
        ValueError: The model has several inputs, or is not built.
    """
    try:
        inputs = getattr(model, "inputs", None)
    except ValueError:  # what Keras 3.5 says where later ones have None
        inputs = None
    if not inputs:
        raise ValueError(f"{model.name} has no input yet; build it with keras.Input first")
    if len(inputs) != 1:
        raise ValueError(f"{model.name} has {len(inputs)} inputs; only models with one can be used")
    return inputs[0]


def sub_model(model: Any, layers: Iterable[str | int], what: str = "output") -> Any:
    """A model that takes the same photos and hands on what some of the layers answer.

    Args:
        model: A ``keras.Model`` with one input; the new one shares its weights.
        layers: Names or indexes of layers, each one's result by its name in a dict.
        what: "output", or "input" for what flows into these layers.

    Raises:
        ValueError: No such layer.
    """
    from helpers.quiet import keras

    chosen = [find(model, layer) for layer in layers]
    return keras.Model(model_input(model), {layer.name: getattr(layer, what) for layer in chosen})


def checked_batch(model: Any, batch: np.ndarray) -> np.ndarray:
    """A batch of prepared photos as float32, or a sentence that says what is wrong with it.

    Raises:
        ValueError: Not the shape of the model's one input, no photo at all, no float numbers, or
            NaN or infinity among them.
    """
    batch, wanted = np.asarray(batch), tuple(model_input(model).shape)
    fits = batch.ndim == len(wanted) and all(
        right in (None, found) for right, found in zip(wanted[1:], batch.shape[1:], strict=True)
    )
    if not fits or batch.size == 0:
        shape = str(wanted).replace("None", "any")
        raise ValueError(f"{model.name} takes a batch of the shape {shape}, not {batch.shape}")
    if not np.issubdtype(batch.dtype, np.floating):
        raise ValueError(
            f"{model.name} takes float batches, not {batch.dtype}; prepare the photo first"
        )
    with np.errstate(over="ignore"):  # too large for float32: infinite, and refused as such
        batch = batch.astype(np.float32, copy=False)
    if not np.isfinite(batch).all():
        raise ValueError("the batch holds NaN or infinity")
    return batch


def zeros_around(padding: str, length: int, reach: int, stride: int) -> tuple[int, int]:
    """How many zeros a layer puts before and after its input, along one axis.

    "same" makes the output ceil(length / stride) long; where the zeros needed are an odd number,
    the extra one goes after it. Source: TensorFlow, ``tf.nn.convolution``, padding.

    Args:
        padding: "same" or "valid".
        length: Rows or columns of the input.
        reach: Rows or columns that the kernel covers, gaps of a dilation included.
        stride: How far the kernel moves at each step.

    Example:
        >>> zeros_around("same", 224, reach=3, stride=1), zeros_around("same", 224, 3, stride=2)
        ((1, 1), (0, 1))
    """
    if padding != "same":
        return 0, 0
    zeros = max((-(-length // stride) - 1) * stride + reach - length, 0)
    return zeros // 2, zeros - zeros // 2


def find(model: Any, layer: str | int, among: list[Any] | None = None) -> Any:
    """A layer by its name or its index in ``model.layers``.

    If there is no such one, a ValueError names the choices: those ``among``, by default all.
    """
    if isinstance(layer, numbers.Integral) and not isinstance(layer, bool):
        if -len(model.layers) <= layer < len(model.layers):
            return model.layers[layer]
        raise ValueError(f"no layer {layer}; {model.name} has layers 0 to {len(model.layers) - 1}")
    for candidate in model.layers:
        if isinstance(layer, str) and candidate.name == layer:
            return candidate
    choices = _named(model.layers if among is None else among)
    raise ValueError(f"no layer {layer!r}; {model.name} has {choices}")


def find_conv(model: Any, layer: str | int) -> Any:
    """A convolution by its name or its index in ``model.layers``.

    Raises:
        ValueError: There is no such layer, or it has no filters; the message names the choices.
    """
    convolutions = conv_layers(model)
    found = find(model, layer, convolutions)
    if not any(found is convolution for convolution in convolutions):
        raise ValueError(
            f"layer {found.name!r} is a {type(found).__name__}, not a Conv2D, and has no filters; "
            f"{model.name}'s convolutions are {_named(convolutions)}"
        )
    return found


def _named(layers: list[Any]) -> str:
    """Names for an error: all of a few, the first and the last of many."""
    names = [layer.name for layer in layers]
    if len(names) > 6:
        return f"{names[0]} … {names[-1]}"
    return ", ".join(names) or "none"


def kernel_and_bias(layer: Any) -> tuple[Any, Any]:
    """A convolution's kernel (rows, cols, in, out) and bias (out,), float32; zeros if it has none.

    Raises:
        ValueError: The layer has no filters.
    """
    from helpers.quiet import keras

    if not isinstance(layer, keras.layers.Conv2D):
        name = getattr(layer, "name", layer)
        raise ValueError(f"layer {name!r} is a {type(layer).__name__} and has no filters")
    if not layer.built:
        raise ValueError(f"layer {layer.name!r} is not built yet; start its model with keras.Input")
    kernel = layer.kernel
    if getattr(kernel, "_value", kernel) is None:  # Keras would make up new numbers at each read
        raise ValueError(
            f"layer {layer.name!r} was only described, so it has shapes but no weights"
        )
    kernel = np.asarray(kernel, dtype=np.float32)
    if layer.bias is None:
        return kernel, np.zeros(kernel.shape[-1], np.float32)
    return kernel, np.asarray(layer.bias, dtype=np.float32)


def check_index(index: int, count: int, what: str, where: str) -> int:
    """An index from 0 to count - 1, as an int.

    Raises:
        ValueError: It lies outside or is no whole number; the message says what would be right.

    Example:
        >>> check_index(64, 64, "filter", "block1_conv1")
        Traceback (most recent call last):
        ValueError: no filter 64 in block1_conv1; it has filters 0 to 63
    """
    number = isinstance(index, numbers.Real) and not isinstance(index, bool)
    if not number or not float(index).is_integer() or not 0 <= index < count:
        raise ValueError(f"no {what} {index} in {where}; it has {what}s 0 to {count - 1}")
    return int(index)


def arithmetic(layer: Any) -> Arithmetic:
    """A layer's size and work written out, such as "3 × 3 × 3 × 64 + 64 = 1,792".

    Raises:
        ValueError: The layer is not connected, or takes photos of any size.
    """
    factors = _work(layer)
    return Arithmetic(
        _written_out([_one_photo(layer)]),
        _written_out([weight.shape for weight in layer.weights]),
        _written_out([factors] if factors else []),
    )


def _written_out(products: list[tuple[int, ...]]) -> str:
    """A sum of products with its result; of a single number only that."""
    formula = " + ".join(" × ".join(f"{size:,}" for size in sizes) for sizes in products)
    result = f"{sum(map(math.prod, products)):,}"
    return result if formula in ("", result) else f"{formula} = {result}"


def _work(layer: Any) -> tuple[int, ...]:
    """The factors of a layer's multiply-adds: its output's sizes, then the products for each.

    A convolution computes every number of its output from one kernel's worth of products, a dense
    layer from one product per input. A layer without a kernel has no factors.
    """
    from helpers.quiet import keras

    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        return ()
    # a depthwise kernel is (rows, cols, in, multiplier), and each output sees one input channel
    one_channel = isinstance(layer, keras.layers.DepthwiseConv2D)
    return (*_one_photo(layer), *(kernel.shape[:2] if one_channel else kernel.shape[:-1]))


def _one_photo(layer: Any) -> tuple[int, ...]:
    """A layer's output shape for one photo, such as (rows, cols, channels)."""
    shape = output_shape(layer)[1:]
    if None in shape:
        raise ValueError(
            f"the multiply-adds of {layer.name!r} depend on the photo's size; "
            f"build the model with a fixed input_shape"
        )
    return shape


def layer_costs(model: Any) -> list[LayerCost]:
    """Output shape, parameters and multiply-adds of every layer, from shapes alone.

    Raises:
        ValueError: The model is not built, or takes photos of any size.
    """
    return [
        LayerCost(
            index,
            layer.name,
            type(layer).__name__,
            output_shape(layer),
            layer.count_params(),
            math.prod(_work(layer) or (0,)),
        )
        for index, layer in enumerate(model.layers)
    ]
