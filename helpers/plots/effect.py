"""What a filter does to its input: channels × slices = partial sums, and what becomes of them.

Pictures (uint8 arrays) for the explorers; the functions without ``_picture`` return Figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from helpers.convolution import Decomposition
from helpers.plots import canvas
from helpers.plots.mosaics import mosaic, shrunk
from helpers.plots.tiles import number, numbered, put

#: What VGG16's three input channels are, in their order.
INPUT_COLORS = ("blue", "green", "red")

_SIDE = 224  # of a map in the picture of one filter; VGG16's maps all fit it exactly
_KERNEL = 96
_GAP = 24
_MAP = 190  # of a map beside a classical kernel
_TINY = 1e-12  # stands in for a limit of 0


def input_channels(photo: np.ndarray, inputs: np.ndarray) -> Figure:
    """A photo and the three channels VGG16 makes of it, each labeled with its range.

    Args:
        photo: uint8 (rows, cols, 3), RGB.
        inputs: float (rows, cols, 3), BGR minus the means, from ``images.prepare``.
    """
    pictures = [canvas.titled(_square(photo), "the photo (RGB)", 17)]
    for channel, color in enumerate(INPUT_COLORS):
        plane = inputs[:, :, channel]
        low, high = number(plane.min(), ".0f"), number(plane.max(), ".0f")
        title = f"channel {channel}: {color}\n{low} to {high}"
        pictures.append(canvas.titled(_square(canvas.colorize(plane)), title, 17))
    return canvas.figure(canvas.stack(pictures, 16, align="right", across=True))


def filter_effect(
    inputs: np.ndarray,
    kernel: np.ndarray,
    decomposition: Decomposition,
    channels: Sequence[int],
    names: Sequence[str] = (),
) -> Figure:
    """One filter at work on up to three of its input channels; see ``filter_effect_picture``."""
    return canvas.figure(filter_effect_picture(inputs, kernel, decomposition, channels, names))


def filter_effect_picture(
    inputs: np.ndarray,
    kernel: np.ndarray,
    decomposition: Decomposition,
    channels: Sequence[int],
    names: Sequence[str] = (),
) -> np.ndarray:
    """One filter at work: three columns of channel, slice and partial sum; on the right, the rest.

    Args:
        inputs: float (rows, cols, in), what flows into the layer.
        kernel: float (rows, cols, in), the filter.
        decomposition: Of that filter on those inputs.
        channels: Which input channels to show, one to three.
        names: What to call the input channels, if numbers are not enough.

    Returns:
        uint8 (about 690, 968, 3), the same for all layers.

    Raises:
        ValueError: No channels, over three, or one the filter does not have.
    """
    depth = kernel.shape[-1]
    if not 1 <= len(channels) <= 3 or not all(0 <= channel < depth for channel in channels):
        raise ValueError(f"choose one to three of the channels 0 to {depth - 1}, not {channels}")
    shares = decomposition.shares
    partials = decomposition.partials[:, :, list(channels)]
    weights = max(float(np.abs(kernel).max()), _TINY)
    limit = max(float(np.abs(partials).max()), _TINY)
    columns = []
    for place, channel in enumerate(channels):
        name = f"channel {channel}" + (f": {names[channel]}" if names else "")
        columns.append(
            canvas.stack(
                [
                    _headed(
                        _grey(inputs[:, :, channel]), name, empty=not inputs[:, :, channel].any()
                    ),
                    _slice(kernel[:, :, channel], weights, shares[channel]),
                    _headed(
                        canvas.signed(partials[:, :, place], limit),
                        "channel × slice",
                        empty=not partials[:, :, place].any(),
                    ),
                ],
                gap=10,
            )
        )
    body = canvas.stack(columns, _GAP, across=True)
    body = canvas.padded(body, cols=3 * (_SIDE + 2) + 2 * _GAP)
    middle = body.shape[0] - _SIDE // 2
    for place in range(1, len(channels)):
        plus = canvas.text("+", 22, bold=True)
        put(body, plus, middle - 14, place * (_SIDE + 2 + _GAP) - _GAP // 2 - plus.shape[1] // 2)
    result = canvas.stack([body, _result(decomposition)], _GAP, across=True)
    sign = canvas.text("=" if len(channels) == depth else "…", 22, bold=True)
    put(result, sign, middle - 14, body.shape[1] + _GAP // 2 - sign.shape[1] // 2)
    bars = [
        canvas.color_bar(canvas.GREY, "input: low", "high", cols=_SIDE, size=15),
        _signed_bar(weights, "weight"),
        _signed_bar(limit, "partial sum"),
        _signed_bar(float(np.abs(decomposition.total).max()), "sum"),
    ]
    return canvas.stack([result, canvas.stack(bars, _GAP, across=True)], 12)


def all_partials(decomposition: Decomposition, side: int = 56, columns: int = 16) -> Figure:
    """Every partial sum of a filter in one mosaic, and how they add up to the response.

    The partials are sorted by their share of the work, the largest first; a second row adds up
    the first 1, 2, 4, … of them; below it, the bias and ReLU.

    Args:
        decomposition: What ``convolution.decompose`` returned, of 8 channels at least.
        side: Side of one partial sum in pixels.
        columns: Partial sums in a row.
    """
    from helpers.convolution import running_sums

    order = decomposition.by_share
    depth = len(order)
    partials = decomposition.partials[:, :, order]
    limit = max(float(np.percentile(np.abs(partials), 99.8)), _TINY)
    small = shrunk(partials, side)
    tiles = np.clip(small * (127.5 / limit) + 127.5, 0, 255).astype(np.uint8)
    grid = canvas.colorize(mosaic(tiles, columns, gap=1), canvas.SIGNED)
    grid[mosaic(np.full_like(tiles, 255), columns, gap=1, fill=0) == 0] = canvas.RULE
    grid = canvas.framed(grid)

    counts = _counts(depth)
    sums = running_sums(decomposition, counts, order)
    largest = max(float(np.abs(decomposition.total).max()), _TINY)
    width = (grid.shape[1] - 10 * (len(counts) - 1)) // len(counts) - 2
    steps = []
    for place, count in enumerate(counts):
        part = sums[:, :, place]
        tile = canvas.enlarge(canvas.signed(part, max(float(np.abs(part).max()), _TINY)), width)
        words = "the first" if count == 1 else f"first {count}" if count < depth else f"all {depth}"
        likeness = _correlation(part, decomposition.total)
        below = canvas.text(f"r = {number(likeness)}\n±{np.abs(part).max():.2g}", 15)
        steps.append(canvas.stack([canvas.text(words, 16, True), canvas.framed(tile), below], 3))
    last = canvas.stack(
        [
            _headed(canvas.signed(decomposition.total, largest), f"sum of all {depth}"),
            _arrow(decomposition.bias),
            _headed(canvas.colorize(decomposition.activation, canvas.HEAT, 0), "response"),
            canvas.stack(
                [
                    canvas.text("", 16),
                    _signed_bar(limit, "partial sum"),
                    _signed_bar(largest, "sum"),
                    _heat_bar(decomposition.activation),
                ],
                16,
            ),
        ],
        18,
        across=True,
    )
    pieces = [
        canvas.titled(grid, f"{depth} partial sums, the largest share first", 17, bold=True),
        canvas.titled(
            canvas.stack(steps, 10, across=True),
            "added up (r: correlation with the sum of all; ±: number that is fully red or blue)",
            17,
            bold=True,
        ),
        last,
    ]
    return canvas.figure(canvas.stack(pieces, 16))


def classical_beside_learned(
    kernels: dict[str, np.ndarray],
    responses: Sequence[np.ndarray],
    filters: Sequence[np.ndarray],
    titles: Sequence[str],
    learned: Sequence[np.ndarray],
) -> Figure:
    """Kernels that people designed beside learned filters, and what each makes of a photo.

    Args:
        kernels: (rows, cols) by name.
        responses: One signed map (rows, cols) for each kernel.
        filters: One learned filter (rows, cols, 3) for each kernel, in BGR order.
        titles: What to call each learned filter.
        learned: One signed map (rows, cols) for each learned filter.
    """
    lines = []
    for (name, kernel), response, weights, title, answer in zip(
        kernels.items(), responses, filters, titles, learned, strict=True
    ):
        words = [[_short(value) for value in row] for row in kernel]
        colors = canvas.signed(kernel)
        limit = max(float(np.abs(weights).max()), _TINY)
        slices = [
            canvas.stack(
                [
                    canvas.framed(canvas.enlarge(canvas.signed(weights[:, :, place], limit), 78)),
                    canvas.text(color, 15),
                ],
                3,
                align="center",
            )
            for place, color in enumerate(INPUT_COLORS)
        ]
        slices = canvas.stack(slices, 8, across=True)
        grid = numbered(colors, words, 56)
        words = f"the two responses:\nr = {number(_correlation(response, answer))}"
        pieces = [
            canvas.titled(grid, name, 17, bold=True),
            _headed(_signed_map(response), "its response", _MAP),
            canvas.titled(canvas.stack([slices, canvas.text(words, 16)], 12), title, 17, bold=True),
            _headed(_signed_map(answer), "its response", _MAP),
        ]
        widths = (210, _MAP + 2, 264, _MAP + 2)
        pieces = [canvas.padded(p, cols=w) for p, w in zip(pieces, widths, strict=True)]
        lines.append(canvas.stack(pieces, 20, across=True))
    bar = canvas.color_bar(canvas.SIGNED, "negative", "positive", "0", cols=260, size=15)
    words = canvas.text("kernels and responses, each on its own scale", 16)
    lines.append(canvas.stack([bar, words], 20, across=True))
    return canvas.figure(canvas.stack(lines, 16))


def _square(picture: np.ndarray, side: int = _SIDE) -> np.ndarray:
    """A picture as large as fits into a square, centered, framed: uint8 (side + 2, side + 2, 3).

    What does not grow by a whole number grows by the next one, then shrinks, so that all its
    pixels stay equal in size.
    """
    rows, cols = picture.shape[:2]
    factor = side / max(rows, cols)
    target = max(round(rows * factor), 1), max(round(cols * factor), 1)
    if factor > 1:
        picture = canvas.squares(picture, int(np.ceil(factor)))
    if picture.shape[:2] != target:
        picture = canvas.enlarge(picture, *target)
    picture = canvas.framed(picture)
    if picture.shape[0] == picture.shape[1]:
        return picture
    paper = np.full((side + 2, side + 2, 3), 255, np.uint8)
    top, left = (side + 2 - picture.shape[0]) // 2, (side + 2 - picture.shape[1]) // 2
    put(paper, picture, top, left)
    return paper


def _headed(picture: np.ndarray, title: str, side: int = _SIDE, empty: bool = False) -> np.ndarray:
    picture = _square(picture, side)
    if empty:
        words = canvas.framed(canvas.padded(canvas.text("0 everywhere"), margin=4))
        top, left = ((picture.shape[axis] - words.shape[axis]) // 2 for axis in (0, 1))
        put(picture, words, top, left)
    return canvas.titled(picture, title, 17)


def _grey(plane: np.ndarray) -> np.ndarray:
    """A channel in grey, from its minimum to its 99.5th percentile."""
    low, high = float(plane.min()), _percentile(plane)
    return canvas.colorize(plane, canvas.GREY, low, high if high > low else float(plane.max()))


def _signed_map(plane: np.ndarray) -> np.ndarray:
    return canvas.signed(plane, max(_percentile(np.abs(plane)), _TINY))


def _percentile(plane: np.ndarray, percent: float = 99.5) -> float:
    flat = plane.ravel()
    rank = min(int(flat.size * percent / 100), flat.size - 1)
    return float(np.partition(flat, rank)[rank])


def _slice(weights: np.ndarray, limit: float, share: float) -> np.ndarray:
    """One slice of a filter, with its channel's share of the work written beside it."""
    rows, cols = weights.shape
    unit = max(_KERNEL // max(rows, cols), 1)
    kernel = canvas.squares(canvas.signed(weights, limit), unit)
    words = canvas.text(f"× its slice\nof the filter:\n{_percent(share)}\nof the work", 16)
    pair = canvas.stack([canvas.framed(kernel), words], 12, align="center", across=True)
    return canvas.padded(pair[:, : _SIDE + 2], rows=_KERNEL + 2, cols=_SIDE + 2)


def _percent(share: float) -> str:
    return "under 1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"


def _result(decomposition: Decomposition) -> np.ndarray:
    """The right-hand column: the sum below, bias and ReLU, the response above."""
    depth = decomposition.partials.shape[-1]
    limit = max(float(np.abs(decomposition.total).max()), _TINY)
    words = canvas.text(f"↑  + bias {number(decomposition.bias)}, ReLU", 16, bold=True)
    bar = _heat_bar(decomposition.activation)
    middle = canvas.stack([bar, words], _KERNEL + 2 - bar.shape[0] - words.shape[0])
    return canvas.stack(
        [
            _headed(
                canvas.colorize(decomposition.activation, canvas.HEAT, 0),
                "response",
                empty=not decomposition.activation.any(),
            ),
            canvas.padded(middle[:, : _SIDE + 2], cols=_SIDE + 2),
            _headed(
                canvas.signed(decomposition.total, limit),
                f"the sum of all {depth}",
                empty=not decomposition.total.any(),
            ),
        ],
        gap=10,
    )


def _arrow(bias: float) -> np.ndarray:
    words = canvas.text(f"+ bias\n{number(bias)},\nReLU\n→", 18, bold=True)
    return canvas.stack([np.full((90, 1), 255, np.uint8), words], 0)


def _signed_bar(limit: float, what: str) -> np.ndarray:
    high = number(limit, ".2g") if limit > _TINY else "0"
    return canvas.color_bar(
        canvas.SIGNED, f"−{high}" if high != "0" else "0", high, what, cols=_SIDE, size=15
    )


def _heat_bar(activation: np.ndarray) -> np.ndarray:
    high = number(activation.max(), ".3g")
    return canvas.color_bar(canvas.HEAT, "0", high, "response", cols=_SIDE, size=15)


def _counts(depth: int) -> list[int]:
    """Seven or eight counts from 1 to depth, each about twice the one before."""
    counts = sorted({round(depth ** (place / 7)) for place in range(8)})
    return [count for count in counts if count < depth] + [depth]


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _short(value: float) -> str:
    """A weight of a classical kernel as people write it: −2, 1, or a fraction of 16."""
    if value == round(value):
        return number(value, ".0f")
    return f"{round(value * 16)}/16"
