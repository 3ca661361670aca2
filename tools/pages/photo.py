"""The page on which a visitor's own photo goes through block 1, in the browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from pages import vendor
from pages.explorers import ROOT

SAMPLE = "bengal_16"
LAYERS = ("block1_conv1", "block1_conv2")


def page() -> str:
    """The page, as Sphinx takes it."""
    text = (Path(__file__).parent / "photo.md").read_text("utf-8")
    return text.replace("SAMPLE", SAMPLE)


def write(html: Path, cache: Path) -> None:
    """Put beside the page what its script fetches: TensorFlow.js, block 1's weights, a photo.

    Raises:
        vendor.Missing: npm can't fetch TensorFlow.js.
    """
    folder = html / "photo"
    vendor.copy(vendor.TENSORFLOW, cache, folder)
    (sample,) = (ROOT / "data" / "photos").rglob(f"{SAMPLE}.webp")
    shutil.copy(sample, folder / "sample.webp")
    stored = np.load(ROOT / "data" / "vgg16_base_float16.npz")
    arrays = [stored[f"{layer}/{part}"] for layer in LAYERS for part in ("kernel", "bias")]
    (folder / "block1.bin").write_bytes(b"".join(a.astype("<f4").tobytes() for a in arrays))
    shapes = json.dumps({"layers": LAYERS, "shapes": [a.shape for a in arrays]})
    (folder / "block1.json").write_text(shapes, "utf-8")
