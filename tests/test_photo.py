"""The reader's own photo: what becomes of a file's bytes, in the kernel."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers import widgets
from helpers.widgets.photo import Camera


def encoded(level=100, kind="PNG", size=(60, 90)):
    file = io.BytesIO()
    Image.fromarray(np.full((*size, 3), level, np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.fixture
def own():
    seen = []
    found = widgets.OwnPhoto(seen.append, size=(32, 48))
    found.seen = seen
    return found


def upload(own, content, name="mine.png"):
    """What ipywidgets does when the browser sends a file."""
    file = {"name": name, "type": "image/png", "size": len(content), "last_modified": 0}
    own.upload.set_state({"value": [{**file, "content": memoryview(content)}]})


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_an_uploaded_photo_is_cut_to_size_and_used(own, kind):
    upload(own, encoded(70, kind), f"mine.{kind}")
    (photo,) = own.seen
    assert photo.dtype == np.uint8 and photo.shape == (32, 48, 3)
    assert abs(int(photo.mean()) - 70) < 2 and own.photo is photo
    assert own.camera.said == f"Shown: mine.{kind}, cut to 32 × 48 pixels."


def test_the_same_file_can_be_uploaded_again(own):
    for _ in range(2):
        upload(own, encoded())
        assert own.upload.value == ()
    assert len(own.seen) == 2


def test_a_snapshot_is_used_as_well(own):
    own.camera._handle_custom_msg({"snapshot": "your snapshot"}, [memoryview(encoded(9, "JPEG"))])
    assert own.seen[0].mean() == 9
    assert own.camera.said.startswith("Shown: your snapshot")


def test_its_own_size_is_kept_if_asked():
    own = widgets.OwnPhoto(lambda photo: None, size=None)
    own.take(encoded(), "mine.png")
    assert own.photo.shape == (60, 90, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty, so it is no image"),
        (b"just words", "no image that can be read; JPEG, PNG"),
        (encoded()[:80], "damaged or cut short"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image that can be read"),
    ],
)
def test_a_bad_file_gets_one_sentence_and_nothing_is_used(own, content, words):
    upload(own, content, "mine.jpg")
    assert own.camera.said.startswith("mine.jpg: ") and words in own.camera.said
    assert own.seen == [] and own.photo is None
    assert "\n" not in own.camera.said


def test_the_same_sentence_twice_is_said_twice(own):
    said = []
    own.camera.observe(lambda change: said.append(change["new"]), "said")
    for _ in range(2):
        own.take(b"words", "mine.png")
    assert len(said) == 4 and said[0] == said[2] == "" and said[1] == said[3]


def test_an_error_of_the_function_is_said_and_the_photo_before_kept(own):
    own.take(encoded(1), "first.png")

    def fails(photo):
        raise ValueError("the model takes other photos")

    own.use = fails
    own.take(encoded(2), "second.png")
    assert own.camera.said.startswith("second.png was read, but then: ValueError: the model takes")
    assert own.photo.mean() == 1


def test_a_message_without_a_photo_changes_nothing(own):
    own._snapped(own.camera, {"snapshot": "your snapshot"}, [])
    assert own.seen == [] and own.camera.said == "No photo of yours yet."


def test_the_menu_offers_the_kinds_that_are_read_and_there_are_words_in_its_place(own):
    assert ".jpg" in own.upload.accept and ".webp" in own.upload.accept
    assert "run this cell" in repr(own)
    assert "getUserMedia" in str(Camera._esm)
