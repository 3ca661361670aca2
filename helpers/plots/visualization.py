"""Lesson 09: pictures that units would choose, in rows, beside best patches, and one enlarged."""

from collections.abc import Mapping, Sequence

import numpy as np

from helpers.patches import Hit, Scan
from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.plots.panels import Panel
from helpers.plots.patches import patch_square

_COLUMNS = 6  # pictures in a row of a sheet


def picture_rows(
    rows: Mapping[str, np.ndarray],
    names: Sequence[str] | Mapping[str, Sequence[str]],
    notes: Mapping[str, str] | None = None,
    width: int = 760,
    caption: str = "",
) -> Picture:
    """Rows of pictures below one another, one for each way of making them, or layer, or network.

    ``rows`` are uint8 (n, side, side, 3) by title, with the same n for all. ``names``, n for all
    rows or n by title, are written above the pictures, ``notes`` by title below a row.
    """
    column = []
    for title, pictures in rows.items():
        above = names[title] if isinstance(names, Mapping) else names
        note = (notes or {}).get(title, "")
        count = len(pictures)
        column.append(panels.tiles(title, pictures, None, count, width, above, note=note))
    return Picture([column], caption)


def picture_beside_patches(
    pictures: np.ndarray,
    scan: Scan,
    layer: str,
    hits: Mapping[int, Sequence[Hit]],
    caption: str = "",
) -> Picture:
    """For each channel its picture, and below it patches of photos that excite it.

    ``pictures`` are uint8 (n, side, side, 3); for each of the n channels there are up to nine hits
    of a scan of the layer.
    """
    columns, width = [], 960 // len(hits) - 24
    for picture, (channel, best) in zip(pictures, hits.items(), strict=True):
        above = Panel(f"channel {channel}: picture", picture, width=width)
        columns.append([above, patch_square(scan, layer, best, "best patches", width)])
    return Picture(columns, caption)


def chosen_picture(
    pictures: Mapping[int, np.ndarray], layer: str, channel: int, made: bool = True
) -> Picture:
    """A layer's pictures in a sheet, one of them enlarged beside it.

    ``pictures`` are uint8 (side, side, 3) by channel; ``made`` says whether they were made
    beforehand.
    """
    channels = [*pictures]
    names = [str(number) for number in channels]
    at = channels.index(channel)
    sheet = panels.tiles(
        f"{layer}: channels {channels[0]} to {channels[-1]}",
        np.stack([*pictures.values()]),
        None,
        _COLUMNS,
        100 * min(_COLUMNS, len(channels)),
        names,
        sets={"number": range(len(channels))},
        chosen=at,
    )
    large = Panel(f"channel {channel}", pictures[channel], width=350)
    how = "made beforehand" if made else "made just now"
    caption = (
        f"{layer}, channel {channel}: a picture climbed to from random waves so that the channel's "
        f"mean, before ReLU, grows; {how}. Its rim, which few steps saw, is cut off."
    )
    return Picture([sheet, large], caption)
