"""Lesson 07's explorer: the photos that excite any channel, or any single unit, of a scan."""

from __future__ import annotations

from typing import Any

from helpers.patches import Scan
from helpers.plots import patches as pictures
from helpers.widgets.explorer import Explorer, View, choice_slider, dropdown, slider

ANYWHERE, ONE_UNIT = "anywhere in the map", "at this row and column"
COMPARED = "anywhere, beside random and weakest"


def best_patches(scan: Scan) -> Explorer:
    """Sliders for layer and channel; with a scan of each unit, also for row and column.

    Args:
        scan: What ``patches.scan`` returned. Nothing is computed again, only looked up.
    """
    layers = list(scan.rankings)
    each_unit = all(ranking.each_unit for ranking in scan.rankings.values())
    rows, cols, channels = scan[layers[0]].map_shape
    controls = {
        "layer": choice_slider("Layer", layers),
        "channel": slider("Channel", channels - 1),
        "where": dropdown("Where", [ANYWHERE, COMPARED, ONE_UNIT][: 2 + each_unit]),
    }
    if each_unit:
        controls["row"] = slider("Row", rows - 1, rows // 2)
        controls["col"] = slider("Column", cols - 1, cols // 2)

    def draw(layer: str, channel: int, where: str, row: int = 0, col: int = 0) -> View:
        unit = (row, col) if where == ONE_UNIT else (None, None)
        caption = _caption(scan, layer, channel, *unit)
        if where == COMPARED:
            picture = pictures.best_random_least(scan, layer, channel)
            return View(picture, f"{caption} {_comparison(scan, layer, channel)}")
        return View(pictures.best_photos(scan, layer, channel, *unit), caption)

    def adapt(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
        rows, cols, channels = scan[values["layer"]].map_shape
        ranges = {"channel": {"max": channels - 1}}
        if each_unit:
            fixed = values["where"] != ONE_UNIT
            ranges["row"] = {"max": rows - 1, "disabled": fixed}
            ranges["col"] = {"max": cols - 1, "disabled": fixed}
        return ranges

    return Explorer(controls, draw, adapt, title="What excites a unit")


def _comparison(scan: Scan, layer: str, channel: int) -> str:
    drawn, least = scan[layer].drawn(channel), scan[layer].least(channel)
    strongest = max(hit.value for hit in drawn)
    return (
        f"Of {len(drawn)} photos drawn at random, the strongest gives {strongest:.3g}; the "
        f"{len(least)} weakest of all give {least[0].value:.3g} to {least[-1].value:.3g}."
    )


def _caption(scan: Scan, layer: str, channel: int, row: int | None, col: int | None) -> str:
    ranking = scan[layer]
    rows, cols, channels = ranking.map_shape
    name = f"{layer} ({rows} × {cols} units), channel {channel} of 0 to {channels - 1}"
    if row is not None:
        name += f", only the unit at row {row}, col {col}"
    hits = [hit for hit in ranking.best(channel, row, col) if hit.value > 0]
    if not hits:
        return f"{name}: not one of {len(scan.names)} photos excites it."
    first = hits[0]
    return (
        f"{name}: of {len(scan.names)} photos, {scan.names[first.photo].rsplit('/', 1)[-1]} "
        f"excites it most, with {first.value:.3g} at row {first.row}, col {first.col}; "
        f"number {len(hits)} reaches {hits[-1].value:.3g}."
    )
