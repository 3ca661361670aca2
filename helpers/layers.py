"""What a model is made of: its layers, their shapes, parameters and multiply-adds."""

from __future__ import annotations

import math
from typing import Any, NamedTuple


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
    """Name and kernel shape (rows, cols, in, out) of every convolution."""
    return [(layer.name, tuple(layer.kernel.shape)) for layer in conv_layers(model)]


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
    except AttributeError:
        raise ValueError(
            f"layer {layer.name!r} has no output yet; build its model with keras.Input first"
        ) from None


def model_input(model: Any) -> Any:
    """A model's one symbolic input tensor; a Sequential has no ``model.input`` of its own.

    Raises:
        ValueError: The model has several inputs, or is not built.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise ValueError(f"{model.name} has no input yet; build it with keras.Input first")
    if len(inputs) != 1:
        raise ValueError(f"{model.name} has {len(inputs)} inputs; only models with one can be used")
    return inputs[0]


def find(model: Any, layer: str | int) -> Any:
    """A layer by its name or its index in ``model.layers``.

    Raises:
        ValueError: There is no such layer; the message lists those there are.
    """
    if isinstance(layer, str):
        for candidate in model.layers:
            if candidate.name == layer:
                return candidate
    elif isinstance(layer, int) and -len(model.layers) <= layer < len(model.layers):
        return model.layers[layer]
    names = [candidate.name for candidate in model.layers]
    raise ValueError(f"no layer {layer!r}; {model.name} has {', '.join(names)}")


def find_conv(model: Any, layer: str | int) -> Any:
    """A convolution by its name or its index in ``model.layers``.

    Raises:
        ValueError: There is no such layer, or it has no filters.
    """
    found = find(model, layer)
    convolutions = conv_layers(model)
    if not any(found is convolution for convolution in convolutions):
        names = [convolution.name for convolution in convolutions]
        raise ValueError(
            f"layer {found.name!r} is a {type(found).__name__} and has no filters; "
            f"{model.name}'s convolutions are {', '.join(names)}"
        )
    return found


def kernel_and_bias(layer: Any) -> tuple[Any, Any]:
    """A convolution's kernel (rows, cols, in, out) and bias (out,), float32; zeros if it has none.

    Raises:
        ValueError: The layer has no filters.
    """
    import numpy as np

    kernel = getattr(layer, "kernel", None)
    if kernel is None or len(kernel.shape) != 4:
        raise ValueError(f"layer {layer.name!r} is a {type(layer).__name__} and has no filters")
    kernel = np.asarray(kernel, dtype=np.float32)
    if getattr(layer, "bias", None) is None:
        return kernel, np.zeros(kernel.shape[-1], np.float32)
    return kernel, np.asarray(layer.bias, dtype=np.float32)


def check_index(index: int, count: int, what: str, where: str) -> int:
    """An index from 0 to count - 1, as an int.

    Raises:
        ValueError: It lies outside; the message says what would be right.
    """
    if isinstance(index, bool) or int(index) != index or not 0 <= index < count:
        raise ValueError(f"no {what} {index} in {where}; it has {what}s 0 to {count - 1}")
    return int(index)


def conv_parameters(rows: int, cols: int, channels_in: int, filters: int, bias: bool = True) -> int:
    """How many numbers a convolution learns: rows × cols × in × filters, plus one bias each."""
    return rows * cols * channels_in * filters + (filters if bias else 0)


def multiply_adds(layer: Any) -> int:
    """Multiplications (each with its addition) a layer does for one photo.

    A convolution computes every number of its output from one kernel's worth of products, a dense
    layer from one product per input. Layers without a kernel count as 0.
    """
    return math.prod(_work(layer)) if _work(layer) else 0


def arithmetic(layer: Any) -> Arithmetic:
    """A layer's size and work written out, such as "3 × 3 × 3 × 64 + 64 = 1,792".

    Args:
        layer: A layer connected to an input of fixed size.

    Raises:
        ValueError: The layer has no output yet, or rows and cols of any size.
    """
    shape = _shape_of_one(layer)
    if None in shape:
        raise ValueError(
            f"layer {layer.name!r} takes photos of any size, so its numbers cannot be counted; "
            f"give its model a fixed input shape"
        )
    sizes = [tuple(weight.shape) for weight in layer.weights]
    learned = " + ".join(_times(size) for size in sizes)
    return Arithmetic(
        _worked_out(_times(shape), math.prod(shape)),
        _worked_out(learned, sum(math.prod(size) for size in sizes)) if sizes else "0",
        _worked_out(_times(_work(layer)), multiply_adds(layer)) if _work(layer) else "0",
    )


def _work(layer: Any) -> tuple[int, ...]:
    """The factors of a layer's multiply-adds: its output's sizes, then products per number."""
    from helpers.quiet import keras

    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        return ()
    # a depthwise kernel is (rows, cols, in, multiplier): each output sees one input channel
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    products = kernel.shape[:2] if depthwise else kernel.shape[:-1]
    return (*_shape_of_one(layer), *products)


def _shape_of_one(layer: Any) -> tuple[int | None, ...]:
    """A layer's output shape for one photo: (rows, cols, channels), without the batch."""
    batched = getattr(layer, "batch_shape", None) or output_shape(layer)
    return tuple(batched[1:])


def _times(sizes: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in sizes)


def _worked_out(formula: str, result: int) -> str:
    return f"{formula} = {result:,}" if "×" in formula or "+" in formula else formula


def layer_costs(model: Any) -> list[LayerCost]:
    """Output shape, parameters and multiply-adds of every layer, from shapes alone."""
    return [
        LayerCost(
            index,
            layer.name,
            type(layer).__name__,
            output_shape(layer) if layer.weights or index else tuple(layer.batch_shape),
            sum(math.prod(weight.shape) for weight in layer.weights),
            multiply_adds(layer),
        )
        for index, layer in enumerate(model.layers)
    ]
