"""Weights: where they come from, fetched with care and read without trusting the file.

Nothing here builds a model; ``models`` does. Files are read as plain arrays (no pickle, no code
from a file, no link to another file), so a hostile file can at worst be refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

#: The weights that ship with the course; see data/README.md.
BUNDLED = Path(__file__).resolve().parents[1] / "data" / "vgg16_base_float16.npz"
CAT_DOG = BUNDLED.with_name("cats_and_dogs_float16.npz")

#: Seconds to wait for a connection, and for the first and every further piece of an answer.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0

#: Few packed bytes may claim to be very many; this many are enough for all of VGG16 with what an
#: optimizer keeps.
MAX_BYTES = 2_000_000_000

#: A download that brings fewer bytes than this in ANSWER_SECONDS is given up: it drips.
FEWEST_BYTES = 200_000

#: A failure that took longer than the first is remembered for the second; see ``recent_failure``.
AT_ONCE_SECONDS, REMEMBERED_SECONDS = 2.0, 1800.0

_KERAS_FILES = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"


class RemoteFile(NamedTuple):
    """A file on the internet and the MD5 sum its bytes must have."""

    url: str
    md5: str

    @property
    def name(self) -> str:
        """The file's name: the end of its address."""
        return self.url.rsplit("/", 1)[1]


#: Keras's own VGG16 files. Source: keras/src/applications/vgg16.py, names and sums.
IMAGENET_BASE = RemoteFile(
    _KERAS_FILES + "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "6d6bbae143d832006294945121d1f1fc",
)
IMAGENET_FULL = RemoteFile(
    _KERAS_FILES + "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
    "64373286793e3c8b2b4e3219cbf3544b",
)


def keras_cache() -> Path:
    """Keras's own folder for downloaded weights: ``~/.keras/models`` or under ``KERAS_HOME``."""
    home = os.environ.get("KERAS_HOME") or "~/.keras"
    try:
        return Path(home).expanduser() / "models"
    except RuntimeError:  # a user without a home folder; Keras does the same
        return Path(tempfile.gettempdir(), ".keras", "models")


def cached(remote: RemoteFile) -> Path | None:
    """The file in Keras's cache, or None if it is not there.

    Raises:
        OSError: The cached file cannot be read.
        ValueError: It does not have the right hash.
    """
    path = keras_cache() / remote.name
    try:
        if not path.is_file():
            return None
        md5 = _md5(path)
    except OSError as error:
        raise OSError(f"{path} cannot be read ({error.strerror})") from None
    if md5 != remote.md5:
        raise ValueError(
            f"{path} is damaged (its hash is wrong); delete that file and it is downloaded again"
        )
    return path


def fetch(remote: RemoteFile) -> Path:
    """Download a file into Keras's cache, with a progress bar and a bounded wait.

    The bytes go to a file of their own and take the final name only once their hash is right, so
    a broken download leaves nothing behind and two kernels may download at once.

    Raises:
        OSError: No connection, no answer in time, a broken download or a full disk.
        ValueError: The server sent other bytes than it should.
    """
    begun = time.monotonic()
    try:
        path = _fetch(remote, keras_cache())
    except (OSError, ValueError) as error:
        if time.monotonic() - begun > AT_ONCE_SECONDS:
            with contextlib.suppress(OSError):
                _failure(remote).write_text(str(error), encoding="utf-8")
        raise
    with contextlib.suppress(OSError):
        _failure(remote).unlink()
    return path


def recent_failure(remote: RemoteFile) -> str | None:
    """Why and when a download of a file failed slowly within the last half hour, if it did.

    Behind a network that swallows everything, every lesson would wait for it again otherwise.
    """
    try:
        seconds = time.time() - _failure(remote).stat().st_mtime
        reason = _failure(remote).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    if not reason or not 0 <= seconds < REMEMBERED_SECONDS:
        return None
    return f"{reason}, {seconds / 60:.0f} min ago"


def pieces(response: Any, name: str) -> Iterator[bytes]:
    """What a server sends, piece by piece as it comes; a server that merely drips is left.

    Args:
        response: What ``open_url`` returned.
        name: What to call the download in an error.

    Raises:
        OSError: The connection broke, went silent, or brings almost nothing.
    """
    from urllib3.exceptions import HTTPError

    since, received = time.monotonic(), 0
    try:
        while piece := response.raw.read1(1 << 18):
            yield piece
            received += len(piece)
            if (seconds := time.monotonic() - since) >= ANSWER_SECONDS:
                if received < FEWEST_BYTES:
                    raise OSError(
                        f"the download of {name} was given up: only {received:,} bytes came in "
                        f"{seconds:.0f} s"
                    )
                since, received = time.monotonic(), 0
    except HTTPError as error:
        raise OSError(f"the download of {name} broke off ({type(error).__name__})") from None


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Make one sentence of what the disk says: no permission, no room left, a file in the way."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # not from the disk, and a sentence already
            raise
        raise OSError(f"{folder} cannot be written to ({error.strerror})") from None


def read(path: str | os.PathLike) -> dict[str, list[np.ndarray]]:
    """Read a weights file as plain arrays.

    Args:
        path: An ``.npz`` with keys ``layer/kernel`` and ``layer/bias``, or what Keras writes:
            ``.weights.h5``, ``.h5`` or ``.keras``.

    Returns:
        The arrays of each layer by its name, in the order Keras keeps them (kernel, bias). Layers
        in files that number layers instead of naming them are called ``conv2d``, ``conv2d_1``, …

    Raises:
        FileNotFoundError: There is no such file.
        PermissionError: It may not be read.
        ValueError: The file is damaged, too large or no weights file.
    """
    path = Path(path)
    with contextlib.suppress(RuntimeError):  # "~somebody" whom nobody knows
        path = path.expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights file {path}; name a .npz, .weights.h5, .h5 or .keras file, or one of "
            f"'auto', 'imagenet', 'bundled', 'random'"
        )
    try:
        layers = _read_any(path)
    except PermissionError:
        raise
    except Exception as error:  # zipfile and NumPy raise whatever they like on damaged files
        reason = "".join(filter(str.isprintable, str(error)))[:200] or type(error).__name__
        raise ValueError(
            f"{path.name} is damaged or no weights file that Keras or NumPy can read ({reason})"
        ) from None
    if not layers:
        raise ValueError(f"{path.name} holds no layer's weights")
    if not all(name.isprintable() and len(name) <= 100 for name in layers):
        raise ValueError(f"{path.name} has a layer whose name is none: too long, or not in letters")
    return layers


def fit_to(
    layers: dict[str, list[np.ndarray]], wanted: dict[str, list[tuple[int, ...]]], label: str
) -> dict[str, list[np.ndarray]]:
    """Check arrays against a model's shapes, layer by layer, and pick what the model needs.

    Args:
        layers: What ``read`` returned.
        wanted: The model's shapes by layer name, in the model's order.
        label: What to call the file in an error.

    Returns:
        float32 arrays for every layer of ``wanted``.

    Raises:
        ValueError: A layer is missing, has another shape, or holds NaN or infinity; the first
            one is named.
    """
    if not set(wanted) & set(layers):  # a file that numbers its layers: take them in order
        layers = _renamed_in_order(layers, wanted)
    fitted = {}
    for name, shapes in wanted.items():
        if name not in layers:
            raise ValueError(f"{label} has no weights for {name}, which needs {_listed(shapes)}")
        found = [array.shape for array in layers[name]]
        if found != shapes:
            raise ValueError(
                f"{label} has {_listed(found)} for {name}, where the model has {_listed(shapes)}"
            )
        if not all(array.dtype.kind in "fiu" for array in layers[name]):
            raise ValueError(f"{label} holds something other than numbers in {name}")
        with np.errstate(over="ignore"):  # what is too large becomes infinity, refused below
            fitted[name] = [array.astype(np.float32, copy=False) for array in layers[name]]
        if not all(np.isfinite(array).all() for array in fitted[name]):
            raise ValueError(f"{label} holds NaN or infinity in {name}")
    has_dense = any(len(shapes[0]) == 2 for shapes in wanted.values())
    for name, arrays in layers.items():  # only a classifier on top may be left over
        if name not in wanted and (has_dense or arrays[0].ndim != 2):
            shapes = _listed([array.shape for array in arrays])
            raise ValueError(f"{label} has {shapes} for {name}, a layer that the model lacks")
    return fitted


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join([*map(str, shapes[:4]), "more"][: len(shapes)])


def _failure(remote: RemoteFile) -> Path:
    """A note in the cache that says why a download failed; as old as the failure."""
    return keras_cache() / f"{remote.name}.failed"


def _fetch(remote: RemoteFile, folder: Path) -> Path:
    name = remote.name
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder, name)
        handle, part = tempfile.mkstemp(prefix=f"{name}.", suffix=".part", dir=folder)
        try:
            with (
                os.fdopen(handle, "wb") as file,
                contextlib.closing(open_url(remote.url)) as response,
            ):
                _copy(response, file, name)
            if _md5(Path(part)) != remote.md5:
                raise ValueError(f"the server sent other bytes than {name} should have")
            Path(part).chmod(0o644)  # mkstemp's are for one's own eyes; a class may share these
            Path(part).replace(folder / name)
        finally:
            Path(part).unlink(missing_ok=True)
    return folder / name


def _sweep(folder: Path, name: str) -> None:
    """Remove what killed kernels left of a download; a live one would have written since."""
    for part in folder.glob(f"{name}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > 3600:
                part.unlink()


def _copy(response: Any, file: Any, name: str) -> None:
    """Write what the server sends into a file, with a progress bar."""
    from tqdm.auto import tqdm

    size = response.raw.length_remaining  # None where the server states no length
    with tqdm(total=size, unit="B", unit_scale=True, desc=name, leave=False) as bar:
        for piece in pieces(response, name):
            file.write(piece)
            bar.update(len(piece))
    if size is not None and file.tell() != size:
        raise OSError(f"the download of {name} broke off after {file.tell()} of {size} bytes")


def open_url(url: str, seconds: float | None = None) -> Any:
    """Open a URL; give up in time even where the name service never answers.

    Args:
        url: What to ask for.
        seconds: How long to wait for an answer; by default ANSWER_SECONDS.

    Returns:
        A ``requests.Response`` whose body is still to be read.

    Raises:
        OSError: No connection, no answer in time, or an answer other than the file.
    """
    import requests

    host = url.split("/")[2]
    seconds = ANSWER_SECONDS if seconds is None else seconds
    result = {}

    def ask() -> None:
        try:
            answer = requests.get(
                url,
                stream=True,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                headers={"Accept-Encoding": "identity"},  # the very bytes, so their count is right
            )
            if answer.ok:
                result["answer"] = answer
            else:
                answer.close()
                result["problem"] = f"{host} answered {answer.status_code} {answer.reason}"
        except Exception as error:  # a thread's exception would be printed, not raised
            result["problem"] = f"{host} cannot be reached ({type(error).__name__})"

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if "answer" in result:
        return result["answer"]
    raise OSError(result.get("problem", f"{host} did not answer within {seconds:g} s"))


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _read_any(path: Path) -> dict[str, list[np.ndarray]]:
    if not zipfile.is_zipfile(path):
        return _read_h5(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_BYTES:
            raise ValueError(f"it would unpack to more than {MAX_BYTES:,} bytes")
        if any(
            member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            for member in members
        ):
            raise ValueError("it is packed in a way that neither Keras nor NumPy uses")
        if "model.weights.h5" not in archive.namelist():
            return _read_npz(archive)
        with tempfile.TemporaryDirectory() as folder:  # a .keras file: only its arrays are read
            inner = Path(folder, "model.weights.h5")
            with archive.open("model.weights.h5") as packed, inner.open("wb") as copy:
                shutil.copyfileobj(packed, copy)
            return _read_h5(inner)


def _read_npz(archive: zipfile.ZipFile) -> dict[str, list[np.ndarray]]:
    layers: dict[str, list[np.ndarray]] = {}
    keys = {member: member.removesuffix(".npy") for member in archive.namelist()}
    for member in sorted(keys, key=lambda member: keys[member].endswith("/bias")):  # kernels first
        name, _, part = keys[member].rpartition("/")
        if part in ("kernel", "bias"):
            with archive.open(member) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
            layers.setdefault(name, []).append(array)
    return layers


def _read_h5(path: Path) -> dict[str, list[np.ndarray]]:
    """Read arrays from where ``hdf5`` says they lie; it runs apart since HDF5 may crash."""
    layers = {}
    with path.open("rb") as file:
        places = _places(path)
        if isinstance(places, str):
            raise ValueError(places)
        arrays = [(name, *place) for name, several in places.items() for place in several]
        total = sum(np.dtype(dtype).itemsize * math.prod(shape) for *_, shape, dtype in arrays)
        if total > min(path.stat().st_size, MAX_BYTES):
            raise ValueError(f"arrays of {total:,} bytes cannot be in it, or are too large")
        for name, offset, shape, dtype in arrays:
            file.seek(offset)
            numbers = np.fromfile(file, dtype, math.prod(shape)).reshape(shape)
            layers.setdefault(name, []).append(numbers)
    return layers


def _places(path: Path) -> dict[str, list[tuple[int, list[int], str]]] | str:
    """What ``hdf5`` prints about a file: the places of its arrays, or what is wrong."""
    program = subprocess.run(
        [sys.executable, "-m", "helpers.hdf5", path.resolve()],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    if program.returncode:
        return "the HDF5 library cannot cope with it"
    return json.loads(program.stdout)


def _renamed_in_order(
    layers: dict[str, list[np.ndarray]], wanted: dict[str, list[tuple[int, ...]]]
) -> dict[str, list[np.ndarray]]:
    def place(name: str) -> tuple[int, int]:  # conv2d, conv2d_1, … conv2d_12, dense, dense_1, …
        kind = {4: 0, 2: 1}.get(layers[name][0].ndim, 2)
        number = re.search(r"_(\d+)$", name)
        return kind, int(number.group(1)) if number else 0

    in_order = sorted(layers, key=place)
    names = list(wanted)[: len(in_order)] + in_order[len(wanted) :]
    return {name: layers[old] for name, old in zip(names, in_order, strict=True)}
