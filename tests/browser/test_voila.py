"""A lesson as an app: Voilà runs it all and shows what it puts out."""

import explorers


def test_the_first_lessons_explorer_works_in_voila(start_server, open_page):
    address, _ = start_server(
        *("voila", "00_start_here.ipynb", "--no-browser", "--Voila.ip=127.0.0.1", "--port={port}"),
    )
    page = open_page()
    page.goto(address)
    explorer = page.locator(".cnn-explorer")
    explorer.locator("[role=slider][aria-label=Channel]").wait_for(timeout=120_000)
    assert not explorers.is_blank(explorer)
    assert explorers.move_all(explorer) == {0}
    caption = explorer.locator(".widget-html p").text_content()
    assert explorer.locator("img.widget-image").get_attribute("alt") == caption
    assert "Traceback" not in page.locator("body").text_content()
