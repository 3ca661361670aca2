"""Files from the internet, fetched with care: bounded waits, and nothing half-written."""

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

#: Seconds to wait for a connection, and for the first and every further piece of an answer.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0


class RemoteFile(NamedTuple):
    """A file on the internet, and the MD5 sum that its bytes must have."""

    url: str
    md5: str

    @property
    def name(self) -> str:
        """The file's name: the end of its address."""
        return self.url.rsplit("/", 1)[1]


def keras_cache() -> Path:
    """Keras's own folder for downloaded weights: ``~/.keras/models`` or under ``KERAS_HOME``."""
    home = os.environ.get("KERAS_HOME") or "~/.keras"
    try:
        return Path(home).expanduser() / "models"
    except RuntimeError:  # a user without a home folder; Keras does the same
        return Path(tempfile.gettempdir(), ".keras", "models")


def cached(remote: RemoteFile) -> Path | None:
    """The file in Keras's cache, or None if it is not there.

    Raises:
        OSError: The cached file cannot be read.
        ValueError: It does not have the right hash.
    """
    path = keras_cache() / remote.name
    try:
        if not path.is_file():
            return None
        md5 = _md5(path)
    except OSError as error:
        raise OSError(f"{path} cannot be read ({error.strerror})") from None
    if md5 != remote.md5:
        raise ValueError(
            f"{path} is damaged (its hash is wrong); delete that file and it is downloaded again"
        )
    return path


def fetch(remote: RemoteFile) -> Path:
    """Download a file into Keras's cache, with a progress bar and a bounded wait.

    It takes its final name only once it is whole, so a broken download leaves nothing behind and
    two kernels may download at once.

    Raises:
        OSError: No connection, no answer in time, a broken download or a full disk.
        ValueError: The server sent other bytes than it should.
    """
    folder = keras_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{remote.name}.*.part"):
            if time.time() - left.stat().st_mtime > 24 * 3600:  # by a kernel that was killed
                shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(".part", f"{remote.name}.", folder) as scratch:
            path = Path(scratch, remote.name)
            _download(remote, path)
            return path.replace(folder / remote.name)
    except OSError as error:
        if error.errno is None:  # not from the disk, and a sentence already
            raise
        raise OSError(f"{folder} cannot be written to ({error.strerror})") from None


def _download(remote: RemoteFile, path: Path) -> None:
    """Download a file with a progress bar, and check its sum."""
    import requests
    from tqdm.auto import tqdm

    host, name = remote.url.split("/")[2], remote.name
    waits = (CONNECT_SECONDS, ANSWER_SECONDS)
    plain = {"Accept-Encoding": "identity"}  # the very bytes, so that the bar's length is right
    try:
        answer = requests.get(remote.url, stream=True, timeout=waits, headers=plain)
    except requests.RequestException as error:
        raise OSError(f"{host} cannot be reached ({type(error).__name__})") from None
    with answer, path.open("wb") as file:
        if not answer.ok:
            raise OSError(f"{host} answered {answer.status_code} {answer.reason}")
        size = int(answer.headers.get("Content-Length", 0)) or None
        with tqdm(total=size, unit="B", unit_scale=True, desc=name, leave=False) as bar:
            try:
                for piece in answer.iter_content(1 << 16):
                    bar.update(file.write(piece))
            except requests.RequestException as error:
                kind = type(error).__name__
                raise OSError(f"the download of {name} broke off ({kind})") from None
    if _md5(path) != remote.md5:
        raise ValueError(f"the server sent other bytes than {name} should have")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
