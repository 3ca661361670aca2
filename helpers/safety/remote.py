"""Photos on other machines: whatever fsspec can open by an address, such as ``s3://photos/1.jpg``."""

from typing import Any

MAX_BYTES = 100_000_000  #: of a file that is read over a network

#: What installs the packages that the course itself does not need.
INSTALL = "pip install -r requirements-cluster.txt -c constraints.txt"


def contents(photo: Any) -> Any:
    """The bytes of a file named by an address with ``://``; anything else comes back as it is.

    Raises:
        ImportError: The package that opens such addresses is missing.
        OSError: The file cannot be read.
        ValueError: It is too large to be a photo.
    """
    if not isinstance(photo, str) or "://" not in photo:
        return photo
    try:
        import fsspec
    except ImportError:
        raise ImportError(f"addresses such as {photo!r} need fsspec: {INSTALL}") from None
    try:
        with fsspec.open(photo, "rb") as file:
            found = file.read(MAX_BYTES + 1)
    except ImportError:  # in one sentence it says which package opens them
        raise
    except Exception as error:  # each kind of storage raises its own
        words = str(error) or type(error).__name__
        raise OSError(f"{photo!r} cannot be read ({words})") from None
    if len(found) > MAX_BYTES:
        raise ValueError(f"{photo!r} is too large; a photo has at most {MAX_BYTES:,} bytes")
    return found
