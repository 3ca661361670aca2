"""Make README's moving picture: three explorers in use, as a browser shows them.

    python tools/moving_picture.py

Needs Chromium, like the tests in a browser. Each explorer is saved as a page, its sliders are moved
by keys, and every step is photographed.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import chrome
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for helpers

MADE = ROOT / "data" / "pictures" / "explorers.webp"
WINDOW = {"width": 960, "height": 860}
SHOWN = {"x": 0, "y": 0, "width": 960, "height": 690}
STEP, REST = 550, 1600  # milliseconds that a picture stays, and the last of an explorer
STYLE = "main { margin: 0 14px } main > p { display: none } input { accent-color: #2a5f94 }"


def scenes() -> Iterator[tuple[Any, list]]:
    """Explorers, each with the keys that are pressed on its controls, in order."""
    from helpers import images, models, widgets

    photo = images.load_photo("chelsea")
    vgg16 = models.load_vgg16()
    maps = only(widgets.feature_map_pages(vgg16, photo), "layer")
    yield maps, [("Layer", "ArrowRight")] * 12
    probe = only(widgets.pixel_probe(vgg16, photo, 26, (100, 40)), "col")
    yield probe, [("Column", "ArrowRight")] * 10
    preferred = widgets.preferred_pictures(vgg16)
    preferred.controls["layer"].value = "block2_conv1"
    yield preferred, [("Layer", "ArrowRight")] * 10


def only(explorer: Any, *names: str) -> Any:
    """The explorer with these controls alone, so that every value of theirs is saved."""
    controls = {name: explorer.controls[name] for name in names}
    draw = partial(explorer.draw, **{k: v for k, v in explorer.values.items() if k not in names})
    return type(explorer)(controls, draw, explorer.title)


def frames(browser: Any, folder: Path) -> Iterator[tuple[Image.Image, int]]:
    """Every picture with the milliseconds that it stays."""
    for number, (explorer, keys) in enumerate(scenes()):
        address = explorer.save(folder / str(number)).as_uri()
        page = browser.new_page(viewport=WINDOW, color_scheme="light")
        page.goto(address)
        page.add_style_tag(content=STYLE)
        page.locator(".cnn-panels[data-shown]").wait_for()
        yield photographed(page), REST
        for k, (label, key) in enumerate(keys, 1):
            before = page.locator(".cnn-panels").get_attribute("data-shown")
            page.get_by_label(label, exact=True).press(key)
            page.wait_for_function(
                "before => document.querySelector('.cnn-panels').dataset.shown != before",
                arg=before,
            )
            yield photographed(page), REST if k == len(keys) else STEP
        page.close()


def photographed(page: Any) -> Image.Image:
    """What the page shows now."""
    return Image.open(io.BytesIO(page.screenshot(clip=SHOWN))).convert("RGB")


def main() -> int:
    """Write the picture."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        try:
            browser = chrome.start(playwright.chromium, Path(folder))
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 1
        (first, *more), durations = zip(*frames(browser, Path(folder)), strict=True)
        browser.close()
    how = {"duration": [*durations], "loop": 0, "quality": 50, "method": 6}
    first.save(MADE, save_all=True, append_images=more, **how)
    size = MADE.stat().st_size / 1e6
    print(f"{MADE.relative_to(ROOT)}: {len(durations)} pictures, {size:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
