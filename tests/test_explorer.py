"""What an explorer's kernel side answers, without a browser; and explorers saved as pages."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from helpers.plots import browser, panels
from helpers.plots.page import Picture
from helpers.plots.panels import Panel, Scale
from helpers.widgets import saved
from helpers.widgets.explorer import Explorer, choice_slider, dropdown, slider

SIZES = {"small": 4, "large": 9}
NOISE = np.random.default_rng(0).integers(0, 255, (40, 9, 64, 64), np.uint8)


def draw(layer, channel, look):
    """A picture that differs for all settings, beside one that never does."""
    array = NOISE[channel, SIZES[layer] - 1] // (2 if look == "dim" else 1)
    same = Panel("the same", NOISE[39, 0], Scale("gray", "0", "1"))
    return Picture([same, Panel("it", array)], f"{layer}, channel {channel}, {look}")


@pytest.fixture
def explorer():
    controls = {
        "layer": choice_slider("Layer", list(SIZES), "large"),
        "channel": slider("Channel", lambda now: SIZES[now["layer"]] - 1),
        "look": dropdown("Look", [("as it is", "bright"), ("half", "dim")]),
    }
    return Explorer(controls, draw, title="A trial")


@pytest.fixture
def ask(explorer, monkeypatch):
    """Send what the browser would ask; the answer, and its files by name."""
    answers = []
    monkeypatch.setattr(explorer.panels, "send", lambda *sent: answers.append(sent))

    def ask_(*values, **more):
        key = json.dumps(values, separators=(",", ":"))
        explorer.panels._handle_custom_msg({"want": key, **more}, [])
        answer, *buffers = answers.pop()
        assert answer["key"] == key
        return answer, dict(zip(answer.get("sent", ()), *(buffers or [[]]), strict=True))

    return ask_


def test_the_first_picture_is_there_without_asking(explorer):
    first = explorer.panels.first
    assert first["key"] == "[1,0,0]"
    assert first["picture"]["caption"] == "large, channel 0, bright"
    assert sorted(first["files"]) == first["picture"]["files"]


def test_it_answers_with_the_picture_that_was_asked_for(ask):
    answer, files = ask(1, 5, 1)
    assert answer["picture"]["caption"] == "large, channel 5, dim"
    (panel,) = [
        p for row in answer["picture"]["rows"] for c in row for p in c if p["title"] == "it"
    ]
    array = draw("large", 5, "dim").every()[1].array
    assert files[panel["file"]].endswith(array.tobytes())  # as it is, since it is small


def test_a_file_is_sent_once_unless_all_are_asked_for(ask):
    answer, files = ask(1, 5, 0)
    assert len(files) == 1 and len(answer["picture"]["files"]) == 2  # the other came at first
    assert ask(1, 5, 0)[1] == {}
    assert sorted(ask(1, 5, 0, all=True)[1]) == answer["picture"]["files"]


def test_what_no_range_allows_has_no_picture(ask):
    assert "picture" in ask(0, 3, 0)[0]
    for values in ((0, 4, 0), (1, 9, 0), (1, -1, 0)):
        assert "picture" not in ask(*values)[0]


def test_ranges_follow_the_controls_before(explorer):
    explorer.controls["channel"].value = 8
    explorer.controls["layer"].value = "small"
    assert (explorer.controls["channel"].max, explorer.controls["channel"].value) == (3, 3)
    explorer.controls["layer"].value = "large"
    assert explorer.controls["channel"].max == 8
    assert explorer.picture.caption == "large, channel 3, bright"


def test_another_drawing_function_begins_a_new_edition(explorer, ask):
    before = explorer.panels.edition
    explorer.show(lambda **values: Picture([Panel("new", NOISE[7, 7])], f"new {values['channel']}"))
    assert explorer.panels.edition == before + 1
    assert explorer.panels.first["picture"]["caption"] == "new 0"
    answer, _ = ask(1, 2, 0)
    assert answer["picture"]["caption"] == "new 2"


def test_a_picture_that_fails_says_so_in_its_place(explorer, ask):
    def fails(**_):
        raise ValueError("this filter has no weights")

    explorer.draw = fails
    answer, _ = ask(1, 2, 0)
    assert "picture" not in answer and answer["error"] == "ValueError: this filter has no weights"


def test_without_widgets_it_names_its_controls(explorer):
    assert repr(explorer) == "[A trial: run this cell for its controls (Layer, Channel, Look)]"


# ---- saved ----


def read(folder):
    words = (folder / "states.js").read_text("utf-8")
    assert words.startswith("window.savedExplorer = ")
    return json.loads(words.removeprefix("window.savedExplorer = ").rstrip().rstrip(";"))


def test_every_setting_is_saved_with_its_picture(explorer, tmp_path):
    assert explorer.save(tmp_path / "page") == tmp_path / "page" / "index.html"
    states = read(tmp_path / "page")
    assert len(states["pictures"]) == (4 + 9) * 2
    assert states["choices"]["[0]"] == [0, 1, 2, 3] and len(states["choices"]["[1]"]) == 9
    assert states["first"] == "[1,0,0]"
    picture = states["pictures"]["[0,3,1]"]
    assert picture["caption"] == "small, channel 3, dim"
    names = [states["panels"][str(k)] for row in picture["rows"] for c in row for k in c]
    array = draw("small", 3, "dim").every()[1]
    data = base64.b64decode(states["files"][names[1]["file"]])
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(shown, array.colors[..., :3])
    assert "Not every value" not in (tmp_path / "page" / "index.html").read_text("utf-8")


def test_too_many_settings_are_thinned_to_both_ends_and_it_says_so(explorer, tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "STATES", 12)
    states = read(explorer.save(tmp_path).parent)
    assert len(states["pictures"]) <= 12
    assert states["choices"]["[0]"][0] == 0 and states["choices"]["[0]"][-1] == 3
    assert states["choices"]["[1]"][-1] == 8
    assert "Not every value was saved of: Channel." in (tmp_path / "index.html").read_text("utf-8")
    for key in states["pictures"]:
        assert json.loads(key)[1] in states["choices"][json.dumps(json.loads(key)[:1])]


def test_where_an_explorer_begins_is_saved_however_few_are(explorer, tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "STATES", 12)
    for start in range(9):
        explorer.controls["channel"].value = start
        states = read(explorer.save(tmp_path).parent)
        values = states["choices"]["[1]"]
        assert states["first"] == f"[1,{start},0]" and len(states["pictures"]) <= 12
        assert (values[0], values[-1]) == (0, 8) and values == sorted(set(values))


def test_too_many_bytes_are_thinned_too(explorer, tmp_path, monkeypatch):
    explorer.save(tmp_path / "all")
    monkeypatch.setattr(saved, "BYTES", (tmp_path / "all" / "states.js").stat().st_size // 2)
    explorer.save(tmp_path / "half")
    assert (tmp_path / "half" / "states.js").stat().st_size <= saved.BYTES
    assert 2 <= len(read(tmp_path / "half")["pictures"]) < len(read(tmp_path / "all")["pictures"])


def test_a_resting_control_is_saved_as_it_is(tmp_path):
    controls = {
        "where": dropdown("Where", ["anywhere", "here"]),
        "row": slider("Row", 5, 2, rests=lambda now: now["where"] == "anywhere"),
    }
    explorer = Explorer(controls, lambda where, row: draw("large", row, where))
    assert controls["row"].disabled
    states = read(explorer.save(tmp_path).parent)
    assert states["choices"]["[0]"] == [2] and states["choices"]["[1]"] == [0, 1, 2, 3, 4, 5]


def test_saving_that_fails_leaves_what_was_there(explorer, tmp_path, monkeypatch):
    explorer.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    explorer.draw = lambda **_: Picture([Panel("new", NOISE[7, 7])], "another")

    def full(self, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saved.Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        explorer.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_of_small_arrays_are_exact_and_those_of_photos_small():
    random = np.random.default_rng(3)
    tile = random.integers(0, 256, (9, 9, 3), np.uint8)
    _, files = browser.described(Picture([Panel("a filter in color", tile)]))
    (data,) = files.values()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), tile)
    smooth = panels.shrunk(random.integers(0, 256, (896, 896, 3), np.uint8), 224)
    _, files = browser.described(Picture([Panel("a photo", smooth)]))
    (data,) = files.values()
    assert Image.open(io.BytesIO(data)).format == "JPEG" and len(data) < smooth.size / 2
