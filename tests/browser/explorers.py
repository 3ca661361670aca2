"""What the browser's tests see of an explorer, and how they move it."""

SHOWN = """explorer => [
    explorer.querySelector('img.widget-image').src,
    explorer.querySelector('.widget-html p').textContent,
]"""
CHANGED = """([explorer, [picture, caption]]) => {
    const image = explorer.querySelector('img.widget-image');
    return image.src !== picture && image.complete && image.naturalWidth
        && explorer.querySelector('.widget-html p').textContent !== caption;
}"""
VARIANCE = """explorer => {
    const image = explorer.querySelector('img.widget-image');
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const values = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0, squares = 0;
    for (const value of values) { sum += value; squares += value * value; }
    return squares / values.length - (sum / values.length) ** 2;
}"""

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
    const texts = explorer.querySelectorAll('label, .widget-readout, select, p');
    return [...texts].filter(element => element.textContent && element.offsetParent)
        .map(element => {
            const both = [rgba(getComputedStyle(element).color), opaque(element)].map(luminance);
            return [element.textContent, (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05)];
        });
}"""

#: Controls, picture and caption that are cut off, squeezed or over one another
MISPLACED = """explorer => {
    const parts = '.widget-slider, .widget-dropdown, .widget-image, .widget-html';
    let lowest = -Infinity;
    return [...explorer.querySelectorAll(parts)].map(part => {
        const box = part.getBoundingClientRect();
        const wrong = box.left < 0 || box.right > window.innerWidth || box.width < 200
            || box.top < lowest - 2;
        lowest = box.bottom;
        return wrong ? [part.className, part.textContent, JSON.stringify(box)] : null;
    }).filter(wrong => wrong);
}"""


def is_blank(explorer):
    """Whether the picture is of one color."""
    return explorer.evaluate(VARIANCE) < 100


def has_room(slider):
    """Whether a slider can be moved now."""
    low, high = slider.get_attribute("aria-valuemin"), slider.get_attribute("aria-valuemax")
    return low != high and not slider.locator("xpath=ancestor::*[@disabled]").count()


def press(explorer, slider, key):
    """Press a key on a slider and wait until picture and caption have both changed."""
    before = explorer.evaluate(SHOWN)
    slider.press(key)
    explorer.page.wait_for_function(
        CHANGED, arg=[explorer.element_handle(), before], timeout=30_000, polling=50
    )


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
