"""Photos in the order in which they excite a channel: what a scan found, sorted when asked."""

from typing import NamedTuple

import numpy as np

from helpers.datasets import FEW
from helpers.layers import check_index
from helpers.receptive_field import ReceptiveField

#: Of more than ``FEW`` photos, so many of each channel's strongest, weakest and drawn are kept.
KEPT = 100


class Hit(NamedTuple):
    """One photo that excites a unit, and where."""

    photo: int  # its number in the scan, from 0
    value: float  # the unit's activation
    row: int  # of the unit in its feature map
    col: int


class Table(NamedTuple):
    """What n photos did to the channels of one layer: each photo's strongest place."""

    photos: np.ndarray  # int (n,): their numbers in the scan
    values: np.ndarray  # float32 (n, channels): the highest activation in each channel's map
    places: np.ndarray  # int (n, channels): where that is, as row · cols + col
    lots: np.ndarray  # float (n, 2), 0–1: drawn for each photo, the same in every scan


class Ranking(NamedTuple):
    """How strongly each of n photos excites the channels of one layer, sorted when asked.

    Photos, values, places and lots are those of a ``Table``. Of more than ``datasets.FEW`` photos
    each channel keeps its own: its strongest, its weakest and some drawn. Then ``photos`` is
    (3 · KEPT, channels), and ``lots`` (3 · KEPT, channels, 2).
    """

    layer: str  #: its name
    map_shape: tuple[int, int, int]  #: (rows, cols, channels); (1, 1, units) for a dense layer
    field: ReceptiveField | None  #: of its units; None if each of them sees the whole photo
    photos: np.ndarray
    values: np.ndarray
    places: np.ndarray
    lots: np.ndarray
    maps: list[np.ndarray] | None  #: every photo's, float32, if single units can be ranked as well

    def best(
        self, channel: int, row: int | None = None, col: int | None = None, count: int = 9
    ) -> list[Hit]:
        """The photos that excite a channel most, strongest first.

        With ``row`` and ``col`` only that unit counts, wherever else the channel is active.

        Raises:
            ValueError: No such channel or unit, or a scan without ``each_unit=True``.
        """
        if row is None and col is None:
            table = self._channel(channel, count)
        elif row is None or col is None:
            raise ValueError("a unit has both a row and a col; give both or neither")
        elif self.maps is None:
            raise ValueError("for single units scan with each_unit=True: this scan ranked channels")
        else:
            asked = zip((row, col, channel), self.map_shape, ("row", "col", "channel"), strict=True)
            unit = tuple(check_index(*each, self.layer) for each in asked)
            values = np.array([maps[unit] for maps in self.maps])
            places = np.full(len(values), unit[0] * self.map_shape[1] + unit[1])
            table = Table(self.photos, values, places, self.lots)
        # stable: of equal values the earlier photo comes first
        return self._hits(np.argsort(-table.values, kind="stable")[:count], table)

    def exciting(self, channel: int, row: int | None = None, col: int | None = None) -> list[Hit]:
        """``best`` without the photos that leave the channel or the unit at 0 or below."""
        return [hit for hit in self.best(channel, row, col) if hit.value > 0]

    def least(self, channel: int, count: int = 9) -> list[Hit]:
        """The photos that excite a channel least, weakest first, each at its strongest place.

        Where a photo leaves the whole map at 0, the place is the map's middle; of several such
        photos some are drawn at random.
        """
        table = self._channel(channel, count)
        return self._hits(np.lexsort((-table.lots[:, 1], table.values))[:count], table)

    def drawn(self, channel: int, count: int = 9) -> list[Hit]:
        """Photos drawn at random, the same for all channels, each at its strongest place."""
        table = self._channel(channel, count)
        return self._hits(np.argsort(-table.lots[:, 0])[:count], table)

    def by_strength(self) -> np.ndarray:
        """Channels from the one with the highest activation to the one with the lowest."""
        return np.argsort(-self.values.max(axis=0), kind="stable")

    def _channel(self, channel: int, count: int) -> Table:
        """One channel's column of every array; each photo is there once, in order."""
        channel = check_index(channel, self.map_shape[2], "channel", self.layer)
        photos, lots = self.photos, self.lots
        if photos.ndim == 2:
            photos, lots = photos[:, channel], lots[:, channel]
            if count > KEPT:
                raise ValueError(f"of more than {FEW:,} photos {KEPT} are kept, not {count}")
        table = Table(photos, self.values[:, channel], self.places[:, channel], lots)
        once = np.unique(photos, return_index=True)[1]
        return Table(*(column[once] for column in table))

    def _hits(self, order: np.ndarray, table: Table) -> list[Hit]:
        photos, values, places = (kept[order].tolist() for kept in table[:3])
        spots = [divmod(place, self.map_shape[1]) for place in places]
        return [Hit(*found, *spot) for *found, spot in zip(photos, values, spots, strict=True)]


def strongest(tables: list[Table]) -> Table:
    """Of many photos what can be asked for: each channel's strongest, weakest and some drawn."""
    wide = []
    for photos, values, places, lots in tables:
        if photos.ndim == 1:  # a column for each channel
            photos = np.broadcast_to(photos[:, None], values.shape)
            lots = np.broadcast_to(lots[:, None], (*values.shape, 2))
        wide.append((photos, values, places, lots))
    photos, values, places, lots = map(np.concatenate, zip(*wide, strict=True))
    rows = []
    for keys in ((-values,), (-lots[..., 1], values), (-lots[..., 0],)):
        order = np.lexsort((photos, *keys), axis=0)  # of equal values the earlier photo first
        same = np.diff(np.take_along_axis(photos, order, 0), axis=0, prepend=-1) == 0
        once = np.argsort(same, axis=0, kind="stable")[:KEPT]  # no photo twice
        rows.append(np.take_along_axis(order, once, 0))
    rows = np.concatenate(rows)
    kept = (np.take_along_axis(each, rows, 0) for each in (photos, values, places))
    return Table(*kept, np.take_along_axis(lots, rows[..., None], 0))
