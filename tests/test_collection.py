"""The course's own photos: the table against the folder, and every photo by name."""

import csv

import numpy as np
import pytest
from PIL import Image

from helpers import collection, datasets, images, models, patches

LICENSES = {"Oxford-IIIT Pet": "CC BY-SA 4.0", "Caltech-101": "CC BY 4.0"}


@pytest.fixture(scope="module")
def table():
    """The rows of the table: file, subject, source, license."""
    text = (collection.FOLDER / "photos.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(), restkey="too many", restval=""))
    assert {tuple(row) for row in rows} == {("file", "subject", "source", "license")}
    assert all(all(row.values()) for row in rows)
    return rows


def test_the_table_and_the_folder_hold_the_same_photos(table):
    listed = [collection.FOLDER / row["file"] for row in table]
    assert sorted(listed) == sorted(collection.files()) == sorted(collection.FOLDER.glob("*/*"))
    assert len(set(listed)) == len(listed) == 481
    assert len(collection.files("cats")) == len(collection.files("dogs")) == 100


def test_every_photo_names_its_source_and_the_license_of_that_source(table):
    for row in table:
        source, _, file = row["source"].partition(": ")
        assert row["license"] == LICENSES[source] and file.endswith(".jpg")
    assert len({row["source"] for row in table}) == len(table)
    pets = [row for row in table if row["file"].startswith(("cats/", "dogs/"))]
    assert {row["license"] for row in pets} == {"CC BY-SA 4.0"}
    assert {row["subject"].split(",")[0] for row in pets} == {"cat", "dog"}


def test_the_photos_are_small_enough_together_and_large_enough_each():
    assert sum(path.stat().st_size for path in collection.FOLDER.rglob("*.*")) <= 8_000_000
    sides = [min(Image.open(path).size) for path in collection.files()]
    assert min(sides) >= 80 and np.median(sides) >= 190


def test_no_photo_is_there_twice():
    tiny = np.stack([images.load_photo(path, (8, 8)) for path in collection.files()]).astype(float)
    tiny = tiny.reshape(len(tiny), -1) - tiny.mean(axis=(1, 2, 3))[:, np.newaxis]
    tiny /= np.linalg.norm(tiny, axis=1, keepdims=True)
    for flipped in (tiny, tiny.reshape(-1, 8, 8, 3)[:, :, ::-1].reshape(len(tiny), -1)):
        alike = tiny @ flipped.T
        np.fill_diagonal(alike, 0)
        assert alike.max() < 0.985


def test_every_photo_comes_by_its_name(table):
    for row in table:
        path = collection.FOLDER / row["file"]
        assert collection.find(path.stem) == path
    for name in ("bengal_16", "flamingo_11"):
        photo = images.load_photo(name, (64, 64))
        assert np.array_equal(photo, images.load_photo(collection.find(name), (64, 64)))


@pytest.mark.parametrize("name", ["bengal_1600", "../cats/bengal_16", "", "cats/bengal_16", "*"])
def test_no_other_name_is_found(name):
    assert collection.find(name) is None
    with pytest.raises(FileNotFoundError, match="in data/photos, such as bengal_16"):
        images.load_photo(name or "none")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A collection of three photos, to be spoiled."""
    for group in collection.GROUPS:
        (tmp_path / group).mkdir()
        shade = np.full((90, 90, 3), 30 * len(group), np.uint8)
        Image.fromarray(shade).save(tmp_path / group / f"{group}_1.webp")
    monkeypatch.setattr(collection, "FOLDER", tmp_path)
    return tmp_path


def test_missing_photos_are_one_sentence(folder):
    assert images.load_photo("cats_1").shape == (224, 224, 3)
    (folder / "cats/cats_1.webp").unlink()
    with pytest.raises(FileNotFoundError, match="photos are missing; get its folder"):
        collection.files("cats")
    with pytest.raises(ValueError, match="no group 'birds' of photos; there are cats, dogs"):
        collection.files("birds")


def test_a_damaged_photo_is_named_and_the_others_are_used(folder, capsys):
    (folder / "dogs/dogs_1.webp").write_bytes(b"RIFF....WEBP")
    with pytest.raises(ValueError, match=r"dogs_1\.webp"):
        images.load_photo("dogs_1")
    network = models.load_cat_dog("random")
    found = patches.scan(network, "conv1", collection.files(), images.scale_to_one, progress=False)
    assert "2 photos" in repr(found) and "dogs_1.webp" in capsys.readouterr().out
    measured = datasets.measure(network, datasets.labeled_photos(folder), progress=False)
    assert measured.confusion.sum() == 1 and np.isnan(measured.dog[1])
