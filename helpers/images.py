"""Photos: from a file, a sample's name or an array to what VGG16 expects."""

from __future__ import annotations

import contextlib
import io
import operator
import os
import re
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from helpers import collection

#: A few photos to begin with, which scikit-image ships (CC0 or public domain). The course's own
#: 481 are in ``collection``; see data/README.md.
SAMPLES = ("chelsea", "astronaut", "coffee", "rocket", "camera", "hubble_deep_field")

#: Photos with more pixels than this are refused before they are decoded. A JPEG that can be
#: shrunk while it is decoded counts with what is left.
MAX_PIXELS = 64_000_000

#: Work on a photo is its pixels times the passes over them, and this much takes about 2 s: a
#: progressive JPEG of a few kilobytes may ask for thousands of passes.
MAX_WORK = 30 * MAX_PIXELS

#: Kinds of image files that are read; no other decoder ever sees a file.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")

#: What VGG16 subtracts from the blue, green and red channel: the means over ImageNet's photos.
#: Source: Simonyan & Zisserman 2015, section 2.1; the values are those of Keras's "caffe" mode.
IMAGENET_MEAN_BGR = np.array([103.939, 116.779, 123.68], dtype=np.float32)


def load_photo(
    source: str | os.PathLike | bytes | np.ndarray, size: tuple[int, int] | None = (224, 224)
) -> np.ndarray:
    """Load a photo, cut it to shape around its center and resize it.

    Grey, RGBA, CMYK, palette and 16-bit images are converted to 8-bit RGB; transparent parts
    become white; a camera's rotation mark is obeyed. Nothing is squashed: what doesn't fit the
    shape is cut off evenly on both sides.

    Args:
        source: A name, of a sample (see ``SAMPLES``) or of one of the course's own photos, such as
            ``bengal_16``; the path or the bytes of a JPEG, PNG, WebP, GIF, TIFF or BMP file; or
            an array: (rows, cols), (rows, cols, 3) or (rows, cols, 4); uint8
            or uint16 over their whole range, bool, or float within 0–1.
        size: (rows, cols) of the result in pixels, or None to keep the photo's own size.

    Returns:
        uint8 array (rows, cols, 3), RGB, 0–255.

    Raises:
        FileNotFoundError: There is no such file or sample.
        PermissionError: The file may not be read.
        ValueError: Not an image, damaged, too large, or an array of the wrong shape, type or
            range.
    """
    if size is not None:
        size = _checked_size(size)
    if isinstance(source, np.ndarray):
        return _fit(_array_to_image(source), size)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _fit(_decode(io.BytesIO(source), f"the photo of {len(source)} bytes", size), size)
    if isinstance(source, str) and source in SAMPLES:
        from skimage import data

        return _fit(_array_to_image(getattr(data, source)()), size)
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(
            f"a photo is a sample's name, a path, bytes or a NumPy array, "
            f"not {type(source).__name__}"
        )
    own = collection.find(source) if isinstance(source, str) else None
    path = own or _existing(source)
    with path.open("rb") as file:
        return _fit(_decode(file, repr(path.name), size), size)


def prepare(photo: np.ndarray) -> np.ndarray:
    """Turn a photo into VGG16's input: RGB → BGR, minus ImageNet's mean color.

    The same numbers as ``keras.applications.vgg16.preprocess_input`` gives, but the photo itself
    is never changed.

    Args:
        photo: uint8 array (rows, cols, 3), RGB, or a batch (n, rows, cols, 3).

    Returns:
        float32 array (n, rows, cols, 3), BGR, about -124 to 151; n is 1 for a single photo.

    Raises:
        ValueError: Not a uint8 array of that shape.
    """
    return _as_batch(photo, "prepare")[..., ::-1].astype(np.float32) - IMAGENET_MEAN_BGR


def scale_to_one(photo: np.ndarray) -> np.ndarray:
    """Turn a photo into the cat–dog network's input: 0–255 → 0–1, still RGB.

    Args:
        photo: uint8 array (rows, cols, 3), RGB, or a batch (n, rows, cols, 3).

    Returns:
        float32 array (n, rows, cols, 3), RGB, 0–1; n is 1 for a single photo.

    Raises:
        ValueError: Not a uint8 array of that shape.
    """
    return _as_batch(photo, "scale_to_one").astype(np.float32) / 255


def _as_batch(photo: np.ndarray, asking: str) -> np.ndarray:
    photo = np.asarray(photo)
    if photo.ndim not in (3, 4) or photo.shape[-1] != 3 or photo.dtype != np.uint8:
        raise ValueError(
            f"{asking}() takes a uint8 photo (rows, cols, 3), as load_photo() returns it, "
            f"not {photo.dtype} {photo.shape}"
        )
    return photo if photo.ndim == 4 else photo[np.newaxis]


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    try:
        rows, cols = (operator.index(n) for n in size)
    except (TypeError, ValueError):
        raise ValueError(f"size is (rows, cols) in whole pixels, or None, not {size!r}") from None
    if not (1 <= rows <= 10_000 and 1 <= cols <= 10_000):
        raise ValueError(f"size must lie between (1, 1) and (10000, 10000), not {size!r}")
    return rows, cols


def _existing(source: str | os.PathLike) -> Path:
    choices = (
        f"name a file, one of the samples {', '.join(SAMPLES)}, or a photo in data/photos, such as "
        f"bengal_16"
    )
    path = Path(source)
    with contextlib.suppress(RuntimeError):  # "~somebody" whom nobody knows
        path = path.expanduser()
    try:
        found, is_folder = path.is_file(), path.is_dir()
    except OSError:  # such as a name longer than the disk allows
        found = is_folder = False
    if is_folder:
        raise FileNotFoundError(f"{str(source)!r} is a folder, not a photo; {choices}")
    if not found:
        raise FileNotFoundError(f"no photo {str(source)[:200]!r}; {choices}")
    return path


class _Quiet:
    """Without Pillow's warnings, which say nothing that the checks here don't.

    The list of filters belongs to the whole process: the first thread that comes changes it, and
    the last that goes puts it back, so that threads decode side by side.
    """

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.filters = warnings.catch_warnings()
                self.filters.__enter__()
                warnings.simplefilter("ignore")
            self.inside += 1

    def __exit__(self, *problem: object) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.filters.__exit__(*problem)


_quiet = _Quiet()


def _decode(file: io.IOBase, label: str, size: tuple[int, int] | None) -> Image.Image:
    """Read an image file, turned the right way up; the decoder may shrink it, but not below size.

    Width and height stand in a file's first bytes: too large an image is refused right there.
    """
    if not file.read(1):
        raise ValueError(f"{label} is empty, so it is no image")
    file.seek(0)
    try:
        with _quiet:
            image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError(
            f"{label} is no image that can be read; {', '.join(FORMATS)} files can be"
        ) from None
    except Image.DecompressionBombError:
        raise ValueError(_too_large(label)) from None
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise ValueError(_damaged(label, error)) from None
    cols, rows = image.size
    if rows * cols * _passes(image, file) > MAX_WORK:
        raise ValueError(_too_large(f"{label}, {rows} × {cols} pixels in very many passes,"))
    if size is not None and (shrink := 2 * max(size) / min(rows, cols)) < 1:
        # JPEG only: decode at 1/2, 1/4 or 1/8, with both sides still twice as long as needed
        image.draft("RGB", (int(cols * shrink), int(rows * shrink)))
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(_too_large(f"{label}, {rows} × {cols} pixels,"))
    stored = sum((right - left) * (low - top) for _, (left, top, right, low), *_ in image.tile)
    if image.format == "TIFF" and stored < rows * cols:  # Pillow would add black rows
        raise ValueError(_damaged(label, EOFError("a part is missing")))
    try:
        with _quiet:
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            # floats are converted later: what is wrong with those is no damage
            return image if image.mode == "F" else _to_rgb(image)
    except Exception as error:
        raise ValueError(_damaged(label, error)) from None


#: Markers of a JPEG that a length follows; 0xDA begins a scan.
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xda-\xfe]")


def _passes(image: Image.Image, file: io.IOBase) -> int:
    """How often a decoder goes over all pixels: once for each scan of a JPEG."""
    if image.tile and image.tile[0][0] == "bmp_rle":  # decoded in Python: as slow as that
        return 100
    if image.format not in ("JPEG", "MPO"):
        return 1
    here = file.tell()
    file.seek(0)
    data, place, scans = file.read(), 0, 0
    file.seek(here)
    while found := _MARKER.search(data, place):
        scans += data[found.end() - 1] == 0xDA
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return scans


def _too_large(what: str) -> str:
    return (
        f"{what} is too large; photos of up to {MAX_PIXELS // 1_000_000} million pixels can be "
        f"opened, so make it smaller first"
    )


def _damaged(label: str, error: Exception) -> str:
    return f"{label} is damaged or cut short ({str(error) or type(error).__name__})"


#: What each 16-bit number is in 8 bits: 65,535 becomes 255.
_EIGHT_BITS = (np.arange(65_536) / 257).round().astype(np.uint8)


def _array_to_image(array: np.ndarray) -> Image.Image:
    shape_is_right = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (3, 4))
    if not shape_is_right or array.size == 0:
        raise ValueError(
            f"a photo array has the shape (rows, cols), (rows, cols, 3) or (rows, cols, 4), "
            f"not {array.shape}"
        )
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise ValueError(_too_large(f"the photo array {array.shape}"))
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = _EIGHT_BITS[array]
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ValueError("the photo array holds NaN or infinity; floats must lie within 0–1")
        if array.min() < 0 or array.max() > 1:
            raise ValueError(
                f"a float photo must lie within 0–1, this one spans {array.min():g} to "
                f"{array.max():g}; for 0–255 convert it with .astype('uint8')"
            )
        array = (array * 255).round().astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ValueError(
            f"a photo array is uint8, uint16, bool or float within 0–1, not {array.dtype}"
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey
        grey = np.clip(np.asarray(image), 0, 65_535).astype(np.uint16)
        image = Image.fromarray(_EIGHT_BITS[grey])
    elif image.mode == "F":
        image = _array_to_image(np.asarray(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _fit(image: Image.Image, size: tuple[int, int] | None) -> np.ndarray:
    image = _to_rgb(image)  # before resizing: else hidden colors would bleed into edges
    if size is None:
        return np.array(image)
    rows, cols = size
    scale = min(image.height / rows, image.width / cols)
    height, width = min(rows * scale, image.height), min(cols * scale, image.width)
    top, left = (image.height - height) / 2, (image.width - width) / 2
    box = (left, top, min(left + width, image.width), min(top + height, image.height))
    return np.array(image.resize((cols, rows), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0))
