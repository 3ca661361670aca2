"""What excites a unit most: scan many photos once, keep the best few for every channel.

The photos flow through: decoded in threads while the network works on those before, then let go.
What is kept is the ranking, so memory does not grow with their number.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from helpers.datasets import Photo, stream
from helpers.images import load_photo
from helpers.layers import check_index, find, model_input, output_shape
from helpers.memory import give_back_freed
from helpers.receptive_field import ReceptiveField, receptive_field

#: Photos the network takes at once. It is always this many (a last, smaller group is filled up),
#: because another number may change the last digit of a result, and with it the ranking.
GROUP = 8

#: Units × top kept at most with ``each_unit=True``: 100 MB of rankings.
MAX_KEPT = 12_500_000

#: How kept photos are packed: quality 95, colors as fine as brightness.
FINE_JPEG = (
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)

#: Brightness of what lies outside the photo in a patch.
OUTSIDE = 128


class Hit(NamedTuple):
    """One photo that excites a unit, and where.

    Attributes:
        photo: The photo's number in the scan, from 0.
        value: The unit's activation.
        row: Row of the unit in its feature map.
        col: Its column.
    """

    photo: int
    value: float
    row: int
    col: int


class Skipped(NamedTuple):
    """A photo that could not be read, and why."""

    name: str
    reason: str


class Ranking:
    """The photos that excite one layer's channels most; and, to compare, others.

    Attributes:
        layer: The layer's name.
        map_shape: (rows, cols, channels) of its feature map; (1, 1, units) for a dense layer.
        field: Receptive field of its units, or None if each of them sees the whole photo.
        values: float32 (channels, top): the highest activations of each channel anywhere in its
            map, each photo counted once, highest first; -inf where there were too few photos.
        photos: int32 (channels, top): which photo it was; -1 where there were too few.
        rows: int32 (channels, top): in which row of the map.
        cols: int32 (channels, top): in which column.
        each_unit: Whether single units were ranked as well.
    """

    def __init__(
        self,
        layer: str,
        map_shape: tuple[int, int, int],
        field: ReceptiveField | None,
        top: int,
        each_unit: bool,
    ) -> None:
        """An empty ranking, filled by ``scan``."""
        self.layer, self.map_shape, self.field = layer, map_shape, field
        channels = map_shape[2]
        self._best, self._least, self._drawn = (_Placed(channels, top) for _ in range(3))
        self._units = _Best(int(np.prod(map_shape)), top) if each_unit else None

    values = property(lambda self: self._best.values)
    photos = property(lambda self: self._best.photos)
    rows = property(lambda self: self._best.rows)
    cols = property(lambda self: self._best.cols)
    each_unit = property(lambda self: self._units is not None)

    def best(self, channel: int, row: int | None = None, col: int | None = None) -> list[Hit]:
        """The photos that excite a channel most, strongest first.

        Args:
            channel: From 0.
            row: With ``col``: only this unit counts, wherever else the channel is active. Needs
                a scan with ``each_unit=True``.
            col: See ``row``.

        Raises:
            ValueError: No such channel or unit, or single units were not ranked.
        """
        rows, cols, channels = self.map_shape
        channel = check_index(channel, channels, "channel", self.layer)
        if (row is None) != (col is None):
            raise ValueError("a unit has both a row and a col; give both or neither")
        if row is None:
            return self._best.hits(channel)
        if self._units is None:
            raise ValueError(
                "this scan ranked channels anywhere in the map; "
                "for single units scan with each_unit=True"
            )
        row = check_index(row, rows, "row", self.layer)
        col = check_index(col, cols, "col", self.layer)
        unit = (row * cols + col) * channels + channel
        found = zip(self._units.photos[unit], self._units.scores[unit], strict=True)
        return [Hit(int(photo), float(value), row, col) for photo, value in found if photo >= 0]

    def least(self, channel: int) -> list[Hit]:
        """The photos that excite a channel least, weakest first, each at its strongest place.

        Where a photo leaves the whole map at 0, the place is the map's middle; of several such
        photos some are drawn at random.

        Raises:
            ValueError: No such channel.
        """
        return self._least.hits(check_index(channel, self.map_shape[2], "channel", self.layer))

    def drawn(self, channel: int) -> list[Hit]:
        """Photos drawn at random, the same for all channels, each at its strongest place.

        The same scan draws the same photos every time.

        Raises:
            ValueError: No such channel.
        """
        return self._drawn.hits(check_index(channel, self.map_shape[2], "channel", self.layer))

    def by_strength(self) -> np.ndarray:
        """Channels from the one with the highest activation to the one with the lowest."""
        return np.argsort(-self.values[:, 0], kind="stable")

    def silent(self) -> np.ndarray:
        """Channels that no photo excited: their highest activation is 0 or less."""
        return np.flatnonzero(self.values[:, 0] <= 0)

    def _merge(self, maps: np.ndarray, maxima: np.ndarray, photos: np.ndarray) -> None:
        """Take in one group: maps (n, rows, cols, channels), their maxima and photo numbers."""
        lots = np.float32([np.random.default_rng((2, int(photo))).random(2) for photo in photos])
        drawn, of_silent = (np.broadcast_to(lot[:, np.newaxis], maxima.shape) for lot in lots.T)
        least = np.where(maxima == 0, of_silent, np.where(maxima < 0, 1 - maxima, -maxima))
        for placed, scores in ((self._best, maxima), (self._least, least), (self._drawn, drawn)):
            placed.merge(scores, maps, maxima, photos)
        if self._units is not None:
            self._units.merge(maps.reshape(len(maps), -1), photos)

    def _used(self) -> set[int]:
        """Numbers of all photos in the ranking."""
        groups = [placed.photos for placed in (self._best, self._least, self._drawn)]
        if self._units is not None:
            groups.append(self._units.photos)
        return set(np.unique(np.concatenate([group.ravel() for group in groups])).tolist())


class Scan:
    """A finished scan: rankings by layer, and the photos to show for them.

    Attributes:
        names: The photos' names in their order, those that could not be read included.
        skipped: What could not be read, and why.
        size: (rows, cols) of the photos.
        rankings: A ``Ranking`` by layer name; ``scan["conv3"]`` is short for one of them.
    """

    def __init__(self, size: tuple[int, int], rankings: dict[str, Ranking]) -> None:
        """An empty scan, filled by ``scan``."""
        self.size, self.rankings = size, rankings
        self.names: list[str] = []
        self.skipped: list[Skipped] = []
        self._sources: dict[int, Any] = {}
        self._shown: dict[int, np.ndarray] = {}

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
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"Scan of {len(self.names) - len(self.skipped):,} photos{skipped}: {layers}"

    def photo(self, number: int) -> np.ndarray:
        """A photo as the network saw it, uint8 (rows, cols, 3), read again from its file.

        Photos that came as arrays or bytes without a list of their own are kept only while they
        are in a ranking, as JPEG of quality 95; these may differ a little from what was scanned.

        Raises:
            ValueError: No such photo, one that could not be read, or one no longer kept.
        """
        if number not in self._shown:
            if number not in self._sources:
                check_index(number, len(self.names), "photo", "this scan")
                raise ValueError(f"photo {number} ({self.names[number]}) is not in any ranking")
            if len(self._shown) >= 512:
                self._shown.clear()
            self._shown[number] = load_photo(self._sources[number], self.size)
        return self._shown[number]

    def patch(self, layer: str, hit: Hit) -> np.ndarray:
        """The part of a photo that a unit sees: uint8 (rows, cols, 3), the field's size.

        What lies outside the photo (the network sees zeros there) is grey.
        """
        photo, field = self.photo(hit.photo), self[layer].field
        if field is None:
            return photo
        top, left, bottom, right = field.box(hit.row, hit.col)
        patch = np.full((bottom - top, right - left, 3), OUTSIDE, np.uint8)
        inside = photo[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        row, col = max(-top, 0), max(-left, 0)
        patch[row : row + inside.shape[0], col : col + inside.shape[1]] = inside
        return patch


def scan(
    model: Any,
    layers: str | int | Sequence[str | int],
    photos: str | os.PathLike | Iterable[Any],
    prepare: Callable[[np.ndarray], np.ndarray],
    top: int = 9,
    size: tuple[int, int] | None = None,
    each_unit: bool = False,
    batch: int = 32,
    workers: int | None = None,
    progress: bool = True,
) -> Scan:
    """Run many photos through a model once; rank them for every channel of the layers.

    A photo counts for a channel by the highest activation anywhere in the channel's map. Of equal
    ones the first counts more, and of equal places the topmost, then leftmost (in a map of zeros
    the middle). To compare, the photos that excite a channel least are kept as well, and some that
    are drawn at random, the same for every channel. The result is the
    same, to the last bit, whatever ``batch`` and ``workers``.

    Args:
        model: A ``keras.Model``.
        layers: Names or indexes of one or several layers, of any kind.
        photos: A folder, or any iterable of paths, arrays, bytes or (name, photo) pairs; read
            only once. What can't be read is skipped, and named at the end.
        prepare: Turns uint8 photos (n, rows, cols, 3) into what the model takes, such as
            ``images.prepare`` for VGG16 or ``images.scale_to_one`` for the cat–dog network.
        top: Photos kept for each channel.
        size: (rows, cols) the photos are cut and resized to; by default what the model takes.
        each_unit: Rank the photos for every single unit (row, col, channel) as well.
        batch: Photos decoded ahead of the network; more need more memory.
        workers: Threads that decode; by default one for each processor, at most 8.
        progress: Whether to show a bar.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: No such layer, no photo that could be read, a size is missing or wrong, or
            more single units than can be kept.
    """
    from tqdm.auto import tqdm

    if top < 1 or batch < 1:
        raise ValueError(f"top and batch are at least 1, not {top} and {batch}")
    wanted = [layers] if isinstance(layers, (str, int)) else list(layers)
    if not wanted:
        raise ValueError("name at least one layer to scan")
    targets = {layer.name: layer for layer in (find(model, name) for name in wanted)}
    size = _photo_size(model, size)
    forward = _forward(model, targets, size)
    rankings = {
        name: _ranking(model, layer, size, top, each_unit) for name, layer in targets.items()
    }
    result = Scan(size, rankings)
    source = _files_or_items(photos)
    total = len(source) if hasattr(source, "__len__") else None
    keeper = _Keeper(result, borrowed=isinstance(source, (list, tuple)))

    group: list[tuple[int, Photo]] = []
    with tqdm(total=total, unit="photo", disable=not progress, leave=False) as bar:
        for number, photo in enumerate(stream(source, size, batch + GROUP, workers)):
            result.names.append(photo.name)
            if photo.pixels is None:
                result.skipped.append(Skipped(photo.name, photo.error))
                bar.update()
                continue
            group.append((number, photo))
            if len(group) == GROUP:
                _take_in(group, forward, prepare, rankings, keeper)
                bar.update(GROUP)
                group = []
        if group:
            _take_in(group, forward, prepare, rankings, keeper)
            bar.update(len(group))
    keeper.tidy()
    if len(result.skipped) == len(result.names):
        first = f"; the first: {result.skipped[0].reason}" if result.skipped else ""
        raise ValueError(f"none of {len(result.names)} photos could be read{first}")
    if result.skipped:
        print(_report(result))
    return result


def input_gradient(
    model: Any, layer: str | int, batch: np.ndarray, row: int, col: int, channel: int
) -> np.ndarray:
    """How strongly each pixel of a photo moves one unit: |∂ activation / ∂ pixel|.

    Args:
        model: A ``keras.Model``.
        layer: Name or index of a layer with feature maps.
        batch: One photo as the model takes it, float (1, rows, cols, 3).
        row: Row of the unit in its feature map.
        col: Its column.
        channel: Its channel.

    Returns:
        float32 (rows, cols), summed over the photo's channels; all 0 if the unit is not active.

    Raises:
        ValueError: No such layer or unit.
    """
    import tensorflow as tf

    from helpers.quiet import keras

    target = find(model, layer)
    inner = keras.Model(model_input(model), target.output)
    pixels = tf.convert_to_tensor(np.asarray(batch, np.float32))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        maps = inner(pixels, training=False)
        place = [
            check_index(index, length, what, target.name)
            for index, length, what in zip(
                (row, col, channel), maps.shape[1:], ("row", "col", "channel"), strict=True
            )
        ]
        unit = maps[0, place[0], place[1], place[2]]
    return np.abs(tape.gradient(unit, pixels).numpy()[0]).sum(axis=-1)


class _Best:
    """The top few scores of many units, with the photos they come from."""

    def __init__(self, units: int, top: int) -> None:
        self.scores = np.full((units, top), -np.inf, np.float32)
        self.photos = np.full((units, top), -1, np.int32)

    def merge(self, scores: np.ndarray, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take in scores (n, units) of n later photos.

        Returns:
            The units whose ranking changed; and for each rank its place in (old ranking, group).
        """
        changed = np.flatnonzero(scores.max(axis=0) > self.scores[:, -1])
        if not len(changed):
            return changed, np.empty((0, self.scores.shape[1]), int)
        both = np.concatenate([self.scores[changed], scores[:, changed].T], axis=1)
        # stable: of equal scores the earlier photo stays in front
        places = np.argsort(-both, axis=1, kind="stable")[:, : self.scores.shape[1]]
        numbers = np.broadcast_to(photos.astype(np.int32), (len(changed), len(photos)))
        from_photos = np.concatenate([self.photos[changed], numbers], axis=1)
        self.scores[changed] = np.take_along_axis(both, places, axis=1)
        self.photos[changed] = np.take_along_axis(from_photos, places, axis=1)
        return changed, places


class _Placed(_Best):
    """A ranking of channels that also knows how strong a photo's maximum is, and where."""

    def __init__(self, channels: int, top: int) -> None:
        super().__init__(channels, top)
        self.values = self.scores.copy()
        self.rows, self.cols = self.photos.copy(), self.photos.copy()

    def merge(
        self, scores: np.ndarray, maps: np.ndarray, maxima: np.ndarray, photos: np.ndarray
    ) -> None:
        """Take in one group: scores and maxima (n, channels), maps (n, rows, cols, channels)."""
        changed, places = super().merge(scores, photos)
        top = self.scores.shape[1]
        kept = np.minimum(places, top - 1)
        for stored in (self.values, self.rows, self.cols):
            stored[changed] = np.take_along_axis(stored[changed], kept, axis=1)
        _, height, width, _ = maps.shape
        for number in range(len(photos)):
            entry, rank = np.nonzero(places - top == number)
            channels = changed[entry]
            value = maxima[number, channels]
            flat = maps[number].reshape(height * width, -1)[:, channels].argmax(axis=0)
            flat[value == 0] = height // 2 * width + width // 2
            self.values[channels, rank] = value
            self.rows[channels, rank], self.cols[channels, rank] = np.divmod(flat, width)

    def hits(self, channel: int) -> list[Hit]:
        """A channel's photos, highest score first."""
        found = zip(
            *(a[channel] for a in (self.photos, self.values, self.rows, self.cols)), strict=True
        )
        return [
            Hit(int(photo), float(value), int(row), int(col))
            for photo, value, row, col in found
            if photo >= 0
        ]


class _Keeper:
    """Keeps what is needed to show a ranked photo again, and lets go of the rest."""

    def __init__(self, result: Scan, borrowed: bool) -> None:
        self.result, self.borrowed, self.limit = result, borrowed, 512

    def keep(self, group: list[tuple[int, Photo]]) -> None:
        used = None
        for number, photo in group:
            if self.borrowed or isinstance(photo.source, (str, os.PathLike)):
                self.result._sources[number] = photo.source  # a path, or the caller's own item
                continue
            used = self._used() if used is None else used
            if number in used:
                _, jpeg = cv2.imencode(".jpg", photo.pixels[:, :, ::-1], FINE_JPEG)
                self.result._sources[number] = jpeg.tobytes()
        if len(self.result._sources) > self.limit:
            self.tidy()
            self.limit = 2 * len(self.result._sources) + 512

    def tidy(self) -> None:
        used = self._used()
        kept = {n: source for n, source in self.result._sources.items() if n in used}
        self.result._sources = kept

    def _used(self) -> set[int]:
        return set().union(*(ranking._used() for ranking in self.result.rankings.values()))


def _take_in(
    group: list[tuple[int, Photo]],
    forward: Callable,
    prepare: Callable,
    rankings: dict[str, Ranking],
    keeper: _Keeper,
) -> None:
    """Run one group through the network, filled up to GROUP, and rank it."""
    numbers = np.array([number for number, _ in group])
    pixels = np.stack([photo.pixels for _, photo in group])
    if (missing := GROUP - len(group)) > 0:
        pixels = np.concatenate([pixels, np.repeat(pixels[-1:], missing, axis=0)])
    for name, (maps, maxima, finite) in forward(prepare(pixels)).items():
        if not finite:
            raise ValueError(
                f"{name} answers with NaN or infinity to one of {group[0][1].name} … "
                f"{group[-1][1].name}"
            )
        count = len(group)
        rankings[name]._merge(maps.numpy()[:count], maxima.numpy()[:count], numbers)
    keeper.keep(group)


def _forward(model: Any, targets: dict[str, Any], size: tuple[int, int]) -> Callable:
    """A compiled function: batch → for each layer its maps, their maxima, and if all are finite."""
    import tensorflow as tf

    from helpers.quiet import keras

    give_back_freed()
    inner = keras.Model(model_input(model), {name: layer.output for name, layer in targets.items()})

    spec = tf.TensorSpec((GROUP, *size, model_input(model).shape[-1]))

    @tf.function(input_signature=[spec], autograph=False)  # autograph would write temporary files
    def forward(batch: Any) -> dict[str, tuple]:
        answers = {}
        for name, maps in inner(batch, training=False).items():
            maps = tf.cast(maps, tf.float32)
            if maps.shape.rank == 2:
                maps = maps[:, tf.newaxis, tf.newaxis]
            finite = tf.reduce_all(tf.math.is_finite(maps))
            answers[name] = maps, tf.reduce_max(maps, axis=(1, 2)), finite
        return answers

    return forward


def _ranking(model: Any, layer: Any, size: tuple[int, int], top: int, each_unit: bool) -> Ranking:
    shape = output_shape(layer)
    if len(shape) not in (2, 4):
        raise ValueError(f"{layer.name} gives {shape}, no feature map (None, rows, cols, channels)")
    if len(shape) == 2:
        map_shape, field = (1, 1, shape[-1]), None
    else:
        if None in shape[1:]:
            shape = tuple(_map_shape(model, layer, size))
        map_shape = tuple(shape[1:])
        try:
            field = receptive_field(model, layer.name)
        except ValueError:  # branches, or a layer that looks at everything
            field = None
    if each_unit and np.prod(map_shape) * top > MAX_KEPT:
        raise ValueError(
            f"{layer.name} has {int(np.prod(map_shape)):,} units; with each_unit=True at most "
            f"{MAX_KEPT // top:,} can be ranked for a top {top}, so choose a deeper layer or fewer"
        )
    return Ranking(layer.name, map_shape, field, top, each_unit)


def _map_shape(model: Any, layer: Any, size: tuple[int, int]) -> tuple[int | None, ...]:
    """Shape of a layer's output for photos of a size, for models that take any size."""
    from helpers.quiet import keras

    outer = keras.KerasTensor((GROUP, *size, model_input(model).shape[-1]))
    return tuple(keras.Model(model_input(model), layer.output).compute_output_spec(outer).shape)


def _photo_size(model: Any, size: tuple[int, int] | None) -> tuple[int, int]:
    shape = model_input(model).shape
    if len(shape) != 4 or shape[-1] != 3:
        raise ValueError(f"{model.name} takes {tuple(shape)}, not photos (None, rows, cols, 3)")
    takes = tuple(shape[1:3])
    if size is None:
        if None in takes:
            raise ValueError(f"{model.name} takes photos of any size; say which: size=(128, 128)")
        return takes
    size = tuple(int(length) for length in size)
    if len(size) != 2 or any(t not in (None, s) for t, s in zip(takes, size, strict=True)):
        raise ValueError(f"{model.name} takes photos of {takes}, not {size}")
    return size


def _files_or_items(photos: Any) -> Any:
    from helpers.datasets import photo_files

    if isinstance(photos, (str, os.PathLike)):
        return photo_files(photos)
    if isinstance(photos, np.ndarray):
        if photos.ndim != 4:
            raise ValueError(f"an array of photos is (n, rows, cols, 3), not {photos.shape}")
        return list(photos)
    if not isinstance(photos, Iterable):
        raise ValueError(
            f"photos come as a folder, or a list or iterator of paths, arrays or (name, photo) "
            f"pairs, not as {type(photos).__name__}"
        )
    return photos


def _report(result: Scan) -> str:
    shown = "; ".join(f"{skipped.name}: {skipped.reason}" for skipped in result.skipped[:5])
    more = f"; and {len(result.skipped) - 5} more" if len(result.skipped) > 5 else ""
    return f"Skipped {len(result.skipped)} of {len(result.names):,} photos. {shown}{more}"
