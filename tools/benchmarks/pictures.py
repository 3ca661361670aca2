"""Items 1 and 2: many feature maps to PNG files."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

import cv2
import matplotlib.pyplot as plt
import numpy as np
from subject import photo, vgg16
from table import Row, in_turn, ratio, seconds

from helpers import activations, images
from helpers.plots import mosaics, panels
from helpers.quiet import keras

BLOCK_ENDS = [2, 5, 9, 13, 17]
KERACT = "keract==4.5.2"
FAST_RUNS = 5  # of the short works, for one of the long ones


def subplots(maps: np.ndarray, ticks: bool = True) -> bytes:
    """64 maps as the tutorials draw them."""
    figure, axes = plt.subplots(8, 8, figsize=(16, 16))
    for channel, place in enumerate(axes.flat):
        place.imshow(maps[:, :, channel], cmap="gray")
        if not ticks:
            place.axis("off")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    return file.getvalue()


def mosaic(maps: np.ndarray) -> np.ndarray:
    """Maps scaled to brightness and stitched, 8 in a row."""
    return panels.stitch(mosaics.wall(maps)[0], 8)


def grid(rounds: int) -> Iterator[Row]:
    """Item 1: 64 maps of 224 × 224 to one PNG."""
    model, batch = vgg16(), images.prepare(photo())
    maps = activations.feature_maps(model, batch, "block1_conv1")["block1_conv1"][0]
    ready = mosaic(maps)
    with tempfile.TemporaryDirectory() as folder:
        display, why = _keract(Path(folder))
        slow = {"subplots": lambda: subplots(maps), "no ticks": lambda: subplots(maps, False)}
        if display is not None:
            slow["keract"] = lambda: display({"block1_conv1": maps[np.newaxis]})
        fast = {
            "ours": lambda: cv2.imencode(".png", mosaic(maps)),
            "floor": lambda: cv2.imencode(".png", ready),
            "mosaic": lambda: mosaic(maps),
        }
        times = _slow_and_fast(slow, fast, rounds)
    yield _row(1, "tutorials: 64 subplots, 16 × 16 in", times["subplots"])
    yield _row(1, "the same without ticks", times["no ticks"])
    if display is None:
        yield Row(1, "keract's display_activations", None, "", note=f"left out: {why}")
    else:
        yield _row(1, "keract's display_activations, as it comes", times["keract"])
    yield _row(1, "ours: mosaics.wall, stitched, and cv2.imencode", times["ours"])
    yield _row(1, "  of this, the mosaic", times["mosaic"])
    yield _row(1, "floor: cv2.imencode of the ready array", times["floor"])
    yield Row(
        1, "ours, times as fast as the tutorials", ratio(times["subplots"], times["ours"]), "×",
        60, at_least=True,
    )  # fmt: skip
    yield Row(1, "ours against the floor", ratio(times["ours"], times["floor"]), "×", 1.5)


def blocks(rounds: int) -> Iterator[Row]:
    """Item 2: the last convolution of each block, 64 maps each, from photo to PNGs."""
    model, batch = vgg16(), images.prepare(photo())

    def tutorials() -> None:
        for index in BLOCK_ENDS:
            inner = keras.Model(model.inputs[0], model.layers[index].output)
            subplots(inner.predict(batch, verbose=0)[0])

    def ours() -> None:
        for maps in activations.feature_maps(model, batch, BLOCK_ENDS).values():
            cv2.imencode(".png", mosaic(maps[0, :, :, :64]))

    first = seconds(ours)
    times = _slow_and_fast({"tutorials": tutorials}, {"ours": ours}, rounds)
    yield _row(2, "tutorials: five sub-models, predict, 64 subplots each", times["tutorials"])
    yield _row(2, "ours: one pass, five mosaics", times["ours"])
    yield Row(2, "ours, the first time, which compiles", first * 1e3, "ms")
    yield Row(
        2, "ours, times as fast as the tutorials", ratio(times["tutorials"], times["ours"]), "×",
        40, at_least=True,
    )  # fmt: skip


def _slow_and_fast(
    slow: dict[str, Callable], fast: dict[str, Callable], rounds: int
) -> dict[str, list[float]]:
    """Seconds in each round; a fast work's are the median of a few runs in a row."""
    times: dict[str, list[float]] = {name: [] for name in (*slow, *fast)}
    for work in (*slow.values(), *fast.values()):
        work()  # imports, caches and first allocations don't count
    for _ in range(rounds):
        for name, work in slow.items():
            times[name].append(seconds(work))
        for name, runs in in_turn(fast, FAST_RUNS).items():
            times[name].append(median(runs))
    return times


def _keract(folder: Path) -> tuple[Callable | None, str]:
    """keract's display, installed into a folder of its own, or None and the reason."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            folder,
            KERACT,
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return None, f"{KERACT} can't be had"
    sys.path.insert(0, str(folder))
    try:
        from keract import display_activations
    except Exception as error:  # it is made for TensorFlow 2.9 to 2.15
        return None, f"{KERACT} does not import: {error}"
    finally:
        sys.path.remove(str(folder))

    def display(maps: dict[str, np.ndarray]) -> None:
        with redirect_stdout(io.StringIO()):
            display_activations(maps, cmap="gray", save=True, directory=str(folder))

    return display, ""


def _row(item: int, what: str, times: list[float]) -> Row:
    return Row(item, what, median(times) * 1e3, "ms")
