"""What a filter does to its input: channels × slices = partial sums, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from helpers import convolution
from helpers.activations import one_map
from helpers.convolution import Decomposition, Match
from helpers.images import CHANNELS
from helpers.plots import mosaics, panels
from helpers.plots.page import Picture
from helpers.plots.panels import GREY, HEAT, RULE, Label, Panel, Scale, number, percent

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

    Args:
        inputs: float (rows, cols, in), what flows into the layer.
        kernel: float (rows, cols, in), the filter.
        decomposition: Of that filter on those inputs.
        channels: Which input channels to show, one to three.
        names: The colors of a photo's channels; without any, they are maps of the layer before.
        name: What the caption calls the filter.

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
    scale = Scale(GREY if names else HEAT, "its lowest", "its top 1%")
    weights, weight = panels.signed(kernel)
    columns = [
        _column("input channel", maps, bright.transpose(1, 2, 0), scale, high),
        _column("its slice", kernel[:, :, chosen], weights[:, :, chosen], weight, high, "×"),
        _column("partial sum", partials, *_signed(partials), high, "="),
    ]
    for k, c in enumerate(chosen):
        words = [f"channel {c}", *names[c : c + 1], "share of work", percent(shares[c])]
        places = bright.shape[1] * (0.5 + (np.arange(len(words)) - 1.5) / 10)
        columns[0][k] = replace(columns[0][k], left=dict(zip(places, words, strict=True)))
    found = one_map(decomposition.activation)
    response = panels.heat(panels.shrunk(decomposition.activation, _HIGH), found.largest)
    note = f"+ bias {number(decomposition.bias)}, then ReLU:"
    result = [
        _panel(f"sum of all {depth}", decomposition.total, *_signed(decomposition.total),
               1.25 * high, note=note),
        _panel("response", decomposition.activation, *response, 1.25 * high),
    ]  # fmt: skip
    shown = ", ".join(f"{names[c] if names else c} ({shares[c]:.1%})" for c in chosen)
    end = f"a response of 0 to {found.largest:.3g}; {percent(found.zeros)} of it is 0"
    if found.largest == 0:
        end = "0 everywhere: this photo leaves the filter silent"
    caption = (
        f"{name}: {len(chosen)} of its {depth} input channels, with their shares of the work: "
        f"{shown}. All {depth} partial sums + bias {number(decomposition.bias, '.3g')}, then ReLU, "
        f"give {end}."
    )
    return Picture([*columns, result], caption)


def all_partials(decomposition: Decomposition, columns: int = 16) -> Picture:
    """Every partial sum of a filter, and how they add up to the response.

    The partials are sorted by their share of the work, the largest first; below, the first 1, 2,
    4, … of them are added up, and on the right bias and ReLU are applied to all.

    Args:
        decomposition: What ``convolution.decompose`` returned.
        columns: Partial sums in a row.
    """
    order, shares = decomposition.by_share, decomposition.shares
    partials = panels.shrunk(decomposition.partials[:, :, order], 56)
    places, scale = panels.signed(partials, float(np.percentile(np.abs(partials), 99.8)))
    every = panels.tiles(
        f"{len(order)} partial sums, the largest first (channel: its share of the work in %)",
        places.transpose(2, 0, 1),
        scale,
        columns,
        width=990,
        names=[f"{channel}: {number(100 * shares[channel], '.1f')}" for channel in order],
    )
    counts = convolution.doubling(len(order))
    sums = convolution.running_sums(decomposition, counts).transpose(2, 0, 1)
    likeness = [convolution.correlation(part, decomposition.total) for part in sums]
    steps = [
        _panel(f"{count} of {len(order)}", part, *panels.signed(part), 128, note=f"r = {number(r)}")
        for count, part, r in zip(counts, sums, likeness, strict=True)
    ]
    half = -(-len(steps) // 2)
    title = f"response: all {len(order)} + bias {number(decomposition.bias)}, then ReLU"
    maps, some = decomposition.activation, len(counts) // 2
    response = _panel(title, maps, *panels.heat(maps), 350)
    caption = (
        f"Above: blue lowers the response, red raises it; all on one scale. Below: running sums, "
        f"each on its own scale; r is the correlation with the sum of all. The first "
        f"{counts[some]} do {percent(shares[order[: counts[some]]].sum())} of the work, and their "
        f"sum correlates with the whole by {number(likeness[some])}."
    )
    return Picture([every, *(steps[k::half] for k in range(half)), response], caption)


def classical_beside_learned(
    kernels: Mapping[str, np.ndarray],
    bank: np.ndarray,
    matches: Sequence[Match],
    chances: Sequence[float],
    responses: Sequence[np.ndarray],
    learned: Sequence[np.ndarray],
) -> Picture:
    """Kernels that people designed beside learned filters, and what each makes of a photo.

    Args:
        kernels: (rows, cols) by name.
        bank: float (rows, cols, 3, filters), the learned filters, in BGR order.
        matches: The filter most alike to each kernel; see ``convolution.most_alike``.
        chances: How alike the best of as many filters of random numbers is to each kernel.
        responses: One signed map (rows, cols) for each kernel.
        learned: One signed map (rows, cols) for each of the matches.
    """
    found, heads = [], ("designed kernel", "its response", "the most alike learned filter")
    for (name, kernel), match, chance, response, answer in zip(
        kernels.items(), matches, chances, responses, learned, strict=True
    ):
        weights = panels.signed(bank[:, :, :, match.filter].transpose(2, 0, 1))
        note = (
            f"filter {match.filter}: likeness {number(match.likeness)} (chance {number(chance)})\n"
            f"the two responses: r = {number(convolution.correlation(response, answer))}"
        )
        words = [[number(weight, "g") for weight in row] for row in kernel]
        found += [
            Panel(heads[0], *panels.signed(kernel), 170, words=words, bar=False, note=name),
            _panel(heads[1], response, *_signed(response, 99.5), 170),
            panels.tiles(heads[2], *weights, 3, 320, CHANNELS, note=note),
            _panel(heads[1], answer, *_signed(answer, 99.5), 170),
        ]
        heads = ("", "", "")
    caption = (
        "Blue is negative, red positive; each kernel and each response has a scale of its own."
    )
    return Picture(found, caption)


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


def _signed(maps: np.ndarray, percent: float = 100) -> tuple[np.ndarray, Scale]:
    """Signed maps, with full color at this percentile of their magnitudes."""
    limit = float(np.percentile(np.abs(maps), percent))
    return panels.signed(panels.shrunk(maps, _HIGH), limit)
