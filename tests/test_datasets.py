"""Photos by the thousand: finding, decoding and measuring on them."""

import hashlib
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from helpers import datasets, models
from helpers.quiet import keras
from helpers.safety import remote, weights

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "cats_and_dogs"
with_photos = pytest.mark.skipif(
    not (SHARED / "train").is_dir(), reason="no cat and dog photos in ../shared/data"
)


def write(path, level=128, size=(20, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level,) * 3).save(path)
    return path


@pytest.fixture
def pets(tmp_path):
    """Dark cats and light dogs, 3 + 2 to train and 1 + 1 to validate on."""
    for name in (
        "train/cats/1.png",
        "train/cats/2.png",
        "train/cats/3.png",
        "validation/cats/4.png",
    ):
        write(tmp_path / "pets" / name, 10)
    for name in ("train/dogs/1.png", "train/dogs/2.png", "validation/dogs/3.png"):
        write(tmp_path / "pets" / name, 240)
    return tmp_path / "pets"


@pytest.fixture
def light_is_dog():
    """A network that says dog exactly when a photo is light."""
    inputs = keras.Input((16, 16, 3))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(mean))
    model.layers[-1].set_weights([np.full((3, 1), 10.0), np.array([-15.0])])
    return model


# Folders


def test_photos_are_found_sorted_and_deep_and_nothing_else(tmp_path):
    for name in ("b.JPG", "a.png", "deep/c.jpeg", ".hidden/d.png", "._a.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(path, "png")
    (tmp_path / "notes.txt").write_text("no photo")
    found = [path.relative_to(tmp_path).as_posix() for path in datasets.photo_files(tmp_path)]
    assert found == ["a.png", "b.JPG", "deep/c.jpeg"]


def test_a_folder_without_photos_is_an_error_that_says_what_counts(tmp_path):
    with pytest.raises(ValueError, match=r"no photos in .*\.jpg"):
        datasets.photo_files(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        datasets.photo_files(tmp_path / "none")


def test_labels_follow_the_folders(pets):
    photos = datasets.labeled_photos(pets / "train")
    assert photos.labels.tolist() == [0, 0, 0, 1, 1]
    assert [path.parent.name for path in photos.paths] == ["cats"] * 3 + ["dogs"] * 2


# Streams


@pytest.mark.parametrize("ahead", [1, 3, 50])
def test_a_stream_keeps_the_order_and_names_what_it_cannot_read(tmp_path, ahead):
    paths = [write(tmp_path / f"{n:02}.png", 10 * n) for n in range(20)]
    paths[7].write_bytes(b"no image")
    paths[11].unlink()
    photos = list(datasets.stream(paths, (8, 8), ahead))
    assert [photo.name for photo in photos] == [str(path) for path in paths]
    for number, photo in enumerate(photos):
        if number in (7, 11):
            assert photo.pixels is None and photo.error
        else:
            assert photo.pixels.shape == (8, 8, 3) and photo.pixels[0, 0, 0] == 10 * number
            assert photo.error == ""


def test_a_stream_takes_all_kinds_of_photos(tmp_path):
    path = write(tmp_path / "a.png", 50)
    array = np.full((9, 9, 3), 60, np.uint8)
    kinds = [path, str(path), path.read_bytes(), array, ("named", array), 17]
    photos = list(datasets.stream(iter(kinds), (4, 4)))
    assert [photo.name for photo in photos] == [
        str(path), str(path), "photo 2", "photo 3", "named", "photo 5",
    ]  # fmt: skip
    assert [photo.pixels is None for photo in photos] == [False] * 5 + [True]
    assert photos[4].pixels[0, 0, 0] == 60


def test_a_stream_never_runs_far_ahead_and_may_be_left_early():
    given = []

    def source():
        for number in range(1000):
            given.append(number)
            yield np.zeros((4, 4, 3), np.uint8)

    photos = datasets.stream(source(), (4, 4), ahead=10)
    for taken in range(1, 50):
        next(photos)
        assert len(given) <= taken + 10
    photos.close()
    assert len(given) < 60


def test_few_photos_are_kept_and_of_many_only_what_no_file_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "FEW", 6)
    paths = [write(tmp_path / f"{n:02}.png", 10 * n, (8, 8)) for n in range(10)]
    for count, kept in ((6, 6), (10, 1)):
        items = [*paths[:2], np.full((8, 8, 3), 20, np.uint8), *map(str, paths[3:count])]
        photos = datasets.Photos((8, 8))
        for number, photo in enumerate(datasets.stream(photos.noted(items), (8, 8))):
            photos.keep(number, photo.pixels)
        assert len(photos) == count
        for path in paths[:2]:
            path.rename(path.with_suffix(".away"))
        try:
            there = []
            for number in range(count):
                try:
                    there.append(photos[number].pixels[0, 0, 0])
                except ValueError as error:
                    assert "was scanned, but can't be read again" in str(error)
                    assert number < 2 and kept == 1
        finally:
            for path in paths[:2]:
                path.with_suffix(".away").rename(path)
        assert there == [10 * n for n in range(2 * (kept == 1), count)]
        assert [photo.name for photo in photos[1:4]] == [str(paths[1]), "photo 2", str(paths[3])]
        assert photos[-1].name == str(paths[count - 1])
        with pytest.raises(IndexError):
            photos[count]


def test_files_over_a_network_are_read_up_to_a_limit(monkeypatch):
    with fsspec.open("memory://many/1.png", "wb") as file:
        Image.new("RGB", (8, 8), (70, 70, 70)).save(file, "png")
    address = "memory://many/1.png"
    (photo,) = datasets.stream([address], (8, 8))
    assert (photo.name, photo.pixels[0, 0, 0]) == (address, 70)
    monkeypatch.setattr(remote, "MAX_BYTES", 20)
    (photo,) = datasets.stream([address], (8, 8))
    assert photo.pixels is None and "too large; a photo has at most 20 bytes" in photo.error
    (photo,) = datasets.stream(["memory://many/2.png"], (8, 8))
    assert photo.error == "'memory://many/2.png' cannot be read (/many/2.png)"


# Measuring


def test_measuring_counts_what_is_shown_against_what_is_said(pets, light_is_dog):
    write(pets / "train/cats/light.png", 240)  # a cat that looks like a dog
    (pets / "train/dogs/broken.png").write_bytes(b"no image")
    found = datasets.measure(light_is_dog, datasets.labeled_photos(pets / "train"), progress=False)
    assert found.confusion.tolist() == [[3, 1], [0, 2]]
    assert found.accuracy == pytest.approx(5 / 6)
    photos = datasets.labeled_photos(pets / "train").paths
    unread = [path.name for path, dog in zip(photos, found.dog, strict=True) if np.isnan(dog)]
    assert unread == ["broken.png"]


def test_measuring_on_nothing_readable_is_an_error(pets, light_is_dog):
    photos = datasets.labeled_photos(pets / "validation")
    for path in photos.paths:
        path.write_bytes(b"no image")
    with pytest.raises(ValueError, match="none of the 2"):
        datasets.measure(light_is_dog, photos, progress=False)


def test_a_table_shows_what_was_measured_and_what_was_recorded(pets, light_is_dog):
    write(pets / "train/cats/light.png", 240)  # a cat that looks like a dog
    found = datasets.measure(light_is_dog, datasets.labeled_photos(pets / "train"), progress=False)
    recorded = models.card("cats_and_dogs")["validation"]
    _, now, then = datasets.accuracy_table({"now": found, "then": recorded}).splitlines()
    right, count = int(np.trace(found.confusion)), int(found.confusion.sum())
    low, high = datasets.wilson(right, count)
    assert now.split()[:4] == ["now", "4", "+", str(count - 4)]
    assert f"{right / count:.1%}" in now
    assert now.endswith(f"{low:.1%} – {high:.1%}")
    assert f"{recorded['accuracy']:.1%}" in then and "1,000 + 1,000" in then


@pytest.mark.parametrize("right, count", [(0, 10), (10, 10), (3, 7), (160, 200)])
def test_wilsons_interval_ends_where_the_share_would_be_surprising(right, count):
    for share in datasets.wilson(right, count):
        if 0 < share < 1:  # Wilson's own equation: 1.96 deviations of that share away
            assert abs(right / count - share) == pytest.approx(
                1.96 * np.sqrt(share * (1 - share) / count)
            )
    low, high = datasets.wilson(right, count)
    assert low <= right / count <= high and (low == 0) == (right == 0)


def test_the_model_card_belongs_to_the_weights():
    card = models.card("cats_and_dogs")
    assert card["file"]["sha256"] == hashlib.sha256(weights.CAT_DOG.read_bytes()).hexdigest()
    assert card["parameters"] == models.load_cat_dog("random").count_params() == 3_453_121
    assert card["limits"] and card["recipe"] and card["data"]
    for part, count in (("training", 2000), ("validation", 2000), ("same_source", 170)):
        rows = [list(row.values()) for row in card[part]["confusion"].values()]
        right, photos = rows[0][0] + rows[1][1], sum(map(sum, rows))
        assert card[part]["photos"] == photos == count
        assert card[part]["accuracy"] == pytest.approx(right / photos, abs=1e-4)


@pytest.mark.ci
@with_photos
@pytest.mark.parametrize(
    "part, name, least", [("training", "train", 0.88), ("validation",) * 2 + (0.8,)]
)
def test_the_network_is_as_good_as_its_card_says(part, name, least):
    found = datasets.measure(
        models.load_cat_dog(), datasets.labeled_photos(SHARED / name), progress=False
    )
    assert found.accuracy == pytest.approx(
        models.card("cats_and_dogs")[part]["accuracy"], abs=0.002
    )
    assert found.accuracy >= least and not np.isnan(found.dog).any()


@pytest.mark.parametrize("ask", [datasets.photo_files, datasets.labeled_photos])
def test_the_home_of_nobody_is_no_folder(ask):
    with pytest.raises(FileNotFoundError, match="~nobody-of-that-name"):
        ask("~nobody-of-that-name/photos")
