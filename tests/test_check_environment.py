"""The check of the environment sees each problem, which these tests really cause."""

import ast
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from packaging.requirements import Requirement

from helpers.packages import MODULES
from helpers.safety import downloads, environment as check, weights

ROOT = Path(__file__).resolve().parents[1]

#: Stand-ins for all packages, which are quick to import.
STAND_INS = {name: (MODULES.get(name, name), "99.0") for name in check.required()}
STAND_INS["keras"] = ("keras", "3.10.0")


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """A Python without any package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    return next(folder.glob("bin/python")) if os.name != "nt" else folder / "Scripts" / "python.exe"


@pytest.fixture
def install(tmp_path):
    """``install(name, module, version, code)`` makes or changes a stand-in package."""

    def put(name, module, version, code=""):
        folder = tmp_path / "packages"
        (folder / module).mkdir(parents=True, exist_ok=True)
        (folder / module / "__init__.py").write_text(
            f"__version__ = '{version}'\n{code}", encoding="utf-8"
        )
        for older in folder.glob(f"{name.replace('-', '_')}-*.dist-info"):
            shutil.rmtree(older)
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata)

    for name, (module, version) in STAND_INS.items():
        put(name, module, version)
    return put


@pytest.fixture
def run(tmp_path, bare_python):
    """Run ``python -m helpers.check_environment``, or other code, beside the stand-ins."""

    def start(*arguments, folder=ROOT, **variables):
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "packages")}
        environment.pop("KERAS_BACKEND", None)
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", **variables}
        return subprocess.run(
            [bare_python, *(arguments or ("-m", "helpers.check_environment"))],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )

    return start


def line(output, name):
    """What the table says for one name, in one line, and the remedy below it."""
    lines = output.splitlines()
    (place,) = [i for i, text in enumerate(lines) if re.match(rf"\S+ +{re.escape(name)} ", text)]
    below = itertools.takewhile(lambda text: text.startswith("  "), lines[place + 1 :])
    words, arrow, remedy = " ".join(text.strip() for text in below).partition("-> ")
    return f"{lines[place]} {words}".strip(), arrow + remedy


def test_all_is_well_here(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MEM_LIMIT", "")
    assert check.main() == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.isascii()
    assert printed.out.endswith("No problems: the lessons can run.\n")
    assert len(printed.out.splitlines()) <= 10
    for name in ("Python", "packages", "sliders", "memory", "weights"):
        assert line(printed.out, name)[0].startswith("ok "), name
    for name in check.required():
        assert re.search(rf"\b{name}\s+\d+\.\d+", printed.out), name
    assert not re.search(r"[ (]/\w|[A-Z]:\\|~", printed.out), "a path of this machine"


LIBRARY = "raise ImportError('libGL.so.1: cannot open shared object file')"
ABI = "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility')"


@pytest.mark.parametrize(
    ("package", "name", "words", "remedy"),
    [
        (
            ("opencv-python-headless", "cv2", "99.0", LIBRARY),
            "opencv-python-headless",
            "99.0 cannot be imported (ImportError: libGL.so.1: cannot open",
            "-m pip install --force-reinstall --no-deps -c constraints.txt opencv-python-headless",
        ),
        (
            ("scikit-image", "skimage", "99.0", ABI),
            "scikit-image",
            "(ValueError: numpy.dtype size changed",
            "-m pip install --force-reinstall --no-deps -c constraints.txt scikit-image",
        ),
        (
            ("keras", "keras", "3.10.0", "import os; os._exit(132)"),
            "keras",
            "3.10.0 cannot be imported (Python ended with status 132)",
            "needs a processor with AVX",
        ),
        (
            ("keras", "keras", "3.10.0", "raise ImportError('\\n\\nlong\\n\\nOSError: why\\n')"),
            "keras",
            "(OSError: why)",
            "--force-reinstall --no-deps -c constraints.txt keras",
        ),
        (
            ("tensorflow", "tensorflow", "2.15.1", ""),
            "tensorflow",
            "2.15.1 is too old (needs 2.18 or later)",
            "-m pip install -r requirements.txt -c constraints.txt",
        ),
        (
            ("keras", "keras", "2.15.0", ""),
            "keras",
            "2.15.0 is too old (needs 3 or later)",
            "-m pip install -r requirements.txt -c constraints.txt",
        ),
    ],
)
def test_a_broken_or_old_package(install, run, package, name, words, remedy):
    install(*package)
    result = run()
    found, help_line = line(result.stdout, name)
    assert result.returncode == 1
    assert found.startswith("PROBLEM ")
    assert words in found
    assert help_line.startswith("-> ")
    if not (ROOT / ".venv").exists() or "install -r" not in remedy:
        assert remedy in help_line
    broken = re.findall(r"^PROBLEM +(.+?)  ", result.stdout, flags=re.MULTILINE)
    assert set(broken) - {"weights"} == {name}, "NumPy's stand-in cannot read weights"


def test_a_second_opencv_is_taken_away(install, run):
    install("opencv-python", "cv2", "99.0", LIBRARY)
    found, remedy = line(run().stdout, "opencv-python-headless")
    assert found.startswith("PROBLEM ")
    assert re.search(r"-m pip uninstall -y opencv-python; then .* opencv-python-headless$", remedy)


def test_another_keras_backend_is_named(install, run):
    refuse = "import os\nif os.environ['KERAS_BACKEND'] != 'tensorflow': raise ImportError('torch')"
    install("keras", "keras", "3.10.0", refuse)
    assert "keras 3.10.0" in run().stdout
    assert line(run(KERAS_BACKEND="torch").stdout, "keras")[1].startswith(
        "-> remove the environment variable KERAS_BACKEND, which is 'torch'"
    )


def test_a_readers_own_file_in_the_way(install, run, tmp_path):
    shutil.copytree(ROOT / "helpers", tmp_path / "helpers")
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    (tmp_path / "tqdm.py").write_text("bar = 1")
    found, remedy = line(run(folder=tmp_path).stdout, "tqdm")
    assert found.startswith("PROBLEM ")
    assert "hidden by a file tqdm.py" in found
    assert "another name" in remedy


def test_a_package_changed_under_a_running_kernel(install, run):
    code = "import keras; keras.__version__ = '3.9.0'; import helpers; helpers.check_environment()"
    found, remedy = line(run("-c", code).stdout, "keras")
    assert re.fullmatch("look +keras +3.9.0 is in use, 3.10.0 is installed", found)
    assert "restart the kernel" in remedy


def test_without_any_package(run):
    result = run()
    assert (result.returncode, result.stderr) == (1, "")
    assert set(check.required()) <= set(result.stdout.replace(",", "").split())
    assert re.search(r"^PROBLEM +missing .*\n(  .*\n)*? +-> ", result.stdout, flags=re.MULTILINE)
    assert len(result.stdout.splitlines()) <= 15


def test_one_package_is_missing(install, run, tmp_path):
    shutil.rmtree(tmp_path / "packages" / "anywidget")
    shutil.rmtree(tmp_path / "packages" / "anywidget-99.0.dist-info")
    found, remedy = line(run().stdout, "missing")
    assert re.fullmatch("PROBLEM +missing +anywidget", found)
    assert remedy.startswith("-> ")


def test_what_colab_brings_is_left_alone(install, run, tmp_path):
    install("ipywidgets", "ipywidgets", "7.7.1")
    shutil.rmtree(tmp_path / "packages" / "jupyterlab-99.0.dist-info")
    assert line(run().stdout, "ipywidgets")[0].startswith("PROBLEM ")
    output = run(COLAB_RELEASE_TAG="release").stdout
    assert "ipywidgets 7.7.1" in output and "jupyterlab" not in output


CALLS = (
    "import helpers; helpers.check_environment(); helpers.check_environment()",
    "from helpers import check_environment; check_environment(); check_environment()",
    "import helpers, helpers.check_environment; [helpers.check_environment() for _ in 'ab']",
    "import helpers.check_environment as c; c(); import helpers; helpers.check_environment()",
)


@pytest.mark.parametrize("code", CALLS)
def test_it_can_be_called_however_it_was_imported(run, code):
    result = run("-c", code)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(re.findall(r"^ok +Python ", result.stdout, flags=re.MULTILINE)) == 2


def test_the_package_has_no_other_surprises():
    import helpers

    with pytest.raises(AttributeError, match="no attribute 'chek'"):
        helpers.chek  # noqa: B018


@pytest.mark.parametrize(
    "name",
    [
        *("__init__.py", "check_environment.py", "packages.py"),
        *("safety/__init__.py", "safety/environment.py"),
    ],
)
def test_an_old_python_can_at_least_read_it(name):
    ast.parse((ROOT / "helpers" / name).read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize(
    ("target", "value", "mark", "words"),
    [
        ("OLDEST", (3, 99), "PROBLEM", "is too old"),
        ("sys.maxsize", 2**31 - 1, "PROBLEM", "32 bit"),
        ("NEWEST", (3, 9), "look", "newer than any tried"),
    ],
)
def test_an_unfit_python(monkeypatch, target, value, mark, words):
    monkeypatch.setattr(f"helpers.safety.environment.{target}", value)
    row = check._python()
    assert (row.mark, words in row.found, "install Python 3." in row.remedy) == (mark, True, True)
    if mark == "PROBLEM":
        assert check.findings() == [row], "nothing else is worth looking at"


def test_a_python_for_intel_on_a_mac(monkeypatch):
    monkeypatch.setattr(check.sys, "platform", "darwin")
    monkeypatch.setattr(check.platform, "machine", lambda: "x86_64")
    assert "Apple silicon" in check._python().found
    monkeypatch.setattr(check.platform, "machine", lambda: "arm64")
    assert check._python().mark == "ok"


def test_the_pythons_are_those_of_the_readme():
    low, high = (".".join(map(str, version)) for version in (check.OLDEST, check.NEWEST))
    assert f"Python {low} to {high}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_requirement_of_the_lessons_is_looked_at():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("# tests")[0]
    wanted = [Requirement(text) for text in text.splitlines() if text and text[0] != "#"]
    lowest = {one.name: str(one.specifier).removeprefix(">=") for one in wanted}
    assert check.required() == {**lowest, "keras": "3"}


def test_a_check_that_fails_is_a_line(monkeypatch):
    def fail():
        raise RuntimeError("boom")

    for name in ("_packages", "_sliders", "_weights"):
        monkeypatch.setattr(check, name, lambda: [])
    monkeypatch.setattr("psutil.virtual_memory", fail)
    (_, row) = check.findings()
    assert (row.name, row.mark) == ("memory", "look")
    assert "RuntimeError: boom" in row.found


def test_a_terminal_that_knows_only_ascii(install, run):
    install("tqdm", "tqdm", "99.0", "raise ImportError('Zoë')")
    result = run(PYTHONIOENCODING="ascii:strict")
    assert (result.returncode, result.stderr) == (1, "")
    assert "Zo\\xeb" in line(result.stdout, "tqdm")[0]


def test_pip_commands_meet_this_python(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "IN_NOTEBOOK", False)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "executable", str(ROOT / ".venv" / "bin" / "python"))
    assert check._pip("list") == f"{Path('.venv', 'bin', 'python')} -m pip list"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my python"))
    assert check._pip("list") == f'"{tmp_path / "my python"}" -m pip list'
    monkeypatch.setattr(check, "IN_NOTEBOOK", True)
    monkeypatch.chdir(ROOT / "notebooks")
    assert check._pip("install -r requirements.txt -c constraints.txt") == (
        "run %pip install -r ../requirements.txt -c ../constraints.txt, then restart the kernel"
    )


def test_another_python_than_the_courses_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "IN_NOTEBOOK", True)
    monkeypatch.setattr(check, "ROOT", tmp_path)
    assert "%pip install -r" in check._set_up()
    (tmp_path / ".venv").mkdir()
    assert "not the course's own Python: start .venv" in check._set_up()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert "%pip install -r" in check._set_up()


# The sliders' half in the browser


@pytest.fixture
def server(tmp_path):
    """Asks for the line from below a process that looks like a Jupyter server of its own."""
    script = tmp_path / "env" / "bin" / "jupyter-lab"
    script.parent.mkdir(parents=True)
    script.write_text(
        "import subprocess, sys\n"
        "code = 'from helpers.safety import environment as check\\n'\n"
        "code += 'print(*check._sliders()[0], sep=chr(10))'\n"
        "sys.exit(subprocess.run([sys.executable, '-c', code], cwd='env').returncode)\n"
    )

    def ask():
        environment = os.environ | {"JUPYTER_DATA_DIR": str(tmp_path / "none")}
        environment["PYTHONPATH"] = str(ROOT)
        done = subprocess.run(
            [sys.executable, script.relative_to(tmp_path)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return ask


def test_the_jupyterlab_that_runs_lacks_the_widgets(server, tmp_path):
    _, mark, found, remedy = server()
    assert mark == "PROBLEM"
    assert "lacks its part of jupyterlab_widgets and anywidget; it runs from" in found
    assert remedy.startswith("stop that JupyterLab and start ")
    extensions = tmp_path / "env" / "share" / "jupyter" / "labextensions"
    (extensions / "anywidget").mkdir(parents=True)
    assert "lacks its part of jupyterlab_widgets;" in server()[2]
    (extensions / "@jupyter-widgets" / "jupyterlab-manager").mkdir(parents=True)
    assert server()[1:3] == ["ok", "JupyterLab has what shows them"]


def test_this_python_lacks_the_widgets(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "_server", lambda: None)
    monkeypatch.setattr(check, "IN_NOTEBOOK", True)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PATH", "")
    assert check._sliders()[0].mark == "ok"
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (row,) = check._sliders()
    assert row.mark == "PROBLEM"
    assert "jupyterlab_widgets anywidget" in row.remedy
    (tmp_path / "labextensions" / "anywidget").mkdir(parents=True)
    assert "constraints.txt jupyterlab_widgets," in check._sliders()[0].remedy


# Memory


def test_memory_is_that_of_the_computer(monkeypatch):
    monkeypatch.delenv("MEM_LIMIT", raising=False)
    own = psutil.Process().memory_info().rss
    for available, mark in ((1_300_000_000, "ok"), (1_200_000_000 - own, "PROBLEM")):
        free = SimpleNamespace(available=available)
        monkeypatch.setattr(psutil, "virtual_memory", lambda free=free: free)
        (row,) = check._memory()
        assert row.mark == mark
        assert ("close other programs" in row.remedy) == (mark == "PROBLEM")


@pytest.mark.parametrize(("limit", "mark"), [("1000000000", "PROBLEM"), ("1500000000", "ok")])
def test_a_hub_limits_the_memory(monkeypatch, limit, mark):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**11))
    monkeypatch.setenv("MEM_LIMIT", limit)
    (row,) = check._memory()
    assert (row.mark, f"{int(limit) / 1e9:.1f} GB free" in row.found) == (mark, True)


# Weights


@pytest.fixture
def shipped(keras_home, tmp_path, monkeypatch):
    """A copy of the course's weights to damage, an empty cache, and no way to the internet."""
    (tmp_path / "data").mkdir()
    for name in ("BUNDLED", "CAT_DOG"):
        copy = tmp_path / "data" / getattr(weights, name).name
        shutil.copy(weights.CAT_DOG, copy)  # the smaller one does for both
        monkeypatch.setattr(weights, name, copy)
    monkeypatch.setattr(check, "ROOT", tmp_path)
    nowhere = downloads.RemoteFile("http://127.0.0.1:9/base.h5", hashlib.md5(b"right").hexdigest())
    monkeypatch.setattr(weights, "IMAGENET_BASE", nowhere)
    return tmp_path / "data"


def _cut(path):
    path.write_bytes(path.read_bytes()[:100_000])


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["BUNDLED", "CAT_DOG"])
@pytest.mark.parametrize(
    ("damage", "words", "remedy"),
    [
        (_cut, "is damaged", "git checkout -- data/"),
        (_flip, "is damaged", "git checkout -- data/"),
        (Path.unlink, "is missing", "git checkout -- data/"),
    ],
)
def test_damaged_weights_of_the_course(shipped, monkeypatch, file, damage, words, remedy):
    monkeypatch.setenv("CNN_WEIGHTS", "bundled")
    path = getattr(weights, file)
    assert check._weights()[0] == ("weights", "ok", "bundled (set by CNN_WEIGHTS)", "")
    damage(path)
    row = check._weights()[0]
    assert (row.mark, row.found) == ("PROBLEM", f"data/{path.name} {words}")
    assert remedy in row.remedy


def test_the_cached_file_is_judged(shipped, monkeypatch):
    monkeypatch.setenv("CNN_WEIGHTS", "imagenet")
    cached = downloads.keras_cache() / "base.h5"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"wrong")
    (row,) = check._weights()
    assert row.mark == "PROBLEM"
    assert f"{cached} is damaged (its hash is wrong); delete that file" in row.found
    cached.write_bytes(b"right")
    assert check._weights() == [("weights", "ok", "imagenet (set by CNN_WEIGHTS)", "")]


def test_weights_that_nobody_knows(shipped, monkeypatch):
    monkeypatch.setenv("CNN_WEIGHTS", "imagnet")
    (row,) = check._weights()
    assert row.mark == "PROBLEM"
    assert "one of 'bundled', 'imagenet', 'random'" in row.found
    monkeypatch.setenv("CNN_WEIGHTS", str(weights.CAT_DOG))
    assert check._weights()[0].mark == "ok"


def test_nothing_is_fetched(shipped, monkeypatch):
    assert check._weights() == [("weights", "ok", "bundled", "")]
    monkeypatch.setenv("CNN_WEIGHTS", "imagenet")
    (row,) = check._weights()
    assert row.mark == "ok" and "the first lesson downloads them" in row.found
