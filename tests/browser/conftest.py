"""A real JupyterLab and a real browser to drive it with."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


@pytest.fixture(scope="session")
def chromium():
    """Path of an installed Chromium or Chrome."""
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        pytest.skip("no Chromium is installed, so the lessons are not tried in a real browser")
    return found[0]


@pytest.fixture(scope="session")
def browser(chromium, tmp_path_factory):
    from playwright.sync_api import sync_playwright

    home = {"HOME": str(tmp_path_factory.mktemp("browser"))}
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=FLAGS, env={**os.environ, **home}
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Address of a JupyterLab that shows a copy of the course, with settings of its own."""
    home = tmp_path_factory.mktemp("lab")
    course = home / "course"
    course.mkdir()
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    for name in ("helpers", "data"):
        (course / name).symlink_to(ROOT / name)
    tracker = home / "settings" / "@jupyterlab" / "notebook-extension"
    tracker.mkdir(parents=True)
    (tracker / "tracker.jupyterlab-settings").write_text(
        '{"windowingMode": "none", "autoStartDefaultKernel": true}'
    )
    news = home / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    environment = {**os.environ, "CNN_WEIGHTS": "bundled", "HOME": str(home)}
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(home / "settings")
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "workspaces")
    for kind in ("CONFIG", "DATA", "RUNTIME"):
        environment[f"JUPYTER_{kind}_DIR"] = str(home / kind.lower())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    log = (home / "log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
        + ["--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
        + [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={course}"],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api", timeout=5):
            break
        assert server.poll() is None, (home / "log").read_text()
        time.sleep(0.25)
    yield address, token
    server.terminate()
    server.wait(20)
    log.close()


class Lesson:
    """One lesson, open in a JupyterLab in a browser page."""

    def __init__(self, page):
        self.page = page

    def open(self, address, token, name):
        self.page.goto(f"{address}/doc/tree/notebooks/{name}?reset&token={token}")
        self.page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext")
        self.page.evaluate(
            """async () => {
                const panel = window.jupyterapp.shell.currentWidget;
                await panel.context.ready;
                await panel.sessionContext.ready;
                await panel.sessionContext.session.kernel.info;
            }"""
        )

    def run_all(self, seconds=180):
        """Clear all outputs, run all cells, and wait until the last one is done."""
        self.page.evaluate(
            """async () => {
                const app = window.jupyterapp;
                await app.commands.execute('notebook:clear-all-cell-outputs');
                app.commands.execute('notebook:run-all-cells');
            }"""
        )
        self.page.wait_for_function(
            """() => {
                const panel = window.jupyterapp.shell.currentWidget;
                const code = panel.content.widgets.filter(cell => cell.model.type === 'code');
                const done = code.every(cell => cell.model.executionCount != null);
                const failed = code.some(cell => cell.model.sharedModel.outputs
                    .some(output => output.output_type === 'error'));
                return failed || (done && panel.sessionContext.session.kernel.status === 'idle');
            }""",
            timeout=seconds * 1000,
            polling=200,
        )

    def wait_until_idle(self):
        """Wait until the kernel has answered everything it was asked."""
        self.page.wait_for_timeout(150)
        self.page.wait_for_function(
            "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
        )
        self.page.wait_for_timeout(150)

    def outputs(self):
        """All stored outputs, cell by cell."""
        return self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets
                .filter(cell => cell.model.type === 'code')
                .map(cell => cell.model.sharedModel.outputs)"""
        )

    def explorers(self):
        """The explorers on the page, in order."""
        found = self.page.locator(".jp-OutputArea-output:has(img.widget-image)")
        return [found.nth(index) for index in range(found.count())]


@pytest.fixture
def open_lesson(browser, lab):
    """A function that opens a lesson by its file's name, in a window of a given size."""
    pages = []

    def open_(name, width=1280, height=900):
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(60_000)
        pages.append(page)
        lesson = Lesson(page)
        lesson.open(*lab, name)
        return lesson

    yield open_
    for page in pages:
        with contextlib.suppress(Exception):
            page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.close()
