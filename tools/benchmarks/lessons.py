"""Item 5: how long each lesson's first picture takes from a cold kernel, and its peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import nbformat
from jupyter_client.manager import KernelManager
from table import Row

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
TENSORFLOW = "import tensorflow; print('done', flush=True)"
PEAK = """
import re, resource, sys
try:
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
except OSError:  # not Linux, where ru_maxrss would begin with that of the starting process
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
print(peak)
"""
PICTURES = ("image/png", "application/vnd.jupyter.widget-view+json")


def starts_and_peaks(starts: int) -> Iterator[Row]:
    """Item 5: each lesson is run to its first picture, once to its end; TensorFlow in turns."""
    lessons = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
    import_tensorflow()  # from now on its files are in the system's cache
    firsts: dict[Path, list[float]] = {path: [] for path in lessons}
    imports: dict[Path, list[float]] = {path: [] for path in lessons}
    peaks = {}
    for number in range(starts):
        for path in lessons:
            imports[path].append(import_tensorflow())
            first, peak = run(path, to_the_end=number == 0)
            firsts[path].append(first)
            peaks.setdefault(path, peak)
    alone = median(spent for times in imports.values() for spent in times)
    yield Row(5, "import tensorflow, alone", alone, "s")
    for path in lessons:
        shown, ratio = median(firsts[path]), median(firsts[path]) / median(imports[path])
        yield Row(5, f"{path.stem}: kernel start to first picture", shown, "s")
        yield Row(5, f"{path.stem}: this against the import", ratio, "×", 2)
        yield Row(5, f"{path.stem}: peak memory", peaks[path], "GB", 1.2)


def import_tensorflow() -> float:
    """Seconds from starting a Python to TensorFlow being imported in it."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", TENSORFLOW], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        process.stdout.readline()
        return time.perf_counter() - start


def run(path: Path, to_the_end: bool) -> tuple[float, float]:
    """Run a lesson cell by cell, to its first picture or its end.

    Returns:
        Seconds from starting the kernel to the first picture; the kernel's peak memory in GB.

    Raises:
        RuntimeError: A cell failed, or there was no picture.
    """
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    first = None
    manager = KernelManager()
    start = time.perf_counter()
    manager.start_kernel(cwd=str(FOLDER), env={**os.environ})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=300)
        for cell in code:
            shown, _ = _execute(client, cell.source)
            if first is None and shown is not None:
                first = shown - start
            if first is not None and not to_the_end:
                break
        _, peak = _execute(client, PEAK)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if first is None:
        raise RuntimeError(f"{path.name} shows no picture")
    return first, int(peak) / 1e9


def _execute(client, source: str) -> tuple[float | None, str]:
    """Run one cell: when its first picture came, if one did, and what it printed."""
    shown, printed = [], []

    def seen(message: dict) -> None:
        content = message["content"]
        if any(kind in content.get("data", {}) for kind in PICTURES):
            shown.append(time.perf_counter())
        elif message["header"]["msg_type"] == "stream":
            printed.append(content["text"])
        elif message["header"]["msg_type"] == "error":
            raise RuntimeError(f"a cell failed: {content['evalue']}")

    client.execute_interactive(source, timeout=600, output_hook=seen, allow_stdin=False)
    return (shown or [None])[0], "".join(printed)
