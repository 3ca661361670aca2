"""Weights that behave like a set nobody here has seen: for trying the lessons on them.

    python tests/stand_in.py FILE.npz

The bundled weights with each layer's channels in another order and on another scale. With the next
layer put right to match, the network computes the same thing, so its head still names photos; but
no channel is where it was, and activations reach thousands, as those of ImageNet's weights do.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.safety import weights


def stand_in(seed: int = 5) -> dict[str, np.ndarray]:
    """All arrays of such a file, float32, by key."""
    with np.load(weights.BUNDLED, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    arrays = {
        key: array if key == "classes" else array.astype(np.float32)
        for key, array in arrays.items()
    }
    rng = np.random.default_rng(seed)
    convolutions = sorted(key.split("/")[0] for key in arrays if key.endswith("/kernel"))
    convolutions.remove("head")
    order, scale = np.arange(3), np.float32(1)
    for number, name in enumerate(convolutions):
        kernel, bias = arrays[f"{name}/kernel"], arrays[f"{name}/bias"]
        new = rng.permutation(kernel.shape[-1])
        grown = np.float32(400 if number == 0 else rng.uniform(0.7, 1.4) * 400 / scale)
        total = scale * grown
        arrays[f"{name}/kernel"] = kernel[:, :, order][..., new] * grown
        arrays[f"{name}/bias"] = bias[new] * total
        order, scale = new, total
    arrays["head/kernel"] = arrays["head/kernel"][order] / scale
    return arrays


if __name__ == "__main__":
    np.savez(sys.argv[1], **stand_in())
