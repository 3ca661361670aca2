"""What keeps the lessons safe, and need not be read to follow them.

Photos, weights files and downloads that cannot be trusted, and the check of the environment.
``helpers.quiet`` and ``helpers.packages``, which lessons name themselves, belong here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path


def expanded(path: str | os.PathLike) -> Path:
    """A path with ``~`` as the home folder; as it is where nobody knows whose home that is."""
    with contextlib.suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


def give_back_freed() -> None:
    """Hand memory that was freed back to the system; glibc would keep much of it for later.

    On other C libraries this does nothing.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
