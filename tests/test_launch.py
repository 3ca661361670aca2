"""The course works where a class is: in one's own copy, alone as on Colab, on Binder."""

import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import address
import alone
import nbformat
import pytest
import rebuild
import yaml

from helpers import packages

ROOT = Path(__file__).resolve().parents[1]
LESSONS = rebuild.lessons()
NOWHERE = "http://127.0.0.1:9"  # nothing listens there
GIT = shutil.which("git")
needs_git = pytest.mark.skipif(not GIT, reason="no git is installed, and Colab's way is to clone")


def copy_of_the_course(folder):
    """What a checkout holds, without what was made in it."""
    unwanted = shutil.ignore_patterns(
        *(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "site", ".site-cache")
    )
    return Path(shutil.copytree(ROOT, folder, ignore=unwanted))


def commit(folder, tag="v1"):
    """Make a folder a git repository with one tag; its address."""
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "core.autocrlf=false"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"], ["tag", tag]):
        subprocess.run([GIT, *who, *arguments], cwd=folder, check=True)
    return folder.as_uri()


# The address


def test_all_places_name_the_same_address():
    assert address.problems(ROOT) == []


@pytest.fixture
def tree(tmp_path):
    """A copy of what names the address."""
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    return tmp_path


def test_one_command_sets_the_address_and_takes_it_back(tree):
    address.set_address(tree, "", "")
    lessons = [tree / "notebooks" / path.name for path in LESSONS]
    edited = lessons[0]  # as if its code had been edited after it was run
    for path in lessons:
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.code_digest = rebuild.code_digest(notebook)
        if path == edited:
            notebook.metadata.code_digest = "0" * 16
        nbformat.write(notebook, path)
    before = {path: path.read_bytes() for path in (*lessons, tree / "README.md")}
    assert b"`python tools/address.py https" in before[tree / "README.md"]

    address.set_address(tree, "https://github.com/ada/course", "v1.2")
    assert address.problems(tree) == []
    readme = (tree / "README.md").read_text(encoding="utf-8")
    assert "tools/address.py https" not in readme
    lab = "mybinder.org/v2/gh/ada/course/v1.2?urlpath=lab/tree/notebooks/00_start_here.ipynb"
    assert lab in readme
    colab = "https://colab.research.google.com/github/ada/course/blob/v1.2/notebooks"
    for path in lessons:
        assert f"[{path.name[:2]}]({colab}/{path.name})" in readme
        now, was = nbformat.read(path, 4), nbformat.reads(before[path].decode(), 4)
        alive = [
            output.data.pop("text/html")
            for cell in now.cells
            for output in cell.get("outputs", ())
            if "ada.github.io" in output.get("data", {}).get("text/html", "")
        ]
        assert now.cells[2:] == was.cells[2:]
        page = f"https://ada.github.io/course/notebooks/{path.stem}.html"
        for number, link in enumerate(alive, 1):
            assert f'href="{page}#explorer-{number}"' in link
        assert len(alive) == str(was.cells).count(": run this cell for its controls (")
        assert now.cells[1].source == address.first_cell("https://github.com/ada/course", "v1.2")
        assert " --branch v1.2 https://github.com/ada/course cnn" in now.cells[1].source
        current = now.metadata.code_digest == rebuild.code_digest(now)
        assert current == (path != edited), "an edited lesson stays marked as such"

    address.set_address(tree, "", "")
    assert {path: path.read_bytes() for path in before} == before


def test_the_address_stands_in_one_place_only(tmp_path):
    course = copy_of_the_course(tmp_path / "course")
    address.set_address(course, "https://github.com/ada/of-my-own", "v1.2")
    files = [path for path in course.rglob("*") if path.is_file() and path.suffix != ".npz"]
    named = {path.name for path in files if b"ada/of-my-own" in path.read_bytes()}
    written = {"README.md", *(path.name for path in LESSONS)}
    assert named - {"test_launch.py"} == written | {"pyproject.toml"}


@pytest.mark.parametrize("name", ["README.md", "notebooks/03_filter_grids.ipynb"])
def test_a_place_that_disagrees_is_found(tree, name):
    address.set_address(tree, "https://github.com/ada/course", "v1.2")
    text = (tree / name).read_text(encoding="utf-8")
    (tree / name).write_text(text.replace("ada/course", "bob/course"), encoding="utf-8")
    assert address.problems(tree) == [Path(name).name]


def test_a_readme_without_its_place_is_refused(tree):
    (tree / "README.md").write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"README.md has 0 places"):
        address.write(tree)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["https://example.org/ada/course", "v1"], "is no address like https://github.com/"),
        (["https://github.com/ada/course.git", "v1"], "is no address like https://github.com/"),
        (["https://github.com/ada/course"], "name the tag as well"),
    ],
)
def test_a_wrong_address_is_refused(tree, monkeypatch, capsys, arguments, complaint):
    monkeypatch.setattr(address, "ROOT", tree)
    monkeypatch.setattr(sys, "argv", ["address.py", *arguments])
    with pytest.raises(SystemExit):
        address.main()
    assert complaint in capsys.readouterr().err
    assert address.stored(tree) == address.stored(ROOT)


def test_the_command_itself(tree, monkeypatch):
    monkeypatch.setattr(address, "ROOT", tree)
    monkeypatch.setattr(sys, "argv", ["address.py", "https://github.com/ada/course", "v1"])
    assert address.main() == 0
    assert address.stored(tree) == ("https://github.com/ada/course", "v1")
    assert address.problems(tree) == []
    monkeypatch.setattr(sys, "argv", ["address.py", "--unset"])
    assert address.main() == 0
    assert address.stored(tree) == ("", "")


# The first cell of every lesson


ADDRESSES = [
    ("", ""),
    ("https://github.com/a/b", "1"),
    (f"https://github.com/{'a' * 99}", "v1"),
]


@pytest.mark.parametrize("source", ADDRESSES, ids=["none", "short", "long"])
def test_the_first_cell_is_short_and_formatted(tmp_path, source):
    cell = nbformat.v4.new_code_cell(address.first_cell(*source))
    assert len(cell.source.splitlines()) <= 6
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, tmp_path / "00_x.ipynb")
    for command in (["format", "--check"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--config", ROOT / "pyproject.toml"]
        judged = subprocess.run([*ruff, tmp_path], capture_output=True, text=True)
        assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_first_cell_is_the_same_everywhere_and_folded(path):
    cells = nbformat.read(path, as_version=4).cells
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert first.source == address.first_cell(*address.stored(ROOT))
    assert first.source.startswith("# @title ")  # what Colab shows of a folded cell
    assert first.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}


@pytest.fixture(scope="module")
def small_course(tmp_path_factory):
    """A course whose helpers cost nothing, so that the cell can be run many times."""
    folder = tmp_path_factory.mktemp("origin") / "small"
    (folder / "helpers").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    for name in ("helpers/start.py", "helpers/packages.py", "requirements.txt"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "helpers" / "quiet.py").write_text('keras = "of this course"\n')
    (folder / "helpers" / "__init__.py").touch()
    return folder


#: What a lesson's second cell finds: the helpers, Keras, figures inline, and no helper's own name.
AFTER = """
import sys, helpers, matplotlib
assert "inline" in matplotlib.get_backend()
assert not [path for path in sys.path if path.endswith("helpers")]
print("course:", helpers.__path__[0], keras, sep="|")
"""


def run_cell(folder, source=("", ""), **environment):
    """Run the first cell in a folder as IPython does; what it wrote, and the course it found."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder.parent / f"{folder.name}.ipy"
    script.write_text(address.first_cell(*source) + "\n" + AFTER, encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if k not in ("CNN_COURSE", "JPY_SESSION_NAME")}
    result = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=NoColor", "--quick", str(script)],
        cwd=folder,
        env={**kept, **{name: str(value) for name, value in environment.items()}},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    words = result.stdout + result.stderr
    found = re.search(r"^course:\|(.*)\|of this course$", words, re.M)
    return words, Path(found.group(1)).parent if found else None


def test_inside_a_copy_nothing_is_fetched(small_course, tmp_path):
    nowhere = (f"{NOWHERE}/course", "v1")
    elsewhere = tmp_path / "elsewhere"
    lesson = small_course / "notebooks" / "00.ipynb"
    deeper = small_course / "notebooks" / "of" / "ada"
    for folder, environment in (
        (small_course, {}),
        (small_course / "notebooks", {}),
        (deeper, {}),
        (elsewhere, {"CNN_COURSE": small_course}),
        (elsewhere, {"CNN_COURSE": small_course, "JPY_SESSION_NAME": elsewhere / "00.ipynb"}),
        (elsewhere, {"JPY_SESSION_NAME": lesson}),
    ):
        words, course = run_cell(folder, nowhere, **environment)
        assert course == small_course, words
        assert "fatal" not in words
    words, course = run_cell(elsewhere, ("", ""), JPY_SESSION_NAME=lesson)
    assert course == small_course, words
    assert list(elsewhere.iterdir()) == []


def test_alone_and_without_an_address_one_sentence_says_what_to_do(tmp_path):
    words, course = run_cell(tmp_path / "alone")
    assert course is None
    sentence = "this lesson is alone: open it in a copy of the whole course"
    errors = [line for line in words.splitlines() if "Error: " in line]
    assert errors == [f"AssertionError: {sentence}"], words  # IPython may add warnings of its own
    assert list((tmp_path / "alone").iterdir()) == []


@needs_git
def test_alone_it_clones_the_tag_once(small_course, tmp_path):
    origin = Path(shutil.copytree(small_course, tmp_path / "origin"))
    source = (commit(origin), "v1")
    (origin / "later").touch()
    commit(origin, "v2")
    clone = tmp_path / "alone" / "cnn"

    words, course = run_cell(tmp_path / "alone", (source[0], "v9"))
    assert course is None
    assert "v9 not found" in words, "git says why"
    assert "cnn/helpers/start.py` not found" in words.replace("'", "")
    assert not clone.exists()

    words, course = run_cell(tmp_path / "alone", source)
    assert course == clone, words
    assert "HEAD" not in words, "git's advice is for others"
    assert (clone / "helpers").is_dir()
    assert not (clone / "later").exists()
    assert (clone / ".git" / "shallow").exists()

    shutil.rmtree(origin)
    words, course = run_cell(tmp_path / "alone", source)
    assert course == clone, f"the second run needs no connection: {words}"
    assert "fatal" not in words


NO_TERMINAL = """
import os, pty
def none(*_):
    raise OSError("out of pty devices")
os.openpty = os.forkpty = pty.openpty = pty.fork = none
"""


@needs_git
@pytest.mark.skipif(os.name != "posix", reason="Windows has no such terminals")
@pytest.mark.parametrize("with_address", [True, False])
def test_in_a_kernel_without_any_terminal(small_course, tmp_path, with_address):
    """As where there is no /dev/pts: ``!git`` would fail there."""
    origin = Path(shutil.copytree(small_course, tmp_path / "origin"))
    source = (commit(origin), "v1") if with_address else ("", "")
    folder = tmp_path / "alone" if with_address else origin / "notebooks"
    folder.mkdir(exist_ok=True)
    cells = [NO_TERMINAL, address.first_cell(*source), AFTER]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, tmp_path / "lesson.ipynb")
    then = "try: get_ipython().system('true')\nexcept OSError: print('no terminal')"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MPLBACKEND")  # as in a student's kernel
        ran = alone.run(tmp_path / "lesson.ipynb", folder, then=then)
    course = folder / "cnn" if with_address else origin
    assert [[output.text for output in cell.outputs] for cell in ran.cells] == [
        [],
        [],
        [f"course:|{course / 'helpers'}|of this course\n"],
        ["no terminal\n"],  # so what !git would have needed was really missing
    ]


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """Lesson 00 run in an empty folder, with a stand-in for Colab's module; and that folder."""
    if not GIT:
        pytest.skip("no git is installed, and Colab's way is to clone")
    home = tmp_path_factory.mktemp("colab")
    stand_in = home / "site" / "google" / "colab"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").write_text("from google.colab import output\n")
    (stand_in / "output.py").write_text("def enable_custom_widget_manager():\n    pass\n")
    content = home / "content"
    content.mkdir()
    source = (commit(copy_of_the_course(home / "origin")), "v1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(home / "site"))
        patch.setenv("PIP_NO_INDEX", "1")  # whatever were missing could not be installed
        then = "import google.colab, helpers\nprint(google.colab.__file__, helpers.__file__)"
        lesson = alone.run(LESSONS[0], content, source, then)
    return lesson, content, stand_in


@pytest.mark.ci
def test_a_lesson_runs_alone_as_on_colab(colab):
    lesson, content, stand_in = colab
    for cell in lesson.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output.text
    used = lesson.cells[-1].outputs[0].text.split()
    assert used == [
        str(stand_in / "__init__.py"),
        str(content / "cnn" / "helpers" / "__init__.py"),
    ]
    assert [path.name for path in content.iterdir()] == ["cnn"]


def test_alone_says_which_lesson_failed(tmp_path, monkeypatch, capsys):
    code = nbformat.v4.new_code_cell("raise ValueError('broken')")
    nbformat.write(nbformat.v4.new_notebook(cells=[code]), tmp_path / "00_x.ipynb")
    monkeypatch.setattr(alone, "LESSONS", tmp_path)
    for arguments, status in (([], 1), (["05"], 0)):
        monkeypatch.setattr(sys, "argv", ["alone.py", *arguments])
        assert alone.main() == status
        assert ("00_x.ipynb: An error occurred" in capsys.readouterr().out) == bool(status)


# Packages that are missing


def test_the_packages_are_those_of_the_requirements():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("\n# tests\n")[0]
    assert list(packages.required()) == re.findall(r"^[\w-]+", text, re.M)
    assert set(packages.MODULES) < set(packages.required())
    assert packages.missing() == []


def test_every_import_of_the_course_is_among_them():
    found = set()
    for path in (ROOT / "helpers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module)
    for path in LESSONS:
        text = "\n".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code")
        found |= set(re.findall(r"^\s*(?:import|from) ([\w.]+)", text, re.M))
    outside = {name.split(".")[0] for name in found} - sys.stdlib_module_names - {"helpers"}
    # With TensorFlow, ipywidgets and JupyterLab
    comes_along = {"keras", "h5py", "traitlets", "IPython", "jupyter_core"}
    for_a_cluster = {"dask", "distributed", "fsspec"}  # what is missing says so: test_cluster.py
    assert {"cv2", "PIL"} <= outside
    modules = {packages.MODULES.get(name, name) for name in packages.required()}
    assert outside - comes_along - for_a_cluster <= modules


def write_wheel(folder, name, release, needs=()):
    """A package of one empty module."""
    info = f"{name}-{release}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {release}"]
    lines += [f"Requires-Dist: {need}" for need in needs]
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{release}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


def make_environment(folder):
    """A new, empty environment; its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    """An environment with an old ipywidgets, an index that knows newer ones, and a course."""
    folder = tmp_path_factory.mktemp("hosted")
    (folder / "index").mkdir()
    for wheel in (
        ("ipywidgets", "7.7.1"),
        ("ipywidgets", "8.1.9"),
        ("anywidget", "0.9.21", ["ipywidgets>=7.6"]),
        ("anywidget", "0.11.0", ["ipywidgets>=8"]),
        ("psutil", "5.9.5", ["ipywidgets>=7"]),
    ):
        write_wheel(folder / "index", *wheel)
    python = make_environment(folder / "environment")
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "index")}
    pip = [python, "-m", "pip", "install", "-q", "ipywidgets==7.7.1"]
    subprocess.run(pip, env=environment, check=True)
    (folder / "helpers").mkdir()
    shutil.copy(ROOT / "helpers" / "packages.py", folder / "helpers")

    def install(*names, **changes):
        lines = [f"{name}>={packages.required()[name]}\n" for name in names]
        (folder / "requirements.txt").write_text("".join(lines))
        code = (
            "import packages; packages.install_missing()\n"
            "ours = ('anywidget', 'ipywidgets', 'psutil')\n"
            "print(sorted(line for line in packages._installed() if line.startswith(ours)))"
        )
        return subprocess.run(
            [python, "-c", code],
            cwd=folder / "helpers",
            env={**environment, **changes},
            capture_output=True,
            text=True,
        )

    return install


def test_what_is_missing_is_installed_and_nothing_upgraded(hosted):
    result = hosted("ipywidgets", "anywidget", "psutil")
    assert result.stdout.splitlines() == [
        "Installing anywidget>=0.9, psutil>=5.9 …",
        str(["anywidget==0.9.21", "ipywidgets==7.7.1", "psutil==5.9.5"]),
    ], result.stderr
    again = hosted("ipywidgets", "anywidget", "psutil")
    assert again.stdout.splitlines() == result.stdout.splitlines()[1:], "nothing more to do"


def test_what_cannot_be_installed_is_named(hosted):
    result = hosted("ipywidgets", "requests")
    assert result.returncode
    last = result.stderr.splitlines()[-1]
    assert last.startswith("RuntimeError: pip could not install requests>=2.32 (ERROR: No match")


# Binder


BINDER = ROOT / ".binder"


def test_binder_finds_a_python_that_the_readme_names():
    environment = yaml.safe_load((BINDER / "environment.yml").read_text(encoding="utf-8"))
    (python,) = (line for line in environment["dependencies"] if line.startswith("python="))
    oldest, newest = python_versions()
    assert oldest <= int(python.removeprefix("python=3.")) <= newest
    assert yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"][0] == python
    first_line = (BINDER / "postBuild").read_text(encoding="utf-8").splitlines()[0]
    assert first_line == "#!/usr/bin/env python3"


def python_versions():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return [int(number) for number in re.search(r"Python 3\.(\d+) to 3\.(\d+)", readme).groups()]


@pytest.fixture
def image(tmp_path):
    """What Binder's image begins with: the course, an environment of its own, and its variables."""
    course = copy_of_the_course(tmp_path / "course")
    variables = {"KERAS_HOME": str(tmp_path / "keras"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return course, make_environment(tmp_path / "environment"), {**os.environ, **variables}


def build(course, python, environment):
    """Run postBuild; what it printed."""
    command = [python, course / ".binder" / "postBuild"]
    built = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert not Path(environment["KERAS_HOME"]).exists()  # nothing is fetched
    assert not (course / "build").exists()
    return built.stdout


def test_the_images_own_installs(image, tmp_path):
    """In an environment that sees the packages installed here; the one that differs is empty."""
    course, python, environment = image
    (site,) = tmp_path.glob("environment/**/site-packages")
    here = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (site / "here.pth").write_text("\n".join(here), encoding="utf-8")
    write_wheel(tmp_path, "tensorflow_cpu", version("tensorflow"))
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    environment |= {name: NOWHERE for name in ("HTTPS_PROXY", "https_proxy")}
    printed = build(course, python, environment)
    if sys.platform == "linux" and platform.machine() == "x86_64":
        assert re.search(r"Successfully installed tensorflow.cpu-[\d.]+$", printed, re.M)


@pytest.mark.ci
def test_the_image_really_built_then_a_lesson(image, tmp_path):
    """What Binder does, from the package index: Python, Jupyter's kernel, postBuild, a lesson."""
    course, python, environment = image
    pip = [python, "-m", "pip", "install", "-q", "-c", course / "constraints.txt"]
    subprocess.run([*pip, "ipykernel", "nbclient"], check=True)
    build(course, python, environment)
    lesson = course / "notebooks" / LESSONS[0].name
    code = (
        "import nbformat, nbclient, sys\n"
        "notebook = nbformat.read(sys.argv[1], 4)\n"
        "notebook.cells.append(nbformat.v4.new_code_cell("
        "'import sys, helpers; print(sys.prefix, helpers.__file__, sep=chr(10))'))\n"
        "nbclient.NotebookClient(notebook, kernel_name='python3', timeout=600).execute()\n"
        "print(notebook.cells[-1].outputs[0].text)"
    )
    ran = subprocess.run(
        [python, "-c", code, lesson],
        cwd=lesson.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    prefix, helpers = ran.stdout.split()
    assert Path(prefix).samefile(tmp_path / "environment")
    assert Path(helpers).samefile(course / "helpers" / "__init__.py")


# Hosted tests, and a hub


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_fits_its_published_schema(path, tmp_path):
    broken = tmp_path / "broken.yml"
    text = path.read_text(encoding="utf-8")
    broken.write_text(text.replace("runs-on:", "runs-off:"), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    command += ["vendor.github-workflows", "--output-format", "json"]
    judged = subprocess.run([*command, path, broken], capture_output=True, text=True)
    assert {error["filename"] for error in json.loads(judged.stdout)["errors"]} == {str(broken)}


def test_hosted_tests_cover_what_the_readme_promises():
    (job,) = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"].values()
    matrix = job["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{number}" for number in python_versions()]
    assert {system.split("-")[0] for system in matrix["os"]} == {"ubuntu", "macos", "windows"}
    commands = " ".join(step.get("run", "") for step in job["steps"])
    patterns = re.findall(r"'(\^py[^']*)'", commands)
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(patterns) == 2
    for pattern in patterns:
        (line,) = (line for line in lines if re.match(pattern, line))
        assert "constraints.txt" in line


def test_the_weekly_run_plays_colab_and_tells_when_it_fails():
    workflow = yaml.safe_load((ROOT / ".github/workflows/colab.yml").read_text())
    assert workflow[True]["schedule"][0]["cron"].count(" ") == 4  # YAML reads "on" as True
    (job,) = workflow["jobs"].values()
    run, tell = job["steps"][-2:]
    script = re.search(r"/course/(\S+\.py)$", run["run"].strip()).group(1)
    assert (ROOT / script).is_file()
    assert "colab-images/public/runtime" in run["run"]
    assert tell["if"] == "failure()"
    assert "gh issue create" in tell["run"]
    assert workflow["permissions"]["issues"] == "write"


def test_the_page_for_classes_can_be_followed():
    page = (ROOT / "docs" / "classroom.md").read_text(encoding="utf-8")
    (values,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    user = yaml.safe_load(values)["singleuser"]
    assert user["memory"]["limit"] == "2G"
    assert user["storage"]["homeMountPath"].startswith("/home/jovyan/"), "the course stays in sight"
    (settings,) = re.findall(r"```python\n(.*?)```", page, re.S)
    assert "CNN_COURSE" in ast.unparse(ast.parse(settings))
    for path in re.findall(r"/srv/what-a-cnn-sees/(\S+)", page):
        assert (ROOT / path.strip("\"'}")).exists(), path
