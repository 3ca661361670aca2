"""Keras on TensorFlow, imported without TensorFlow's start-up log.

TensorFlow writes a handful of notices about the processor straight to the process's error
stream while it is imported, whatever ``TF_CPP_MIN_LOG_LEVEL`` says. They mean nothing to a reader
and would end up, machine-specific, in every notebook. Use ``from helpers.quiet import keras``.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

__all__ = ["keras"]


@contextlib.contextmanager
def _error_stream_muted() -> Iterator[None]:
    """Send file descriptor 2 to nowhere; exceptions still come through."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no such descriptor, as under some servers: nothing to mute
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (no path, a device)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
with _error_stream_muted():
    import keras
