"""What runs recorded is said in the reader's words and language: their reasons, what was skipped, how long it took, what was
changed of the staff, what a run wrote."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import orjson
import pytest

from door.command import SYSTEM
from portal.pages.operations import _span
from portal.words.automatic import automatic
from portal.words.plainly import names
from portal.words.reader import Reader
from processes import PROCESSES
from tasks import books
from tests.portal.conftest import Office
from tests.portal.links import waiting

KO = Reader("ko")
TEXTS = ("because", "reason", "why", "says")
ENGLISH = re.compile(r"[a-z]{3,} [a-z]{2,}|catch_up|\d{4}-\d\d-\d\d")


def texts(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        for name, value in said.items():
            if name in TEXTS and isinstance(value, str) and value:
                yield value
            yield from texts(value)
    elif isinstance(said, list):
        for each in said:
            yield from texts(each)


def test_whatever_the_runs_of_five_weeks_gave_as_a_reason_is_read_in_korean(office: Office) -> None:
    rows = office.db.rows("SELECT e.payload FROM entry e JOIN cases c ON c.stream = e.stream WHERE e.person = ? AND "
                          "c.process <> 'run' AND e.payload IS NOT NULL", SYSTEM)  # fmt: skip
    found = {text for (payload,) in rows for text in texts(orjson.loads(payload))}
    found |= {reason for (reason,) in office.db.rows("SELECT DISTINCT reason FROM due WHERE reason <> ''")}
    assert len(found) > 20
    assert {text for text in found if ENGLISH.search(automatic(text, KO))} == set()


@pytest.mark.parametrize(("text", "english", "korean"), [
    ("class 1 in the books; F-7 C3: orange", "Class in the books: Normal; facility F-7, C3: orange",
     "장부상 건전성 분류 정상; 여신 F-7, C3: 주황"),
    ("F-7: 95 days past due make class 3", "Facility F-7: 95 days past due, so Substandard", "여신 F-7: 95일 연체, 따라서 고정"),
    ("F-7: 1 days past due make class 2", "Facility F-7: 1 day past due, so Special mention", "여신 F-7: 1일 연체, 따라서 요주의"),
    ("lee made the last 1 visits", "Lee made the last visit", "Lee 직전 방문"),
    ("F-7: days past due not evaluated", "Facility F-7: days past due not evaluated", "여신 F-7: 연체일수 평가 불가"),
    ("no vendor under contract for SME in mapo", "No vendor under contract for SME in mapo", "Mapo의 SME에 계약된 수탁업체 없음"),
    ("no inspector may go: kim is related, lee made the last 2 visits",
     "No inspector may go: kim is related to the borrower, lee made the last 2 visits",
     "갈 수 있는 점검원 없음: kim 차주와 이해관계 있음, lee 최근 2회 연속 방문"),
    ("catch_up: latest", "Missed, and only the latest is made up for", "지난 것 가운데 최근 것만 실시"),
    ("catch_up: skip", "Missed, and not made up for", "지난 것은 실시하지 않음"),
    ("figure of 2026-01-05, no reason given", "Figure of Mon 5 Jan 2026, no reason given", "2026년 1월 5일 (월) 수치, 사유 없음"),
    ("handed in before with case 7", "Handed in before with case 7", "7번 건에서 이미 제출됨"),
    ("Sales fell; the owner is ill.", "Sales fell; the owner is ill.", "Sales fell; the owner is ill."),
])  # fmt: skip
def test_a_reason_in_the_readers_words(text: str, english: str, korean: str) -> None:
    assert automatic(text, Reader("en")) == english
    assert automatic(text, KO).casefold() == korean.casefold()


def test_a_vendor_a_branch_and_an_inspector_are_called_by_their_names(office: Office) -> None:
    case, vendor = office.db.rows("SELECT c.id, u.name FROM cases c JOIN entry e ON e.stream = c.stream JOIN unit u ON "
                                  "u.lane = 'vendor' WHERE e.action = 'assign' AND e.payload LIKE '%\"' || u.id || "
                                  "' covers %' ORDER BY c.id LIMIT 1")[0]  # fmt: skip
    page = unescape(office.at(office.of("auditor")).get(f"/cases/{case}").text)
    assert re.search(rf">\s*{vendor} covers \w+ in (every branch|[A-Z][^<]*)<", page)
    names = {"v": "Fieldsight", "mapo": "Mapo Branch", "lee": "Lee Jun"}
    assert automatic("v covers SE in mapo", Reader("en"), names=names) == "Fieldsight covers SE in Mapo Branch"
    assert automatic("v covers SE in *", Reader("en"), names=names) == "Fieldsight covers SE in every branch"
    assert (
        automatic("no inspector may go: lee is related", KO, names=names)
        == "갈 수 있는 점검원 없음: Lee Jun 차주와 이해관계 있음"
    )


def test_why_an_answer_is_none_is_read_in_korean_for_every_question_of_the_book(office: Office) -> None:
    book = books.book(office.db, books.in_force(office.db, office.house.business_date().isoformat()))
    why = {asked.refuses(value) for asked in book.checkpoints.values() for value in ("so so", "-1e9", "1e99", " ")} - {
        ""
    }
    assert len(why) > 5
    assert {text for text in why if re.search(r"is (none|no|below|above)|empty", automatic(text, KO))} == set()


@pytest.mark.parametrize(("seconds", "says"), [
    (41, "41초"), (72, "1분 12초"), (8520, "2시간 22분"), (86400, "1일"), (273600, "3일 4시간"), (0, "0초")
])  # fmt: skip
def test_how_long_in_korean(seconds: int, says: str) -> None:
    assert _span(seconds, KO) == says


def test_a_change_of_the_staff_is_told_in_the_readers_words(office: Office) -> None:
    admin, officer = office.of("administrator"), office.of("post_loan_officer")
    today, browser = office.house.business_date(), office.at(admin)
    said = {
        "_form": office.form(admin),
        "what": "grant",
        "person": officer,
        "role": "auditor",
        "since": today.isoformat(),
    }
    assert browser.post("/staff", data=said).status_code == 303
    browser.cookies.set("language", "ko")
    page = browser.get(f"/staff/people/{officer}").text
    assert f"역할: 감사인; 시작일: {KO.day(today)}" in page


def test_every_column_of_the_staff_that_is_changed_has_its_name() -> None:
    assert {"name", "unit", "language", "until", "role", "since", "deputy", "scheme", "lane", "calendar", "reports_to",
            "product", "per_day", "subject", "says"} <= names(str).keys()  # fmt: skip


def test_what_a_run_wrote_is_told_in_korean(office: Office) -> None:
    auditor = office.of("auditor")
    browser = office.at(auditor)
    browser.cookies.set("language", "ko")
    actions = {a for p in PROCESSES.values() for s in p.steps.values() for a in s.by_name} | {"remind"}
    runs = office.db.rows("SELECT DISTINCT run FROM entry WHERE run IS NOT NULL ORDER BY run DESC LIMIT 12")
    shown = set()
    for (run,) in runs:
        page = browser.get(f"/audit/runs/{run}").text
        wrote = {a for (a,) in office.db.rows("SELECT DISTINCT action FROM entry WHERE run = ?", run)}
        shown |= wrote
        for action in wrote & actions:
            assert not re.search(rf">\s*{action.replace('_', ' ')}\s*<", page, re.I), action
    assert len(shown & actions) > 5


def test_what_was_proposed_and_why_stands_on_the_managers_form_in_korean(office: Office) -> None:
    case, manager = waiting(office, "review")
    office.at(manager).cookies.set("language", "ko")
    for path in (f"/cases/{case}", f"/cases/{case}/conclude"):
        page = office.at(manager).get(path).text
        assert "장부상 건전성 분류" in page
        assert "in the books" not in page
