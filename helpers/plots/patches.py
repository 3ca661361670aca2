"""What units look for: photos with a unit's receptive field drawn in, and walls of patches."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure

from helpers.patches import OUTSIDE, Hit, Scan
from helpers.plots import canvas
from helpers.receptive_field import ReceptiveField

#: A field's box: yellow between black lines, visible on any photo.
BOX = (255, 221, 0)

#: Colors of several boxes on one photo; each box is labeled as well.
BOXES = ((255, 221, 0), (86, 180, 233), (240, 120, 90), (120, 220, 160), (220, 170, 250))

#: Grid lines closer together than this many pixels are not drawn.
CLOSEST_LINES = 5


def nested_fields(
    photo: np.ndarray,
    fields: dict[str, ReceptiveField],
    maps: dict[str, tuple[int, int]],
    side: int = 560,
) -> Figure:
    """The receptive fields of the middle units of several layers on one photo, with a legend.

    Args:
        photo: uint8 (rows, cols, 3).
        fields: Receptive fields by layer name.
        maps: (rows, cols) of each layer's feature map.
        side: Rows of the picture in pixels.
    """
    factor = side / photo.shape[0]
    picture = cv2.resize(photo, (round(photo.shape[1] * factor), side))
    picture = (picture * 0.75).astype(np.uint8)
    legend = [canvas.text("the middle unit of\n(outermost box first)", 16, bold=True)]
    order = sorted(fields, key=lambda name: -fields[name].size[0])
    for number, name in enumerate(order):
        field, color = fields[name], BOXES[number % len(BOXES)]
        unit = [length // 2 for length in maps[name]]
        box = field.box(*unit)
        _rectangle(picture, [edge * factor for edge in box], color)
        top, left = max(box[0] * factor, 0), max(box[1] * factor, 0)
        label = canvas.text(name, 14, bold=True, color=canvas.BLACK, paper=color)
        if field.size[0] * factor > 1.6 * label.shape[0]:  # else the legend must do
            _put(picture, label, max(top - label.shape[0] - 1, 0), left)
        swatch = canvas.framed(np.full((16, 24, 3), color, np.uint8))
        rows, cols = field.size
        words = canvas.text(f"{name}: {rows} × {cols} pixels, unit {unit[0]}, {unit[1]}", 15)
        legend.append(canvas.stack([swatch, words], 8, across=True))
    panel = canvas.stack(legend, gap=12)
    return canvas.figure(canvas.padded(canvas.stack([picture, panel], 24, across=True), margin=4))


def on_photo(
    photo: np.ndarray,
    field: ReceptiveField | None,
    map_shape: Sequence[int],
    hit: Hit,
    side: int,
    grid: bool = True,
) -> np.ndarray:
    """A photo with a layer's grid, one unit's cell and its receptive field.

    The grid's cells are centered on the middles of the units' fields, so there is one for each
    unit: with a stride of 8 pixels, squares of 8 pixels. Grids too fine to see are left out.

    Args:
        photo: uint8 (rows, cols, 3).
        field: The layer's receptive field; None if its units see the whole photo.
        map_shape: (rows, cols, …) of the layer's feature map.
        hit: The unit.
        side: Rows of the picture in pixels.
        grid: Whether to draw the grid.

    Returns:
        uint8 (side, cols, 3).
    """
    factor = side / photo.shape[0]
    picture = cv2.resize(photo, (round(photo.shape[1] * factor), side))
    if field is None:
        return picture
    if grid and min(field.stride) * factor >= CLOSEST_LINES:
        _draw_grid(picture, field, map_shape, factor)
    cell = [
        (start + (size - stride) / 2 + number * stride) * factor
        for start, size, stride, number in zip(
            field.start, field.size, field.stride, (hit.row, hit.col), strict=True
        )
    ]
    far = [edge + stride * factor for edge, stride in zip(cell, field.stride, strict=True)]
    if min(field.stride) * factor >= CLOSEST_LINES:
        _rectangle(picture, [*cell, *far], (255, 255, 255), width=1)
    _rectangle(picture, [edge * factor for edge in field.box(hit.row, hit.col)], BOX)
    return picture


def best_photos(
    scan: Scan,
    layer: str,
    channel: int,
    row: int | None = None,
    col: int | None = None,
    count: int = 9,
    side: int = 148,
) -> np.ndarray:
    """The photos that excite a unit most, and beside them what the unit sees of each.

    Args:
        scan: A finished scan.
        layer: A layer in it.
        channel: From 0.
        row: Only the unit at this row and ``col`` counts; None for anywhere in the map.
        col: See ``row``.
        count: How many photos, at most 9.
        side: Rows and cols of each photo in pixels.

    Returns:
        uint8 picture (rows, cols, 3), of the same size whatever the unit.
    """
    ranking = scan[layer]
    hits = [hit for hit in ranking.best(channel, row, col)[:count] if hit.value > 0]
    photos, patches = [], []
    for number, hit in enumerate(hits, 1):
        picture = on_photo(scan.photo(hit.photo), ranking.field, ranking.map_shape, hit, side)
        photos.append(_labeled(picture, f"{number}:  {hit.value:.3g}", side))
        patches.append(_labeled(_seen(scan, layer, hit, side), f"{number}", side))
    empty = _labeled(_nothing(side), "0: not excited" if not hits else "", side)
    for group in (photos, patches):
        group += [empty] * (count - len(group))
    if ranking.field is None:
        size = "the whole photo"
    elif min(ranking.field.size) < max(scan.size):
        size = f"{_times(ranking.field.size)} pixels"
    else:
        size = f"{_times(ranking.field.size)} pixels, cut at the photo's edge"
    halves = [
        canvas.titled(_in_columns(photos, 3), "photos, strongest first", 16),
        canvas.titled(_in_columns(patches, 3), f"what the unit sees: {size}", 16),
    ]
    return canvas.padded(canvas.stack(halves, 24, across=True), margin=4)


def top_photos(
    scan: Scan, layer: str, channel: int, row: int | None = None, col: int | None = None
) -> Figure:
    """``best_photos`` as a Figure, with the unit's name above."""
    where = "anywhere in the map" if row is None else f"at row {row}, col {col}"
    picture = best_photos(scan, layer, channel, row, col)
    title = f"{layer}, channel {channel}, {where}"
    return canvas.figure(canvas.padded(canvas.titled(picture, title, 20, bold=True), margin=4))


def best_random_least(scan: Scan, layer: str, channel: int, side: int = 106) -> np.ndarray:
    """What a channel sees in its nine best photos, in nine random ones and in the nine weakest.

    A guess at what the channel looks for holds only if it tells the first from the others.

    Args:
        scan: A finished scan.
        layer: A layer in it.
        channel: From 0.
        side: Rows and cols of each patch in pixels.

    Returns:
        uint8 picture (rows, cols, 3), of the same size whatever the channel.
    """
    ranking = scan[layer]
    groups = (
        ("that excite it most", [hit for hit in ranking.best(channel) if hit.value > 0]),
        ("drawn at random", ranking.drawn(channel)),
        ("that excite it least", ranking.least(channel)),
    )
    blocks = []
    for title, hits in groups:
        tiles = [
            _labeled(_seen(scan, layer, hit, side), f"{hit.value:.3g}", side) for hit in hits[:9]
        ]
        tiles += [_labeled(_nothing(side), "", side)] * (9 - len(tiles))
        blocks.append(canvas.titled(_in_columns(tiles, 3, gap=4), f"photos {title}", 16))
    return canvas.padded(canvas.stack(blocks, 18, across=True), margin=4)


def patch_comparison(scan: Scan, layer: str, channels: Sequence[int]) -> Figure:
    """``best_random_least`` of several channels below one another, as a Figure."""
    rows = [
        canvas.titled(
            best_random_least(scan, layer, int(channel)),
            f"{layer}, channel {channel}",
            20,
            bold=True,
        )
        for channel in channels
    ]
    return canvas.figure(canvas.padded(canvas.stack(rows, 14), margin=4))


def patch_wall(
    scan: Scan, layer: str, channels: Sequence[int], count: int = 9, columns: int = 6
) -> Figure:
    """The patches that excite many channels most, a square of them for each channel.

    Args:
        scan: A finished scan.
        layer: A layer in it.
        channels: Which ones, in the order they are shown.
        count: Patches for each channel: 4 or 9 make squares.
        columns: Channels beside one another.
    """
    across = int(np.ceil(np.sqrt(count)))
    block = 1000 // columns - 14
    side = block // across - 2
    blocks = []
    for channel in channels:
        hits = [hit for hit in scan[layer].best(int(channel))[:count] if hit.value > 0]
        tiles = [_seen(scan, layer, hit, side) for hit in hits]
        tiles += [_nothing(side)] * (count - len(tiles))
        value = f"{hits[0].value:.3g}" if hits else "0"
        title = f"{channel}:  up to {value}"
        blocks.append(canvas.titled(_in_columns(tiles, across, gap=2), title, 15))
    return canvas.figure(canvas.padded(_in_columns(blocks, columns, gap=14), margin=6))


def gradient_in_field(
    photo: np.ndarray,
    gradient: np.ndarray,
    box: tuple[int, int, int, int],
    title: str,
    side: int = 450,
) -> Figure:
    """How strongly each pixel moves one unit, beside the photo, the field's box on both.

    Args:
        photo: uint8 (rows, cols, 3).
        gradient: float (rows, cols), magnitudes, 0 where a pixel has no influence.
        box: (top, left, bottom, right) of the receptive field.
        title: Which unit.
        side: Rows of each picture in pixels.
    """
    factor = side / photo.shape[0]
    high = float(gradient.max())
    # the square root lets weak influence be seen beside strong
    heat = canvas.colorize(np.sqrt(gradient / max(high, 1e-12)), canvas.HEAT, 0, 1)
    panels = []
    for picture, words in (
        (photo, f"{title}: its field"),
        (heat, "influence of each pixel on the unit"),
    ):
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST)
        _rectangle(picture, [edge * factor for edge in box], BOX, width=1)
        panels.append(canvas.titled(picture, words, 16))
    bar = canvas.color_bar(canvas.HEAT, "0: none", f"{high:.2g}", "", cols=side)
    panels[1] = canvas.stack([panels[1], bar], gap=6)
    return canvas.figure(canvas.padded(canvas.stack(panels, 24, across=True), margin=6))


def _draw_grid(
    picture: np.ndarray, field: ReceptiveField, map_shape: Sequence[int], factor: float
) -> None:
    """Thin light lines between the cells of a layer's units."""
    edges = []
    for start, size, stride, count in zip(
        field.start, field.size, field.stride, map_shape[:2], strict=True
    ):
        first = start + (size - stride) / 2
        edges.append([round((first + k * stride) * factor) for k in range(count + 1)])
    (top, *_, bottom), (left, *_, right) = edges
    rows, cols = picture.shape[:2]
    for row in edges[0]:
        if 0 <= row < rows:
            line = picture[row, max(left, 0) : max(right + 1, 0)]
            line[:] = line // 2 + 100
    for col in edges[1]:
        if 0 <= col < cols:
            line = picture[max(top, 0) : max(bottom + 1, 0), col]
            line[:] = line // 2 + 100


def _rectangle(
    picture: np.ndarray, box: Sequence[float], color: tuple[int, int, int], width: int = 2
) -> None:
    """A box (top, left, bottom, right), cut at the picture's edges, with a dark line around it."""
    rows, cols = picture.shape[:2]
    top, left = (
        min(max(round(edge), 0), end - 1) for edge, end in zip(box[:2], (rows, cols), strict=True)
    )
    bottom, right = (
        min(max(round(edge) - 1, 0), end - 1)
        for edge, end in zip(box[2:], (rows, cols), strict=True)
    )
    cv2.rectangle(picture, (left, top), (right, bottom), (0, 0, 0), width + 2)
    cv2.rectangle(picture, (left, top), (right, bottom), color, width)


def _put(picture: np.ndarray, patch: np.ndarray, top: float, left: float) -> None:
    top, left = int(top), int(left)
    area = picture[top : top + patch.shape[0], left : left + patch.shape[1]]
    area[:] = patch[: area.shape[0], : area.shape[1]]


def _seen(scan: Scan, layer: str, hit: Hit, side: int) -> np.ndarray:
    """What a unit sees, in a square tile; grey is outside the photo.

    A field larger than the photo would be grey for the most part: only what is inside is shown.
    """
    field = scan[layer].field
    if field is None or min(field.size) < max(scan.size):
        return _fit(scan.patch(layer, hit), side)
    top, left, bottom, right = field.box(hit.row, hit.col)
    inside = scan.photo(hit.photo)[max(top, 0) : bottom, max(left, 0) : right]
    factor = side / max(inside.shape[:2])
    rows, cols = (max(1, round(length * factor)) for length in inside.shape[:2])
    tile = np.full((side, side, 3), OUTSIDE, np.uint8)
    first_row, first_col = (side - rows) // 2, (side - cols) // 2
    tile[first_row : first_row + rows, first_col : first_col + cols] = cv2.resize(
        inside, (cols, rows), interpolation=cv2.INTER_CUBIC
    )
    return tile


def _fit(patch: np.ndarray, side: int) -> np.ndarray:
    """A square patch at another size: hard pixels if it grows fourfold or more, else smooth."""
    if side >= 4 * patch.shape[0]:
        way = cv2.INTER_NEAREST
    else:
        way = cv2.INTER_AREA if patch.shape[0] > side else cv2.INTER_CUBIC
    return cv2.resize(patch, (side, side), interpolation=way)


def _nothing(side: int) -> np.ndarray:
    """A crossed tile: no photo excites the unit."""
    tile = np.full((side, side, 3), 235, np.uint8)
    cv2.line(tile, (0, 0), (side - 1, side - 1), canvas.FAINT, 1, cv2.LINE_AA)
    cv2.line(tile, (0, side - 1), (side - 1, 0), canvas.FAINT, 1, cv2.LINE_AA)
    return tile


def _labeled(picture: np.ndarray, words: str, side: int) -> np.ndarray:
    return canvas.stack([picture[:, :side], canvas.text(words, 14)[:, :side]], gap=1)


def _in_columns(tiles: list[np.ndarray], columns: int, gap: int = 6) -> np.ndarray:
    rows = max(tile.shape[0] for tile in tiles)
    cols = max(tile.shape[1] for tile in tiles)
    tiles = [canvas.padded(tile, rows, cols) for tile in tiles]
    lines = [
        canvas.stack(tiles[first : first + columns], gap, across=True)
        for first in range(0, len(tiles), columns)
    ]
    return canvas.stack(lines, gap)


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
