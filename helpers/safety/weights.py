"""Weights: where they come from, read without trusting the file, and put into a model.

Nothing here builds a model; ``models`` does. Files are read as plain arrays (no pickle, no code
from a file, no link to another file), so a hostile file can at worst be refused.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from helpers.safety import expanded
from helpers.safety.downloads import RemoteFile

_ROOT = Path(__file__).resolve().parents[2]

#: The weights that ship with the course; see data/README.md.
BUNDLED = _ROOT / "data" / "vgg16_base_float16.npz"
CAT_DOG = BUNDLED.with_name("cats_and_dogs_float16.npz")

#: Few packed bytes may claim to be very many; this many are enough for all of VGG16 with what an
#: optimizer keeps.
MAX_BYTES = 2_000_000_000

_KERAS_FILES = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"

#: Keras's own VGG16 files. Source: keras/src/applications/vgg16.py, names and sums.
IMAGENET_BASE = RemoteFile(
    _KERAS_FILES + "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "6d6bbae143d832006294945121d1f1fc",
)


def choice(asked: Any, choices: tuple[str, ...], reason: str = "asked for") -> str:
    """What was asked for, if it is one of the choices or may be the path of a weights file.

    If it is neither, a ValueError says so, and for what reason it was asked for.
    """
    if isinstance(asked, (str, os.PathLike)) and (text := os.fspath(asked)):
        known = text in choices or Path(text).suffix in (".npz", ".h5", ".keras")
        if known or os.path.exists(text):  # noqa: PTH110 (a name that no disk would bear is none)
            return text
    raise ValueError(
        f"unknown weights {asked!r} ({reason}); choose one of {', '.join(choices)}, or the path of "
        f"a .npz, .weights.h5, .h5 or .keras file"
    )


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
    path = expanded(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights file {path}; name a .npz, .weights.h5, .h5 or .keras file, or one of "
            f"'bundled', 'imagenet', 'random'"
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


def class_names(path: Path, layers: dict[str, list[np.ndarray]]) -> list[str]:
    """The names of the classes that the head in a weights file, which was read, tells apart.

    Raises:
        ValueError: It has no head, or names that do not fit it.
    """
    head = layers.get("head")
    if head is None or len(head) != 2 or head[0].ndim != 2:
        raise ValueError(f"{path.name} has no head, so it cannot name what a photo shows")
    try:
        with np.load(expanded(path), allow_pickle=False) as file:
            names = [str(name) for name in file["classes"]]
    except Exception:  # not there, pickled, damaged
        raise ValueError(f"{path.name} has no list of classes that can be read") from None
    if len(names) != head[0].shape[1] or len(set(names)) != len(names):
        raise ValueError(
            f"{path.name} names {len(set(names))} different classes, where its head tells "
            f"{head[0].shape[1]} apart"
        )
    return names


def fit_to(
    layers: dict[str, list[np.ndarray]], wanted: dict[str, list[tuple[int, ...]]], label: str
) -> dict[str, list[np.ndarray]]:
    """The arrays that a model needs, of those that were read, as float32 by layer name.

    ``wanted`` are the model's shapes by layer name, in its order. A layer that is missing, has
    another shape, or holds NaN or infinity is a ValueError, which calls the file by its label.
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


def fill(model: Any, layers: dict[str, list[np.ndarray]], label: str) -> None:
    """Put weights into a model once ``fit_to`` has checked them all.

    Raises:
        ValueError: They are not for this model.
    """
    filled = {layer.name: layer for layer in model.layers if layer.weights}
    wanted = {name: [tuple(w.shape) for w in layer.weights] for name, layer in filled.items()}
    for name, arrays in fit_to(layers, wanted, label).items():
        filled[name].set_weights(arrays)


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join([*map(str, shapes[:4]), "more"][: len(shapes)])


def _read_any(path: Path) -> dict[str, list[np.ndarray]]:
    if not zipfile.is_zipfile(path):
        return _read_h5(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_BYTES:
            raise ValueError(f"it would unpack to more than {MAX_BYTES:,} bytes")
        usual = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        if not {member.compress_type for member in members} <= usual:
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
        program = subprocess.run(
            [sys.executable, "-m", "helpers.safety.hdf5", path.resolve()],
            cwd=_ROOT,
            capture_output=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        if program.returncode:
            raise ValueError("the HDF5 library cannot cope with it")
        places = json.loads(program.stdout)
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
