"""An explorer without a kernel: its pictures in a page that opens by a double click."""

from __future__ import annotations

import base64
import html
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np

from helpers.widgets import browser

#: Most pictures that are saved, and most bytes of the page.
STATES, BYTES = 400, 6_000_000
NOTE = "Saved from a notebook: the controls work without one."

_HERE = Path(__file__).parent


def save(explorer: Any, folder: str | Path) -> Path:
    """Write an explorer's pictures as a page, ``index.html`` and ``states.js``.

    Where there are more settings than ``STATES``, or more bytes than ``BYTES``, sliders step over
    some of their values, and the page says so.

    Args:
        explorer: An ``Explorer``.
        folder: Where to write; made if it is not there. The two files in it are replaced.

    Returns:
        The page's path.

    Raises:
        OSError: The folder can't be written; what was there is as it was.
    """
    states, files = collect(explorer)
    states["files"] = {name: base64.b64encode(each).decode() for name, each in files.items()}
    data = f"window.savedExplorer = {json.dumps(states, ensure_ascii=False)};\n"
    page = (_HERE / "saved.html").read_text("utf-8")
    page = page.format(
        title=html.escape(explorer.title),
        note=html.escape(f"{NOTE} {states['note']}".strip()),
        css=style(),
        script=script(),
    )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as unfinished:  # all is written, then put in place
        files = {"states.js": data, "index.html": page}
        for name, text in files.items():
            Path(unfinished, name).write_text(text, "utf-8")
        for name in files:
            Path(unfinished, name).replace(folder / name)
    return folder / "index.html"


def collect(
    explorer: Any, most: int = 0, most_bytes: int = 0
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """All that a page shows of an explorer, as JSON takes it, and its files by name.

    Args:
        explorer: An ``Explorer``.
        most: Most pictures; ``STATES`` if left out.
        most_bytes: Most bytes of the page; ``BYTES`` if left out.
    """
    most, most_bytes, drawn = most or STATES, most_bytes or BYTES, {}
    while True:
        choices, picked = _choices(explorer, most)
        states, files = _data(explorer, choices, len(picked), drawn)
        size = len(json.dumps(states)) + sum(4 * len(each) // 3 for each in files.values())
        if size <= most_bytes or most < 4:
            return {**states, "note": _note(explorer, picked)}, files
        most = int(min(len(states["pictures"]), most) * max(most_bytes / size, 0.4) * 0.95)


def script() -> str:
    """What shows saved explorers in a browser: it defines ``start(saved, element)``."""
    panels = (_HERE / "panels.js").read_text("utf-8").replace("export default { render };", "")
    return panels + (_HERE / "saved.js").read_text("utf-8")


def style() -> str:
    """The styles that go with the script."""
    return "".join((_HERE / name).read_text("utf-8") for name in ("panels.css", "saved.css"))


def _choices(explorer: Any, most: int) -> tuple[dict[str, list], dict[str, int]]:
    """For the values of the controls before, in JSON, those to save of the next one.

    Also how many values of each control at most, where all would be more than ``most`` pictures.
    """
    picked = {name: 10**6 for name in explorer.controls}
    while True:
        choices = dict(_walk(explorer, picked, []))
        last = [k for k in choices if len(json.loads(k)) == len(picked) - 1]
        if sum(len(choices[key]) for key in last) <= most:
            return choices, picked
        longest = dict.fromkeys(picked, 0)
        for key, values in choices.items():
            name = list(picked)[len(json.loads(key))]
            longest[name] = max(longest[name], len(values))
        numbers = [n for n in picked if isinstance(explorer.controls[n], ipywidgets.IntSlider)]
        thin = [name for name in numbers if longest[name] > 2] or list(picked)
        name = max(thin, key=longest.__getitem__)
        picked[name] = max(longest[name] * 3 // 4, 1)


def _walk(explorer: Any, picked: dict[str, int], before: list) -> Iterator[tuple[str, list]]:
    name, control = list(explorer.controls.items())[len(before)]
    values = explorer.known(before)
    every = explorer.choices(name, values)
    places = np.linspace(0, len(every) - 1, min(len(every), picked[name])).round().astype(int)
    now = getattr(control, "index", control.value)
    if now in every and len(places) > 2:  # where it begins is saved, in a neighbor's place
        near = np.abs(places[1:-1] - every.index(now)).argmin() + 1
        places[near] = places[near] if now in (every[0], every[-1]) else every.index(now)
    chosen = [every[k] for k in places]
    if len(chosen) < 2:  # as it is now, if that is among them
        chosen = [v for v in every if explorer.known([*before, v])[name] == control.value][:1]
        chosen = chosen or every[:1]
    yield json.dumps(before, separators=(",", ":")), chosen
    if len(before) + 1 < len(explorer.controls):
        for value in chosen:
            yield from _walk(explorer, picked, [*before, value])


def _data(explorer: Any, choices: dict[str, list], depth: int, drawn: dict) -> tuple[dict, dict]:
    """Pictures, panels and controls as JSON takes them, and files; ``drawn`` keeps pictures."""
    pictures, panels, files, numbers = {}, {}, {}, {}
    for key, values in choices.items():
        before = json.loads(key)
        for known in [[*before, v] for v in values] if len(before) == depth - 1 else []:
            name = json.dumps(known, separators=(",", ":"))
            if name not in drawn:
                drawn[name] = browser.described(explorer.draw(**explorer.known(known)))
            picture, data = drawn[name]
            files |= data
            picture = {**picture, "rows": [[[*column] for column in r] for r in picture["rows"]]}
            for row in picture["rows"]:
                for column in row:
                    for k, panel in enumerate(column):
                        number = numbers.setdefault(json.dumps(panel), len(numbers))
                        panels[number] = panel
                        column[k] = number
            pictures[name] = picture
    controls = []
    for name, control in explorer.controls.items():
        kind = "menu" if isinstance(control, ipywidgets.Dropdown) else "slider"
        spec = {"name": name, "label": control.description, "kind": kind}
        if hasattr(control, "index"):
            spec["options"] = [str(words) for words, _ in control._options_full]
        controls.append({**spec, "value": getattr(control, "index", control.value)})
    states = {"title": explorer.title, "controls": controls, "choices": choices}
    states |= {"pictures": pictures, "panels": panels, "first": _nearest(controls, choices)}
    return states, files


def _nearest(controls: list[dict], choices: dict[str, list]) -> str:
    """The key of the saved picture that is nearest to the controls' present values."""
    key: list = []
    for spec in controls:
        values = choices[json.dumps(key, separators=(",", ":"))]
        key.append(min(values, key=lambda value: abs(value - spec["value"])))
    return json.dumps(key, separators=(",", ":"))


def _note(explorer: Any, picked: dict[str, int]) -> str:
    thinned = [explorer.controls[name].description for name, count in picked.items() if count < 1e6]
    return f"Not every value was saved of: {', '.join(thinned)}." if thinned else ""
