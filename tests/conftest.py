"""What all tests share: quiet settings, the model and photo, and a sweep over explorers."""

import ast
import contextlib
import hashlib
import http.server
import importlib.util
import os
import tempfile
import threading
from pathlib import Path

# Before anything imports Keras or Jupyter: the bundled weights, and no file outside this folder.
_scratch = tempfile.mkdtemp(prefix="cnn-tests-")
os.environ["CNN_WEIGHTS"] = "bundled"
os.environ["MPLBACKEND"] = "agg"
for _name in ("MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
    os.environ[_name] = str(Path(_scratch, _name.lower()))
    Path(os.environ[_name]).mkdir()

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from helpers import activations, images, models, plots
from helpers.plots import browser
from helpers.safety import downloads, weights

# The site's tests need what requirements-site.txt names.
collect_ignore = [] if importlib.util.find_spec("sphinx") else ["test_site.py"]


@pytest.fixture(scope="session")
def vgg16():
    """VGG16's base with the bundled weights."""
    return models.load_vgg16("bundled")


@pytest.fixture(scope="session")
def photo():
    """The cat, uint8 (224, 224, 3)."""
    return images.load_photo("chelsea")


@pytest.fixture(scope="session")
def batch(photo):
    """The cat as VGG16 takes it."""
    return images.prepare(photo)


@pytest.fixture(scope="session")
def maps(vgg16, batch):
    """All convolutions' feature maps of the cat."""
    return activations.feature_maps(vgg16, batch)


@pytest.fixture(scope="session")
def cell():
    """``cell(lesson, words, **names)``: the picture that the code cell with these words makes."""

    def run(lesson, words, **names):
        (path,) = Path(__file__).parents[1].glob(f"notebooks/{lesson}_*.ipynb")
        cells = nbformat.read(path, 4).cells
        (source,) = (c.source for c in cells if c.cell_type == "code" and words in c.source)
        *body, last = ast.parse(source).body
        names = {"np": np, "plots": plots, "plt": plt, **names}
        exec(compile(ast.Module(body, []), path.name, "exec"), names)
        made = eval(compile(ast.Expression(last.value), path.name, "eval"), names)
        plt.close("all")
        return names.get("figure", made)

    return run


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """Keras's cache in a folder of this test's own, and no way to the real files."""
    for name in ("CNN_WEIGHTS", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    nowhere = downloads.RemoteFile("http://127.0.0.1:9/base.h5", "0" * 32)
    monkeypatch.setattr(weights, "IMAGENET_BASE", nowhere)
    return tmp_path / "keras" / "models"


@pytest.fixture
def serve():
    """A web server: ``serve(data)`` gives the file's address and sum, ``serve.asked`` counts.

    ``send(write, stop)`` may send something else than the data, until the event ``stop``.
    """
    stop = threading.Event()
    with contextlib.ExitStack() as stack:

        def start(data, *, send=None, length=True, status=200):
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    start.asked += 1
                    self.send_response(status)
                    if length:
                        self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    with contextlib.suppress(OSError):  # whoever asked has gone
                        send(self.wfile.write, stop) if send else self.wfile.write(data)

                def log_message(self, *_):
                    pass

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            stack.callback(stop.set)
            address = f"http://127.0.0.1:{server.server_port}/weights.h5"
            return downloads.RemoteFile(address, hashlib.md5(data).hexdigest())

        start.asked = 0
        yield start


def _settings(control):
    """The extremes of a control and a sample between."""
    if isinstance(control, ipywidgets.IntSlider):
        low, high = control.min, control.max
        return sorted({low, low + 1 if high > low else low, (low + high) // 2, high})
    if isinstance(control, ipywidgets.Checkbox):
        return [not control.value, control.value]
    values = [value for _, value in control._options_full]
    return values if len(values) <= 8 else [*values[:2], *values[2:-1:4], values[-1]]


@pytest.fixture
def sweep():
    """Visit the extremes of every control at every choice of the first; check what is shown.

    Returns how many settings were visited.
    """

    def visit(explorer):
        visited = 0
        names = list(explorer.controls)
        for control in explorer.controls.values():
            assert control.description, "every control has a label"
        first = explorer.controls[names[0]]
        for leading in _settings(first):
            first.value = leading
            for name in names[1:] or names:
                control = explorer.controls[name]
                for value in _settings(control):
                    control.value = value
                    visited += 1
                    _check_view(explorer)
        return visited

    return visit


def _check_view(explorer):
    picture = explorer.picture
    description, files = browser.described(picture)
    panels = picture.every()
    assert any(panel.marks or np.std(panel.array) > 0.5 for panel in panels if panel.shape[0])
    assert 200 <= description["width"] <= 1060, description["width"]
    assert description["height"] <= 780, description["height"]
    assert sum(len(data) for data in files.values()) <= 300_000
    for panel in panels:
        assert panel.title or panel.note or panel.marks, "a panel without a word"
    assert len(picture.caption) > 40
    assert "nan" not in picture.caption.lower().replace("dominant", "")
