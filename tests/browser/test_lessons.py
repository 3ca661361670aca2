"""Every lesson runs in a real JupyterLab, and its explorers answer to the keyboard."""

from pathlib import Path

import pytest

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))

SHOWN = """element => [
    element.querySelector('img.widget-image').src,
    element.querySelector('.widget-html p').textContent,
]"""
CHANGED = """([element, [picture, caption]]) =>
    element.querySelector('img.widget-image').src !== picture &&
    element.querySelector('.widget-html p').textContent !== caption"""
VARIANCE = """element => {
    const image = element.querySelector('img.widget-image');
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const values = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0, squares = 0;
    for (const value of values) { sum += value; squares += value * value; }
    return squares / values.length - (sum / values.length) ** 2;
}"""


@pytest.mark.parametrize("name", [path.name for path in LESSONS])
def test_lesson_runs_and_its_explorers_answer(open_lesson, name):
    lesson = open_lesson(name)
    lesson.run_all()
    for outputs in lesson.outputs():
        for output in outputs:
            assert output["output_type"] != "error", output
            assert output.get("name") != "stderr", output
    explorers = lesson.explorers()
    assert explorers
    for explorer in explorers:
        explorer.scroll_into_view_if_needed()
        assert explorer.evaluate(VARIANCE) > 100, "a blank picture"
        count = explorer.get_by_role("slider").count()
        moved = _move_all_sliders(lesson.page, explorer)
        if len(moved) < count:  # some have no room to move, or rest, with the first choices
            explorer.get_by_role("slider").first.press("End")
            for menu in explorer.locator("select").all():
                values = menu.evaluate("menu => [...menu.options].map(option => option.value)")
                menu.select_option(values[-1])
            lesson.wait_until_idle()
            moved |= _move_all_sliders(lesson.page, explorer)
        assert moved == set(range(count)), "a slider that never moves"
        _choose_from_all_menus(lesson, explorer)


def _move_all_sliders(page, explorer):
    """Press an arrow key on every slider with room; picture and caption must both follow."""
    moved = set()
    for index, slider in enumerate(explorer.get_by_role("slider").all()):
        now, low, high = (
            slider.get_attribute(f"aria-value{which}") for which in ("now", "min", "max")
        )
        if low == high or slider.locator("xpath=ancestor::*[@disabled]").count():
            continue
        before = explorer.evaluate(SHOWN)
        slider.press("ArrowLeft" if now == high else "ArrowRight")
        page.wait_for_function(
            CHANGED, arg=[explorer.element_handle(), before], timeout=15_000, polling=50
        )
        moved.add(index)
    return moved


def _choose_from_all_menus(lesson, explorer):
    """Choose every option of every menu; the picture or the caption must follow."""
    for menu in explorer.locator("select").all():
        for value in menu.evaluate("menu => [...menu.options].map(option => option.value)"):
            if menu.input_value() == value:
                continue
            before = explorer.evaluate(SHOWN)
            menu.select_option(value)
            lesson.wait_until_idle()
            assert explorer.evaluate(SHOWN) != before, value
