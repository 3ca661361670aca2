"""What the browser's tests see of an explorer, and how they move it."""

import nbformat

SETUP = """import sys
sys.path[:0] = ["..", "../tools/benchmarks"]
import subject
from helpers.quiet import keras
made = {}"""
NAMES = (
    *("00 first look", "01 network", "02 filter bank", "03 filter grid", "04 pixel probe"),
    *("04 convolution effect", "05 feature maps", "05 two photos", "06 representations"),
    "07 best patches",
    "08 trained or chance",
    "09 preferred pictures",
    "10 where it looks",
    "11 what decides",
)

#: What is shown: the controls' values it is for, a number made of all pixels and words, the caption
SHOWN = """explorer => {
    const panels = explorer.querySelector('.cnn-panels');
    const picture = panels.querySelector('.cnn-picture');
    const canvases = [...picture.querySelectorAll('canvas')].map(one => one.toDataURL());
    let number = 7;
    for (const letter of picture.innerHTML + canvases.join('')) {
        number = (31 * number + letter.charCodeAt(0)) | 0;
    }
    return [panels.dataset.shown, number, panels.querySelector('.cnn-caption').textContent];
}"""
CHANGED = """([explorer, shown]) => {
    const panels = explorer.querySelector('.cnn-panels');
    return panels.dataset.shown !== shown;
}"""
VARIANCE = """explorer => Math.max(...[...explorer.querySelectorAll('canvas')].map(canvas => {
    const context = canvas.getContext('2d');
    const values = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0, squares = 0;
    for (const value of values) { sum += value; squares += value * value; }
    return squares / values.length - (sum / values.length) ** 2;
}), explorer.querySelector('.cnn-array polygon, .cnn-array td') ? 1e4 : 0)"""

#: Contrast ratios as WCAG 2 defines them (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)
CONTRASTS = """explorer => {
    const rgba = color => color.match(/[\\d.]+/g).map(Number);
    const opaque = element => {
        const [red, green, blue, alpha = 1] = rgba(getComputedStyle(element).backgroundColor);
        return alpha === 1 ? [red, green, blue] : opaque(element.parentElement);
    };
    const luminance = color => color.slice(0, 3).map(value => value / 255)
        .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
    const texts = explorer.querySelectorAll(
        'label, .widget-readout, select, p, figcaption, .cnn-note, td, .cnn-ends span,'
        + ' .cnn-top span, .cnn-left span:not(.cnn-room), .cnn-labels span');
    return [...texts].filter(element => element.textContent && element.offsetParent)
        .map(element => {
            const both = [rgba(getComputedStyle(element).color), opaque(element)].map(luminance);
            return [element.textContent, (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05)];
        });
}"""

#: Controls, panels and caption that are cut off, squeezed or over one another
MISPLACED = """explorer => {
    const wrong = [];
    const report = (part, box) => wrong.push([part.className, part.textContent.slice(0, 60),
        JSON.stringify(box)]);
    let lowest = -Infinity, highest = -Infinity;
    for (const part of explorer.querySelectorAll(
            '.widget-slider, .widget-dropdown, .cnn-picture, .cnn-caption')) {
        const box = part.getBoundingClientRect();
        if (box.left < 0 || box.right > window.innerWidth + 1 || box.width < 200
            || (box.top < lowest - 2 && Math.abs(box.top - highest) > 3)) report(part, box);
        [highest, lowest] = [box.top, box.bottom];
    }
    const boxes = [...explorer.querySelectorAll('.cnn-panel')].map(panel => [panel,
        panel.getBoundingClientRect()]);
    boxes.forEach(([panel, box], k) => {
        if (box.right > window.innerWidth + 1) report(panel, box);
        for (const [other, its] of boxes.slice(k + 1)) {
            const apart = box.right <= its.left + 1 || its.right <= box.left + 1
                || box.bottom <= its.top + 1 || its.bottom <= box.top + 1;
            if (!apart) report(other, its);
        }
    });
    return wrong;
}"""


def is_blank(explorer):
    """Whether the picture shows nothing."""
    return explorer.evaluate(VARIANCE) < 100


def shown(explorer):
    """The controls' values that the picture is for, as a list."""
    return explorer.evaluate("one => JSON.parse(one.querySelector('.cnn-panels').dataset.shown)")


def has_room(slider):
    """Whether a slider can be moved now."""
    low, high = slider.get_attribute("aria-valuemin"), slider.get_attribute("aria-valuemax")
    return low != high and not slider.locator("xpath=ancestor::*[@disabled]").count()


def wait_for_another(explorer, before):
    """Wait until something else is shown than before, and return it."""
    arg = [explorer.element_handle(), before[0]]
    explorer.page.wait_for_function(CHANGED, arg=arg, timeout=30_000, polling=50)
    return explorer.evaluate(SHOWN)


def press(explorer, slider, key):
    """Press a key on a slider and wait until picture and caption have both changed."""
    before = explorer.evaluate(SHOWN)
    slider.press(key)
    after = wait_for_another(explorer, before)
    assert all(one != other for one, other in zip(before, after, strict=True)), (before, after)


def arrow(slider):
    """The arrow key that moves a slider away from its end."""
    at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    return "ArrowLeft" if at_end else "ArrowRight"


def move_all(explorer):
    """Press an arrow key on every slider with room; the numbers of those that moved."""
    moved = set()
    for index, slider in enumerate(explorer.get_by_role("slider").all()):
        if has_room(slider):
            press(explorer, slider, arrow(slider))
            moved.add(index)
    return moved


def options(menu):
    """The values of a menu's options."""
    return menu.evaluate("menu => [...menu.options].map(option => option.value)")


def write_all(path):
    """Write a notebook with a cell for each explorer of the course."""
    cells = [SETUP, f"makers = subject.explorers()\nassert list(makers) == {list(NAMES)!r}"]
    cells += [f"made[{name!r}] = makers[{name!r}]()\nmade[{name!r}]" for name in NAMES]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, path)
