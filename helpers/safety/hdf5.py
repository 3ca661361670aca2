"""Where an HDF5 weights file keeps its arrays: read in a process of its own.

    python -m helpers.safety.hdf5 FILE

The HDF5 library crashes or never ends on some damaged files. So ``weights`` never opens one itself:
this program does, ends after ``SECONDS`` at the latest, and prints for each layer where in the file
its numbers lie. Reading them from there needs no library.
"""

import faulthandler
import json
import os
import sys
from typing import Any

import h5py

SECONDS = 4  #: Keras's own files take a hundredth of this

#: An array inside a file: its first byte, its shape and NumPy's name for its numbers.
Place = tuple[int, tuple[int, ...], str]


def index(path: str | os.PathLike) -> dict[str, list[Place]]:
    """The places of each layer's arrays by its name, in the order Keras keeps them.

    The file is ``.weights.h5``, or ``.h5`` of any version. A ValueError says if an array is not
    simply stored in it, or a name leads out of it; on a damaged file h5py raises anything.
    """
    with h5py.File(path, "r") as file:
        whole = file.get("model_weights", getlink=True) is not None  # a model, not weights only
        root = _at(file, "model_weights") if whole else file
        if "layer_names" in root.attrs:  # Keras 2's format, which Keras's own files still have
            groups = {name: _at(root, name) for name in _texts(root.attrs["layer_names"])}
            keys = {name: _texts(group.attrs["weight_names"]) for name, group in groups.items()}
        else:  # Keras 3's
            layers = {name: _at(root, f"layers/{name}") for name in _at(root, "layers")}
            groups = {
                name: _at(layer, "vars")
                for name, layer in layers.items()
                if layer.get("vars", getlink=True) is not None
            }
            keys = {name: sorted(group, key=int) for name, group in groups.items()}
        places = {
            name: [_place(_at(groups[name], key), key) for key in keys[name]] for name in keys
        }
    return {name: several for name, several in places.items() if several}


def _texts(names: Any) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _at(group: Any, path: str) -> Any:
    """What lies at a path in a file, and in this very file: links may lead to any other."""
    for part in path.strip("/").split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{path} is missing, or a link to elsewhere")
        group = group[part]
    return group


def _place(found: Any, name: str) -> Place:
    """Where an array lies; only one stored whole, so that it takes no more memory than the file."""
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu":
        raise ValueError(f"{name} is no array of numbers")
    offset, stored = found.id.get_offset(), found.id.get_storage_size()
    plain = found.id.get_type() == h5py.h5t.py_create(found.dtype)
    if not plain or found.chunks or offset is None or stored != found.nbytes:
        raise ValueError(
            f"{name} is packed, in pieces or in another file; Keras stores arrays whole: save it "
            f"with Keras, or as .npz"
        )
    return offset, found.shape, found.dtype.str


def _main() -> None:
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        print(json.dumps(index(sys.argv[1])))
    except Exception as error:  # h5py raises whatever it likes on damaged files
        print(json.dumps(str(error) or type(error).__name__))


if __name__ == "__main__":
    _main()
