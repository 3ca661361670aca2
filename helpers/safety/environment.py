"""Is everything here that the lessons need? A short table, with a remedy below every problem.

It also works where hardly anything is installed; nothing here raises, and nothing is changed. A
package is tried out in a Python process of its own: one that is broken may end its process.
"""

# Only the standard library at the top, and only what Python 3.8 already understands.
from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from helpers import packages

ROOT = Path(__file__).resolve().parents[2]
IN_NOTEBOOK, ON_COLAB = "ipykernel" in sys.modules, "COLAB_RELEASE_TAG" in os.environ
OLDEST, NEWEST = (3, 10), (3, 13)
LESSON_GB = 1.3  #: gigabytes that the biggest lesson takes

OK, LOOK, PROBLEM = "ok", "look", "PROBLEM"
OTHER_OPENCVS = ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")
SCRIPTS = "Scripts" if os.name == "nt" else "bin"  #: where an environment keeps its commands

#: How pip mends a package that is there but broken.
AGAIN = "install --force-reinstall --no-deps -c constraints.txt "

#: Packages whose half in the browser shows the sliders, and where JupyterLab looks for it.
FRONT_ENDS = {"jupyterlab_widgets": "@jupyter-widgets/jupyterlab-manager", "anywidget": "anywidget"}


class Row(NamedTuple):
    """One line of the table; ``remedy`` goes below it."""

    name: str
    mark: str
    found: str
    remedy: str = ""


def check_environment() -> None:
    """Print what is installed and whether the lessons can run with it."""
    main()


def main() -> int:
    """Print the table; return 1 if there is a problem, else 0."""
    rows, lines = findings(), []
    width = max(len(row.name) for row in rows)
    for row in rows:
        first, *more = textwrap.wrap(row.found, 80)
        lines.append(f"{row.mark:<8} {row.name:<{width}}  {first}")
        more += [f"-> {row.remedy}"] * bool(row.remedy)
        lines += [f"{'':<8} {'':<{width}}  {text}" for text in more]
    problems = sum(row.mark == PROBLEM for row in rows)
    if problems:
        lines.append(f"Problems: {problems}; -> says what helps. More: docs/troubleshooting.md")
    else:
        lines.append("No problems: the lessons can run.")
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    print("\n".join(lines).encode(encoding, "backslashreplace").decode(encoding))
    return int(problems > 0)


def findings() -> list[Row]:
    """Look at everything; the lines of the table from top to bottom."""
    rows = [_python()]
    if rows[0].mark == PROBLEM:
        return rows  # nothing else can be right
    for look_at in (_packages, _sliders, _memory, _weights):
        try:
            rows += look_at()
        except Exception as error:
            name = look_at.__name__.strip("_")
            rows.append(Row(name, LOOK, f"not looked at ({type(error).__name__}: {error})"))
    return rows


def _python() -> Row:
    found, wanted = platform.python_version(), f"3.{OLDEST[1]} to 3.{NEWEST[1]}"
    mark, remedy = PROBLEM, f"install Python {wanted}, 64 bit, then follow Start in README.md"
    if sys.version_info[:2] < OLDEST:
        found += " is too old"
    elif sys.maxsize < 2**32:
        found += " for 32 bit; TensorFlow needs 64"
    elif sys.platform == "darwin" and platform.machine() == "x86_64":
        found += " for Intel; TensorFlow is for Apple silicon only"
    elif sys.version_info[:2] > NEWEST:
        mark, found = LOOK, found + " is newer than any tried"
    else:
        mark, remedy = OK, ""
    return Row("Python", mark, found, remedy)


def required() -> dict[str, str]:
    """The lowest version of each package that is looked at."""
    lowest = {**packages.required(), "keras": "3"}  # which comes with TensorFlow
    if ON_COLAB:
        lowest["ipywidgets"] = "7.7"  # Colab's own, which the lessons work with
        del lowest["jupyterlab"]
    return lowest


def _packages() -> list[Row]:
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(_package, required().items()))
    well = [f"{row.name} {row.found}" for row in rows if row.mark == OK]
    absent = [row.name for row in rows if row.found == "not installed"]
    together = [Row("packages", OK, ", ".join(well))] if well else []
    if absent:
        together.append(Row("missing", PROBLEM, ", ".join(absent), _set_up()))
    return together + [row for row in rows if row.mark != OK and row.name not in absent]


def _package(wanted: tuple[str, str]) -> Row:
    name, lowest = wanted
    module, installed = packages.MODULES.get(name, name), _installed(name)
    own_file = next((p for p in (f"{module}.py", f"{module}/__init__.py") if Path(p).is_file()), "")
    in_use, problem = _try_out(module)
    found = installed or in_use
    if own_file:
        return Row(name, PROBLEM, f"hidden by a file {own_file}", "give that file another name")
    if problem.startswith("ModuleNotFoundError") and not installed:
        return Row(name, PROBLEM, "not installed")
    if problem:
        words = f"{found} cannot be imported ({problem})".strip()
        return Row(name, PROBLEM, words, _remedy(name, problem))
    if found and _numbers(found) < _numbers(lowest):
        return Row(name, PROBLEM, f"{found} is too old (needs {lowest} or later)", _set_up())
    if installed and not installed.startswith(in_use):
        both = f"{in_use} is in use, {installed} is installed"
        return Row(name, LOOK, both, "restart the kernel (menu Kernel > Restart)")
    return Row(name, OK, found)


def _try_out(module: str) -> tuple[str, str]:
    """Import a module in a process of its own: its version, or what goes wrong."""
    if module in sys.modules:
        return getattr(sys.modules[module], "__version__", ""), ""
    environment = {"KERAS_BACKEND": "tensorflow", **os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", f"import {module}; print({module}.__version__)"]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    if not done.returncode:
        return done.stdout.decode().split()[-1], ""
    lines = done.stderr.decode(errors="replace").splitlines()
    errors = [line.strip() for line in lines if re.match(r"\s*\w+Error:", line)]
    return "", errors[-1][:160] if errors else f"Python ended with status {done.returncode}"


def _remedy(name: str, problem: str) -> str:
    """What helps against a package which is there but cannot be imported."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if name == "keras" and backend != "tensorflow":
        return f"remove the environment variable KERAS_BACKEND, which is {backend!r}"
    if name == "tensorflow" and "DLL load failed" in problem:
        return "install Microsoft's Visual C++ Redistributable (x64), then restart the computer"
    if name in ("tensorflow", "keras") and "Python ended" in problem:
        return "TensorFlow needs a processor with AVX; without one, use another computer or Colab"
    others = [other for other in OTHER_OPENCVS if _installed(other)] if "opencv" in name else []
    first = _pip("uninstall -y " + " ".join(others)) + "; then " if others else ""
    return first + _pip(AGAIN + name)


def _set_up() -> str:
    """How the missing packages get here, or the reader to where they are."""
    own = ROOT / ".venv"
    if own.is_dir() and own.resolve() != Path(sys.prefix).resolve():
        command = Path(".venv", SCRIPTS, "jupyter")
        return f"this is not the course's own Python: start {command} lab in its folder"
    in_environment = sys.prefix != sys.base_prefix or Path(sys.prefix, "conda-meta").is_dir()
    if not in_environment and not IN_NOTEBOOK:
        return "set the course up with the line under Start in README.md"
    return _pip("install -r requirements.txt -c constraints.txt")


def _pip(arguments: str) -> str:
    """A pip command that meets this very Python."""
    if IN_NOTEBOOK:
        for name in ("requirements.txt", "constraints.txt"):
            arguments = arguments.replace(name, Path(os.path.relpath(ROOT / name)).as_posix())
        return f"run %pip {arguments}, then restart the kernel"
    python = os.path.relpath(sys.executable)
    python = sys.executable if python.startswith("..") else python
    return (f'"{python}"' if " " in python else python) + f" -m pip {arguments}"


def _installed(name: str) -> str:
    with contextlib.suppress(PackageNotFoundError):
        return version(name) or ""
    return ""


def _numbers(found: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", re.match(r"[\d.]*", found)[0])]


def _sliders() -> list[Row]:
    """Whether JupyterLab, the one that runs, has the browser's half of the sliders."""
    if ON_COLAB:
        return [Row("sliders", OK, "shown by Colab")]
    from jupyter_core.paths import ENV_JUPYTER_PATH, jupyter_path

    here = Path(sys.prefix)
    prefix = _server() or here
    places = [Path(place) for place in jupyter_path() if place not in ENV_JUPYTER_PATH]
    places.append(prefix / "share" / "jupyter")
    missing = [
        package
        for package, folder in FRONT_ENDS.items()
        if not any((place / "labextensions" / folder).is_dir() for place in places)
    ]
    if not missing:
        return [Row("sliders", OK, "JupyterLab has what shows them")]
    found = f"they will show as text: JupyterLab lacks its part of {' and '.join(missing)}"
    remedy = _pip(AGAIN + " ".join(missing)) + " and reload the page" * IN_NOTEBOOK
    if prefix.resolve() != here.resolve():
        found += f"; it runs from {prefix}, this notebook from {here}"
        remedy = f"stop that JupyterLab and start {here / SCRIPTS / 'jupyter'} lab"
    return [Row("sliders", PROBLEM, found, remedy)]


def _server() -> Path | None:
    """The environment of the Jupyter server above this kernel, None if there is no server."""
    import psutil

    for process in psutil.Process().parents():
        with contextlib.suppress(psutil.Error):  # another user's
            for script in (Path(process.cwd(), word) for word in process.cmdline()[:3]):
                if script.name.startswith(("jupyter", "voila")) and script.parent.name == SCRIPTS:
                    return script.parent.parent
    return None


def _memory() -> list[Row]:
    """What this process and the system's free memory have together, at most a hub's limit."""
    import psutil

    free = psutil.virtual_memory().available + psutil.Process().memory_info().rss
    gigabytes = min(free, int(os.environ.get("MEM_LIMIT") or free)) / 1e9
    found = f"{gigabytes:.1f} GB free; a lesson takes up to {LESSON_GB} GB"
    if gigabytes >= LESSON_GB:
        return [Row("memory", OK, found)]
    remedy = "close other programs, and other notebooks (menu Kernel > Shut Down All Kernels)"
    return [Row("memory", PROBLEM, found, remedy)]


def _weights() -> list[Row]:
    """The weights that come with the course, and those that CNN_WEIGHTS names."""
    from helpers.safety import downloads, weights

    for path in (weights.BUNDLED, weights.CAT_DOG):
        try:
            weights.read(path)
        except (OSError, ValueError):
            name = path.relative_to(ROOT).as_posix()
            found = f"{name} is {'damaged' if path.exists() else 'missing'}"
            remedy = f"git checkout -- {name}, or unpack the course's folder anew"
            return [Row("weights", PROBLEM, found, remedy)]
    asked = os.environ.get("CNN_WEIGHTS", "").strip()
    found = f"{Path(asked).name} (set by CNN_WEIGHTS)" if asked else "bundled"
    try:
        if asked == "imagenet":
            if not downloads.cached(weights.IMAGENET_BASE):
                found += ": the first lesson downloads them (59 MB)"
        elif asked not in ("", "bundled", "random"):
            weights.read(asked)
    except (OSError, ValueError) as error:
        remedy = "do what this says, or remove CNN_WEIGHTS: the course works without"
        return [Row("weights", PROBLEM, f"CNN_WEIGHTS is {asked!r}: {error}", remedy)]
    return [Row("weights", OK, found)]
