"""Every lesson runs in a real JupyterLab, and its explorers answer to the keyboard."""

from pathlib import Path

import pytest

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))

PICTURE = "element => element.querySelector('img.widget-image').src"
CAPTION = "element => element.querySelector('.widget-html p').textContent"
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
        sliders = explorer.get_by_role("slider")
        for index in range(sliders.count()):
            slider = sliders.nth(index)
            label = slider.get_attribute("aria-label") or slider.evaluate(
                "element => element.closest('.widget-inline-hbox').textContent"
            )
            assert label, "a slider without a name"
            before = explorer.evaluate(PICTURE), explorer.evaluate(CAPTION)
            slider.focus()
            at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
            lesson.page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
            lesson.page.wait_for_function(
                "([element, src]) => element.querySelector('img.widget-image').src !== src",
                arg=[explorer.element_handle(), before[0]],
            )
            assert explorer.evaluate(CAPTION) != before[1], f"the caption ignores slider {label}"
