"""Zip archives from the internet, unpacked without trusting them."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

#: What an archive may unpack to at most: bounds against hostile ones.
MAX_UNPACKED_BYTES = 400_000_000
MAX_FILES = 20_000

#: What zipfile raises on damaged archives.
_DAMAGE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, OverflowError, RuntimeError, UnicodeError),
)


def unpack(archive: str | os.PathLike, folder: str | os.PathLike) -> None:
    """Unpack a zip archive's files into a folder; refuse anything that would leave it.

    Every file's checksum is verified on the way. Links and special files are refused, whatever
    they point to.

    Raises:
        OSError: There is no such archive, it may not be read, or the disk is full.
        ValueError: A name leads out of the folder, a link, a damaged file, or far too much data.
    """
    folder = Path(folder)
    name = Path(archive).name
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            for member in members:
                _check_member(member)
            _check_together(members)
            if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                raise ValueError(f"{name} would unpack to over {MAX_UNPACKED_BYTES} bytes")
            for member in members:
                target = folder.joinpath(*PurePosixPath(member.filename).parts)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(member) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
    except _DAMAGE as error:
        reason = "".join(filter(str.isprintable, str(error)))[:200]
        raise ValueError(f"{name} is damaged or no zip archive ({reason})") from None


def _check_member(member: zipfile.ZipInfo) -> None:
    if len(member.filename) > 200 or not member.filename.isprintable():
        raise ValueError(f"the archive's {member.filename[:50]!r} is no name for a file")
    path = PurePosixPath(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    leaves = path.is_absolute() or ".." in path.parts or not path.parts
    if leaves or any(char in member.filename for char in ":\\\0"):
        raise ValueError(f"the archive's {member.filename!r} would leave its folder")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ValueError(f"the archive's {member.filename!r} is a link or no ordinary file")
    if member.flag_bits & 0x1:
        raise ValueError(f"the archive's {member.filename!r} is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"the archive's {member.filename!r} is packed in an unusual way")
    if member.header_offset < 0:
        raise zipfile.BadZipFile("a file begins before the archive")


def _check_together(members: list[zipfile.ZipInfo]) -> None:
    files = [PurePosixPath(member.filename) for member in members if not member.is_dir()]
    if len(members) > MAX_FILES:
        raise ValueError(f"the archive holds more than {MAX_FILES} files")
    if len(set(files)) < len(files):
        raise ValueError("a name in the archive comes twice")
    folders = {folder for member in members for folder in PurePosixPath(member.filename).parents}
    folders |= {PurePosixPath(member.filename) for member in members if member.is_dir()}
    if folders.intersection(files):
        raise ValueError("a name in the archive is both a file and a folder")
