"""The reader's own photo, from a file or from a camera, for any explorer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets

from helpers.datasets import PHOTO_SUFFIXES
from helpers.images import load_photo

_HERE = Path(__file__).parent


class Camera(anywidget.AnyWidget):
    """The browser's side: buttons for the camera, what it sees, and a line of text below.

    A snapshot comes as ``{"snapshot": name}`` with the bytes of a JPEG file in one buffer. Where
    there is no camera, no permission, or a page without https, the line says so.
    """

    _esm = _HERE / "photo.js"
    said = traitlets.Unicode("No photo of yours yet.").tag(sync=True)


class OwnPhoto(ipywidgets.VBox):
    """A button to upload a photo, one for the camera, and a sentence on what came of it.

    Both send the photo to the kernel, and nowhere else; it is not stored. The latest is ``photo``,
    uint8 (rows, cols, 3), or None.
    """

    def __init__(
        self, use: Callable[[np.ndarray], Any], size: tuple[int, int] | None = (224, 224)
    ) -> None:
        """Show the buttons, and call ``use`` with each photo.

        It may give the photo to ``Explorer.show``; what it raises is said below the buttons. The
        size is (rows, cols) in pixels, as for ``images.load_photo``.

        Example:
            >>> seen = []
            >>> own = OwnPhoto(seen.append, size=(64, 64))
            >>> from helpers import collection
            >>> own.take(collection.find("bengal_16").read_bytes(), "my.webp")
            >>> seen[0].shape, own.camera.said
            ((64, 64, 3), 'Shown: my.webp, cut to 64 × 64 pixels.')
        """
        self.use, self.size, self.photo = use, size, None
        self.upload = ipywidgets.FileUpload(
            accept=",".join(PHOTO_SUFFIXES), description="Upload a photo", layout={"width": "12em"}
        )
        self.camera = Camera()
        self.upload.observe(self._uploaded, "value")
        self.camera.on_msg(self._snapped)
        super().__init__([self.upload, self.camera])
        self.add_class("cnn-own-photo")

    def take(self, file: bytes, name: str) -> None:
        """Read a file's bytes and use the photo; what is wrong with it is said, never raised."""
        self.camera.said = ""  # or the same sentence twice would be news to nobody
        try:
            photo = load_photo(bytes(file), self.size)
        except ValueError as error:
            self.camera.said = f"{name}: {error}."
            return
        try:
            self.use(photo)
        except Exception as error:  # in a widget's call, nobody would see it
            self.camera.said = f"{name} was read, but then: {type(error).__name__}: {error}"
            return
        self.photo = photo
        rows, cols = photo.shape[:2]
        self.camera.said = f"Shown: {name}, cut to {rows} × {cols} pixels."

    def _uploaded(self, change: dict) -> None:
        for file in change["new"]:
            self.take(file["content"], file["name"])
        self.upload.value = ()  # so that the same file can be chosen again

    def _snapped(self, _widget: object, content: dict[str, Any], buffers: list) -> None:
        if buffers:
            self.take(buffers[0], content["snapshot"])

    def __repr__(self) -> str:
        """Stands in for the buttons where no widget can be shown, as on GitHub."""
        return "[Your own photo: run this cell for a button to upload one, and one for the camera]"
