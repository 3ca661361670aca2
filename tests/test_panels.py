"""A picture's panels, and the two that draw them: what one shows, the other shows too."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from helpers.plots import browser, page, panels
from helpers.plots.page import Picture
from helpers.plots.panels import Label, Panel, Path, Scale


@pytest.fixture
def picture():
    """A picture with one of everything."""
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (60, 80, 3), np.uint8)
    weights = random.normal(size=(3, 3))
    table = [[panels.number(value) for value in row] for row in weights]
    tiles = panels.tiles(
        "twelve maps", random.integers(0, 255, (12, 7, 5), np.uint8), Scale("inferno", "0", "9"),
        columns=4, width=300, names=[f"map {k}" for k in range(12)],
        sets={"channel": range(20, 32)}, chosen=6,
    )  # fmt: skip
    drawing = Panel(
        "a drawing", size=(50, 100), width=200,
        marks=[
            Path([(10, 10), (40, 10), (25, 60)], "#123456", 1, fill="#5692d6", halo=False),
            Label("upward", 45, 80, "left", upright=True),
        ],
    )  # fmt: skip
    left = [
        Panel("a photo", photo, width=240, marks=panels.cross(30, 40, 60, 80), note="as it is"),
        Panel("weights", *panels.signed(weights), 120, words=table, top={0.5: "first"},
              left={0.5: "top", 2.5: "bottom"}),
    ]  # fmt: skip
    return Picture([left, tiles, drawing], "What there is to see, with a number: 3.")


def test_bars_are_as_long_as_their_numbers():
    shares = panels.bars("", {"a": 0.5, "b": 0.25, "c": 0.0}, full=1, width=200)
    counts = panels.bars("", {"a": 3000, "b": 1500}, width=200)
    for panel, full, lengths in ((shares, 1, [0.5, 0.25, 0]), (counts, 3000, [3000, 1500])):
        drawn = [mark for mark in panel.marks if isinstance(mark, Path) and mark.fill]
        ends = np.array([max(col for _, col in bar.points) for bar in drawn])
        words = [mark for mark in panel.marks if isinstance(mark, Label)]
        room = 200 - 8 * max(len(label.words) for label in words) - 8
        np.testing.assert_allclose(ends, np.array(lengths) / full * room)
        for bar, label, middle in zip(drawn, words, panel.left, strict=True):
            rows = [row for row, _ in bar.points]
            assert min(rows) < label.row == middle < max(rows)
            assert label.col >= max(col for _, col in bar.points)
    assert [m.words for m in shares.marks if isinstance(m, Label)] == ["50%", "25%", "0%"]
    assert [m.words for m in counts.marks if isinstance(m, Label)] == ["3,000", "1,500"]
    assert [*shares.left.values()] == ["a", "b", "c"]
    outlines = [m for m in shares.marks if isinstance(m, Path) and m.fill is None]
    assert len(outlines) == 3 and len(counts.marks) == 4
    panels.bars("", {"none": 0})  # nothing is divided by zero


def test_numbers_become_places_and_zero_is_white_exactly():
    array, scale = panels.signed(np.array([[-2.0, 0.0, 1.0, 2.0]]))
    assert array.tolist() == [[0, 127, 190, 254]]
    assert panels.Panel("", array, scale).colors[0, 1, :3].min() >= 244  # the map's own middle
    assert (scale.low, scale.middle, scale.high) == ("−2.0", "0", "+2.0")
    clipped = panels.signed(np.array([[-2.0, 0.5]]), limit=1)[1]
    assert (clipped.low, clipped.high) == ("≤ −1.0", "≥ +1.0")
    array, scale = panels.heat(np.array([[0.0, 5.0, 50.0]]), high=10)
    assert array.tolist() == [[0, 127, 254]]  # what is beyond has the last color
    assert panels.heat(np.zeros((2, 2)))[0].max() == 0


def test_nothing_is_transparent_and_no_number_is_nothing():
    array = np.array([[0, 254, panels.NOTHING]], np.uint8)
    assert Panel("", array, Scale("inferno")).colors[0, :, 3].tolist() == [255, 255, 0]
    assert panels.places(np.array([1e30, -1e30]), 0, 1).max() < panels.NOTHING


@given(
    count=st.integers(1, 20), columns=st.integers(1, 9), rows=st.integers(1, 12),
    cols=st.integers(1, 12), width=st.integers(40, 900), named=st.booleans(),
)  # fmt: skip
def test_tiles_lie_where_their_names_frames_and_clicks_say(
    count, columns, rows, cols, width, named
):
    random = np.random.default_rng(1)
    pictures = random.integers(0, 255, (count, rows, cols), np.uint8)
    names = [f"n{k}" for k in range(count)] if named else None
    chosen = count // 2
    panel = panels.tiles(
        "", pictures, None, columns, width, names, sets={"k": range(count)}, chosen=chosen
    )
    top, left = (int(edge) for edge in panel.marks[-1].points[0])
    assert (panel.array[top : top + rows, left : left + cols] == pictures[chosen]).all()
    high, wide = panel.array.shape
    shown = np.sort(panel.array[panel.array != panels.NOTHING])
    assert (shown == np.sort(pictures, axis=None)).all()  # each pixel once, and nothing else
    cell = (
        int((top + rows / 2) / high * panel.clicks.rows) * panel.clicks.cols
        + int((left + cols / 2) / wide * panel.clicks.cols)
    )  # fmt: skip
    assert panel.clicks.values["k"][cell] == chosen
    if named:
        label = panel.marks[chosen]
        assert (label.words, label.col) == (f"n{chosen}", left)
        assert (top - label.row) * width / wide == pytest.approx(2)  # pixels on the page


def test_panels_never_overlap_and_stay_on_the_page(picture):
    many = Picture([*picture.panels, *picture.panels[1:], picture.panels[0]], "", width=700)
    for shown in (picture, many):
        rows, width, height = page.arrange(shown)
        spots = [spot for row in rows for column in row for spot in column]
        assert len(spots) == len(shown.every())
        for spot in spots:
            assert spot.x >= 0 and spot.x + spot.width <= width
            assert spot.y >= 0 and spot.bottom <= height
        for one, other in itertools.combinations(spots, 2):
            beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            above = one.bottom <= other.y or other.bottom <= one.y
            assert beside or above, (one.panel.title, other.panel.title)


def _words(picture):
    """All words that a picture says, however it is drawn."""
    for panel in picture.every():
        yield from (panel.title, panel.note)
        yield from (words for line in panel.words or () for words in line)
        yield from (mark.words for mark in panel.marks if isinstance(mark, Label))
        yield from [*(panel.top or {}).values(), *(panel.left or {}).values()]
        if panel.scale and panel.bar:
            yield from (panel.scale.low, panel.scale.middle, panel.scale.high)
    yield picture.caption


def test_matplotlib_draws_every_array_and_every_word(picture):
    figure = picture.figure()
    arrays = [image.get_array() for axes in figure.axes for image in axes.images]
    for panel in picture.every():
        if panel.array is not None:
            assert any(np.array_equal(panel.colors, array) for array in arrays), panel.title
    written = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
    for words in filter(None, _words(picture)):
        assert " ".join(words.split()) in " ".join(written.split())
    shapes = [patch for axes in figure.axes for patch in axes.patches]
    paths = [mark for panel in picture.every() for mark in panel.marks if isinstance(mark, Path)]
    drawn = [{tuple(point) for point in np.round(shape.get_xy(), 6)} for shape in shapes
             if hasattr(shape, "get_closed")]  # fmt: skip
    for path in paths:
        assert {(round(x, 6), round(y, 6)) for y, x in path.points} in drawn


def _pixels(name, data):
    """What a browser makes of a file, RGBA."""
    if not name.endswith(".raw"):
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    (cols,) = np.frombuffer(data, np.uint32, 1)
    colors = np.frombuffer(data, np.uint8, 1024, offset=4).reshape(256, 4)
    return colors[np.frombuffer(data, np.uint8, offset=1028).reshape(-1, cols)]


@pytest.mark.parametrize("raw", [False, True], ids=["files", "as they are"])
def test_the_browser_is_told_every_array_and_every_word(picture, raw):
    description, files = browser.described(picture, raw=raw)
    shown = [panel for row in description["rows"] for column in row for panel in column]
    assert sorted(files) == description["files"]
    for panel, told in zip(picture.every(), shown, strict=True):
        assert told["title"] == panel.title
        if panel.words is not None:
            cells = [[tuple(bytes.fromhex(color[1:])) for _, color, _ in line]
                     for line in told["cells"]]  # fmt: skip
            assert (np.array(cells) == panel.colors[..., :3]).all()
        elif panel.array is not None:
            pixels = _pixels(told["file"], files[told["file"]]).astype(int)
            seen = panel.colors[..., 3] > 0
            assert (pixels[..., 3] == panel.colors[..., 3]).all()
            wrong = np.abs(pixels - panel.colors)[seen].mean()
            assert wrong == 0 if panel.array.ndim == 2 else wrong < 12  # a photo is a JPEG
        assert len(told["marks"]) == len(panel.marks)
        if panel.scale is not None and panel.bar:
            low, high, middle = panel.scale[1:4]
            assert told["scale"]["words"] == [low, middle, high]
            ends = [_rgb(told["scale"]["colors"][k]) for k in (0, -1)]
            colors = panels.palette(panel.scale.cmap)[: panels.NOTHING, :3]
            assert np.abs(ends[0] - colors[0]).max() == 0
            assert np.abs(ends[1] - colors[-1]).max() == 0
    told = repr(description)
    for words in filter(None, _words(picture)):
        assert repr(words)[1:-1] in told, words


def _rgb(color):
    return np.frombuffer(bytes.fromhex(color[1:]), np.uint8).astype(int)


def test_both_lay_out_the_same_rows(picture):
    rows, width, height = page.arrange(picture)
    description, _ = browser.described(picture)
    titles = [[[spot.panel.title for spot in column] for column in row] for row in rows]
    told = [[[panel["title"] for panel in column] for column in row] for row in description["rows"]]
    assert titles == told
    assert (description["width"], description["height"]) == (round(width), round(height))


@pytest.mark.parametrize("cmap", [panels.GRAY, panels.SIGNED, panels.HEAT])
def test_words_are_legible_on_every_color(cmap):
    def luminance(color):
        parts = [part / 255 for part in color]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in parts]
        return np.dot(linear, (0.2126, 0.7152, 0.0722))

    for color in panels.palette(cmap)[: panels.NOTHING, :3]:
        both = luminance(color), luminance(bytes.fromhex(panels.ink(color)[1:]))
        assert (max(both) + 0.05) / (min(both) + 0.05) >= 4.5


def test_a_picture_shows_itself_and_says_what_it_shows(picture):
    image = Image.open(io.BytesIO(picture._repr_png_()))
    _, width, _ = page.arrange(picture)
    assert abs(image.width - max(width, 480)) <= 1
    assert repr(picture) == picture.caption
    assert "twelve maps" in repr(Picture(picture.panels))


def test_shrinking_averages_and_never_enlarges():
    random = np.random.default_rng(2)
    maps = random.random((8, 12, 70), np.float32)
    small = panels.shrunk(maps, 6)
    assert small.shape == (4, 6, 70)
    assert np.allclose(small, maps.reshape(4, 2, 6, 2, 70).mean(axis=(1, 3)), atol=1e-6)
    assert panels.shrunk(maps, 12) is maps
    assert panels.shrunk(maps[:, :, 0], 6).shape == (4, 6)


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0%"), (1, "100%"), (0.126, "13%"), (0.996, "over 99%"), (1e-6, "under 1%")],
)
def test_percent_says_all_and_nothing_only_of_all_and_nothing(share, words):
    assert panels.percent(share) == words
