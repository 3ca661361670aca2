"""What a lesson that is opened alone still needs, as on Colab; nothing that is there is changed.

The packages of a hosted notebook fit one another and its own front end, so a newer NumPy or
ipywidgets would break more than it mends. A set-up of one's own is described in the README.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

#: Packages whose module has another name.
MODULES = {"opencv-python-headless": "cv2", "pillow": "PIL", "scikit-image": "skimage"}

_REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"
_PLAIN_VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9.]+)?")


def required() -> dict[str, str]:
    """The lowest version of each package that the lessons need, from requirements.txt."""
    text = _REQUIREMENTS.read_text(encoding="utf-8").partition("# tests")[0]
    return dict(re.findall(r"^([\w.-]+)>=([\d.]+)$", text, flags=re.MULTILINE))


def missing() -> list[str]:
    """What pip shall install: packages that cannot be imported, each with its lowest version.

    JupyterLab is never among them: whoever runs a lesson has a front end already.
    """
    return [
        f"{name}>={lowest}"
        for name, lowest in required().items()
        if name != "jupyterlab" and find_spec(MODULES.get(name, name)) is None
    ]


def install_missing() -> None:
    """Install what is missing and leave every installed package at its version.

    Raises:
        RuntimeError: pip cannot reach its index, or finds nothing that fits what is installed.
    """
    wanted = missing()
    if not wanted:
        return
    print(f"Installing {', '.join(wanted)} …")
    with tempfile.TemporaryDirectory() as folder:
        installed = Path(folder, "installed.txt")
        installed.write_text("\n".join(_installed()), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", installed]
        result = subprocess.run([*command, *wanted], capture_output=True, text=True)
    if result.returncode:
        words = result.stderr.strip().splitlines() or ["no reason given"]
        raise RuntimeError(f"pip could not install {', '.join(wanted)} ({words[-1]})")
    importlib.invalidate_caches()


def _installed() -> list[str]:
    """Every installed package at its version, as pip takes it; the first one found counts."""
    versions: dict[str, str] = {}
    for found in distributions():
        name = found.metadata["Name"]
        if name and _PLAIN_VERSION.fullmatch(found.version or ""):
            versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), found.version)
    return [f"{name}=={version}" for name, version in versions.items()]


if __name__ == "__main__":
    install_missing()
