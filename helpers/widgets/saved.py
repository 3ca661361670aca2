"""An explorer without a kernel: its pictures in a page that opens by a double click."""

import base64
import html
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np

from helpers.plots import browser

#: Most pictures that are saved, and most bytes of the page.
STATES, BYTES = 400, 6_000_000
NOTE = "Saved from a notebook: the controls work without one."

_HERE = Path(__file__).parent


def save(explorer: Any, folder: str | Path) -> Path:
    """Write an explorer's pictures as a page, ``index.html`` and ``states.js``.

    Where there are more settings than ``STATES``, or more bytes than ``BYTES``, sliders step over
    some of their values, and the page says so. The folder is made if it is not there, and the two
    files in it replaced; if it can't be written (an OSError), what was there is as it was.

    Returns:
        The page's path.
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
    explorer: Any, most: int | None = None, most_bytes: int | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """All that a page of at most so many pictures and bytes shows, for JSON, and its files by name.

    Left out, they are ``STATES`` and ``BYTES``.
    """
    most, most_bytes, drawn = most or STATES, most_bytes or BYTES, {}
    while True:
        choices, thinned = _choices(explorer, most)
        states, files = _data(explorer, choices, drawn)
        size = len(json.dumps(states)) + sum(4 * len(each) // 3 for each in files.values())
        if size <= most_bytes or most < 4:
            labels = ", ".join(explorer.controls[name].description for name in thinned)
            note = f"Not every value was saved of: {labels}." if thinned else ""
            return {**states, "note": note}, files
        most = int(min(len(states["pictures"]), most) * max(most_bytes / size, 0.4) * 0.95)


def script() -> str:
    """What shows saved explorers in a browser: it defines ``start(saved, element)``."""
    panels = (_HERE / "panels.js").read_text("utf-8").replace("export default { render };", "")
    return panels + (_HERE / "saved.js").read_text("utf-8")


def style() -> str:
    """The styles that go with the script."""
    return "".join((_HERE / name).read_text("utf-8") for name in ("panels.css", "saved.css"))


def _choices(explorer: Any, most: int) -> tuple[dict[tuple, list], list[str]]:
    """For the values of the controls before, as the browser knows them, those to save of the next.

    Also the names of the controls that lack some, where all would be more than ``most`` pictures.
    """
    controls = explorer.controls
    picked: dict[str, int] = {}  # how many values at most, of controls that lack some
    while True:
        choices = dict(_walk(explorer, picked, ()))
        longest, pictures = dict.fromkeys(controls, 0), 0
        for before, values in choices.items():
            name = list(controls)[len(before)]
            longest[name] = max(longest[name], len(values))
            pictures += len(values) * (len(before) == len(controls) - 1)
        if pictures <= most:
            return choices, [name for name in controls if name in picked]
        numbers = [n for n in controls if isinstance(controls[n], ipywidgets.IntSlider)]
        thin = [name for name in numbers if longest[name] > 2] or list(controls)
        name = max(thin, key=longest.__getitem__)
        picked[name] = max(longest[name] * 3 // 4, 1)


def _walk(
    explorer: Any, picked: dict[str, int], before: tuple
) -> Iterator[tuple[tuple, list[int]]]:
    place = len(before)
    name, now = list(explorer.controls)[place], explorer.now[place]
    every = explorer.choices(name, explorer.known(before))
    count = min(len(every), picked.get(name, len(every)))
    places = np.linspace(0, len(every) - 1, count).round().astype(int)
    if now in every and count > 2:  # where it begins is saved, in a neighbor's place
        near = np.abs(places[1:-1] - every.index(now)).argmin() + 1
        places[near] = places[near] if now in (every[0], every[-1]) else every.index(now)
    chosen = [every[k] for k in places]
    if count < 2:  # as it is now, if that is among them
        chosen = [now] if now in every else every[:1]
    yield before, chosen
    if place + 1 < len(explorer.controls):
        for value in chosen:
            yield from _walk(explorer, picked, (*before, value))


def _data(explorer: Any, choices: dict[tuple, list], drawn: dict) -> tuple[dict, dict]:
    """Pictures, panels and controls as JSON takes them, and files; ``drawn`` keeps pictures."""
    pictures, numbers, files = {}, {}, {}  # a panel that several pictures share has one number
    for before, values in choices.items():
        for known in [(*before, v) for v in values] if len(before) == len(explorer.now) - 1 else []:
            if known not in drawn:
                drawn[known] = browser.described(explorer.draw(**explorer.known(known)))
            picture, data = drawn[known]
            files |= data
            rows = [
                [[numbers.setdefault(json.dumps(panel), len(numbers)) for panel in column]
                 for column in row] for row in picture["rows"]
            ]  # fmt: skip
            pictures[explorer.key(known)] = {**picture, "rows": rows}
    controls, first = [], ()
    for (name, control), now in zip(explorer.controls.items(), explorer.now, strict=True):
        kind = "menu" if isinstance(control, ipywidgets.Dropdown) else "slider"
        spec = {"name": name, "label": control.description, "kind": kind, "value": now}
        if hasattr(control, "index"):
            spec["options"] = [str(words) for words, _ in control._options_full]
        controls.append(spec)
        first = (*first, min(choices[first], key=lambda value, now=now: abs(value - now)))
    states = {
        "title": explorer.title,
        "controls": controls,
        "choices": {explorer.key(before): values for before, values in choices.items()},
        "pictures": pictures,
        "panels": {number: json.loads(panel) for panel, number in numbers.items()},
        "first": explorer.key(first),
    }
    return states, files
