"""The teacher's pages say what the lessons, the judges and the arithmetic say."""

import ast
import importlib
import re
from pathlib import Path

import cv2
import minutes
import nbformat
import numpy as np
import pytest
import rebuild

from helpers import activations, images, models
from helpers.quiet import keras

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "teaching"
PAGES = sorted(FOLDER.glob("*.md"))
LESSONS = {path.name[:2]: path for path in rebuild.lessons()}
PARTS = ("On the board", "Ask before the cell runs", "What students believe", "Leave out")
HEADING = re.compile(r"^#{2,3} (.+)$", re.M)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
EQUATION = re.compile(r"`([^`\n]+ = [^`\n]+)`")
POINTS = re.compile(r"- \*\*\(\w\)\*\* (\d+) points?\b")
QUESTION = re.compile(r"### \d · .+ \((\d+) points, (\d+) minutes\)")
BELIEF = re.compile(r'### "[^\n]+"\n\n```python\n(.*?)```\n\n> (.+?)\n\n\*\*See\*\* ([^\n]+)', re.S)


def text(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def plain(words):
    return " ".join(words.split())


def sections(lesson):
    """The cells of each section of a lesson, by heading; what comes before the first has none."""
    found, cells = {}, []
    for cell in nbformat.read(LESSONS[lesson], as_version=4).cells:
        for heading in HEADING.findall(cell.source) if cell.cell_type == "markdown" else ():
            cells = found[heading] = []
        cells.append(cell)
    return found


def to_leave_out(lesson):
    """The headings whose cells a class leaves out."""
    found = sections(lesson).items()
    return {name for name, cells in found if cells and "skip" in cells[0].metadata.get("tags", [])}


def shown(cells):
    """The sources and printed outputs of some cells, in one line."""
    words = []
    for cell in cells:
        words.append(cell.source)
        for output in cell.get("outputs", []):
            words.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return plain(" ".join(words))


def table(words):
    """The rows of all tables in a text, without their heads, as lists of cells."""
    lines = [line for line in words.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads = [k - 1 for k, row in enumerate(rows) if set("".join(row)) <= set("-:")]
    return [row for k, row in enumerate(rows) if k not in heads and k - 1 not in heads]


def part(words, heading):
    """What stands below a heading, up to the next one as high or higher."""
    level = re.search(rf"^(#+) {re.escape(heading)}", words, re.M)[1]
    found = re.search(rf"^{level} {re.escape(heading)}.*?$(.*?)(?=^#{{1,{len(level)}}} |\Z)",
                      words, re.M | re.S)  # fmt: skip
    return found[1]


def of_lesson(lesson, vgg16):
    """The names that a reader has in a lesson, as far as the pages' wrong answers use them."""
    names = {"np": np, "cv2": cv2, "keras": keras, "model": vgg16, "vgg16": vgg16}
    kernel, biases = vgg16.get_layer("block1_conv1").get_weights()
    names |= {"kernel": kernel, "biases": biases}
    if lesson == "00":
        patch = images.prepare(images.load_photo("chelsea"))[0, 99:102, 51:54]
        names |= {"patch": patch, "dot": (patch * kernel[..., 10]).sum()}
        exec(solution(lesson, "share_in_five"), names)
        names["solution"] = names["share_in_five"]
    if lesson == "01":
        names["model"] = models.describe_vgg16()
    if lesson == "03":
        low, high = kernel.min(axis=(0, 1, 2)), kernel.max(axis=(0, 1, 2))
        odd = np.abs(-low / (high - low) - 0.5).argmax()
        four = importlib.import_module("helpers.exercises.lesson_03").four_filters(43, kernel)
        unit = kernel / np.sqrt((kernel**2).sum(axis=(0, 1, 2)))
        cosines = [(unit[..., 43] * unit[..., f]).sum() for f in four]
        names |= {"low": low, "high": high, "odd": odd, "opposite": "ABCD"[np.argmin(cosines)]}
    if lesson == "05":
        names |= {"layer": "block4_conv3", "channel": 3}
        names["four"] = np.stack([images.load_photo(name) for name in list(images.SAMPLES)[:4]])
        maps = activations.feature_maps(vgg16, images.prepare(names["four"]), "block4_conv3")
        names["shown"] = maps["block4_conv3"][[1, 3, 0, 2], :, :, 3]
    if lesson == "06":
        names["labels"] = np.repeat([0, 1], 100)
        dogs = np.random.default_rng(0).beta([[1], [2]], [[2], [1]], (2, 100)).ravel()
        names["dogs"] = dogs
    if lesson == "08":
        right = importlib.import_module("helpers.exercises.lesson_08").revealed(2)
        names["swapped"] = right[1] + right[0] + right[2]
        exec(source("08", "def agreement"), names)
    if lesson == "11":
        names["places"] = np.random.default_rng(0).normal(size=(20, 6, 6))
        names["scores"] = names["places"].mean(axis=(1, 2))
        judges = importlib.import_module("helpers.exercises.lesson_11")
        right = judges.four_maps(names["places"], names["scores"], 3)[1]
        names["darkest"] = "BCDA"["ABCD".index(right)]
    return names


def source(lesson, words):
    """The code cell of a lesson with these words."""
    cells = nbformat.read(LESSONS[lesson], as_version=4).cells
    return next(c.source for c in cells if c.cell_type == "code" and words in c.source)


def solution(lesson, name):
    """The folded solution that defines this function."""
    cells = nbformat.read(LESSONS[lesson], as_version=4).cells
    folded = (c.source for c in cells if "solution" in c.metadata.get("tags", []))
    found = (code for words in folded for code in re.findall(r"```python\n(.*?)```", words, re.S))
    return next(code for code in found if f"def {name}(" in code)


def test_there_is_one_page_for_each_lesson_and_the_index_names_all():
    pages = {page.name for page in PAGES if re.match(r"\d\d_", page.name)}
    assert pages == {f"{path.stem}.md" for path in LESSONS.values()}
    linked = set(re.findall(r"\]\((\w+\.md)\)", text("README.md")))
    assert linked | {"README.md"} == {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_page_has_its_parts_and_is_short(lesson):
    words = text(f"{LESSONS[lesson].stem}.md")
    first = nbformat.read(LESSONS[lesson], as_version=4).cells[0].source
    assert words.splitlines()[0] == first.splitlines()[0] + ": for the teacher"
    assert re.findall(r"^## (.+)$", words, re.M) == [*PARTS, "With other weights"]
    assert words.count("**Aim.**") == 1
    assert len(words.split()) <= 900


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_minutes_are_those_of_the_rule(lesson):
    cells = nbformat.read(LESSONS[lesson], as_version=4).cells
    whole, in_class = minutes.minutes(cells), minutes.minutes(cells, in_class=True)
    line = f"**Minutes.** {whole:.0f}, in class {in_class:.0f}: `python tools/minutes.py {lesson}`"
    assert line in text(f"{LESSONS[lesson].stem}.md").splitlines()


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_question_stands_before_a_cell_that_shows_what_the_page_says(lesson):
    found = sections(lesson)
    rows = table(part(text(f"{LESSONS[lesson].stem}.md"), "Ask before the cell runs"))
    assert len(rows) >= 5
    for section, cell, question in rows:
        assert section in found, section
        assert "?" in question or "Write" in question or "Draw" in question, question
        quoted = re.findall(r"`([^`]+)`", cell)
        assert quoted, cell
        for words in quoted:
            assert plain(words) in shown(found[section]), words


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_wrong_answer_gets_the_sentence_that_the_page_quotes(lesson, vgg16):
    words = part(text(f"{LESSONS[lesson].stem}.md"), "What students believe")
    beliefs = BELIEF.findall(words)
    assert len(beliefs) == words.count("### ") >= 4
    names = of_lesson(lesson, vgg16)
    names["exercises"] = importlib.import_module(f"helpers.exercises.lesson_{lesson}")
    headings = set(sections(lesson))
    for code, quoted, see in beliefs:
        *body, last = ast.parse(code).body
        exec(compile(ast.Module(body, []), "page", "exec"), names)
        judgement = eval(compile(ast.Expression(last.value), "page", "eval"), names)
        assert judgement.right is False, code
        assert judgement.reason == plain(quoted), code
        (section,) = re.findall(r"^\*(.+?)\*:", see)
        assert section in headings, section


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_to_leave_out_is_what_is_marked(lesson):
    words = part(text(f"{LESSONS[lesson].stem}.md"), "Leave out")
    assert set(re.findall(r"^- \*\*(.+?)\*\*: ", words, re.M)) == to_leave_out(lesson)


@pytest.mark.parametrize("plan", ["45 minutes", "Half a day", "A term"])
def test_plans_add_up_and_give_each_section_its_minutes(plan):
    *rows, total = table(part(text("plans.md"), plan))
    taken = [int(row[-3]) for row in rows]
    assert sum(taken) == int(total[-3].strip("*"))
    assert sum(taken) == {"45 minutes": 45, "Half a day": 210, "A term": 12 * 90}[plan]
    for row in rows:
        given, lesson, chosen = int(row[-3]), row[-2], row[-1]
        if not lesson:
            continue
        found = sections(lesson)
        if chosen == "in class":
            cells = nbformat.read(LESSONS[lesson], as_version=4).cells
            needed = minutes.minutes(cells, in_class=True)
        else:
            assert set(chosen.split("; ")) <= set(found), row
            needed = sum(minutes.minutes(found[name]) for name in chosen.split("; "))
        assert needed <= given, row
    if plan == "A term":
        weeks = [int(row[0]) for row in rows]
        assert sorted(set(weeks)) == list(range(1, 13))
        for week in set(weeks):
            assert sum(m for m, w in zip(taken, weeks, strict=True) if w == week) == 90
        assert {row[2] for row in rows if row[3] == "in class"} == set(LESSONS)


def questions(words):
    """The texts of the numbered questions below a heading."""
    return re.split(r"^### \d · ", words, flags=re.M)[1:]


@pytest.mark.parametrize("number", [1, 2])
def test_an_assessment_has_45_minutes_and_40_points_and_a_key_to_each_part(number):
    asked = text(f"assessment_{number}.md")
    keys = part(text("keys.md"), f"Assessment {number}")
    worth = [tuple(map(int, pair)) for pair in QUESTION.findall(asked)]
    assert [sum(each) for each in zip(*worth, strict=True)] == [40, 45]
    assert len(worth) == len(questions(asked)) == len(questions(keys))
    for (points, _), question, key in zip(worth, questions(asked), questions(keys), strict=True):
        title = question.splitlines()[0].split(" (")[0]
        assert key.splitlines()[0] == f"{title} ({points} points)"
        assert sum(map(int, POINTS.findall(key))) == points, title
        letters = re.findall(r"\(([a-e])\) ", re.sub(PYTHON, "", question).split("\n", 1)[1])
        if letters:
            assert re.findall(r"^- \*\*\((\w)\)\*\*", key, re.M) == letters, title


def value(words):
    """The number that a key gives, and how many decimals it has; None for anything else."""
    found = re.fullmatch(r"(-?[\d,]*\d(?:\.(\d+))?)(%?)", words)
    if not found:
        return None
    number = float(found[1].replace(",", ""))
    digits = len(found[2] or "")
    return (number / 100, digits + 2) if found[3] else (number, digits)


def holds(equation, names):
    """Whether the left side of an equation in a key has the value on its right."""
    left, right = equation.rsplit(" = ", 1)
    found = eval(left, names)
    if value(right) is None:
        return found == eval(right, names)
    number, digits = value(right)
    return abs(float(found) - number) < 0.5001 * 10**-digits * (digits > 0) + 1e-9


@pytest.mark.parametrize("number", [1, 2])
def test_every_number_in_the_keys_is_computed(number):
    keys = part(text("keys.md"), f"Assessment {number}")
    before = keys.split("### 1 ·")[0]
    asked, wrong = questions(text(f"assessment_{number}.md")), []
    for question, key in zip(asked, questions(keys), strict=True):
        conv = keras.layers.Conv2D(128, 3, padding="same")
        conv.build((None, 56, 56, 64))
        names = {"np": np, "conv": conv}
        exec(source("08", "def verdict"), names)
        for code in PYTHON.findall(before) + PYTHON.findall(question) + PYTHON.findall(key):
            exec(code, names)
        for line in re.findall(r"^- .+$", key, re.M):
            equations = EQUATION.findall(line)
            wrong += [equation for equation in equations if not holds(equation, names)]
            results = {equation.rsplit(" = ", 1)[1] for equation in equations}
            said = re.sub(r"`[^`]+`", "", line.split("** ", 1)[1])  # without code and (a)
            wrong += [bold for bold in re.findall(r"\*\*([^*]+)\*\*", said) if bold not in results]
    assert not wrong


def test_a_wrong_number_in_a_key_is_found():
    assert holds("2 / 3 = 0.67", {}) and holds("20 * 50 = 1,000", {}) and holds("1 / 8 = 12.5%", {})
    for wrong in ("2 / 3 = 0.66", "20 * 50 = 1,001", "1 / 8 = 14%", "(1, 2) = (2, 1)"):
        assert not holds(wrong, {}), wrong


def test_what_an_assessment_quotes_is_what_a_lesson_prints():
    printed = " ".join(shown(nbformat.read(path, 4).cells) for path in LESSONS.values())
    quoted = re.findall(r"```text\n(.*?)```", text("assessment_2.md"), re.S)
    assert quoted
    for line in "".join(quoted).splitlines():
        assert plain(line) in printed, line


@pytest.mark.parametrize("name", ["assessment_1.md", "assessment_2.md"])
def test_what_is_on_the_screen_is_a_figure_of_that_section(name):
    (found,) = re.findall(r"On the screen: lesson (\d\d), \*(.+?)\*", text(name))
    lesson, section = found
    cells = sections(lesson)[section]
    assert any("image/png" in o.get("data", {}) for c in cells for o in c.get("outputs", []))
