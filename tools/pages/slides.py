"""Decks."""


def write(folder, course, made):
    folder.mkdir()
    for path in course.lessons:
        (folder / f"{path.stem}.html").write_text("<p>")
