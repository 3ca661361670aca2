"""All figures of the course in one run: what it costs, beside the usual way and the floor.

    python tools/benchmarks/run.py                     all items, about twenty minutes
    python tools/benchmarks/run.py 1 3                 only these items
    python tools/benchmarks/run.py --json figures.json also write them to a file

| item | what |
|------|------|
| 1    | 64 feature maps to PNG |
| 2    | five blocks, 64 maps each |
| 3    | all convolutions of VGG16 |
| 4    | slider to picture in the browser |
| 5    | kernel start to first picture, and peak memory, of each lesson |
| 6    | memory and speed over 10,000 slider moves |
| 7    | a step toward a picture that a unit would choose |
| 8    | Grad-CAM and occlusion beside plain passes |

What is compared runs in turns, so ratios hold on a busy machine too. Figures are medians. A goal
is printed as met or missed; nothing fails for it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from pathlib import Path

sys.path[:0] = [str(folder) for folder in Path(__file__).resolve().parents[1:3]]
os.environ["CNN_WEIGHTS"] = "bundled"
os.environ["MPLBACKEND"] = "agg"
logging.getLogger("tensorflow").setLevel("ERROR")  # it warns of what the tutorials do

from table import as_data, header, line, machine

ITEMS = range(1, 9)


def measure(item: int, args: argparse.Namespace):
    """The rows of one item. Each needs its own heavy imports, so these come late."""
    if item in (1, 2):
        import pictures

        return (pictures.grid if item == 1 else pictures.blocks)(args.rounds)
    if item == 3:
        import passes

        return passes.layers(args.rounds)
    if item == 4:
        import browser

        return browser.sliders(args.moves)
    if item == 5:
        import lessons

        return lessons.starts_and_peaks(args.starts)
    if item == 7:
        import climbing

        return climbing.steps(args.rounds)
    if item == 8:
        import looks

        return looks.where(args.rounds)
    import browser

    return browser.long_use(args.steps)


def main() -> None:
    """Measure, print the table as it grows, and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("items", nargs="*", type=int, help="their numbers; all by default")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--rounds", type=int, default=5, help="items 1 to 3, 7 and 8: rounds")
    parser.add_argument("--moves", type=int, default=40, help="item 4: steps of each")
    parser.add_argument("--starts", type=int, default=2, help="item 5: starts of each lesson")
    parser.add_argument("--steps", type=int, default=10_000, help="item 6: moves in all")
    args = parser.parse_args()
    if wrong := [item for item in args.items if item not in ITEMS]:
        parser.error(f"no item {wrong[0]}; choose from {', '.join(map(str, ITEMS))}")

    where, start = machine(), time.perf_counter()
    for name, value in where.items():
        print(f"{name + ':':24}{value}")
    print(f"\n{header()}", flush=True)
    rows = []
    for item in args.items or ITEMS:
        for row in measure(item, args):
            rows.append(row)
            print(line(row.cells()), flush=True)
    goals = [row for row in rows if row.met is not None]
    spent = time.perf_counter() - start
    print(f"\n{sum(row.met for row in goals)} of {len(goals)} goals met; {spent / 60:.1f} minutes")
    if args.json:
        found = {"machine": where, "seconds": spent, "rows": [as_data(row) for row in rows]}
        args.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
