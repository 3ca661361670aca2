"""Item 4: from slider to picture, in a real JupyterLab in a real browser.

A move's time runs from the key or mouse event to the frame that shows its picture. In a drag, the
time of a picture runs from the event that chose the value it shows; values that were passed over
have no picture and count in "drawn" only. See ``recorder.js``.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import lab
import nbformat
import numpy as np
import subject
from table import Row

HERE = Path(__file__).resolve().parent
RECORDER = (HERE / "recorder.js").read_text()
SETUP = f"""%matplotlib inline
import sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[1])!r}]
import candidates"""
SUBPLOTS, IMSHOW = "interact, 64 subplots", "interact, one imshow"

ROUNDS = 5
SLOW_ROUNDS = 1  # of interact with 64 subplots, seconds a move
KEYS = 4  # moves by the keyboard in a round
DRAG_STEPS = 24  # mouse moves in a round's long drag; most of them get a picture
PAUSE = 0.005  # seconds between them, besides the frame that each of them takes
FAST_STEPS = 200  # moves in the fast drag
FAST_PAUSE = 5  # milliseconds between these


class Candidate:
    """Sliders and a picture in one cell's output, and the times found for them."""

    def __init__(self, page: Any, name: str, cell: int):
        self.page, self.name = page, name
        self.output = page.locator(".jp-CodeCell").nth(cell).locator(".jp-Cell-outputWrapper")
        self.times: list[float] = []
        self.after_drag = float("nan")
        self.drawn = self.values = 0
        self.moved = 0

    def show(self) -> None:
        """Bring it to the top of the page."""
        self.output.evaluate("element => element.scrollIntoView({block: 'start'})")

    def sliders(self) -> list[Any]:
        """Handles that can be moved, the one with most positions first."""
        found = []
        for handle in self.output.get_by_role("slider").all():
            low, high = _range(handle)
            if high > low and not handle.locator("xpath=ancestor::*[@disabled]").count():
                found.append((low - high, len(found), handle))
        return [handle for *_, handle in sorted(found, key=lambda each: each[:2])]

    def keys(self, moves: int) -> None:
        """Press an arrow key so many times, on one slider after the other."""
        for _ in range(moves):
            handles = self.sliders()
            handle = handles[self.moved % len(handles)]
            self.moved += 1
            now = float(handle.get_attribute("aria-valuenow"))
            low, high = _range(handle)
            back = now >= high or (self.moved % 40 > 20 and now > low)
            handle.focus()
            self._reset()
            handle.press("ArrowLeft" if back else "ArrowRight")
            self._settle()
            self.times += _latencies(self._log())

    def drag(self, steps: int) -> None:
        """A long drag with the mouse; every picture that appears counts."""
        with self._held() as (places, y):
            for place in places(steps):
                self.page.mouse.move(place, y)
                time.sleep(PAUSE)
        self.times += _latencies(self._log())

    def fast_drag(self, steps: int) -> None:
        """The fastest drag there can be: how late is the last picture, how many were drawn."""
        with self._held() as (places, y):
            self.page.evaluate("where => recorder.drag(...where)", [places(steps), y, FAST_PAUSE])
        log = self._log()
        final = _painted(log, log["received"][-1]["id"])
        self.after_drag = (final or float("nan")) - log["changes"][-1]["time"]
        self.values = len({one["time"] for one in log["changes"]})  # an event may set it twice
        self.drawn = len({one["id"] for one in log["received"]})

    @contextlib.contextmanager
    def _held(self) -> Iterator[tuple[Callable[[int], list[float]], float]]:
        """Hold the finest slider's handle; at the end wait for the last picture, and let go."""
        handle = self.sliders()[0]
        box = handle.bounding_box()
        track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        y = box["y"] + box["height"] / 2

        def places(steps: int) -> list[float]:
            """Three times along the track; the last steps are on the way, each at a new value."""
            way = np.linspace(0, 2.8, steps + 1)[1:]
            return (track["x"] + track["width"] * np.abs((way + 1) % 2 - 1)).tolist()

        self.page.mouse.move(box["x"] + box["width"] / 2, y)
        self.page.mouse.down()
        self._reset()
        yield places, y
        self._settle()
        self.page.mouse.up()
        if self._log()["sent"][-1]["value"] != float(handle.get_attribute("aria-valuenow")):
            raise RuntimeError(f"{self.name}: the last picture is not of the slider's last value")

    def _reset(self) -> None:
        self.page.evaluate("recorder.reset()")

    def _settle(self) -> None:
        found = self.page.evaluate("recorder.settled(300)")
        if found == "late":
            raise TimeoutError(f"{self.name}: no picture within five minutes")

    def _log(self) -> dict[str, list]:
        return self.page.evaluate("recorder.log()")


def sliders(moves: int) -> Iterator[Row]:
    """Item 4: each explorer beside its floor, and ``interact``, in notebooks of their own."""
    found: dict[str, Candidate] = {}
    names = list(subject.explorers())
    with tempfile.TemporaryDirectory() as folder, lab.jupyterlab(Path(folder)) as address:
        pairs = [{SUBPLOTS: "candidates.with_subplots()", IMSHOW: "candidates.with_one_imshow()"}]
        pairs += [
            {name: f"candidates.explorer({name!r})", _floor(name): f"candidates.floor({name!r})"}
            for name in names
        ]
        for cells in pairs:
            notebook = nbformat.v4.new_notebook(
                cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, *cells.values())]
            )
            nbformat.write(notebook, Path(folder) / "sliders.ipynb")
            with lab.page(Path(folder)) as page:
                lab.run_notebook(page, address.format("sliders.ipynb"))
                page.evaluate(RECORDER)
                both = {name: Candidate(page, name, cell) for cell, name in enumerate(cells, 1)}
                _move(list(both.values()), moves)
                lab.shut_down(page)
            found |= both
    for name in (SUBPLOTS, IMSHOW):
        yield from _times(found[name])
    for name in names:
        yield from _times(found[name], found[_floor(name)])
    yield from _all_together([found[name] for name in names], [found[_floor(n)] for n in names])


def _move(candidates: list[Candidate], moves: int) -> None:
    """Move these in turns."""
    for candidate in candidates:  # first moves load what comes late; they don't count
        candidate.show()
        candidate.keys(2)
        candidate.times.clear()
    keys = max(round(KEYS * moves / 100), 1)
    steps = max(round(DRAG_STEPS * moves / 100), 10)
    for number in range(ROUNDS):
        for candidate in candidates:
            if candidate.name == SUBPLOTS and number >= SLOW_ROUNDS:
                continue
            candidate.show()
            candidate.keys(keys)
            candidate.drag(steps)
    for candidate in candidates:
        candidate.show()
        candidate.fast_drag(FAST_STEPS)


def _times(one: Candidate, floor: Candidate | None = None) -> Iterator[Row]:
    goal = floor is not None
    high = _high(one.times)
    yield Row(4, f"{one.name}: median", median(one.times), "ms", note=f"{len(one.times)} moves")
    yield Row(4, f"{one.name}: 95th percentile", high, "ms", 100 if goal else None)
    if floor is not None:
        low = _high(floor.times)
        yield Row(4, f"{floor.name}: median", median(floor.times), "ms")
        yield Row(4, f"{floor.name}: 95th percentile", low, "ms")
        yield Row(4, f"{one.name}: 95th percentile against the floor", high / low, "×", 1.3)
    yield Row(
        4, f"{one.name}: last picture after a fast drag", one.after_drag, "ms",
        300 if goal else None, note=f"{one.drawn} drawn of {one.values} values",
    )  # fmt: skip


def _all_together(explorers: list[Candidate], floors: list[Candidate]) -> Iterator[Row]:
    ours, low = ([t for one in group for t in one.times] for group in (explorers, floors))
    late = max(explorers, key=lambda one: one.after_drag)
    yield Row(4, "all explorers: median", median(ours), "ms", note=f"{len(ours)} moves")
    yield Row(4, "all explorers: 95th percentile", _high(ours), "ms", 100)
    yield Row(4, "all floors: median", median(low), "ms", note=f"{len(low)} moves")
    yield Row(4, "all floors: 95th percentile", _high(low), "ms")
    yield Row(4, "all explorers against all floors, 95th", _high(ours) / _high(low), "×", 1.3)
    yield Row(4, "the latest last picture after a fast drag", late.after_drag, "ms", 300)


def _latencies(log: dict[str, list]) -> list[float]:
    """Milliseconds from the event that chose a value to its picture, of those that were shown."""
    found = []
    for sent in log["sent"]:
        chosen = [each["time"] for each in log["changes"] if each["time"] <= sent["time"]]
        if chosen and (shown := _painted(log, sent["id"])):
            found.append(shown - chosen[-1])
    return found


def _painted(log: dict[str, list], sent: str) -> float | None:
    """When the picture that answers a message was on the screen; None if it never was."""
    pictures = [each for each in log["received"] if each["id"] == sent]
    if not pictures:
        return None
    shown = (each["time"] for each in log["painted"] if each.get("id") == sent)
    return min((time for time in shown if time > pictures[-1]["time"]), default=None)


def _floor(name: str) -> str:
    return f"{name}, floor"


def _range(handle: Any) -> tuple[float, float]:
    return tuple(float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max"))


def _high(times: list[float]) -> float:
    return float(np.percentile(times, 95))
