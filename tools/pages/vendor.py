"""Scripts from npm: fetched once, kept, and part of the site, so that it works offline."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

#: Package and version, and the files of it that are used.
REVEAL = (
    "reveal.js",
    "6.0.2",
    ("dist/reveal.mjs", "dist/reveal.css", "dist/plugin/notes.mjs", "LICENSE"),
)
TENSORFLOW = ("@tensorflow/tfjs", "4.22.0", ("dist/tf.min.js",))


class Missing(Exception):
    """A script can't be had; the message says what would help."""


def files(package: tuple, cache: Path) -> dict[str, bytes]:
    """A package's files by their names without folders.

    Raises:
        Missing: npm is not installed, or can't fetch the package.
    """
    name, version, wanted = package
    folder = cache / "npm" / f"{name.replace('/', '-')}-{version}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        if shutil.which("npm") is None:
            raise Missing(f"npm is missing, which fetches {name} once: install Node.js")
        with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
            told = subprocess.run(
                ["npm", "pack", "--silent", f"{name}@{version}", "--pack-destination", unfinished],
                capture_output=True, text=True,
            )  # fmt: skip
            packed = [*Path(unfinished).glob("*.tgz")]
            if told.returncode or not packed:
                words = (told.stderr.strip().splitlines() or ["no word why"])[-1]
                raise Missing(f"npm could not fetch {name} {version}: {words}")
            made = Path(unfinished, "made")
            made.mkdir()
            with tarfile.open(fileobj=io.BytesIO(packed[0].read_bytes())) as archive:
                for path in wanted:
                    content = archive.extractfile(f"package/{path}").read()
                    (made / Path(path).name).write_bytes(content)
            try:
                made.replace(folder)
            except OSError:
                if not folder.is_dir():  # if it is, another process was quicker
                    raise
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def copy(package: tuple, cache: Path, folder: Path) -> None:
    """Put a package's files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files(package, cache).items():
        (folder / name).write_bytes(content)
