"""The networks: their sizes, what they cost to describe, and what they refuse."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import stand_in

from helpers import images, layers, models
from helpers.quiet import keras
from helpers.safety import weights

ROOT = Path(models.__file__).parents[1]


def test_the_base(vgg16):
    assert vgg16.count_params() == 14_714_688
    assert vgg16.input.shape == (None, 224, 224, 3)
    assert vgg16.output.shape == (None, 7, 7, 512)
    assert vgg16.weights_used == "bundled"


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
    assert once.weights_used == "random"
    trained = models.load_cat_dog()
    assert trained.weights_used == "bundled"
    assert np.abs(trained.get_weights()[0] - once.get_weights()[0]).max() > 0
    trained.save_weights(tmp_path / "mine.weights.h5")
    copy = models.load_cat_dog(tmp_path / "mine.weights.h5")
    for one, other in zip(copy.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_cat_dog_networks_bad_weights(tmp_path):
    for choice in ("imagenet", None, ""):
        with pytest.raises(ValueError, match="choose one of bundled, random, or the path"):
            models.load_cat_dog(choice)
    with pytest.raises(FileNotFoundError):
        models.load_cat_dog(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"for conv1, where the model has \(3, 3, 3, 32\)"):
        models.load_cat_dog(models.weight_files.BUNDLED)


# Classifying ------------------------------------------------------------------------------------


def test_the_bundled_classifier_is_pooling_and_one_dense_layer(vgg16):
    """Its answer, worked out by hand from block5_conv3's maps and the stored head."""
    classifier = models.load_classifier()
    photo = images.load_photo("coffee", (64, 64))
    inner = keras.Model(classifier.inputs[0], classifier.get_layer("block5_conv3").output)
    maps = np.asarray(inner(images.prepare(photo)))
    with np.load(weights.BUNDLED, allow_pickle=False) as file:
        kernel, bias = (file[f"head/{part}"].astype(np.float32) for part in ("kernel", "bias"))
        names = file["classes"].tolist()
    scores = maps.mean(axis=(0, 1, 2)) @ kernel + bias
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    guesses = models.classify("coffee", top=200)
    assert [guess.name for guess in guesses] == [names[k] for k in np.argsort(-shares)]
    np.testing.assert_allclose(
        [guess.probability for guess in guesses], np.sort(shares)[::-1], rtol=1e-3, atol=1e-6
    )
    base = layers.kernel_and_bias(classifier.get_layer("block4_conv2"))[0]
    assert np.array_equal(base, layers.kernel_and_bias(vgg16.get_layer("block4_conv2"))[0])


def test_a_photo_may_come_by_name_or_as_an_array_and_is_shown_at_the_best_size():
    photo = images.load_photo("coffee", size=None)
    by_name, by_array = models.classify("coffee"), models.classify(photo)
    assert by_name == by_array and len(by_name) == 5
    assert models.card("vgg16_base")["side"] == models.CLASSIFIER_SIDE


def test_the_classifier_is_better_than_chance_on_the_courses_photos():
    """Five guesses among 200 classes would name one of three kinds of cats in 7 of 100 photos."""
    seen = ["bengal_107", "bengal_149", "egyptian_mau_136", "persian_165", "maine_coon_144"]
    seen += ["egyptian_mau_10", "persian_106", "persian_131", "bengal_16", "persian_163"]
    hits = [any("cat" in g.name.split() for g in models.classify(name)) for name in seen]
    assert sum(hits) >= 4


def test_a_model_without_a_classifier_gets_one_sentence(vgg16):
    with pytest.raises(ValueError, match="vgg16 has no classifier that names its classes"):
        models.classify("chelsea", model=vgg16)
    with pytest.raises(ValueError, match="top is at least 1 class, not 0"):
        models.classify("chelsea", top=0)


def stored_head():
    with np.load(weights.BUNDLED, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.pop("head/kernel"), "has no head"),
        (lambda a: a.pop("classes"), "no list of classes that can be read"),
        (lambda a: a.update(classes=a["classes"][:-1]), "names 199 different classes, where"),
        (lambda a: a.update(classes=np.repeat(a["classes"][:1], 200)), "names 1 different classes"),
        (lambda a: a.update(classes=a["classes"].astype(object)), "no list of classes"),
        (
            lambda a: a.update({"head/kernel": a["head/kernel"][:9]}),
            r"has \(9, 200\) and \(200,\) for head",
        ),
    ],
)
def test_a_head_that_does_not_fit_is_one_sentence(tmp_path, change, words):
    arrays = stored_head()
    change(arrays)
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(ValueError, match=words) as caught:
        models.load_classifier(tmp_path / "mine.npz")
    assert "\n" not in str(caught.value) and "mine.npz" in str(caught.value)


def test_a_stand_in_says_the_same_with_other_channels_and_other_scales(tmp_path, vgg16):
    """What the lessons are tried on, beside the bundled weights: see tests/stand_in.py."""
    np.savez(tmp_path / "other.npz", **stand_in.stand_in())
    other = models.load_classifier(tmp_path / "other.npz")
    for name in ("coffee", "chelsea", "flamingo_11"):
        for mine, theirs in zip(
            models.classify(name), models.classify(name, model=other), strict=True
        ):
            assert mine.name == theirs.name
            assert mine.probability == pytest.approx(theirs.probability, abs=1e-3)
    for layer in layers.conv_layers(vgg16):
        here, there = (layers.kernel_and_bias(m.get_layer(layer.name))[0] for m in (vgg16, other))
        assert not np.allclose(here / np.abs(here).max(), there / np.abs(there).max(), atol=0.1)


def test_the_readme_of_the_data_quotes_the_cards():
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    card = models.card("vgg16_base")
    for share in (card["top1"], card["top5"]):
        assert f"**{100 * share:.1f}%**" in readme
    assert card["history"] in readme.replace("\n", " ")
    pets = models.card("cats_and_dogs")
    for part in ("training", "validation"):
        assert f"{100 * pets[part]['accuracy']:.1f}%" in readme
