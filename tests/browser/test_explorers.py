"""All explorers of the course in one notebook, in a real JupyterLab, by keyboard and mouse."""

import itertools
import json

import explorers
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import LAPTOP, Lesson, static_site

from helpers.plots import panels


@pytest.fixture(scope="module")
def lesson(open_page, jupyter, course):
    """A notebook with a cell for each explorer, all its cells run."""
    explorers.write_all(course / "notebooks" / "explorers.ipynb")
    address, token = jupyter
    lesson = Lesson(open_page())
    lesson.open(f"{address}/doc/tree/notebooks/explorers.ipynb?reset&token={token}")
    lesson.run_all()
    assert lesson.problems() == []
    lesson.names = dict(zip(explorers.NAMES, lesson.explorers(), strict=True))
    lesson.page.evaluate(
        """() => {
            window.asked = [];
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            kernel.anyMessage.connect((_, { msg, direction }) => {
                const wanted = msg.content?.data?.content?.want;
                if (direction === 'send' && wanted) window.asked.push(wanted);
            });
        }"""
    )
    yield lesson
    lesson.shut_down()


@pytest.fixture(params=explorers.NAMES)
def explorer(request, lesson):
    found = lesson.names[request.param]
    found.scroll_into_view_if_needed()
    return found


def test_it_shows_something(explorer):
    assert not explorers.is_blank(explorer)


def test_sliders_and_menus_change_picture_and_caption(explorer, lesson):
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
        for value in explorers.options(menu)[:8]:
            if menu.input_value() != value:
                before = explorer.evaluate(explorers.SHOWN)
                menu.select_option(value)
                assert explorers.wait_for_another(explorer, before)[1:] != before[1:], value


def test_ranges_follow_the_layer(explorer, lesson):
    layer = explorer.get_by_role("slider", name="Layer")
    if not layer.count():
        return
    for key in ("Home", "End"):
        layer.press(key)
        lesson.wait_until_idle()
        for handle in explorer.get_by_role("slider").all()[1:]:
            now, high = (handle.get_attribute(f"aria-value{w}") for w in ("now", "max"))
            assert float(now) <= float(high)
    layer.press("Home")
    lesson.wait_until_idle()


def test_a_step_back_asks_the_kernel_for_nothing(explorer, lesson):
    *_, slider = (s for s in explorer.get_by_role("slider").all() if explorers.has_room(s))
    start = explorers.shown(explorer)  # the last slider sets no other's range
    key = explorers.arrow(slider)
    explorers.press(explorer, slider, key)
    lesson.wait_until_idle()
    lesson.page.evaluate("window.asked = []")
    explorers.press(explorer, slider, "ArrowLeft" if key == "ArrowRight" else "ArrowRight")
    assert explorers.shown(explorer) == start
    assert json.dumps(start, separators=(",", ":")) not in lesson.page.evaluate("window.asked")


def test_neighbors_are_there_before_the_step(lesson):
    explorer = lesson.names["03 filter grid"]
    layer = explorer.get_by_role("slider", name="Layer")
    layer.press("End")
    lesson.wait_until_idle()  # the channels' range follows
    channel = explorer.get_by_role("slider", name="Input channel")
    explorers.press(explorer, channel, "ArrowRight")
    lesson.wait_until_idle()
    lesson.page.wait_for_timeout(600)
    lesson.wait_until_idle()
    lesson.page.evaluate("window.asked = []")
    explorers.press(explorer, channel, "ArrowRight")
    key = json.dumps(explorers.shown(explorer), separators=(",", ":"))
    assert key not in lesson.page.evaluate("window.asked")


def test_a_fast_drag_ends_with_its_last_value(explorer, lesson):
    slider = max(
        (s for s in explorer.get_by_role("slider").all() if explorers.has_room(s)),
        key=lambda s: float(s.get_attribute("aria-valuemax")),
    )
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    lesson.page.evaluate("window.asked = []")
    lesson.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    lesson.page.mouse.down()
    for k in [*range(0, 200, 4), *range(200, 120, -4)]:
        lesson.page.mouse.move(box["x"] + k, box["y"] + box["height"] / 2)
    lesson.page.mouse.up()
    index = [s.get_attribute("aria-label") for s in explorer.get_by_role("slider").all()].index(
        slider.get_attribute("aria-label")
    )
    labels = [label.text_content() for label in explorer.locator(".widget-label").all()]
    place = labels.index(slider.get_attribute("aria-label"))
    assert index >= 0
    wanted = int(float(slider.get_attribute("aria-valuenow")))
    lesson.page.wait_for_function(
        """([explorer, place, wanted]) => JSON.parse(
            explorer.querySelector('.cnn-panels').dataset.shown)[place] === wanted""",
        arg=[explorer.element_handle(), place, wanted],
        timeout=20_000,
    )


def test_a_click_on_a_tile_chooses_it(lesson):
    explorer = lesson.names["00 first look"]
    tiles = explorer.locator(".cnn-clicks")
    box = tiles.bounding_box()
    before = explorer.evaluate(explorers.SHOWN)
    place = {"x": box["width"] * 2.5 / 8, "y": box["height"] * 5.7 / 8}  # column 2 of row 5
    tiles.click(position=place)
    explorers.wait_for_another(explorer, before)
    assert explorers.shown(explorer) == [5 * 8 + 2]
    assert explorer.get_by_role("slider").get_attribute("aria-valuenow") == "42.0"


def test_a_click_on_a_pixel_takes_it_apart(lesson):
    explorer = lesson.names["04 pixel probe"]
    photo = explorer.locator(".cnn-clicks").first
    box = photo.bounding_box()
    before = explorer.evaluate(explorers.SHOWN)
    photo.click(position={"x": box["width"] * 50.5 / 224, "y": box["height"] * 20.5 / 224})
    explorers.wait_for_another(explorer, before)
    lesson.wait_until_idle()
    assert abs(explorers.shown(explorer)[1] - 20) <= 1  # half a pixel of the screen may be lost
    assert abs(explorers.shown(explorer)[2] - 50) <= 1


def test_what_was_kept_is_forgotten_with_a_new_drawing_function(lesson):
    explorer = lesson.names["00 first look"]
    slider = explorer.get_by_role("slider")
    explorers.press(explorer, slider, "ArrowRight")
    lesson.run(
        "from helpers.plots.page import Picture\n"
        "from helpers.plots.panels import Panel\n"
        "old = made['00 first look'].draw\n"
        "made['00 first look'].show(lambda channel: Picture([Panel('new')], f'new {channel}'))"
    )
    caption = explorer.locator(".cnn-caption")
    for key in ("", "ArrowLeft", "ArrowRight"):  # these were kept before
        if key:
            slider.press(key)
        lesson.page.wait_for_timeout(300)
        now = int(float(slider.get_attribute("aria-valuenow")))
        assert caption.text_content() == f"new {now}"
    lesson.run("made['00 first look'].show(old)")
    lesson.wait_until_idle()
    assert "new" not in caption.text_content()


def test_an_array_that_is_sent_as_it_is_has_its_scales_colors(lesson):
    explorer = lesson.names["00 first look"]
    lesson.run(
        "import numpy as np\n"
        "from helpers.plots.page import Picture\n"
        "from helpers.plots.panels import Panel, Scale, SIGNED\n"
        "array = np.arange(256, dtype=np.uint8).reshape(8, 32)\n"
        "picture = Picture([Panel('all', array, Scale(SIGNED, '', ''))], 'all colors')\n"
        "old = made['00 first look'].draw\n"
        "made['00 first look'].show(lambda channel: picture)"
    )
    explorer.get_by_text("all colors").wait_for()
    pixels = explorer.locator("canvas").evaluate(
        "one => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]"
    )
    assert np.array_equal(np.reshape(pixels, (256, 4)), panels.palette(panels.SIGNED))
    lesson.run("made['00 first look'].show(old)")
    lesson.wait_until_idle()


def test_it_is_accessible(explorer):
    assert explorer.get_attribute("aria-label")
    for array in explorer.locator("[role=img]").all():
        assert len(array.get_attribute("aria-label")) > 1
    slider = next(s for s in explorer.get_by_role("slider").all() if explorers.has_room(s))
    explorers.press(explorer, slider, explorers.arrow(slider))
    assert explorer.locator(".cnn-caption").get_attribute("aria-live") == "polite"
    for handle in explorer.get_by_role("slider").all():
        control = handle.locator("xpath=ancestor::*[contains(@class, 'widget-slider')]")
        readout = control.locator(".widget-readout").text_content()
        assert handle.get_attribute("aria-label") == control.locator("label").text_content()
        assert handle.get_attribute("aria-valuetext") == readout
    for text, ratio in explorer.evaluate(explorers.CONTRASTS):
        assert ratio >= 4.5, text


def test_axe_finds_nothing(lesson):
    found = Axe().run(lesson.page, context=".cnn-explorer")  # names, roles, and much more
    assert found.violations_count == 0, found.generate_report()
    judged = {rule["id"] for rule in found.response["passes"]}
    assert judged >= {"role-img-alt", "aria-input-field-name"}


def test_focus_follows_the_page(explorer, lesson):
    places = explorer.evaluate(
        """explorer => [...explorer.querySelectorAll(
                '[role=slider], select, [contenteditable=true]')]
            .filter(each => !each.closest('[disabled]')).map((each, k) => {
                each.dataset.place = k;
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


@pytest.mark.parametrize("size", [(600, 900), (1280, 720)])
def test_every_window_shows_everything(lesson, size):
    lesson.page.set_viewport_size({"width": size[0], "height": size[1]})
    for name, explorer in lesson.names.items():
        explorer.scroll_into_view_if_needed()
        for _ in range(50):  # the page takes its time to settle
            misplaced = explorer.evaluate(explorers.MISPLACED)
            if not misplaced:
                break
            lesson.page.wait_for_timeout(100)
        assert misplaced == [], name
    lesson.page.set_viewport_size(LAPTOP)


def test_words_stand_out_in_the_dark(lesson):
    change = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
    lesson.page.evaluate(change, "JupyterLab Dark")
    lesson.page.wait_for_function(
        "document.body.dataset.jpThemeName === 'JupyterLab Dark'", polling=100
    )
    for name, explorer in lesson.names.items():
        for text, ratio in explorer.evaluate(explorers.CONTRASTS):
            assert ratio >= 4.5, (name, text)
    lesson.page.evaluate(change, "JupyterLab Light")


# ---- saved explorers ----


@pytest.fixture(scope="module")
def saved(lesson, tmp_path_factory):
    """Explorers saved by the notebook's kernel, with and without ranges that depend on others."""
    folder = tmp_path_factory.mktemp("saved")
    for name in ("00 first look", "01 network", "04 pixel probe", "07 best patches"):
        lesson.run(f"made[{name!r}].save({str(folder / name[:2])!r})")
    return folder


@pytest.fixture(scope="module")
def site(saved):
    """A plain server of static files."""
    with static_site(saved) as address:
        yield address


def move_to_the_ends(explorer):
    """Move all sliders to one end, then all to the other: each shows another picture."""
    for key in ("End", "Home"):
        for control in explorer.locator("input[type=range]:enabled").all():
            end = control.get_attribute("max") if key == "End" else "0"
            if control.input_value() != end:
                before = explorer.evaluate(explorers.SHOWN)
                control.press(key)
                assert explorers.wait_for_another(explorer, before)[2] != before[2]


@pytest.mark.parametrize("name", ["00", "01", "04", "07"])
@pytest.mark.parametrize("served", [False, True], ids=["folder", "server"])
def test_a_saved_explorer_works_without_a_kernel(saved, site, open_page, name, served):
    page = open_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    base = site if served else saved.as_uri()
    page.goto(f"{base}/{name}/index.html")
    explorer = page.locator(".cnn-explorer")
    page.wait_for_selector(".cnn-panels[data-shown]")
    assert not explorers.is_blank(explorer)
    assert (saved / name / "states.js").stat().st_size <= 6_000_000
    move_to_the_ends(explorer)
    for menu in explorer.locator("select").all():
        for value in [o for o in explorers.options(menu) if o != menu.input_value()]:
            before = explorer.evaluate(explorers.SHOWN)
            menu.select_option(value)
            assert explorers.wait_for_another(explorer, before)[2] != before[2]
            move_to_the_ends(explorer)  # the sliders after it may have other ranges now
    assert errors == []
    if not served:
        assert Axe().run(page).violations_count == 0
    page.close()
