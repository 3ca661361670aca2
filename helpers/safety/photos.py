"""Photos from anywhere, decoded to RGB: what is damaged, hostile or too large is refused."""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

#: Photos with more pixels than this are refused before they are decoded. A JPEG that can be
#: shrunk while it is decoded counts with what is left.
MAX_PIXELS = 64_000_000

#: Work on a photo is its pixels times the passes over them, and this much takes about 2 s: a
#: progressive JPEG of a few kilobytes may ask for thousands of passes.
MAX_WORK = 30 * MAX_PIXELS

#: Kinds of image files that are read; no other decoder ever sees a file.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")

#: What each 16-bit number is in 8 bits: 65,535 becomes 255.
_EIGHT_BITS = (np.arange(65_536) / 257).round().astype(np.uint8)

#: Pillow warns of what the checks here refuse, or of what nobody can mend.
warnings.filterwarnings("ignore", module=r"PIL\.")


def decode(file: io.IOBase, label: str, size: tuple[int, int] | None) -> Image.Image:
    """Read an image file, turned the right way up; the decoder may shrink it, but not below size.

    Width and height stand in a file's first bytes: too large an image is refused right there, by a
    ValueError with the file's label, as are damaged ones and what is no image. The size is (rows,
    cols), or None for all there are. The image is RGB, with transparent parts white.
    """
    if not file.read(1):
        raise ValueError(f"{label} is empty, so it is no image")
    file.seek(0)
    try:
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
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode != "F":
            return _to_rgb(image)
    except Exception as error:
        raise ValueError(_damaged(label, error)) from None
    return from_array(np.asarray(image))  # where wrong floats are no damage


def from_array(array: np.ndarray) -> Image.Image:
    """An image of an array's pixels, in RGB; which arrays are taken, ``images.load_photo`` says.

    Any other shape, type or range, or too many pixels, is a ValueError.
    """
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
    return _to_rgb(Image.fromarray(np.ascontiguousarray(array)))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit gray
        gray = np.clip(np.asarray(image), 0, 65_535).astype(np.uint16)
        image = Image.fromarray(_EIGHT_BITS[gray])
    if image.has_transparency_data:  # else hidden colors would bleed into edges when resized
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _passes(image: Image.Image, file: io.IOBase) -> int:
    """How often a decoder goes over all pixels, at most: once for each scan of a JPEG."""
    if image.tile and image.tile[0][0] == "bmp_rle":  # decoded in Python: as slow as that
        return 100
    if image.format not in ("JPEG", "MPO"):
        return 1
    here = file.tell()
    file.seek(0)
    scans = file.read().count(b"\xff\xda")  # the marker that begins one
    file.seek(here)
    return scans


def _too_large(what: str) -> str:
    return (
        f"{what} is too large; photos of up to {MAX_PIXELS // 1_000_000} million pixels can be "
        f"opened, so make it smaller first"
    )


def _damaged(label: str, error: Exception) -> str:
    return f"{label} is damaged or cut short ({str(error) or type(error).__name__})"
