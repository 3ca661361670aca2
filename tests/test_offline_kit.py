"""The offline kit, made of a few tiny wheels by the real pip, unpacked, installed and started.

The real packages take half a gigabyte for each system, so they are tried by hand.
"""

import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution

import offline_kit
import pytest
from offline_kit import Target

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
COURSE = {"README.md": b"words", "notebooks/00_start_here.ipynb": b"{}", "requirements.txt": b"a"}
on_linux = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="only there a kit for this very computer can be made",
)
PINS = """
top==1.0
everywhere==1.0
winonly==1.0 ; sys_platform == 'win32'
early==1.0 ; python_full_version < '3.11.5'
early==2.0 ; python_full_version >= '3.11.5'
with-extra==1.0
behind==1.0
tests-alone==1.0
"""
TOP = (
    "everywhere",
    "winonly>=1 ; sys_platform == 'win32'",
    "early",
    "with-extra[more]",
    "nobody ; python_version < '3'",
)


def wheel(folder, name, version="1.0", tag="py3-none-any", needs=(), extras=()):
    """A wheel with one module that says its version."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    fields = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    fields += [f"Provides-Extra: {extra}" for extra in extras]
    fields += [f"Requires-Dist: {need}" for need in needs]
    with zipfile.ZipFile(folder / f"{module}-{version}-{tag}.whl", "w") as file:
        file.writestr(f"{module}.py", f"version = {version!r}\n")
        file.writestr(f"{info}/METADATA", "\n".join([*fields, ""]))
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels in place of the package index, and a course that needs ``top``."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    for tag in (
        "py3-none-win_amd64",
        "py3-none-manylinux_2_27_x86_64",
        "py3-none-macosx_12_0_arm64",
    ):
        wheel(folder, "top", tag=tag, needs=TOP)
    for name in ("everywhere", "winonly", "behind", "tests-alone"):
        wheel(folder, name)
    for version in ("1.0", "2.0"):
        wheel(folder, "early", version)
    wheel(folder, "with-extra", needs=["behind ; extra == 'more'"], extras=["more"])
    monkeypatch.setattr(offline_kit, "packages", lambda: ("# x\ntop>=1\n", PINS))
    monkeypatch.setattr(offline_kit.student_copy, "contents", lambda: COURSE)
    return folder


def with_pip(folder):
    """The pip that is installed here, as a wheel again."""
    found = distribution("pip")
    name = f"pip-{found.version}-py3-none-any.whl"
    with zipfile.ZipFile(folder / name, "w") as file:
        for path in found.files:
            if path.parts[0].startswith("pip") and path.suffix != ".pyc":
                file.write(path.locate(), path.as_posix())


def names(wheels):
    return {re.match(r"[^-]+-[^-]+", path.name)[0] for path in wheels}


@pytest.mark.parametrize(
    ("target", "more"),
    [
        (Target("linux", "3.10"), ["early-1.0"]),
        (Target("linux", "3.11"), ["early-1.0", "early-2.0"]),
        (Target("windows", "3.12"), ["early-2.0", "winonly-1.0"]),
        (Target("macos-arm64", "3.13"), ["early-2.0"]),
    ],
    ids=str,
)
def test_what_each_system_needs_is_asked_of_that_system(index, tmp_path, target, more):
    found = offline_kit.resolve(target, tmp_path / "wheels")
    always = {"top-1.0", "everywhere-1.0", "with_extra-1.0", "behind-1.0"}
    assert names(found) == always.union(more)
    (top,) = (path.name for path in found if path.name.startswith("top"))
    word = {"linux": "manylinux", "windows": "win_amd64", "macos-arm64": "macosx"}
    assert word[target.system] in top


@pytest.mark.parametrize(
    "word", ["amiga-3.12", "linux-3.9", "linux", "", "windows-3.12;linux-3.12"]
)
def test_an_unknown_platform_is_refused_with_the_choices(word, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["kit", "--for", word, str(tmp_path / "kit.zip")])
    assert offline_kit.main() == 1
    said = capsys.readouterr().err
    assert said == (
        f"No kit: no kit for {word!r}; there are linux, windows, macos-arm64, each with Python "
        "3.10 to 3.13, such as linux-3.12.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_several_platforms_are_read_in_their_order_and_once():
    found = offline_kit.targets("windows-3.12, linux-3.10,windows-3.12,macos-arm64-3.13")
    assert [str(target) for target in found] == ["windows-3.12", "linux-3.10", "macos-arm64-3.13"]


def kit_is_refused(tmp_path, words, monkeypatch, capsys, target="windows-3.12"):
    """No kit: one sentence with these words, and nothing in the folder."""
    place = tmp_path / "out"
    place.mkdir()
    monkeypatch.setattr(sys, "argv", ["kit", "--for", target, str(place / "kit.zip")])
    assert offline_kit.main() == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.startswith("No kit: ") and re.search(words, said.err), said.err
    assert list(place.iterdir()) == []


def test_a_package_without_a_wheel_for_a_platform(index, tmp_path, monkeypatch, capsys):
    (index / "winonly-1.0-py3-none-any.whl").unlink()
    (index / "winonly-1.0.tar.gz").write_bytes(b"a source, which is never built")
    words = r"winonly==1\.0 has no wheel for windows with Python 3\.12"
    kit_is_refused(tmp_path, words, monkeypatch, capsys)


def test_no_connection(index, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nothing listens there
    kit_is_refused(tmp_path, "the package index cannot be reached", monkeypatch, capsys)


def test_a_package_without_a_pin(index, tmp_path, monkeypatch, capsys):
    pins = PINS.replace("behind==1.0", "")
    monkeypatch.setattr(offline_kit, "packages", lambda: ("top>=1\n", pins))
    words = r"with-extra needs behind, and constraints\.txt has no version of it"
    kit_is_refused(tmp_path, words, monkeypatch, capsys)


def test_a_pin_that_does_not_fit(index, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(offline_kit, "packages", lambda: ("top>=2\n", PINS))
    words = r"requirements\.txt needs top>=2, and constraints\.txt has 1\.0"
    kit_is_refused(tmp_path, words, monkeypatch, capsys)


def test_a_disk_that_is_full_for_the_archive(index, tmp_path, monkeypatch, capsys):
    with_pip(index)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    words = r"kit\.zip could not be written \(No space left on device\)"
    kit_is_refused(tmp_path, words, monkeypatch, capsys)


def test_a_disk_that_is_full_for_pip_and_other_words_of_it():
    target = Target("linux", "3.12")
    full = "ERROR: Could not install: [Errno 28] No space left on device: '/tmp/x'\n"
    assert "the disk is full" in offline_kit._reason(full, target)
    assert "(ERROR: odd)" in offline_kit._reason("more\nERROR: odd\n", target)
    assert "no reason given" in offline_kit._reason("", target)


def test_no_folder_for_the_kit(index, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["kit", "--for", "linux-3.12", str(tmp_path / "nowhere" / "kit")]
    )
    assert offline_kit.main() == 1
    assert capsys.readouterr().err == "No kit: there is no folder nowhere to put kit.zip into.\n"


def test_what_is_in_a_kit_for_three_systems(index, tmp_path):
    chosen = offline_kit.targets("linux-3.10,linux-3.12,windows-3.12,macos-arm64-3.12")
    said = offline_kit.make(chosen, tmp_path / "kit.zip", run=False)
    assert all(line.endswith("; every package is there, not tried") for line in said)
    with zipfile.ZipFile(tmp_path / "kit.zip") as file:
        mode = {info.filename: info.external_attr >> 16 & 0o777 for info in file.infolist()}
        text = {name.removeprefix("kit/"): file.read(name) for name in mode}
    assert all(name.startswith("kit/") for name in mode)
    for name, data in COURSE.items():
        assert text[f"course/{name}"] == data
    wheels = [name for name in text if name.endswith(".whl")]
    assert len(wheels) == len(set(wheels)) == 3 + 3 + 1 + 2  # top, any, winonly, early
    assert mode["kit/start.sh"] == mode["kit/start.command"] == 0o755
    assert mode["kit/start.py"] == 0o644
    sh, bat = text["start.sh"].decode(), text["start.bat"].decode()
    assert "python3.10 python3.12 python3;" in sh and "needs Python 3.10 or 3.12;" in sh
    assert "python3.12 python3;" in text["start.command"].decode()
    assert "for %%v in (3.12) do" in bat and bat.count("\n") == bat.count("\r\n") > 10
    words = text["READ_ME_FIRST.txt"].decode()
    assert "3.10 or 3.12 on Linux of 2019 or newer; 3.12 on Windows; 3.12 on macOS 13" in words
    assert all(line in words for line in said)
    for name in ("start.sh", "start.bat", "start.command", "READ_ME_FIRST.txt"):
        assert not re.search(r"\{\w+\}", text[name].decode()), name
    card = json.loads(text["wheels/kit.json"])
    assert card["for"] == ["linux-3.10", "linux-3.12", "windows-3.12", "macos-arm64-3.12"]


def test_the_real_requirements_name_a_tensorflow_for_each_system():
    requirements, pins = offline_kit.packages()
    for system, name in (("linux", "tensorflow-cpu"), ("windows", "tensorflow")):
        for environment in Target(system, "3.12").environments():
            wanted = offline_kit._requirements(requirements, environment)
            versions = {pin.name: pin for pin in offline_kit._requirements(pins, environment)}
            found = {requirement.name for requirement in wanted}
            assert {n for n in found if n.startswith("tensorflow")} == {name}
            assert {"pip", "jupyterlab", "numpy"} <= found and "pytest" not in found
            for one in wanted:
                assert "==" in offline_kit._pinned(one, versions, "requirements.txt") or (
                    one.name == "pip"
                )


@on_linux
def test_a_python_that_is_only_a_name_is_not_taken_for_one(tmp_path, monkeypatch):
    other = next(python for python in offline_kit.PYTHONS if python != HERE)
    (tmp_path / f"python{other}").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / f"python{other}").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert offline_kit._python_for(Target("linux", other)) is None
    assert offline_kit._python_for(Target("linux", HERE)) == sys.executable
    assert offline_kit._python_for(Target("windows", HERE)) is None


# The kit in use


@pytest.fixture
def own_kit(index, tmp_path, monkeypatch):
    """A kit for this very computer, of tiny wheels, and how to start it."""
    with_pip(index)
    monkeypatch.setattr(offline_kit, "packages", lambda: ("top>=1\npip\n", PINS))
    monkeypatch.setattr(offline_kit, "NEEDS_BYTES", 1_000_000)
    code = "import top, pip, pathlib; assert pathlib.Path('README.md').exists(); print(top.version)"
    monkeypatch.setattr(offline_kit, "TRIAL", ["-c", code])
    place = tmp_path / "out of here"
    place.mkdir()

    def made(target=f"linux-{HERE}"):
        said = offline_kit.make(offline_kit.targets(target), place / "kit.zip")
        with zipfile.ZipFile(place / "kit.zip") as file:
            file.extractall(place)
        return place / "kit", said

    def start(kit, *arguments):
        own = {n: v for n, v in os.environ.items() if not n.startswith("PIP_")}
        own |= {"PYTHON": sys.executable, "PIP_CONFIG_FILE": os.devnull}
        command = ["sh", kit / "start.sh", *arguments]
        return subprocess.run(command, env=own, capture_output=True, text=True)

    return made, start


@on_linux
def test_a_kit_for_this_computer_is_installed_run_and_says_so(own_kit):
    made, start = own_kit
    kit, (said,) = made()
    assert said.endswith("; installed with no index, and lesson 00 run")
    assert said in (kit / "READ_ME_FIRST.txt").read_text()
    assert sorted(path.name for path in kit.parent.iterdir()) == ["kit", "kit.zip"]
    (kit / "course" / ".venv").mkdir()  # a set-up that broke off
    first = start(kit, "-c", "import top, sys; print(top.version, sys.prefix)")
    assert first.stdout.splitlines()[-1] == f"1.0 {kit / 'course' / '.venv'}", first.stderr
    assert "Setting the course up" in first.stdout
    again = start(kit, "-c", "print('there')")
    assert again.stdout == "there\n"
    assert start(kit, "-c", "raise SystemExit(7)").returncode == 7


@pytest.mark.ci
@on_linux
def test_a_kit_that_does_not_run_here_is_not_made(own_kit, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(offline_kit, "TRIAL", ["-c", "raise SystemExit('a lesson failed')"])
    words = r"made, but does not run on linux-\S+ \(a lesson failed\)"
    kit_is_refused(tmp_path, words, monkeypatch, capsys, f"linux-{HERE}")


@pytest.mark.ci
@on_linux
def test_what_keeps_a_student_from_starting_is_said_in_a_sentence(own_kit):
    made, start = own_kit
    kit, _ = made()
    card = kit / "wheels" / "kit.json"
    right = json.loads(card.read_text())

    card.write_text(json.dumps(right | {"needs_bytes": 10**18}))
    done = start(kit)
    assert done.returncode == 1
    assert re.fullmatch(r"The course needs \d+\.0 GB of free disk here, .* GB\.\n", done.stderr)

    card.write_text(json.dumps(right | {"for": ["windows-3.12", "linux-3.8"]}))
    done = start(kit)
    assert done.returncode == 1
    words = f"This kit is for windows-3.12, linux-3.8, and this is linux-{HERE}: "
    assert done.stderr.startswith(words)

    card.write_text(json.dumps(right))
    (away,) = (kit / "wheels").glob("behind*")
    data = away.read_bytes()
    away.unlink()
    done = start(kit)
    assert done.returncode == 1
    assert done.stderr.endswith("could not be set up; pip's own words above say why.\n")
    away.write_bytes(data)  # what broke off begins again
    assert start(kit, "-c", "import behind").returncode == 0


@pytest.mark.ci
@on_linux
def test_a_computer_without_the_right_python_is_told_which(own_kit, tmp_path):
    made, _ = own_kit
    kit, _ = made()
    (tmp_path / "bin").mkdir()
    for name in ("dirname",):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    own = {"PATH": str(tmp_path / "bin")}
    done = subprocess.run(
        ["/bin/sh", kit / "start.sh"], env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"The course needs Python {HERE}; install it from https://")
