"""The examples in docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import helpers

HELPERS = Path(helpers.__file__).parent
NAMES = [
    ".".join(path.relative_to(HELPERS.parent).with_suffix("").parts)
    for path in sorted(HELPERS.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted and not found.failed


def test_there_are_examples():
    assert {"helpers.layers", "helpers.datasets", "helpers.models"} <= set(NAMES)
