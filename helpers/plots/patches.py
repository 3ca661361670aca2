"""Lesson 07: receptive fields on photos, and the patches of photos that excite a unit most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from helpers.patches import Hit, Scan
from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.plots.panels import Label, Panel, Path, number
from helpers.receptive_field import ReceptiveField

BOXES = ("#ffdd00", "#56b4e9", "#f0785a", "#78dca0", "#dcaafa")  # of fields with names
_SIDE, _HALF = 140, 464  # pixels of a photo, and of three photos with the gaps between them


def nested_fields(
    photo: np.ndarray, fields: dict[str, ReceptiveField], maps: dict[str, tuple[int, int]]
) -> Picture:
    """The receptive fields of the middle units of several layers, on a photo and enlarged.

    Args:
        photo: uint8 (rows, cols, 3).
        fields: Receptive fields by layer name.
        maps: (rows, cols) of each layer's feature map.
    """
    order = sorted(fields, key=lambda name: -fields[name].size[0])
    units = {name: tuple(length // 2 for length in maps[name]) for name in order}
    boxes = np.array([fields[name].box(*units[name]) for name in order])
    top, left = np.maximum(boxes[0, :2] - 2, 0)
    enlarged, shown = photo[top : boxes[0, 2] + 2, left : boxes[0, 3] + 2], []
    for title, part, corner in (
        ("fields of the middle units", photo, (0, 0)),
        ("the same, enlarged", enlarged, (top, left)),
    ):
        marks, pitch = [], _HALF / part.shape[1]
        for k, box in enumerate((boxes - corner * 2).tolist()):
            marks.append(panels.frame(box, BOXES[k % len(BOXES)]))
            if (box[2] - box[0]) * pitch > 26:  # room for its name
                at = max(box[0], 20 / pitch), max(box[1], 0), "bottom left"
                marks.append(Label(order[k], *at, bold=True, paper=marks[-1].color))
        shown.append(Panel(title, part, width=_HALF, marks=marks))
    sizes = [f"{_pixels(fields[name])} for unit {units[name]} of {name}" for name in order]
    return Picture(shown, f"What the middle unit of each layer sees: {', '.join(sizes)}.")


def top_photos(
    scan: Scan, layer: str, channel: int, row: int | None = None, col: int | None = None
) -> Picture:
    """Nine photos that excite a unit most, with its field; beside them what it sees of each.

    Args:
        scan: A finished scan.
        layer: A layer in it.
        channel: From 0.
        row: Only the unit at this row and ``col`` counts; None for anywhere in the map.
        col: See ``row``.
    """
    hits = scan[layer].exciting(channel, row, col)[:9]
    nothing = _block(scan, layer, [], "", _SIDE)
    photos, patches = [nothing] * 9, [nothing] * 9
    for k, hit in enumerate(hits):
        photos[k] = _on_photo(scan, layer, hit, f"{k + 1}: {hit.value:.3g}")
        patches[k] = Panel("", scan.patch(layer, hit), width=_SIDE, note=f"in photo {k + 1}")
    unit = f"{layer}, channel {channel}" + (f", row {row}, col {col}" if row is not None else "")
    heads = unit, f"what the unit sees: {_pixels(scan[layer].field)}"
    shown = [Panel(head, width=_HALF) for head in heads]
    for k in (0, 3, 6):
        shown += photos[k : k + 3] + patches[k : k + 3]
    words = "not one excites it"
    if hits:
        value, row, col = hits[0][1:]
        name = scan.photos[hits[0].photo].name.rsplit("/", 1)[-1]
        words = f"{name} excites it most, with {value:.3g} at row {row}, col {col}"
    return Picture(shown, f"{unit}: of {len(scan.photos) - len(scan.skipped)} photos, {words}.")


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
            shown.append(_block(scan, layer, hits, f"channel {channel}: {words}", 302, names))
        reached = f"channel {channel} reaches {ranking.values[:, channel].max():.3g}"
        random = max(hit.value for hit in drawn)
        captions.append(f"{reached}, of {len(drawn)} photos drawn at random {random:.3g}")
    return Picture(shown, f"In {layer}, {'; '.join(captions)}.")


def patch_wall(scan: Scan, layer: str, channels: Sequence[int]) -> Picture:
    """The nine patches that excite each of many channels most, in the order given."""
    ranking, shown = scan[layer], []
    for channel in channels:
        hits, note = ranking.exciting(channel), f"up to {ranking.values[:, channel].max():.3g}"
        shown.append(_block(scan, layer, hits, f"channel {channel}", _SIDE, note=note))
    seen = _pixels(ranking.field)
    return Picture(shown, f"Units of {layer} see {seen}; grey is outside the photo.")


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


def _block(
    scan: Scan, layer: str, hits: Sequence[Hit], title: str, width: int, names: Sequence[str] = (),
    note: str = "",
) -> Panel:  # fmt: skip
    """What a unit sees of up to nine photos, as a square of patches, or that there are none."""
    if not hits:
        white, words = np.full((1, 1, 3), 255, np.uint8), [["no photo\nexcites it"]]
        return Panel(title, white, width=width, words=words, note=note)
    seen = np.stack([panels.shrunk(scan.patch(layer, hit), width // 3) for hit in hits[:9]])
    seen = np.pad(seen, ((0, 9 - len(seen)), *[(0, 0)] * 3), constant_values=255)
    names = [*names, *[""] * 9][:9] if names else None
    return panels.tiles(title, seen, None, 3, width, names, note=note)


def _pixels(field: ReceptiveField | None) -> str:
    return f"{field.size[0]} × {field.size[1]} pixels" if field else "the whole photo"
