"""One filter's work taken apart: every product, partial sum and bias, done with OpenCV.

What deep learning calls a convolution is a cross-correlation: the kernel is laid on the image as
it is, not flipped. ``cv2.filter2D`` does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from helpers.layers import (
    check_index,
    checked_batch,
    conv_layers,
    kernel_and_bias,
    model_input,
    zeros_around,
)

#: Kernels that people designed, float32 (3, 3), by name. All are laid on a grey image.
#: Sources: Sobel & Feldman 1968 (as in ``cv2.Sobel``); the Laplacian with its 4 direct neighbors
#: and the 3×3 binomial blur as in Gonzalez & Woods, "Digital Image Processing", chapter 3.
CLASSICAL = {
    "Sobel, upright edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32),
    "Sobel, level edges": np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], np.float32),
    "Laplacian": np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], np.float32),
    "blur": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 16,
}

_MIX_CHANNELS = ("softmax", "log_softmax", "sparsemax", "glu")  # activations over all filters


@dataclass(frozen=True, eq=False)
class Decomposition:
    """How one filter's feature map comes about: partials → total → + bias → activation.

    Attributes:
        partials: float32 (rows, cols, in); what each input channel and its slice contribute.
        total: float32 (rows, cols); the sum of the partials.
        bias: The one number added everywhere.
        activation: float32 (rows, cols); the layer's activation function of total + bias. This is
            the feature map that Keras computes.
    """

    partials: np.ndarray
    total: np.ndarray
    bias: float
    activation: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Each channel's share of the filter's work, float64 (in,), 0–1.

        A channel's work is the mean magnitude of its partial sums. The shares add up to 1, or are
        all 0 where every partial sum is 0.
        """
        depth = self.partials.shape[-1]
        work = np.array([cv2.norm(self.partials[:, :, c], cv2.NORM_L1) for c in range(depth)])
        return work / work.sum() if work.any() else work

    @property
    def by_share(self) -> np.ndarray:
        """Input channels from the largest share to the smallest; equal ones keep their order."""
        return np.argsort(-self.shares, kind="stable")


@dataclass(frozen=True, eq=False)
class Probe:
    """One number of a feature map, with everything that went into it.

    Attributes:
        patch: float32 (rows, cols, in); the numbers under the kernel, 0 where it hangs over the
            edge.
        inside: bool (rows, cols); False where the patch lies outside the input (zero padding).
        kernel: float32 (rows, cols, in); the filter's weights.
        products: float32 (rows, cols, in); patch × kernel.
        sums: float32 (in,); the products of each channel added up.
        total: The sum of the sums.
        bias: The filter's bias.
        activation: The layer's activation function of total + bias: the number in the map.
    """

    patch: np.ndarray
    inside: np.ndarray
    kernel: np.ndarray
    products: np.ndarray
    sums: np.ndarray
    total: float
    bias: float
    activation: float


class Match(NamedTuple):
    """A learned filter and how alike it is to a given kernel."""

    filter: int
    likeness: float  # cosine, -1 (the opposite) to 1 (the same but for a factor)


def decompose(layer: Any, inputs: np.ndarray, filter_index: int) -> Decomposition:
    """Compute one filter's feature map channel by channel with OpenCV.

    Any kernel size, stride, padding, dilation and grouping of a ``keras.layers.Conv2D``. In a
    layer with groups, only the channels of the filter's own group appear.

    Args:
        layer: A ``keras.layers.Conv2D`` whose weights exist.
        inputs: What flows into the layer: float array (1, rows, cols, in) or (rows, cols, in).
        filter_index: Which filter, from 0.

    Returns:
        A ``Decomposition``.

    Raises:
        ValueError: No convolution, no such filter, or inputs of another shape, too small for the
            kernel, or with NaN or infinity.
    """
    images, slices, bias = _parts(layer, inputs, filter_index)
    geometry = _geometry(layer, images.shape[:2])
    channels = np.ascontiguousarray(images.transpose(2, 0, 1))
    partials = np.empty((len(channels), *geometry.size), np.float32)
    total = np.zeros(geometry.size, np.float64)
    for index, channel in enumerate(channels):
        partials[index] = _correlate(layer, channel, slices[:, :, index], geometry)
        total += partials[index]
    if not np.isfinite(total).all():
        raise ValueError(f"the inputs of {layer.name} or its weights hold NaN or infinity")
    total = total.astype(np.float32)
    activation = _activate(layer, total + np.float32(bias))
    return Decomposition(partials.transpose(1, 2, 0), total, bias, activation)


def probe(layer: Any, inputs: np.ndarray, filter_index: int, row: int, col: int) -> Probe:
    """Take one number of a filter's feature map apart, product by product.

    Args:
        layer: A ``keras.layers.Conv2D`` whose weights exist.
        inputs: What flows into the layer: float array (1, rows, cols, in) or (rows, cols, in).
        filter_index: Which filter, from 0.
        row: Row of the number in the feature map, from 0 at the top.
        col: Column of the number in the feature map, from 0 at the left.

    Returns:
        A ``Probe``.

    Raises:
        ValueError: As for ``decompose``, or a row or column outside the feature map.
    """
    images, kernel, bias = _parts(layer, inputs, filter_index)
    before, _, size = _geometry(layer, images.shape[:2])
    row = check_index(row, size[0], "row", f"{layer.name}'s map")
    col = check_index(col, size[1], "column", f"{layer.name}'s map")
    places, valid = [], []
    for axis, position in enumerate((row, col)):
        first = position * layer.strides[axis] - before[axis]
        place = first + np.arange(kernel.shape[axis]) * layer.dilation_rate[axis]
        valid.append((place >= 0) & (place < images.shape[axis]))
        places.append(place.clip(0, images.shape[axis] - 1))
    inside = np.outer(*valid)
    patch = images[np.ix_(*places)] * inside[:, :, np.newaxis]
    products = patch * kernel
    sums = products.sum(axis=(0, 1), dtype=np.float64)
    total = np.float32(sums.sum())
    activation = _activate(layer, np.full((1, 1), total + np.float32(bias)))
    return Probe(
        patch,
        inside,
        kernel,
        products,
        sums.astype(np.float32),
        float(total),
        bias,
        float(activation[0, 0]),
    )


def input_of(layer: Any, model: Any, batch: np.ndarray) -> np.ndarray:
    """What flows into one layer when the model sees a batch: float32 (n, rows, cols, in).

    Raises:
        ValueError: The batch does not fit the model.
    """
    if layer.input is model_input(model):
        return checked_batch(model, batch)
    return _run(model, {layer.name: layer.input}, batch)[layer.name]


def inputs_of(model: Any, batch: np.ndarray) -> dict[str, np.ndarray]:
    """What flows into every convolution when the model sees a batch, in one pass.

    Returns:
        float32 arrays (n, rows, cols, in) by layer name, in the model's order.

    Raises:
        ValueError: The batch does not fit the model, or the model has no convolutions.
    """
    tensors = {layer.name: layer.input for layer in conv_layers(model)}
    if not tensors:
        raise ValueError(f"{model.name} has no convolutions")
    return _run(model, tensors, batch)


def running_sums(
    decomposition: Decomposition, counts: Sequence[int], order: Sequence[int] | None = None
) -> np.ndarray:
    """The sum of the first few partials, for several counts.

    Args:
        decomposition: What ``decompose`` returned.
        counts: How many partials to add up, such as (1, 2, 4, 8).
        order: Input channels in the order in which they are added; by share if left out.

    Returns:
        float32 (rows, cols, len(counts)).

    Raises:
        ValueError: A count below 1 or above the number of channels ordered.
    """
    order = decomposition.by_share if order is None else np.asarray(order)
    for count in counts:
        if not 1 <= count <= len(order):
            raise ValueError(f"{count} partial sums cannot be added up; choose 1 to {len(order)}")
    return np.dstack([decomposition.partials[:, :, order[:count]].sum(axis=-1) for count in counts])


def most_alike(bank: np.ndarray, kernel: np.ndarray) -> Match:
    """The learned filter that is most alike to a grey kernel.

    The kernel is laid on every input channel alike, which makes it a filter of the bank's depth.
    Likeness is the correlation of the two filters' numbers without subtracting means (the cosine
    of the angle between them): 1 if one is the other times a positive factor, 0 if they have
    nothing in common.

    Args:
        bank: float (rows, cols, in, out), a layer's kernel.
        kernel: float (rows, cols).

    Returns:
        The first of the most alike filters.

    Raises:
        ValueError: The two have different rows and columns, or the kernel is 0 everywhere.
    """
    bank, kernel = np.asarray(bank, np.float64), np.asarray(kernel, np.float64)
    if bank.ndim != 4 or kernel.shape != bank.shape[:2]:
        raise ValueError(
            f"a kernel {kernel.shape} cannot be compared with filters of the shape {bank.shape}"
        )
    if not kernel.any():
        raise ValueError("a kernel that is 0 everywhere is like nothing")
    flat = bank.reshape(-1, bank.shape[-1])
    template = np.repeat(kernel[:, :, np.newaxis], bank.shape[2], axis=2).ravel()
    lengths = np.linalg.norm(flat, axis=0) * np.linalg.norm(template)
    likeness = np.divide(template @ flat, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
    best = int(likeness.argmax())
    return Match(best, float(likeness[best]))


def filter_grey(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Slide a kernel over a grey image, zeros around it: float32, the image's own size.

    Args:
        image: float (rows, cols).
        kernel: float (rows, cols), both odd.

    Raises:
        ValueError: An image or a kernel of another shape.
    """
    image = np.ascontiguousarray(image, dtype=np.float32)
    kernel = np.asarray(kernel, dtype=np.float32)
    if image.ndim != 2 or kernel.ndim != 2 or not all(side % 2 for side in kernel.shape):
        raise ValueError(
            f"the image is (rows, cols) and the kernel too, with odd sides; "
            f"not {image.shape} and {kernel.shape}"
        )
    return cv2.filter2D(image, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)


def _parts(
    layer: Any, inputs: np.ndarray, filter_index: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """The images a filter sees (rows, cols, in), its weights (rows, cols, in) and its bias."""
    from helpers.quiet import keras

    name = getattr(layer, "name", layer)
    if not isinstance(layer, keras.layers.Conv2D):
        raise ValueError(
            f"layer {name!r} is a {type(layer).__name__}; "
            f"only a Conv2D has filters that can be taken apart this way"
        )
    if not layer.built:
        raise ValueError(f"layer {name!r} has no weights yet; build its model first")
    if layer.data_format != "channels_last":
        raise ValueError(f"layer {name!r} is {layer.data_format}; only channels_last is known here")
    if getattr(layer.activation, "__name__", "") in _MIX_CHANNELS:
        raise ValueError(
            f"layer {name!r} ends in {layer.activation.__name__}, which mixes all filters' maps"
        )
    kernel, biases = kernel_and_bias(layer)
    filter_index = check_index(filter_index, kernel.shape[-1], "filter", layer.name)

    images = np.asarray(inputs, dtype=np.float32)
    if images.ndim == 4 and images.shape[0] == 1:
        images = images[0]
    depth, channels = kernel.shape[2], kernel.shape[2] * layer.groups
    if images.ndim != 3 or images.shape[-1] != channels:
        raise ValueError(
            f"{layer.name} takes inputs of the shape (1, rows, cols, {channels}), "
            f"not {np.shape(inputs)}"
        )
    group = filter_index // (kernel.shape[-1] // layer.groups)
    images = images[:, :, group * depth : (group + 1) * depth]
    return images, kernel[:, :, :, filter_index], float(biases[filter_index])


class _Geometry(NamedTuple):
    """Zeros (rows, cols) before and after the input, and the (rows, cols) of the feature map."""

    before: tuple[int, int]
    after: tuple[int, int]
    size: tuple[int, int]


def _geometry(layer: Any, sizes: tuple[int, int]) -> _Geometry:
    """Where a layer's kernel may lie on an input of (rows, cols)."""
    axes = []
    for size, kernel, stride, dilation in zip(
        sizes, layer.kernel_size, layer.strides, layer.dilation_rate, strict=True
    ):
        reach = (kernel - 1) * dilation + 1
        before, after = zeros_around(layer.padding, size, reach, stride)
        count = (before + size + after - reach) // stride + 1
        if count < 1:
            raise ValueError(
                f"{layer.name}'s kernel reaches over {reach} pixels and does not fit into "
                f"inputs of {sizes[0]} × {sizes[1]}"
            )
        axes.append((before, after, count))
    return _Geometry(*zip(*axes, strict=True))


def _correlate(
    layer: Any, channel: np.ndarray, kernel: np.ndarray, geometry: _Geometry
) -> np.ndarray:
    """Slide one slice of a filter over one channel with zeros around it: float32 (rows, cols)."""
    (top, left), (bottom, right), (rows, cols) = geometry
    framed = cv2.copyMakeBorder(channel, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
    row_gap, col_gap = layer.dilation_rate
    kernel_rows, kernel_cols = kernel.shape
    spread = np.zeros(
        ((kernel_rows - 1) * row_gap + 1, (kernel_cols - 1) * col_gap + 1), np.float32
    )
    spread[::row_gap, ::col_gap] = kernel
    everywhere = cv2.filter2D(
        framed, cv2.CV_32F, spread, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT
    )
    row_step, col_step = layer.strides
    return everywhere[: rows * row_step : row_step, : cols * col_step : col_step]


def _activate(layer: Any, numbers: np.ndarray) -> np.ndarray:
    return np.asarray(layer.activation(numbers), dtype=np.float32)


def _run(model: Any, tensors: dict[str, Any], batch: np.ndarray) -> dict[str, np.ndarray]:
    from helpers.quiet import keras

    inner = keras.Model(model_input(model), tensors)
    outputs = inner(checked_batch(model, batch), training=False)
    return {name: np.asarray(outputs[name], dtype=np.float32) for name in tensors}
