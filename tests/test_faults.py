"""Faults that happen to people: no network, full disks, killed kernels, odd places. All are real.

Where a test needs a process of its own it starts one; where it takes something away from that
process (its network, its disk, root's freedom to write everywhere), only that process loses it.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from PIL import Image

from helpers import patches
from helpers.quiet import keras
from helpers.safety import downloads

pytestmark = pytest.mark.usefixtures("keras_home")

ROOT = Path(__file__).resolve().parents[1]
LESSON = "00_start_here.ipynb"
DATA = b"weights" * 100_000

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions or limits")

#: Fetches the file named by its arguments; prints its path, or what went wrong and what is left.
FETCH = """
import signal, sys
from helpers.safety import downloads
signal.signal(signal.SIGINT, signal.default_int_handler)  # even where whoever began ignores it
downloads.CONNECT_SECONDS, downloads.ANSWER_SECONDS = 0.5, 0.7
try:
    print(downloads.fetch(downloads.RemoteFile(*sys.argv[1:3])))
except (OSError, ValueError) as error:
    print(error, *downloads.keras_cache().glob("*.part"), sep="\\n")
"""


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(downloads, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(downloads, "ANSWER_SECONDS", 0.7)


def start(code, *arguments, before=(), **options):
    """Start Python in a process of its own, after the command ``before``."""
    return subprocess.Popen(
        [*before, sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        **{"cwd": ROOT, **options},
    )


def lines(process):
    """What a process printed until its end."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.splitlines()


def without(*what):
    """A command to put before another that takes away its network or gives it mounts of its own.

    None where neither root nor a user may do so, as on other systems than Linux.
    """
    for user in ([], ["--map-root-user"]):
        command = ["unshare", *user, *(f"--{name}" for name in what)]
        with contextlib.suppress(OSError):
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                return command
    return None


def bound_by_permissions():
    """A command to put before another so that permissions bind it, even if root runs it."""
    if os.geteuid() != 0:
        return []
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]


def wait_until(happened, seconds=60):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


# Downloads --------------------------------------------------------------------------------------


def test_a_download_and_then_the_cache(serve, keras_home, capfd):
    remote = serve(DATA)
    assert downloads.cached(remote) is None
    path = downloads.fetch(remote)
    assert path == keras_home / "weights.h5"
    assert path.read_bytes() == DATA
    assert downloads.cached(remote) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [file.name for file in keras_home.iterdir()] == ["weights.h5"]
    assert "weights.h5" in capfd.readouterr().err, "a progress bar"


def test_without_a_stated_length(serve):
    assert downloads.fetch(serve(DATA, length=False)).is_file()


def fails(remote, kind=OSError):
    """A failed download's one sentence; nothing is kept but a note."""
    with pytest.raises(kind) as caught:
        downloads.fetch(remote)
    assert [path for path in downloads.keras_cache().iterdir() if path.suffix != ".failed"] == []
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    return str(caught.value)


def half(write, stop):
    write(DATA[:200_000])


def half_and_silence(write, stop):
    half(write, stop)
    stop.wait(60)


def test_wrong_bytes(serve):
    message = fails(serve(DATA)._replace(md5="0" * 32), ValueError)
    assert message == "the server sent other bytes than weights.h5 should have"


@pytest.mark.parametrize("length", [True, False])
def test_cut_half_way(serve, length):
    message = fails(serve(DATA, send=half, length=length), OSError if length else ValueError)
    assert "the download of weights.h5 broke off" in message or not length


def test_stalled_half_way(serve, short_waits):
    message = fails(serve(DATA, send=half_and_silence))
    assert message == "the download of weights.h5 broke off (ConnectionError)"


def test_a_slow_server_is_waited_for(serve, short_waits):
    def slowly(write, stop):
        for begin in range(0, len(DATA), 100_000):
            write(DATA[begin : begin + 100_000])
            stop.wait(0.2)

    assert downloads.fetch(serve(DATA, send=slowly)).read_bytes() == DATA


def test_a_server_that_says_no(serve):
    message = fails(serve(b"", status=404))
    assert message.endswith("answered 404 Not Found")


def test_a_server_that_never_answers(short_waits):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.h5"
        message = fails(downloads.RemoteFile(address, ""))
    assert message.endswith("cannot be reached (ReadTimeout)")


@pytest.mark.parametrize("host", ["no-such-name.invalid", "127.0.0.1:9"])
def test_nobody_there(short_waits, host):
    message = fails(downloads.RemoteFile(f"http://{host}/weights.h5", ""))
    assert message.startswith(host)


#: Gives the process a name service that takes questions and says nothing.
SILENT_NAMES = """
import fcntl, socket, struct, subprocess
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(names, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
names.bind(("127.0.0.1", 53))
subprocess.run(["mount", "--bind", {file!r}, "/etc/resolv.conf"], check=True)
"""
#: The same for systems where a process cannot have one of its own: what the system says at last.
NO_NAMES = """
import socket
def getaddrinfo(*_, **__):
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
socket.getaddrinfo = getaddrinfo
"""


def test_a_name_service_that_never_answers(tmp_path):
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    before = without("net", "mount")
    names = SILENT_NAMES.format(file=str(file)) if before else NO_NAMES
    process = start(names + FETCH, "http://weights.example/weights.h5", "", before=before or ())
    (message,) = lines(process)
    assert message.startswith("weights.example cannot be reached")


def test_a_first_run_without_a_network_stays_inside_the_cache(tmp_path):
    """In a home folder of its own; nothing is printed but one line, and nothing else written."""
    before, environment = without("net"), {**os.environ, "HOME": str(tmp_path)}
    del environment["KERAS_HOME"]
    if before is None:  # the next best: nobody where the way to the network should be
        environment |= {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    code = (
        "from helpers import models\n"
        "model = models.load_vgg16(input_shape=(32, 32, 3))\n"
        "assert model.weights_used == 'bundled'"
    )
    process = start(code, before=before or (), env={**environment, "PYTHONDONTWRITEBYTECODE": "1"})
    out, err = process.communicate(timeout=300)
    assert err == ""
    (line,) = out.splitlines()
    assert line == "VGG16 weights: bundled (they come with the course)"
    assert {path.name for path in tmp_path.iterdir()} <= {".keras", "keras"}
    files = {path for path in (tmp_path / ".keras").rglob("*") if path.is_file()}
    assert {path.name for path in files} <= {"keras.json"}


# The cache --------------------------------------------------------------------------------------


def test_a_file_in_place_of_the_cache(serve, keras_home):
    keras_home.parent.touch()
    with pytest.raises(OSError, match="models cannot be written to"):
        downloads.fetch(serve(DATA))


@posix
def test_a_read_only_cache(serve, keras_home):
    keras_home.mkdir(parents=True)
    keras_home.chmod(0o555)
    (message,) = lines(start(FETCH, *serve(DATA), before=bound_by_permissions()))
    assert message == f"{keras_home} cannot be written to (Permission denied)"
    assert serve.asked == 0


@posix
def test_a_full_disk(serve, keras_home):
    import resource

    keras_home.mkdir(parents=True)
    before, options, reason = without("mount"), {}, "No space left on device"
    if before:
        mount = 'mount -t tmpfs -o size=300k none "$0" && exec "$@"'
        before = [*before, "sh", "-c", mount, str(keras_home)]
    else:  # the next best: a bound on the size of files
        limit = (300_000, 300_000)
        options["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        reason = "File too large"
    (message,) = lines(start(FETCH, *serve(DATA), before=before or (), **options))
    assert message == f"{keras_home} cannot be written to ({reason})"
    assert serve.asked == 1


@pytest.mark.parametrize("content", [DATA[:-7], DATA[:-1] + b"?", b""])
def test_a_damaged_cache_is_named_and_mends_as_it_says(serve, keras_home, content):
    remote = serve(DATA)
    keras_home.mkdir(parents=True)
    path = keras_home / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged .* delete that file") as caught:
        downloads.cached(remote)
    assert str(path) in str(caught.value)
    path.unlink()
    assert downloads.cached(remote) is None
    assert downloads.fetch(remote).read_bytes() == DATA


@posix
def test_a_cached_file_of_somebody_else(serve, keras_home):
    remote = serve(DATA)
    downloads.fetch(remote).chmod(0)
    code = FETCH.replace("downloads.fetch(", "downloads.cached(")
    message, *_ = lines(start(code, *remote, before=bound_by_permissions()))
    assert message == f"{keras_home / 'weights.h5'} cannot be read (Permission denied)"


def test_where_keras_keeps_its_files(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", "~/elsewhere")
    assert downloads.keras_cache() == tmp_path / "elsewhere" / "models"
    monkeypatch.delenv("KERAS_HOME")
    assert downloads.keras_cache() == tmp_path / ".keras" / "models"


def test_two_kernels_download_at_once(serve, keras_home):
    both = threading.Barrier(2)

    def together(write, stop):
        write(DATA[:300_000])
        both.wait(60)
        write(DATA[300_000:])

    remote = serve(DATA, send=together)
    kernels = [start(FETCH.replace("0.7", "60"), *remote) for _ in range(2)]
    assert [lines(kernel) for kernel in kernels] == [[str(keras_home / "weights.h5")]] * 2
    assert serve.asked == 2
    assert [path.name for path in keras_home.iterdir()] == ["weights.h5"]
    assert downloads.cached(remote)


def ended_half_way(serve, end):
    """End a process in the middle of its download; what is left in the cache."""
    process = start(FETCH.replace("0.7", "60"), *serve(DATA, send=half_and_silence))
    folder = downloads.keras_cache()
    wait_until(lambda: any(path.stat().st_size for path in folder.glob("*.part/*")))
    end(process)
    process.communicate(timeout=60)
    assert process.returncode != 0
    return list(folder.iterdir())


def test_a_kernel_killed_while_it_downloads(serve):
    (part,) = ended_half_way(serve, subprocess.Popen.kill)
    remote = serve(DATA)
    assert downloads.cached(remote) is None
    path = downloads.fetch(remote)
    assert path.read_bytes() == DATA
    assert part.exists(), "so young that it may be another kernel's"
    os.utime(part, (time.time() - 25 * 3600,) * 2)
    path.unlink()
    downloads.fetch(remote)
    assert list(part.parent.iterdir()) == [path]


@posix
def test_a_download_interrupted_by_hand(serve):
    assert ended_half_way(serve, lambda process: process.send_signal(signal.SIGINT)) == []


# A kernel killed in a scan ----------------------------------------------------------------------

SCAN = """
import json, os, sys, time
from helpers import patches
from helpers.quiet import keras
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((24, 24, 3)), keras.layers.Conv2D(4, 3, name="conv")])
def prepare(photos):
    if {slow}:
        print("a group", flush=True)
        time.sleep(1)
    return photos / 255
conv = patches.scan(model, "conv", {folder!r}, prepare, progress=False)["conv"]
print(json.dumps([conv.best(channel) for channel in range(4)]))
"""


def printed(client, code, enough=None):
    """Run code in a kernel; what it prints, up to its end or to something that is enough."""
    message_id, text = client.execute(code), ""
    while True:
        message = client.get_iopub_msg(timeout=120)
        content = message["content"]
        assert message["msg_type"] != "error", "\n".join(content.get("traceback", []))
        text += content.get("text", "")
        ended = content.get("execution_state") == "idle"
        if (enough and enough in text) or (
            ended and message["parent_header"].get("msg_id") == message_id
        ):
            return text


def tree(folder):
    """All files in a folder with their contents' sums and their dates."""
    return {
        str(path.relative_to(folder)): (
            hashlib.md5(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_kernel_killed_in_a_scan(tmp_path):
    folder, home, scratch = (tmp_path / name for name in ("photos", "home", "scratch"))
    for new in (folder, home, scratch):
        new.mkdir()
    rng = np.random.default_rng(0)
    for number in range(100):
        pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    before = tree(folder)
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(scratch)}
    manager, client = start_new_kernel(env=environment, cwd=str(ROOT))
    try:
        text = printed(client, SCAN.format(slow=True, folder=str(folder)), "a group\na group\n")
        assert "[[" not in text
        os.kill(manager.provisioner.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        wait_until(lambda: not manager.is_alive())
        assert tree(folder) == before
        assert tree(scratch) == {}
        assert {path.name for path in home.iterdir()} <= {".keras"}
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=120)
        found = json.loads(printed(client, SCAN.format(slow=False, folder=str(folder))))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((24, 24, 3)), keras.layers.Conv2D(4, 3, name="conv")])
    conv = patches.scan(model, "conv", folder, lambda photos: photos / 255, progress=False)["conv"]
    assert found == json.loads(json.dumps([conv.best(channel) for channel in range(4)]))
    assert tree(folder) == before


# Lessons in odd places --------------------------------------------------------------------------

#: Runs a notebook in a folder, and prints its text outputs.
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
place = {"metadata": {"path": sys.argv[2]}}
NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
print("".join(output.get("text", "") for output in outputs))
print(sum("image/png" in output.get("data", ()) for output in outputs), "pictures")
"""


def run_lesson(course, folder, before=(), **environment):
    """Run the first lesson of a course with a folder as its working directory."""
    lesson = course / "notebooks" / LESSON
    environment = {**os.environ, "CNN_WEIGHTS": "bundled", **environment}
    process = start(RUN, lesson, folder, before=before, cwd=folder, env=environment)
    printed = "\n".join(lines(process))
    assert "VGG16 weights: bundled" in printed
    stored = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    shown = sum("image/png" in o.get("data", ()) for c in stored for o in c.get("outputs", ()))
    assert shown > 3 and f"{shown} pictures" in printed
    return printed


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course, copied to a path with blanks and letters of three scripts."""
    place = tmp_path_factory.mktemp("odd") / "Kurs für Anfänger, начало 猫"
    for name in ("helpers", "data", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, place / name, ignore=ignored)
    return place


@pytest.mark.ci
def test_from_another_folder(course, tmp_path):
    """As where a server starts kernels elsewhere: only the variable says where the course is."""
    before, elsewhere = tree(course), tmp_path / "elsewhere"
    elsewhere.mkdir()
    run_lesson(course, elsewhere, CNN_COURSE=str(course))
    assert tree(course) == before
    assert list(elsewhere.iterdir()) == []


@pytest.mark.ci
@posix
def test_a_read_only_checkout_in_a_read_only_home(course, tmp_path):
    """Neither can be written to; only Jupyter has a folder for its connection files."""
    home, before = tmp_path / "home", tree(course)
    home.mkdir()
    folders = [home, course, *(path for path in course.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        printed = run_lesson(
            course,
            course / "notebooks",
            before=bound_by_permissions(),
            HOME=str(home),
            CNN_WEIGHTS="bundled",
            **dict.fromkeys(("MPLCONFIGDIR", "IPYTHONDIR", "KERAS_HOME"), ""),
        )
        assert "VGG16 weights: bundled" in printed
        assert tree(course) == before
        assert list(home.iterdir()) == []
    finally:
        for folder in folders:
            folder.chmod(0o755)
