"""Photos: from a file, a sample's name or an array to what VGG16 expects."""

import contextlib
import io
import operator
import os
from pathlib import Path

import numpy as np
from PIL import Image

from helpers import collection
from helpers.safety import expanded, photos

#: A few photos to begin with, which scikit-image ships (CC0 or public domain). The course's own
#: 481 are in ``collection``; see data/README.md.
SAMPLES = ("chelsea", "astronaut", "coffee", "rocket", "camera", "hubble_deep_field")

#: VGG16's input channels: it was trained with a library that stores colors in this order (BGR).
CHANNELS = ("blue", "green", "red")

#: What VGG16 subtracts from the blue, green and red channel: the means over ImageNet's photos.
#: Source: Simonyan & Zisserman 2015, section 2.1; the values are those of Keras's "caffe" mode.
IMAGENET_MEAN_BGR = np.array([103.939, 116.779, 123.68], dtype=np.float32)


def load_photo(
    source: str | os.PathLike | bytes | np.ndarray, size: tuple[int, int] | None = (224, 224)
) -> np.ndarray:
    """Load a photo, cut it to shape around its center and resize it.

    Gray, RGBA, CMYK, palette and 16-bit images are converted to 8-bit RGB; transparent parts
    become white; a camera's rotation mark is obeyed. Nothing is squashed: what doesn't fit the
    shape is cut off evenly on both sides.

    Args:
        source: A name, of a sample (see ``SAMPLES``) or of one of the course's own photos, such as
            ``bengal_16``; the path or the bytes of a JPEG, PNG, WebP, GIF, TIFF or BMP file; or
            an array: (rows, cols), (rows, cols, 3) or (rows, cols, 4); uint8 or uint16 over their
            whole range, bool, or float within 0–1.
        size: (rows, cols) of the result in pixels, or None to keep the photo's own size.

    Returns:
        uint8 array (rows, cols, 3), RGB, 0–255.

    Raises:
        FileNotFoundError: There is no such file or sample.
        PermissionError: The file may not be read.
        ValueError: Not an image, damaged, too large, or an array of the wrong shape, type or
            range.
    """
    size = None if size is None else _checked_size(size)
    if isinstance(source, str) and source in SAMPLES:
        from skimage import data

        source = getattr(data, source)()
    if isinstance(source, np.ndarray):
        return _fit(photos.from_array(source), size)
    if isinstance(source, (bytes, bytearray, memoryview)):
        file, label = io.BytesIO(source), f"the photo of {len(source)} bytes"
    elif isinstance(source, (str, os.PathLike)):
        path = collection.find(os.fspath(source)) or _existing(source)
        file, label = path.open("rb"), repr(path.name)
    else:
        raise ValueError(
            f"a photo is a sample's name, a path, bytes or a NumPy array, "
            f"not {type(source).__name__}"
        )
    with file:
        return _fit(photos.decode(file, label, size), size)


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

    Takes what ``prepare`` takes, and returns float32 (n, rows, cols, 3), RGB, 0–1.
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
    path, name = expanded(source), repr(str(source)[:200])
    problem = f"no photo {name}"
    with contextlib.suppress(OSError):  # such as a name longer than the disk allows
        if path.is_file():
            return path
        problem = f"{name} is a folder, not a photo" if path.is_dir() else problem
    raise FileNotFoundError(
        f"{problem}; name a file, one of the samples {', '.join(SAMPLES)}, or a photo in "
        f"data/photos, such as bengal_16"
    )


def _fit(image: Image.Image, size: tuple[int, int] | None) -> np.ndarray:
    if size is None:
        return np.array(image)
    rows, cols = size
    scale = min(image.height / rows, image.width / cols)
    height, width = min(rows * scale, image.height), min(cols * scale, image.width)
    top, left = (image.height - height) / 2, (image.width - width) / 2
    box = (left, top, min(left + width, image.width), min(top + height, image.height))
    return np.array(image.resize((cols, rows), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0))
