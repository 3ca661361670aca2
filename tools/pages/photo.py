"""The page on which a visitor's own photo goes through block 1, in the browser."""


def page():
    return "# Your own photo\n"


def write(html, cache):
    pass
