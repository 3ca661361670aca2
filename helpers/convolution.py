"""One filter's work taken apart: every product, partial sum and bias, done with OpenCV.

What deep learning calls a convolution is a cross-correlation: the kernel is laid on the image as
it is, not flipped. ``cv2.filter2D`` does the same.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from helpers.layers import check_index, groups, kernel_and_bias, zeros_around

_MIX_CHANNELS = ("softmax", "log_softmax", "sparsemax", "glu")  # activations over all filters


@dataclass(frozen=True, eq=False)
class Decomposition:
    """How one filter's feature map comes about: partials → total → + bias → activation."""

    partials: np.ndarray  #: float32 (rows, cols, in); what each input channel and its slice give
    total: np.ndarray  #: float32 (rows, cols); the sum of the partials
    bias: float  #: the one number added everywhere
    activation: np.ndarray  #: float32 (rows, cols), of total + bias: the map that Keras computes
    function: str = "ReLU"  #: what the activation function is called; "" for a layer without one

    @cached_property
    def shares(self) -> np.ndarray:
        """Each channel's share of the filter's work, float64 (in,), 0–1.

        A channel's work is the mean magnitude of its partial sums. The shares add up to 1, or are
        all 0 where every partial sum is 0.
        """
        depth = self.partials.shape[-1]
        work = np.array([cv2.norm(self.partials[:, :, c], cv2.NORM_L1) for c in range(depth)])
        return work / work.sum() if work.any() else work

    @cached_property
    def by_share(self) -> np.ndarray:
        """Input channels from the largest share to the smallest; equal ones keep their order."""
        return np.argsort(-self.shares, kind="stable")


@dataclass(frozen=True, eq=False)
class Probe:
    """One number of a feature map, with everything that went into it."""

    patch: np.ndarray  # float32 (rows, cols, in); under the kernel, 0 where it hangs over the edge
    inside: np.ndarray  # bool (rows, cols); False where the patch lies in the zero padding
    kernel: np.ndarray  # float32 (rows, cols, in); the filter's weights
    products: np.ndarray  # float32 (rows, cols, in); patch × kernel
    sums: np.ndarray  # float32 (in,); the products of each channel added up
    total: float  # the sum of the sums
    bias: float  # the filter's bias
    activation: float  # the layer's activation function of total + bias: the number in the map
    function: str = "ReLU"  # as of a ``Decomposition``

    @property
    def padding(self) -> int:
        """How many of the patch's numbers are zero padding."""
        return int(np.sum(~self.inside)) * self.patch.shape[-1]


def decompose(layer: Any, inputs: np.ndarray, filter_index: int) -> Decomposition:
    """Compute one filter's feature map channel by channel with OpenCV.

    Any kernel size, stride, padding, dilation and grouping of a ``keras.layers.Conv2D``, or a
    ``DepthwiseConv2D``. In a layer with groups, only the channels of the filter's own group appear.

    Args:
        layer: A convolution whose weights exist, such as ``layers.find_conv(model, name)``.
        inputs: What flows into the layer: float array (1, rows, cols, in) or (rows, cols, in).
        filter_index: Which filter, from 0.

    Raises:
        ValueError: No convolution, no such filter, or inputs of another shape, too small for the
            kernel, or with NaN or infinity.

    Example:
        >>> from helpers.quiet import keras
        >>> blur = keras.layers.Conv2D(1, 3, activation="relu", kernel_initializer="ones")
        >>> maps = blur(np.ones((1, 5, 5, 2)))
        >>> apart = decompose(blur, np.ones((5, 5, 2)), 0)
        >>> apart.partials[0, 0].tolist(), float(apart.total[0, 0]), apart.activation.shape
        ([9.0, 9.0], 18.0, (3, 3))
    """
    framed, _, kernel, bias = _parts(layer, inputs, filter_index)
    (row_gap, col_gap), (row_step, col_step) = layer.dilation_rate, layer.strides
    spread = np.zeros((len(framed), *_reach(layer)), np.float32)  # a dilated kernel has gaps
    spread[:, ::row_gap, ::col_gap] = kernel.transpose(2, 0, 1)
    rows, cols = np.subtract(framed.shape, spread.shape)[1:] + 1  # beyond, it hangs over the edge
    partials = []
    for channel, weights in zip(framed, spread, strict=True):
        everywhere = cv2.filter2D(
            channel, cv2.CV_32F, weights, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT
        )
        partials.append(everywhere[:rows:row_step, :cols:col_step])
    partials = np.stack(partials)
    total = partials.sum(axis=0, dtype=np.float64).astype(np.float32)
    if not np.isfinite(total).all():
        raise ValueError(f"the inputs of {layer.name} or its weights hold NaN or infinity")
    activation = _activate(layer, total + np.float32(bias))
    return Decomposition(partials.transpose(1, 2, 0), total, bias, activation, _function(layer))


def probe(layer: Any, inputs: np.ndarray, filter_index: int, row: int, col: int) -> Probe:
    """Take one number of a filter's feature map apart, product by product.

    Args:
        layer: As for ``decompose``, and so are ``inputs`` and ``filter_index``.
        inputs: What flows into the layer.
        filter_index: Which filter, from 0.
        row: Row of the number in the feature map, from 0 at the top.
        col: Its column, from 0 at the left.

    Raises:
        ValueError: As for ``decompose``, or a row or column outside the feature map.
    """
    framed, inside, kernel, bias = _parts(layer, inputs, filter_index)
    places = []
    for axis, (index, what) in enumerate(((row, "row"), (col, "column"))):
        step, reach = layer.strides[axis], _reach(layer)[axis]
        count = (inside.shape[axis] - reach) // step + 1
        first = check_index(index, count, what, f"{layer.name}'s map") * step
        places.append(slice(first, first + reach, layer.dilation_rate[axis]))
    patch, inside = framed[(slice(None), *places)].transpose(1, 2, 0), inside[tuple(places)]
    products = patch * kernel
    sums = products.sum(axis=(0, 1), dtype=np.float64)
    total = np.float32(sums.sum())
    activation = float(_activate(layer, np.full((1, 1), total + np.float32(bias)))[0, 0])
    sums = sums.astype(np.float32)
    name = _function(layer)
    return Probe(patch, inside, kernel, products, sums, float(total), bias, activation, name)


def _parts(
    layer: Any, inputs: np.ndarray, filter_index: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """What a filter sees, and its weights (rows, cols, in) and bias.

    It sees float32 (in, rows, cols), framed in zeros if the layer pads; bool (rows, cols) says
    where these lie inside of the frame.
    """
    kernel, biases = kernel_and_bias(layer)
    filter_index = check_index(filter_index, kernel.shape[-1], "filter", layer.name)
    ends_in = getattr(layer.activation, "__name__", "")
    if layer.data_format != "channels_last":
        raise ValueError(f"layer {layer.name!r} has its channels first; only channels last is read")
    if ends_in in _MIX_CHANNELS:
        raise ValueError(f"layer {layer.name!r} ends in {ends_in}, which mixes all filters' maps")
    images = np.asarray(inputs, dtype=np.float32)
    if images.ndim == 4 and images.shape[0] == 1:
        images = images[0]
    depth, channels = kernel.shape[2], kernel.shape[2] * groups(layer)
    if images.ndim != 3 or images.shape[-1] != channels:
        raise ValueError(
            f"{layer.name} takes inputs of the shape (1, rows, cols, {channels}), "
            f"not {np.shape(inputs)}"
        )
    group = filter_index // (kernel.shape[-1] // groups(layer))
    images = images[:, :, group * depth : (group + 1) * depth].transpose(2, 0, 1)
    zeros = []
    for length, reach, stride in zip(images.shape[1:], _reach(layer), layer.strides, strict=True):
        zeros.append(zeros_around(layer.padding, length, reach, stride))
        if length + sum(zeros[-1]) < reach:
            raise ValueError(
                f"{layer.name}'s kernel reaches over {reach} pixels and does not fit into "
                f"inputs of {images.shape[1]} × {images.shape[2]}"
            )
    inside = np.pad(np.ones(images.shape[1:], bool), zeros)
    framed = np.pad(images, ((0, 0), *zeros))
    return framed, inside, kernel[:, :, :, filter_index], float(biases[filter_index])


def _reach(layer: Any) -> tuple[int, int]:
    """Rows and cols of the input that a kernel covers, gaps of a dilation included."""
    (rows, cols), (row_gap, col_gap) = layer.kernel_size, layer.dilation_rate
    return (rows - 1) * row_gap + 1, (cols - 1) * col_gap + 1


def _activate(layer: Any, numbers: np.ndarray) -> np.ndarray:
    return np.asarray(layer.activation(numbers), dtype=np.float32)


def _function(layer: Any) -> str:
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    return {"relu": "ReLU", "linear": ""}.get(name, name)
