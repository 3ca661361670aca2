"""One archive for a class without the internet: wheels, the course and what starts it.

    python tools/offline_kit.py --for linux-3.12,windows-3.12,macos-arm64-3.12 kit.zip

It needs the package index; whoever gets the kit needs Python and nothing else. Every package is
the one that constraints.txt names, found for that system and Python, never built. Where the kit is
for this very computer it is unpacked, installed with no index, and a lesson is run; the others are
resolved and not tried, and the kit says so.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

import student_copy
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
PARTS = ROOT / "tools" / "kit"
#: What a kit is tried with: lesson 00, in the Python that was set up from the kit.
TRIAL = ["-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--stdout"]
TRIAL += ["notebooks/00_start_here.ipynb"]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
NEEDS_BYTES = 3_000_000_000  # free disk, for what is installed

#: pip's words where the fault is the way to the index, or the disk.
NO_WAY = re.compile(
    r"Retrying \(|Could not fetch URL|NewConnectionError|ConnectTimeout|Max retries"
)
NO_ROOM = re.compile(r"No space left on device|Errno 28|Disk quota exceeded")
NO_WHEEL = re.compile(r"No matching distribution found for (\S+)")


class System(NamedTuple):
    """What pip and a package's markers ask about a system, and what starts the course there."""

    name: str
    tags: tuple[str, ...]
    markers: dict[str, str]
    start: str
    how: str


def _markers(os_name: str, sys_platform: str, system: str, machine: str) -> dict[str, str]:
    return {
        "os_name": os_name,
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_machine": machine,
        "platform_release": "",
        "platform_version": "",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


#: Linux with glibc 2.28 or newer on a PC; Windows on a PC; macOS 13 or newer, Apple silicon.
SYSTEMS = {
    "linux": System(
        "Linux of 2019 or newer",
        (
            *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)),
            *(f"manylinux{year}_x86_64" for year in ("2014", "2010", "1")),
            "linux_x86_64",
        ),
        _markers("posix", "linux", "Linux", "x86_64"),
        "start.sh",
        "Linux:    sh start.sh, in a terminal in this folder",
    ),
    "windows": System(
        "Windows",
        ("win_amd64",),
        _markers("nt", "win32", "Windows", "AMD64"),
        "start.bat",
        "Windows:  a double click on start.bat",
    ),
    "macos-arm64": System(
        "macOS 13 or newer (Apple silicon)",
        ("macosx_13_0_arm64",),  # pip knows that older ones, and universal ones, fit too
        _markers("posix", "darwin", "Darwin", "arm64"),
        "start.command",
        "macOS:    a right click on start.command, then Open",
    ),
}


class Target(NamedTuple):
    """One kind of computer: a system and a Python, such as linux and 3.12."""

    system: str
    python: str

    def __str__(self) -> str:
        return f"{self.system}-{self.python}"

    def environments(self) -> list[dict[str, str]]:
        """What markers ask, for the first and the last release of this Python."""
        return [
            SYSTEMS[self.system].markers
            | {
                "python_version": self.python,
                "python_full_version": f"{self.python}.{release}",
                "implementation_version": f"{self.python}.{release}",
            }
            for release in (0, 99)
        ]


class CannotMake(Exception):
    """Why there is no kit, in one sentence."""


def targets(words: str) -> list[Target]:
    """The targets in ``linux-3.12,windows-3.12``.

    Raises:
        CannotMake: There is no such system, or the course does not run on that Python.
    """
    found = []
    for word in dict.fromkeys(part.strip() for part in words.split(",")):
        system, _, python = word.rpartition("-")
        if system not in SYSTEMS or python not in PYTHONS:
            choices = f"{', '.join(SYSTEMS)}, each with Python {PYTHONS[0]} to {PYTHONS[-1]}"
            raise CannotMake(f"no kit for {word!r}; there are {choices}, such as linux-3.12")
        found.append(Target(system, python))
    return found


def packages() -> tuple[str, str]:
    """What the kit installs: the student's requirements and the pins.

    On Linux it is the TensorFlow for the CPU, which is half the size; pip comes along.
    """
    requirements = student_copy.contents()["requirements.txt"].decode()
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    linux = 'sys_platform == "linux" and platform_machine == "x86_64"'
    other = 'sys_platform != "linux" or platform_machine != "x86_64"'
    requirements = re.sub(
        r"^tensorflow(>=.*)$",
        rf"tensorflow-cpu\1 ; {linux}\ntensorflow\1 ; {other}",
        requirements,
        flags=re.M,
    )
    pins = re.sub(r"^tensorflow(==.*)$", r"tensorflow\1\ntensorflow-cpu\1", pins, flags=re.M)
    return f"{requirements}pip\n", pins


def resolve(target: Target, folder: Path) -> list[Path]:
    """Fetch all wheels that the course needs on a kind of computer, by the versions pinned.

    pip alone would ask the markers of this computer, not of that one; so each package's own
    requirements are read from its wheel, one generation after the other.

    Raises:
        CannotMake: Something has no wheel there or no pin, or the index is out of reach.
    """
    requirements, pins = packages()
    folder.mkdir(parents=True)
    used: set[Path] = set()
    for environment in target.environments():
        versions = {
            canonicalize_name(pin.name): pin
            for pin in _requirements(pins, environment)
            if not pin.extras
        }
        todo = [(wanted, "requirements.txt") for wanted in _requirements(requirements, environment)]
        seen: set[tuple[str, str]] = set()
        while todo:
            chosen = {wanted: _pinned(wanted, versions, by) for wanted, by in todo}
            _fetch(set(chosen.values()), target, environment["python_full_version"], folder)
            wheels = _wheels(folder)
            todo = []
            for wanted in chosen:
                name = canonicalize_name(wanted.name)
                wheel = _chosen(wheels[name], versions.get(name))
                used.add(wheel)
                for extra in ("", *wanted.extras):
                    if (name, extra) not in seen:
                        seen.add((name, extra))
                        needs = _needs(wheel, environment, extra)
                        todo += [(need, wanted.name) for need in needs]
    return sorted(used)


def _requirements(text: str, environment: dict[str, str]) -> list[Requirement]:
    """The requirements in a file that hold in an environment."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    found = [Requirement(line) for line in lines if line]
    return [r for r in found if r.marker is None or r.marker.evaluate(environment)]


def _pinned(wanted: Requirement, versions: dict[str, Requirement], by: str) -> str:
    """A requirement as the pinned version of it, such as ``numpy==2.5.5``; pip itself has none."""
    pin = versions.get(canonicalize_name(wanted.name))
    if pin is None and wanted.name == "pip":
        return "pip"
    if pin is None:
        raise CannotMake(f"{by} needs {wanted.name}, and constraints.txt has no version of it")
    (version,) = (part.version for part in pin.specifier)
    if not wanted.specifier.contains(version, prereleases=True):
        raise CannotMake(f"{by} needs {wanted}, and constraints.txt has {version}")
    return f"{pin.name}=={version}"


def _needs(wheel: Path, environment: dict[str, str], extra: str) -> list[Requirement]:
    """What a wheel requires in an environment, with one of its extras."""
    with zipfile.ZipFile(wheel) as file:
        (name,) = (n for n in file.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        fields = HeaderParser().parsestr(file.read(name).decode())
    found = map(Requirement, fields.get_all("Requires-Dist", []))
    asked = environment | {"extra": extra}
    return [r for r in found if r.marker is None or r.marker.evaluate(asked)]


def _wheels(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.whl")):
        found.setdefault(parse_wheel_filename(path.name)[0], []).append(path)
    return found


def _chosen(wheels: list[Path], pin: Requirement | None) -> Path:
    """The wheel of the pinned version among those of one package."""
    fit = [w for w in wheels if pin is None or parse_wheel_filename(w.name)[1] in pin.specifier]
    return fit[0]


def _fetch(pins: Iterable[str], target: Target, python: str, folder: Path) -> None:
    """Bring wheels of these versions into the folder, those that aren't there yet."""
    there = {
        f"{name}=={parse_wheel_filename(wheel.name)[1]}"
        for name, wheels in _wheels(folder).items()
        for wheel in wheels
    } | set(_wheels(folder)) & {"pip"}
    missing = sorted(p for p in pins if _normal(p) not in there)
    if not missing:
        return
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--retries", "1"]
    command += ["--implementation", "cp", "--python-version", python, "--dest", str(folder)]
    command += [word for tag in SYSTEMS[target.system].tags for word in ("--platform", tag)]
    done = subprocess.run([*command, *missing], capture_output=True, text=True)
    if done.returncode:
        raise CannotMake(_reason(done.stderr, target))


def _normal(pin: str) -> str:
    name, _, version = pin.partition("==")
    return canonicalize_name(name) + (f"=={version}" if version else "")


def _reason(words: str, target: Target) -> str:
    """Why pip did not bring a wheel, in one sentence."""
    if NO_ROOM.search(words):
        return f"the disk is full ({os.strerror(errno.ENOSPC)}); a kit takes 0.5 GB for each system"
    if NO_WAY.search(words):
        return "the package index cannot be reached; a kit is made with the internet, used without"
    if match := NO_WHEEL.search(words):
        return f"{match[1]} has no wheel for {target.system} with Python {target.python}"
    last = (words.strip().splitlines() or ["no reason given"])[-1]
    return f"pip brought no wheels for {target} ({last})"


def make(chosen: list[Target], place: Path, run: bool = True) -> list[str]:
    """Write the kit: all of it, or nothing; what was tried, a line for each target.

    Raises:
        CannotMake: See the sentence.
        OSError: It cannot be written; nothing is left.
        ValueError: There is no folder for it, or no student's copy can be made.
    """
    place = place.absolute()
    with student_copy.beside(place) as there:
        kit = there / place.name
        said = []
        with zipfile.ZipFile(kit, "w", zipfile.ZIP_DEFLATED) as file:
            _add_course(file, chosen)
            known: set[str] = set()
            for target in chosen:
                wheels = resolve(target, there / str(target))
                size = sum(wheel.stat().st_size for wheel in wheels)
                said.append(f"{target}: {len(wheels)} wheels, {size / 1e6:.0f} MB")
                for wheel in wheels:
                    if wheel.name not in known:  # packed already, wheels gain nothing
                        file.write(wheel, f"{_name(place)}/wheels/{wheel.name}", zipfile.ZIP_STORED)
                        known.add(wheel.name)
                shutil.rmtree(there / str(target))
        for k, target in enumerate(chosen):
            python = _python_for(target) if run else None
            if python is None:
                said[k] += "; every package is there, not tried"
            else:
                _try(kit, _name(place), python, there / "try", target)
                said[k] += "; installed with no index, and lesson 00 run"
        with zipfile.ZipFile(kit, "a", zipfile.ZIP_DEFLATED) as file:
            words = _first_words(chosen, said)
            file.writestr(student_copy.entry(f"{_name(place)}/READ_ME_FIRST.txt"), words)
        kit.replace(place)
    return said


def _name(place: Path) -> str:
    """The one folder in the archive, named like it."""
    return place.stem


def _add_course(file: zipfile.ZipFile, chosen: list[Target]) -> None:
    """The student's copy, what pip is to install, and what starts the course."""
    top = _name(Path(file.filename))
    requirements, pins = packages()
    card = {"for": [str(target) for target in chosen], "needs_bytes": NEEDS_BYTES}
    files = {f"course/{name}": data for name, data in student_copy.contents().items()}
    files |= {
        "wheels/requirements.txt": requirements.encode(),
        "wheels/constraints.txt": pins.encode(),
        "wheels/kit.json": json.dumps(card, indent=1).encode(),
        "start.py": (PARTS / "start.py").read_bytes(),
    }
    for system in dict.fromkeys(target.system for target in chosen):
        files[SYSTEMS[system].start] = _starter(system, chosen)
    for name, data in files.items():
        mode = 0o755 if name.endswith((".sh", ".command")) else 0o644
        file.writestr(student_copy.entry(f"{top}/{name}", mode), data, zipfile.ZIP_DEFLATED)


def _starter(system: str, chosen: list[Target]) -> bytes:
    """The file that students start, for one system; its Pythons written in."""
    windows = system == "windows"
    text = (PARTS / ("start.bat" if windows else "start.sh")).read_text(encoding="utf-8")
    pythons = [target.python for target in chosen if target.system == system]
    for word, value in (
        ("{pythons}", " ".join(f"python{python}" for python in pythons)),
        ("{versions}", " ".join(pythons)),
        ("{words}", " or ".join(pythons)),
    ):
        text = text.replace(word, value)
    return (text.replace("\n", "\r\n") if windows else text).encode()


def _first_words(chosen: list[Target], said: list[str]) -> bytes:
    text = (PARTS / "READ_ME_FIRST.txt").read_text(encoding="utf-8")
    systems = dict.fromkeys(target.system for target in chosen)
    pythons = {
        name: " or ".join(target.python for target in chosen if target.system == name)
        for name in systems
    }
    words = "; ".join(f"{python} on {SYSTEMS[name].name}" for name, python in pythons.items())
    for word, value in (
        ("{needs}", f"{NEEDS_BYTES / 1e9:.0f} GB"),
        ("{words}", words),
        ("{starts}", "".join(f"   {SYSTEMS[name].how}\n" for name in systems).rstrip()),
        ("{tried}", "".join(f"{line}\n" for line in said)),
    ):
        text = text.replace(word, value)
    return text.replace("\n", "\r\n").encode()  # Notepad, too, reads it


def _python_for(target: Target) -> str | None:
    """A Python of this very computer that is the target, if there is one."""
    system, machine = platform.system().lower(), platform.machine().lower()
    if (system, machine) != ("linux", "x86_64") or target.system != "linux":
        return None
    ask = ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    for python in (sys.executable, shutil.which(f"python{target.python}")):
        if python and _said([python, *ask]) == target.python:  # some names stand for nothing
            return python
    return None


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def _try(kit: Path, top: str, python: str, folder: Path, target: Target) -> None:
    """Unpack the kit, start it as a student does, and run a lesson in it with no index."""
    with zipfile.ZipFile(kit) as file:
        file.extractall(folder)
    own = {n: v for n, v in os.environ.items() if not n.startswith(("PIP_", "CNN_", "PYTHON"))}
    own |= {"PYTHON": python, "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        ["sh", folder / top / "start.sh", *TRIAL], env=own, capture_output=True, text=True
    )
    if done.returncode:
        if NO_ROOM.search(done.stderr):
            raise CannotMake(_reason(done.stderr, target))
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CannotMake(f"the kit was made, but does not run on {target} ({last})")
    shutil.rmtree(folder)


def main() -> int:
    """Make the kit; the exit status is 1 if that was not possible."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--for", dest="targets", required=True, metavar="linux-3.12,…")
    parser.add_argument("place", metavar="OUT", type=Path, help="the archive, such as kit.zip")
    parser.add_argument("--no-try", action="store_true", help="install and run nothing here")
    args = parser.parse_args()
    place = args.place if args.place.suffix == ".zip" else Path(f"{args.place}.zip")
    try:
        for line in make(targets(args.targets), place, run=not args.no_try):
            print(line)
    except (CannotMake, ValueError) as error:
        print(f"No kit: {error}.", file=sys.stderr)
        return 1
    except OSError as error:
        why = error.strerror or error
        print(f"No kit: {place.name} could not be written ({why}).", file=sys.stderr)
        return 1
    print(f"{place.name}: {place.stat().st_size / 1e9:.2f} GB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
