"""Every lesson in a real JupyterLab, then in Notebook 7, moved from the keyboard."""

import itertools
from pathlib import Path

import explorers
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import LAPTOP, Lesson

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.fixture(scope="module", params=[path.name for path in LESSONS])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def lesson(name, open_page, jupyter):
    """One lesson in JupyterLab, all its cells run; tests leave it in working order."""
    address, token = jupyter
    lesson = Lesson(open_page())
    lesson.open(f"{address}/doc/tree/notebooks/{name}?reset&token={token}")
    lesson.run_all()
    yield lesson
    if not lesson.page.is_closed():
        lesson.shut_down()


def test_it_runs_and_shows_its_explorers(lesson):
    assert lesson.problems() == []
    for explorer in lesson.explorers():
        assert not explorers.is_blank(explorer)


def test_sliders_and_menus_change_picture_and_caption(lesson):
    for explorer in lesson.explorers():
        sliders = explorer.get_by_role("slider")
        moved = explorers.move_all(explorer)
        if len(moved) < sliders.count():  # some have no room, or rest, with the first choices
            sliders.first.press("End")
            for menu in explorer.locator("select").all():
                menu.select_option(explorers.options(menu)[-1])
            lesson.wait_until_idle()
            moved |= explorers.move_all(explorer)
        assert moved == set(range(sliders.count())), "a slider that never moves"
        for menu in explorer.locator("select").all():
            for value in explorers.options(menu):
                if menu.input_value() != value:
                    before = explorer.evaluate(explorers.SHOWN)
                    menu.select_option(value)
                    lesson.wait_until_idle()
                    assert explorer.evaluate(explorers.SHOWN) != before, value


def test_ranges_follow_the_layer(lesson, name):
    followed = 0
    for explorer in lesson.explorers():
        layer = explorer.get_by_role("slider", name="Layer")
        if layer.count():
            seen = set()
            for key in ("Home", "End"):
                layer.press(key)
                lesson.wait_until_idle()
                handles = explorer.get_by_role("slider").all()[1:]
                seen.add(tuple(handle.get_attribute("aria-valuemax") for handle in handles))
                for handle in handles:
                    now, high = (handle.get_attribute(f"aria-value{w}") for w in ("now", "max"))
                    assert float(now) <= float(high)
            followed += len(seen) == 2
    assert followed or name[:2] in ("00", "01"), "no range depends on the layer"


def test_it_is_accessible(lesson):
    for explorer in lesson.explorers():
        assert explorer.get_attribute("aria-label")
        image = explorer.locator("img.widget-image")
        assert image.get_attribute("alt") == explorer.locator(".widget-html p").text_content()
        slider = next(s for s in explorer.get_by_role("slider").all() if explorers.has_room(s))
        before = image.get_attribute("alt")
        explorers.press(explorer, slider, explorers.arrow(slider))
        assert image.get_attribute("alt") == explorer.locator(".widget-html p").text_content()
        assert image.get_attribute("alt") != before
        for handle in explorer.get_by_role("slider").all():
            control = handle.locator("xpath=ancestor::*[contains(@class, 'widget-slider')]")
            readout = control.locator(".widget-readout").text_content()
            assert handle.get_attribute("aria-label") == control.locator("label").text_content()
            assert handle.get_attribute("aria-valuetext") == readout
        for text, ratio in explorer.evaluate(explorers.CONTRASTS):
            assert ratio >= 4.5, text
    found = Axe().run(lesson.page, context=".cnn-explorer")  # names, roles, and much more
    assert found.violations_count == 0, found.generate_report()
    judged = {rule["id"] for rule in found.response["passes"]}
    assert judged >= {"image-alt", "aria-input-field-name"}


def test_focus_follows_the_page(lesson):
    for explorer in lesson.explorers():
        places = explorer.evaluate(
            """explorer => [...explorer.querySelectorAll(
                    '[role=slider], select, [contenteditable=true]')]
                .filter(each => !each.closest('[disabled]')).map(each => {
                    each.dataset.place = explorer.querySelectorAll('[data-place]').length;
                    return each.getBoundingClientRect();
                }).map(box => [(box.top + box.bottom) / 2, box.left])"""
        )
        for (y, x), (next_y, next_x) in itertools.pairwise(places):
            assert next_y > y + 12 or (next_y > y - 12 and next_x > x), "not as one reads"
        explorer.locator("[data-place='0']").focus()
        for place in range(len(places)):
            focused = lesson.page.evaluate("document.activeElement.dataset.place")
            assert focused == str(place)
            lesson.page.keyboard.press("Tab")


def test_a_narrow_window_shows_everything(lesson):
    lesson.page.set_viewport_size({"width": 600, "height": 900})
    for explorer in lesson.explorers():
        explorer.scroll_into_view_if_needed()
        for _ in range(50):  # the page takes its time to settle
            misplaced = explorer.evaluate(explorers.MISPLACED)
            if not misplaced:
                break
            lesson.page.wait_for_timeout(100)
        assert misplaced == []
    lesson.page.set_viewport_size(LAPTOP)


def test_it_works_in_notebook_7_after_a_restart(lesson, name, open_page, jupyter):
    address, token = jupyter
    lesson.page.close()  # its kernel goes on
    elsewhere = Lesson(open_page())
    elsewhere.open(f"{address}/notebooks/notebooks/{name}?token={token}")
    elsewhere.restart()
    elsewhere.run_all()
    assert elsewhere.problems() == []
    for explorer in elsewhere.explorers():
        assert not explorers.is_blank(explorer)
        assert explorers.move_all(explorer)
    elsewhere.shut_down()
