"""The frame all explorers share: controls above, the panels of one picture, its caption below."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from helpers.plots import browser
from helpers.plots.page import Picture

_HERE = Path(__file__).parent
Draw = Callable[..., Picture]


class Panels(anywidget.AnyWidget):
    """The browser's side of an explorer: it shows pictures, keeps them, and asks for others.

    To ``{"want": key}`` (see ``Explorer.key``) comes ``{"key": key, "picture": …, "sent": names}``
    with the files of these names; files that were sent before are not sent again, unless ``"all"``
    is asked for. A key that the controls' ranges don't allow any more has no picture.
    """

    _esm = _HERE / "panels.js"
    _css = _HERE / "panels.css"
    title = traitlets.Unicode().tag(sync=True)
    names = traitlets.List().tag(sync=True)
    controls = traitlets.List().tag(sync=True, **ipywidgets.widget_serialization)
    first = traitlets.Dict().tag(sync=True)  # the picture that is there without asking
    edition = traitlets.Int().tag(sync=True)  # what was kept of an older one is forgotten

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self._sent: set[str] = set()
        controls = explorer.controls
        super().__init__(
            title=explorer.title, names=list(controls), controls=list(controls.values())
        )
        self.renew()
        self.on_msg(self._asked)

    def renew(self) -> None:
        """Begin a new edition with the picture of the controls' present values."""
        picture, files = browser.described(self.explorer.picture, raw=True)
        self._sent = set(files)
        with self.hold_sync():
            key = self.explorer.key(self.explorer.now)
            self.first = {"key": key, "picture": picture, "files": files}
            self.edition += 1

    def _asked(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        key, explorer = content["want"], self.explorer
        known = json.loads(key)
        values = explorer.known(known)
        if any(
            k not in explorer.choices(name, values) for name, k in zip(values, known, strict=True)
        ):
            self.send({"key": key})
            return
        try:
            sent = () if content.get("all") else self._sent
            picture, files = browser.described(explorer.draw(**values), sent, True)
        except Exception as error:  # said where the picture would be, not in a hidden log
            self.send({"key": key, "error": f"{type(error).__name__}: {error}"})
            return
        self._sent.update(files)
        self.send({"key": key, "picture": picture, "sent": [*files]}, [*files.values()])


class Explorer(ipywidgets.VBox):
    """Controls, a picture that follows them, and a line of text that says what it shows.

    ``controls`` and ``draw`` are as given, and ``panels`` is the widget that shows the picture.
    """

    def __init__(
        self, controls: dict[str, ipywidgets.ValueWidget], draw: Draw, title: str = "Explorer"
    ) -> None:
        """Connect controls to a picture.

        Args:
            controls: What ``slider``, ``choice_slider`` and ``dropdown`` make, by the name of
                ``draw``'s argument, in the order they are shown.
            draw: Takes the controls' values by name, returns a ``Picture``.
            title: A few words that name the explorer, to screen readers and where no widget can
                be shown.
        """
        self.controls, self.draw, self.title = controls, draw, title
        for control in controls.values():
            control.layout.width = "min(500px, 98%)"
            control.style.description_width = "8em"
            control.observe(self._set_ranges, "value")
        self._set_ranges()
        self.panels = Panels(self)
        beside = ipywidgets.Box(list(controls.values()), layout={"flex_flow": "row wrap"})
        super().__init__([beside, self.panels])
        self.add_class("cnn-explorer")

    @property
    def values(self) -> dict[str, Any]:
        """The controls' values by name."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def now(self) -> list[int]:
        """The controls' values as the browser knows them: choices by their number."""
        return [getattr(control, "index", control.value) for control in self.controls.values()]

    @property
    def picture(self) -> Picture:
        """The picture for the controls' present values."""
        return self.draw(**self.values)

    def show(self, draw: Draw) -> None:
        """Show pictures of another function, as for a new photo; what was kept is forgotten."""
        self.draw = draw
        self.panels.renew()

    def known(self, values: Sequence[int]) -> dict[str, Any]:
        """Values by name, from what the browser knows; the present ones where the list ends."""
        found = self.values
        for (name, control), value in zip(self.controls.items(), values, strict=False):
            choice = hasattr(control, "index")
            found[name] = control._options_full[value][1] if choice else value
        return found

    @staticmethod
    def key(known: Sequence[int]) -> str:
        """What the browser calls the picture for such values: a list of them in JSON."""
        return json.dumps(known, separators=(",", ":"))

    def choices(self, name: str, values: dict[str, Any]) -> list:
        """What a control can be set to beside these values, as the browser knows it."""
        control = self.controls[name]
        if hasattr(control, "index"):
            return list(range(len(control._options_full)))
        if control.rests(values):
            return [values[name]]
        return list(range(control.min, control.last(values) + 1))

    def save(self, folder: str | Path) -> Path:
        """Write the explorer as a page that needs no kernel; see ``saved.save``."""
        from helpers.widgets import saved

        return saved.save(self, folder)

    def _set_ranges(self, _change: dict | None = None) -> None:
        for control in self.controls.values():
            if isinstance(control, ipywidgets.IntSlider):
                control.max = control.last(self.values)
                control.disabled = control.rests(self.values)

    def __repr__(self) -> str:
        """Stands in for the explorer where no widget can be shown, as on GitHub."""
        names = ", ".join(control.description for control in self.controls.values())
        return f"[{self.title}: run this cell for its controls ({names})]"


def slider(
    label: str,
    maximum: int | Callable,
    value: int = 0,
    minimum: int = 0,
    rests: Callable = lambda values: False,
) -> ipywidgets.IntSlider:
    """A slider over whole numbers; arrow keys move it by 1, page keys by more.

    Args:
        label: What it sets.
        maximum: Its last number; or a function of the values of the controls before it, by name.
        value: Where it begins.
        minimum: Its first number.
        rests: Tells by these values whether the slider makes no difference now.
    """
    last = max(value, minimum) if callable(maximum) else maximum
    made = ipywidgets.IntSlider(value, minimum, last, description=label)
    made.last = maximum if callable(maximum) else lambda values: maximum
    made.rests = rests
    return made


def choice_slider(label: str, options: list, value: Any = None) -> ipywidgets.SelectionSlider:
    """A slider over named choices, such as a model's layers, in their order."""
    value = options[0] if value is None else value
    return ipywidgets.SelectionSlider(options=options, value=value, description=label)


def dropdown(label: str, options: list, value: Any = None) -> ipywidgets.Dropdown:
    """A menu of choices; (shown, value) pairs are allowed."""
    first = options[0][1] if isinstance(options[0], tuple) else options[0]
    chosen = first if value is None else value
    return ipywidgets.Dropdown(options=options, value=chosen, description=label)
