"""A student's copy: what is in it, what is not, and that its lessons run from anywhere."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import minutes
import nbformat
import pytest
import rebuild
import student_copy

ROOT = Path(__file__).resolve().parents[1]
LESSONS = rebuild.lessons()
FULL = re.compile(r"\A(tests|tools|conftest|pyproject|CONTRIBUTING|\.|docs/teaching)")
LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.fixture(scope="module")
def copy():
    return student_copy.contents()


@pytest.fixture(scope="module")
def books(copy):
    """Every lesson of the copy by its place."""
    found = {name: data for name, data in copy.items() if name.endswith(".ipynb")}
    return {name: nbformat.reads(data.decode(), as_version=4) for name, data in found.items()}


@pytest.fixture
def tree(tmp_path):
    """A small course with one lesson, to be changed."""
    for name in student_copy.SINGLE + ("README.md", "requirements.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "notebooks").mkdir()
    for name in student_copy.WHOLE:
        (tmp_path / name).mkdir()
    lesson = tmp_path / "notebooks" / LESSONS[0].name
    lesson.write_bytes(LESSONS[0].read_bytes())
    return tmp_path


def test_every_lesson_is_there_and_has_not_been_run(books):
    assert list(books) == [f"notebooks/{path.name}" for path in LESSONS]
    for book in books.values():
        nbformat.validate(book)
        assert set(book.metadata) == {"kernelspec", "language_info"}
        for cell in book.cells:
            assert not cell.get("outputs") and cell.get("execution_count") is None
            assert set(cell.metadata) <= {"tags", "cellView", "jupyter"}
            assert not [tag for tag in cell.metadata.get("tags", []) if "nbval" in tag]


def test_no_solution_is_anywhere_and_the_hints_stay(copy, books):
    everything = b"\n".join(data for name, data in copy.items() if not name.endswith(".npz"))
    solutions = hints = 0
    for path in LESSONS:
        for cell in nbformat.read(path, as_version=4).cells:
            if "solution" not in cell.metadata.get("tags", []):
                continue
            words = cell.source.partition("<summary>Solution</summary>")[2]
            for part in words.removesuffix("</details>").split("```"):
                text = part.removeprefix("python").strip()
                assert text.encode() not in everything or len(text) < 20, text
            solutions += bool(words)
            hints += cell.source.count("<summary>Hint")
    assert solutions >= 4 * len(LESSONS)
    kept = [cell.source for book in books.values() for cell in book.cells]
    assert sum(source.count("<summary>Hint") for source in kept) == hints > 0
    for source in kept:
        assert "<summary>Solution" not in source
        assert not re.search(r"[Ss]olutions? (is|are)? ?(folded|below)", source), source


def test_everything_but_solutions_is_kept_word_for_word(books):
    for path in LESSONS:
        cells = nbformat.read(path, as_version=4).cells
        full = [c.source for c in cells if c.cell_type == "code"]
        code = [c.source for c in books[f"notebooks/{path.name}"].cells if c.cell_type == "code"]
        assert code == full
        answers = [c for c in books[f"notebooks/{path.name}"].cells if minutes.is_exercise(c)]
        assert all("None" in cell.source for cell in answers)
        before, after = (
            [line for c in some if c.cell_type == "markdown" for line in c.source.splitlines()]
            for some in (
                [c for c in cells if "solution" not in c.metadata.get("tags", [])],
                [
                    c
                    for c in books[f"notebooks/{path.name}"].cells
                    if "hints" not in c.metadata.get("tags", [])
                ],
            )
        )
        different = [line for line, now in zip(before, after, strict=True) if line != now]
        assert len(different) <= 1, different  # where hints and solutions are announced


def test_helpers_and_data_are_complete_and_nothing_of_the_tests_is_there(copy):
    listing = subprocess.run(
        ["git", "ls-files", "helpers", "data"], cwd=ROOT, capture_output=True, text=True
    )
    if listing.returncode == 0 and listing.stdout:
        for name in filter(lambda name: (ROOT / name).exists(), listing.stdout.splitlines()):
            assert (name in copy) != name.endswith("/explorers.webp")  # README's moving picture
    assert {"helpers/start.py", "notebooks/glossary.md", "docs/troubleshooting.md"} <= set(copy)
    assert len([name for name in copy if re.match(r"data/photos/.+\.webp$", name)]) == 481
    assert not [name for name in copy if FULL.match(name) or "__pycache__" in name]
    wanted = copy["requirements.txt"].decode()
    assert "tensorflow" in wanted and "jupyterlab" in wanted
    assert "pytest" not in wanted and "tests" not in wanted


def test_every_link_leads_somewhere(copy, books):
    texts = {n: [d.decode()] for n, d in copy.items() if n.endswith(".md")}
    texts |= {n: [c.source for c in b.cells if c.cell_type == "markdown"] for n, b in books.items()}
    places = {*copy, *(str(parent) for name in copy for parent in Path(name).parents)}
    checked = 0
    for name, sources in texts.items():
        for target in LINK.findall("\n".join(sources)):
            if not re.match(r"[a-z]+:", target):
                assert student_copy._place(target, name) in places, (name, target)
                checked += 1
    assert checked > 5 * len(LESSONS)


def test_the_readme_has_what_a_student_needs_and_no_more(copy):
    readme = copy["README.md"].decode()
    for path in LESSONS:
        assert f"(notebooks/{path.name})" in readme
    for line in (".venv/bin/jupyter lab", "py -m venv", "conda env create", "check_environment"):
        assert line in readme
    for word in ("pytest", "tools/", "CONTRIBUTING", "{", "Binder"):
        assert word not in readme, word


@pytest.mark.parametrize(
    ("before", "after", "lacks"),
    [
        ("## The path", "## Lessons", "The path"),
        ("/jupyter lab", "/jupyter-lab", "posix"),
        ("Code: [", "Code [", "license"),
    ],
)
def test_a_readme_without_a_part_is_refused(before, after, lacks):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert before in text
    with pytest.raises(ValueError, match=lacks):
        student_copy.readme(text.replace(before, after))


def test_an_answered_exercise_is_refused(tree):
    (path,) = (tree / "notebooks").glob("*.ipynb")
    book = nbformat.read(path, as_version=4)
    next(filter(minutes.is_exercise, book.cells)).source = "answer = 4\nexercises.fold(answer)"
    nbformat.write(book, path)
    with pytest.raises(ValueError, match=r"00_start_here\.ipynb: an exercise is answered .* None"):
        student_copy.contents(tree)


def test_links_to_what_is_not_in_the_copy_become_words(tree):
    text = "[how](../CONTRIBUTING.md), [key](../docs/teaching/keys.md) and [far](https://x.org/a)"
    (tree / "docs" / "teaching").mkdir(parents=True)
    (tree / "docs" / "teaching" / "keys.md").write_text("the key")
    (tree / "docs" / "hour.md").write_text("[more](more.md)")
    (tree / "docs" / "more.md").write_text("more")
    (tree / "notebooks" / "glossary.md").write_text(f"{text}, [hour](../docs/hour.md)")
    copy = student_copy.contents(tree)
    words = "how, key and [far](https://x.org/a), [hour](../docs/hour.md)"
    assert copy["notebooks/glossary.md"].decode() == words
    assert {"docs/hour.md", "docs/more.md"} <= set(copy) and "docs/teaching/keys.md" not in copy


def test_a_folder_is_written_whole_and_one_with_something_in_it_is_refused(
    tmp_path, monkeypatch, copy
):
    monkeypatch.setattr(student_copy, "contents", lambda: {"a/b.txt": b"b", "c.txt": b"c"})
    for name in ("new", "empty"):
        if name == "empty":
            (tmp_path / name).mkdir()
        student_copy.write(tmp_path / name)
        found = {p.relative_to(tmp_path / name).as_posix() for p in (tmp_path / name).rglob("*")}
        assert found == {"a", "a/b.txt", "c.txt"}
    with pytest.raises(ValueError, match="new is not empty; name a new folder, or an empty one"):
        student_copy.write(tmp_path / "new")
    with pytest.raises(ValueError, match="there is no folder nowhere"):
        student_copy.write(tmp_path / "nowhere" / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "new"]


@pytest.mark.parametrize("arguments", [["copy"], ["copy", "--zip"]])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, capsys, arguments):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(student_copy, "contents", lambda: {"a.txt": b"a", "b.txt": b"b"})
    monkeypatch.setattr(sys, "argv", ["student_copy", str(tmp_path / "copy"), *arguments[1:]])
    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    assert student_copy.main() == 1
    said = capsys.readouterr().err
    assert said.endswith("could not be written (No space left on device); nothing is left of it\n")
    assert list(tmp_path.iterdir()) == []


def test_the_archive_holds_the_same_and_is_the_same_each_time(tmp_path, copy, monkeypatch):
    monkeypatch.setattr(student_copy, "contents", lambda: copy)
    for name in ("one.zip", "two.zip"):
        student_copy.archive(tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as file:
        assert {info.filename for info in file.infolist()} == {
            f"{student_copy.NAME}/{name}" for name in copy
        }
        assert file.read(f"{student_copy.NAME}/README.md") == copy["README.md"]


RUN = """
import sys, nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(book, timeout=600, kernel_name="python3").execute()
said = "".join(str(cell.get("outputs")) for cell in book.cells)
assert "No answer yet" in said
"""


@pytest.mark.ci
def test_a_lesson_of_the_copy_runs_where_the_full_course_is_not(tmp_path):
    student_copy.write(tmp_path / "my copy")
    folder = tmp_path / "my copy" / "notebooks"
    subprocess.run([sys.executable, "-c", RUN, LESSONS[0].name], cwd=folder, check=True)
    (folder.parent / "helpers" / "start.py").unlink()  # it was this one that was used
    done = subprocess.run(
        [sys.executable, "-c", RUN, LESSONS[0].name], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode and "this lesson is alone" in done.stderr
