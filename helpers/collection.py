"""The course's own photos: 100 cats, 100 dogs and some 300 other things, under ``data/photos``."""

from pathlib import Path

#: A folder for each group; the table ``photos.csv`` says what photos show, and whose they are.
FOLDER = Path(__file__).resolve().parents[1] / "data" / "photos"

GROUPS = ("cats", "dogs", "others")


def find(name: str) -> Path | None:
    """The file of a photo by its name, such as ``bengal_16``; None if there is none."""
    if not name.replace("_", "").isalnum():
        return None
    files = (FOLDER / group / f"{name[:100]}.webp" for group in GROUPS)
    return next((file for file in files if file.is_file()), None)


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
