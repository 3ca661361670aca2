"""A real JupyterLab, Notebook 7 and Voilà, and a real browser to drive them with."""

import contextlib
import functools
import http.server
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import chrome
import nbformat
import pytest
import quicker
import solutions

ROOT = Path(__file__).resolve().parents[2]
collect_ignore = [] if importlib.util.find_spec("sphinx") else ["test_built_site.py"]
LAPTOP = {"width": 1366, "height": 768}


@pytest.fixture(scope="session")
def chromium():
    """Path of an installed Chromium or Chrome."""
    if (found := chrome.find()) is None:
        pytest.skip("no Chromium is installed, so the lessons are not tried in a real browser")
    return found


@pytest.fixture(scope="session")
def browser(chromium, tmp_path_factory):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = chrome.start(playwright.chromium, tmp_path_factory.mktemp("browser"))
        yield started
        started.close()


@pytest.fixture(scope="session")
def start_server(chromium, tmp_path_factory):
    """A function that serves a copy of the course, with settings of its own.

    It takes a module to run, such as ``jupyterlab``, and its arguments, in which ``{port}``,
    ``{course}`` and ``{token}`` are filled in; it returns the address and the token.
    """
    with contextlib.ExitStack() as running:

        def start(module, *arguments):
            home = tmp_path_factory.mktemp(module)
            start.homes[module] = home
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            filled = {"port": port, "course": _course(home), "token": secrets.token_hex(16)}
            log = running.enter_context((home / "log").open("wb"))
            server = subprocess.Popen(
                [sys.executable, "-m", module]
                + [argument.format(**filled) for argument in arguments],
                cwd=home / "course" / "notebooks",
                env=_environment(home),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            running.callback(_stop, server)
            address = f"http://127.0.0.1:{port}"
            for _ in range(480):
                with contextlib.suppress(OSError):
                    _answer(address)
                    break
                assert server.poll() is None, (home / "log").read_text()
                time.sleep(0.25)
            return address, filled["token"]

        start.homes = {}
        yield start


@contextlib.contextmanager
def static_site(folder):
    """The address of a plain server of a folder's files."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _course(home):
    """A copy of the lessons, answered and made quicker, beside links to what they use."""
    course = home / "course"
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    for path in course.glob("notebooks/[0-9][0-9]_*.ipynb"):
        lesson = solutions.solve(nbformat.read(path, as_version=4))
        nbformat.write(quicker.shorten(lesson), path)
    for name in ("helpers", "data", "tools"):
        (course / name).symlink_to(ROOT / name)
    return course


def _environment(home):
    """Variables that keep Jupyter to one folder and free of what would get in the way."""
    settings = {
        "notebook-extension/tracker": '{"autoStartDefaultKernel": true}',
        "apputils-extension/notification": '{"fetchNews": "false"}',
    }
    for name, text in settings.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    environment = {**os.environ, "CNN_WEIGHTS": "bundled", "HOME": str(home)}
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(home / "settings")
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "workspaces")
    for kind in ("CONFIG", "DATA", "RUNTIME"):
        environment[f"JUPYTER_{kind}_DIR"] = str(home / kind.lower())
    return environment


def _answer(address):
    """Raise OSError until the server answers, if only that there is no such page.

    Voilà's own page would start a kernel and run the whole lesson.
    """
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{address}/no-such-page", timeout=5).close()


def _stop(server):
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()


@pytest.fixture(scope="session")
def jupyter(start_server):
    """Address and token of a Jupyter server with JupyterLab and Notebook 7."""
    return start_server(
        "jupyterlab",
        *("--no-browser", "--allow-root", "--expose-app-in-browser"),
        *("--JupyterNotebookApp.expose_app_in_browser=True", "--ServerApp.root_dir={course}"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.port={port}"),
        "--IdentityProvider.token={token}",
    )


@pytest.fixture(scope="session")
def course(start_server, jupyter):
    """The folder of the course that ``jupyter`` serves."""
    return start_server.homes["jupyterlab"] / "course"


class Lesson:
    """One lesson, open in a browser page."""

    def __init__(self, page):
        self.page = page

    def open(self, url):
        """Open it in JupyterLab or Notebook 7 and wait until its kernel answers."""
        self.page.goto(url)
        self.page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext")
        self.wait_for_kernel()

    def wait_for_kernel(self):
        self.page.evaluate(
            """async () => {
                const panel = window.jupyterapp.shell.currentWidget;
                await panel.context.ready;
                await panel.sessionContext.ready;
                await panel.sessionContext.session.kernel.info;
            }"""
        )

    def restart(self):
        """Restart the kernel, as the menu's entry does once it is confirmed."""
        self.page.evaluate(
            """async () => {
                const context = window.jupyterapp.shell.currentWidget.sessionContext;
                await context.restartKernel();
            }"""
        )
        self.wait_for_kernel()

    def shut_down(self):
        """Stop the kernel and close the page."""
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

    def run_all(self, seconds=240):
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

    def run(self, code):
        """Run some code in the lesson's kernel, and wait until it is done."""
        self.page.evaluate(
            """async code => {
                const context = window.jupyterapp.shell.currentWidget.sessionContext;
                await context.session.kernel.requestExecute({ code }).done;
            }""",
            code,
        )

    def wait_until_idle(self):
        """Wait until the kernel has answered everything it was asked."""
        self.page.wait_for_timeout(150)
        self.page.wait_for_function(
            "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
        )
        self.page.wait_for_timeout(150)

    def cells(self):
        """The code cells as nbformat knows them, with their outputs."""
        cells = self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets
                .filter(cell => cell.model.type === 'code')
                .map(cell => cell.model.sharedModel.toJSON())"""
        )
        return [nbformat.from_dict(cell) for cell in cells]

    def problems(self):
        """Errors and warnings among all outputs."""
        return [
            output
            for cell in self.cells()
            for output in cell.outputs
            if output.output_type == "error" or output.get("name") == "stderr"
        ]

    def explorers(self):
        """The explorers on the page, in order, once their sliders and pictures are there."""
        explorers = self.page.locator(".cnn-explorer")
        explorers.first.wait_for(state="attached")
        self.page.wait_for_function(
            """() => [...document.querySelectorAll('.cnn-explorer')].every(explorer =>
                explorer.querySelector('[role=slider][aria-label]') &&
                explorer.querySelector('.cnn-panels[data-shown]'))"""
        )
        return explorers.all()


@pytest.fixture(scope="module")
def open_page(browser):
    """A function that opens an empty page in a window of a given size."""
    pages = []

    def open_(size=LAPTOP):
        page = browser.new_page(viewport=size)
        page.set_default_timeout(60_000)
        pages.append(page)
        return page

    yield open_
    for page in pages:
        page.close()
