"""How fast a scan is, and how its memory grows; compared in one run on this machine.

    python tools/benchmarks/scan.py PHOTOS

PHOTOS is a folder of photos. Printed are the ratios that matter:

* the tutorial's way (one ``load_img`` and one ``predict`` for each photo, for a single unit),
  timed on some of the photos, against one scan for all channels of a layer;
* the scan against the slower of "only decode" and "only predict in batches";
* the memory used at its most after 1,000 photos, and after 10,000.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import psutil

from helpers import datasets, images, models, patches
from helpers.quiet import keras


def seconds(work: Callable[[], object]) -> float:
    """Wall time of some work."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def tutorials_way(model: keras.Model, layer: str, paths: list[Path]) -> None:
    """One photo at a time through ``load_img`` and ``predict``, for one unit."""
    inner = keras.Model(model.inputs[0], model.get_layer(layer).output)
    answers = []
    for path in paths:
        photo = keras.utils.load_img(path, target_size=(150, 150))
        batch = keras.utils.img_to_array(photo)[np.newaxis] / 255
        answers.append(inner.predict(batch, verbose=0)[0, 3, 3, 3])


def decode_only(paths: list[Path]) -> None:
    """Decode all photos in threads, and do nothing with them."""
    for _ in datasets.stream(paths, (150, 150)):
        pass


def predict_only(model: keras.Model, layer: str, batches: int, size: int) -> None:
    """The network on so many ready batches, as Keras does it best."""
    inner = keras.Model(model.inputs[0], model.get_layer(layer).output)
    batch = np.random.default_rng(0).random((size, 150, 150, 3), dtype=np.float32)
    for _ in range(batches):
        inner.predict_on_batch(batch)


def scan(model: keras.Model, layer: str, photos: object) -> None:
    """All channels of one layer."""
    patches.scan(model, layer, photos, images.scale_to_one, progress=False)


def peak_memory(work: Callable[[], object]) -> float:
    """The most memory this process holds while it works, in MB."""
    process, highest, done = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            highest[0] = max(highest[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return highest[0] / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--layer", default="conv4")
    parser.add_argument("--sample", type=int, default=200, help="photos for the tutorial's way")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many rounds counts")
    parser.add_argument("--memory", type=int, default=10_000, help="photos in the longer scan")
    args = parser.parse_args()
    model, layer = models.load_cat_dog(), args.layer
    paths = datasets.photo_files(args.photos)
    count, batch = len(paths), 32
    scan(model, layer, paths[:64])  # imports, threads and first allocations
    predict_only(model, layer, 1, batch)

    times: dict[str, list[float]] = {"decode": [], "predict": [], "scan": [], "tutorial": []}
    sample = paths[: args.sample]
    for _ in range(args.rounds):  # interleaved: a busy machine is busy for all alike
        times["decode"].append(seconds(lambda: decode_only(paths)))
        times["predict"].append(
            seconds(lambda: predict_only(model, layer, -(-count // batch), batch))
        )
        times["scan"].append(seconds(lambda: scan(model, layer, paths)))
        once = seconds(lambda: tutorials_way(model, layer, sample))
        times["tutorial"].append(once * count / len(sample))
    best = {name: min(found) for name, found in times.items()}
    print(f"{count:,} photos, all channels of {layer} ({args.rounds} rounds, best of each)")
    for name, found in best.items():
        print(f"  {name:9} {found:7.1f} s")
    print(f"scan against the tutorial's way: {best['tutorial'] / best['scan']:.1f} times faster")
    slower = max(best["decode"], best["predict"])
    print(
        f"scan against the slower of decode and predict: {best['scan'] / slower:.2f} times as long"
    )

    def endless(total: int) -> Iterator[Path]:
        return itertools.islice(itertools.cycle(paths), total)

    short = peak_memory(lambda: scan(model, layer, endless(1000)))
    long = peak_memory(lambda: scan(model, layer, endless(args.memory)))
    print(f"memory: {short:.0f} MB with 1,000 photos, {long:.0f} MB with {args.memory:,}")
    print(f"        {long - short:+.0f} MB")


if __name__ == "__main__":
    main()
