"""The course's own photos: 100 cats, 100 dogs and some 300 other things, under ``data/photos``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

#: Where they lie: one folder for each group, and the table ``photos.csv``.
FOLDER = Path(__file__).resolve().parents[1] / "data" / "photos"

GROUPS = ("cats", "dogs", "others")

_COLUMNS = ["file", "subject", "source", "license"]


class Credit(NamedTuple):
    """One row of the table: a photo, what it shows, where it comes from, and its license."""

    path: Path
    subject: str
    source: str
    license: str


def find(name: str) -> Path | None:
    """The file of a photo by its name, such as ``bengal_16``; None if there is none."""
    if not name.replace("_", "").isalnum():
        return None
    files = (FOLDER / group / f"{name[:100]}.webp" for group in GROUPS)
    return next((file for file in files if file.is_file()), None)


def credits(folder: Path = FOLDER) -> dict[str, Credit]:
    """What the table ``photos.csv`` says of each photo, by name, in the table's order.

    Args:
        folder: Where the table lies.

    Raises:
        FileNotFoundError: The table is missing.
        ValueError: It cannot be read, or does not have the columns file, subject, source, license.
    """
    table = folder / "photos.csv"
    try:
        with table.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
    except FileNotFoundError:
        raise FileNotFoundError(f"the table {table.name} is missing in {folder.name}") from None
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"{table.name} cannot be read as a table ({error})") from None
    if header != _COLUMNS:
        raise ValueError(f"{table.name} has the columns {header}, not {_COLUMNS}")
    found = {}
    for number, row in enumerate(rows, 2):
        if len(row) != len(_COLUMNS) or not all(row):
            raise ValueError(f"line {number} of {table.name} does not fill its four columns: {row}")
        name = Path(row[0]).stem
        if name in found:
            raise ValueError(f"line {number} of {table.name} names {name} a second time")
        found[name] = Credit(folder / row[0], *row[1:])
    return found


def files(*groups: str) -> list[Path]:
    """All photos of the groups asked for, sorted by path; without any, of all groups.

    Raises:
        FileNotFoundError: The course's photos are not there.
        ValueError: No such group.
    """
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        raise ValueError(f"no group {unknown[0]!r} of photos; there are {', '.join(GROUPS)}")
    found = [path for group in groups or GROUPS for path in sorted((FOLDER / group).glob("*.webp"))]
    if not found:
        raise FileNotFoundError("the course's photos are missing; get its folder data/photos again")
    return found
