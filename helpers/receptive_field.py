"""Which pixels a unit sees: its receptive field, from kernels, strides and padding.

Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", and Araujo,
Norris & Sim 2019, "Computing receptive fields of convolutional neural networks", Distill.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from helpers.layers import find, model_input, zeros_around

#: Layers that work on each position by itself: a unit sees no more than the unit below it.
_POSITION_BY_POSITION = (
    "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dropout", "ELU",
    "GaussianDropout", "GaussianNoise", "Identity", "LeakyReLU", "Normalization", "PReLU", "ReLU",
    "Rescaling", "SpatialDropout2D",
)  # fmt: skip

#: Layers whose every unit sees the whole photo.
_EVERYWHERE = ("Dense", "Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D")


class ReceptiveField(NamedTuple):
    """The rectangle of input pixels that one unit of a layer can see.

    Attributes:
        size: (rows, cols) of the field in pixels.
        stride: (rows, cols) in pixels between the fields of neighboring units.
        start: (row, col) of the first pixel of unit (0, 0)'s field; negative where the field
            begins in the zero padding outside the photo.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    start: tuple[int, int]

    def box(self, row: int, col: int) -> tuple[int, int, int, int]:
        """Field of the unit at (row, col): (top, left, bottom, right), the last two exclusive.

        The box may reach over the photo's edge, into the padding.

        Example:
            >>> ReceptiveField(size=(5, 5), stride=(2, 2), start=(-2, -2)).box(row=1, col=3)
            (0, 4, 5, 9)
        """
        top = self.start[0] + row * self.stride[0]
        left = self.start[1] + col * self.stride[1]
        return top, left, top + self.size[0], left + self.size[1]

    def cell(self, row: int, col: int) -> tuple[float, float, float, float]:
        """The unit's own part of the photo, in pixels: (top, left, bottom, right).

        It lies around the middle of the field and is one stride wide, so cells lie side by side.
        """
        top, left = (
            start + (size - stride) / 2 + place * stride
            for start, size, stride, place in zip(
                self.start, self.size, self.stride, (row, col), strict=True
            )
        )
        return top, left, top + self.stride[0], left + self.stride[1]

    def units_at(
        self, units: tuple[int, int], photo: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The unit in whose cell a pixel lies; near the photo's edge the nearest one.

        Two int arrays: the unit's row for each row of the photo, and its col for each col.
        Arguments as of ``inside``.
        """
        first = self.cell(0, 0)
        rows, cols = (
            np.floor((np.arange(photo[axis]) + 0.5 - first[axis]) / self.stride[axis])
            .clip(0, units[axis] - 1)
            .astype(int)
            for axis in (0, 1)
        )
        return rows, cols

    def inside(self, units: tuple[int, int], photo: tuple[int, int]) -> np.ndarray:
        """Which units see nothing but the photo, no padding.

        Args:
            units: (rows, cols) of the layer's maps.
            photo: (rows, cols) of the photo in pixels.

        Returns:
            bool array (rows, cols) of the maps' size.
        """
        fits = []
        for axis in (0, 1):
            first = self.start[axis] + np.arange(units[axis]) * self.stride[axis]
            fits.append((first >= 0) & (first + self.size[axis] <= photo[axis]))
        return np.logical_and.outer(*fits)


def receptive_field(model: Any, layer: str | int) -> ReceptiveField:
    """The receptive field of a layer's units, computed exactly.

    From the photo up, sizes add and strides multiply: a kernel of k pixels that are spread
    ``dilation`` apart and seen through an earlier stride of j pixels adds (k - 1) · dilation · j
    to the size; padding moves the start.

    Args:
        model: A model whose layers up to this one form a chain (no branches).
        layer: The layer's name or index.

    Raises:
        ValueError: No such layer, branches, a layer on the way that has no local field or none
            that is known here, or padding that depends on an input size the model leaves open.
    """
    from helpers.quiet import keras

    pools = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
    windows = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, *pools)
    size, stride, start = [1, 1], [1, 1], [0, 0]
    for current, length in _chain(model, find(model, layer)):
        kind = type(current).__name__
        if isinstance(current, keras.layers.ZeroPadding2D):
            for axis in (0, 1):
                start[axis] -= current.padding[axis][0] * stride[axis]
            continue
        if kind in _POSITION_BY_POSITION:
            continue
        if not isinstance(current, windows):
            why = (
                "fields are known for convolutions, pools, padding, and what looks at one position"
            )
            if kind in _EVERYWHERE:
                why = "every unit from there on sees the whole photo"
            raise ValueError(f"{current.name!r} is a {kind}; {why}")
        if current.data_format != "channels_last":
            raise ValueError(f"{current.name!r} has its channels first; only channels last is read")
        kernel = current.pool_size if isinstance(current, pools) else current.kernel_size
        dilation = (1, 1) if isinstance(current, pools) else current.dilation_rate
        for axis in (0, 1):
            reach, step = (kernel[axis] - 1) * dilation[axis], current.strides[axis]
            if length[axis] is None and current.padding == "same" and step > 1:
                raise ValueError(
                    f"{current.name!r} pads by the size of its input; "
                    f"give the model a fixed input shape"
                )
            # where no size is known, any will do
            before, _ = zeros_around(current.padding, length[axis] or reach + 1, reach + 1, step)
            start[axis] -= before * stride[axis]
            size[axis] += reach * stride[axis]
            stride[axis] *= step
    return ReceptiveField(tuple(size), tuple(stride), tuple(start))


def _chain(model: Any, target: Any) -> list[tuple[Any, tuple[int | None, int | None]]]:
    """The layers from the input to the target, each with the (rows, cols) that flow into it."""
    from helpers.quiet import keras

    chain = []
    tensor = target.output
    while tensor is not model_input(model):
        operation, node, _ = tensor._keras_history
        if isinstance(operation, keras.layers.InputLayer):
            break
        sources = operation._inbound_nodes[node].input_tensors
        if len(sources) != 1:
            raise ValueError(
                f"{operation.name!r} joins several branches; only chains of layers can be followed"
            )
        tensor = sources[0]
        chain.append((operation, tuple(tensor.shape[1:3])))
    return chain[::-1]
