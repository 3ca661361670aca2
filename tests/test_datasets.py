"""Photos by the thousand: finding, fetching, unpacking, decoding and measuring on them."""

import base64
import hashlib
import io
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import urllib3
from PIL import Image

from helpers import archives, datasets, downloads, models, weights
from helpers.quiet import keras

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


def test_photos_are_found_by_argument_variable_or_download(pets, tmp_path, monkeypatch):
    monkeypatch.delenv("CATS_AND_DOGS_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert datasets.find_cats_and_dogs() is None
    assert datasets.find_cats_and_dogs(pets) == pets
    monkeypatch.setenv("CATS_AND_DOGS_DIR", str(pets))
    assert datasets.find_cats_and_dogs() == pets
    monkeypatch.setenv("CATS_AND_DOGS_DIR", str(tmp_path / "wrong"))
    with pytest.raises(FileNotFoundError, match=r"CATS_AND_DOGS_DIR.*train/cats"):
        datasets.find_cats_and_dogs()
    monkeypatch.delenv("CATS_AND_DOGS_DIR")
    downloaded = tmp_path / "keras" / "datasets" / "cats_and_dogs_filtered"
    downloaded.parent.mkdir(parents=True)
    pets.rename(downloaded)
    assert datasets.find_cats_and_dogs() == downloaded


# Unpacking


def archive(path, files):
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def test_an_archive_is_unpacked_whole(tmp_path):
    packed = archive(tmp_path / "a.zip", {"x/train/one.txt": "1", "x/two.txt": "2", "x/deep/": ""})
    archives.unpack(packed, tmp_path / "out")
    assert (tmp_path / "out/x/train/one.txt").read_text() == "1"
    assert (tmp_path / "out/x/two.txt").read_text() == "2"


@pytest.mark.parametrize(
    "name", ["../evil.txt", "x/../../evil.txt", "/evil.txt", "..\\evil.txt", "C:/evil.txt"]
)
def test_no_path_leaves_the_folder(tmp_path, name):
    packed = archive(tmp_path / "a.zip", {"good.txt": "1", name: "evil"})
    with pytest.raises(ValueError, match="would leave its folder"):
        archives.unpack(packed, tmp_path / "out" / "deep")
    assert not list(tmp_path.rglob("evil*")) and not list(tmp_path.rglob("good*"))


def test_links_bombs_and_damage_are_refused(tmp_path, monkeypatch):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    packed = archive(tmp_path / "a.zip", {link: "/etc/passwd"})
    with pytest.raises(ValueError, match="link"):
        archives.unpack(packed, tmp_path / "out")
    (tmp_path / "b.zip").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="damaged"):
        archives.unpack(tmp_path / "b.zip", tmp_path / "out")
    good = archive(tmp_path / "c.zip", {"a.txt": "content to be damaged"})
    good.write_bytes(good.read_bytes().replace(b"content", b"CONTENT"))
    with pytest.raises(ValueError, match="damaged"):
        archives.unpack(good, tmp_path / "out")
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 10)
    with pytest.raises(ValueError, match="over 10 bytes"):
        archives.unpack(archive(tmp_path / "d.zip", {"a": "12345678901"}), tmp_path / "out")


# Downloading


class Answer:
    """What requests would return."""

    def __init__(self, content, stated=None, breaks_after=None):
        digest = base64.b64encode(hashlib.md5(stated or content).digest()).decode()
        self.headers = {"x-goog-hash": f"crc32c=AAAAAA==, md5={digest}"}
        self.raw, self.file = self, io.BytesIO(content)
        self.breaks_after, self.closed = breaks_after, False

    def read1(self, size):
        if self.breaks_after is not None and self.file.tell() >= self.breaks_after:
            raise urllib3.exceptions.ProtocolError("the line went dead")
        return self.file.read(100)

    def close(self):
        self.closed = True


@pytest.fixture
def server(tmp_path, monkeypatch):
    """An archive as the server has it, and a function that sets the server's next answer."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for part in ("train", "validation"):
            for name in datasets.CLASSES:
                packed.writestr(f"cats_and_dogs_filtered/{part}/{name}/1.jpg", os.urandom(50))
    content = file.getvalue()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("CATS_AND_DOGS_DIR", raising=False)
    monkeypatch.setattr(datasets, "ARCHIVE_BYTES", len(content))

    def answers(answer):
        def give(url):
            assert url == datasets.ARCHIVE_URL
            if answer is None:
                raise AssertionError("nothing should be downloaded")
            return answer

        monkeypatch.setattr(downloads, "open_url", give)

    return content, answers


def left(tmp_path):
    folder = tmp_path / "keras" / "datasets"
    return sorted(path.name for path in folder.iterdir())


def test_photos_are_fetched_once(server, tmp_path):
    content, answers = server
    answers(Answer(content))
    folder = datasets.fetch_cats_and_dogs()
    assert (folder / "train/cats/1.jpg").is_file() and (folder / "validation/dogs/1.jpg").is_file()
    assert left(tmp_path) == ["cats_and_dogs_filtered"]
    answers(None)
    assert datasets.fetch_cats_and_dogs() == folder == datasets.find_cats_and_dogs()


def test_a_broken_download_leaves_nothing_and_can_be_repeated(server, tmp_path):
    content, answers = server
    broken = {
        "broke off": (OSError, Answer(content, breaks_after=200)),
        "broke off after": (OSError, Answer(content[:-30], stated=content)),
        "the sum": (ValueError, Answer(content[:-1] + b"x", stated=content)),
        "sent more": (ValueError, Answer(content + b"more")),
    }
    for message, (kind, answer) in broken.items():
        answers(answer)
        with pytest.raises(kind, match=message):
            datasets.fetch_cats_and_dogs()
        assert answer.closed and left(tmp_path) == []
    unsigned = Answer(content)
    unsigned.headers = {}
    answers(unsigned)
    with pytest.raises(ValueError, match="no MD5 sum"):
        datasets.fetch_cats_and_dogs()
    answers(Answer(content))
    assert datasets.fetch_cats_and_dogs().is_dir()


def test_what_a_killed_kernel_left_is_removed_once_it_is_old(server, tmp_path):
    content, answers = server
    folder = tmp_path / "keras" / "datasets"
    for name in ("old", "young"):
        (folder / f"cats_and_dogs.{name}.part").mkdir(parents=True)
        (folder / f"cats_and_dogs.{name}.part" / "archive.zip").write_bytes(content[:100])
    for path in (folder / "cats_and_dogs.old.part" / "archive.zip", *folder.glob("*.part")):
        os.utime(path, (time.time() - 3700,) * 2)
    answers(Answer(content))
    datasets.fetch_cats_and_dogs()
    assert left(tmp_path) == ["cats_and_dogs.young.part", "cats_and_dogs_filtered"]


# Streams


@pytest.mark.parametrize("ahead, workers", [(1, 1), (3, 4), (50, 2)])
def test_a_stream_keeps_the_order_and_names_what_it_cannot_read(tmp_path, ahead, workers):
    paths = [write(tmp_path / f"{n:02}.png", 10 * n) for n in range(20)]
    paths[7].write_bytes(b"no image")
    paths[11].unlink()
    photos = list(datasets.stream(paths, (8, 8), ahead, workers))
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
    with pytest.raises(ValueError, match="at least 1"):
        datasets.stream([], (4, 4), ahead=0)


# Measuring


def test_measuring_counts_what_is_shown_against_what_is_said(pets, light_is_dog):
    write(pets / "train/cats/light.png", 240)  # a cat that looks like a dog
    (pets / "train/dogs/broken.png").write_bytes(b"no image")
    found = datasets.measure(light_is_dog, datasets.labeled_photos(pets / "train"), progress=False)
    assert found.confusion.tolist() == [[3, 1], [0, 2]]
    assert found.accuracy == pytest.approx(5 / 6)
    assert [Path(name).name for name in found.skipped] == ["broken.png"]


def test_measuring_on_nothing_readable_is_an_error(pets, light_is_dog):
    photos = datasets.labeled_photos(pets / "validation")
    for path in photos.paths:
        path.write_bytes(b"no image")
    with pytest.raises(ValueError, match="none of the 2"):
        datasets.measure(light_is_dog, photos, progress=False)


def test_a_table_shows_what_was_measured_and_what_was_recorded(pets, light_is_dog):
    write(pets / "train/cats/light.png", 240)  # a cat that looks like a dog
    found = datasets.measure(light_is_dog, datasets.labeled_photos(pets / "train"), progress=False)
    recorded = datasets.model_card()["validation"]
    _, now, then = datasets.accuracy_table({"now": found, "then": recorded}).splitlines()
    right, count = int(np.trace(found.confusion)), int(found.confusion.sum())
    low, high = found.interval
    assert now.split()[:4] == ["now", "4", "+", str(count - 4)]
    assert f"{right / count:.1%}" in now
    assert now.endswith(f"{low:.1%} – {high:.1%}")
    assert f"{recorded['accuracy']:.1%}" in then and "1,000 + 1,000" in then


def test_the_worst_mistakes_come_first_and_are_mistakes():
    photos = datasets.LabeledPhotos([Path(str(k)) for k in range(5)], np.uint8([0, 0, 0, 1, 1]))
    dog = np.float32([0.6, 0.2, np.nan, 0.05, 0.9])
    found = datasets.Measurement(dog, np.zeros((2, 2), int), [])
    assert datasets.worst_mistakes(found, photos) == [3, 0]
    assert datasets.worst_mistakes(found, photos, count=1) == [3]


@pytest.mark.parametrize("right, count", [(0, 10), (10, 10), (3, 7), (160, 200)])
def test_wilsons_interval_ends_where_the_share_would_be_surprising(right, count):
    for share in datasets.wilson(right, count):
        if 0 < share < 1:  # Wilson's own equation: 1.96 deviations of that share away
            assert abs(right / count - share) == pytest.approx(
                1.96 * np.sqrt(share * (1 - share) / count)
            )
    low, high = datasets.wilson(right, count)
    assert low <= right / count <= high and (low == 0) == (right == 0)
    for wrong in ((-1, 5), (6, 5), (0, 0)):
        with pytest.raises(ValueError, match="right lies between"):
            datasets.wilson(*wrong)


def test_the_model_card_belongs_to_the_weights():
    card = datasets.model_card()
    assert card["file"]["sha256"] == hashlib.sha256(weights.CAT_DOG.read_bytes()).hexdigest()
    assert card["parameters"] == models.load_cat_dog("random").count_params() == 3_453_121
    assert card["limits"] and card["recipe"] and card["data"]
    for part, count in (("training", 2000), ("validation", 2000), ("same_source", 170)):
        rows = [list(row.values()) for row in card[part]["confusion"].values()]
        right, photos = rows[0][0] + rows[1][1], sum(map(sum, rows))
        assert card[part]["photos"] == photos == count
        assert card[part]["accuracy"] == pytest.approx(right / photos, abs=1e-4)


@with_photos
@pytest.mark.parametrize(
    "part, name, least", [("training", "train", 0.88), ("validation",) * 2 + (0.8,)]
)
def test_the_network_is_as_good_as_its_card_says(part, name, least):
    found = datasets.measure(
        models.load_cat_dog(), datasets.labeled_photos(SHARED / name), progress=False
    )
    assert found.accuracy == pytest.approx(datasets.model_card()[part]["accuracy"], abs=0.002)
    assert found.accuracy >= least and not found.skipped


@pytest.mark.parametrize(
    "ask", [datasets.photo_files, datasets.labeled_photos, datasets.find_cats_and_dogs]
)
def test_the_home_of_nobody_is_no_folder(ask):
    with pytest.raises(FileNotFoundError, match="~nobody-of-that-name"):
        ask("~nobody-of-that-name/photos")
