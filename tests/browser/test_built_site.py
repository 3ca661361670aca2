"""The whole site, built and served, in a real browser."""

import collections
import io
import re
from pathlib import Path

import build_site
import explorers
import pytest
import rebuild
from axe_playwright_python.sync_playwright import Axe
from conftest import LAPTOP, static_site
from pages import explorers as saved
from PIL import Image

from helpers import activations, images

pytestmark = pytest.mark.ci

ROOT = Path(__file__).resolve().parents[2]
LESSONS = [path.stem for path in rebuild.lessons()]
PHONE, PROJECTOR = {"width": 390, "height": 844}, {"width": 1280, "height": 720}
AWAKE = "() => [...document.querySelectorAll('[data-states]')].every(one => one.dataset.awake)"
SHOWN = "() => document.querySelector('#own-photo .cnn-panels').dataset.shown"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The site, with few pictures of each explorer, all made here.

    How the command makes them, from the lessons, is tested in ``tests/test_site.py``.
    """
    made, numbers = tmp_path_factory.mktemp("made"), collections.Counter()
    to = tmp_path_factory.mktemp("built") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools" / "benchmarks")
        import subject

        for name, make in subject.explorers().items():
            numbers[name[:2]] += 1
            saved.save(make(), made / name[:2] / str(numbers[name[:2]]), most=60)
        patch.setattr(saved, "folder_of", lambda path, _: made / path.name[:2])
        build_site.build(to)
    return to


@pytest.fixture(scope="module")
def site(folder):
    """Its address."""
    with static_site(folder) as address:
        yield address


@pytest.fixture
def page(open_page):
    """A page that remembers what went wrong on it."""
    page = open_page()
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.wrong.append(m.text))
    page.on("response", lambda r: r.status >= 400 and page.wrong.append(f"{r.status} {r.url}"))
    yield page
    page.close()


def wake_all(page):
    """Bring every explorer of a page near, so that it wakes."""
    for place in page.locator("[data-states]").all():
        place.scroll_into_view_if_needed()
        place.and_(page.locator("[data-awake]")).wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.cnn-panels')].every(one => one.dataset.shown)"
    )


def test_every_page_and_picture_is_there_and_fits_a_phone(folder, site, page):
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.html"))]
    assert len(names) > 2 * len(LESSONS) + 20
    for name in names:
        page.set_viewport_size(PHONE)
        page.goto(f"{site}/{name}")
        gone = page.evaluate(
            """async () => {
                const all = [...document.images];
                all.forEach(one => one.loading = 'eager');
                await Promise.all(all.map(one => one.decode().catch(() => {})));
                return all.filter(one => !one.naturalWidth && one.isConnected).map(one => one.src);
            }"""
        )
        assert gone == [], name
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        assert page.wrong == [], name


@pytest.mark.parametrize("lesson", LESSONS)
def test_explorers_move_to_their_ends_and_picture_and_caption_follow(lesson, site, page):
    page.goto(f"{site}/notebooks/{lesson}.html")
    wake_all(page)
    for explorer in page.locator("[data-states]").all():
        assert not explorers.is_blank(explorer)
        moved = False
        for slider in explorer.locator("input[type=range]").all():
            for key in ("Home", "End", "Home"):
                if slider.is_disabled():  # the others leave it no room now
                    break
                end = slider.get_attribute("min" if key == "Home" else "max")
                if slider.input_value() != end:
                    before = explorer.evaluate(explorers.SHOWN)
                    slider.press(key)
                    after = explorers.wait_for_another(explorer, before)
                    assert after[1] != before[1] and after[2] != before[2], (key, before, after)
                    assert slider.input_value() == end
                    moved = True
        for menu in explorer.locator("select:enabled").all():
            for value in explorers.options(menu)[:8]:
                if menu.input_value() != value:
                    before = explorer.evaluate(explorers.SHOWN)
                    menu.select_option(value)
                    assert explorers.wait_for_another(explorer, before)[1:] != before[1:]
                    moved = True
        assert moved
    assert page.wrong == []


@pytest.mark.parametrize("lesson", [*LESSONS, ""])
def test_nothing_serious_is_in_the_way_of_anyone(lesson, site, page):
    pages = ["index", "photo", "install", "bibliography", "api/plots", "notebooks/glossary"]
    rules = {"resultTypes": ["violations"]}
    colors = {**rules, "runOnly": ["color-contrast"]}
    for name in [f"notebooks/{lesson}"] if lesson else pages:
        page.goto(f"{site}/{name}.html")
        wake_all(page)
        if name == "photo":
            page.locator("#own-photo[data-awake=yes]").wait_for(timeout=120_000)
        for scheme, options in {"light": rules, "dark": colors}.items():
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options=options).response["violations"]
            serious = [one for one in found if one["impact"] in ("serious", "critical")]
            words = [(one["id"], [n["html"][:200] for n in one["nodes"][:3]]) for one in serious]
            assert words == [], f"{name}, {scheme}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_first_screen_is_light_and_without_scripts_it_is_text_with_pictures(
    lesson, site, browser
):
    sizes = []
    for scripts in (True, False):
        context = browser.new_context(viewport=LAPTOP, java_script_enabled=scripts)
        page = context.new_page()
        page.on("response", lambda r: sizes.append(int(r.headers.get("content-length", 0))))
        page.goto(f"{site}/notebooks/{lesson}.html")
        page.wait_for_load_state("networkidle")
        if scripts:
            assert 0 < sum(sizes) <= 1e6
        else:
            place = page.locator("[data-states]").first
            place.scroll_into_view_if_needed()
            still = place.locator("img")
            page.wait_for_timeout(500)
            assert Image.open(io.BytesIO(still.screenshot())).convert("L").getextrema()[0] < 128
            assert page.get_by_role("heading", name="Recap").is_visible()
            assert page.get_by_role("link", name="glossary").first.is_visible()
        context.close()


def test_the_whole_site_is_not_too_large(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 120e6
    assert max(path.stat().st_size for path in files) <= 60e6


def test_search_finds_a_word(site, page):
    page.goto(f"{site}/search.html?q=sparsity")
    page.locator("#search-results li a").first.wait_for()
    found = " ".join(page.locator("#search-results li a").all_text_contents())
    assert "Activations, block by block" in found and "Glossary" in found


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_slide_fits_and_its_explorers_are_alive(lesson, site, page):
    page.set_viewport_size(PROJECTOR)
    page.goto(f"{site}/slides/{lesson}.html")
    page.locator(".slides > section.present").wait_for()
    alive = 0
    for number in range(page.locator(".slides > section").count()):
        page.evaluate(f"location.hash = '#/{number}'")
        page.wait_for_timeout(60)
        slide = page.locator(".slides > section.present")
        explorer = slide.locator("[data-states]")
        if explorer.count():
            explorer.and_(page.locator("[data-awake=yes]")).wait_for()
            explorer.locator(".cnn-panels[data-shown]").wait_for()
            before = explorer.evaluate(explorers.SHOWN)
            slider = explorer.locator("input[type=range]:enabled").last
            low = slider.input_value() == slider.get_attribute("min")
            slider.press("End" if low else "Home")
            assert explorers.wait_for_another(explorer, before)[1] != before[1]
            alive += 1
        over = slide.evaluate(
            "one => [one.scrollHeight - one.clientHeight, one.scrollWidth - one.clientWidth]"
        )
        assert max(over) <= 2, number
    assert alive
    assert page.wrong == []


# ---- your own photo ----


def numbers(page):
    """The number that stands in the map, as the page says, and the whole caption."""
    caption = page.locator("#own-photo .cnn-caption").text_content()
    assert "not the same" not in caption
    return float(re.search(r"In the map stands ([\d.]+)\.", caption)[1]), caption


def test_a_photo_goes_through_block_1_as_in_keras_and_never_leaves(site, page, vgg16, tmp_path):
    page.goto(f"{site}/photo.html")
    page.locator("#own-photo[data-awake=yes]").wait_for(timeout=120_000)
    asked = []
    page.on("request", lambda r: r.url.startswith(("data:", "blob:")) or asked.append(r.url))
    photo = images.load_photo("chelsea")
    Image.fromarray(photo).save(tmp_path / "mine.png")
    page.locator("#own-file").set_input_files(tmp_path / "mine.png")
    page.wait_for_function("() => document.querySelector('[role=status]').textContent[0] == 'C'")
    page.get_by_text("Computed here").wait_for(timeout=120_000)
    page.wait_for_function(SHOWN)
    layers = ["block1_conv1", "block1_conv2"]
    maps = activations.feature_maps(vgg16, images.prepare(photo), layers)
    page.get_by_label("Filter").press("End")
    page.get_by_label("Row").press("Home")
    for number, layer in enumerate(layers):
        if number:
            page.get_by_label("Layer").press("End")
        page.wait_for_function(
            f"() => document.querySelector('#own-photo .cnn-panels').dataset.shown == "
            f"'[{number},63,0,112]'",
            timeout=120_000,
        )
        value, caption = numbers(page)
        assert layer in caption
        assert abs(value - float(maps[layer][0, 0, 112, 63])) < 0.02
    assert asked == []
    assert page.wrong == []


def test_a_click_in_the_photo_picks_the_pixel_and_a_bad_file_is_refused(site, page, tmp_path):
    page.goto(f"{site}/photo.html")
    page.locator("#own-photo[data-awake=yes]").wait_for(timeout=120_000)
    array = page.locator("#own-photo .cnn-clicks").first
    array.scroll_into_view_if_needed()
    box = array.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.75)
    page.wait_for_function(
        "() => !document.querySelector('.cnn-panels').dataset.shown.includes('112')"
    )
    numbers(page)
    assert abs(float(page.get_by_label("Row").input_value()) - 168) <= 2
    (tmp_path / "notes.txt").write_text("no photo")
    page.locator("#own-file").set_input_files(tmp_path / "notes.txt")
    page.get_by_text("can't be shown as a photo").wait_for()


def test_the_files_beside_the_page_are_of_this_course(folder):
    assert {path.name for path in Path(folder, "photo").iterdir()} == {
        *("tf.min.js", "block1.bin", "block1.json", "sample.webp"),
    }
