"""Every picture for every reader: text stands out, and no meaning is carried by color alone.

All figures are drawn here while their texts are watched: what is written, in which color, on what.
Contrast is that of WCAG 2: at least 4.5 for text, 3 for lines and bars.
"""

import ast
import itertools
import json
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import PIL.ImageDraw
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text

from helpers import activations, collection, convolution, filters, images, layers, models, patches
from helpers import plots as all_plots
from helpers.plots import boxes, canvas, tiles
from helpers.receptive_field import receptive_field

ROOT = Path(__file__).resolve().parents[1]
TEXT, MARK = 4.5, 3.0


class Drawn(NamedTuple):
    """A figure, what was written on its way, and which color maps came with a color bar."""

    figure: Figure
    inks: set  # (words, color, color behind)
    used: set  # color maps
    explained: set  # color maps with a bar or with numbers in their cells


class Watcher:
    """Notes every word that is drawn, with its color and the colors behind its letters."""

    def __init__(self, monkeypatch):
        self.inks, self.used, self.explained = set(), set(), set()
        pen_of, write = PIL.ImageDraw.Draw, boxes.write
        colorize, color_bar, numbered = canvas.colorize, canvas.color_bar, tiles.numbered

        def watched_pen(image, mode=None):
            pen = pen_of(image, mode)
            if image.mode == "L":  # a mask, not a picture yet: see watched_numbers
                return pen
            draw = pen.multiline_text

            def multiline_text(xy, words, fill=None, *args, **options):
                before = np.asarray(image).copy()
                draw(xy, words, fill, *args, **options)
                letters = (np.asarray(image) != before).any(axis=-1)
                assert letters.any() or not words.strip(), f"{words!r} cannot be seen at all"
                self.note(words, fill, before[letters])

            pen.multiline_text = multiline_text
            return pen

        def watched_write(picture, words, *args, **options):
            blank = np.full_like(picture, 255)
            write(blank, words, *args, **options)
            letters = (blank != 255).any(axis=-1)
            self.note(words, options.get("color", canvas.INK), picture[letters])
            write(picture, words, *args, **options)

        def watched_colorize(array, cmap=canvas.GREY, *args, **options):
            self.used.add(cmap)
            return colorize(array, cmap, *args, **options)

        def watched_bar(cmap, low, high, *args, **options):
            assert low.strip() and high.strip(), "a color bar without numbers"
            self.explained.add(cmap)
            return color_bar(cmap, low, high, *args, **options)

        def watched_numbers(colors, words, *args, **options):
            self.explained.add(canvas.SIGNED)
            drawn = numbered(colors, words, *args, **options)
            bare = numbered(colors, [["" for _ in line] for line in words], *args, **options)
            side = len(drawn) // len(colors)
            for row, col in np.ndindex(colors.shape[:2]):
                cell = np.s_[row * side + 2 : (row + 1) * side, col * side + 2 : (col + 1) * side]
                behind = tuple(bare[cell][0, 0].tolist())
                inks = np.unique(drawn[cell].reshape(-1, 3), axis=0).tolist()
                ink = max(inks, key=lambda color: canvas.contrast(color, behind))
                self.inks.add((words[row][col], tuple(ink), behind))
            return drawn

        monkeypatch.setattr(PIL.ImageDraw, "Draw", watched_pen)
        monkeypatch.setattr(boxes, "write", watched_write)
        monkeypatch.setattr(canvas, "colorize", watched_colorize)
        monkeypatch.setattr(canvas, "color_bar", watched_bar)
        for module in (tiles, all_plots.effect, all_plots.probe):
            monkeypatch.setattr(module, "numbered", watched_numbers)

    def note(self, words, ink, behind):
        for color in np.unique(behind.reshape(-1, 3), axis=0):
            self.inks.add((words, tuple(ink), tuple(int(part) for part in color)))

    def watch(self, draw):
        self.inks, self.used, self.explained = set(), set(), set()
        canvas.text.cache_clear()  # words drawn before would not be drawn again
        return Drawn(draw(), self.inks, self.used, self.explained)


@pytest.fixture(scope="module")
def drawn(vgg16, photo, batch, maps):
    """Every function of ``helpers.plots`` that draws a figure, by name, on small examples."""
    kernel = layers.kernel_and_bias(vgg16.get_layer("block1_conv1"))[0]
    kernel2 = layers.kernel_and_bias(vgg16.get_layer("block1_conv2"))[0]
    costs = layers.layer_costs(described := models.describe_vgg16())
    sums = layers.arithmetic(described.layers[8])
    first = vgg16.get_layer("block1_conv1")
    apart = convolution.decompose(first, batch, 34)
    found = convolution.probe(first, batch, 34, 0, 80)  # at the edge: with padding
    classical = convolution.CLASSICAL
    maps = {name: answer[0] for name, answer in maps.items()}
    shallow, deep = maps["block1_conv1"], maps["block5_conv1"]
    fields = {name: receptive_field(vgg16, name) for name in maps}
    statistics = activations.statistics({name: m[np.newaxis] for name, m in maps.items()})
    cat_dog = models.load_cat_dog()
    small = images.load_photo("chelsea", (150, 150))
    names = ["conv1", "conv3", "pool4"]
    answers = activations.feature_maps(cat_dog, images.scale_to_one(small), names)
    answers = {name: answer[0] for name, answer in answers.items()}
    small_fields = {name: receptive_field(cat_dog, name) for name in names}
    files = collection.files()[::40]
    scan = patches.scan(cat_dog, "conv4", files, images.scale_to_one, progress=False)
    silent = scan["conv4"].values[0].argmin()
    scan["conv4"].values[0] = 0  # a channel that nothing excites
    pairs = filters.near_duplicates(kernel, 3)
    two = (photo, images.load_photo("astronaut"))
    plots = all_plots
    draw = {
        "all_partials": lambda: plots.all_partials(apart_deep()),
        "block_ends": lambda: plots.block_ends(photo, {"block5_conv1": deep}),
        "bright_frames": lambda: plots.bright_frames(deep, deep[::-1], np.arange(6)),
        "channel_order": lambda: plots.channel_order(kernel, range(8)),
        "chosen_channel": lambda: plots.chosen_channel(
            cat_dog, small, answers["conv3"], "conv3", 3
        ),
        "classical_beside_learned": lambda: plots.classical_beside_learned(
            classical,
            [apart.total] * len(classical),
            [kernel[..., 0]] * len(classical),
            ["learned filter 0"] * len(classical),
            [apart.total] * len(classical),
        ),
        "emptiness": lambda: plots.emptiness(activations.statistics(answers)),
        "every_slice": lambda: plots.every_slice(kernel2, "block1_conv2"),
        "filter_boxes": lambda: plots.filter_boxes(kernel, "block1_conv1", chosen=5),
        "filter_boxes, deep": lambda: plots.filter_boxes(kernel2, "block1_conv2"),
        "filter_effect": lambda: plots.filter_effect(
            batch[0], kernel[..., 34], apart, [0, 1, 2], ["blue", "green", "red"]
        ),
        "filter_grid": lambda: plots.filter_grid(kernel, channel_name="blue"),
        "filter_grid, by filter": lambda: plots.filter_grid(kernel, scale="0–1 per filter"),
        "filter_grid, by layer": lambda: plots.filter_grid(kernel, scale="0–1 per layer"),
        "filter_pairs": lambda: plots.filter_pairs(kernel, pairs, pairs),
        "filter_slices": lambda: plots.filter_slices(kernel),
        "guesses": lambda: plots.guesses(
            {"cat": photo}, {"cat": [models.Guess("tabby, tabby cat", 0.6)]}
        ),
        "patch_comparison": lambda: plots.patch_comparison(scan, "conv4", [silent, 0]),
        "gradient_in_field": lambda: plots.gradient_in_field(
            small, np.eye(150), (10, 10, 48, 48), "a unit"
        ),
        "input_channels": lambda: plots.input_channels(photo, batch[0]),
        "layer_arithmetic": lambda: plots.layer_arithmetic(costs, 8, sums),
        "layer_maps": lambda: plots.layer_maps(photo, deep, "block5_conv1"),
        "layer_profile": lambda: plots.layer_profile(statistics, fields, 224),
        "layer_rows": lambda: plots.layer_rows(answers),
        "lost_and_gained": lambda: plots.lost_and_gained(
            {"a": 0.9, "b": 0.2}, {"a": 0.5, "b": 0.1}, 4
        ),
        "nested_fields": lambda: plots.nested_fields(
            small, small_fields, {name: m.shape[:2] for name, m in answers.items()}
        ),
        "network_to_scale": lambda: plots.network_to_scale(costs),
        "orientation_fan": lambda: plots.orientation_fan(kernel, filters.orientation(kernel)),
        "padding_reach": lambda: plots.padding_reach(
            {"block3_conv3": np.eye(56, dtype=np.float32)}, fields
        ),
        "parameters_and_work": lambda: plots.parameters_and_work(costs),
        "patch_wall": lambda: plots.patch_wall(scan, "conv4", range(6)),
        "photo_and_maps": lambda: plots.photo_and_maps(photo, shallow, "block1_conv1"),
        "pixel_probe": lambda: plots.pixel_probe(photo, apart.activation, found, (0, 80)),
        "read_backs": lambda: plots.read_backs(
            photo.mean(axis=-1) / 255,
            {"block1_conv1": activations.ReadBack(photo.mean(axis=-1) / 255, 0.9)},
        ),
        "rgb_filters": lambda: plots.rgb_filters(kernel),
        "same_map_scaled": lambda: plots.same_map_scaled(answers["conv3"], [0, 1, 2], "conv3"),
        "scaling_hides": lambda: plots.scaling_hides(kernel, [54, 53]),
        "slice_extremes": lambda: plots.slice_extremes(kernel, filters.slice_similarity(kernel)),
        "smoothness_test": lambda: plots.smoothness_test(0.4, 0.0, np.linspace(0.1, 0.2, 20)),
        "strongest_maps": lambda: plots.strongest_maps(
            {"block5_conv1": deep}, {"block5_conv1": np.arange(8)}
        ),
        "top_photos": lambda: plots.top_photos(scan, "conv4", 3),
        "top_photos, none": lambda: plots.top_photos(scan, "conv4", int(silent)),
        "trained_and_random": lambda: plots.trained_and_random(kernel, kernel[::-1]),
        "two_photos": lambda: plots.two_photos(two, (deep, deep), ("cat", "astronaut"), "b"),
        "two_scales": lambda: plots.two_scales(deep, "block5_conv1"),
        "verdicts": lambda: plots.verdicts({"cat": small, "dog": small}, np.array([0.1, 0.9])),
        "zero_greys": lambda: plots.zero_greys(filters.zero_level(kernel)),
    }

    def apart_deep():
        layer = vgg16.get_layer("block1_conv2")
        return convolution.decompose(layer, maps["block1_conv1"][np.newaxis], 3)

    with pytest.MonkeyPatch.context() as monkeypatch:
        watcher = Watcher(monkeypatch)
        return {name: watcher.watch(function) for name, function in draw.items()}


def test_every_figure_of_the_course_is_looked_at(drawn):
    arrays = {"mosaic"}  # returns an array without a word in it
    assert {name.partition(",")[0] for name in drawn} == set(all_plots.__all__) - arrays
    assert sum(len(one.inks) for one in drawn.values()) > 500


# Text and marks


def test_words_stand_out_from_what_is_behind_them(drawn):
    faint = {
        (name, words, ink, behind, round(canvas.contrast(ink, behind), 1))
        for name, one in drawn.items()
        for words, ink, behind in one.inks
        if canvas.contrast(ink, behind) < TEXT
    }
    assert not faint


def _pixels(figure):
    pen = FigureCanvasAgg(figure)
    pen.draw()
    return np.asarray(pen.buffer_rgba())[:, :, :3].astype(int)


def test_words_of_charts_stand_out_from_what_is_behind_them(drawn):
    looked_at = 0
    for name, one in drawn.items():
        texts = [t for t in one.figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
        if not texts:
            continue
        figure = one.figure
        figure.canvas.draw()
        figure.set_layout_engine("none")  # what is hidden must not move the rest
        full = _pixels(figure)
        for text in texts:
            text.set_visible(False)
        bare = _pixels(figure)
        for text in texts:
            text.set_visible(True)
            (left, low), (right, high) = text.get_window_extent().get_points().round().astype(int)
            spot = slice(len(full) - high, len(full) - low), slice(max(left, 0), right)
            letters = (np.abs(full[spot] - bare[spot]) > 60).any(axis=-1)
            looked_at += letters.any()
            ink = tuple(round(255 * part) for part in to_rgb(text.get_color()))
            for behind in np.unique(bare[spot][letters], axis=0):
                found = canvas.contrast(ink, behind)
                assert found >= TEXT, (name, text.get_text(), ink, behind, found)
    assert looked_at > 100


def test_bars_and_lines_of_charts_stand_out_and_differ_in_more_than_color(drawn):
    looked_at = 0
    for name, one in drawn.items():
        for axes in one.figure.axes:
            for bar in axes.patches:
                colors = [bar.get_facecolor(), bar.get_edgecolor()]
                painted = [to_rgb(color) for color in colors if to_rgba(color)[3] == 1]
                assert max(_on_paper(color) for color in painted) >= MARK, name
                looked_at += 1
            styles = [(line.get_linestyle(), line.get_marker()) for line in axes.lines]
            assert len(set(styles)) == len(styles), f"{name}: two lines differ in color alone"
            for line in axes.lines:
                assert _on_paper(to_rgb(line.get_color())) >= MARK, name
                looked_at += 1
            fills = {
                (bar.get_facecolor(), bar.get_hatch())
                for bar in axes.patches
                if name != "parameters_and_work"  # each bar has its name beside it
            }
            assert len({color for color, _ in fills}) <= len({hatch for _, hatch in fills}), name
    assert looked_at > 50


def _on_paper(color):
    return canvas.contrast(tuple(255 * part for part in color), canvas.PAPER)


def test_lines_that_pictures_are_drawn_with_stand_out():
    for color in (canvas.INK, canvas.FAINT, canvas.RULE):
        assert canvas.contrast(color, canvas.PAPER) >= MARK
    for color in (canvas.INK, canvas.FAINT):
        assert canvas.contrast(color, canvas.PAPER) >= TEXT
    for color in all_plots.patches.BOXES:  # drawn between two black lines
        assert canvas.contrast(color, canvas.BLACK) >= TEXT


def test_contrast_is_that_of_the_standard():
    assert canvas.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert canvas.contrast((255, 255, 255), (118, 118, 118)) == pytest.approx(4.54, abs=0.01)
    assert canvas.contrast((255, 0, 0), (255, 255, 255)) == pytest.approx(4.0, abs=0.01)


def test_black_or_white_is_legible_on_any_color():
    steps = range(0, 256, 15)
    for color in itertools.product(steps, steps, steps):
        assert canvas.contrast(canvas.legible_on(color), color) >= TEXT


# Nothing by color alone


def test_signed_colors_come_with_a_bar_or_with_numbers(drawn):
    signed = {name for name, one in drawn.items() if canvas.SIGNED in one.used}
    assert len(signed) >= 9
    assert not {name for name in signed if canvas.SIGNED not in drawn[name].explained}


@pytest.mark.parametrize(
    "name", ["input_channels", "filter_effect", "pixel_probe", "slice_extremes", "filter_slices"]
)
def test_color_channels_are_named(drawn, name):
    words = " ".join(words for words, _, _ in drawn[name].inks)
    assert all(color in words for color in ("blue", "green", "red"))


def test_boxes_on_a_photo_are_told_apart_by_their_order_too(drawn):
    words = " ".join(words for words, _, _ in drawn["nested_fields"].inks)
    assert "outermost box first" in words


# Color maps


def _linear(colors):
    return np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)


#: Linear sRGB → CIE XYZ, and what readers who lack one kind of cone see (Machado et al. 2009).
TO_XYZ = [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
EYES = {
    "all cones": np.eye(3),
    "no red cones": [
        [0.1523, 1.0526, -0.2049],
        [0.1145, 0.7863, 0.0992],
        [-0.0039, -0.0481, 1.0520],
    ],
    "no green cones": [
        [0.3673, 0.8606, -0.2280],
        [0.2801, 0.6725, 0.0474],
        [-0.0118, 0.0429, 0.9689],
    ],
    "no blue cones": [
        [1.2555, -0.0767, -0.1788],
        [-0.0784, 0.9308, 0.1476],
        [0.0047, 0.6914, 0.3039],
    ],
}


def lab(cmap, eye="all cones", steps=256):
    """A color map as CIELAB colors, (steps, 3): lightness 0–100 first."""
    colors = matplotlib.colormaps[cmap](np.linspace(0, 1, steps))[:, :3]
    seen = np.clip(_linear(colors) @ np.transpose(EYES[eye]), 0, 1)
    shares = seen @ np.transpose(TO_XYZ) / (0.9505, 1, 1.089)
    x, y, z = np.where(shares > 0.00886, np.cbrt(shares), 7.787 * shares + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def is_sequential(cmap):
    """Brightness grows all the way, for every eye, nowhere over 3 times as fast as elsewhere."""
    steps = np.diff(lab(cmap, steps=17)[:, 0])
    grows = all((np.diff(lab(cmap, eye, 17)[:, 0]) > 0).all() for eye in EYES)
    return bool(grows and steps.max() <= 3 * steps.min())


def is_diverging(cmap):
    """From a light middle both sides darken alike, and no eye takes one side for the other."""
    light = lab(cmap)[:, 0]
    middle = len(light) // 2
    darkens = (np.diff(light[:middle:8]) > 0).all() and (np.diff(light[middle::8]) < 0).all()
    alike = np.abs(light - light[::-1]).max() < 6
    apart = min(
        np.linalg.norm(lab(cmap, eye)[place] - lab(cmap, eye)[-1 - place])
        for eye in EYES
        for place in (0, 32, 64)
    )
    return bool(darkens and alike and light[middle] > 85 and apart > 30)


def _sources():
    for path in sorted([*ROOT.glob("helpers/**/*.py"), *ROOT.glob("data/**/*.py")]):
        yield path.name, path.read_text(encoding="utf-8")
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            if cell["cell_type"] == "code":
                yield path.name, TransformerManager().transform_cell("".join(cell["source"]))


def color_maps(source):
    """Names of color maps in a piece of Python, as words ("gray") or attributes (cm.gray)."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {node.value} & set(matplotlib.colormaps)
        if isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Attribute, ast.Name)):
            owner = getattr(node.value, "attr", getattr(node.value, "id", ""))
            if owner == "cm":
                found.add(node.attr)
            assert not node.attr.startswith("COLORMAP_"), "OpenCV's color maps are not checked"
    return found


def test_color_maps_are_found_in_sources():
    assert color_maps("imshow(x, cmap='jet'); plt.cm.hot(y)") == {"jet", "hot"}
    assert color_maps("jet = 'a jet'; x.hot") == set()


def test_color_maps_are_even_or_diverging_and_safe_for_every_eye():
    used = {}
    for name, source in _sources():
        for cmap in color_maps(source):
            used.setdefault(cmap, set()).add(name)
    assert {canvas.GREY, canvas.HEAT, canvas.SIGNED} <= set(used)
    for cmap, places in used.items():
        assert is_sequential(cmap) or is_diverging(cmap), (cmap, places)
    assert is_sequential(canvas.GREY) and is_sequential(canvas.HEAT)
    assert is_diverging(canvas.SIGNED)


@pytest.mark.parametrize("cmap", ["jet", "hsv", "rainbow", "turbo", "hot", "seismic", "RdYlGn"])
def test_uneven_color_maps_are_told_from_even_ones(cmap):
    assert not is_sequential(cmap) and not is_diverging(cmap)


@pytest.mark.parametrize("cmap", ["viridis", "cividis", "magma"])
def test_other_even_color_maps_pass(cmap):
    assert is_sequential(cmap)
