"""Every picture for every reader: text stands out, and no meaning is carried by color alone.

All pictures are drawn here with and without their words, which shows what lies behind each.
Contrast is that of WCAG 2: at least 4.5 for text, 3 for lines and bars.
"""

import ast
import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.text import Text

from helpers import (
    activations,
    collection,
    convolution,
    images,
    layers,
    models,
    patches,
    plots,
)
from helpers.exercises import lesson_04, lesson_11
from helpers.plots import panels
from helpers.plots.page import Picture
from helpers.receptive_field import receptive_field

ROOT = Path(__file__).resolve().parents[1]
TEXT, MARK = 4.5, 3.0


@pytest.fixture(scope="module")
def drawn(vgg16, photo, batch, maps, cell):
    """What every function of ``helpers.plots`` returns, by name, on small examples."""
    kernel = layers.kernel_and_bias(vgg16.get_layer("block1_conv1"))[0]
    kernel2 = layers.kernel_and_bias(vgg16.get_layer("block1_conv2"))[0]
    costs = layers.layer_costs(described := models.describe_vgg16())
    sums = layers.arithmetic(described.layers[8])
    first = vgg16.get_layer("block1_conv1")
    apart = convolution.decompose(first, batch, 34)
    found = convolution.probe(first, batch, 34, 0, 80)  # at the edge: with padding
    maps = {name: answer[0] for name, answer in maps.items()}
    shallow, deep = maps["block1_conv1"], maps["block5_conv1"]
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
    random = np.random.default_rng(0)
    clouds = {"trained": random.random((1, 2)), "fresh": random.random((5, 2))}
    clouds["shuffled"] = random.random((5, 2))
    preferred = random.integers(0, 255, (8, 24, 24, 3), np.uint8)
    draw = {
        "all_partials": lambda: Picture([plots.all_partials(apart_deep())]),
        "beside_chance": lambda: plots.beside_chance(
            {"trained": (kernel, shallow), "fresh": (None, shallow)}, "block1_conv1"
        ),
        "chosen_picture": lambda: plots.chosen_picture(dict(enumerate(preferred)), "conv4", 5),
        "chosen_channel": lambda: plots.chosen_channel(
            small, answers["conv3"], "conv3", 3, small_fields["conv3"]
        ),
        "bars, one scale each": lambda: cell("01", "plots.bars", costs=costs),
        "bars, shares": lambda: cell(
            "05", "plots.bars", zeros={"a": 0.5}, dead={"a": 0.1}, by_hand={"a": (3,)}, every=["a"]
        ),
        "clouds": lambda: plots.clouds(
            clouds, lambda c: (c.min(0) - 0.1, c.max(0) + 0.1), ["a", "b"], "it", baseline=0.3
        ),
        "curves": lambda: plots.curves(
            {"deletion": dict.fromkeys("abcde", random.random((2, 4))), "insertion": {}}
        ),
        "decision": lambda: plots.decision(
            photo, deep[:6, :6] * deep.mean(), 0.5, 2, ("cat", "dog")
        ),
        "every_slice": lambda: plots.every_slice(kernel2, "block1_conv2"),
        "filter_boxes": lambda: plots.filter_boxes(kernel, "block1_conv1", chosen=5),
        "filter_boxes, deep": lambda: plots.filter_boxes(kernel2, "block1_conv2"),
        "filter_effect": lambda: plots.filter_effect(
            batch[0], kernel[..., 34], apart, [0, 1, 2], ["blue", "green", "red"]
        ),
        "filter_grid": lambda: plots.filter_grid(kernel, channel_name="blue"),
        "filter_grid, by filter": lambda: plots.filter_grid(kernel, scale="0–1 per filter"),
        "filter_grid, by layer": lambda: plots.filter_grid(kernel, scale="0–1 per layer"),
        "filter_slices": lambda: plots.Picture([plots.filter_slices(kernel)]),
        "guesses": lambda: plots.guesses("cat", photo, [models.Guess("tabby, tabby cat", 0.6)]),
        "patch_comparison": lambda: plots.patch_comparison(scan, "conv4", [silent, 0]),
        "heat_over_photo": lambda: plots.heat_over_photo(
            photo, {"a": deep[..., 0], "b": deep[..., 1]}
        ),
        "heat_over_photo, signed": lambda: plots.heat_over_photo(photo, {"a": np.eye(3) - 0.5}),
        "score_sheet": lambda: plots.score_sheet(photo, 9 * random.normal(size=(5, 5)), -1, "cat"),
        "lesson 10, film": lambda: cell(
            "10",
            "% gone",
            falls=np.array([0.5, 0.1]),
            going=[batch[0], 0 * batch[0]],
            images=images,
        ),
        "curves, named steps": lambda: plots.curves({"it": {"a": np.eye(2)}}, "b", ["c", "d"]),
        "lesson 04, what is left": lambda: cell(
            "04",
            "what raises",
            deep_partials=apart.partials,
            deep_response=apart.activation,
        ),
        "lesson 04, whose map": lambda: cell(
            "04",
            "draw_maps",
            exercises=lesson_04,
            images=images,
            kernels=kernel,
            model=vgg16,
            photo=photo,
            with_edge=lambda name, picture, width: plots.Panel(name, *picture, width),
        ),
        "lesson 05, stitched": lambda: cell("05", "plt.imshow(grid", grid=np.eye(64)),
        "lesson 06, thresholds": lambda: cell(
            "06", "hist(", dogs=np.linspace(0, 1, 20), labels=np.arange(20) % 2
        ),
        "lesson 11, four maps": lambda: lesson_11.four_maps(
            random.normal(size=(8, 6, 6)), np.arange(8.0), 3
        )[0],
        "lesson 07, fields": lambda: cell(
            "07",
            "near = ",
            photo=small,
            names=names,
            fields=small_fields,
            boxes=np.array([small_fields[name].box(3, 3) for name in names]),
        ),
        "lesson 07, gradient": lambda: cell(
            "07", "np.sqrt", photo=small, gradient=np.eye(150), top=1, left=1, bottom=8, right=9
        ),
        "network_to_scale, one chosen": lambda: plots.network_to_scale(costs, 8, sums),
        "layer_rows": lambda: plots.layer_rows(answers, scale="standardized", columns=24),
        "map_grid": lambda: Picture([plots.map_grid(deep, "block5_conv1")]),
        "network_to_scale": lambda: plots.network_to_scale(costs),
        "patch_square": lambda: plots.Picture(
            [plots.patch_square(scan, "conv4", scan["conv4"].best(3), "best")]
        ),
        "patch_wall": lambda: plots.patch_wall(scan, "conv4", range(6)),
        "photo_and_maps": lambda: plots.photo_and_maps(photo, shallow, "block1_conv1"),
        "picture_beside_patches": lambda: plots.picture_beside_patches(
            preferred[:2], scan, "conv4", {0: scan["conv4"].best(0), int(silent): []}
        ),
        "picture_rows": lambda: plots.picture_rows(
            {"one": preferred[:4], "two": preferred[4:]}, list("abcd"), {"two": "a note"}
        ),
        "pixel_probe": lambda: plots.pixel_probe(photo, apart.activation, found, (0, 80)),
        "rgb_filters": lambda: plots.Picture([plots.rgb_filters(kernel)]),
        "top_photos": lambda: plots.top_photos(scan, "conv4", 3),
        "top_photos, none": lambda: plots.top_photos(scan, "conv4", int(silent)),
        "verdict_table": lambda: plots.verdict_table(
            {"it": (["a", "b"], clouds, ["learned ↑", "sizes"])}
        ),
        "verdicts": lambda: plots.verdicts({"cat": small, "dog": small}, np.array([0.1, 0.9])),
    }

    def apart_deep():
        layer = vgg16.get_layer("block1_conv2")
        return convolution.decompose(layer, maps["block1_conv1"][np.newaxis], 3)

    return {name: function() for name, function in draw.items()}


@pytest.fixture(scope="module")
def figures(drawn):
    """The same as matplotlib draws it."""
    return {name: one.figure() if isinstance(one, Picture) else one for name, one in drawn.items()}


def _pictures(drawn):
    return {name: one for name, one in drawn.items() if isinstance(one, Picture)}


def test_every_picture_of_the_course_is_looked_at(drawn):
    public = {
        name for name, one in vars(plots).items()
        if callable(one) and getattr(one, "__module__", "").startswith("helpers.plots")
    }  # fmt: skip
    pieces = {"Panel", "Picture", "frame", "gray", "heat", "signed"}
    found = {name.partition(",")[0] for name in drawn}
    assert {name for name in found if not name.startswith("lesson")} == public - pieces
    assert len(_pictures(drawn)) > 25


# Text and marks


def contrast(one, other):
    """How well one RGB color is told from another: 1 (not at all) to 21, as WCAG 2 defines it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color):
    shares = [part / 255 for part in color]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _pixels(figure):
    pen = FigureCanvasAgg(figure)
    pen.draw()
    return np.asarray(pen.buffer_rgba())[:, :, :3].astype(int)


def test_words_stand_out_from_what_is_behind_them(figures):
    looked_at = 0
    for name, figure in figures.items():
        texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
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
            behinds = np.unique(bare[spot][letters], axis=0)
            if text.get_bbox_patch() is not None:  # its paper is hidden with it
                behinds = [[255 * part for part in text.get_bbox_patch().get_facecolor()[:3]]]
            for behind in behinds:
                found = contrast(ink, behind)
                assert found >= TEXT, (name, text.get_text(), ink, behind, found)
    assert looked_at > 100


def test_bars_and_lines_of_charts_stand_out_and_differ_in_more_than_color(drawn, figures):
    looked_at = 0
    for name in drawn.keys() - _pictures(drawn):
        for axes in figures[name].axes:
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
            fills = {(bar.get_facecolor(), bar.get_hatch()) for bar in axes.patches}
            assert len({color for color, _ in fills}) <= len({hatch for _, hatch in fills}), name
    assert looked_at


def _on_paper(color):
    return contrast(tuple(255 * part for part in color), (255, 255, 255))


def test_lines_that_pictures_are_drawn_with_stand_out(drawn):
    def parts(color):
        return tuple(round(255 * part) for part in to_rgb(color))

    for color in (panels.INK, panels.FAINT, panels.RULE, panels.BLUE):
        assert _on_paper(to_rgb(color)) >= MARK
    for color in (panels.INK, panels.FAINT):
        assert _on_paper(to_rgb(color)) >= TEXT
    fields = {mark.color for mark in drawn["lesson 07, fields"].panels[0].marks}
    for color in (panels.YELLOW, *fields):  # drawn between two black lines
        assert contrast(parts(color), (0, 0, 0)) >= TEXT


def test_contrast_is_that_of_the_standard():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((255, 255, 255), (118, 118, 118)) == pytest.approx(4.54, abs=0.01)
    assert contrast((255, 0, 0), (255, 255, 255)) == pytest.approx(4.0, abs=0.01)


# Nothing by color alone


def test_colors_come_with_a_bar_or_with_numbers(drawn):
    looked_at = 0
    for name, picture in _pictures(drawn).items():
        every = picture.every()
        explained = {p.scale.cmap for p in every if p.scale is not None and p.bar}
        for panel in every:
            if panel.scale is not None and panel.words is None and panel.array is not None:
                assert panel.scale.cmap in explained, (name, panel.title)
                looked_at += 1
        for panel in every:
            if panel.scale is not None and panel.bar:
                assert panel.scale.low.strip() and panel.scale.high.strip(), (name, panel.title)
    assert looked_at > 30


@pytest.mark.parametrize(
    "name",
    ["lesson 04, whose map", "filter_effect", "pixel_probe", "filter_slices"],
)
def test_color_channels_are_named(figures, name):
    words = " ".join(text.get_text() for text in figures[name].findobj(Text))
    assert all(color in words for color in ("blue", "green", "red"))


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
    return bool(darkens and alike and light[middle] > 85 and apart > 20)


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
    assert {panels.GRAY, panels.HEAT, panels.SIGNED} <= set(used)
    for cmap, places in used.items():
        assert is_sequential(cmap) or is_diverging(cmap), (cmap, places)
    assert is_sequential(panels.GRAY) and is_sequential(panels.HEAT)
    assert is_diverging(panels.SIGNED)


@pytest.mark.parametrize("cmap", ["jet", "hsv", "rainbow", "turbo", "hot", "seismic", "RdYlGn"])
def test_uneven_color_maps_are_told_from_even_ones(cmap):
    assert not is_sequential(cmap) and not is_diverging(cmap)


@pytest.mark.parametrize("cmap", ["viridis", "cividis", "magma"])
def test_other_even_color_maps_pass(cmap):
    assert is_sequential(cmap)
