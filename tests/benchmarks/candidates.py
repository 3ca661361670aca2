"""What item 4 compares, each shown by one cell of a notebook that is written for it."""

from __future__ import annotations

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import subject

from helpers.widgets.explorer import PICTURE_LAYOUT

_makers: dict = {}
_pictures: dict[str, list[bytes]] = {}


def with_subplots() -> None:
    """The usual way: ``interact`` over VGG16's layers, 64 subplots for each."""
    maps = subject.all_maps()

    def draw(layer: str) -> None:
        _, axes = plt.subplots(8, 8, figsize=(16, 16))
        for channel, place in enumerate(axes.flat):
            place.imshow(maps[layer][:, :, channel], cmap="gray")
        plt.show()

    ipywidgets.interact(draw, layer=ipywidgets.SelectionSlider(options=list(maps)))


def with_one_imshow() -> None:
    """``interact`` over the same layers, the 64 maps stitched and shown by one ``imshow``."""
    maps = subject.all_maps()

    def draw(layer: str) -> None:
        side = len(maps[layer])
        tiles = maps[layer][:, :, :64].reshape(side, side, 8, 8)
        plt.figure(figsize=(8, 8))
        plt.imshow(tiles.transpose(2, 0, 3, 1).reshape(8 * side, 8 * side), cmap="gray")
        plt.axis("off")
        plt.show()

    ipywidgets.interact(draw, layer=ipywidgets.SelectionSlider(options=list(maps)))


def explorer(name: str) -> ipywidgets.Widget:
    """One of the course's explorers, as it begins in its lesson."""
    if not _makers:
        _makers.update(subject.explorers())
    made = _makers[name]()
    pictures = [made.picture.value]
    made.picture.observe(lambda change: pictures.append(change["new"]), "value")
    for control in made.controls.values():
        before = control.value
        for value in _some(control):
            control.value = value
        control.value = before
    made.picture.unobserve_all("value")
    _pictures[name] = list(dict.fromkeys(pictures))
    return made


def floor(name: str) -> ipywidgets.Widget:
    """A slider, and an image that is handed one of that explorer's ready pictures at each move."""
    ready = _pictures[name]
    slider = ipywidgets.IntSlider(0, 0, 63)
    image = ipywidgets.Image(value=ready[0], format="png", layout=PICTURE_LAYOUT)
    slider.observe(
        lambda change: setattr(image, "value", ready[change["new"] % len(ready)]), "value"
    )
    return ipywidgets.VBox([slider, image])


def _some(control: ipywidgets.ValueWidget) -> list:
    """A few values along a slider; none of a menu."""
    if isinstance(control, ipywidgets.IntSlider):
        return np.unique(np.linspace(control.min, control.max, 4).astype(int)).tolist()
    if isinstance(control, ipywidgets.SelectionSlider):
        return [value for _, value in control._options_full][::4]
    return []
