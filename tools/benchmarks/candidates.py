"""What item 4 compares, each shown by one cell of a notebook that is written for it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import ipywidgets
import numpy as np
import subject
from PIL import Image

from helpers.plots import browser
from helpers.widgets import Explorer

_makers: dict = {}


def explorer(name: str) -> Explorer:
    """One of the course's explorers, as it begins in its lesson."""
    if not _makers:
        _makers.update(subject.explorers())
    return _makers[name]()


def floor() -> ipywidgets.Widget:
    """A slider, and an image that is handed a ready picture of lesson 00's at each move."""
    draw = explorer("00 first look").draw
    ready = []
    for channel in range(64):
        file = io.BytesIO(draw(channel=channel)._repr_png_())
        small = io.BytesIO()
        Image.open(file).convert("RGB").save(small, "JPEG", quality=85)
        ready.append(small.getvalue())
    slider = ipywidgets.IntSlider(0, 0, 63, layout={"width": "500px"})
    image = ipywidgets.Image(value=ready[0], format="jpeg", layout={"max_width": "100%"})
    slider.observe(lambda change: setattr(image, "value", ready[change["new"]]), "value")
    return ipywidgets.VBox([slider, image])


def some_pictures(made: Explorer) -> Iterator[tuple[dict, dict[str, bytes]]]:
    """Pictures at a few values along every control."""
    for control in made.controls.values():
        before = control.value
        for value in _some(control):
            control.value = value
            yield browser.described(made.picture, raw=True)
        control.value = before


def _some(control: ipywidgets.ValueWidget) -> list:
    if isinstance(control, ipywidgets.IntSlider):
        return np.unique(np.linspace(control.min, control.max, 4).astype(int)).tolist()
    return [value for _, value in control._options_full]
