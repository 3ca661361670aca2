"""The stored lessons are clean, in order, and the checks that say so can fail."""

import base64
import io
import re
import symtable
from pathlib import Path

import minutes
import nbformat
import numpy as np
import pytest
import quicker
import rebuild
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
LESSONS = rebuild.lessons()


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_is_clean(path):
    assert rebuild.problems(path) == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_has_the_common_shape(path):
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    shape = ("**Aims.**", "**Time", "**Before this", "(glossary.md)", "## Recap", "**Next")
    for part in (*shape, "## Read on", "http"):
        assert part in text, part
    assert text.startswith(f"# {path.name[:2]} · ")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "exercises." in code
    assert "assert " in code


def test_minutes_are_counted_by_the_rule():
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    figure = nbformat.v4.new_output("display_data", {"image/png": ""})
    worth = [
        (text("word " * 90), 0.5),
        (code("x = 1"), 0.5),
        (code("x", outputs=[figure, figure]), 0.5 + 2 / 3),
        (code("answer = None\nexercises.fold(answer)"), 4),
        (code("exercises.progress()"), 0.5),
        (code("x", metadata={"tags": ["investigation"]}), 4),
        (code("# @title Checks"), 0),
        (text("word " * 90, metadata={"tags": ["solution"]}), 0),
    ]
    for cell, expected in worth:
        assert minutes.minutes([cell]) == pytest.approx(expected), cell.source
    skipped = code("x", metadata={"tags": ["skip"]})
    assert (minutes.minutes([skipped]), minutes.minutes([skipped], in_class=True)) == (0.5, 0)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_the_length_that_it_states_and_short_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    (stated,) = re.findall(r"\*\*Time\W* about (\d+) minutes", cells[0].source)
    by_rule, in_class = minutes.minutes(cells), minutes.minutes(cells, in_class=True)
    assert abs(int(stated) - by_rule) < 5 and in_class <= 45
    assert 22.5 <= by_rule <= 47.5
    lines = sorted(minutes.code_lines(cells))
    assert lines[len(lines) // 2] <= 4 and lines[-1] <= 12
    for cell in cells:
        if "skip" in cell.metadata.get("tags", []) and cell.source.startswith("## "):
            assert "*Short of time? A class can skip this section.*" in cell.source


def _names(code):
    """The names that a cell binds, and those it looks up outside its own functions."""
    scopes = [symtable.symtable(code, "cell", "exec")]
    bound = {s.get_name() for s in scopes[0].get_symbols() if s.is_assigned() or s.is_imported()}
    used = set()
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        outside = [s for s in scope.get_symbols() if s.is_global() or scope.get_type() == "module"]
        used |= {s.get_name() for s in outside if s.is_referenced()}
    return bound, used


def _lacking(cells):
    """Names that are bound only by what a class skips, and used by what it doesn't skip."""
    skipped, bound, lacking = set(), set(), set()
    for cell in cells:
        if cell.cell_type != "code" or cell.source.startswith("# @title Set up"):
            continue
        here, used = _names(cell.source)
        if "skip" in cell.metadata.get("tags", []):
            skipped |= here
        else:
            bound |= here
            lacking |= used & skipped - bound
    return lacking


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_without_what_a_class_skips(path):
    assert _lacking(nbformat.read(path, as_version=4).cells) == set()


def test_a_name_from_a_skipped_cell_is_found():
    code = nbformat.v4.new_code_cell
    skipped = code("import cv2\na = [b for b in ()]\ndef c(): pass", metadata={"tags": ["skip"]})
    assert _lacking([skipped, code("c(cv2, [a])")]) == {"a", "c", "cv2"}
    assert _lacking([skipped, code("def d(): return a")]) == {"a"}
    assert _lacking([skipped, code("# @title Checks\nassert a")]) == {"a"}
    assert _lacking([skipped, code("a = b = 1\nprint(a, b)\ndef d(c): return c")]) == set()


@pytest.mark.parametrize("long", quicker.SHORTER)
def test_what_makes_lessons_quicker_is_in_one(long):
    texts = [path.read_text(encoding="utf-8").replace('\\"', '"') for path in LESSONS]
    assert sum(long in text for text in texts) == 1


def test_lessons_are_numbered_without_gaps():
    assert [int(path.name[:2]) for path in LESSONS] == list(range(len(LESSONS)))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in _links(cell.source):
                assert (path.parent / target).exists(), target


def test_readme_and_lesson_00_name_every_lesson():
    first = nbformat.read(LESSONS[0], as_version=4)
    start = "\n".join(cell.source for cell in first.cells)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in LESSONS:
        assert f"(notebooks/{path.name})" in readme
    for path in LESSONS[1:]:
        assert f"({path.name})" in start


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_all_tables_give_the_lessons_own_minutes(path):
    first, own = (nbformat.read(p, as_version=4).cells for p in (LESSONS[0], path))
    (minutes,) = re.findall(r"\*\*Time\W* about (\d+) minutes", own[0].source)
    tables = (ROOT / "README.md").read_text(encoding="utf-8") + "\n"
    tables += "\n".join(cell.source for cell in first if cell.cell_type == "markdown")
    lesson = path.stem.replace("_", " ")
    rows = [line for line in tables.splitlines() if re.match(rf"\| \W*{lesson}\W", line)]
    assert len(rows) == 2
    assert all(row.endswith(f"| {minutes} |") for row in rows), rows


def _links(text):
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    return [target for target in found if "://" not in target and "attachment:" not in target]


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Lesson 00 in a folder of its own, and a function that damages and judges it."""
    monkeypatch.setattr(rebuild, "FOLDER", tmp_path)
    path = tmp_path / LESSONS[0].name

    def judge(damage):
        notebook = nbformat.read(LESSONS[0], as_version=4)
        damage(notebook, [cell for cell in notebook.cells if cell.cell_type == "code"])
        nbformat.write(notebook, path)
        return "\n".join(rebuild.problems(path))

    return judge


def _stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", text=text, name=name)


def _add(notebook, cells, output):
    cells[1].outputs.append(output)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda nb, cells: setattr(cells[2], "source", "1 + 1"), "edited after"),
        (lambda nb, cells: setattr(cells[2], "execution_count", None), "not run from top"),
        (lambda nb, cells: nb.metadata.update(widgets={}), "extra metadata"),
        (lambda nb, cells: cells[2].metadata.update(scrolled=True), "extra metadata"),
        (lambda nb, cells: cells[2].metadata.update(cellView="form"), "extra metadata"),
        (lambda nb, cells: cells[0].metadata.clear(), "not folded"),
        (lambda nb, cells: setattr(cells[0], "source", "pass\n" * 7), "over 6 lines"),
        (lambda nb, cells: setattr(cells[0], "source", "pass"), "does not say"),
        (lambda nb, cells: setattr(cells[2], "source", "# @title Checks"), "not folded"),
        (lambda nb, cells: _add(nb, cells, _stream("x", "stderr")), "stderr"),
        (lambda nb, cells: _add(nb, cells, _stream("/home/ada/x.png")), "machine's path"),
        (
            lambda nb, cells: _add(nb, cells, nbformat.v4.new_output("error", ename="E")),
            "an error",
        ),
        (
            lambda nb, cells: next(c for c in cells if c.metadata.get("tags")).metadata.update(
                tags=[]
            ),
            "neither the tag",
        ),
        (
            lambda nb, cells: _add(
                nb,
                cells,
                nbformat.v4.new_output("display_data", {rebuild.WIDGET_VIEW: {}}),
            ),
            "widget view",
        ),
        (lambda nb, cells: setattr(cells[3], "source", "pass\n" * 30), "over 20 lines"),
        (lambda nb, cells: _add(nb, cells, _stream("x" * 4_000_000)), "over 3000000"),
    ],
)
def test_a_dirty_lesson_is_refused(stored, damage, complaint):
    assert stored(lambda notebook, cells: None) == ""
    assert complaint in stored(damage)


def test_cleaning_keeps_what_matters():
    source = np.zeros((40, 60, 3), np.uint8)
    source[:, 30:] = (10, 200, 90)
    file = io.BytesIO()
    Image.fromarray(source).save(file, format="PNG")
    data = {
        "image/png": base64.b64encode(file.getvalue()).decode(),
        "text/plain": "<Figure size 60x40 with 1 Axes>",
    }
    notebook = nbformat.v4.new_notebook(
        metadata={
            "widgets": {"state": {}},
            "kernelspec": {"name": "my-own", "display_name": "Mine"},
        },
        cells=[
            nbformat.v4.new_code_cell("# @title Set up: run this", metadata={"scrolled": True}),
            nbformat.v4.new_code_cell(
                "1",
                metadata={"tags": ["nbval-check-output"], "execution": {"shell": "now"}},
                outputs=[nbformat.v4.new_output("display_data", data)],
            ),
        ],
    )
    rebuild.clean(notebook)
    first, cell = notebook.cells
    assert first.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert cell.metadata == {"tags": ["nbval-check-output"]}
    assert set(notebook.metadata) == {"kernelspec", "language_info", "code_digest"}
    picture = Image.open(io.BytesIO(base64.b64decode(cell.outputs[0].data["image/png"])))
    assert picture.mode == "P"
    np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), source)
