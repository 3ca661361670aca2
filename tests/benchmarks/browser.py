"""Item 4: from slider to picture, in a real JupyterLab in a real browser.

A move's time runs from the key or mouse event to the frame that shows its picture. In a drag, the
time of a picture runs from the event that chose the value it shows; values that were passed over
have no picture and count in "drawn" only. See ``recorder.js``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
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
KEYS = 10  # moves by the keyboard in a round
DRAG_STEPS = 60  # mouse moves in a round's long drag, one in 16 ms
FAST_STEPS = 200  # mouse moves in the fast drag, one in 5 ms


class Candidate:
    """Sliders and a picture in one cell's output, and the times found for them."""

    def __init__(self, page: Any, name: str, cell: int):
        self.page, self.name = page, name
        self.output = page.locator(".jp-CodeCell").nth(cell).locator(".jp-Cell-outputWrapper")
        self.times: list[float] = []
        self.after_drag = float("nan")
        self.drawn = self.steps = 0
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

    def drag(self, steps: int, pause: float) -> None:
        """Drag the finest slider to its ends and back; every picture that appears counts."""
        log = self._drag(steps, pause)
        self.times += _latencies(log)

    def fast_drag(self, steps: int) -> None:
        """A drag as fast as a hand can: how late is the last picture, how many were drawn."""
        log = self._drag(steps, 0.005)
        last = log["sent"][-1]["id"]
        shown = [found for each in log["sent"] if (found := _painted(log, each["id"]))]
        final = _painted(log, last)
        self.after_drag = (final or float("nan")) - log["changes"][-1]["time"]
        self.steps, self.drawn = steps, len({each["id"] for each in log["received"]})
        self.shown = len(shown)

    def _drag(self, steps: int, pause: float) -> dict[str, list]:
        handle = self.sliders()[0]
        box = handle.bounding_box()
        track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        y = box["y"] + box["height"] / 2
        left, width = track["x"], track["width"]
        mouse = self.page.mouse
        mouse.move(box["x"] + box["width"] / 2, y)
        mouse.down()
        self._reset()
        start = time.perf_counter()
        for step in range(1, steps + 1):
            # twice along the track; it ends on the way, where each step is another value
            place = abs((4 * step / steps * 0.9 + 1) % 2 - 1)
            mouse.move(left + width * place, y)
            time.sleep(max(start + step * pause - time.perf_counter(), 0))
        self._settle()
        mouse.up()
        log = self._log()
        if log["sent"][-1]["value"] != float(handle.get_attribute("aria-valuenow")):
            raise RuntimeError(f"{self.name}: the last picture is not of the slider's last value")
        return log

    def _reset(self) -> None:
        self.page.evaluate("recorder.reset()")

    def _settle(self) -> None:
        found = self.page.evaluate("recorder.settled(60)")
        if found == "late":
            raise TimeoutError(f"{self.name}: no picture within a minute")

    def _log(self) -> dict[str, list]:
        return self.page.evaluate("recorder.log()")


def sliders(moves: int) -> Iterator[Row]:
    """Item 4: all explorers, their floors, and ``interact``, in turns on one page."""
    names = list(subject.explorers())
    cells = {SUBPLOTS: "candidates.with_subplots()", IMSHOW: "candidates.with_one_imshow()"}
    for name in names:
        cells[name] = f"candidates.explorer({name!r})"
        cells[_floor(name)] = f"candidates.floor({name!r})"
    with tempfile.TemporaryDirectory() as folder:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, *cells.values())]
        )
        nbformat.write(notebook, Path(folder) / "sliders.ipynb")
        with lab.jupyterlab(Path(folder)) as address, lab.page(Path(folder)) as page:
            lab.run_notebook(page, address.format("sliders.ipynb"))
            page.evaluate(RECORDER)
            found = {
                name: Candidate(page, name, number) for number, name in enumerate(cells, start=1)
            }
            _move(list(found.values()), moves)
            lab.shut_down(page)
    for name in (SUBPLOTS, IMSHOW):
        yield from _times(found[name])
    for name in names:
        yield from _times(found[name], found[_floor(name)])


def _move(candidates: list[Candidate], moves: int) -> None:
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
            candidate.drag(steps, 0.016)
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
        300 if goal else None, note=f"{one.drawn} drawn in {one.steps} steps",
    )  # fmt: skip


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
    size, came = pictures[-1]["size"], pictures[-1]["time"]
    shown = (each["time"] for each in log["painted"] if each["size"] == size)
    return min((time for time in shown if time > came), default=None)


def _floor(name: str) -> str:
    return f"{name}, floor"


def _range(handle: Any) -> tuple[float, float]:
    return tuple(float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max"))


def _high(times: list[float]) -> float:
    return float(np.percentile(times, 95))
