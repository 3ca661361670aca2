"""What a model is made of: its layers, their shapes, parameters and multiply-adds."""

import math
import numbers
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from helpers.graph import Call, calls, has_graph


class LayerCost(NamedTuple):
    """One layer's size and work, computed from shapes alone."""

    index: int | None  # place in model.layers; None for a layer of a nested model
    name: str  # as ``walk`` names it
    kind: str  # the layer's class, such as "Conv2D"
    output_shape: tuple[int | None, ...]
    parameters: int
    #: Products for one photo, each with its addition; no biases, no ReLU. None where they are not
    #: known here: attention, recurrent layers, layers of one's own.
    multiply_adds: int | None


class Arithmetic(NamedTuple):
    """How one layer's numbers come about, written out for a reader."""

    output: str  # how many numbers it hands on for one photo
    parameters: str  # "0" for a layer without weights
    multiply_adds: str


def walk(model: Any, kind: Any = None) -> dict[str, Any]:
    """Every layer of a model by name, those inside nested models too, in the order data flows.

    A layer inside a nested model has a path, such as "base/block3_conv1". A layer that is called
    several times has a name for each call: "conv", then "conv@2" (in a nested model that is called
    twice, "base/conv" and "base@2/conv"). Operations that are no layers, such as the + of two
    tensors, are left out, and so are the nested models themselves, though ``find`` knows them.

    Args:
        model: A ``keras.Model``, Functional or Sequential. Of one without a graph (subclassed, or
            not built), the layers in ``model.layers`` are all there is.
        kind: A class of layers, or several in a tuple, to have only those.

    Example:
        >>> from helpers.quiet import keras
        >>> conv = keras.layers.Conv2D(2, 3, name="conv")
        >>> base = keras.Sequential([keras.Input((8, 8, 1)), conv], name="base")
        >>> head = keras.layers.Flatten(name="flat")
        >>> list(walk(keras.Sequential([keras.Input((8, 8, 1)), base, head])))
        ['base/conv', 'flat']
    """
    from helpers.quiet import keras

    found = {layer.name: layer for layer in model.layers}
    if has_graph(model):  # a Sequential keeps its input to itself
        hidden = (keras.layers.InputLayer,) if isinstance(model, keras.Sequential) else ()
        found = {
            name: call.layer
            for name, call in calls(model).items()
            if isinstance(call.layer, keras.layers.Layer)
            and not (has_graph(call.layer) or isinstance(call.layer, hidden))
        }
    return {name: x for name, x in found.items() if kind is None or isinstance(x, kind)}


def conv_layers(model: Any) -> list[Any]:
    """All ``keras.layers.Conv2D`` of a model, in order, whatever their names; each of them once."""
    from helpers.quiet import keras

    return list({id(layer): layer for layer in walk(model, keras.layers.Conv2D).values()}.values())


def output_shape(layer: Any, model: Any = None) -> tuple[int | None, ...]:
    """Shape of a layer's output, (None, rows, cols, channels) for images.

    Args:
        layer: A layer; its shape is that of its first call. Or a name or an index.
        model: The model in which the name or index is meant.

    Raises:
        ValueError: The layer has never been connected to an input, or hands on several tensors.
    """
    if model is not None:
        (tensor,) = tensors(model, [layer]).values()
        return tuple(tensor.shape)
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
    calls(model)  # says so if there are none
    if len(model.inputs) != 1:
        count = len(model.inputs)
        raise ValueError(f"{model.name} has {count} inputs; only models with one can be used")
    return model.inputs[0]


def tensors(model: Any, layers: Iterable[str | int], what: str = "output") -> dict[str, Any]:
    """Keras's symbolic tensors for ``sub_model``: the same arguments, the tensors by layer name.

    Raises:
        ValueError: No such layer, one that takes or hands on several, or a model without a graph.
    """
    found, flow = {}, calls(model)
    for name in [name_of(model, layer) for layer in layers]:
        several = flow[name].inputs if what == "input" else flow[name].outputs
        if len(several) != 1:
            verb = "takes" if what == "input" else "hands on"
            raise ValueError(f"{name!r} {verb} {len(several)} tensors; choose a layer with one")
        found[name] = several[0]
    return found


def sub_model(model: Any, layers: Iterable[str | int], what: str = "output") -> Any:
    """A model that takes the same photos and hands on what some of the layers answer.

    Args:
        model: A ``keras.Model``; the new one shares its weights.
        layers: Names (as of ``walk``) or indexes of layers or nested models, each one's result by
            its name in a dict.
        what: "output", or "input" for what flows into these layers.

    Raises:
        ValueError: As of ``tensors``.
    """
    from helpers.quiet import keras

    found = tensors(model, layers, what)
    return keras.Model(model.inputs if len(model.inputs) > 1 else model.inputs[0], found)


def checked_batch(model: Any, batch: Any) -> Any:
    """A batch of prepared photos as float32, or a sentence that says what is wrong with it.

    For a model with several inputs: a list of such arrays in their order, from a list or from a
    dict by the inputs' names.

    Raises:
        ValueError: Not the shape of the model's input, no photo at all, no float numbers, or NaN
            or infinity among them; not as many arrays as inputs.
    """
    if not has_graph(model) or len(model.inputs) == 1:
        return _checked(model.name, batch, model_input(model))
    names = [tensor.name for tensor in model.inputs]
    if isinstance(batch, dict) and set(batch) == set(names):
        batch = [batch[name] for name in names]
    if not isinstance(batch, (list, tuple)) or len(batch) != len(names):
        raise ValueError(f"{model.name} takes a list or dict of arrays, for {', '.join(names)}")
    return [_checked(model.name, *pair) for pair in zip(batch, model.inputs, strict=True)]


def _checked(name: str, batch: np.ndarray, tensor: Any) -> np.ndarray:
    batch, wanted = np.asarray(batch), tuple(tensor.shape)
    fits = batch.ndim == len(wanted) and all(
        right in (None, found) for right, found in zip(wanted[1:], batch.shape[1:], strict=True)
    )
    if not fits or batch.size == 0:
        shape = str(wanted).replace("None", "any")
        raise ValueError(f"{name} takes a batch of the shape {shape}, not {batch.shape}")
    if not np.issubdtype(batch.dtype, np.floating):
        raise ValueError(f"{name} takes float batches, not {batch.dtype}; prepare the photo first")
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


def find(model: Any, layer: str | int, among: Iterable[str] | None = None) -> Any:
    """A layer by its index in ``model.layers`` or its name, as in ``walk``; or a nested model.

    If there is no such one, a ValueError names the choices: those ``among``, by default all.
    """
    if isinstance(layer, numbers.Integral) and not isinstance(layer, bool):
        if -len(model.layers) <= layer < len(model.layers):
            return model.layers[layer]
        raise ValueError(f"no layer {layer}; {model.name} has layers 0 to {len(model.layers) - 1}")
    for candidate in model.layers:
        if isinstance(layer, str) and candidate.name == layer:
            return candidate
    if isinstance(layer, str) and has_graph(model) and layer in calls(model):
        return calls(model)[layer].layer
    everything = walk(model)
    for name, closed in everything.items():
        if isinstance(layer, str) and layer.startswith(f"{name}/"):
            kind = type(closed).__name__
            raise ValueError(f"{name!r} is a {kind}; of what is inside Keras keeps no graph")
    inside = [name for name in everything if name.endswith(f"/{layer}")]
    choices = inside or (everything if among is None else among)
    raise ValueError(f"no layer {layer!r}; {model.name} has {_few(choices)}")


def name_of(model: Any, layer: str | int) -> str:
    """The name of a layer, given by name or index; of one that is called often, its first call's.

    Raises:
        ValueError: There is no such layer.
    """
    found = find(model, layer)
    return layer if isinstance(layer, str) else found.name


def find_conv(model: Any, layer: str | int) -> Any:
    """A layer with filters (see ``kernel_and_bias``) by its name or its index in ``model.layers``.

    Raises:
        ValueError: There is no such layer, or it has no filters; the message names the choices.
    """
    convolutions = walk(model, filter_kinds())
    found = find(model, layer, convolutions)
    if not isinstance(found, filter_kinds()):
        raise ValueError(
            f"layer {found.name!r} is a {_kind(found)}, not a Conv2D, and has no filters; "
            f"{model.name}'s convolutions are {_few(convolutions)}"
        )
    return found


def filter_kinds() -> tuple[type, ...]:
    """The kinds of layers whose filters can be shown: Conv2D and DepthwiseConv2D."""
    from helpers.quiet import keras

    return keras.layers.Conv2D, keras.layers.DepthwiseConv2D


def _kind(layer: Any) -> str:
    """A layer's class; of what is nearly a convolution, why its filters are not shown."""
    nearly = {"SeparableConv2D": "two convolutions in one", "Conv2DTranspose": "one run backward"}
    kind = type(layer).__name__
    return f"{kind} ({nearly[kind]})" if kind in nearly else kind


def _few(names: Iterable[str]) -> str:
    """Names for an error: all of a few, the first and the last of many."""
    names = list(names)
    if len(names) > 6:
        return f"{names[0]} … {names[-1]}"
    return ", ".join(names) or "none"


def kernel_and_bias(layer: Any) -> tuple[Any, Any]:
    """A convolution's kernel (rows, cols, in, out) and bias (out,), float32; zeros if it has none.

    A ``DepthwiseConv2D`` is a convolution with as many groups as channels: each of its filters has
    a single slice, and those over the first channel come first: (rows, cols, 1, out).

    Raises:
        ValueError: The layer has no filters.
    """
    if not isinstance(layer, filter_kinds()):
        name = getattr(layer, "name", layer)
        raise ValueError(f"layer {name!r} is a {_kind(layer)} and has no filters")
    if not layer.built:
        raise ValueError(f"layer {layer.name!r} is not built yet; start its model with keras.Input")
    kernel = layer.kernel
    if getattr(kernel, "_value", kernel) is None:  # Keras would make up new numbers at each read
        raise ValueError(
            f"layer {layer.name!r} was only described, so it has shapes but no weights"
        )
    kernel = np.asarray(kernel, dtype=np.float32)
    if not isinstance(layer, filter_kinds()[0]):  # depthwise: (rows, cols, in, multiplier)
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    if layer.bias is None:
        return kernel, np.zeros(kernel.shape[-1], np.float32)
    return kernel, np.asarray(layer.bias, dtype=np.float32)


def groups(layer: Any) -> int:
    """Into how many groups a layer with filters divides its channels; each filter sees one."""
    return getattr(layer, "groups", None) or layer.kernel.shape[2]


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


def arithmetic(layer: Any, model: Any = None) -> Arithmetic:
    """A layer's size and work written out, such as "3 × 3 × 3 × 64 + 64 = 1,792".

    Args:
        layer: A layer, as it was called first; or a name or an index.
        model: The model in which the name or index is meant.

    Raises:
        ValueError: The layer is not connected, or takes photos of any size.
    """
    if model is None:
        output_shape(layer)  # says so if it was never called
        call = Call(layer, [layer.input], [layer.output])
    else:
        call = calls(model)[name_of(model, layer)]
    work = _work(call)
    return Arithmetic(
        _written_out([_one_photo(call)]),
        _written_out([weight.shape for weight in call.layer.weights]),
        "not counted" if work is None else _written_out(work),
    )


def _written_out(products: list[tuple[int, ...]]) -> str:
    """A sum of products with its result; of a single number only that."""
    formula = " + ".join(" × ".join(f"{size:,}" for size in sizes) for sizes in products)
    result = f"{sum(map(math.prod, products)):,}"
    return result if formula in ("", result) else f"{formula} = {result}"


def _work(call: Call) -> list[tuple[int, ...]] | None:
    """A layer's multiply-adds as a sum of products; None for a kind that is not known here.

    A convolution computes every number of its output from one kernel's worth of products, a dense
    layer from one product per input. A layer without a kernel has none.
    """
    from helpers.quiet import keras

    layer, kinds = call.layer, keras.layers
    kernel = getattr(layer, "kernel", None)
    if isinstance(layer, (kinds.Dense, kinds.Conv1D, kinds.Conv2D, kinds.Conv3D)):
        return [(*_one_photo(call), *kernel.shape[:-1])]
    if isinstance(layer, kinds.DepthwiseConv2D):  # (rows, cols, in, multiplier); one channel each
        return [(*_one_photo(call), *kernel.shape[:2])]
    if isinstance(layer, kinds.Conv2DTranspose):  # (rows, cols, out, in), laid down for each input
        return [(*_one_photo(call, "inputs"), *kernel.shape[:-1])]
    if isinstance(layer, kinds.SeparableConv2D):  # a depthwise convolution, then a 1×1 one
        *sides, filters = _one_photo(call)
        depth = layer.pointwise_kernel.shape[2]
        return [(*sides, depth, *layer.depthwise_kernel.shape[:2]), (*sides, filters, depth)]
    return None if any("kernel" in weight.name for weight in layer.weights) else []


def _one_photo(call: Call, which: str = "outputs") -> tuple[int, ...]:
    """The shape of what a layer hands on for one photo, such as (rows, cols, channels)."""
    shape = tuple(getattr(call, which)[0].shape)[1:]
    if None in shape:
        raise ValueError(
            f"the multiply-adds of {call.layer.name!r} depend on the photo's size; "
            f"build the model with a fixed input_shape"
        )
    return shape


def layer_costs(model: Any) -> list[LayerCost]:
    """Output shape, parameters and multiply-adds of every layer, from shapes alone.

    The layers are those of ``walk``. One that is called several times works as often, but its
    parameters are counted only once.

    Raises:
        ValueError: The model is not built, or takes photos of any size.
    """
    places = {id(layer): place for place, layer in enumerate(model.layers)}
    flow, firsts = {name: calls(model)[name] for name in walk(model)}, {}
    return [
        LayerCost(
            places.get(id(call.layer)),
            name,
            type(call.layer).__name__,
            tuple(call.outputs[0].shape),
            call.layer.count_params() if firsts.setdefault(id(call.layer), name) == name else 0,
            None if (work := _work(call)) is None else sum(map(math.prod, work)),
        )
        for name, call in flow.items()
    ]
