"""A JupyterLab with settings of its own, and a browser that shows it."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chrome

SETTINGS = {
    "notebook-extension/tracker": '{"windowingMode": "none", "autoStartDefaultKernel": true}',
    "apputils-extension/notification": '{"fetchNews": "false"}',
}
READY = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
}"""
RUN = """async () => {
    await window.jupyterapp.commands.execute('notebook:run-all-cells');
}"""
FAILED = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code')
    .flatMap(cell => cell.model.sharedModel.outputs)
    .filter(output => output.output_type === 'error')
    .map(output => output.evalue)"""


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """The address of a notebook ``{}`` in a JupyterLab that serves a folder."""
    home = folder / ".lab"
    for name, text in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    environment = {**os.environ, "HOME": str(home)}
    for kind in ("SETTINGS", "WORKSPACES"):
        environment[f"JUPYTERLAB_{kind}_DIR"] = str(home / kind.lower())
    for kind in ("CONFIG", "DATA", "RUNTIME"):
        environment[f"JUPYTER_{kind}_DIR"] = str(home / kind.lower())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
            + ["--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
            + [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/api", server, home / "log")
            yield f"{address}/doc/tree/{{}}?reset&token={token}"
        finally:
            server.terminate()
            server.wait(20)


@contextlib.contextmanager
def page(home: Path) -> Iterator[Any]:
    """A page of a browser that keeps its files to a folder."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = chrome.start(playwright.chromium, home)
        try:
            made = browser.new_page(viewport={"width": 1280, "height": 900})
            made.set_default_timeout(120_000)
            yield made
        finally:
            browser.close()


def run_notebook(shown: Any, address: str) -> None:
    """Open a notebook and run all its cells.

    Raises:
        RuntimeError: A cell failed.
    """
    shown.goto(address)
    shown.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext")
    shown.evaluate(READY)
    shown.evaluate(RUN)
    if errors := shown.evaluate(FAILED):
        raise RuntimeError(f"a cell failed: {errors[0]}")


def shut_down(shown: Any) -> None:
    """End the kernel of the notebook that is shown."""
    shown.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(480):
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended at once: {log.read_text()[-500:]}")
        time.sleep(0.25)
    raise TimeoutError("JupyterLab did not answer within two minutes")
