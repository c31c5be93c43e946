"""A mail scanner opens whatever it finds in a letter, and prefetches, before its reader does: nothing may come of it."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from tests.portal.conftest import ON_ONE, Office
from tests.portal.links import able, digest, link, restriction, waiting

LINKS = re.compile(r'(?:href|src|action)="([^"#]+)"')
COUNTED = ("entry", "cases", "item", "notice", "message", "session", "throttle", "draft", "upload", "alert")
PREFETCH = {"purpose": "prefetch", "sec-purpose": "prefetch;prerender", "x-moz": "prefetch"}
DEPTH, MOST = 2, 40  # pages deep, and in all


def counts(office: Office) -> dict[str, object]:
    """How much there is of everything, where each case stands, and whose password was asked for when."""
    found: dict[str, object] = {t: office.db.rows(f"SELECT count(*) FROM {t}") for t in COUNTED}
    found["heads"] = office.db.rows("SELECT id, seq, head, step FROM cases ORDER BY id")
    found["proved"] = office.db.rows("SELECT token, proved_at, ends_at FROM session ORDER BY token")
    return found


def scanned(office: Office, start: str, person: str | None) -> Iterator[str]:
    """Follows every link, form addresses too, by GET, HEAD and prefetch, some pages deep."""
    browser = office.at(person) if person else office.browser()
    seen, todo = set[str](), [(start, 0)]
    while todo:
        address, depth = todo.pop(0)
        if address in seen or depth > DEPTH or len(seen) == MOST:
            continue
        seen.add(address)
        browser.head(address)
        browser.get(address, headers=PREFETCH)
        browser.options(address)
        page = browser.get(address)
        assert page.status_code < 500, address
        found = [page.headers["location"]] if "location" in page.headers else LINKS.findall(page.text)
        todo += [(ours, depth + 1) for a in found if (ours := _ours(address, a))]
        yield address


def _ours(page: str, address: str) -> str:
    there = urlsplit(urljoin(f"http://127.0.0.1{page}", address.replace("&amp;", "&")))
    return there.path + (f"?{there.query}" if there.query else "") if there.hostname == "127.0.0.1" else ""


@ON_ONE
def test_a_scanner_that_opens_everything_twice_changes_nothing(office: Office) -> None:
    case, _, _ = restriction(office)
    starts = [link(office, case, able(office, case)[0]), link(office, *waiting(office, "review"))]
    before = counts(office)
    for _ in range(2):
        for start in starts:
            reached = list(scanned(office, start, None))
            assert f"/signin?next={start}" in reached
    assert counts(office) == before
    assert office.woken == []


@ON_ONE
def test_a_scanner_that_opens_all_links_of_a_digest_changes_nothing_either(office: Office) -> None:
    cases = [restriction(office)[0] for _ in range(3)]
    links = digest(office, able(office, cases[0])[0])
    assert set(cases) <= links.keys()
    before = counts(office)
    for start in links.values():
        assert f"/signin?next={start}" in list(scanned(office, start, None))
    assert counts(office) == before
    assert office.woken == []


@ON_ONE
def test_even_with_the_readers_own_session_looking_decides_nothing(office: Office) -> None:
    """A browser that fetches ahead carries the reader's cookie."""
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    start = link(office, case, bae)
    office.at(bae)
    before = counts(office)
    for _ in range(2):
        assert f"/cases/{case}" in list(scanned(office, start, bae))
    assert counts(office) == before
    assert office.woken == []


def test_a_form_without_the_readers_session_or_from_elsewhere_changes_nothing(office: Office) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    start = link(office, case, bae)
    sent = {"decision": "confirm", "key": "k", "seen": "1"}
    office.at(bae)
    before = counts(office)
    assert office.browser().post(start, data=sent).status_code == 303
    assert office.at(bae).post(start, data=sent).status_code == 403
    assert office.at(bae).post(start, data={**sent, "_form": office.form(office.of("auditor"))}).status_code == 403
    after = counts(office)
    after["session"], after["proved"] = before["session"], before["proved"]  # the auditor's is new
    after["entry"] = before["entry"]
    assert after == before
    assert office.db.rows("SELECT step FROM cases WHERE id = ?", case) == [("confirm",)]
