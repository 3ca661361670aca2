"""The site's making, without building it: pages, slides, explorers, and what is refused."""

import gzip
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import build_site
import nbformat
import numpy as np
import pytest
import rebuild
from pages import check, explorers, photo, slides, texts, vendor
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
LESSONS = rebuild.lessons()
COURSE = texts.Course(LESSONS, "", "")
PUBLIC = texts.Course(LESSONS, "https://github.com/ada/course", "v1.0")
PAGES = {str(path.relative_to(ROOT)) for path in LESSONS} | {"notebooks/glossary.md"}
PAGES |= {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}


def cells(notebook, words):
    return [cell for cell in notebook.cells if words in cell.source]


# ---- lessons ----


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_each_explorer_gets_its_place_and_each_figure_its_words(path):
    notebook = texts.lesson(path, Path("made"), COURSE, PAGES)
    places = [
        output.data["text/html"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "data-states" in output.get("data", {}).get("text/html", "")
    ]
    assert places
    for number, place in enumerate(places, 1):
        assert f'id="explorer-{number}"' in place
        assert f'data-states="../explorers/{path.stem}/{number}/states.json.gz"' in place
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.metadata.mystnb.image.alt
        if cell.source.startswith("# @title"):
            assert "hide-cell" in cell.metadata.tags
    assert f"../slides/{path.stem}.html" in notebook.cells[0].source


def test_a_public_copy_adds_its_links():
    path = LESSONS[0]
    assert "mybinder" not in texts.lesson(path, None, COURSE, PAGES).cells[0].source
    first = texts.lesson(path, None, PUBLIC, PAGES).cells[0].source
    assert (
        f"https://mybinder.org/v2/gh/ada/course/v1.0?urlpath=lab/tree/notebooks/{path.name}"
        in first
    )
    assert f"https://github.com/ada/course/blob/v1.0/notebooks/{path.name}" in first
    assert first.count("colab.research.google.com") == 1


def test_links_to_files_that_are_no_pages_lead_to_their_source():
    text = (
        "[a](../docs/troubleshooting.md) [b](../LICENSE) [c](../helpers/images.py) [d](https://e.f)"
    )
    here = texts.relinked(text, "notebooks/a.ipynb", COURSE, PAGES)
    assert here == "[a](../docs/troubleshooting.md) b [c](../api/index.md) [d](https://e.f)"
    public = texts.relinked(text, "notebooks/a.ipynb", PUBLIC, PAGES)
    assert "[b](https://github.com/ada/course/blob/v1.0/LICENSE)" in public
    with pytest.raises(FileNotFoundError, match=r"^notebooks/a\.ipynb .* nowhere\.md, which"):
        texts.relinked("[x](nowhere.md)", "notebooks/a.ipynb", COURSE, PAGES)


def test_the_bibliography_has_every_reference_once_with_its_lessons():
    page = texts.bibliography(COURSE)
    wanted = set()
    for path in LESSONS:
        text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
        section = text.split("## Read on")[1].split("\n## ")[0]
        items = [line for line in section.splitlines() if line.startswith("- ")]
        assert items, path
        wanted |= {word.strip("().,<>") for line in items for word in line.split() if "://" in word}
        assert f"(notebooks/{path.name})" in page
    for where in wanted:
        assert where.split("](")[-1] in page, where
    entries = [line for line in page.splitlines() if line.startswith("- ")]
    assert len(entries) == len(set(entries)) and entries == sorted(entries, key=lambda e: e.lower())


def test_the_api_has_every_module_of_the_reading():
    listed = "\n".join(texts.api().values())
    for path in (ROOT / "helpers").glob("*.py"):
        if path.stem not in {"__init__", "quiet", "packages", "start", "check_environment"}:
            assert f"automodule:: helpers.{path.stem}\n" in listed
    assert "automodule:: helpers.plots.panels" in listed


# ---- slides ----


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_deck_has_the_lessons_figures_and_explorers_and_no_solution(path):
    notebook = nbformat.read(path, as_version=4)
    deck = slides.deck(notebook, "../explorers/x", lambda data, words: f'<img alt="{words}">')
    text = "".join(slide.html() for slide in deck)
    assert text.count("data-states=") == sum(map(bool, map(explorers.found_in, notebook.cells)))
    assert "<h1>" in deck[0].html() and "Recap" in text
    for word in ("Solution", "Hint", "exercises.", "@title", "matplotlib inline"):
        assert word not in "".join(part for slide in deck for part in slide.parts), word
    assert 12 < len(deck) < 80
    assert all(slide.parts for slide in deck)
    figures = [slide for slide in deck if slide.kind == "figure"]
    assert figures and any(slide.notes for slide in figures)


def test_what_of_a_text_goes_on_a_slide():
    text = "One sentence. Another.\n\n- first. More.\n- second\n\n*The picture:* a cat.\n\n"
    text += "> **Caution** No."
    html = "".join(part for part, _ in slides.shortened(text))
    assert html == (
        "<p>One sentence.</p><ul><li>first.</li><li>second</li></ul>"
        "<blockquote><strong>Caution</strong> No.</blockquote>"
    )
    assert (
        slides.inline("`a < b` and *c* & [d](e)") == "<code>a &lt; b</code> and <em>c</em> &amp; d"
    )


def test_a_tall_figure_is_cut_where_it_is_white(tmp_path):
    def png(rows, band):
        image = np.zeros((rows, 100), np.uint8)
        image[band : band + 10] = 255
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        return file.getvalue()

    whole = slides.fitted(png(100, 45), tmp_path)
    assert len(whole) == 1
    first, second = slides.fitted(png(200, 90), tmp_path)
    heights = [Image.open(tmp_path / name).height for name in (first, second)]
    assert sum(heights) == 200 and 91 <= heights[0] <= 99
    assert len(slides.fitted(png(200, 10), tmp_path)) == 1  # no band near its middle


# ---- explorers ----


def lesson_with(tmp_path, code):
    cell = nbformat.v4.new_code_cell(code)
    output = "[A trial: run this cell for its controls (Number)]"
    cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": output})]
    after = nbformat.v4.new_code_cell("1 / 0  # comes after the last explorer")
    path = tmp_path / "00_trial.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, after]), path)
    return path


TRIAL = """import sys
sys.path.insert(0, "..")
import numpy as np
from helpers.plots import Panel, Picture
from helpers.widgets.explorer import Explorer, slider
def draw(number):
    return Picture([Panel("it", np.full((9, 9), 9 * number, np.uint8))], f"number {number}")
Explorer({"number": slider("Number", 7, 3)}, draw, "A trial")"""


def test_a_lessons_explorers_are_made_once_and_a_failing_cell_is_named(tmp_path):
    cache = tmp_path / "cache"
    folder = explorers.folder_of(lesson_with(tmp_path, TRIAL), cache)
    states = json.loads(gzip.decompress((folder / "1" / "states.json.gz").read_bytes()))
    assert states["first"] == "[3]" and len(states["pictures"]) == 8
    for picture in states["pictures"].values():
        assert all((folder / name).is_file() for name in picture["files"])
    assert (folder / "1" / "first.png").read_bytes().startswith(b"\x89PNG")
    mark = folder / "mark"
    mark.touch()
    assert explorers.folder_of(lesson_with(tmp_path, TRIAL), cache) == folder and mark.exists()

    broken = lesson_with(tmp_path, TRIAL.replace("import sys", "import sys; sys.nothing"))
    with pytest.raises(explorers.LessonFails, match=r"00_trial\.ipynb, cell .* AttributeError"):
        explorers.folder_of(broken, cache)
    assert [path.name for path in cache.iterdir()] == [folder.name]


# ---- bad input ----


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / ".site").touch()
    (folder / "index.html").write_text("the last good one")
    yield folder
    assert (folder / "index.html").read_text() == "the last good one"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".site-")] == []


def test_a_lesson_that_failed_is_named_and_the_last_site_stays(site, tmp_path, monkeypatch):
    notebook = nbformat.read(LESSONS[0], as_version=4)
    cell = next(c for c in notebook.cells if "first_look(" in c.source)
    cell.outputs = [nbformat.v4.new_output("error", ename="ValueError", evalue="no photo")]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / LESSONS[0].name)
    monkeypatch.setattr(rebuild, "FOLDER", tmp_path / "notebooks")
    with pytest.raises(build_site.Unfit, match=rf"{LESSONS[0].name}, cell {cell.id} .*no photo"):
        build_site.build(site)


def test_a_missing_picture_is_named_and_the_last_site_stays(site, monkeypatch):
    monkeypatch.setattr(build_site, "run_sphinx", lambda *_: pytest.fail("too late"))
    relinked = texts.relinked

    def with_picture(text, *more):
        return relinked(text, *more) + "\n![gone](gone.png)\n"

    monkeypatch.setattr(texts, "relinked", with_picture)
    with pytest.raises(build_site.Unfit, match=r"gone\.png, which is not there"):
        build_site.build(site, with_explorers=False)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(build_site.Unfit, match="something else than a site"):
        build_site.build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_references_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#part">x</a> <a href="b.html#gone">x</a> <img src="no.png">'
        '<a href="c.html"><a href="https://e.f"> <div data-states="no.gz"></div>'
    )
    (tmp_path / "b.html").write_text('<p id="part">')
    wrong = ["b.html#gone", "no.png", "c.html", "no.gz"]
    assert check.problems(tmp_path) == [f"a.html → {one}" for one in wrong]


def test_without_npm_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(vendor.Missing, match=r"npm is missing, .* install Node\.js"):
        vendor.files(vendor.REVEAL, tmp_path)
    assert [*tmp_path.rglob("*.*js*")] == []


def test_two_that_fetch_at_once_do_not_disturb_one_another(tmp_path, monkeypatch):
    def fetched(command, **_):  # the other one is done before this one
        with tarfile.open(Path(command[-1], "it.tgz"), "w:gz") as archive:
            archive.add(Path(__file__), "package/it.js")
        folder = tmp_path / "npm" / "it-1"
        folder.mkdir()
        shutil.copy(__file__, folder / "it.js")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(shutil, "which", lambda _: "npm")
    monkeypatch.setattr(subprocess, "run", fetched)
    found = vendor.files(("it", "1", ("it.js",)), tmp_path)
    assert found == {"it.js": Path(__file__).read_bytes()}


# ---- your own photo ----


def test_the_page_gets_block_1_as_it_is_bundled(tmp_path, monkeypatch):
    monkeypatch.setattr(vendor, "copy", lambda _, __, folder: folder.mkdir())
    photo.write(tmp_path, tmp_path)
    about = json.loads((tmp_path / "photo" / "block1.json").read_text())
    numbers = np.frombuffer((tmp_path / "photo" / "block1.bin").read_bytes(), "<f4")
    stored = np.load(ROOT / "data" / "vgg16_base_float16.npz")
    at = 0
    names = ("conv1/kernel", "conv1/bias", "conv2/kernel", "conv2/bias")
    for name, shape in zip(names, about["shapes"], strict=True):
        count = int(np.prod(shape))
        expected = stored[f"block1_{name}"]
        assert np.array_equal(numbers[at : at + count].reshape(shape), expected)
        at += count
    assert at == len(numbers)


def test_the_command_says_in_one_sentence_what_is_wrong(tmp_path):
    (tmp_path / "thesis.tex").touch()
    command = [sys.executable, str(ROOT / "tools" / "build_site.py"), str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 1 and told.stdout == ""
    assert told.stderr.startswith("no site was built") and "Traceback" not in told.stderr
