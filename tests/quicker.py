"""Lessons made shorter where a test runs them again only to see that they run.

Their numbers are tested elsewhere: nbval runs every lesson in full.
"""

from __future__ import annotations

from typing import Any

#: What a lesson's code says, and what takes less time.
SHORTER = {
    "levels, collection.files(), images": "levels, collection.files()[::2], images",  # 07: photos
    'e}"] for file in collection.files()]': 'e}"] for file in collection.files()[::2]]',
    "len(tastes.photos) == 481 and": "len(tastes.photos) == 241 and",
    "rng.choice(231, 9": "rng.choice(111, 9",
    '"fresh": 5, "shuffled": 5': '"fresh": 2, "shuffled": 2',  # 08: seeds of chance
    "objective, start, steps=48).pictures": "objective, start, steps=12).pictures",  # 09: climbing
    "widgets.preferred_pictures(model)": "widgets.preferred_pictures(model, "
    '["block1_conv1", "block5_conv1"])',
    "collection.files()[::20], side)": "collection.files()[::40], side)",  # 10: photos
    "len(covers) == count == 25": "len(covers) == count",
    '("fresh", 0), ("fresh", 1), ("shuffled", 0), ("shuffled", 1)]': '("shuffled", 0)]',  # 11
    "steps=48, progress=False": "steps=12, progress=False",  # 11: climbing
}


def shorten(notebook: Any) -> Any:
    """Put the shorter code into a notebook's cells; returns the notebook."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for long, short in SHORTER.items():
                cell.source = cell.source.replace(long, short)
    return notebook
