"""How fast the course is on this machine: prints a table, judges nothing.

    python tests/benchmarks/speed.py            everything; the lessons take a few minutes
    python tests/benchmarks/speed.py --short    without running the lessons

Times are the best of several runs; what else the machine does still shows in them, so compare
within a table.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("CNN_WEIGHTS", "bundled")
os.environ.setdefault("MPLBACKEND", "agg")

DESCRIBE = """
import pathlib, resource, time
from helpers import models
from helpers.quiet import keras
status = pathlib.Path("/proc/self/status")  # Linux; elsewhere only the peak is known
def used():
    lines = status.read_text().splitlines() if status.exists() else []
    now = [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
    return (now or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0] / 1024
before, start = used(), time.perf_counter()
model = models.describe_vgg16()
print(time.perf_counter() - start, used() - before, model.count_params())
"""
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def seconds(work, runs: int = 7) -> float:
    """The shortest of several runs; the first one warms up and doesn't count."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def row(what: str, figure: str, note: str = "") -> None:
    """One line of the table."""
    print(f"{what:<46} {figure:>12}  {note}", flush=True)


def pictures(maps) -> None:
    """64 maps of 224 × 224 as a PNG: ours, as 64 subplots, and the encoder alone."""
    import io

    import cv2
    from matplotlib.figure import Figure

    from helpers.plots import canvas, mosaic

    def subplots():
        figure = Figure(figsize=(16, 16))
        for channel, axes in enumerate(figure.subplots(8, 8).ravel()):
            axes.imshow(maps[:, :, channel], cmap="gray")
            axes.axis("off")
        figure.savefig(io.BytesIO(), format="png")

    picture = mosaic(maps)
    ours = seconds(lambda: canvas.png(mosaic(maps)))
    floor = seconds(lambda: cv2.imencode(".png", picture))
    usual = seconds(subplots, 1)
    row(
        "64 maps to PNG bytes: mosaic + canvas.png",
        f"{ours * 1e3:.1f} ms",
        f"{ours / floor:.2f} × floor",
    )
    row("  the mosaic alone", f"{seconds(lambda: mosaic(maps)) * 1e3:.1f} ms")
    row("  floor: cv2.imencode of the ready array", f"{floor * 1e3:.1f} ms")
    row(
        "  the usual way: 64 subplots, 16 × 16 in",
        f"{usual * 1e3:.0f} ms",
        f"{usual / ours:.0f} × ours",
    )
    row("  size of the PNG", f"{len(canvas.png(picture)) / 1e6:.2f} MB")


def passes(model, batch) -> None:
    """All 13 convolutions' maps, and a plain compiled pass, in turn."""
    import tensorflow as tf

    from helpers import activations

    photo = tf.convert_to_tensor(batch)
    plain = tf.function(lambda each: model(each, training=False))
    works = (lambda: plain(photo).numpy(), lambda: activations.feature_maps(model, batch))
    best = [float("inf")] * 2
    for _ in range(12):
        for which, work in enumerate(works):
            best[which] = min(best[which], seconds(work, 1))
    row("forward pass, compiled", f"{best[0] * 1e3:.0f} ms")
    row(
        "all 13 layers' maps in one pass",
        f"{best[1] * 1e3:.0f} ms",
        f"{best[1] / best[0]:.2f} × plain",
    )


def explorer(model, photo) -> None:
    """A slider's way from value to PNG bytes."""
    from helpers import widgets

    start = time.perf_counter()
    made = widgets.feature_map_pages(model, photo)
    row("feature_map_pages: made", f"{time.perf_counter() - start:.2f} s")
    times = []
    for layer in made.controls["layer"].options[::-1]:
        start = time.perf_counter()
        made.controls["layer"].value = layer
        times.append(time.perf_counter() - start)
    row("feature_map_pages: a move, median", f"{sorted(times)[len(times) // 2] * 1e3:.0f} ms")


def description() -> None:
    """describe_vgg16 in a process of its own: time, growth of the peak, parameters."""
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    spent, grown, count = done.stdout.split()
    row(
        "describe_vgg16",
        f"{float(spent) * 1e3:.0f} ms",
        f"+{float(grown):.0f} MB, {count} parameters",
    )


def lessons() -> None:
    """Each lesson: run time from a cold kernel, and the kernel's peak memory."""
    import nbformat
    from nbclient import NotebookClient

    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
        start = time.perf_counter()
        NotebookClient(
            notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}
        ).execute(env={**os.environ})
        spent = time.perf_counter() - start
        peak = int(notebook.cells[-1].outputs[-1]["text"]) / 1024
        row(path.stem, f"{spent:.1f} s", f"kernel's peak {peak:.0f} MB")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="don't run the lessons")
    args = parser.parse_args()

    from helpers import activations, images, models

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{os.cpu_count()} processors, load {load:.1f} (quiet: below 0.3)")
    photo = images.load_photo("chelsea")
    model, batch = models.load_vgg16(), images.prepare(photo)
    pictures(activations.feature_maps(model, batch, "block1_conv1")["block1_conv1"][0])
    passes(model, batch)
    explorer(model, photo)
    description()
    row("peak memory of this process", f"{_peak():.0f} MB")
    if not args.short:
        lessons()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
