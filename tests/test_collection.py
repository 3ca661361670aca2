"""The course's own photos: the table against the folder, and every photo by name."""

import numpy as np
import pytest
from PIL import Image

from helpers import collection, datasets, images, models, patches

LICENSES = {"Oxford-IIIT Pet": "CC BY-SA 4.0", "Caltech-101": "CC BY 4.0"}
HEAD = "file,subject,source,license\n"
ROW = "others/rock_1.webp,rock,Somebody: rock.jpg,CC BY 4.0\n"


def test_the_table_and_the_folder_hold_the_same_photos():
    listed = [credit.path for credit in collection.credits().values()]
    assert sorted(listed) == sorted(collection.files()) == sorted(collection.FOLDER.glob("*/*"))
    assert len(set(listed)) == len(listed) == 481
    assert len(collection.files("cats")) == len(collection.files("dogs")) == 100


def test_every_photo_names_its_source_and_the_license_of_that_source():
    credits = collection.credits().values()
    for credit in credits:
        source, _, file = credit.source.partition(": ")
        assert credit.license == LICENSES[source] and file.endswith(".jpg")
    assert len({credit.source for credit in credits}) == len(credits)
    pets = [c for c in credits if c.path.parent.name in ("cats", "dogs")]
    assert {c.license for c in pets} == {"CC BY-SA 4.0"}
    assert {c.subject.split(",")[0] for c in pets} == {"cat", "dog"}


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


def test_every_photo_comes_by_its_name():
    for name, credit in collection.credits().items():
        assert collection.find(name) == credit.path
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
    """A collection of three photos and a table, to be spoiled."""
    for group in collection.GROUPS:
        (tmp_path / group).mkdir()
        shade = np.full((90, 90, 3), 30 * len(group), np.uint8)
        Image.fromarray(shade).save(tmp_path / group / f"{group}_1.webp")
    monkeypatch.setattr(collection, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read as a table"),
        ("name,what\n" + ROW, r"has the columns \['name', 'what'\], not"),
        (HEAD + ROW + "others/a.webp,sand\n", "line 3 of photos.csv does not fill its four"),
        (HEAD + "others/a.webp,,x,y\n", "line 2 of photos.csv does not fill its four"),
        (HEAD + ROW + ROW, "line 3 of photos.csv names rock_1 a second time"),
        (HEAD.encode() + b"\xff\xfe\n", "cannot be read as a table"),
    ],
)
def test_a_table_that_does_not_fit_is_one_sentence(folder, text, words):
    (folder / "photos.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=words) as caught:
        collection.credits(folder)
    assert "\n" not in str(caught.value)
    assert images.load_photo("cats_1").shape == (224, 224, 3)  # the photos still work


def test_a_missing_table_or_missing_photos_are_one_sentence(folder):
    with pytest.raises(FileNotFoundError, match=r"table photos\.csv is missing"):
        collection.credits(folder)
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
