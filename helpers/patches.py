"""What excites a unit most: scan many photos once, then rank them for any channel.

The photos flow through in groups, decoded in threads while the network works on those before. Two
numbers are kept for each photo and channel: the highest activation anywhere in the map, and where
it is. To find the photos that excite a channel most is to sort these numbers.

Photos too many for one machine are cut into parts, which ``cluster`` spreads over others. A part is
a number of whole groups, so the arithmetic is the same, and so is the ranking.
"""

import contextlib
import functools
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from helpers import cluster
from helpers.activations import feature_maps
from helpers.datasets import FEW, Photo, Photos, photo_files, stream
from helpers.layers import model_input, name_of, output_shape, walk
from helpers.ranking import Hit, Ranking, Table, strongest
from helpers.receptive_field import receptive_field

#: Photos the network takes at once. It is always this many (a last, smaller group is filled up),
#: because another number may change the last digit of a result, and with it the ranking.
GROUP = 8

GPU_NUMBERS = 500_000_000  #: that all maps of a group hold at most on a GPU: 2 GB
MAX_KEPT = 100_000_000  #: numbers that maps kept with ``each_unit=True`` hold at most: 400 MB
OUTSIDE = 128  #: brightness of what lies outside the photo in a patch


class Part(NamedTuple):
    """What a group of photos gave; parts in their order make a scan."""

    count: int  # photos, with those that could not be read
    errors: dict[int, str]  # why they could not, by photo
    pixels: dict[int, np.ndarray]  # by photo
    tables: dict[str, Table]  # by layer; none if no photo could be read
    maps: dict[str, list[np.ndarray]]  # whole maps by layer, if they were asked for


@dataclass(frozen=True)
class _Job:
    """What to do with every photo."""

    shapes: dict[str, tuple[int, int, int]]  # of the layers' maps
    size: tuple[int, int]
    prepare: Callable[[np.ndarray], np.ndarray]
    each_unit: bool


@dataclass(frozen=True, eq=False, repr=False)
class Scan:
    """A finished scan.

    Photos that could not be read have a ``name`` and an ``error``, and no ``pixels``. Of many, and
    of those that a cluster scanned, the pixels are read again when they are asked for.
    """

    photos: Photos  #: all, in their order, as the network saw them
    rankings: dict[str, Ranking]  #: by layer name; ``scan["conv3"]`` is short for one of them

    @property
    def skipped(self) -> list[Photo]:
        """The photos that could not be read."""
        return [self.photos[number] for number in self.photos.errors]

    def __getitem__(self, layer: str) -> Ranking:
        """The ranking of a layer; a ValueError lists the layers there are."""
        if layer not in self.rankings:
            raise ValueError(f"no layer {layer!r} in this scan; it has {', '.join(self.rankings)}")
        return self.rankings[layer]

    def __repr__(self) -> str:
        """How many photos were scanned, and which layers."""
        layers = ", ".join(
            f"{name} ({ranking.map_shape[2]} channels)" for name, ranking in self.rankings.items()
        )
        lost = len(self.skipped)
        skipped = f", {lost} skipped" if lost else ""
        return f"Scan of {len(self.photos) - lost:,} photos{skipped}: {layers}"

    def patch(self, layer: str, hit: Hit) -> np.ndarray:
        """The part of a photo that a unit sees, uint8 (rows, cols, 3), ready to be drawn.

        It has the field's size; what lies outside the photo (the network sees zeros there) is
        gray. A field larger than the photo would be gray for the most part: of that, what is
        inside lies in the middle of a square as large as the photo.
        """
        photo, field = self.photos[hit.photo].pixels, self[layer].field
        if field is None:
            return photo
        top, left, bottom, right = field.box(hit.row, hit.col)
        seen = photo[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        rows, cols = seen.shape[:2]
        if min(field.size) < max(photo.shape[:2]):
            size, at = field.size, (max(-top, 0), max(-left, 0))
        else:
            side = max(photo.shape[:2])
            size, at = (side, side), ((side - rows) // 2, (side - cols) // 2)
        patch = np.full((*size, 3), OUTSIDE, np.uint8)
        patch[at[0] : at[0] + rows, at[1] : at[1] + cols] = seen
        return patch


def scan(
    model: Any,
    layers: str | int | Sequence[str | int],
    photos: str | os.PathLike | Iterable[Any],
    prepare: Callable[[np.ndarray], np.ndarray],
    each_unit: bool = False,
    progress: bool = True,
    client: Any = None,
) -> Scan:
    """Run many photos through a model once; rank them for every channel of the layers.

    A photo counts for a channel by the highest activation anywhere in the channel's map. Of equal
    ones the first counts more, and of equal places the topmost, then leftmost (in a map of zeros
    the middle).

    Args:
        model: A ``keras.Model`` that takes photos of a fixed size.
        layers: Names or indexes of one or several layers, of any kind.
        photos: A folder, or any iterable of paths, addresses that fsspec knows (``s3://…``),
            arrays, bytes or (name, photo) pairs; gone through only once. What can't be read is
            skipped, and named at the end.
        prepare: Turns uint8 photos (n, rows, cols, 3) into what the model takes, such as
            ``images.prepare`` for VGG16 or ``images.scale_to_one`` for the cat–dog network.
        each_unit: Keep the whole maps, so that every single unit (row, col, channel) can be asked
            for as well.
        progress: Whether to show a bar.
        client: A ``distributed.Client``: its workers do the work, and find the photos under the
            paths or addresses given. The result is the same, to the last bit where this process
            computes as they do. See ``helpers.cluster`` and docs/many_photos.md.

    Raises:
        FileNotFoundError: There is no such folder.
        ImportError: A package is missing that a cluster or an address needs; it says which.
        ValueError: No such layer, no photo that could be read, a model that takes something else
            than photos of one size or cannot travel, more single units than can be kept, or for
            a cluster photos that are no files.

    Example:
        >>> from helpers import collection, images, models
        >>> network, cats = models.load_cat_dog(), collection.files("cats")[:20]
        >>> found = scan(network, "conv4", cats, images.scale_to_one, progress=False)
        >>> found
        Scan of 20 photos: conv4 (128 channels)
        >>> hits = found["conv4"].best(channel=5)
        >>> len(hits), found.patch("conv4", hits[0]).shape
        (9, (38, 38, 3))
    """
    from tqdm.auto import tqdm

    layers = [layers] if isinstance(layers, (str, int)) else layers
    names = [name_of(model, layer) for layer in layers]
    if not names:
        raise ValueError("name at least one layer to scan")
    size, shapes = _photo_size(model), {name: _map_shape(model, name) for name in names}
    if isinstance(photos, (str, os.PathLike)):
        photos = photo_files(photos)
    if not isinstance(photos, Iterable) or getattr(photos, "ndim", 4) != 4:
        raise ValueError(
            f"photos come as a folder, an array (n, rows, cols, 3), or a list or iterator of "
            f"paths, arrays or (name, photo) pairs, not as {type(photos).__name__}"
        )
    total = len(photos) if hasattr(photos, "__len__") else None
    units = each_unit * sum(map(math.prod, shapes.values()))
    job, seen = _Job(shapes, size, prepare, each_unit), Photos(size)
    found, maps = {name: [] for name in names}, {name: [] for name in names}
    noted, scanned, ranked = seen.noted(photos), 0, 0
    parts = _groups(job, model, noted) if client is None else _spread(client, job, model, noted)
    bar = tqdm(total=total, unit="photo", disable=not progress, leave=False)
    with bar, contextlib.closing(parts):
        for part in parts:
            scanned += part.count
            if units * max(total or 0, scanned) > MAX_KEPT:
                raise ValueError(
                    f"{', '.join(names)} have {units:,} units; with each_unit=True at most "
                    f"{MAX_KEPT // units:,} photos fit, so choose deeper layers or fewer photos"
                )
            seen.errors.update(part.errors)
            for number, pixels in part.pixels.items():
                seen.keep(number, pixels)
            for name, table in part.tables.items():
                found[name].append(table)
                maps[name] += part.maps[name]
            ranked += part.count - len(part.errors)
            if ranked > FEW and not each_unit:
                found, ranked = {name: [strongest(found[name])] for name in names}, 0
            bar.update(part.count)
    result = Scan(seen, {})
    skipped = result.skipped
    reasons = "; ".join(f"{photo.name}: {photo.error}" for photo in skipped[:5])
    if len(skipped) == len(seen):
        raise ValueError(f"none of {len(seen)} photos could be read. {reasons}")
    if skipped:
        more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
        print(f"Skipped {len(skipped)} of {len(seen):,} photos. {reasons}{more}")
    for name, tables in found.items():
        many = tables[0].photos.ndim == 2
        table = (
            strongest(tables) if many else Table(*map(np.concatenate, zip(*tables, strict=True)))
        )
        field = None
        with contextlib.suppress(ValueError):  # branches, or a layer that looks at everything
            field = receptive_field(model, name)
        result.rankings[name] = Ranking(
            name, shapes[name], field, *table, maps[name] if each_unit else None
        )
    return result


def _groups(job: _Job, model: Any, photos: Iterable[Any], first: int = 0) -> Iterator[Part]:
    """Scan photos group by group; the first one has the number ``first``."""
    size = group_size(model)
    with contextlib.closing(stream(photos, job.size)) as decoded:
        while group := list(itertools.islice(decoded, size)):
            numbered = dict(enumerate(group, first))
            errors = {k: photo.error for k, photo in numbered.items() if photo.pixels is None}
            pixels = {k: photo.pixels for k, photo in numbered.items() if k not in errors}
            tables, kept = {}, {}
            if pixels:
                batch = [*pixels.values()]
                batch = job.prepare(np.stack(batch + batch[-1:] * (size - len(batch))))
                lots = np.array([np.random.default_rng((2, number)).random(2) for number in pixels])
                for name, maps in feature_maps(model, batch, list(job.shapes)).items():
                    maps = maps[: len(pixels)].reshape(len(pixels), *job.shapes[name])
                    tables[name] = Table(np.array([*pixels]), *_highest(maps), lots)
                    if not np.isfinite(tables[name].values).all():
                        raise ValueError(f"{name} answers with NaN or infinity")
                    kept[name] = [*maps] if job.each_unit else []
            yield Part(len(group), errors, pixels, tables, kept)
            first += len(group)


def _spread(client: Any, job: _Job, model: Any, photos: Iterable[Any]) -> Iterator[Part]:
    """The same by the workers of a cluster."""
    work = functools.partial(_without_pixels, job)
    with contextlib.closing(cluster.spread(client, work, model, photos)) as parts:
        for groups in parts:
            yield from groups


def _without_pixels(job: _Job, model: Any, photos: list[Any], first: int) -> list[Part]:
    """A worker's part of a scan; the photos themselves stay where they are."""
    return [group._replace(pixels={}) for group in _groups(job, model, photos, first)]


def group_size(model: Any) -> int:
    """How many photos a network takes at once: ``GROUP``, or on a GPU as many as its memory holds.

    A power of 2 up to ``cluster.PART``; it follows from the model, so that workers agree on it.
    """
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return GROUP
    return max(GROUP, min(cluster.PART, 1 << (GPU_NUMBERS // _numbers(model)).bit_length() >> 1))


def _numbers(model: Any) -> int:
    """About how many numbers all maps of one photo hold, those of nested models too."""
    found = 1
    for name in walk(model):
        with contextlib.suppress(ValueError, TypeError):  # of any size, or several outputs
            found += math.prod(output_shape(name, model)[1:])
    return found


def _highest(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The highest number of each map, and its place; the middle in a map of zeros."""
    count, rows, cols, channels = maps.shape
    flat = maps.reshape(count, rows * cols, channels)
    values, places = flat.max(axis=1), flat.argmax(axis=1)  # the topmost, then leftmost
    places[values == 0] = rows // 2 * cols + cols // 2
    return values, places


def _map_shape(model: Any, layer: str) -> tuple[int, int, int]:
    *sides, channels = output_shape(layer, model)[1:]
    if len(sides) not in (0, 2):
        raise ValueError(f"{layer} gives {(None, *sides, channels)}, no maps (rows, cols, out)")
    return (*(sides or (1, 1)), channels)


def _photo_size(model: Any) -> tuple[int, int]:
    shape = tuple(model_input(model).shape)
    if len(shape) != 4 or shape[-1] != 3 or None in shape[1:]:
        raise ValueError(
            f"{model.name} takes {shape}, not photos (None, rows, cols, 3) of a fixed size; "
            f"build it with an input_shape such as (128, 128, 3)"
        )
    return shape[1:3]
