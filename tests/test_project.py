"""The files around the code agree with one another."""

import ast
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image, ImageSequence

from helpers import packages

ROOT = Path(__file__).resolve().parents[1]
CLUSTER = "requirements-cluster.txt"


def _requirements(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def test_the_installed_packages_satisfy_the_requirements():
    for requirement in [*_requirements("requirements.txt"), *_requirements(CLUSTER)]:
        assert version(requirement.name) in requirement.specifier, requirement


def test_the_constraints_pin_every_requirement_within_its_range():
    pins = {}
    for pin in _requirements("constraints.txt"):
        pins.setdefault(pin.name.lower(), []).append(pin)
    for requirement in [*_requirements("requirements.txt"), *_requirements(CLUSTER)]:
        for pin in pins[requirement.name.lower()]:
            (exact,) = pin.specifier
            assert exact.operator == "=="
            assert exact.version in requirement.specifier, pin


def test_the_tests_need_a_cluster_and_the_lessons_do_not():
    lessons, tests = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("# tests")
    assert f"-r {CLUSTER}" in tests and CLUSTER not in lessons
    names = {requirement.name for requirement in _requirements(CLUSTER)}
    assert names == {"dask", "fsspec"} and not names & set(packages.required())


def test_only_the_headless_opencv_is_asked_for():
    names = {requirement.name for requirement in _requirements("constraints.txt")}
    assert "opencv-python-headless" in names
    assert not names & {"opencv-python", "opencv-contrib-python"}


def test_environment_refers_to_the_requirements_and_repeats_none():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "- -r requirements.txt" in text
    for requirement in _requirements("requirements.txt"):
        assert not re.search(rf"-\s*{re.escape(requirement.name)}\b", text), requirement.name


def test_ci_runs_the_readmes_test_line():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    pattern = re.search(r"grep -m 1 -E '([^']+)'", (ROOT / ".ci/run").read_text()).group(1)
    found = [line for line in readme if re.match(pattern, line)]
    assert len(found) == 1
    assert found[0].endswith("&& .venv/bin/pytest")


def test_readme_names_the_python_versions_the_code_is_written_for():
    target = re.search(r'target-version = "py3(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert f"Python 3.{target.group(1)} to" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    ["README.md", "CONTRIBUTING.md", "data/README.md"]
    + sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")),
)
def test_links_in_documents_lead_somewhere(name):
    document = ROOT / name
    for target in re.findall(r"[\](]\(([^)#\s]+)\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_readmes_picture_moves_and_is_small():
    shown = re.search(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))[1]
    assert (ROOT / shown).stat().st_size <= 2e6
    with Image.open(ROOT / shown) as picture:
        frames = [frame.convert("L").tobytes() for frame in ImageSequence.Iterator(picture)]
    assert len(set(frames)) == len(frames) > 20


def test_everything_public_in_helpers_says_what_it_does():
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_":
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


def test_nothing_bulky_or_private_is_tracked():
    if not (ROOT / ".git").exists():
        tracked = [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    else:
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout
        tracked = [ROOT / name for name in listing.split("\0") if name]
    for path in tracked:
        moves = path.name == "explorers.webp"  # as large as the test above allows
        if path.is_file() and not moves and path.suffix not in {".npz", ".ipynb"}:
            assert path.stat().st_size < 1_600_000, path
        assert path.suffix not in {".jpg", ".jpeg", ".pkl", ".pyc"}, path
