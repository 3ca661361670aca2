"""The networks: their sizes, what they cost to describe, and what they refuse."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import images, models

ROOT = Path(models.__file__).parents[1]


def test_the_base(vgg16):
    assert vgg16.count_params() == 14_714_688
    assert vgg16.input.shape == (None, 224, 224, 3)
    assert vgg16.output.shape == (None, 7, 7, 512)
    assert models.weights_used(vgg16) == "bundled"


def test_the_whole_network_described():
    model = models.describe_vgg16()
    assert model.count_params() == 138_357_544
    assert model.inputs[0].shape == (None, 224, 224, 3)
    assert model.outputs[0].shape == (None, 1000)
    counts = {layer.name: layer.count_params() for layer in model.layers}
    assert [counts[name] for name in ("flatten", "fc1", "fc2", "predictions")] == [
        0,
        102_764_544,
        16_781_312,
        4_097_000,
    ]
    assert sum(1 for layer in model.layers if layer.weights) == 16


def test_describing_allocates_nothing():
    """The process's peak grows by less than 0.2 GB, where the weights alone would take 0.55."""
    code = (
        "import re, resource, sys\n"
        "from pathlib import Path\n"
        "from helpers import models\n"
        "from helpers.quiet import keras\n"
        "keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])\n"
        "status = Path('/proc/self/status')\n"  # ru_maxrss begins there with the parent's
        "maximum = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "own = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1])\n"
        "peak = own if status.exists() else maximum\n"
        "before = peak()\n"
        "model = models.describe_vgg16()\n"
        "model.summary(print_fn=lambda *_, **__: None)\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "print((peak() - before) * unit)"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 0.2e9


def test_any_size(vgg16, photo):
    flexible = models.load_vgg16("bundled", input_shape=(None, None, 3))
    assert flexible.input.shape == (None, None, None, 3)
    wide = images.prepare(images.load_photo("chelsea", (64, 96)))
    assert flexible(wide).shape == (1, 2, 3, 512)
    small = images.prepare(photo[:64, :64])
    fixed = models.load_vgg16("bundled", input_shape=(64, 64, 3))
    np.testing.assert_allclose(fixed(small), flexible(small), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "shape",
    [
        (224, 224),
        (224, 224, 1),
        (3, 224, 224),
        (31, 224, 3),
        (-224, 224, 3),
        (224.0, 224, 3),
        ("a", "b", 3),
        (True, 224, 3),
        224,
        None,
        "224",
    ],
)
def test_bad_input_shapes(shape):
    with pytest.raises(ValueError, match=r"input_shape is \(rows, cols, 3\)"):
        models.load_vgg16("bundled", input_shape=shape)


def test_the_classifier_has_one_size():
    for shape in ((None, None, 3), (512, 512, 3)):
        with pytest.raises(ValueError, match=r"with its classifier VGG16 takes \(224, 224, 3\)"):
            models.load_vgg16("random", include_top=True, input_shape=shape)


def test_weights_of_a_stranger():
    from helpers.quiet import keras

    stranger = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()], name="stranger")
    for model in (stranger, "vgg16", None):
        with pytest.raises(ValueError, match="was not loaded by helpers.models"):  # noqa: RUF043
            models.weights_used(model)


def test_the_cat_dog_network():
    model = models.cat_dog_network()
    assert model.count_params() == 3_453_121
    assert [layer.output.shape[1:] for layer in model.layers] == [
        *[(148, 148, 32), (74, 74, 32), (72, 72, 64), (36, 36, 64)],
        *[(34, 34, 128), (17, 17, 128), (15, 15, 128), (7, 7, 128)],
        *[(6272,), (512,), (1,)],
    ]


def test_the_cat_dog_networks_weights(tmp_path):
    once, again = (models.load_cat_dog("random") for _ in range(2))
    np.testing.assert_array_equal(once.get_weights()[0], again.get_weights()[0])
    assert models.weights_used(once) == "random"
    trained = models.load_cat_dog()
    assert models.weights_used(trained) == "bundled"
    assert np.abs(trained.get_weights()[0] - once.get_weights()[0]).max() > 0
    trained.save_weights(tmp_path / "mine.weights.h5")
    copy = models.load_cat_dog(tmp_path / "mine.weights.h5")
    for one, other in zip(copy.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_cat_dog_networks_bad_weights(tmp_path):
    for choice in ("imagenet", None, ""):
        with pytest.raises(ValueError, match="choose 'bundled', 'random', or the path"):
            models.load_cat_dog(choice)
    with pytest.raises(FileNotFoundError):
        models.load_cat_dog(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"for conv1, where the model has \(3, 3, 3, 32\)"):
        models.load_cat_dog(models.weight_files.BUNDLED)
