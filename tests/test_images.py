"""Photos: every kind of file and array that a reader may name, good or bad."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from helpers import images
from helpers.safety import photos as decoding

ROOT = Path(images.__file__).parents[1]

sides = st.integers(1, 40)
photos = st.tuples(sides, sides).flatmap(lambda side: arrays(np.uint8, (*side, 3)))


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(array, color_type, *, bits=16, header_size=None):
    """A PNG written by hand, since Pillow writes no 16-bit color."""
    rows, cols = header_size or array.shape[:2]
    lines = b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in array)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", cols, rows, bits, color_type, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def blocks():
    """Four flat quarters, 64×64, so that JPEG keeps their colors."""
    colors = np.array([[(220, 30, 40), (30, 200, 60)], [(20, 40, 210), (240, 230, 90)]], np.uint8)
    return colors.repeat(32, axis=0).repeat(32, axis=1)


def refused(source, size=(224, 224), kind=ValueError):
    """The error's text; one sentence without a line break."""
    with pytest.raises(kind) as caught:
        images.load_photo(source, size)
    message = str(caught.value)
    assert "\n" not in message
    assert 20 < len(message) < 400, message
    return message


# Sources ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", images.SAMPLES)
def test_samples(name):
    photo = images.load_photo(name)
    assert photo.shape == (224, 224, 3)
    assert photo.dtype == np.uint8
    assert photo.std() > 10
    assert photo.flags["C_CONTIGUOUS"]


def test_samples_ship_with_scikit_image_and_write_nothing(tmp_path):
    code = (
        "import socket; socket.socket.connect = None\n"
        "from helpers import images\n"
        "[images.load_photo(name) for name in images.SAMPLES]"
    )
    environment = {"HOME": str(tmp_path), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)
    assert list(tmp_path.iterdir()) == []


def test_name_path_bytes_and_array_give_the_same(tmp_path, photo):
    data = encoded(Image.fromarray(photo), "PNG")
    path = tmp_path / "a photo, ünnamed.PNG"
    path.write_bytes(data)
    for source in (path, str(path), data, bytearray(data), memoryview(data), photo):
        np.testing.assert_array_equal(images.load_photo(source), photo)


@pytest.mark.parametrize("kind", decoding.FORMATS)
def test_every_format_that_is_promised(kind):
    photo = images.load_photo(encoded(Image.fromarray(blocks()), kind), None)
    assert photo.shape == (64, 64, 3)
    if kind != "GIF":  # whose palette is coarse
        np.testing.assert_allclose(photo[::20, ::20], blocks()[::20, ::20], atol=6)


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "me.png").write_bytes(encoded(Image.fromarray(blocks()), "PNG"))
    np.testing.assert_array_equal(images.load_photo("~/me.png", None), blocks())


# Kinds of pixels --------------------------------------------------------------------------------


def test_gray_fills_all_three_channels():
    gray = blocks()[..., 0]
    for source in (gray, encoded(Image.fromarray(gray), "PNG")):
        np.testing.assert_array_equal(images.load_photo(source, None), np.dstack([gray] * 3))


def test_black_and_white():
    bits = blocks()[..., 0] > 100
    expected = np.dstack([bits] * 3) * np.uint8(255)
    for source in (bits, encoded(Image.fromarray(bits), "PNG")):
        np.testing.assert_array_equal(images.load_photo(source, None), expected)


@pytest.mark.parametrize("alpha", [0, 64, 128, 255])
def test_transparent_parts_become_white(alpha):
    color = np.array([200, 10, 90])
    pixel = np.full((6, 5, 4), (*color, alpha), np.uint8)
    expected = 255 + (color - 255) * alpha / 255
    for source in (pixel, encoded(Image.fromarray(pixel), "PNG")):
        photo = images.load_photo(source, None)
        assert np.abs(photo - expected).max() <= 1


def test_gray_with_transparency():
    pixel = np.full((6, 5, 2), (40, 128), np.uint8)
    photo = images.load_photo(encoded(Image.fromarray(pixel, "LA"), "PNG"), None)
    assert np.abs(photo.astype(int) - (255 + (40 - 255) * 128 / 255)).max() <= 1


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_color_declared_transparent_becomes_white(mode):
    image = Image.fromarray(blocks()).quantize(4) if mode == "P" else Image.new(mode, (8, 8))
    clear = image.getpixel((0, 0))
    file = encoded(image, "PNG", transparency=clear)
    photo = images.load_photo(file, None)
    np.testing.assert_array_equal(photo[0, 0], [255, 255, 255])
    if mode == "P":
        np.testing.assert_array_equal(photo[-1, -1], blocks()[-1, -1])


@pytest.mark.parametrize("mode", ["RGBA", "P", "RGB"])
def test_hidden_colors_do_not_bleed_into_edges(mode):
    """Red under full transparency beside white: after resizing all is still white."""
    pixels = np.full((16, 16, 4), 255, np.uint8)
    pixels[:, 8:] = (255, 0, 0, 0)
    image = Image.fromarray(pixels)
    if mode == "RGBA":
        file = encoded(image, "PNG")
    else:
        flat = Image.fromarray(pixels[..., :3])
        flat = flat.quantize(2) if mode == "P" else flat
        file = encoded(flat, "PNG", transparency=flat.getpixel((15, 0)))
    for size in ((5, 5), (40, 40)):
        assert images.load_photo(file, size).min() == 255


def test_cmyk_jpeg():
    image = Image.fromarray(blocks()).convert("CMYK")
    photo = images.load_photo(encoded(image, "JPEG", quality=98), None)
    np.testing.assert_allclose(photo[16::32, 16::32], blocks()[16::32, 16::32], atol=4)


@pytest.fixture(scope="module")
def deep():
    """16-bit numbers over the whole range."""
    values = np.random.default_rng(0).integers(0, 65536, (9, 7, 4)).astype(np.uint16)
    values[0, :4] = [[0] * 4, [65535] * 4, [257] * 4, [128] * 4]
    return values


def test_16_bit_gray(deep):
    gray = deep[..., 0]
    expected = np.dstack([(gray / 257).round().astype(np.uint8)] * 3)
    sources = [gray, png(gray, 0), encoded(Image.fromarray(gray), "TIFF")]
    for source in (*sources, encoded(Image.fromarray(gray.astype(np.int32)), "TIFF")):
        np.testing.assert_array_equal(images.load_photo(source, None), expected)


def test_16_bit_color_array(deep):
    expected = (deep[..., :3] / 257).round().astype(np.uint8)
    np.testing.assert_array_equal(images.load_photo(deep[..., :3], None), expected)


@pytest.mark.parametrize("kind", ["png", "tiff", "packed tiff"])
def test_16_bit_color_file(deep, kind):
    color = np.ascontiguousarray(deep[..., :3])
    if kind == "png":
        file = png(color, 2)
    else:
        import tifffile

        stream = io.BytesIO()
        tifffile.imwrite(
            stream, color, photometric="rgb", compression="zlib" if "packed" in kind else None
        )
        file = stream.getvalue()
    photo = images.load_photo(file, None)
    assert np.abs(photo - color / 257).max() <= 1  # Pillow drops the low byte


def test_16_bit_with_transparency(deep):
    color, alpha = deep[..., :3] / 65535, deep[..., 3:] / 65535
    photo = images.load_photo(png(deep, 6), None)
    assert np.abs(photo - 255 * (color * alpha + 1 - alpha)).max() <= 3


def test_float_arrays_and_files():
    ramp = np.linspace(0, 1, 60, dtype=np.float32).reshape(6, 10)
    expected = np.dstack([(ramp * 255).round().astype(np.uint8)] * 3)
    for source in (ramp, ramp.astype(np.float64), encoded(Image.fromarray(ramp), "TIFF")):
        np.testing.assert_array_equal(images.load_photo(source, None), expected)
    message = refused(encoded(Image.fromarray(ramp * 900), "TIFF"))
    assert "within 0–1" in message
    assert "damaged" not in message


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_cameras_rotation_mark(kind, orientation):
    upright = blocks()[:, :48]
    undo = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud}
    undo |= {5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, 1)}
    undo |= {7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1)}
    mark = Image.Exif()
    mark[0x0112] = orientation
    stored = np.ascontiguousarray(undo[orientation](upright))
    photo = images.load_photo(encoded(Image.fromarray(stored), kind, exif=mark), None)
    assert photo.shape == upright.shape
    corners = (slice(8, None, 40), slice(8, None, 32))
    np.testing.assert_allclose(photo[corners].astype(int), upright[corners], atol=12)


def test_a_rotated_jpeg_is_not_decoded_too_small():
    """Fine stripes survive: which side must stay long is decided for the upright photo."""
    upright = np.zeros((3200, 800, 3), np.uint8)
    upright[:, ::4] = upright[:, 1::4] = 255
    mark = Image.Exif()
    mark[0x0112] = 6
    stored = np.ascontiguousarray(np.rot90(upright))
    file = encoded(Image.fromarray(stored), "JPEG", quality=95, exif=mark)
    assert images.load_photo(file, (100, 400)).std() > 80


# Sizes and shapes -------------------------------------------------------------------------------


@given(photo=photos, size=st.tuples(sides, sides))
@settings(max_examples=60, deadline=None)
def test_the_result_has_the_size_asked_for(photo, size):
    before = photo.copy()
    result = images.load_photo(photo, size)
    assert result.shape == (*size, 3)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(photo, before)


@given(photo=photos)
@settings(max_examples=30, deadline=None)
def test_its_own_size_changes_nothing(photo):
    for size in (None, photo.shape[:2]):
        result = images.load_photo(photo, size)
        np.testing.assert_array_equal(result, photo)
        assert not np.shares_memory(result, photo)


@given(photo=photos, cut=st.integers(0, 19), along=st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_does_not_fit_is_cut_off_evenly(photo, cut, along):
    photo = photo.swapaxes(0, 1) if along else photo
    cut = min(cut, (photo.shape[0] - 1) // 2)
    kept = photo[cut : photo.shape[0] - cut]
    expected, size = (kept.swapaxes(0, 1), kept.shape[1::-1]) if along else (kept, kept.shape[:2])
    source = photo.swapaxes(0, 1) if along else photo
    np.testing.assert_array_equal(images.load_photo(source, size), expected)


@given(side=st.tuples(sides, sides), size=st.tuples(sides, sides), value=st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_a_flat_photo_stays_flat(side, size, value):
    assert np.unique(images.load_photo(np.full(side, value, np.uint8), size)).tolist() == [value]


@given(photo=photos, size=st.tuples(st.integers(7, 40), st.integers(7, 40)))
@settings(max_examples=40, deadline=None)
def test_a_mirrored_photo_gives_the_mirrored_result(photo, size):
    there = images.load_photo(photo[::-1, ::-1], size)[::-1, ::-1].astype(int)
    assert np.abs(there - images.load_photo(photo, size)).max() <= 2  # rounded twice


@pytest.mark.parametrize("shape", [(300, 500), (500, 300)])
def test_a_circle_stays_a_circle(shape):
    rows, cols = np.indices(shape)
    disk = np.hypot(rows - shape[0] / 2 + 0.5, cols - shape[1] / 2 + 0.5) < 100
    photo = images.load_photo(disk)[..., 0] > 127
    height, width = photo.any(axis=1).sum(), photo.any(axis=0).sum()
    assert height == width == pytest.approx(200 * 224 / 300, abs=2)


def test_one_pixel():
    one = np.array([[[10, 200, 30]]], np.uint8)
    for source in (one, encoded(Image.fromarray(one), "PNG")):
        assert (images.load_photo(source) == one[0, 0]).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_20_000_pixels_wide(kind):
    wide = np.full((30, 20_000, 3), 200, np.uint8)
    wide[:, 9_980:10_020] = 20  # the middle is what is kept
    photo = images.load_photo(encoded(Image.fromarray(wide), kind))
    assert photo.shape == (224, 224, 3)
    assert photo.max() < 60


def test_a_huge_picture_is_refused_before_it_is_decoded(monkeypatch):
    def never(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", never)
    for rows, cols in ((9_000, 9_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)):
        file = png(np.zeros((1, 1, 3)), 2, bits=8, header_size=(rows, cols))
        assert "too large; photos of up to 64 million pixels" in refused(file)


def test_a_large_jpeg_is_decoded_small(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PIXELS", 1_000_000)
    file = encoded(Image.new("RGB", (2_000, 2_000), "gray"), "JPEG")
    assert images.load_photo(file, (64, 64)).shape == (64, 64, 3)
    assert "too large" in refused(file, None)
    assert "too large" in refused(np.zeros((1_001, 1_000), np.uint8))


@pytest.mark.parametrize(
    "size", [(0, 5), (5, -1), (5,), (5, 5, 3), 5, "22", (5.5, 5), (20_000, 5), (5, float("nan"))]
)
def test_bad_sizes(size):
    assert "size" in refused("chelsea", size)


# Bad sources ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["no such cat", "x" * 5_000, "a\0b", "~nobody-at-all/x.jpg", ""])
def test_missing(source):
    message = refused(source, kind=FileNotFoundError)
    assert "chelsea, astronaut" in message


def test_a_folder(tmp_path):
    assert "is a folder, not a photo" in refused(tmp_path, kind=FileNotFoundError)


@pytest.mark.parametrize("source", [None, 3, 2.5, ["chelsea"], {"a": 1}])
def test_no_kind_of_source(source):
    assert type(source).__name__ in refused(source)


def test_empty(tmp_path):
    (tmp_path / "nothing.jpg").touch()
    assert refused(tmp_path / "nothing.jpg").startswith("'nothing.jpg' is empty")
    assert "0 bytes is empty" in refused(b"")


@pytest.mark.parametrize(
    "data",
    [b"x", b"<html>not found</html>" * 99, encoded(Image.new("RGB", (9, 9)), "EPS")],
    ids=["one byte", "a web page", "a program in PostScript"],
)
def test_not_an_image(data, tmp_path):
    path = tmp_path / "cat.jpg"
    path.write_bytes(data)
    assert "'cat.jpg' is no image that can be read; JPEG, PNG" in refused(path)


@pytest.mark.parametrize("kind", decoding.FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_cut_short(kind, share, photo):
    whole = encoded(Image.fromarray(photo), kind)
    message = refused(whole[: int(len(whole) * share)])
    assert "damaged or cut short" in message or "no image that can be read" in message


@given(seed=st.integers(0, 2**32), kind=st.sampled_from(decoding.FORMATS))
@settings(max_examples=80, deadline=None)
def test_damaged_bytes_give_a_photo_or_a_sentence(seed, kind):
    rng = np.random.default_rng(seed)
    data = bytearray(encoded(Image.fromarray(blocks()), kind))
    for place in rng.integers(0, len(data), 8):
        data[place] = rng.integers(256)
    try:
        assert images.load_photo(bytes(data)).shape == (224, 224, 3)
    except ValueError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4, 4, 2), np.uint8), "not (4, 4, 2)"),
        (np.zeros((1, 4, 4, 3), np.uint8), "not (1, 4, 4, 3)"),
        (np.zeros(5, np.uint8), "not (5,)"),
        (np.zeros((0, 4, 3), np.uint8), "not (0, 4, 3)"),
        (np.zeros((4, 4, 3), np.int64), "not int64"),
        (np.zeros((4, 4, 3), complex), "not complex128"),
        (np.full((4, 4, 3), None), "not object"),
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4), np.inf), "infinity"),
        (np.full((4, 4, 3), 200.0), "within 0–1, this one spans 200 to 200"),
        (np.full((4, 4, 3), -0.5), "spans -0.5 to -0.5"),
    ],
)
def test_bad_arrays(array, says):
    assert says in refused(array)


# For the networks -------------------------------------------------------------------------------


@given(photo=photos)
@settings(max_examples=25, deadline=None)
def test_prepare_is_what_keras_does(photo):
    from helpers.quiet import keras

    before = photo.copy()
    prepared = images.prepare(photo)
    expected = keras.applications.vgg16.preprocess_input(photo[np.newaxis].astype(np.float32))
    np.testing.assert_array_equal(prepared, expected)
    np.testing.assert_array_equal(photo, before)
    assert prepared.dtype == np.float32
    assert prepared.shape == (1, *photo.shape)
    np.testing.assert_array_equal(images.prepare(np.stack([photo, photo]))[1], expected[0])


@given(photo=photos)
@settings(max_examples=25, deadline=None)
def test_scale_to_one(photo):
    scaled = images.scale_to_one(photo)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[0] * 255, photo, atol=1e-4)
    assert scaled.min() >= 0
    assert scaled.max() <= 1


@pytest.mark.parametrize("function", [images.prepare, images.scale_to_one])
@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.full((4, 4, 3), np.nan),
        np.zeros((1, 1, 4, 4, 3), np.uint8),
        "chelsea",
    ],
)
def test_only_photos_are_prepared(function, photo):
    with pytest.raises(ValueError, match="takes a uint8 photo"):
        function(photo)
