"""Many photos: files of a folder, the cats and dogs, measuring on them; decoded in threads."""

import itertools
import math
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helpers import collection
from helpers.images import load_photo, scale_to_one
from helpers.layers import model_input
from helpers.safety import expanded, remote

#: Endings of the files that count as photos in a folder, in any case.
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp")

#: Folders of the two classes; a photo's label is its class's place here: 0 cat, 1 dog.
CLASSES = ("cats", "dogs")

#: Of so many photos all pixels are kept; of more, files are read again when they are asked for.
FEW = 4_000


class Photo(NamedTuple):
    """One photo of a stream, decoded; or why it could not be."""

    name: str  # the file's path as given, or what the source calls it
    pixels: np.ndarray | None  # uint8 (rows, cols, 3)
    error: str  # why it could not be read, or ""


class Photos(Sequence[Photo]):
    """Photos in their order, each a ``Photo``; the pixels of many files are read when asked for."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size  #: (rows, cols) of every photo
        self.errors: dict[int, str] = {}  #: why photos could not be read, by their number
        self._sources: list[Any] = []
        self._from_files: dict[int, np.ndarray] = {}
        self._given: dict[int, np.ndarray] = {}

    def noted(self, photos: Iterable[Any]) -> Iterator[Any]:
        """Hand photos on as they come, and note where each can be read again."""
        for item in photos:
            name, photo = _named(len(self._sources), item)
            self._sources.append(item if names_a_file(photo) else (name, None))
            yield item

    def keep(self, number: int, pixels: np.ndarray) -> None:
        """Keep the next photo's pixels; once there are many, only what no file holds."""
        if isinstance(self._sources[number], tuple) and self._sources[number][1] is None:
            self._given[number] = pixels
        elif number < FEW:
            self._from_files[number] = pixels
        else:
            self._from_files.clear()

    def __len__(self) -> int:
        return len(self._sources)

    def __getitem__(self, number: Any) -> Any:
        """A photo, or a list of them for a slice.

        Raises:
            ValueError: The file was read before, but cannot be read again.
        """
        if isinstance(number, slice):
            return [self[k] for k in range(len(self))[number]]
        number = range(len(self))[number]
        name, source = _named(number, self._sources[number])
        pixels = self._from_files.get(number, self._given.get(number))
        photo = Photo(str(name), pixels, self.errors.get(number, ""))
        if pixels is None and not photo.error:
            photo = _read(number, (name, source), self.size)
            if photo.error:
                raise ValueError(f"{name} was scanned, but can't be read again: {photo.error}")
        return photo


class LabeledPhotos(NamedTuple):
    """Files and what they show: 0 for a cat, 1 for a dog, uint8 (n,)."""

    paths: list[Path]
    labels: np.ndarray


class Measurement(NamedTuple):
    """How often the cat–dog network is right."""

    dog: np.ndarray  # float32 (n,): the probability of "dog" for each photo; NaN if it was not read
    confusion: np.ndarray  # int (2, 2): rows are what is shown (cat, dog), columns what it says

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0–1."""
        return float(np.trace(self.confusion) / self.confusion.sum())


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share: what a larger sample might well have shown.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Args:
        right: How many of the sample were right.
        count: How many there were, at least 1.

    Example:
        >>> low, high = wilson(80, 100)
        >>> round(low, 3), round(high, 3)
        (0.711, 0.867)
    """
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
    folder = expanded(folder)
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
    groups = [photo_files(expanded(folder) / name) for name in CLASSES]
    labels = np.repeat(np.arange(2, dtype=np.uint8), [len(group) for group in groups])
    return LabeledPhotos([*groups[0], *groups[1]], labels)


def stream(photos: Iterable[Any], size: tuple[int, int], ahead: int = 32) -> Iterator[Photo]:
    """Decode photos in threads, in order, while whoever asked works on those before.

    A photo that can't be read comes as a ``Photo`` with ``pixels`` None; it never stops the stream.

    Args:
        photos: Any iterable of paths, addresses that fsspec knows (``s3://…``), arrays, bytes or
            (name, photo) pairs.
        size: (rows, cols) of every photo; cut to shape as by ``images.load_photo``.
        ahead: How many photos are decoded in advance, and so held in memory, at most.
    """
    numbered, waiting = enumerate(photos), deque()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            while True:
                for number, item in itertools.islice(numbered, ahead - len(waiting)):
                    waiting.append(pool.submit(_read, number, item, size))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:  # also when whoever asked stops early
            pool.shutdown(wait=True, cancel_futures=True)


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

    size = model_input(model).shape[1:3]
    dog = np.full(len(photos.paths), np.nan, np.float32)
    decoded = tqdm(
        stream(photos.paths, size), total=len(dog), unit="photo", disable=not progress, leave=False
    )
    numbered = enumerate(decoded)
    while group := list(itertools.islice(numbered, 50)):
        if read := {k: photo.pixels for k, photo in group if photo.pixels is not None}:
            batch = scale_to_one(np.stack(list(read.values())))
            dog[list(read)] = model.predict_on_batch(batch)[:, 0]
    known = ~np.isnan(dog)
    if not known.any():
        raise ValueError(f"none of the {len(dog)} photos could be read")
    confusion = np.zeros((2, 2), int)
    np.add.at(confusion, (photos.labels[known], (dog[known] > 0.5).astype(int)), 1)
    return Measurement(dog, confusion)


def accuracy_table(measured: dict[str, Measurement | dict[str, Any]]) -> str:
    """How often the cat–dog network is right, a line for each set of photos.

    Each line has the number of cats and dogs, the share of each that were right, both together, and
    where that share lies with 95 % confidence.

    Args:
        measured: What ``measure`` returned, or a part of the network's ``models.card``, by name.
    """
    lines = [f"{'':30}{'cats + dogs':>15}{'cats':>8}{'dogs':>8}{'all':>8}   95 % interval"]
    for name, found in measured.items():
        if isinstance(found, Measurement):
            table = found.confusion
        else:
            table = np.array([list(row.values()) for row in found["confusion"].values()])
        right, sizes = np.diag(table), table.sum(axis=1)
        both = " + ".join(f"{size:,}" for size in sizes)
        shares = [f"{r / n:.1%}" if n else "–" for r, n in zip(right, sizes, strict=True)]
        shares.append(f"{right.sum() / sizes.sum():.1%}")
        low, high = wilson(int(right.sum()), int(sizes.sum()))
        parts = "".join(f"{share:>8}" for share in shares)
        lines.append(f"{name:30}{both:>15}{parts}   {low:.1%} – {high:.1%}")
    return "\n".join(lines)


def names_a_file(photo: Any) -> bool:
    """Whether a photo is given by its path or address, so that it can be read again."""
    return isinstance(photo, (str, os.PathLike))


def _named(number: int, item: Any) -> tuple[Any, Any]:
    """A photo of a stream with its name: pairs bring one, and a file is named by its path."""
    if isinstance(item, tuple) and len(item) == 2:
        return item
    return (item if names_a_file(item) else f"photo {number}"), item


def _read(number: int, item: Any, size: tuple[int, int]) -> Photo:
    name, photo = _named(number, item)
    try:
        return Photo(str(name), load_photo(remote.contents(photo), size), "")
    except (ValueError, OSError) as error:
        return Photo(str(name), None, str(error))
