"""What a filter does to its input: channels × slices = partial sums, and what becomes of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helpers.activations import one_map
from helpers.convolution import Decomposition
from helpers.plots import mosaics, panels
from helpers.plots.page import Picture
from helpers.plots.panels import GRAY, HEAT, RULE, Label, Panel, Scale, number, percent
from helpers.plots.probe import written

_HIGH, _WIDE = 158, 195  # the most pixels on the page for a map in a row


def filter_effect(
    inputs: np.ndarray,
    kernel: np.ndarray,
    decomposition: Decomposition,
    channels: Sequence[int],
    names: Sequence[str] = (),
    name: str = "This filter",
) -> Picture:
    """One filter at work: a row for each channel, its slice and partial sum; on the right, the sum.

    ``inputs``, float (rows, cols, in), flow into the layer; ``kernel``, float (rows, cols, in), is
    the filter, and ``decomposition`` its work on them. One to three input channels are shown;
    ``names`` are the colors of a photo's channels. Without any, they are maps of the layer before.

    Raises:
        ValueError: No channels, over three, or one the filter does not have.
    """
    depth = kernel.shape[-1]
    if not 1 <= len(channels) <= 3 or not all(0 <= channel < depth for channel in channels):
        raise ValueError(f"choose one to three of the channels 0 to {depth - 1}, not {channels}")
    chosen, shares = list(channels), decomposition.shares
    maps, partials = inputs[:, :, chosen], decomposition.partials[:, :, chosen]
    high = min(_HIGH, _WIDE * maps.shape[0] / maps.shape[1])
    bright, _ = mosaics.wall(maps, side=_HIGH)
    scale = Scale(GRAY if names else HEAT, "its lowest", "its top 1%")
    weights, weight = _signed(kernel, GRAY)
    sums = GRAY if names else panels.SIGNED  # no red or blue beside the words "red" and "blue"
    columns = [
        _column("input channel", maps, bright.transpose(1, 2, 0), scale, high),
        _column("its slice", kernel[:, :, chosen], weights[:, :, chosen], weight, high, "×"),
        _column("partial sum", partials, *_signed(partials, sums), high, "="),
    ]
    for k, c in enumerate(chosen):
        words = [f"channel {c}", *names[c : c + 1], "share of work", percent(shares[c])]
        places = bright.shape[1] * (0.5 + (np.arange(len(words)) - 1.5) / 10)
        columns[0][k] = replace(columns[0][k], left=dict(zip(places, words, strict=True)))
        words = written(kernel[:, :, c], np.abs(kernel).max())
        columns[1][k] = replace(columns[1][k], words=words.tolist())
    found = one_map(decomposition.activation)
    response = panels.heat(panels.shrunk(decomposition.activation, _HIGH), found.largest)
    lowest = float(decomposition.activation.min())
    if lowest < 0:
        response = _signed(decomposition.activation, sums)
    then = f", then {decomposition.function}" if decomposition.function else ""
    note = f"+ bias {number(decomposition.bias)}{then}:"
    result = [
        _panel(f"sum of all {depth}", decomposition.total,
               *_signed(decomposition.total, sums), 1.25 * high, note=note),
        _panel("response", decomposition.activation, *response, 1.25 * high),
    ]  # fmt: skip
    shown = ", ".join(f"{names[c] if names else c} ({shares[c]:.1%})" for c in chosen)
    end = f"a response of {number(min(lowest, 0.0), '.3g')} to {found.largest:.3g}"
    end += f"; {percent(found.zeros)} of it is 0"
    if found.largest == lowest == 0:
        end = "0 everywhere: this photo leaves the filter silent"
    caption = (
        f"{name}: {len(chosen)} of its {depth} input channels, with their shares of the work: "
        f"{shown}. All {depth} partial sums + bias {number(decomposition.bias, '.3g')}"
        f"{then}{', ' if then else ' '}give {end}."
    )
    return Picture([*columns, result], caption)


def all_partials(decomposition: Decomposition, columns: int = 16) -> Panel:
    """Every partial sum of a filter, sorted by its share of the work, the largest first."""
    order, shares = decomposition.by_share, decomposition.shares
    partials = panels.shrunk(decomposition.partials[:, :, order], 56)
    places, scale = panels.signed(partials, float(np.percentile(np.abs(partials), 99.8)))
    return panels.tiles(
        f"{len(order)} partial sums, the largest first (channel: its share of the work in %)",
        places.transpose(2, 0, 1),
        scale,
        columns,
        width=990,
        names=[f"{channel}: {number(100 * shares[channel], '.1f')}" for channel in order],
    )


def _column(
    title: str, numbers: np.ndarray, array: np.ndarray, scale: Scale, high: float, before: str = ""
) -> list[Panel]:
    """Maps (rows, cols, n) on one scale below one another; a sign before each."""
    last = numbers.shape[-1] - 1
    return [
        _panel(
            "" if k else title, numbers[..., k], array[..., k], scale, high, before, bar=k == last
        )
        for k in range(last + 1)
    ]


def _panel(
    title: str, numbers: np.ndarray, array: np.ndarray, scale: Scale, high: float,
    before: str = "", **panel: object,
) -> Panel:  # fmt: skip
    """A map with an edge, at most so many pixels high; one whose numbers are all 0 says so."""
    rows, cols = array.shape
    width = round(min(high * cols / rows, max(high, 1.25 * _WIDE)))
    marks = [panels.frame((0, 0, rows, cols), RULE, 1)._replace(halo=False)]
    marks.append(Label(before, rows / 2, -11 * cols / width, size=17, bold=True))
    if not numbers.any():
        marks.append(Label("0 everywhere", rows / 2, cols / 2, paper="#ffffff"))
    return Panel(title, array, scale, width, marks, **panel)


def _signed(maps: np.ndarray, cmap: str) -> tuple[np.ndarray, Scale]:
    """Signed maps, 0 in the middle of the colors and their ends at the largest magnitude."""
    array, scale = panels.signed(panels.shrunk(maps, _HIGH), float(np.abs(maps).max()))
    return array, scale._replace(cmap=cmap)
