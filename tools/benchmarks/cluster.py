"""What a cluster brings and costs, on this machine; and how memory grows with many photos.

    python tools/benchmarks/cluster.py PHOTOS [--memory 100000]

PHOTOS is a folder of photos, gone through again and again until there are as many as asked for.
Printed are, for the cat–dog network:

* wall time and processor time of the plain scan, and of the same with 1 and with 2 workers, in
  turns; all on this one machine, so 2 workers share what the plain scan has for itself;
* whether all three found the same, to the last bit;
* with ``--memory``: the most memory while each 5,000 photos of one long scan were named, for the
  client (which holds the scheduler, too) and for each worker.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import psutil
from distributed import Client, LocalCluster

from helpers import datasets, images, models, patches

LAYER = "conv4"
EVERY = 5_000  # photos between two lines about memory


def processor_seconds() -> float:
    """What this process has used of the processors."""
    return sum(psutil.Process().cpu_times()[:2])


def timed(model: object, paths: list[Path], client: Client | None) -> tuple:
    """A scan with its wall time and the processor time of all processes that took part."""

    def used() -> float:
        return processor_seconds() + sum(client.run(processor_seconds).values() if client else ())

    before, start = used(), time.perf_counter()
    found = patches.scan(model, LAYER, paths, images.scale_to_one, progress=False, client=client)
    return found, time.perf_counter() - start, used() - before


def same(one: patches.Scan, other: patches.Scan) -> bool:
    """Whether two scans found the same numbers, to the last bit."""
    names = ("photos", "values", "places")
    pairs = ((getattr(one[LAYER], name), getattr(other[LAYER], name)) for name in names)
    return all(np.array_equal(*pair) for pair in pairs)


def growth(model: object, paths: list[Path], count: int, client: Client | None) -> None:
    """One long scan; print the most memory of each process while each further EVERY were named."""
    pids = {"client": os.getpid()}
    if client:
        pids |= {f"worker {k}": pid for k, pid in enumerate(client.run(os.getpid).values(), 1)}
    processes = {name: psutil.Process(pid) for name, pid in pids.items()}
    taken, done, start = [0], threading.Event(), time.perf_counter()
    most = [dict.fromkeys(processes, 0) for _ in range(-(-count // EVERY))]

    def names() -> Iterator[Path]:
        for number, path in enumerate(itertools.islice(itertools.cycle(paths), count)):
            taken[0] = number
            yield path

    def watch() -> None:
        shown = 0
        while not done.wait(0.2):
            now = taken[0] // EVERY
            for name, process in processes.items():
                most[now][name] = max(most[now][name], process.memory_info().rss)
            if now > shown:
                report(shown)
                shown = now
        report(shown)

    def report(step: int) -> None:
        sizes = ", ".join(f"{name} {size / 1e6:,.0f}" for name, size in most[step].items())
        passed = time.perf_counter() - start
        print(f"up to {min(count, EVERY * (step + 1)):,}: {sizes} MB; {passed:,.0f} s", flush=True)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        patches.scan(model, LAYER, names(), images.scale_to_one, progress=False, client=client)
    finally:
        done.set()
        watcher.join()


def cluster(workers: int) -> LocalCluster:
    """Workers on this machine, each a process of one Dask thread."""
    return LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=2_000, help="photos in each timed scan")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many rounds counts")
    parser.add_argument("--memory", type=int, default=0, help="photos in the long scan, if any")
    parser.add_argument("--alone", action="store_true", help="the long scan without a cluster")
    args = parser.parse_args()
    model, paths = models.load_cat_dog(), datasets.photo_files(args.photos)
    if args.memory:
        if args.alone:
            growth(model, paths, args.memory, None)
            return
        with cluster(2) as local, Client(local) as client:
            growth(model, paths, args.memory, client)
        return
    photos = list(itertools.islice(itertools.cycle(paths), args.count))
    with cluster(1) as one, cluster(2) as two, Client(one) as first, Client(two) as second:
        ways = {"plain": None, "1 worker": first, "2 workers": second}
        for client in ways.values():  # imports, the network's way, first allocations
            timed(model, photos[:256], client)
        results = {name: [] for name in ways}
        for _ in range(args.rounds):  # in turns: a busy machine is busy for all alike
            for name, client in ways.items():
                results[name].append(timed(model, photos, client))
    print(f"{len(photos):,} photos, all channels of {LAYER}; the best of {args.rounds} rounds")
    for name, rounds in results.items():
        wall, used = (min(each[k] for each in rounds) for k in (1, 2))
        equal = all(same(results["plain"][0][0], each[0]) for each in rounds)
        print(
            f"  {name:9} {wall:6.1f} s, processors {used:6.1f} s, {1000 * used / len(photos):.1f} "
            f"ms a photo; {'the same to the last bit' if equal else 'NOT the same'}"
        )


if __name__ == "__main__":
    main()
