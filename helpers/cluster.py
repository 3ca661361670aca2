"""Photos by the million: a scan spread over the machines of a Dask cluster.

The network travels once, as the bytes of a ``.keras`` file: the scheduler holds them, so a worker
that starts late, or anew, gets them too, without a disk in common; each loads them once. Names of
photos are sent a few parts ahead, never all of them, and results come back in order, so nothing
piles up. What a worker was at when it died is done again by another.

The workers need the course's packages and its ``helpers``; docs/many_photos.md says how.
"""

import hashlib
import itertools
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from helpers.safety import remote

#: Photos in the part that a worker is sent: a power of 2, as is what a network takes at once.
PART = 128
AHEAD = 3  #: parts that wait for each thread of a worker, beside the one in work

_loaded: dict[str, Any] = {}  # in a worker: the one network it has now
_loading = threading.Lock()


class Saved(NamedTuple):
    """A network on its way."""

    name: str
    key: str  # of these very bytes
    data: bytes  # of a .keras file


def spread(
    client: Any, work: Callable[[Any, list[Any], int], Any], model: Any, photos: Iterable[Any]
) -> Iterator[Any]:
    """Compute ``work(model, names of PART photos, number of the first)`` on a cluster, in order.

    Whoever stops early, by an error or an interrupt, takes back what was not begun; a part that is
    in work runs to its end, and its result is dropped.

    Args:
        client: A ``distributed.Client``.
        work: A function that the workers can import, or that is small enough to travel.
        model: A ``keras.Model`` of layers that a ``.keras`` file can hold.
        photos: Paths or addresses, or (name, path) pairs; taken from an iterator as needed.

    Raises:
        ImportError: Dask is not installed.
        ValueError: That is no client, the model cannot travel, or a photo is no file.
        distributed.KilledWorker: A part ended four workers, one after the other.
    """
    try:
        import dask
        import distributed
    except ImportError:
        raise ImportError(f"a cluster needs Dask: {remote.INSTALL}") from None
    if not isinstance(client, distributed.Client) or client.asynchronous:
        raise ValueError(f"client is a distributed.Client, and not asynchronous, not {client!r}")
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "2GB"}):
        network = client.submit(Saved, *_saved(model), pure=False)
    photos, waiting, first = iter(photos), deque(), 0
    try:
        while True:
            ahead = (1 + AHEAD) * max(1, sum(client.nthreads().values()))
            while len(waiting) < ahead and (names := list(itertools.islice(photos, PART))):
                _check(names)
                waiting.append(client.submit(_call, work, network, names, first, pure=False))
                first += len(names)
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        client.cancel([network, *waiting])


def _call(work: Callable[..., Any], saved: Saved, names: list[Any], first: int) -> Any:
    """In a worker: one part, with the network that is loaded by whichever thread comes first."""
    from helpers.quiet import keras

    with _loading, tempfile.TemporaryDirectory() as folder:
        if saved.key not in _loaded:
            _loaded.clear()
            path = Path(folder, "network.keras")
            path.write_bytes(saved.data)
            try:
                _loaded[saved.key] = keras.models.load_model(path, compile=False)
            except Exception as error:  # Keras raises many kinds, some over a page
                raise _cannot_travel(saved.name, error) from None
        model = _loaded[saved.key]
    return work(model, names, first)


def _saved(model: Any) -> Saved:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.keras")
        try:
            model.save(path)
        except Exception as error:  # as above
            raise _cannot_travel(model.name, error) from None
        data = path.read_bytes()
    return Saved(model.name, hashlib.sha256(data).hexdigest(), data)


def _cannot_travel(name: str, error: Exception) -> ValueError:
    reason = (str(error) or type(error).__name__).strip().splitlines()[0]
    return ValueError(
        f"{name} cannot travel to a cluster's workers, since Keras cannot save and load it there; "
        f"layers of its own kinds can ({reason})"
    )


def _check(names: list[Any]) -> None:
    for name in names:
        photo = name[1] if isinstance(name, tuple) and len(name) == 2 else name
        if not isinstance(photo, (str, os.PathLike)):
            raise ValueError(
                f"to a cluster photos are named by paths or addresses, not given as "
                f"{type(photo).__name__}"
            )
