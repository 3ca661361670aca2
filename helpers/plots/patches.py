"""Lesson 07: the photos and the patches of photos that excite a unit most."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helpers.patches import Hit, Scan
from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.plots.panels import Panel, Path, number
from helpers.receptive_field import ReceptiveField

_SIDE, _HALF = 140, 464  # pixels of a photo, and of three photos with the gaps between them


def top_photos(
    scan: Scan, layer: str, channel: int, row: int | None = None, col: int | None = None
) -> Picture:
    """Up to nine photos that excite a unit most, with its field; beside them what it sees of each.

    With ``row`` and ``col`` only the unit there counts; without, any of the channel's map.
    """
    hits, field = scan[layer].exciting(channel, row, col), scan[layer].field
    names = [f"{rank}: {hit.value:.3g}" for rank, hit in enumerate(hits, 1)]
    photos = [_on_photo(scan, layer, *each) for each in zip(hits, names, strict=True)]
    seen = patch_square(scan, layer, hits, f"what it sees: {_pixels(field)}", _HALF, names)
    unit = f"{layer}, channel {channel}" + (f", row {row}, col {col}" if row is not None else "")
    words = "not one excites it"
    if hits:
        value, row, col = hits[0][1:]
        name = scan.photos[hits[0].photo].name.rsplit("/", 1)[-1]
        words = f"{name} excites it most, with {value:.3g} at row {row}, col {col}"
    caption = f"{unit}: of {len(scan.photos) - len(scan.skipped)} photos, {words}."
    return Picture([*filter(None, (photos[k::3] for k in range(3))), seen], caption)


def patch_comparison(scan: Scan, layer: str, channels: Sequence[int]) -> Picture:
    """What channels see in their nine best photos, in nine random ones and in the nine weakest.

    A guess at what a channel looks for holds only if it tells the first from the others.
    """
    ranking, shown, captions = scan[layer], [], []
    for channel in channels:
        best, drawn = ranking.exciting(channel), ranking.drawn(channel)
        groups = {"strongest": best, "at random": drawn, "weakest": ranking.least(channel)}
        for words, hits in groups.items():
            names = [number(hit.value, ".3g") for hit in hits]
            title = f"channel {channel}: {words}"
            shown.append(patch_square(scan, layer, hits, title, 302, names))
        most, random = (max((hit.value for hit in hits), default=0) for hits in (best, drawn))
        captions.append(f"channel {channel} reaches {most:.3g}, in photos at random {random:.3g}")
    return Picture(shown, f"In {layer}, {'; '.join(captions)}.")


def patch_wall(scan: Scan, layer: str, channels: Sequence[int]) -> Picture:
    """The nine patches that excite each of many channels most, in the order given."""
    ranking, shown = scan[layer], []
    for channel in channels:
        square = patch_square(scan, layer, ranking.exciting(channel), f"channel {channel}")
        shown.append(replace(square, note=f"up to {ranking.values[:, channel].max():.3g}"))
    return Picture(shown, f"Units of {layer} see {_pixels(ranking.field)}; gray is outside.")


def patch_square(
    scan: Scan,
    layer: str,
    hits: Sequence[Hit],
    title: str,
    width: int = _SIDE,
    names: Sequence[str] | None = None,
) -> Panel:
    """What a unit sees of up to nine photos, three in a row, each with its name if there are any.

    Without a hit the panel says in words that no photo excites it.
    """
    if not hits:
        white = np.full((1, 1, 3), 255, np.uint8)
        return Panel(title, white, width=width, words=[["no photo\nexcites it"]])
    seen = np.stack([panels.shrunk(scan.patch(layer, hit), width // 3) for hit in hits[:9]])
    seen = np.pad(seen, ((0, 9 - len(seen)), (0, 0), (0, 0), (0, 0)), constant_values=255)
    return panels.tiles(title, seen, None, 3, width, names)


def _on_photo(scan: Scan, layer: str, hit: Hit, note: str) -> Panel:
    """A photo with a layer's grid, one unit's cell and its receptive field."""
    photo, field, marks = scan.photos[hit.photo].pixels, scan[layer].field, []
    if field is not None and min(field.stride) * _SIDE / photo.shape[1] >= 5:  # or too fine
        units = scan[layer].map_shape
        rows, cols = ([field.cell(k, k)[i] for k in range(units[i] + 1)] for i in (0, 1))
        grid = [(row, col) for row in rows for col in (cols[0], cols[-1], cols[0])]
        grid += [(row, col) for col in cols for row in (rows[0], rows[-1], rows[0])]
        marks = [Path(grid, "#ffffff80", 1, halo=False)]  # a line that goes there and back
        marks.append(panels.frame(field.cell(hit.row, hit.col), "#ffffff", 1))
    if field is not None:
        marks.append(panels.frame(np.clip(field.box(hit.row, hit.col), 0, photo.shape[:2] * 2)))
    return Panel("", photo, width=_SIDE, marks=marks, note=note)


def _pixels(field: ReceptiveField | None) -> str:
    return f"{field.size[0]} × {field.size[1]} pixels" if field else "the whole photo"
