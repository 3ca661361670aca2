"""What a model is made of: its layers, their shapes, parameters and multiply-adds."""

from __future__ import annotations

import contextlib
import math
import numbers
from typing import Any, NamedTuple

import numpy as np


class LayerCost(NamedTuple):
    """One layer's size and work, computed from shapes alone."""

    index: int  # place in model.layers
    name: str
    kind: str  # the layer's class, such as "Conv2D"
    output_shape: tuple[int | None, ...]
    parameters: int
    multiply_adds: int  # for one photo; additions of biases and ReLU are not counted


class Arithmetic(NamedTuple):
    """How one layer's numbers come about, written out for a reader."""

    output: str  # how many numbers it hands on for one photo
    parameters: str  # "0" for a layer without weights
    multiply_adds: str


def conv_layers(model: Any) -> list[Any]:
    """All 2-D convolutions of a model, in order.

    A layer is a convolution if it is a ``keras.layers.Conv2D``, whatever its name.
    """
    from helpers.quiet import keras

    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def filter_shapes(model: Any) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Name and kernel shape (rows, cols, in, out) of every convolution.

    Raises:
        ValueError: The model is not built, so its kernels have no depth yet.
    """
    return [(layer.name, tuple(_kernel(layer).shape)) for layer in conv_layers(model)]


def feature_map_shapes(model: Any) -> list[tuple[int, str, tuple[int | None, ...]]]:
    """Index in ``model.layers``, name and output shape (None, rows, cols, out) of each one."""
    convolutions = {id(layer) for layer in conv_layers(model)}
    return [
        (index, layer.name, output_shape(layer))
        for index, layer in enumerate(model.layers)
        if id(layer) in convolutions
    ]


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
    inputs = None
    with contextlib.suppress(ValueError):  # what Keras 3.5 says where later ones have None
        inputs = getattr(model, "inputs", None)
    if not inputs:
        raise ValueError(f"{model.name} has no input yet; build it with keras.Input first")
    if len(inputs) != 1:
        raise ValueError(f"{model.name} has {len(inputs)} inputs; only models with one can be used")
    return inputs[0]


def checked_batch(model: Any, batch: np.ndarray) -> np.ndarray:
    """A batch as a model takes it, or a sentence that says what is wrong with it.

    Args:
        model: A ``keras.Model`` with one input.
        batch: Prepared photos, float, of the model's input shape.

    Returns:
        The batch as float32.

    Raises:
        ValueError: Another shape, no photo at all, no float numbers, or NaN or infinity among them.
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
        >>> zeros_around("same", length=224, reach=3, stride=1)
        (1, 1)
        >>> zeros_around("same", length=224, reach=3, stride=2)
        (0, 1)
        >>> zeros_around("valid", length=150, reach=3, stride=1)
        (0, 0)
    """
    if padding != "same":
        return 0, 0
    zeros = max((-(-length // stride) - 1) * stride + reach - length, 0)
    return zeros // 2, zeros - zeros // 2


def find(model: Any, layer: str | int) -> Any:
    """A layer by its name or its index in ``model.layers``.

    Raises:
        ValueError: There is no such layer; the message names those there are.
    """
    return _find(model, layer, model.layers)


def find_conv(model: Any, layer: str | int) -> Any:
    """A convolution by its name or its index in ``model.layers``.

    Raises:
        ValueError: There is no such layer, or it has no filters; the message names the choices.
    """
    convolutions = conv_layers(model)
    found = _find(model, layer, convolutions)
    if not any(found is convolution for convolution in convolutions):
        raise ValueError(
            f"layer {found.name!r} is a {type(found).__name__}, not a Conv2D, and has no filters; "
            f"{model.name}'s convolutions are {_named(convolutions)}"
        )
    return found


def _find(model: Any, layer: str | int, choices: list[Any]) -> Any:
    if isinstance(layer, str):
        for candidate in model.layers:
            if candidate.name == layer:
                return candidate
    elif isinstance(layer, numbers.Integral) and not isinstance(layer, bool):
        if -len(model.layers) <= layer < len(model.layers):
            return model.layers[layer]
        raise ValueError(f"no layer {layer}; {model.name} has layers 0 to {len(model.layers) - 1}")
    raise ValueError(f"no layer {layer!r}; {model.name} has {_named(choices)}")


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
    import numpy as np

    from helpers.quiet import keras

    if not isinstance(layer, keras.layers.Conv2D):
        name = getattr(layer, "name", layer)
        raise ValueError(f"layer {name!r} is a {type(layer).__name__} and has no filters")
    kernel = _kernel(layer)
    if getattr(kernel, "_value", kernel) is None:  # Keras would make up new numbers at each read
        raise ValueError(
            f"layer {layer.name!r} was only described, so it has shapes but no weights"
        )
    kernel = np.asarray(kernel, dtype=np.float32)
    if layer.bias is None:
        return kernel, np.zeros(kernel.shape[-1], np.float32)
    return kernel, np.asarray(layer.bias, dtype=np.float32)


def _kernel(layer: Any) -> Any:
    if not layer.built:
        raise ValueError(f"layer {layer.name!r} is not built yet; start its model with keras.Input")
    return layer.kernel


def check_index(index: int, count: int, what: str, where: str) -> int:
    """An index from 0 to count - 1, as an int.

    Raises:
        ValueError: It lies outside or is no whole number; the message says what would be right.
    """
    whole = (
        isinstance(index, numbers.Real)
        and not isinstance(index, bool)
        and float(index).is_integer()
    )
    if not whole or not 0 <= index < count:
        raise ValueError(f"no {what} {index} in {where}; it has {what}s 0 to {count - 1}")
    return int(index)


def conv_parameters(rows: int, cols: int, channels_in: int, filters: int, bias: bool = True) -> int:
    """How many numbers a convolution learns: rows × cols × in × filters, plus one bias each."""
    return rows * cols * channels_in * filters + (filters if bias else 0)


def multiply_adds(layer: Any) -> int:
    """Multiplications (each with its addition) a layer does for one photo.

    A convolution computes every number of its output from one kernel's worth of products, a dense
    layer from one product per input. A depthwise convolution looks at one channel only. Layers
    without a kernel count as 0.

    Raises:
        ValueError: The layer takes photos of any size, so there is no one count.
    """
    factors = _work(layer)
    return math.prod(factors) if factors else 0


def arithmetic(layer: Any) -> Arithmetic:
    """A layer's size and work written out, such as "3 × 3 × 3 × 64 + 64 = 1,792".

    Args:
        layer: A layer connected to an input of fixed size.

    Raises:
        ValueError: The layer is not connected, or takes photos of any size.
    """
    shape = _one_photo(layer)
    sizes = [tuple(weight.shape) for weight in layer.weights]
    factors = _work(layer)
    return Arithmetic(
        _worked_out(_times(shape), math.prod(shape)),
        _worked_out(" + ".join(map(_times, sizes)), sum(map(math.prod, sizes))) if sizes else "0",
        _worked_out(_times(factors), math.prod(factors)) if factors else "0",
    )


def _work(layer: Any) -> tuple[int, ...]:
    """The factors of a layer's multiply-adds: its output's sizes, then the products for each."""
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


def _times(sizes: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in sizes)


def _worked_out(formula: str, result: int) -> str:
    return f"{formula} = {result:,}" if "×" in formula or "+" in formula else formula


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
            sum(math.prod(weight.shape) for weight in layer.weights),
            multiply_adds(layer),
        )
        for index, layer in enumerate(model.layers)
    ]
