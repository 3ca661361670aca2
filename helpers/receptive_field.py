"""Which pixels a unit sees: its receptive field, from kernels, strides and padding.

Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", and Araujo,
Norris & Sim 2019, "Computing receptive fields of convolutional neural networks", Distill.
"""

from typing import Any, NamedTuple

import numpy as np

from helpers.graph import Call, calls
from helpers.layers import model_input, tensors, zeros_around

#: Layers that work on each position by itself: a unit sees no more than the unit below it. (What is
#: called Random… changes photos only in training.)
_POSITION_BY_POSITION = (
    "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dropout",
    "ELU", "GaussianDropout", "GaussianNoise", "Identity", "LayerScale", "LeakyReLU",
    "Normalization", "PReLU", "RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation",
    "RandomTranslation", "RandomZoom", "ReLU", "Relu", "Relu6", "Rescaling", "Sigmoid", "Silu",
    "SpatialDropout2D", "StochasticDepth", "Tanh",
)  # fmt: skip

#: Layers that do so if their axis is the last one, that of the channels.
_OVER_CHANNELS = ("LayerNormalization", "Softmax", "UnitNormalization", "RMSNormalization")

#: Layers, and operations such as +, that join the same position of several branches.
_MERGES = (
    "Add", "Average", "Concatenate", "Divide", "Maximum", "Minimum", "Multiply", "Subtract",
    "TrueDivide",
)  # fmt: skip

#: Layers whose every unit sees the whole photo.
_EVERYWHERE = (
    "Attention", "Dense", "Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
    "GroupNormalization", "LayerNormalization", "MultiHeadAttention",
)  # fmt: skip


class ReceptiveField(NamedTuple):
    """The rectangle of input pixels that one unit of a layer can see."""

    size: tuple[int, int]  #: (rows, cols) of the field in pixels
    stride: tuple[int, int]  #: (rows, cols) in pixels between the fields of neighboring units
    start: tuple[int, int]  #: (row, col) of unit (0, 0)'s first pixel; negative in the padding

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
    to the size; padding moves the start. Where branches join, as in a residual network, the field
    is the smallest rectangle around theirs, so their strides must agree. (In a Concatenate, some
    channels see less: only their own branch's field.)

    Args:
        model: A model with one input, of branches and nested models, too.
        layer: The layer's name or index.

    Raises:
        ValueError: No such layer; or on the way a layer that sees the whole photo or is not known
            here, branches that do not fit, or padding that depends on an input size the model
            leaves open.
    """
    fields = {id(model_input(model)): ReceptiveField((1, 1), (1, 1), (0, 0))}
    for name, call in calls(model).items():
        if id(call.outputs[0]) not in fields:  # not an input, nor a nested model
            field = _through(name, call, [fields[id(tensor)] for tensor in call.inputs])
            fields |= {id(tensor): field for tensor in call.outputs}
    (tensor,) = tensors(model, [layer]).values()
    field = fields[id(tensor)]
    if isinstance(field, str):
        raise ValueError(field)
    return field


def _through(name: str, call: Call, below: list[Any]) -> ReceptiveField | str:
    """The field of a layer's units from those of what flows in, or why there is none."""
    from helpers.quiet import keras

    layer, kind, sides = call.layer, type(call.layer).__name__, tuple(call.inputs[0].shape[1:-1])
    for field in below:
        if isinstance(field, str):  # there was none before
            return field
    axes = np.atleast_1d(getattr(layer, "axis", -1))
    over_channels = all(axis in (-1, len(sides) + 1) for axis in axes)
    if kind in _MERGES:
        alike = {tuple(tensor.shape[1:-1]) for tensor in (*call.inputs, *call.outputs)}
        if len(alike) > 1 or len({field.stride for field in below}) > 1 or not over_channels:
            return f"{name!r} joins branches of different sizes or strides, which have no one field"
        starts = np.array([field.start for field in below])
        ends = starts + [field.size for field in below]
        start = starts.min(axis=0)
        size = ends.max(axis=0) - start
        return ReceptiveField(tuple(size.tolist()), below[0].stride, tuple(start.tolist()))
    if kind in _POSITION_BY_POSITION or (kind in _OVER_CHANNELS and over_channels):
        return below[0]
    if kind == "Dense" and len(sides) == 2:  # on maps, a 1×1 convolution
        return below[0]
    pools = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
    frames = (keras.layers.ZeroPadding2D, keras.layers.Cropping2D)
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    if not isinstance(layer, (*kinds, *pools, *frames)):
        why = "fields are known for convolutions, pools, padding, and what looks at one position"
        if kind in _EVERYWHERE:
            why = "every unit from there on sees the whole photo"
        return f"{name!r} is a {kind}; {why}"
    if layer.data_format != "channels_last":
        return f"{name!r} has its channels first; only channels last is read"
    (size, stride, start), padding = map(list, below[0]), getattr(layer, "padding", "valid")
    for axis in (0, 1):
        if isinstance(layer, frames):
            cut = getattr(layer, "cropping", None)
            start[axis] += (cut[axis][0] if cut else -padding[axis][0]) * stride[axis]
            continue
        kernel = layer.pool_size if isinstance(layer, pools) else layer.kernel_size
        dilation = 1 if isinstance(layer, pools) else layer.dilation_rate[axis]
        reach, step, length = (kernel[axis] - 1) * dilation, layer.strides[axis], sides[axis]
        if length is None and padding == "same" and step > 1:
            return f"{name!r} pads by the size of its input; give the model a fixed input shape"
        # where no size is known, any will do
        before, _ = zeros_around(padding, length or reach + 1, reach + 1, step)
        start[axis] -= before * stride[axis]
        size[axis] += reach * stride[axis]
        stride[axis] *= step
    return ReceptiveField(tuple(size), tuple(stride), tuple(start))
