"""A list read page after page, there and back."""

import re
from html import unescape

from fastapi.testclient import TestClient

TURN = re.compile(r'<a class="btn" href="([^"]+)" rel="(prev|next)"')


def paged(browser: TestClient, address: str, row: re.Pattern[str], says: str = "") -> list[str]:
    """What the list has, followed to its end; on the way back each page is as it was, and the first is the one that he
    began with. `says`: what each page has to say."""
    found: list[list[str]] = []
    came: list[str] = []
    links = {"next": address}
    while "next" in links:
        came.append(links["next"])
        page = browser.get(links["next"])
        assert page.status_code == 200
        assert says in page.text
        found.append(row.findall(page.text))
        links = {rel: unescape(to) for to, rel in TURN.findall(page.text)}
    for place, rows in reversed(list(zip(came[:-1], found[:-1], strict=True))):
        assert links["prev"] == place
        page = browser.get(place)
        assert row.findall(page.text) == rows
        links = {rel: unescape(to) for to, rel in TURN.findall(page.text)}
    assert "prev" not in links
    return [each for rows in found for each in rows]
