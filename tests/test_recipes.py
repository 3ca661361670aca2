"""The recipes run, and folding BatchNorm away changes nothing."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers import models

RECIPES = Path(__file__).resolve().parents[1] / "data" / "recipes"


@pytest.fixture
def vgg_recipe(monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPES))
    import train_vgg16

    return train_vgg16


def _norms_like_after_training(network, rng):
    """BatchNorm as training leaves it: no longer the identity."""
    for layer in network.layers:
        if type(layer).__name__ == "BatchNormalization":
            low, high = [0.5, -0.5, -0.5, 0.5], [1.5, 0.5, 0.5, 1.5]
            shapes = [array.shape for array in layer.get_weights()]
            parts = zip(low, high, shapes, strict=True)
            layer.set_weights([rng.uniform(a, b, shape) for a, b, shape in parts])


def test_folded_vgg16_answers_as_before(vgg_recipe):
    rng = np.random.default_rng(1)
    network = vgg_recipe.training_network(32)
    _norms_like_after_training(network, rng)
    arrays = vgg_recipe.fold(network)
    folded = models.load_vgg16("random", input_shape=(32, 32, 3))
    for layer in folded.layers:
        if layer.weights:
            layer.set_weights([arrays[f"{layer.name}/{part}"] for part in ("kernel", "bias")])
    images = rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    batch = vgg_recipe.prepare(images)
    pooled = folded.predict_on_batch(batch).mean(axis=(1, 2))
    logits = pooled @ arrays["head/kernel"] + arrays["head/bias"]
    before = network.predict_on_batch(batch)
    np.testing.assert_allclose(logits, before, rtol=1e-3, atol=1e-3 * np.abs(before).max())


def test_the_vgg16_recipe_runs_on_any_folder(vgg_recipe, tmp_path):
    rng = np.random.default_rng(2)
    folders = [f"cifar/{part}/{name}" for part in ("train", "test") for name in vgg_recipe.CLASSES]
    for folder in [*folders, "pets/cats", "pets/dogs"]:
        side = 32 if folder.startswith("cifar") else 140
        (tmp_path / folder).mkdir(parents=True)
        noise = rng.integers(0, 256, (side, side + 10, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / folder / "1.png"), noise)
    out = tmp_path / "new.npz"
    command = [sys.executable, RECIPES / "train_vgg16.py", tmp_path / "cifar", "--out", out]
    command += ["--pets", tmp_path / "pets", "--stages", "32:1:0.1,32:1:0.01", "--side", "32"]
    done = subprocess.run(
        [*command, "--batch", "4"], capture_output=True, text=True, cwd=tmp_path, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "accuracy at 32 px on 10 test images" in done.stdout
    with np.load(out, allow_pickle=False) as made, np.load(models.weight_files.BUNDLED) as bundled:
        assert {name: (a.shape, a.dtype) for name, a in made.items()} == {
            name: (a.shape, a.dtype) for name, a in bundled.items()
        }
