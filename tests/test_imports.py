"""How modules depend on each other, and that importing them costs and prints nothing."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import helpers

HELPERS = Path(helpers.__file__).parent
MODULES = {
    ".".join(("helpers", *path.relative_to(HELPERS).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(HELPERS.rglob("*.py"))
}

#: From left to right. Modules that are not named hold numbers.
PLACES = {
    **{"quiet": 0, "packages": 0, "safety": 0, "collection": 1, "images": 1, "models": 2},
    **{"graph": 3, "layers": 3, "plots": 5, "widgets": 6},
}
NUMBERS = 4
BESIDE = ("exercises", "check_environment")  # only notebooks import these


def family(module):
    """``helpers.plots.page`` belongs to ``plots``; the package itself to ``helpers``."""
    return (module.split(".") + [""])[1] or "helpers"


def imported(path):
    """Every module of the project that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports in full"
            for alias in node.names:
                longer = f"{node.module}.{alias.name}"
                found.add(longer if longer in MODULES else node.module)
    return {name for name in found if name.split(".")[0] == "helpers"}


EDGES = [(module, target) for module, path in MODULES.items() for target in imported(path)]


def test_the_imports_are_found():
    assert ("helpers.models", "helpers.safety.weights") in EDGES
    assert ("helpers.layers", "helpers.quiet") in EDGES, "also inside functions"
    assert len(EDGES) > 20
    assert {target for _, target in EDGES} <= set(MODULES)


def test_imports_run_one_way():
    for module, target in EDGES:
        here, there = family(module), family(target)
        if here in BESIDE or "helpers" in (here, there):
            continue
        assert PLACES.get(there, NUMBERS) <= PLACES.get(here, NUMBERS), f"{module} ← {target}"


def test_what_keeps_things_safe_needs_nothing_that_is_read():
    """Of the rest only the table of packages, which lessons run by itself before all else."""
    targets = {target for module, target in EDGES if family(module) == "safety"}
    assert {target for target in targets if family(target) != "safety"} == {"helpers.packages"}


def test_only_plots_and_widgets_draw():
    for module, path in MODULES.items():
        if family(module) not in ("plots", "widgets", "start"):
            found = set(re.findall(r"^\s*(?:import|from) (\w+)", path.read_text("utf-8"), re.M))
            assert not found & {"matplotlib", "ipywidgets", "anywidget", "IPython"}, module


def test_nothing_imports_widgets_or_what_stands_beside_or_the_package():
    for module, target in EDGES:
        assert target != "helpers", f"{module} imports the package instead of a module"
        for closed in ("widgets", *BESIDE):
            assert family(target) != closed or family(module) == closed, f"{module} ← {target}"
    assert imported(MODULES["helpers"]) == set()


def test_no_circles():
    open_edges = set(EDGES)
    while open_edges:
        sources = {source for source, _ in open_edges}
        free = {edge for edge in open_edges if edge[1] not in sources}
        assert free, f"a circle of imports among {sorted(sources)}"
        open_edges -= free


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=HELPERS.parent, capture_output=True, text=True
    )


@pytest.mark.parametrize("module", ["helpers", "helpers.images"])
def test_importing_is_light(module):
    heavy = ("tensorflow", "keras", "matplotlib", "cv2", "skimage", "ipywidgets")
    result = python(f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])")
    assert (result.stdout, result.stderr) == ("[]\n", "")


def test_no_module_imports_tensorflow_at_its_top():
    names = sorted(set(MODULES) - {"helpers.quiet"})
    code = (
        "import sys, importlib\n"
        f"for name in {names}:\n"
        "    importlib.import_module(name)\n"
        "    assert not {'tensorflow', 'keras'} & set(sys.modules), name"
    )
    assert python(code).stderr == ""


def test_nothing_is_printed_when_keras_starts():
    result = python(
        "from helpers.quiet import keras\n"
        "model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])\n"
        "model.predict_on_batch(__import__('numpy').zeros((1, 8, 8, 3)))\n"
        "print(keras.backend.backend())"
    )
    assert (result.stdout, result.stderr) == ("tensorflow\n", "")


#: Stands in for Keras and writes to the error stream as TensorFlow does, past Python's own.
NOISY = (
    "import importlib.abc, importlib.machinery, os, sys, types\n"
    "class Noisy(importlib.abc.MetaPathFinder, importlib.abc.Loader):\n"
    "    def find_spec(self, name, *_):\n"
    "        return importlib.machinery.ModuleSpec(name, self) if name == 'keras' else None\n"
    "    def exec_module(self, module):\n"
    "        try: os.write(2, b'notice')\n"
    "        except OSError: pass\n"
    "        if fails: raise ImportError('no backend')\n"
    "sys.meta_path.insert(0, Noisy())\n"
    "fails = False\n"
)


def test_only_the_start_is_muted():
    result = python(NOISY + "from helpers.quiet import keras\nos.write(2, b'later')")
    assert (result.stderr, result.returncode) == ("later", 0)
    result = python(NOISY + "fails = True\nfrom helpers.quiet import keras")
    assert result.stderr.endswith("ImportError: no backend\n")
    assert "notice" not in result.stderr


@pytest.mark.parametrize("before", ["sys.stderr = None", "os.close(2)"])
def test_without_an_error_stream(before):
    """As under pythonw, or with the stream closed."""
    result = python(f"{NOISY}{before}\nfrom helpers.quiet import keras; print('ok')")
    assert result.stdout == "ok\n"
