"""Pages about what lasts: their head is there before the work is done, they say how far it is, and end with who reads."""

import logging
import re
import threading
from collections.abc import Iterator
from itertools import count
from queue import Queue
from typing import Any, NoReturn

import httpx
import pytest
from playwright.sync_api import expect

from door import chain
from door.db import Db
from door.journal import intact
from portal.lasting import AT_ONCE
from portal.pages import audit
from portal.who import access
from portal.who.asking import COOKIE
from tasks import replay
from tests.portal.browser import Served, looked, serving
from tests.portal.conftest import Office
from tests.portal.test_audit import last
from tests.portal.test_failures import HEADERS, Defect, signed_in

LONG_S = 60
FAR = re.compile(r"<p>Chains: ([\d,]+) of ([\d,]+) entries</p><progress max=\"3\" value=\"([\d.]+)\"")


@pytest.fixture
def browser(office: Office) -> Iterator[httpx.Client]:
    """An auditor's, at a server."""
    with serving(office) as address, signed_in(office, address) as made:
        yield made


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Queue[Db]:
    """The connections that are closed."""
    found, close = Queue[Db](), Db.close

    def closing(db: Db) -> None:
        close(db)
        found.put(db)

    monkeypatch.setattr(Db, "close", closing)
    return found


def sending(browser: httpx.Client, path: str) -> Any:
    return browser.stream("POST", path, data={"_form": access.csrf(browser.cookies[COOKIE])}, timeout=LONG_S)


def until(text: str, pieces: Iterator[str]) -> str:
    """What comes up to a piece with the text in it."""
    found = ""
    while text not in found:
        found += next(pieces)
    return found


def test_the_page_is_there_while_the_first_entry_is_still_looked_at(
    browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def held(row: Any) -> bool:
        assert go_on.wait(LONG_S)
        return intact(row)

    monkeypatch.setattr(chain, "intact", held)
    monkeypatch.setattr(chain, "_BLOCK", 100)
    with sending(browser, "/audit/verify") as answer:
        pieces = answer.iter_text()
        head = until("Verifying everything. Leave this page open", pieces)
        go_on.set()
        rest = "".join(pieces)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert [n for n in HEADERS if n not in answer.headers] == []
    assert ("<h1>Runs</h1>" in head, "No fault" in head) == (True, False)
    said = [(int(n.replace(",", "")), int(of.replace(",", "")), float(bar)) for n, of, bar in FAR.findall(head + rest)]
    assert len(said) > 5
    assert [n for n, *_ in said] == sorted({n for n, *_ in said})
    assert said[-1][0] == said[-1][1], "at last all of them"
    assert [bar for *_, bar in said] == [round(1 + n / of, 2) for n, of, _ in said]
    assert rest.index("Chains:") < rest.index("Tables:") < rest.index("✓ No fault") < rest.index("</html>")


def test_of_a_replay_it_is_said_how_many_cases_are_decided_again(
    office: Office, browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, recheck, run = threading.Event(), replay.recheck, last(office.db, "manager_review")

    def held(*args: Any) -> Any:
        assert go_on.wait(LONG_S)
        return recheck(*args)

    monkeypatch.setattr(replay, "recheck", held)
    monkeypatch.setattr(replay, "BATCH", 3)
    with sending(browser, f"/audit/runs/{run}/replay") as answer:
        pieces = answer.iter_text()
        head = until(" cases</p>", pieces)
        go_on.set()
        rest = "".join(pieces)
    cases = 1 + office.db.rows("SELECT count(DISTINCT stream) FROM entry WHERE run = ?", run)[0][0]
    said = re.findall(r"<p>(\d+) of (\d+) cases</p>", head + rest)
    assert said[:2] == [("0", str(cases)), ("3", str(cases))]
    assert "✓ Equal:" in rest


def test_who_goes_away_ends_the_work_and_its_connection(
    browser: httpx.Client, closed: "Queue[Db]", monkeypatch: pytest.MonkeyPatch
) -> None:
    used = Queue[Db]()

    def endless(db: Db, *_: Any, told: Any) -> NoReturn:
        used.put(db)
        with db.snapshot():
            for n in count():
                told("chains", n, 1)
        raise AssertionError

    monkeypatch.setattr(audit, "verify", endless)
    with sending(browser, "/audit/verify") as answer:
        until("Chains: 9 of 1", answer.iter_text())
    own = used.get(timeout=LONG_S)
    while closed.get(timeout=LONG_S) is not own:
        pass


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_however_many_ask_for_what_lasts_the_others_are_answered(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, go_on = Queue[Db](), threading.Event()

    def held(db: Db, *_: Any, told: Any) -> NoReturn:
        at_work.put(db)
        assert go_on.wait(LONG_S)
        raise Defect

    def asked(browser: httpx.Client) -> None:
        with sending(browser, "/audit/verify") as answer:
            answer.read()

    monkeypatch.setattr(audit, "verify", held)
    with serving(office) as address, signed_in(office, address) as browser:
        many = [signed_in(office, address) for _ in range(45)]
        asking = [threading.Thread(target=asked, args=(each,)) for each in many]
        for each in asking:
            each.start()
        for _ in range(AT_ONCE):
            at_work.get(timeout=LONG_S)
        try:
            assert browser.get("/inbox", timeout=LONG_S / 2).status_code == 200
            assert at_work.empty()
        finally:
            go_on.set()
            for each, its in zip(asking, many, strict=True):
                each.join()
                its.close()
    assert at_work.qsize() == 45 - AT_ONCE, "each has its turn"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_defect_on_the_way_is_said_on_the_page_with_the_number_that_stands_in_the_log(
    browser: httpx.Client, closed: "Queue[Db]", language: str, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    used = Queue[Db]()

    def broken(db: Db, *_: Any, told: Any) -> NoReturn:
        used.put(db)
        told("chains", 1, 2)
        raise Defect

    monkeypatch.setattr(audit, "verify", broken)
    browser.cookies.set("language", language)
    with caplog.at_level(logging.ERROR), sending(browser, "/audit/verify") as answer:
        page = answer.read().decode()
        own = used.get(timeout=LONG_S)
        while closed.get(timeout=LONG_S) is not own:
            pass
        after = browser.get("/audit")
    (number,) = re.findall(r"<code>(e-[0-9a-f]{6})</code>", page)
    assert {"en": "Nothing was changed.", "ko": "바뀐 것은 없습니다."}[language] in page
    assert ("Defect" in page, page.rstrip().endswith("</html>")) == (False, True)
    assert (number in caplog.text, after.status_code) == (True, 200)


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_the_page_shows_only_how_far_it_is_now_and_at_last_what_came_of_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, seen = threading.Event(), count()

    def held(row: Any) -> bool:
        assert next(seen) < 1500 or go_on.wait(LONG_S)
        return intact(row)

    monkeypatch.setattr(chain, "intact", held)
    monkeypatch.setattr(chain, "_BLOCK", 100)
    page = served.at(served.office.of("auditor"))
    page.goto("/audit")
    with page.expect_navigation(wait_until="commit"):
        page.get_by_role("button", name="Verify everything").click(no_wait_after=True)
    try:
        expect(page.get_by_text("Chains: 1,500 of")).to_be_visible()
        expect(page.locator("progress:visible")).to_have_count(1)
        looked(page, "audit-verifying")
    finally:
        go_on.set()
    expect(page.get_by_text("✓ No fault")).to_be_visible()
    expect(page.locator("progress:visible")).to_have_count(0)
    expect(page.get_by_text("Leave this page open")).to_be_hidden()
