"""The first hour: its stops exist, are an hour together, and leave time to talk."""

import re
from pathlib import Path

import minutes
import nbformat
import pytest
import rebuild

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "first_hour.md").read_text(encoding="utf-8")
STOPS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+ ", line)
]
LESSONS = {path.name[:2]: path for path in rebuild.lessons()}


def sections(path):
    """The cells of each section of a lesson, by its heading."""
    found, heading = {}, ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and (match := re.search(r"^##+ (.+)$", cell.source, re.M)):
            heading = match[1]
        found.setdefault(heading, []).append(cell)
    return found


def test_the_stops_are_numbered_and_take_an_hour():
    assert [int(stop[0]) for stop in STOPS] == list(range(1, len(STOPS) + 1))
    assert sum(int(stop[1]) for stop in STOPS) == 60
    assert {stop[2] for stop in STOPS} == {"00", "04", "07", "09"}
    assert [stop[2] for stop in STOPS] == sorted(stop[2] for stop in STOPS)
    assert all("?" in stop[4] for stop in STOPS)


@pytest.mark.parametrize("stop", [s for s in STOPS if s[2] in LESSONS], ids=lambda stop: stop[0])
def test_a_stop_is_a_section_and_has_the_minutes_that_it_takes(stop):
    found = sections(LESSONS[stop[2]])
    assert stop[3] in found, f"lesson {stop[2]} has {list(found)}"
    assert int(stop[1]) >= minutes.minutes(found[stop[3]], in_class=True) - 0.5


def test_sections_that_a_student_is_sent_to_exist():
    alone = " ".join(PAGE.partition("## Alone")[2].split())
    sent = re.findall(r"\*\*Lesson (\d\d)(.*?)\.\*\*", alone)
    assert len(sent) == 5
    for lesson, words in sent:
        for section in re.findall(r'"([^"]+)"', words):
            if lesson in LESSONS:
                assert section.rstrip(",") in sections(LESSONS[lesson]), section
