"""Items 4 and 6: from slider to picture, in a real JupyterLab in a real browser.

A move's time runs from the key or mouse event to the frame that shows its picture; see ``page.js``.
Each lesson's explorers share a notebook with the floor, as they share their lesson.
The floor is a bare ``ipywidgets.Image`` that is handed ready pictures of the same explorers.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import delay
import lab
import nbformat
import numpy as np
import psutil
import subject
from table import Row

HERE = Path(__file__).resolve().parent
PAGE = (HERE / "page.js").read_text()
SETUP = f"""%matplotlib inline
import sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[1])!r}]
import candidates"""
FLOOR = "bare Image"
STEPS, DRAGS = 40, 3
PAUSE = 0.3  # seconds between steps
FAST_STEPS, FAST_PAUSE = 200, 5  # moves in a fast drag, and milliseconds between them
DELAY = 0.2  # seconds added to each round trip by the proxy
BYTES = 200  # kB of a picture


class Candidate:
    """Sliders and a picture in one cell's output."""

    def __init__(self, page: Any, name: str, cell: int):
        self.page, self.name = page, name
        self.output = page.locator(".jp-CodeCell").nth(cell).locator(".jp-Cell-outputWrapper")
        self.output.evaluate("element => element.scrollIntoView({block: 'start'})")

    def finest(self) -> Any:
        """The handle with most positions."""
        found = []
        for handle in self.output.get_by_role("slider").all():
            low, high = (float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max"))
            if high > low and not handle.locator("xpath=ancestor::*[@disabled]").count():
                found.append((high - low, -len(found), handle))
        return max(found, key=lambda each: each[:2])[2]

    def steps(self, count: int) -> list[float]:
        """Arrow keys with a reader's pauses between them, there and back."""
        handle, times = self.finest(), []
        handle.focus()
        for k in range(count + 2):
            time.sleep(PAUSE)
            low, now, high = (
                float(handle.get_attribute(f"aria-value{w}")) for w in ("min", "now", "max")
            )
            key = "ArrowLeft" if (k % 26 >= 13 and now > low) or now >= high else "ArrowRight"
            times.append(self._moved(lambda key=key: handle.press(key)))
        return times[2:]  # the first ones load what comes late

    def jumps(self, count: int) -> list[float]:
        """Clicks at places of the track that were not visited before."""
        handle, times = self.finest(), []
        track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        y = track["y"] + track["height"] / 2
        for share in np.random.default_rng(0).permutation(np.linspace(0.02, 0.98, count)):
            time.sleep(2 * PAUSE)  # the handle glides to where the track was clicked
            x = track["x"] + track["width"] * float(share)
            self.page.evaluate("moves.forget()")
            spent = self._moved(lambda x=x: self.page.mouse.click(x, y), 2000)
            if spent >= 0 and self.output.evaluate("moves.fresh"):  # not kept, nor a neighbor
                times.append(spent)
        return times

    def drag(self) -> float:
        """The fastest drag there can be: how late the last picture is."""
        handle = self.finest()
        time.sleep(2 * PAUSE)
        box = handle.bounding_box()
        track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        y = box["y"] + box["height"] / 2
        way = np.linspace(0, 2.8, FAST_STEPS + 1)[1:]
        places = (track["x"] + track["width"] * np.abs((way + 1) % 2 - 1)).tolist()
        self.page.mouse.move(box["x"] + box["width"] / 2, y)
        self.page.mouse.down()
        output = self.output.element_handle()
        self.page.evaluate(
            """async ([output, places, y, pause]) => {
                window.found = moves.next(output, 1000, 6000);
                await moves.drag(places, y, pause);
            }""",
            [output, places, y, FAST_PAUSE],
        )
        late = self.page.evaluate("window.found")
        self.page.mouse.up()
        return late

    def _moved(self, act: Any, wait: int = 30_000) -> float:
        output = self.output.element_handle()
        self.page.evaluate(
            "([output, wait]) => { window.found = moves.next(output, 0, wait); }", [output, wait]
        )
        act()
        return self.page.evaluate("window.found")


def sliders(steps: int = STEPS) -> Iterator[Row]:
    """Item 4: steps, jumps and drags of each explorer beside the floor; then over the proxy."""
    makers = subject.explorers()
    for name, kilobytes in _sizes(makers).items():
        yield Row(4, f"{name}: largest picture", kilobytes, "kB", BYTES)
    near, floors = {}, []
    for _, names in itertools.groupby(makers, key=lambda name: name[:2]):  # a notebook as a lesson
        with _notebook([FLOOR, *names]) as found:
            floors.append(_measured(found[0], steps))
            near |= {one.name: _measured(one, steps) for one in found[1:]}
    floor = _joined(floors)
    yield from _rows("", FLOOR, floor, None)
    for name, times in near.items():
        yield from _rows("", name, times, floor)
    yield from _rows("", "all explorers", _joined(near.values()), floor)
    some = list(makers)[:1] + list(makers)[5:7]
    with _notebook(some, DELAY) as found:
        far = {one.name: _measured(one, max(steps // 2, 6)) for one in found}
    both = _joined(far.values()), _joined(near[name] for name in some)
    prefix = f"{DELAY * 1e3:.0f} ms away: "
    yield from _rows(prefix, "three explorers", both[0], None)
    for k, what in enumerate(("steps", "jumps", "last picture after a fast drag")):
        if not both[0][k] or not both[1][k]:
            continue
        later = median(both[0][k]) - median(both[1][k])
        yield Row(4, f"{prefix}{what}, later than near by", later, "ms", 30 if k == 0 else 250)


def long_use(moves: int) -> Iterator[Row]:
    """Item 6: what thousands of moves leave behind, in the kernel and in the page."""
    names = list(subject.explorers())
    with _notebook(names) as found:
        page = found[0].page
        kernel = max(psutil.process_iter(["memory_info", "cmdline"]), key=_kernel_size)
        for part, count in (("first", moves // 5), ("then", moves)):
            for one in found:
                one.output.evaluate("element => element.scrollIntoView({block: 'start'})")
                each = max(count // len(found), 1)
                one.output.evaluate(f"output => moves.walk(output, {each})")
                page.wait_for_timeout(400)
            page.request_gc() if hasattr(page, "request_gc") else None
            size = kernel.memory_info().rss / 1e6, page.evaluate("moves.heap()") / 1e6
            if part == "first":
                before = size
    yield Row(6, f"kernel's memory grown over {moves:,} moves", size[0] - before[0], "MB", 20)
    yield Row(6, f"page's memory grown over {moves:,} moves", size[1] - before[1], "MB", 20)


def _measured(one: Candidate, steps: int) -> tuple[list[float], list[float], list[float]]:
    one.output.evaluate("element => element.scrollIntoView({block: 'start'})")
    return one.steps(steps), one.jumps(max(steps // 2, 6)), [one.drag() for _ in range(DRAGS)]


@contextlib.contextmanager
def _notebook(names: list[str], seconds: float = 0) -> Iterator[list[Candidate]]:
    """Candidates in one notebook, each in a cell of its own."""
    makers = {name: f"candidates.explorer({name!r})" for name in names}
    if FLOOR in makers:
        makers[FLOOR] = "candidates.floor()"
    with tempfile.TemporaryDirectory() as folder, lab.jupyterlab(Path(folder)) as address:
        cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, *makers.values())]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), Path(folder) / "sliders.ipynb")
        port = int(address.split(":")[2].split("/")[0])
        with delay.delayed(port, seconds) as proxy, lab.page(Path(folder)) as page:
            address = address.replace(f":{port}/", f":{proxy}/") if seconds else address
            lab.run_notebook(page, address.format("sliders.ipynb"))
            page.wait_for_function(
                "count => document.querySelectorAll('.cnn-panels[data-shown]').length === count",
                arg=len(makers) - (FLOOR in makers),
            )
            page.evaluate(PAGE)
            yield [Candidate(page, name, cell) for cell, name in enumerate(makers, 1)]
            lab.shut_down(page)


def _sizes(makers: dict) -> dict[str, float]:
    """The most kB of any picture, over settings all along the controls."""
    from candidates import some_pictures

    return {
        name: max(sum(map(len, files.values())) for _, files in some_pictures(make())) / 1e3
        for name, make in makers.items()
    }


def _rows(prefix: str, name: str, times: tuple, floor: tuple | None) -> Iterator[Row]:
    steps, jumps, drags = times
    goal = floor is not None
    note = f"{len(steps)} moves"
    yield Row(4, f"{prefix}{name}: step, median", median(steps), "ms", 30 if goal else None,
              note=note)  # fmt: skip
    yield Row(4, f"{prefix}{name}: step, 95th percentile", _high(steps), "ms", 60 if goal else None)
    if jumps:
        limit = median(floor[1]) if floor else None  # no slower than a bare Image
        yield Row(4, f"{prefix}{name}: jump, median", median(jumps), "ms", limit,
                  note=f"{len(jumps)} jumps")  # fmt: skip
    yield Row(4, f"{prefix}{name}: last picture after a fast drag", median(drags), "ms",
              150 if goal else None)  # fmt: skip


def _joined(times: Any) -> tuple[list[float], list[float], list[float]]:
    return tuple([one for each in kind for one in each] for kind in zip(*times, strict=True))


def _kernel_size(process: psutil.Process) -> int:
    command = process.info["cmdline"] or ()
    return process.info["memory_info"].rss if any("ipykernel" in part for part in command) else 0


def _high(times: list[float]) -> float:
    return float(np.percentile(times, 95))
