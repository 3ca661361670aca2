"""One table for all figures: rows, goals, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

PACKAGES = (
    *("tensorflow", "keras", "numpy", "opencv-python-headless", "matplotlib"),
    *("ipywidgets", "jupyterlab"),
)
WIDTHS = (4, 64, 14, 26, 6)


@dataclass(frozen=True)
class Row:
    """One figure, and the goal it is held against, if it has one."""

    item: int
    what: str
    value: float | None
    unit: str
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is no goal."""
        if self.limit is None or self.value is None:
            return None
        return bool(self.value >= self.limit if self.at_least else self.value <= self.limit)

    def cells(self) -> tuple[str, str, str, str, str]:
        """The row as it is printed."""
        goal = "" if self.limit is None else f"{'≥' if self.at_least else '≤'} "
        goal += "" if self.limit is None else f"{self.limit:g} {self.unit}"
        figure = self.note if self.value is None else f"{_rounded(self.value)} {self.unit}"
        what = f"{self.what} ({self.note})" if self.note and self.value is not None else self.what
        return (
            str(self.item),
            what,
            figure,
            goal,
            {True: "met", False: "missed", None: ""}[self.met],
        )


def line(cells: tuple[str, ...]) -> str:
    """Cells as a line of a Markdown table, aligned."""
    return f"| {' | '.join(cell.ljust(wide) for cell, wide in zip(cells, WIDTHS, strict=True))} |"


def header() -> str:
    """The table's first two lines."""
    names = line(("item", "what", "figure", "goal", "met?"))
    return f"{names}\n|{'|'.join('-' * (wide + 2) for wide in WIDTHS)}|"


def machine() -> dict[str, str | float]:
    """What the figures were measured on: processor, memory, load, system, versions."""
    import psutil

    found = {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "load": " ".join(f"{load:.1f}" for load in psutil.getloadavg()),
        "system": f"{platform.platform()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def as_data(row: Row) -> dict[str, object]:
    """A row as JSON takes it."""
    return {**asdict(row), "value": row.value and float(row.value), "met": row.met}


def seconds(work: Callable[[], object]) -> float:
    """Wall time of some work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each work in each round, one after the other, so all see the same machine."""
    for work in works.values():
        work()  # imports, caches and first allocations don't count
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(seconds(work))
    return times


def ratio(above: list[float], below: list[float]) -> float:
    """The median of the rounds' ratios: what disturbs one round disturbs both of its times."""
    return median(one / other for one, other in zip(above, below, strict=True))


def _processor() -> str:
    known = Path("/proc/cpuinfo")  # Linux; platform.processor() says little there
    for text in known.read_text().splitlines() if known.exists() else ():
        if text.startswith("model name"):
            return text.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _rounded(value: float) -> str:
    """Three digits, as many as the figures are worth."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
