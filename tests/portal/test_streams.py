"""The streams of the journal on a page: sign-ins and refusals, the gate's answers, accounts; page by page, for an auditor."""

import re
from html import unescape

import pytest

from door.act import note
from door.db import Db
from portal.pages.streams import PAGE
from tests.portal.conftest import Office
from tests.portal.links import able, waiting
from tests.portal.paged import paged
from tests.tasks.forge import without_triggers

SEQ = re.compile(r'<span class="seq">(\d+)</span>')
LISTED = re.compile(r'<a href="/audit/streams/([^"?]+)">')


@pytest.fixture
def auditor(office: Office) -> str:
    person = office.of("auditor")
    office.at(person)
    return person


def read(office: Office, person: str, path: str) -> str:
    page = office.at(person).get(path.replace("&amp;", "&"))
    assert page.status_code == 200, path
    return page.text


def noted(office: Office, stream: str, n: int) -> None:
    clock = office.house.clock(office.house.business_date())
    for k in range(n):
        note(office.db, stream, "attempt", "system", {"k": f"number {k}"}, clock)


def test_a_persons_sign_ins_and_refusals_are_read_by_an_auditor(office: Office, auditor: str) -> None:
    case, _ = waiting(office, "check")
    manager = office.of("account_manager")
    assert manager not in able(office, case)
    office.browser().post("/signin", data={"username": manager, "password": "wrong"})
    office.post(manager, f"/cases/{case}", act="claim", seen=1)
    where = read(office, auditor, f"/staff/people/{manager}")
    link = re.search(r'href="([^"]+)">Sign-ins and refusals<', where)
    assert link
    listed = LISTED.findall(read(office, auditor, link[1]))
    assert listed == [f"person%3A{manager}"]
    page = read(office, auditor, f"/audit/streams/{listed[0]}")
    assert "Sign-in refused" in page
    assert "Signed in" in page
    assert "each follows the one before it" in page
    refused = read(office, auditor, f"/audit/streams/person:{manager}?action=sign_in_refused")
    assert refused.count("Sign-in refused") == 1
    assert "Signed in</b>, " not in refused


def test_a_refusal_is_told_in_a_sentence_with_its_case(office: Office, auditor: str) -> None:
    ((stream, payload),) = office.db.rows(
        "SELECT stream, payload FROM entry WHERE action = 'refused' ORDER BY stream LIMIT 1"
    )
    page = read(office, auditor, f"/audit/streams/{stream}")
    assert "Refused by the door" in page
    assert re.search(r'<a href="/cases/\d+">Case \d+</a>', page)
    assert '"code"' in payload
    assert "code:" not in page
    assert "Act: Verify as adequate" in page
    office.at(auditor).cookies.set("language", "ko")
    assert "행위: 적정으로 확인" in read(office, auditor, f"/audit/streams/{stream}")


def test_the_gates_answers_are_found_by_facility_with_their_reasons(office: Office, auditor: str) -> None:
    ((stream, n),) = office.db.rows(
        "SELECT stream, count(*) FROM entry WHERE action = 'refuse' GROUP BY stream ORDER BY stream LIMIT 1"
    )
    facility = stream.removeprefix("gate:")
    assert 'href="/audit/streams?of=gate"' in read(office, auditor, "/controls")
    assert LISTED.findall(read(office, auditor, f"/audit/streams?of=gate&q={facility}")) == [f"gate%3A{facility}"]
    page = read(office, auditor, f"/audit/streams/{stream}?action=refuse")
    assert page.count("<b>Payment refused</b>") == n
    assert re.search(r"Amount: ₩[\d,]+; Facility: \S+", page)


def test_what_is_recorded_is_said_in_the_readers_words(office: Office, auditor: str) -> None:
    clock, officer = office.house.clock(office.house.business_date()), office.of("post_loan_officer")
    name = office.db.rows("SELECT name FROM person WHERE id = ?", officer)[0][0]
    for stream, action, said in (
        ("attempt:f1", "attempt", {"run": 7, "flow_run": "f1", "code": "1.2", "stage": "manager_review"}),
        (f"person:{officer}", "signed_in", {"address": "127.0.0.1", "by": "password"}),
        (f"person:{officer}", "signed_out", {"everywhere": True}),
        ("staff:x", "role_granted", {"role": "account_manager", "since": "2026-01-05", "until": None}),
        ("staff:x", "person_changed", {"before": {"name": "A", "until": None}, "now": {"name": "A", "until": "2026-03-31"}}),
        ("program:core", "program_added", {"person": officer, "scopes": ["read", "checks:write"], "odd_field": 3}),
    ):  # fmt: skip
        note(office.db, stream, action, "system", said, clock)
    pages = {kind: unescape(read(office, auditor, f"/audit/streams/{kind}"))
             for kind in ("attempt:f1", f"person:{officer}", "staff:x", "program:core")}  # fmt: skip
    attempt, person, staff, program = pages.values()
    assert "Code: 1.2; Flow run of Prefect: f1; Run: 7; Stage: Manager review" in attempt
    assert "Address: 127.0.0.1; Signed in with: password" in person
    assert "On all devices: Yes" in person
    assert "Role: account manager; From: Mon 5 Jan 2026" in staff
    assert "Until: – → Tue 31 Mar 2026<" in staff
    assert f"<code>odd_field</code>: 3; Person: {name}; May do: read; checks:write" in program
    office.at(auditor).cookies.set("language", "ko")
    assert "로그인 방법: 비밀번호" in read(office, auditor, f"/audit/streams/person:{officer}")


def test_streams_are_read_page_by_page_without_a_gap(office: Office, auditor: str) -> None:
    for k in range(PAGE + 3):
        noted(office, f"attempt:a{k:03d}", 1)
    wanted = [name for (name,) in office.db.rows("SELECT name FROM stream")]
    found = paged(office.at(auditor), "/audit/streams", LISTED)
    assert [name.replace("%3A", ":") for name in found] == sorted(wanted)


def test_entries_are_read_page_by_page_from_the_newest(office: Office, auditor: str) -> None:
    noted(office, "attempt:long", 2 * PAGE + 1)
    found = paged(office.at(auditor), "/audit/streams/attempt%3Along", SEQ, "each follows the one before it")
    assert list(map(int, found)) == list(range(2 * PAGE + 1, 0, -1))


def test_a_chain_that_was_broken_is_said(office: Office, auditor: str, db: Db) -> None:
    noted(office, "attempt:some", 3)
    without_triggers(db)
    db.run("UPDATE entry SET payload = '{\"k\":\"number 9\"}' WHERE stream = 'attempt:some' AND seq = 2")
    assert "The chain is broken here" in read(office, auditor, "/audit/streams/attempt:some")
    db.run("DELETE FROM entry WHERE stream = 'attempt:some' AND seq = 2")
    assert "The chain is broken here" in read(office, auditor, "/audit/streams/attempt:some")
    assert "The chain is broken here" not in read(office, auditor, "/audit/streams/attempt:some?action=attempt")


def test_what_is_erased_is_said_to_be(office: Office, auditor: str) -> None:
    noted(office, "attempt:some", 1)
    office.db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE stream = 'attempt:some'")
    page = read(office, auditor, "/audit/streams/attempt:some")
    assert "What it said is erased, by right." in page
    assert "The chain is broken here" not in page


def test_a_cases_stream_is_read_on_its_page_and_no_stream_is_made_up(office: Office, auditor: str) -> None:
    ((id_, stream),) = office.db.rows("SELECT id, stream FROM cases WHERE process = 'policy' ORDER BY id LIMIT 1")
    answer = office.at(auditor).get(f"/audit/streams/{stream}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{id_}")
    for name in ("person:nobody", "gate:", "x", "%25"):
        assert office.at(auditor).get(f"/audit/streams/{name}").status_code == 404
    assert "No such stream." in read(office, auditor, "/audit/streams?of=gate&q=%25")
    assert "No such entry." in read(office, auditor, f"/audit/streams/person:{auditor}?action=allow")


def test_who_keeps_the_staff_or_operates_reads_nobodys_sign_ins(office: Office) -> None:
    for role in ("administrator", "operations"):
        person = office.of(role)
        assert office.at(person).get("/audit/streams").status_code == 404
        assert office.at(person).get(f"/audit/streams/person:{person}").status_code == 404
        for path in ("/audit", f"/staff/people/{person}"):
            assert "/audit/streams" not in office.at(person).get(path).text
