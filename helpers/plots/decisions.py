"""Lesson 11: a score taken apart into what each channel adds to it."""

import numpy as np

from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.plots.panels import Panel, number

SHOWN = 24  #: channels shown as small maps, the weightiest first


def decision(
    photo: np.ndarray, terms: np.ndarray, bias: float, rank: int = 1, classes: tuple = ("no", "yes")
) -> Picture:
    """A photo, what each place adds to the score, and the same for the weightiest channels.

    Brown places speak for the second class, teal ones for the first.

    ``terms`` are maps times weights, float (rows, cols, channels): each channel adds its mean over
    the places, and with the last layer's ``bias`` these are the score. ``rank`` 1 enlarges the
    channel that adds or takes away most.
    """
    adds = terms.mean(axis=(0, 1))
    order = np.argsort(-np.abs(adds), kind="stable")
    channel, score = order[rank - 1], float(adds.sum() + bias)
    yes = 1 / (1 + np.exp(-np.clip(score, -50, 50)))
    array, scale = panels.signed(terms.sum(axis=2))
    note = f"mean {number(adds.sum())}, bias {number(bias)}\nscore {number(score)}"
    every = Panel(f"all {len(adds)} channels", array, scale, 224, note=note)
    array, scale = panels.signed(terms[:, :, channel])
    note = f"adds {number(adds[channel])} to the score"
    one = Panel(f"channel {channel}", array, scale, 224, note=note)
    few = order[:SHOWN]
    small, scale = panels.signed(terms[:, :, few].transpose(2, 0, 1))
    names = [f"{channel}: {number(adds[channel], '+.2f')}" for channel in few]
    title = f"the {len(few)} that count most"
    wall = panels.tiles(
        title, small, scale, 6, 470, names, sets={"rank": range(1, len(few) + 1)}, chosen=rank - 1
    )
    called = f"{panels.percent(yes)} {classes[1]}"
    caption = (
        f"Called {classes[int(score > 0)]} ({called}). Brown speaks for {classes[1]}, teal for "
        f"{classes[0]}. Channel {channel} is number {rank} of {len(adds)} by what it adds or takes "
        f"away; up to this number they add {number(adds[order[:rank]].sum())} together."
    )
    shown = Panel(called, panels.shrunk(photo, 224), width=224)
    return Picture([[shown, one], [every], wall], caption)
