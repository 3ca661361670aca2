"""The recipes run, and folding BatchNorm away changes nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from helpers import collection, images, models

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


def test_folded_vgg16_answers_as_before(vgg_recipe, tmp_path):
    rng = np.random.default_rng(1)
    network = vgg_recipe.network()
    _norms_like_after_training(network, rng)
    arrays = vgg_recipe.fold(network)
    assert all(array.dtype == np.float16 for array in arrays.values())
    np.savez(tmp_path / "new.npz", **arrays, classes=np.array([str(k) for k in range(200)]))
    folded = models.load_classifier(tmp_path / "new.npz")
    batch = images.prepare(rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8))
    scores = network.predict_on_batch(batch)
    before = np.exp(scores - scores.max(axis=1, keepdims=True))
    before /= before.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(folded.predict_on_batch(batch), before, atol=0.02 * before.max())


def test_starting_from_folded_weights_changes_no_answer(vgg_recipe):
    with np.load(models.weight_files.BUNDLED, allow_pickle=False) as file:
        arrays = dict(file)
    photos = np.stack([images.load_photo(path, (64, 64)) for path in collection.files()[::30]])
    network = vgg_recipe.network()
    vgg_recipe.unfold(network, arrays, photos)
    there = models.load_classifier().predict_on_batch(images.prepare(photos))
    here = network.predict_on_batch(images.prepare(photos))
    here = np.exp(here - here.max(axis=1, keepdims=True))
    here /= here.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(here, there, atol=0.03)


# The recipe on a folder like the public one


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder laid out as tiny-imagenet-200: 27 small photos of each of 200 classes."""
    folder = tmp_path_factory.mktemp("photos") / "tiny-imagenet-200"
    rng = np.random.default_rng(2)
    ids = [f"n{k:08}" for k in range(200)]
    jpeg = cv2.imencode(".jpg", rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))[1].tobytes()
    for name in ids:
        place = folder / "train" / name / "images"
        place.mkdir(parents=True)
        for number in range(27):
            (place / f"{name}_{number}.JPEG").write_bytes(jpeg)
    (folder / "val" / "images").mkdir(parents=True)
    lines = []
    for number in range(40):
        (folder / "val" / "images" / f"val_{number}.JPEG").write_bytes(jpeg)
        lines.append(f"val_{number}.JPEG\t{ids[number % 3]}\t0\t0\t63\t63\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "wnids.txt").write_text("\n".join(ids))
    (folder / "words.txt").write_text("".join(f"{name}\tthing {name[-3:]}\n" for name in ids))
    return folder


def run(folder, out, *options, **variables):
    command = [sys.executable, RECIPES / "train_vgg16.py", folder, "--out", out, "--float32"]
    return subprocess.run(
        [*command, "--batch", "4", *options],
        capture_output=True,
        text=True,
        cwd=out.parent,
        timeout=240,
        env={**os.environ, **variables},
    )


@pytest.mark.ci
def test_the_vgg16_recipe_trains_goes_on_from_its_checkpoint_and_writes_what_ships(tiny, tmp_path):
    out = tmp_path / "new.npz"
    started = run(tiny, out, "--stages", "32:0.02:0.01:0.01:0.5:2")
    assert started.returncode == 0, started.stderr[-2000:]
    assert "32 px, step 2/2: loss" in started.stdout
    with np.load(tmp_path / "new.checkpoint.npz") as file:
        assert (int(file["stage"]), int(file["step"])) == (0, 2)
    going_on = run(tiny, out, "--stages", "32:0.02:0.01:0.01:0.5:2,32:0.01:0.01:0:0.5:0")
    assert going_on.returncode == 0, going_on.stderr[-2000:]
    assert [line.split(":")[0] for line in going_on.stdout.splitlines()] == ["32 px, step 1/1"]
    with np.load(out, allow_pickle=False) as made, np.load(models.weight_files.BUNDLED) as bundled:
        assert set(made) == set(bundled)
        for name, array in made.items():
            assert array.shape == bundled[name].shape
            assert array.dtype == bundled[name].dtype or name == "classes"
        assert made["classes"][7] == "thing 007"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "wnids.txt").unlink(), "no wnids.txt here; give the unpacked folder"),
        (lambda f: (f / "words.txt").write_text("x\ty\n"), "should name 200 classes"),
        (lambda f: shutil.rmtree(f / "train/n00000003"), "class n00000003 has no photos in"),
        (
            lambda f: (f / "train/n00000004/images/n00000004_7.JPEG").write_bytes(b"no photo"),
            "n00000004_7.JPEG: not a photo of 64 × 64 pixels",
        ),
    ],
)
def test_a_folder_with_something_wrong_is_one_sentence(vgg_recipe, tiny, tmp_path, spoil, words):
    folder = shutil.copytree(tiny, tmp_path / "photos")
    spoil(folder)
    with pytest.raises(SystemExit) as caught:
        vgg_recipe.read_training(folder, vgg_recipe.read_classes(folder)[0])
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_checkpoint_of_another_network_is_refused_and_stays(vgg_recipe, tmp_path):
    other = tmp_path / "other.npz"
    vgg_recipe.save(other, {"weight/conv/kernel": np.zeros(3)})
    network = vgg_recipe.network()
    with pytest.raises(SystemExit, match=r"other\.npz: a checkpoint of another network"):
        vgg_recipe.set_weights(network, vgg_recipe.read_arrays(other, "a checkpoint"), other)
    assert other.is_file()
    other.write_bytes(b"PK broken")
    with pytest.raises(SystemExit, match=r"other\.npz: not a checkpoint that can be read"):
        vgg_recipe.read_arrays(other, "a checkpoint")


def test_a_full_disk_leaves_the_last_checkpoint(vgg_recipe, tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    vgg_recipe.save(path, {"step": np.array(1)})

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(SystemExit, match=r"No space left on device\); the last one stays"):
        vgg_recipe.save(path, {"step": np.array(2)})
    with np.load(path) as file:
        assert int(file["step"]) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["a.npz"]


def test_a_stage_that_is_none_is_refused(vgg_recipe):
    with pytest.raises(SystemExit, match="'40:4' is no stage; it should be side:epochs:first"):
        vgg_recipe.Stage.read("40:4")


@pytest.mark.ci
def test_the_card_is_measured(vgg_recipe, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(vgg_recipe, "course_photos", lambda: np.zeros((2, 224, 224, 3), np.uint8))
    out = tmp_path / "new.npz"
    shutil.copy(models.weight_files.BUNDLED, out)
    monkeypatch.setattr(vgg_recipe, "SIZES", (16, 24))
    monkeypatch.setattr(vgg_recipe, "KNOWN_SIZES", (64,))
    vgg_recipe.evaluate(SimpleNamespace(photos=tiny, out=out, history="none"))
    card = json.loads((tmp_path / "vgg16_base.json").read_text(encoding="utf-8"))
    assert card["photos"] == 40 and 0 <= card["top1"] <= card["top5"] <= 1
    assert set(card["kept_apart_by_side"]) == {"16", "24"}
    known = card["course_photos_of_known_classes"]
    assert known["photos"] == len(vgg_recipe.known_photos(vgg_recipe.read_classes(tiny)[1]))
    black = card["dead_channels"]["over the course's photos at 224 px"]
    assert set(black) == set(vgg_recipe.NAMES) and all(0 <= share < 1 for share in black.values())


def test_the_courses_photos_are_told_by_the_names_of_the_classes(vgg_recipe):
    found = vgg_recipe.known_photos(["lion, king of beasts", "pizza, pizza pie", "Chihuahua"])
    names = {(path.stem.rpartition("_")[0], number) for path, number in found}
    assert names == {("pizza", 1), ("chihuahua", 2)} and len(found) >= 6
