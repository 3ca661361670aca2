"""Files from the internet, fetched with care: bounded waits, and nothing half-written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

#: Seconds to wait for a connection, and for the first and every further piece of an answer.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0

#: A download that brings fewer bytes than this in ANSWER_SECONDS is given up: it drips.
FEWEST_BYTES = 200_000


class RemoteFile(NamedTuple):
    """A file on the internet and the MD5 sum its bytes must have."""

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

    The bytes go to a file of their own and take the final name only once their hash is right, so
    a broken download leaves nothing behind and two kernels may download at once.

    Raises:
        OSError: No connection, no answer in time, a broken download or a full disk.
        ValueError: The server sent other bytes than it should.
    """
    name, folder = remote.name, keras_cache()
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder, f"{name}.*.part")
        handle, part = tempfile.mkstemp(prefix=f"{name}.", suffix=".part", dir=folder)
        try:
            with (
                os.fdopen(handle, "wb") as file,
                contextlib.closing(open_url(remote.url)) as response,
            ):
                _copy(response, file, name)
            if _md5(Path(part)) != remote.md5:
                raise ValueError(f"the server sent other bytes than {name} should have")
            Path(part).chmod(0o644)  # mkstemp's are for one's own eyes; a class may share these
            Path(part).replace(folder / name)
        finally:
            Path(part).unlink(missing_ok=True)
    return folder / name


def open_url(url: str, seconds: float | None = None) -> Any:
    """Open a URL; give up in time even where the name service never answers.

    Args:
        url: What to ask for.
        seconds: How long to wait for an answer; by default ANSWER_SECONDS.

    Returns:
        A ``requests.Response`` whose body is still to be read.

    Raises:
        OSError: No connection, no answer in time, or an answer other than the file.
    """
    import requests

    host = url.split("/")[2]
    seconds = ANSWER_SECONDS if seconds is None else seconds
    result = {}

    def ask() -> None:
        try:
            answer = requests.get(
                url,
                stream=True,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                headers={"Accept-Encoding": "identity"},  # the very bytes, so their count is right
            )
            if answer.ok:
                result["answer"] = answer
            else:
                answer.close()
                result["problem"] = f"{host} answered {answer.status_code} {answer.reason}"
        except Exception as error:  # a thread's exception would be printed, not raised
            result["problem"] = f"{host} cannot be reached ({type(error).__name__})"

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if "answer" in result:
        return result["answer"]
    raise OSError(result.get("problem", f"{host} did not answer within {seconds:g} s"))


def pieces(response: Any, name: str) -> Iterator[bytes]:
    """What a server sends, piece by piece as it comes; a server that merely drips is left.

    Args:
        response: What ``open_url`` returned.
        name: What to call the download in an error.

    Raises:
        OSError: The connection broke, went silent, or brings almost nothing.
    """
    from urllib3.exceptions import HTTPError

    since, received = time.monotonic(), 0
    try:
        while piece := response.raw.read1(1 << 18):
            yield piece
            received += len(piece)
            if (seconds := time.monotonic() - since) >= ANSWER_SECONDS:
                if received < FEWEST_BYTES:
                    raise OSError(
                        f"the download of {name} was given up: only {received:,} bytes came in "
                        f"{seconds:.0f} s"
                    )
                since, received = time.monotonic(), 0
    except HTTPError as error:
        raise OSError(f"the download of {name} broke off ({type(error).__name__})") from None


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Make one sentence of what the disk says: no permission, no room left, a file in the way."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # not from the disk, and a sentence already
            raise
        raise OSError(f"{folder} cannot be written to ({error.strerror})") from None


def sweep(folder: Path, pattern: str) -> None:
    """Remove what killed kernels left of a download; a live one would have written since.

    Args:
        folder: Where downloads go.
        pattern: What unfinished ones are called there.
    """
    for left in folder.glob(pattern):
        with contextlib.suppress(OSError):
            newest = max(path.stat().st_mtime for path in (left, *left.rglob("*")))
            if time.time() - newest > 3600:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _copy(response: Any, file: Any, name: str) -> None:
    """Write what the server sends into a file, with a progress bar."""
    from tqdm.auto import tqdm

    size = response.raw.length_remaining  # None where the server states no length
    with tqdm(total=size, unit="B", unit_scale=True, desc=name, leave=False) as bar:
        for piece in pieces(response, name):
            file.write(piece)
            bar.update(len(piece))
    if size is not None and file.tell() != size:
        raise OSError(f"the download of {name} broke off after {file.tell()} of {size} bytes")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
