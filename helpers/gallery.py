"""Pictures that units would choose: those made beforehand, and others while you wait.

``python tools/visualize.py`` makes them for the bundled weights: for each convolution a sheet of
square pictures, one for each of some channels, and ``made.json``, which says how, and of which
weights.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from helpers import visualization
from helpers.layers import conv_layers, model_input

FOLDER = Path(__file__).resolve().parents[1] / "data" / "visualizations"

Pictures = dict[str, dict[int, np.ndarray]]


def pictures(
    model: Any, layers: Sequence[str] = (), channels: Sequence[int] = (), **how: Any
) -> Pictures:
    """Pictures by layer and channel, uint8 (side, side, 3): from disk, or climbed to with a bar.

    Only the middle is kept, as large as a window; the rim, which few steps saw, is ragged.

    Args:
        model: A ``keras.Model``.
        layers: Names; without any, all convolutions.
        channels: Of each of these layers; without any, those made beforehand, or, for weights
            that nothing was made for, the first two. If one is lacking, all are made now.
        **how: For ``visualization.ascend``; with it, all are made now.

    Raises:
        ValueError: No such layer or channel.
    """
    layers = layers or [layer.name for layer in conv_layers(model)]
    stored, window, found = made(model), model_input(model).shape[1], {}
    for layer in layers:
        known = {} if how else stored.get(layer, {})
        wanted = list(channels or known or range(2))
        if set(wanted) - set(known):
            jitter = how.get("jitter", 16)
            start = visualization.fourier(len(wanted), (window or 64) + jitter)
            objective = visualization.channel(layer, wanted)
            made_now = visualization.ascend(model, objective, start, **{"steps": 32, **how})
            known = dict(zip(wanted, _without_rim(made_now.pictures, jitter), strict=True))
        found[layer] = {channel: known[channel] for channel in wanted}
    return found


def made(model: Any) -> Pictures:
    """The pictures made beforehand for a model's weights; {} if they are others."""
    made = about()
    if not made or made["weights"] != fingerprint(model):
        return {}
    found = {}
    for layer, channels in made["channels"].items():
        whole = np.asarray(Image.open(sheet(layer)).convert("RGB"))
        squares = _without_rim(_cut(whole, made["side"]), made["jitter"])
        found[layer] = dict(zip(channels, squares, strict=True))
    return found


def about() -> dict[str, Any]:
    """What ``made.json`` says: "weights" (a fingerprint), "side", "jitter", "steps", "channels"."""
    path = FOLDER / "made.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def sheet(layer: str) -> Path:
    """Where a layer's pictures are."""
    return FOLDER / f"{layer}.webp"


def fingerprint(model: Any) -> str:
    """A hash of all convolutions' weights: which network pictures belong to."""
    arrays = (array for layer in conv_layers(model) for array in layer.get_weights())
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


def _without_rim(squares: np.ndarray, jitter: int) -> np.ndarray:
    """The middle of pictures (n, side, side, 3), as large as a window."""
    low, side = jitter // 2, squares.shape[1] - jitter
    return squares[:, low : low + side, low : low + side]


def _cut(whole: np.ndarray, side: int) -> np.ndarray:
    """A sheet (rows, cols, 3) as the square pictures (n, side, side, 3) it is made of."""
    rows, cols = whole.shape[0] // side, whole.shape[1] // side
    return whole.reshape(rows, side, cols, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
