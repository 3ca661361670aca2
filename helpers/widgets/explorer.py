"""The frame all explorers share: controls above, one picture, one line of text below."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import anywidget
import ipywidgets
import numpy as np
import traitlets

from helpers.plots import canvas

#: Never larger than the window, so that controls, picture and caption are seen together.
PICTURE_LAYOUT = {
    "width": "auto",
    "height": "auto",
    "max_width": "100%",
    "max_height": "66vh",
    "align_self": "flex-start",
}


class View(NamedTuple):
    """What an explorer shows for one setting of its controls."""

    picture: np.ndarray  # uint8 (rows, cols) or (rows, cols, 3)
    caption: str  # what is shown and its key numbers, plain text


class Names(anywidget.AnyWidget):
    """Unseen: gives an explorer's sliders a name and its picture a text, for screen readers."""

    _esm = Path(__file__).with_name("names.js")
    title = traitlets.Unicode().tag(sync=True)


class Explorer(ipywidgets.VBox):
    """Controls, a picture that follows them, and a line of text that says what it shows.

    The picture goes to the browser as the ready bytes of one ``ipywidgets.Image``: its element
    stays in place and only its content changes, so nothing flickers.

    Attributes:
        controls: The controls by name, in the order they are shown.
        picture: The ``ipywidgets.Image``.
        caption: The ``ipywidgets.HTML`` below it; in the browser it is the picture's alt text too.
    """

    def __init__(
        self,
        controls: dict[str, ipywidgets.ValueWidget],
        draw: Callable[..., View],
        adapt: Callable[[dict[str, Any]], dict[str, dict[str, Any]]] | None = None,
        title: str = "Explorer",
    ) -> None:
        """Connect controls to a picture.

        Args:
            controls: Widgets with a ``value``, by the name of ``draw``'s argument.
            draw: Takes the controls' values by name, returns a ``View``.
            adapt: Takes all values, returns new traits for controls whose range depends on
                others, such as ``{"filter": {"max": 511}}``. Called before every drawing.
            title: A few words that name the explorer, to screen readers and where no widget can
                be shown.
        """
        self.controls = controls
        self.title = title
        self._draw, self._adapt, self._busy = draw, adapt, False
        self.picture = ipywidgets.Image(layout=PICTURE_LAYOUT)
        self.caption = ipywidgets.HTML()
        for control in controls.values():
            control.layout.width = "min(500px, 98%)"
            control.style.description_width = "8em"
            if hasattr(control, "continuous_update"):
                control.continuous_update = True
            control.observe(self._changed, "value")
        beside = ipywidgets.Box(list(controls.values()), layout={"flex_flow": "row wrap"})
        names = Names(title=title, layout={"display": "none"})
        super().__init__([beside, self.picture, self.caption, names])
        self.add_class("cnn-explorer")
        self._changed()

    def _changed(self, _change: dict | None = None) -> None:
        if self._busy:  # a range changed under way and moved a value: drawn once, below
            return
        self._busy = True
        try:
            if self._adapt is not None:
                for name, traits in self._adapt(self._values()).items():
                    for trait, value in traits.items():
                        setattr(self.controls[name], trait, value)
            view = self._draw(**self._values())
        finally:
            self._busy = False
        with self.picture.hold_sync():  # both at once
            self.picture.value, self.picture.format = canvas.encoded(view.picture)
        self.caption.value = f'<p style="line-height: 1.4">{html.escape(view.caption)}</p>'

    def _values(self) -> dict[str, Any]:
        return {name: control.value for name, control in self.controls.items()}

    def __repr__(self) -> str:
        """Stands in for the explorer where no widget can be shown, as on GitHub."""
        names = ", ".join(control.description for control in self.controls.values())
        return f"[{self.title}: run this cell for its controls ({names})]"


def slider(label: str, maximum: int, value: int = 0, minimum: int = 0) -> ipywidgets.IntSlider:
    """A slider over whole numbers; arrow keys move it by 1, page keys by more."""
    return ipywidgets.IntSlider(value, minimum, maximum, description=label)


def choice_slider(label: str, options: list, value: Any = None) -> ipywidgets.SelectionSlider:
    """A slider over named choices, such as a model's layers, in their order."""
    value = options[0] if value is None else value
    return ipywidgets.SelectionSlider(options=options, value=value, description=label)


def dropdown(label: str, options: list, value: Any = None) -> ipywidgets.Dropdown:
    """A menu of choices; (shown, value) pairs are allowed."""
    first = options[0][1] if isinstance(options[0], tuple) else options[0]
    chosen = first if value is None else value
    return ipywidgets.Dropdown(options=options, value=chosen, description=label)


def percent(share: float) -> str:
    """A share in whole percent; "100%" only of everything, and "0%" only of nothing."""
    rounded = f"{share:.0%}"
    if rounded == "100%" and share < 1:
        return "over 99%"
    return "under 1%" if rounded == "0%" and share > 0 else rounded
