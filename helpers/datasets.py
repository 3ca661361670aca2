"""Many photos: files of a folder, the cats and dogs, measuring on them; decoded in threads."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import math
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helpers import archives, collection, downloads
from helpers import weights as weight_files
from helpers.images import load_photo, scale_to_one
from helpers.layers import model_input

#: Endings of the files that count as photos in a folder, in any case.
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp")

#: Folders of the two classes; a photo's label is its class's place here: 0 cat, 1 dog.
CLASSES = ("cats", "dogs")

#: The public archive of 2,000 photos to train on and 1,000 to validate on, from Kaggle's "Dogs
#: vs. Cats". Source: Google's machine learning exercises. Its bytes are checked against this
#: size and against the MD5 sum that the server itself states for them.
ARCHIVE_URL = "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip"
ARCHIVE_BYTES = 68_606_236


class Photo(NamedTuple):
    """One photo of a stream, decoded; or why it could not be.

    Attributes:
        name: The file's path as given, or what the source calls it.
        pixels: uint8 (rows, cols, 3), or None if it could not be read.
        error: Why it could not be read, or "".
        source: What it was read from: a path, bytes or an array.
    """

    name: str
    pixels: np.ndarray | None
    error: str
    source: Any


class LabeledPhotos(NamedTuple):
    """Files and what they show: 0 for a cat, 1 for a dog, uint8 (n,)."""

    paths: list[Path]
    labels: np.ndarray


class Measurement(NamedTuple):
    """How often the cat–dog network is right.

    Attributes:
        dog: float32 (n,): the probability of "dog" that the network gives each photo; NaN for a
            photo that could not be read.
        confusion: int (2, 2); rows are what is shown (cat, dog), columns what the network says.
        skipped: Names of files that could not be read; they don't count.
    """

    dog: np.ndarray
    confusion: np.ndarray
    skipped: list[str]

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0–1."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def interval(self) -> tuple[float, float]:
        """Where the accuracy on all such photos lies, with 95 % confidence; see ``wilson``."""
        return wilson(int(np.trace(self.confusion)), int(self.confusion.sum()))


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share: what a larger sample might well have shown.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Args:
        right: How many of the sample were right.
        count: How many there were.

    Raises:
        ValueError: Not 0 ≤ right ≤ count, or an empty sample.

    Example:
        >>> low, high = wilson(80, 100)
        >>> round(low, 3), round(high, 3)
        (0.711, 0.867)
    """
    if not 0 <= right <= count or count == 0:
        raise ValueError(f"right lies between 0 and count, and count is positive: {right}, {count}")
    z = 1.96
    middle = (right + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * math.sqrt(right * (count - right) / count + z * z / 4)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def photo_files(folder: str | os.PathLike) -> list[Path]:
    """All photos in a folder and the folders in it, sorted by path; hidden files are left out.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It holds no photos.
    """
    folder = _expanded(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {str(folder)!r}")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in PHOTO_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise ValueError(
            f"no photos in {str(folder)!r}; files ending in {', '.join(PHOTO_SUFFIXES)} count"
        )
    return found


def labeled_photos(folder: str | os.PathLike = collection.FOLDER) -> LabeledPhotos:
    """The photos of a folder that holds ``cats`` and ``dogs``, cats first.

    Args:
        folder: By default the course's own 100 cats and 100 dogs.

    Raises:
        FileNotFoundError: One of the two folders is missing.
        ValueError: One of them holds no photos.
    """
    groups = [photo_files(_expanded(folder) / name) for name in CLASSES]
    labels = np.repeat(np.arange(2, dtype=np.uint8), [len(group) for group in groups])
    return LabeledPhotos([*groups[0], *groups[1]], labels)


def find_cats_and_dogs(folder: str | os.PathLike | None = None) -> Path | None:
    """Where the cat and dog photos are: a folder with ``train`` (and mostly ``validation``) in it.

    Looked for in this order: ``folder``; the folder that the environment variable
    ``CATS_AND_DOGS_DIR`` names; where ``fetch_cats_and_dogs`` puts them. Nothing is downloaded.

    Returns:
        The folder, or None if neither variable nor download is there.

    Raises:
        FileNotFoundError: ``folder`` or ``CATS_AND_DOGS_DIR`` is given, but wrong.
    """
    named = folder or os.environ.get("CATS_AND_DOGS_DIR")
    if named:
        place = _expanded(named)
        for candidate in (place, place / "cats_and_dogs_filtered"):
            if _is_complete(candidate):
                return candidate
        where = "" if folder else " (from CATS_AND_DOGS_DIR)"
        raise FileNotFoundError(
            f"no photos in {str(place)!r}{where}; it should hold train/cats and train/dogs"
        )
    place = _download_folder() / "cats_and_dogs_filtered"
    return place if _is_complete(place) else None


def fetch_cats_and_dogs() -> Path:
    """Download the public archive of cat and dog photos once (69 MB) and unpack it.

    The size and the sum of what arrives are checked. A broken download leaves nothing behind, an
    unpacked folder takes its final name only when it is complete, and calling this again starts
    afresh or, once all is there, returns at once.

    Returns:
        The folder with ``train`` and ``validation``, under Keras's own folder for data sets.

    Raises:
        OSError: No connection, no answer in time, a broken download or a full disk.
        ValueError: The server sent other bytes than it should.
    """
    folder = _download_folder()
    final = folder / "cats_and_dogs_filtered"
    if _is_complete(final):
        return final
    with downloads.writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        downloads.sweep(folder, "cats_and_dogs.*.part")
        with tempfile.TemporaryDirectory(
            prefix="cats_and_dogs.", suffix=".part", dir=folder
        ) as scratch:
            archive = Path(scratch, "archive.zip")
            _download(archive)
            archives.unpack(archive, Path(scratch, "photos"))
            unpacked = Path(scratch, "photos", "cats_and_dogs_filtered")
            if not _is_complete(unpacked):
                raise ValueError("the archive holds no train/cats and train/dogs")
            if final.exists():  # left by something else than this function, and incomplete
                shutil.rmtree(final)
            unpacked.replace(final)
    return final


def stream(
    source: str | os.PathLike | Iterable[Any],
    size: tuple[int, int],
    ahead: int = 64,
    workers: int | None = None,
) -> Iterator[Photo]:
    """Decode photos in threads, in order, while whoever asked works on those before.

    Never more than ``ahead`` photos are held, however many there are. A photo that can't be read
    comes as a ``Photo`` with ``pixels`` None; it never stops the stream.

    Args:
        source: A folder, or any iterable of paths, arrays, bytes or (name, photo) pairs.
        size: (rows, cols) of every photo; cut to shape as by ``images.load_photo``.
        ahead: How many photos are decoded in advance, at most.
        workers: Threads; by default one for each processor, at most 8.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: The folder holds no photos, or ``ahead`` is not positive.
    """
    if ahead < 1:
        raise ValueError(f"ahead is at least 1 photo, not {ahead}")
    items = photo_files(source) if isinstance(source, (str, os.PathLike)) else source
    return _stream(items, size, ahead, workers or min(8, os.cpu_count() or 1))


def measure(model: Any, photos: LabeledPhotos, progress: bool = True) -> Measurement:
    """Measure the cat–dog network on labeled photos; over 0.5 counts as "dog".

    Args:
        model: What ``models.load_cat_dog`` returns.
        photos: Files and labels, as from ``labeled_photos``.
        progress: Whether to show a bar.

    Raises:
        ValueError: Not one photo could be read.
    """
    from tqdm.auto import tqdm

    rows, cols = model_input(model).shape[1:3]
    dog, skipped = [], []
    bar = tqdm(total=len(photos.paths), unit="photo", disable=not progress, leave=False)
    decoded = stream(photos.paths, (rows, cols))
    with bar:
        while group := list(itertools.islice(decoded, 50)):
            skipped += [photo.name for photo in group if photo.pixels is None]
            answers = np.full(len(group), np.nan, np.float32)
            read = [k for k, photo in enumerate(group) if photo.pixels is not None]
            if read:
                batch = scale_to_one(np.stack([group[k].pixels for k in read]))
                answers[read] = model.predict_on_batch(batch)[:, 0]
            dog.append(answers)
            bar.update(len(group))
    dog = np.concatenate(dog)
    known = ~np.isnan(dog)
    if not known.any():
        raise ValueError(f"none of the {len(photos.paths)} photos could be read")
    confusion = np.zeros((2, 2), int)
    np.add.at(confusion, (photos.labels[known], (dog[known] > 0.5).astype(int)), 1)
    return Measurement(dog, confusion, skipped)


def worst_mistakes(measured: Measurement, photos: LabeledPhotos, count: int = 6) -> list[int]:
    """Places of the photos about which the network was most surely wrong, the worst first.

    Args:
        measured: What ``measure`` returned for ``photos``.
        photos: Files and labels.
        count: How many, at most.
    """
    error = np.nan_to_num(np.abs(measured.dog - photos.labels))
    return [int(k) for k in np.argsort(-error, kind="stable")[:count] if error[k] > 0.5]


def model_card() -> dict[str, Any]:
    """What was recorded when the cat–dog network was trained: accuracies, recipe, limits.

    Source: ``data/cats_and_dogs.json``, written by ``data/recipes/train_cats_and_dogs.py``.
    """
    path = weight_files.CAT_DOG.with_name("cats_and_dogs.json")
    return json.loads(path.read_text(encoding="utf-8"))


def accuracy_table(measured: dict[str, Measurement | dict[str, Any]]) -> str:
    """How often the cat–dog network is right, and which mistakes it makes, a line for each set.

    Args:
        measured: What ``measure`` returned, or a part of ``model_card()``, by name.

    Returns:
        Lines with the number of cats and dogs, the share of each that were right, both together,
        and where that share lies with 95 % confidence.
    """
    lines = [f"{'':30}{'cats + dogs':>15}{'cats':>8}{'dogs':>8}{'all':>8}   95 % interval"]
    for name, found in measured.items():
        table = found.confusion if isinstance(found, Measurement) else _confusion(found)
        sizes = " + ".join(f"{row.sum():,}" for row in table)
        parts = (row[k] / row.sum() if row.sum() else math.nan for k, row in enumerate(table))
        cats, dogs = ("–" if math.isnan(part) else f"{part:.1%}" for part in parts)
        right, count = int(np.trace(table)), int(table.sum())
        low, high = wilson(right, count)
        shares = f"{cats:>8}{dogs:>8}{right / count:8.1%}"
        lines.append(f"{name:30}{sizes:>15}{shares}   {low:.1%} – {high:.1%}")
    return "\n".join(lines)


def _confusion(part: dict[str, Any]) -> np.ndarray:
    """A confusion table of the model card, int (2, 2)."""
    return np.array([list(row.values()) for row in part["confusion"].values()])


def _expanded(folder: str | os.PathLike) -> Path:
    with contextlib.suppress(RuntimeError):  # "~somebody" whom nobody knows
        return Path(folder).expanduser()
    return Path(folder)


def _stream(items: Iterable[Any], size: tuple[int, int], ahead: int, workers: int) -> Iterator:
    numbered = enumerate(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting = deque()
        try:
            while True:
                while len(waiting) < ahead and (entry := next(numbered, None)) is not None:
                    waiting.append(pool.submit(_read, *_named(*entry), size))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:  # also when whoever asked stops early
            pool.shutdown(wait=True, cancel_futures=True)


def _named(number: int, item: Any) -> tuple[str, Any]:
    if isinstance(item, tuple) and len(item) == 2:
        return str(item[0]), item[1]
    if isinstance(item, (str, os.PathLike)):
        return os.fspath(item), item
    return f"photo {number}", item


def _read(name: str, source: Any, size: tuple[int, int]) -> Photo:
    try:
        return Photo(name, load_photo(source, size), "", source)
    except (ValueError, OSError) as error:
        return Photo(name, None, str(error), source)


def _is_complete(folder: Path) -> bool:
    return all((folder / "train" / name).is_dir() for name in CLASSES)


def _download_folder() -> Path:
    return downloads.keras_cache().parent / "datasets"


def _download(target: Path) -> None:
    from tqdm.auto import tqdm

    response = downloads.open_url(ARCHIVE_URL)
    try:
        stated = dict(
            part.strip().split("=", 1)
            for part in response.headers.get("x-goog-hash", "").split(",")
            if "=" in part
        ).get("md5")
        digest, received = hashlib.md5(usedforsecurity=False), 0
        with (
            target.open("wb") as file,
            tqdm(
                total=ARCHIVE_BYTES, unit="B", unit_scale=True, desc="cats and dogs", leave=False
            ) as bar,
        ):
            for piece in downloads.pieces(response, "the photos"):
                received += len(piece)
                if received > ARCHIVE_BYTES:
                    break
                file.write(piece)
                digest.update(piece)
                bar.update(len(piece))
    finally:
        response.close()
    if received < ARCHIVE_BYTES:
        raise OSError(f"the download broke off after {received} of {ARCHIVE_BYTES} bytes")
    if received > ARCHIVE_BYTES:
        raise ValueError(f"the server sent more than the archive's {ARCHIVE_BYTES} bytes")
    if stated is None:
        raise ValueError("the server states no MD5 sum, so the download cannot be checked")
    if base64.b64decode(stated) != digest.digest():
        raise ValueError("the downloaded bytes do not have the sum the server states for them")
