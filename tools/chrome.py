"""Starts the Chromium or Chrome that is installed, for the tests and commands that need one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


def find() -> str | None:
    """Path of the one that is installed, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def start(kind: BrowserType, home: Path, *flags: str) -> Browser:
    """Start it, with a folder for its files; ``kind`` is Playwright's ``chromium``.

    Raises:
        FileNotFoundError: None is installed.
    """
    path = find()
    if path is None:
        raise FileNotFoundError("no Chromium or Chrome is installed")
    environment = {**os.environ, "HOME": str(home)}
    return kind.launch(executable_path=path, args=[*FLAGS, *flags], env=environment)
