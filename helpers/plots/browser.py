"""Pictures for the browser: a description of the panels, and their arrays as the bytes of files."""

import io
import zlib
from collections.abc import Container
from hashlib import blake2b
from typing import Any

import cv2
import numpy as np
from PIL import Image

from helpers.plots import page, panels
from helpers.plots.page import Picture
from helpers.plots.panels import Label, Panel, Path

#: Hardly to be told from the original, with every pixel's color kept (no chroma subsampling).
_JPEG = [
    *(cv2.IMWRITE_JPEG_QUALITY, 90),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]
_PHOTO_SIDE = 48  # colors in arrays with a longer side are a photo's
_MAP = 24_000  # places of an array up to which it is sent as it is, not packed


def described(
    picture: Picture, sent: Container[str] = (), raw: bool = False
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A picture as JSON takes it, and the files that it names and that were not sent before.

    A file's name is made of its array: one that two pictures share has the same name in both. With
    ``raw`` small arrays with a color map go as they are, so that a browser need not decode them.
    """
    names: set[str] = set()
    files: dict[str, bytes] = {}

    def stored(array: np.ndarray, cmap: str = panels.GRAY) -> str:
        key = f"{cmap} {array.shape}".encode()
        content = blake2b(np.ascontiguousarray(array), digest_size=8, key=key)
        as_it_is = raw and array.ndim == 2 and array.size <= _MAP
        name = content.hexdigest() + ".raw" * as_it_is
        names.add(name)
        if name not in sent and name not in files:
            files[name] = (_raw if as_it_is else _file)(array, cmap)
        return name

    rows, width, height = page.arrange(picture)
    shown = [[[_panel(spot.panel, stored) for spot in column] for column in row] for row in rows]
    words = {"caption": picture.caption, "width": round(width), "height": round(height)}
    return {"rows": shown, **words, "files": sorted(names)}, files


def _panel(panel: Panel, stored: Any) -> dict[str, Any]:
    rows, cols = panel.shape
    marks = [(_path if isinstance(mark, Path) else _label)(mark) for mark in panel.marks]
    found = {
        "title": panel.title,
        "note": panel.note,
        "rows": rows,
        "cols": cols,
        "width": panel.width,
        "marks": marks,
        "top": [[words, col / cols] for col, words in (panel.top or {}).items()],
        "left": [[words, row / rows] for row, words in (panel.left or {}).items()],
    }
    if panel.words is not None:
        both = zip(panel.words, panel.colors, strict=True)
        found["cells"] = [
            [(words, _hex(color), panels.ink(color)) for words, color in zip(*line, strict=True)]
            for line in both
        ]
    elif panel.array is not None:
        found["file"] = stored(panel.array, panel.scale.cmap if panel.scale else panels.GRAY)
        found["hard"] = panel.array.ndim == 2 or panel.width >= 4 * cols
    if panel.scale is not None and panel.bar:
        colors = panels.palette(panel.scale.cmap)
        stops = colors[np.linspace(0, panels.NOTHING - 1, 16).round().astype(int)]
        found["scale"] = {
            "colors": [_hex(color) for color in stops],
            "words": [panel.scale.low, panel.scale.middle or panel.scale.what, panel.scale.high],
        }
    if panel.clicks is not None:
        rows, cols, values = panel.clicks
        values = {k: v if isinstance(v, str) else [int(n) for n in v] for k, v in values.items()}
        found["clicks"] = {"rows": rows, "cols": cols, "values": values}
    return found


def _hex(color: np.ndarray) -> str:
    return f"#{bytes(color[:3].tolist()).hex()}"


def _path(path: Path) -> dict[str, Any]:
    points = [[round(float(at), 2) for at in point] for point in path.points]
    closed = path.closed or path.fill is not None
    kind = {"kind": "path", "points": points, "closed": closed, "fill": path.fill}
    return {**kind, "color": path.color, "width": path.width, "halo": path.halo}


def _label(label: Label) -> dict[str, Any]:
    label = label._replace(row=round(float(label.row), 2), col=round(float(label.col), 2))
    shown = {k: v for k, v in label._asdict().items() if v != Label._field_defaults.get(k)}
    return {"kind": "label", **shown}


def _raw(array: np.ndarray, cmap: str) -> bytes:
    """Its columns, 256 colors and their numbers; ``painted`` in panels.js reads them."""
    return np.uint32(array.shape[1]).tobytes() + panels.palette(cmap).tobytes() + array.tobytes()


def _file(array: np.ndarray, cmap: str) -> bytes:
    """An array as PNG, with a palette for places in a color map; a photo as JPEG."""
    if array.ndim == 3 and max(array.shape) > _PHOTO_SIDE:
        turned = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", turned, _JPEG)[1].tobytes()
    image, file, nothing = Image.fromarray(array), io.BytesIO(), None
    if array.ndim == 2:  # OpenCV writes no palettes
        image.putpalette(panels.palette(cmap)[:, :3].tobytes())
        nothing = panels.NOTHING
    image.save(file, "PNG", transparency=nothing, compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()
