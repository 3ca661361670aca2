"""What excites a unit most: scan many photos once, then rank them for any channel.

The photos flow through in groups, decoded in threads while the network works on those before. Two
numbers are kept for each photo and channel: the highest activation anywhere in the map, and where
it is. To find the photos that excite a channel most is to sort these numbers.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from helpers.activations import feature_maps
from helpers.datasets import Photo, photo_files, stream
from helpers.layers import check_index, find, model_input, output_shape
from helpers.receptive_field import ReceptiveField, receptive_field

#: Photos the network takes at once. It is always this many (a last, smaller group is filled up),
#: because another number may change the last digit of a result, and with it the ranking.
GROUP = 8

#: Numbers that the maps kept with ``each_unit=True`` hold at most: 400 MB.
MAX_KEPT = 100_000_000

#: Brightness of what lies outside the photo in a patch.
OUTSIDE = 128


class Hit(NamedTuple):
    """One photo that excites a unit, and where."""

    photo: int  # its number in the scan, from 0
    value: float  # the unit's activation
    row: int  # of the unit in its feature map
    col: int


class Ranking(NamedTuple):
    """How strongly each of n photos excites the channels of one layer, sorted when asked.

    Attributes:
        layer: The layer's name.
        map_shape: (rows, cols, channels) of its feature map; (1, 1, units) for a dense layer.
        field: Receptive field of its units, or None if each of them sees the whole photo.
        photos: int (n,): the photos' numbers in the scan.
        values: float32 (n, channels): the highest activation of each photo in each channel's map.
        places: int (n, channels): where that is, as row · cols + col.
        lots: float (n, 2), 0–1: lots that are drawn for each photo, the same in every scan.
        maps: The whole maps of every photo, float32, if single units can be ranked as well.
    """

    layer: str
    map_shape: tuple[int, int, int]
    field: ReceptiveField | None
    photos: np.ndarray
    values: np.ndarray
    places: np.ndarray
    lots: np.ndarray
    maps: list[np.ndarray] | None

    def best(
        self, channel: int, row: int | None = None, col: int | None = None, count: int = 9
    ) -> list[Hit]:
        """The photos that excite a channel most, strongest first.

        With ``row`` and ``col`` only that unit counts, wherever else the channel is active.

        Raises:
            ValueError: No such channel or unit, or a scan without ``each_unit=True``.
        """
        if row is None and col is None:
            values, places = self._channel(channel)
        elif row is None or col is None:
            raise ValueError("a unit has both a row and a col; give both or neither")
        elif self.maps is None:
            raise ValueError("for single units scan with each_unit=True: this scan ranked channels")
        else:
            asked = zip((row, col, channel), self.map_shape, ("row", "col", "channel"), strict=True)
            unit = tuple(check_index(*each, self.layer) for each in asked)
            values = np.array([maps[unit] for maps in self.maps])
            places = np.full(len(values), unit[0] * self.map_shape[1] + unit[1])
        # stable: of equal values the earlier photo comes first
        return self._hits(np.argsort(-values, kind="stable")[:count], values, places)

    def exciting(self, channel: int, row: int | None = None, col: int | None = None) -> list[Hit]:
        """``best`` without the photos that leave the channel or the unit at 0 or below."""
        return [hit for hit in self.best(channel, row, col) if hit.value > 0]

    def least(self, channel: int, count: int = 9) -> list[Hit]:
        """The photos that excite a channel least, weakest first, each at its strongest place.

        Where a photo leaves the whole map at 0, the place is the map's middle; of several such
        photos some are drawn at random.
        """
        values, places = self._channel(channel)
        return self._hits(np.lexsort((-self.lots[:, 1], values))[:count], values, places)

    def drawn(self, channel: int, count: int = 9) -> list[Hit]:
        """Photos drawn at random, the same for all channels, each at its strongest place."""
        return self._hits(np.argsort(-self.lots[:, 0])[:count], *self._channel(channel))

    def by_strength(self) -> np.ndarray:
        """Channels from the one with the highest activation to the one with the lowest."""
        return np.argsort(-self.values.max(axis=0), kind="stable")

    def _channel(self, channel: int) -> tuple[np.ndarray, np.ndarray]:
        channel = check_index(channel, self.map_shape[2], "channel", self.layer)
        return self.values[:, channel], self.places[:, channel]

    def _hits(self, order: np.ndarray, values: np.ndarray, places: np.ndarray) -> list[Hit]:
        photos, values, places = (kept[order].tolist() for kept in (self.photos, values, places))
        spots = [divmod(place, self.map_shape[1]) for place in places]
        return [Hit(*found, *spot) for *found, spot in zip(photos, values, spots, strict=True)]


@dataclass(frozen=True, eq=False, repr=False)
class Scan:
    """A finished scan.

    Attributes:
        photos: All photos in their order, as the network saw them; those that could not be read
            have a ``name`` and an ``error``, and no ``pixels``.
        rankings: A ``Ranking`` by layer name; ``scan["conv3"]`` is short for one of them.
    """

    photos: list[Photo]
    rankings: dict[str, Ranking]

    @property
    def skipped(self) -> list[Photo]:
        """The photos that could not be read."""
        return [photo for photo in self.photos if photo.pixels is None]

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
) -> Scan:
    """Run many photos through a model once; rank them for every channel of the layers.

    A photo counts for a channel by the highest activation anywhere in the channel's map. Of equal
    ones the first counts more, and of equal places the topmost, then leftmost (in a map of zeros
    the middle).

    Args:
        model: A ``keras.Model`` that takes photos of a fixed size.
        layers: Names or indexes of one or several layers, of any kind.
        photos: A folder, or any iterable of paths, arrays, bytes or (name, photo) pairs; read
            only once. What can't be read is skipped, and named at the end.
        prepare: Turns uint8 photos (n, rows, cols, 3) into what the model takes, such as
            ``images.prepare`` for VGG16 or ``images.scale_to_one`` for the cat–dog network.
        each_unit: Keep the whole maps, so that every single unit (row, col, channel) can be asked
            for as well.
        progress: Whether to show a bar.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: No such layer, no photo that could be read, a model that takes something else
            than photos of one size, or more single units than can be kept.

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
    names = [find(model, layer).name for layer in layers]
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
    units = each_unit * sum(int(np.prod(shape)) for shape in shapes.values())
    seen, found, decoded = [], {name: [] for name in names}, stream(photos, size)
    with tqdm(total=total, unit="photo", disable=not progress, leave=False) as bar:
        while group := list(itertools.islice(decoded, GROUP)):
            seen += group
            if units * max(total or 0, len(seen)) > MAX_KEPT:
                raise ValueError(
                    f"{', '.join(names)} have {units:,} units; with each_unit=True at most "
                    f"{MAX_KEPT // units:,} photos fit, so choose deeper layers or fewer photos"
                )
            if pixels := [photo.pixels for photo in group if photo.pixels is not None]:
                batch = prepare(np.stack(pixels + pixels[-1:] * (GROUP - len(pixels))))
                for name, maps in feature_maps(model, batch, names).items():
                    maps = maps[: len(pixels)].reshape(len(pixels), *shapes[name])
                    found[name].append((*_highest(maps), maps if each_unit else ()))
            bar.update(len(group))
    result = Scan(seen, {})
    skipped = result.skipped
    reasons = "; ".join(f"{photo.name}: {photo.error}" for photo in skipped[:5])
    if len(skipped) == len(seen):
        raise ValueError(f"none of {len(seen)} photos could be read. {reasons}")
    if skipped:
        more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
        print(f"Skipped {len(skipped)} of {len(seen):,} photos. {reasons}{more}")
    numbers = np.array([k for k, photo in enumerate(seen) if photo.pixels is not None])
    lots = np.array([np.random.default_rng((2, int(number))).random(2) for number in numbers])
    for name, groups in found.items():
        values, places, kept = zip(*groups, strict=True)
        values, places = np.concatenate(values), np.concatenate(places)
        if not np.isfinite(values).all():
            raise ValueError(f"{name} answers with NaN or infinity")
        field, maps = None, [each for group in kept for each in group] if each_unit else None
        with contextlib.suppress(ValueError):  # branches, or a layer that looks at everything
            field = receptive_field(model, name)
        result.rankings[name] = Ranking(
            name, shapes[name], field, numbers, values, places, lots, maps
        )
    return result


def _highest(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The highest number of each map, and its place; the middle in a map of zeros."""
    count, rows, cols, channels = maps.shape
    flat = maps.reshape(count, rows * cols, channels)
    values, places = flat.max(axis=1), flat.argmax(axis=1)  # the topmost, then leftmost
    places[values == 0] = rows // 2 * cols + cols // 2
    return values, places


def _map_shape(model: Any, layer: str) -> tuple[int, int, int]:
    *sides, channels = output_shape(find(model, layer))[1:]
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
