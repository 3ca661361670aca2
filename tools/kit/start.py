"""Opens the course. The first time, sets it up from the wheels beside this file, offline.

    python start.py                 JupyterLab, at lesson 00
    python start.py ARGUMENTS       the course's own Python with these arguments, in its folder

It needs only the standard library.
"""

import json
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

KIT = Path(__file__).resolve().parent
WHEELS, COURSE = KIT / "wheels", KIT / "course"
HOME = COURSE / ".venv"
READY = HOME / "ready"  # written last: a set-up that broke off begins again
PYTHON = HOME / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
LESSON = "notebooks/00_start_here.ipynb"


def here():
    """What this computer is, in the words of ``tools/offline_kit.py --for``."""
    systems = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}
    name = systems.get(platform.system(), platform.system())
    machine = platform.machine().lower()
    if name == "macos" or machine not in ("x86_64", "amd64"):
        name += "-" + machine
    return name + "-{}.{}".format(*sys.version_info[:2])


def set_up(needed):
    """Make the course's own Python from the wheels; a sentence if that is not possible."""
    free = shutil.disk_usage(str(COURSE)).free
    if free < needed:
        room, there = (f"{size / 1e9:.1f} GB" for size in (needed, free))
        return f"The course needs {room} of free disk here, and there are {there}."
    print("Setting the course up, this once; it takes some minutes …", flush=True)
    venv.create(str(HOME), clear=True, symlinks=sys.platform != "win32")
    (pip,) = WHEELS.glob("pip-*.whl")  # it runs as it is, so that no other pip is needed
    command = [str(PYTHON), str(pip / "pip"), "--isolated", "--disable-pip-version-check"]
    command += ["install", "--quiet", "--no-index", "--no-cache-dir", "--find-links", str(WHEELS)]
    command += ["-r", str(WHEELS / "requirements.txt"), "-c", str(WHEELS / "constraints.txt")]
    if subprocess.call(command):
        return "The course could not be set up; pip's own words above say why."
    READY.touch()
    return ""


def main(arguments):
    """Set up if that is not done yet, then run; the exit status."""
    kit = json.loads((WHEELS / "kit.json").read_text(encoding="utf-8"))
    if here() not in kit["for"]:
        words = "This kit is for {}, and this is {}: install a Python that fits, or ask for a kit."
        print(words.format(", ".join(kit["for"]), here()), file=sys.stderr)
        return 1
    if not READY.exists():
        problem = set_up(kit["needs_bytes"])
        if problem:
            print(problem, file=sys.stderr)
            return 1
    lab = ["-m", "jupyterlab", "--ServerApp.root_dir=.", LESSON]
    return subprocess.call([str(PYTHON)] + (arguments or lab), cwd=str(COURSE))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as error:
        sys.exit(f"The course could not be set up ({error.strerror or error}).")
    except KeyboardInterrupt:
        sys.exit(130)
