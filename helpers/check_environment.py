"""Is everything here that the lessons need? A short table, with a remedy beside every problem.

In a notebook: ``helpers.check_environment()``. In a terminal, in the project's folder:
``python -m helpers.check_environment``, which also works where hardly anything is installed, and
whose exit status is 1 if there is a problem. Nothing here raises, and nothing is changed.

A package is tried out in a Python process of its own: one that is broken may end its process.
"""

# Only the standard library at the top, and only what Python 3.8 already understands.
from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
OLDEST, NEWEST = (3, 10), (3, 13)

#: Gigabytes: what the biggest lesson takes, and what is comfortable.
LESSON_GB, PLENTY_GB = 1.3, 2.0
CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

IMPORT_SECONDS, NETWORK_SECONDS = 120, 3.0

OK, LOOK, PROBLEM = "ok", "look", "PROBLEM"

LABELS = {
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "numpy": "NumPy",
    "opencv-python-headless": "OpenCV (cv2)",
    "matplotlib": "Matplotlib",
    "jupyterlab": "JupyterLab",
}
MODULES = {"opencv-python-headless": "cv2", "pillow": "PIL", "scikit-image": "skimage"}
OTHERS = (
    "pillow",
    "scikit-image",
    "psutil",
    "tqdm",
    "requests",
    "urllib3",
)  # one line, if all are well
OTHER_OPENCVS = ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")

#: Where an environment keeps its commands; the second name is Windows's.
SCRIPTS = ("bin", "Scripts")

#: The folders in which JupyterLab looks for the half of a widget that runs in the browser.
FRONT_ENDS = {"ipywidgets": "@jupyter-widgets/jupyterlab-manager", "anywidget": "anywidget"}

TRY_OUT = """
import importlib, json, sys
try:
    module = importlib.import_module(sys.argv[1])
    print(json.dumps({"version": str(getattr(module, "__version__", ""))}))
except BaseException as error:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if "Error:" in line] + lines + [""]
    print(json.dumps({"error": type(error).__name__, "message": lines[0][:160]}))
"""


class Row(NamedTuple):
    """One line of the table; ``remedy`` goes below it."""

    name: str
    mark: str
    found: str
    remedy: str = ""


def check_environment() -> None:
    """Print what is installed and whether the lessons can run with it."""
    _show(findings())


def main() -> int:
    """Print the table; return 1 if there is a problem, else 0."""
    rows = findings()
    _show(rows)
    return int(any(row.mark == PROBLEM for row in rows))


def findings() -> list[Row]:
    """Look at everything; the lines of the table from top to bottom."""
    rows = [_python()]
    if rows[0].mark == PROBLEM:
        return rows  # nothing else can be right
    for name, look_at in (
        ("packages", _packages),
        ("sliders", _sliders),
        ("memory", _memory),
        ("weights", _weights_and_network),
    ):
        try:
            rows += look_at()
        except Exception as error:
            rows.append(Row(name, LOOK, f"not looked at ({type(error).__name__}: {error})"))
    return rows


def _show(rows: list[Row]) -> None:
    lines = []
    width = max(len(row.name) for row in rows)
    for row, following in zip(rows, rows[1:] + [None]):  # noqa: B905 (Python 3.9 has no strict)
        lines.append(f"{row.mark:<8} {row.name:<{width}}  {row.found}")
        if row.remedy and not (following and following.remedy == row.remedy):
            lines.append(f"{'':<8} {'':<{width}}  -> {row.remedy}")
    problems = sum(row.mark == PROBLEM for row in rows)
    if problems:
        count = "1 problem" if problems == 1 else f"{problems} problems"
        lines.append(f"{count}; each -> says what helps. More: docs/troubleshooting.md")
    else:
        lines.append("No problems: the lessons can run.")
    text = "\n".join(lines)
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _python() -> Row:
    found = platform.python_version()
    wanted = f"3.{OLDEST[1]} to 3.{NEWEST[1]}"
    remedy = f"install Python {wanted}, 64 bit, then follow Start in README.md"
    if sys.version_info[:2] < OLDEST:
        return Row("Python", PROBLEM, f"{found} is too old", remedy)
    if sys.maxsize < 2**32:
        return Row("Python", PROBLEM, f"{found} for 32 bit; TensorFlow needs 64", remedy)
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return Row(
            "Python", PROBLEM, f"{found} for Intel; TensorFlow is for Apple silicon only", remedy
        )
    if sys.version_info[:2] > NEWEST:
        return Row("Python", LOOK, f"{found} is newer than any tried", f"if in doubt, {remedy}")
    return Row("Python", OK, found)


def required() -> dict[str, str]:
    """The lessons' packages and their lowest versions, from requirements.txt."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").partition("# tests")[0]
    return dict(re.findall(r"^([\w.-]+)\s*>=\s*([\d.]+)\s*$", text, flags=re.MULTILINE))


def _packages() -> list[Row]:
    lowest = {}
    for name, version in required().items():
        lowest[name] = version
        if name == "tensorflow":
            lowest["keras"] = "3"  # comes with TensorFlow
    if _on_colab():
        lowest["ipywidgets"] = "7.7"  # Colab's own, which the lessons work with
    # TensorFlow takes seconds, and Keras imports it. JupyterLab does too, and is seen to work.
    names = [name for name in lowest if name not in ("tensorflow", "jupyterlab")]
    with ThreadPoolExecutor(2) as pool:
        tried = dict(zip(names, pool.map(lambda n: _try_out(MODULES.get(n, n)), names)))  # noqa: B905
    if "error" in tried["keras"] or not _installed("tensorflow"):
        tried["tensorflow"] = _try_out("tensorflow")
    rows = {name: _package(name, lowest[name], tried.get(name, {})) for name in lowest}
    together = []
    absent = [name for name, row in rows.items() if row.found.startswith("not installed")]
    if len(absent) > 3:
        together = [Row("packages", PROBLEM, f"not installed: {', '.join(absent)}", _set_up())]
    else:
        absent = []
    well = [name for name in OTHERS if name in rows and rows[name].mark == OK]
    if well:
        together.append(Row("others", OK, ", ".join(well)))
    return [row for name, row in rows.items() if name not in absent + well] + together


def _try_out(module: str) -> dict[str, str]:
    """Import a module in a process of its own: its ``version``, or ``error`` and ``message``."""
    if module in sys.modules:
        return {"version": str(getattr(sys.modules[module], "__version__", ""))}
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
    environment.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        done = subprocess.run(
            [sys.executable, "-c", TRY_OUT, module],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=IMPORT_SECONDS,
        )
        return json.loads(done.stdout.decode().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"error": "Timeout", "message": f"not done after {IMPORT_SECONDS} s"}
    except (IndexError, ValueError):
        return {"error": "Crash", "message": f"Python ended with status {done.returncode}"}


def _package(name: str, lowest: str, tried: dict[str, str]) -> Row:
    label, module = LABELS.get(name, name), MODULES.get(name, name)
    installed = _installed(name)
    version = installed or tried.get("version", "")
    own_file = _file_in_the_way(module)
    if own_file:
        return Row(label, PROBLEM, f"hidden by a file {own_file}", "give that file another name")
    if tried.get("error") == "ModuleNotFoundError" and not installed:
        return Row(label, PROBLEM, f"not installed (needs {lowest} or later)", _set_up())
    if "error" in tried:
        found = f"{version} cannot be imported ({tried['error']}: {tried['message']})"
        return Row(label, PROBLEM, found.strip(), _mend(name, tried))
    if not version and name == "jupyterlab":
        if _on_colab():
            return Row(label, OK, "not installed; Colab brings its own")
        return Row(label, PROBLEM, f"not installed (needs {lowest} or later)", _set_up())
    if version and _numbers(version) < _numbers(lowest):
        return Row(label, PROBLEM, f"{version} is too old (needs {lowest} or later)", _set_up())
    if installed and not installed.startswith(tried.get("version", "")):
        found = f"{tried['version']} is in use, {installed} is installed"
        return Row(label, LOOK, found, "restart the kernel (menu Kernel > Restart)")
    return Row(label, OK, version or "of an unknown version")


def _installed(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name) or ""
    except PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", re.match(r"[\d.]*", version)[0]))


def _file_in_the_way(module: str) -> str:
    """A reader's own file that Python would import instead of the package."""
    for path in (Path(module + ".py"), Path(module, "__init__.py")):
        if path.is_file():
            return path.as_posix()
    return ""


def _mend(name: str, tried: dict[str, str]) -> str:
    """What helps against a package which is there but cannot be imported."""
    message = tried["message"]
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if name == "keras" and backend != "tensorflow":
        return f"remove the environment variable KERAS_BACKEND, which is {backend!r}"
    if tried["error"] == "Timeout":
        return "run this check once more; the first import on a slow disk takes long"
    if name == "opencv-python-headless":
        others = [other for other in OTHER_OPENCVS if _installed(other)]
        reinstall = _pip("install --force-reinstall --no-deps -c constraints.txt " + name)
        return (_pip("uninstall -y " + " ".join(others)) + "; then " if others else "") + reinstall
    if name == "tensorflow" and "DLL load failed" in message:
        return "install Microsoft's Visual C++ Redistributable (x64), then restart the computer"
    if name in ("tensorflow", "keras") and tried["error"] == "Crash":
        return "TensorFlow needs a processor with AVX; without one, use another computer or Colab"
    return _pip(f"install --force-reinstall -c constraints.txt {name}")


def _set_up() -> str:
    """How the missing packages get here, or the reader to where they are."""
    own = ROOT / ".venv"
    if own.is_dir() and own.resolve() != Path(sys.prefix).resolve():
        scripts = ".venv\\Scripts\\" if os.name == "nt" else ".venv/bin/"
        return f"this is not the course's own Python: start {scripts}jupyter lab in its folder"
    in_environment = sys.prefix != sys.base_prefix or Path(sys.prefix, "conda-meta").is_dir()
    if not in_environment and not _in_a_notebook():
        return "set the course up with the line under Start in README.md"
    return _pip("install -r requirements.txt -c constraints.txt")


def _pip(arguments: str) -> str:
    """A pip command that meets this very Python."""
    if _in_a_notebook():
        for name in ("requirements.txt", "constraints.txt"):
            arguments = arguments.replace(name, Path(os.path.relpath(ROOT / name)).as_posix())
        return f"run %pip {arguments}, then restart the kernel"
    python = os.path.relpath(sys.executable)
    python = sys.executable if python.startswith("..") else python
    return (f'"{python}"' if " " in python else python) + f" -m pip {arguments}"


def _in_a_notebook() -> bool:
    return "ipykernel" in sys.modules


def _on_colab() -> bool:
    try:
        return importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:  # no package called google at all
        return False


def _sliders() -> list[Row]:
    """Whether JupyterLab, the one that runs, has the browser's half of the sliders."""
    if _on_colab():
        return [Row("sliders", OK, "shown by Colab")]
    prefix = _server() or Path(sys.prefix)
    mine = prefix.resolve() == Path(sys.prefix).resolve()
    places = [prefix / "share" / "jupyter"]
    if importlib.util.find_spec("jupyter_core"):
        from jupyter_core.paths import ENV_JUPYTER_PATH, jupyter_path

        places += [Path(place) for place in jupyter_path() if place not in ENV_JUPYTER_PATH]
    missing = [
        package
        for package, folder in FRONT_ENDS.items()
        if not any((place / "labextensions" / folder).is_dir() for place in places)
    ]
    if not missing:
        where = "" if mine else ", in JupyterLab's own Python"
        return [Row("sliders", OK, "JupyterLab has what shows them" + where)]
    found = f"they will show as text: JupyterLab lacks its part of {' and '.join(missing)}"
    if mine:
        again = {"ipywidgets": "jupyterlab_widgets", "anywidget": "anywidget"}
        packages = " ".join(again[package] for package in missing)
        remedy = _pip("install --force-reinstall --no-deps -c constraints.txt " + packages)
        if not _installed("ipywidgets"):
            remedy = _set_up()
        return [Row("sliders", PROBLEM, found, remedy + " and reload the page" * _in_a_notebook())]
    found += f"; it runs from {_short(prefix)}, this notebook from {_short(Path(sys.prefix))}"
    own = _short(Path(sys.prefix, SCRIPTS[os.name == "nt"], "jupyter"))
    return [Row("sliders", PROBLEM, found, f"stop that JupyterLab and start {own} lab")]


def _server() -> Path | None:
    """The environment of the Jupyter server above this kernel, None if there is no server."""
    try:
        import psutil
    except ImportError:  # its absence has a line of its own
        return None
    for process in psutil.Process().parents():
        try:
            scripts = [Path(process.cwd(), word) for word in process.cmdline()[:3]]
        except psutil.Error:  # another user's
            continue
        for script in scripts:
            if script.name.startswith(("jupyter", "voila")) and script.parent.name in SCRIPTS:
                return script.parent.parent
    return None


def _short(path: Path) -> str:
    try:
        return "~/" + path.relative_to(Path.home()).as_posix()
    except (ValueError, RuntimeError):
        return str(path)


def _memory() -> list[Row]:
    gigabytes = free_memory() / 1e9
    found = f"{gigabytes:.1f} GB free; a lesson takes up to {LESSON_GB} GB"
    if gigabytes >= PLENTY_GB:
        return [Row("memory", OK, found)]
    mark = LOOK if gigabytes >= LESSON_GB else PROBLEM
    remedy = "close other programs, and other notebooks (menu Kernel > Shut Down All Kernels)"
    return [Row("memory", mark, found, remedy)]


def free_memory() -> int:
    """Bytes that this process and the system's free memory have together.

    Of this computer, or of the container that it runs in (Binder, JupyterHub, Docker).
    """
    import psutil

    own = psutil.Process().memory_info().rss
    free = psutil.virtual_memory().available
    for limit, used in _container_limits():
        free = min(free, limit - used)
    total = min(free + own, int(os.environ.get("MEM_LIMIT") or sys.maxsize))
    return max(total, 0)


def _container_limits() -> list[tuple[int, int]]:
    """Limit and use, in bytes, of every control group above this process that has a limit."""
    if not OWN_CGROUPS.is_file():
        return []
    found = []
    for line in OWN_CGROUPS.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = CGROUPS / controllers
        group = top / path.lstrip("/")
        files = ("memory.max", "memory.current")
        if controllers:  # version 1 of control groups
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        for folder in [group, *group.parents]:
            limit, used = (_number(folder / file) for file in files)
            if limit is not None and used is not None:
                found.append((limit, used - _droppable(folder / "memory.stat")))
            if folder == top:
                break
    return found


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None


def _droppable(path: Path) -> int:
    """Bytes of a control group that merely keep files at hand."""
    try:
        entries = dict(line.split() for line in path.read_text().splitlines())
    except OSError:
        return 0
    return int(entries.get("total_inactive_file") or entries.get("inactive_file") or 0)


def _weights_and_network() -> list[Row]:
    if "error" in _try_out("numpy"):
        return [Row("weights", LOOK, "not looked at", "put NumPy right first")]
    from helpers import downloads, weights

    damaged = [row for row in map(_shipped, (weights.BUNDLED, weights.CAT_DOG)) if row]
    asked = os.environ.get("CNN_WEIGHTS", "").strip() or "bundled"
    network = Row("network", OK, "not needed")
    if asked != "imagenet":
        return [*(damaged or [_chosen(asked)]), network]
    chosen = Row("weights", OK, "imagenet, from Keras's cache (set by CNN_WEIGHTS)")
    try:
        cached = downloads.cached(weights.IMAGENET_BASE)
    except (OSError, ValueError):
        file = downloads.keras_cache() / weights.IMAGENET_BASE.name
        chosen = Row("weights", PROBLEM, "ImageNet's are damaged", f"delete {_short(file)}")
        return [*(damaged or [chosen]), Row("network", OK, "not tried")]
    if cached is None:
        try:
            downloads.open_url(weights.IMAGENET_BASE.url, NETWORK_SECONDS).close()
            network = Row("network", OK, "can be reached")
            chosen = Row("weights", OK, "imagenet, downloaded by the first lesson (59 MB)")
        except OSError as error:
            network = Row("network", OK, f"{error}; the course works without")
            remedy = "set CNN_WEIGHTS to bundled, or remove it"
            chosen = Row("weights", PROBLEM, "ImageNet's cannot be downloaded", remedy)
    return [*(damaged or [chosen]), network]


def _shipped(path: Path) -> Row | None:
    """The problem with a file that comes with the course, if there is one."""
    from helpers import weights

    name = path.relative_to(ROOT).as_posix()
    remedy = f"git checkout -- {name}, or unpack the course's folder anew"
    if not path.is_file():
        return Row("weights", PROBLEM, f"{name} is missing", remedy)
    with path.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs"):
            return Row("weights", PROBLEM, f"{name} is only a Git LFS pointer", "git lfs pull")
    try:
        weights.read(path)
    except (OSError, ValueError):
        return Row("weights", PROBLEM, f"{name} is damaged", remedy)
    return None


def _chosen(asked: str) -> Row:
    """The weights in use if they are not ImageNet's: "bundled", "random" or a file."""
    from helpers import weights

    if asked not in ("bundled", "random"):
        try:
            weights.read(asked)
        except (OSError, ValueError) as error:
            return Row("weights", PROBLEM, f"CNN_WEIGHTS: {error}", "correct or remove CNN_WEIGHTS")
    where = " (set by CNN_WEIGHTS)" if os.environ.get("CNN_WEIGHTS", "").strip() else ""
    return Row("weights", OK, f"{Path(asked).name}{where}")


class _CallableModule(types.ModuleType):
    """Lets ``helpers.check_environment()`` work, be that name the module or the function."""

    def __call__(self) -> None:
        check_environment()


if __name__ == "__main__":
    sys.exit(main())
sys.modules[__name__].__class__ = _CallableModule
