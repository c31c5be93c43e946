"""The inbox of each role: what waits, filtered and paged by the address; taking in hand, deciding many at once."""

import html
import re
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from alembic import command

from door.db import Db, Row
from door.schema import config, connection
from door.store import read_case
from portal.words.reader import CLASSES, LEVELS, Reader
from tasks import books
from tasks.inbox import inbox
from tests.portal.conftest import ON_ONE, Office
from tests.portal.links import able, at_the_desk, do, restriction, returned, waiting
from tests.portal.paged import paged

LINK = re.compile(r'href="/cases/(\d+)"')
PICK = re.compile(r'name="item" value="(\d+)"[^>]*?( data-green)?><input type="hidden" name="seen.\d+" value="(\d+)"')


def picks(office: Office, person: str, step: str) -> list[tuple[int, str, str]]:
    """The rows of a step as his inbox has them: case, whether it is green, the version."""
    page = office.at(person).get(f"/inbox?step={step}").text
    return [(int(case), green, seq) for case, green, seq in PICK.findall(page)]


def said(office: Office, case: int) -> tuple[str, dict[str, object]]:
    """What was last done on a case, and what was said with it."""
    ((action, payload),) = office.db.rows(
        "SELECT e.action, e.payload FROM entry e JOIN cases c ON c.stream = e.stream WHERE c.id = ? "
        "ORDER BY e.seq DESC LIMIT 1", case)  # fmt: skip
    return action, orjson.loads(payload)


def busiest(office: Office) -> str:
    """The account manager whose green cases are the most."""
    rows = office.db.rows("SELECT r.manager FROM item i JOIN cases c ON c.id = i.case_id JOIN responsible r ON "
                          "r.subject = c.subject WHERE i.step = 'review' GROUP BY r.manager "
                          "ORDER BY count(*) DESC, r.manager")  # fmt: skip
    return str(rows[0][0])


@pytest.mark.parametrize("role", ["account_manager", "branch_head", "inspector", "post_loan_officer", "credit_manager"])
def test_the_inbox_shows_what_the_door_lets_him_do_and_nothing_else(office: Office, role: str) -> None:
    person = office.of(role)
    waits = inbox(office.db, books.rules(office.db), person, office.house.business_date().isoformat())
    assert isinstance(waits, list)
    page = office.at(person).get("/inbox")
    assert page.status_code == 200
    shown = [int(n) for n in LINK.findall(page.text)]
    assert shown == [w.state.id for w in waits if not w.state.held_until][:50]
    if not shown:
        assert "Nothing waits for you." in page.text
        assert not any(said in page.text for said in ('class="filters"', "<kbd>"))


def test_what_is_claimed_is_his_and_stands_under_claimed(office: Office) -> None:
    officer = office.of("post_loan_officer")
    case = LINK.findall(office.at(officer).get("/inbox").text)[0]
    assert office.post(officer, "/inbox", claim=case).status_code == 303  # type: ignore[attr-defined]
    assert office.db.rows("SELECT holder FROM item WHERE case_id = ?", int(case)) == [(officer,)]
    assert LINK.findall(office.at(officer).get("/inbox?tab=claimed").text) == [case]
    other = office.of("post_loan_officer", 1)
    assert case not in LINK.findall(office.at(other).get("/inbox").text)


def mixed(office: Office) -> tuple[str, list[tuple[str, str]], tuple[str, str]]:
    """A manager with green cases and another item: he, of the green ones case and version, and of the other."""
    for n in range(len(office.db.rows("SELECT person FROM role_grant WHERE role = 'account_manager'"))):
        rows = PICK.findall(office.at(office.of("account_manager", n)).get("/inbox").text)
        green = [(case, seq) for case, is_green, seq in rows if is_green]
        other = [(case, seq) for case, is_green, seq in rows if not is_green]
        if green and other:
            return office.of("account_manager", n), green[:3], other[0]
    raise AssertionError("no manager has green cases and others")


def tried(office: Office, person: str) -> int:
    """How often the door has refused him something."""
    ((n,),) = office.db.rows("SELECT count(*) FROM entry WHERE stream = ? AND action = 'refused'", f"person:{person}")
    return int(n)


def test_green_cases_are_decided_in_a_list_each_with_its_own_verdict_and_a_repeat_changes_nothing(
    office: Office,
) -> None:
    manager, green, other = mixed(office)
    chosen = [*green, other]
    fields = {"item": [c for c, _ in chosen], "act": "decide", "batch": "b1", "at_tab": "mine",
              **{f"seen.{c}": s for c, s in chosen}}  # fmt: skip
    before = tried(office, manager)
    for _ in range(2):
        told = office.post(manager, "/inbox", **fields).text  # type: ignore[attr-defined]
        assert (told.count("✓"), told.count("✕"), told.count("↻")) == (len(green), 1, 0)
        assert f"{len(green)} of {len(chosen)} done." in told
        assert re.search(rf'href="/cases/{other[0]}">[^<]*</a>: [^<]*open it to decide\.', told)
        assert office.db.rows("SELECT count(*) FROM entry WHERE action = 'conclude' AND key LIKE 'b1.%'") == [
            (len(green),)
        ]
    assert tried(office, manager) == before
    assert set(office.woken) == {"four_eyes_verification"}


def why(office: Office, person: str, case: int, address: str = "/inbox", language: str = "en") -> str:
    """What his inbox says of a case below its name, and its exposure."""
    browser = office.at(person)
    browser.cookies.set("language", language)
    page = browser.get(address).text
    browser.cookies.set("language", "en")
    found = re.search(
        rf'href="/cases/{case}">[^<]*</a><small class="dim">(.*?)</small>.*?class="num amt">(.*?)</td>', page, re.S
    )
    assert found, page
    return f"{html.unescape(found[1])} | {found[2]}"


def test_a_restriction_is_named_by_the_books_words_with_its_facility_and_who_proposed_it(office: Office) -> None:
    case, shin, facility = restriction(office)
    bae = able(office, case)[0]
    ((name,),) = office.db.rows("SELECT name FROM person WHERE id = ?", shin)
    says = why(office, bae, case)
    assert says.startswith(f"Restriction · K1 no drawing · Facility {facility} · proposed by {name} | ₩")
    assert why(office, bae, case, language="ko").startswith(
        f"여신제한 · K1 인출정지 · 여신 {facility} · 제안: {name} | "
    )
    broad, _, _ = restriction(office, "K4")
    assert "K4 no new business · All of the borrower's facilities" in why(office, able(office, broad)[0], broad)


def test_an_order_says_what_it_asks_and_what_was_last_done_about_it(office: Office) -> None:
    ((case,),) = office.db.rows("SELECT case_id FROM item WHERE step = 'in_work' ORDER BY case_id LIMIT 1")
    manager, day = able(office, case)[0], office.house.business_date()
    ((name,),) = office.db.rows("SELECT name FROM person WHERE id = ?", manager)
    kind = orjson.loads(office.db.rows("SELECT state FROM cases WHERE id = ?", case)[0][0])[5]["kind"]
    assert why(office, manager, case).startswith(f"Order · {kind} ")
    until = (day + timedelta(days=5)).isoformat()
    do(office, manager, "ask_extension", case, {"until": until, "reason": "The office in charge needs longer."})
    officer = able(office, case)[0]
    assert f"until {Reader('en').day(until)} asked for by {name}" in why(office, officer, case, "/inbox?step=extend")
    do(office, officer, "deny", case, {"reason": "There was time enough."})
    assert "more time was not granted" in why(office, manager, case, "/inbox?step=in_work")


def judged(page: str, case: int) -> tuple[str, str]:
    """Level and class as the row of a case has them."""
    row = page.partition(f'href="/cases/{case}"')[2]
    found = re.search(r'class="lvl">(.*?)</td>\s*<td role="cell" class="cls">(.*?)</td>', row, re.S)
    assert found
    return re.sub("<[^>]*>", "", found[1]), found[2]


def test_what_was_imposed_on_a_case_shows_its_level_and_class_and_is_found_by_them(office: Office) -> None:
    parent, shin = waiting(office, "decide")
    facts = read_case(office.db, parent).facts  # type: ignore[union-attr]
    do(office, shin, "impose", parent, {
        "restrictions": [{"kind": "K10", "reason": "Sales fell by half."}], "reason": "Sales fell by half.",
        "orders": [{"kind": "O1", "reason": "Show the figures."}]})  # fmt: skip
    opened = office.db.rows("SELECT id, process FROM cases WHERE parent = ? ORDER BY process", parent)
    assert [process for _, process in opened] == ["control", "order"]
    for case, _ in opened:
        person = able(office, case)[0]
        whole = office.at(person).get("/inbox").text
        assert judged(whole, case) == (f"L{facts['level']} {LEVELS[facts['level']]}",
                                       CLASSES[facts["class_"]].capitalize())  # fmt: skip
        for address, there in (
            (f"level={facts['level']}&class={facts['class_']}", True),
            (f"level={4 - facts['level']}", False),
        ):
            assert (str(case) in LINK.findall(office.at(person).get(f"/inbox?{address}").text)) is there


def test_a_hand_over_says_from_when_by_whom_and_how_much_and_a_version_of_the_book_which(office: Office) -> None:
    case, manager = waiting(office, "review")
    ((subject, unit),) = office.db.rows("SELECT c.subject, p.unit FROM cases c JOIN person p ON p.id = ? WHERE c.id = ?",
                                        manager, case)  # fmt: skip
    head = next(p for p in (office.of("branch_head", n) for n in range(9))
                if office.db.rows("SELECT 1 FROM person WHERE id = ? AND unit = ?", p, unit))  # fmt: skip
    to = next(p for p in (office.of("account_manager", n) for n in range(20)) if p != manager)
    day, reader = office.house.business_date().isoformat(), Reader("en")
    book = books.in_force(office.db, day)
    names = dict(office.db.rows("SELECT id, name FROM person"))
    passed = do(office, head, "hand_over", None, {"manager": to, "since": day, "reason": "He moves."},
                process="handover", subject=subject, slot=subject, book=book)  # fmt: skip
    owed = office.db.rows("SELECT sum(bal), min(currency) FROM facility WHERE borrower = ?", subject)[0]
    taker = able(office, passed)[0]
    assert why(office, taker, passed) == (
        f"Hand-over · from {reader.day(day)} · handed over by {names[head]} | {reader.money(*owed)}")  # fmt: skip
    assert judged(office.at(taker).get("/inbox").text, passed) == ("", "")
    editor = office.of("policy_editor")
    version = do(office, editor, "propose_book", None, {"book": book, "effective_from": day, "reason": "As it is."},
                 process="policy", subject="policy", book=book)  # fmt: skip
    says = why(office, able(office, version)[0], version)
    assert says == (f"Policy version · {books.book(office.db, book).version} · from {reader.day(day)} · "
                    f"proposed by {names[editor]} | ")  # fmt: skip


def test_an_inspection_says_what_was_found_or_why_it_came_back(office: Office) -> None:
    case, officer = waiting(office, "check")
    assert "· no finding |" in why(office, officer, case, "/inbox?step=check")
    returned(office, case, findings=True)
    assert "· one finding: " in why(office, able(office, case)[0], case, "/inbox?step=check")
    do(office, able(office, case)[0], "return", case,
       {"defects": [{"code": "B02", "where": "Meter"}], "reason": "It can't be read."})  # fmt: skip
    assert "· came back: B02 " in why(office, able(office, case)[0], case)
    desk, officer = at_the_desk(office, green=True)
    assert "· no finding, " in why(office, officer, desk, "/inbox?step=verify_desk")
    do(office, officer, "disagree", desk, {"outcome": "V2", "own_level": 2, "reason": "The stock is less than half."})
    assert "· disagreed with: V2 " in why(office, able(office, desk)[0], desk, "/inbox?step=review")


def test_who_verifies_blind_is_given_no_reason(office: Office) -> None:
    case, officer = waiting(office, "verify_site")
    assert re.match(r"Inspection · [a-z ]+ \| ₩", why(office, officer, case, "/inbox?step=verify_site"))


@pytest.mark.parametrize("role", ["post_loan_officer", "credit_manager"])
def test_nothing_is_asked_row_by_row(office: Office, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    person = office.of(role)
    office.at(person)
    asked, rows = Counter[str](), Db.rows

    def counted(db: Db, sql: str, *params: Any) -> list[Row]:
        asked[sql] += 1
        return rows(db, sql, *params)

    monkeypatch.setattr(Db, "rows", counted)
    shown = LINK.findall(office.at(person).get("/inbox").text)
    about = {sql: n for sql, n in asked.items() if re.search(r"FROM (entry|facility|book|person WHERE) ", sql)}
    assert {sql: n for sql, n in about.items() if n > 3} == {}
    assert len(about) >= 2
    assert len(shown) > 4


def test_what_is_not_his_or_no_longer_as_it_was_is_told_so_and_never_tried(office: Office) -> None:
    case, officer = at_the_desk(office, green=True)
    other = office.of("credit_manager")
    before = tried(office, other)
    stale = office.post(other, "/inbox", item=[case], act="decide", batch="b6", **{f"seen.{case}": "1"})
    assert (stale.status_code, "↻ Changed" in stale.text) == (409, True)  # type: ignore[attr-defined]
    barred = office.post(other, "/inbox", item=[case], act="decide", batch="b7")
    assert (barred.status_code, "✕ Refused" in barred.text) == (403, True)  # type: ignore[attr-defined]
    ((name,),) = office.db.rows("SELECT name FROM person WHERE id = ?", officer)
    assert re.search(rf"{name}[^.]* could\.", barred.text)  # type: ignore[attr-defined]
    assert tried(office, other) == before


@pytest.mark.parametrize(("role", "named"), [("account_manager", "Conclude the green ones as proposed"),
                                             ("post_loan_officer", "Accept the green packages"), ("inspector", ""),
                                             ("credit_manager", "")])  # fmt: skip
def test_deciding_in_a_list_is_offered_only_where_something_shown_is_green(
    office: Office, role: str, named: str
) -> None:
    person = busiest(office) if role == "account_manager" else office.of(role)
    page = office.at(person).get("/inbox").text
    assert re.findall(r'name="act" value="decide">([^<]*)<', page) == ([named] if named else [])
    assert ("Only green cases are decided in a list" in page) == bool(named)


def test_what_changed_after_the_page_was_made_is_not_decided(office: Office) -> None:
    manager = busiest(office)
    page = office.at(manager).get("/inbox?step=review").text
    case, _, seq = next(row for row in PICK.findall(page) if row[1])
    office.post(manager, "/inbox", claim=case)
    told = office.post(manager, "/inbox", item=[case], act="decide", batch="b2", **{f"seen.{case}": seq})
    assert "↻ Changed" in told.text  # type: ignore[attr-defined]
    assert office.db.rows("SELECT step FROM cases WHERE id = ?", int(case)) == [("review",)]


@pytest.mark.parametrize("concluded", [{"level": 2}, {"class_": 2}])
def test_a_green_case_concluded_above_its_proposal_is_not_verified_in_a_list(
    office: Office, concluded: dict[str, int]
) -> None:
    case, officer = at_the_desk(office, green=True, **concluded)
    [(_, is_green, seq)] = picks(office, officer, "verify_desk")
    assert not is_green
    office.post(officer, "/inbox", item=[case], act="decide", batch="b3", **{f"seen.{case}": seq})
    assert office.db.rows("SELECT step FROM cases WHERE id = ?", case) == [("verify_desk",)]


def test_a_green_case_concluded_as_proposed_is_verified_in_a_list(office: Office) -> None:
    case, officer = at_the_desk(office, green=True)
    [(_, is_green, seq)] = picks(office, officer, "verify_desk")
    assert is_green
    told = office.post(officer, "/inbox", item=[case], act="decide", batch="b4", **{f"seen.{case}": seq})
    assert "1 of 1 done." in told.text  # type: ignore[attr-defined]
    assert said(office, case) == ("verify", {"outcome": "V0", "own_level": 0, "note": ""})


def test_a_green_case_that_was_disagreed_with_is_not_concluded_in_a_list_again(office: Office) -> None:
    case, officer = at_the_desk(office, green=True)
    do(office, officer, "disagree", case, {"outcome": "V2", "own_level": 2, "reason": "The stock is less than half."})
    manager = able(office, case)[0]
    assert [row for row in picks(office, manager, "review") if row[0] == case and row[1]] == []


def test_packages_without_a_finding_are_checked_in_a_list_and_those_with_one_are_not(office: Office) -> None:
    clean, other = (id_ for (id_,) in office.db.rows("SELECT case_id FROM item WHERE step = 'check' ORDER BY case_id"))
    returned(office, other, findings=True)
    officer = able(office, clean)[0]
    rows = picks(office, officer, "check")
    assert {case: bool(is_green) for case, is_green, _ in rows} == {clean: True, other: False}
    fields = {"item": [clean, other], "act": "decide", "batch": "b5", **{f"seen.{c}": s for c, _, s in rows}}
    told = office.post(officer, "/inbox", **fields)
    assert "1 of 2 done." in told.text  # type: ignore[attr-defined]
    assert said(office, clean) == ("check", {"defects": [], "findings": []})
    assert office.db.rows("SELECT step FROM cases WHERE id = ?", other) == [("check",)]


def test_what_counts_at_the_check_is_what_was_found_in_the_newest_package(office: Office) -> None:
    case, _ = (id_ for (id_,) in office.db.rows("SELECT case_id FROM item WHERE step = 'check' ORDER BY case_id"))
    for findings in (True, False):
        returned(office, case, findings)
        rows = picks(office, able(office, case)[0], "check")
        assert [bool(is_green) for id_, is_green, _ in rows if id_ == case] == [not findings]


def two(office: Office) -> tuple[str, list[str]]:
    """An officer and two packages that wait for their check."""
    rows = [str(id_) for (id_,) in office.db.rows("SELECT case_id FROM item WHERE step = 'check' ORDER BY case_id")]
    return able(office, int(rows[0]))[0], rows[:2]


def test_two_are_claimed_handed_back_and_delegated_from_the_list(office: Office) -> None:
    officer, cases = two(office)
    holders = "SELECT DISTINCT holder FROM item WHERE step = 'check'"
    for action, holder in (("claim", officer), ("hand_back", None)):
        told = office.post(officer, "/inbox", item=cases, act=action, batch=f"b.{action}")
        assert "2 of 2 done." in told.text  # type: ignore[attr-defined]
        assert office.db.rows(holders) == [(holder,)]
    page = office.post(officer, "/inbox", item=cases, act="delegate", batch="b8").text  # type: ignore[attr-defined]
    to = re.findall(r'<option value="([^"]+)">', page)
    assert to
    assert officer not in to
    told = office.post(
        officer, "/inbox", item=cases, act="delegate", sent="yes", to=to[0], reason="On leave.", batch="b9"
    )
    assert "2 of 2 done." in told.text  # type: ignore[attr-defined]
    assert office.db.rows(holders) == [(to[0],)]
    assert said(office, int(cases[1])) == ("delegate", {"to": to[0], "reason": "On leave."})


@ON_ONE
@pytest.mark.parametrize(
    ("action", "typed", "errors"),
    [("hold", {"until": "", "reason": "The appraisal."}, {"until": "Choose a day."}),
     ("hold", {"until": "2999-99-99", "reason": "The appraisal."}, {"until": "Choose a day."}),
     ("hold", {"until": "2001-01-01", "reason": "The appraisal."}, {"until": "Choose a day after today."}),
     ("hold", {"until": "2999-12-31", "reason": " "}, {"reason": "Write why, in a sentence or two."}),
     ("delegate", {"to": "nobody", "reason": "On leave."}, {"to": "Choose who gets it."}),
     ("delegate", {"to": "nobody", "reason": ""}, {"to": "Choose who gets it.",
                                                  "reason": "Write why, in a sentence or two."})],
)  # fmt: skip
def test_what_is_missing_to_hand_on_or_put_aside_is_said_beside_its_field_and_what_was_typed_stays(
    office: Office, action: str, typed: dict[str, str], errors: dict[str, str]
) -> None:
    officer, cases = two(office)
    before = tried(office, officer)
    back = office.post(officer, "/inbox", item=cases, act=action, sent="yes", batch="b10", **typed)
    text = html.unescape(back.text)  # type: ignore[attr-defined]
    assert back.status_code == 422  # type: ignore[attr-defined]
    found = re.findall(r'<p class="err" id="(\w+)-e"><span class="vh">Error: </span>([^<]*)</p>', text)
    assert dict(found) == errors
    assert all(f'href="#{name}"' in text for name in errors)
    assert re.findall(r'name="item" value="(\d+)"', text) == cases
    if "reason" not in errors:
        assert f">{typed['reason']}</textarea>" in text
    if action == "hold":
        assert f'value="{typed["until"]}"' in text
    assert office.db.rows("SELECT count(*) FROM item WHERE holder IS NOT NULL AND step = 'check'") == [(0,)]
    assert tried(office, officer) == before


def test_what_the_door_refuses_to_put_aside_so_long_can_be_sent_again_with_another_day(office: Office) -> None:
    officer, cases = two(office)
    fields = {"item": cases, "act": "hold", "sent": "yes", "reason": "Waits for the appraisal."}
    back = office.post(officer, "/inbox", until="2999-12-31", batch="b11", **fields)
    assert (back.status_code, back.text.count("✕ Refused")) == (409, 2)  # type: ignore[attr-defined]
    assert ">Waits for the appraisal.</textarea>" in back.text  # type: ignore[attr-defined]
    again = dict(re.findall(r'name="(batch|seen\.\d+)" value="([^"]*)"', back.text))  # type: ignore[attr-defined]
    until = (office.house.business_date() + timedelta(days=1)).isoformat()
    assert "2 of 2 done." in office.post(officer, "/inbox", until=until, **fields, **again).text  # type: ignore[attr-defined]


def test_with_nobody_to_delegate_to_there_is_nothing_to_press(office: Office) -> None:
    case, manager = waiting(office, "review")
    office.db.run("DELETE FROM substitute WHERE absent = ?", manager)
    page = office.post(manager, "/inbox", item=[case], act="delegate").text  # type: ignore[attr-defined]
    assert "Nobody else may do it." in page
    assert 'value="delegate"' not in page


def test_a_long_inbox_is_paged_without_a_gap_or_a_repeat(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.pages.inbox.PAGE", 7)
    officer = office.of("post_loan_officer")
    whole = inbox(office.db, books.rules(office.db), officer, office.house.business_date().isoformat())
    assert isinstance(whole, list)
    assert paged(office.at(officer), "/inbox", LINK) == [str(w.state.id) for w in whole if not w.state.held_until]


def test_a_page_whose_items_are_done_leads_back(office: Office) -> None:
    page = office.at(office.of("post_loan_officer")).get("/inbox?after=9999-12-31.999999&came=2026-01-01.1").text
    assert "Nothing stands on this page any more." in page
    assert '<a href="/inbox?after=2026-01-01.1" rel="prev">One page back</a>' in page
    assert "Nothing waits for you." not in page


def test_who_verifies_blind_is_told_neither_level_nor_class_nor_by_a_filter(office: Office) -> None:
    officer = office.of("post_loan_officer")
    page = office.at(officer).get("/inbox?step=verify_site").text
    rows = re.findall(r'<td role="cell" class="lvl">(.*?)</td>\s*<td role="cell" class="cls">(.*?)</td>', page)
    assert rows
    assert all("blind" in level and class_ == "–" for level, class_ in rows)
    narrowed = [office.at(officer).get(f"/inbox?step=verify_site&{f}").text for f in ("class=1", "class=2", "level=0")]
    assert all("The filter finds nothing." in text for text in narrowed)


@pytest.mark.parametrize("name", ["level", "class"])
def test_a_filter_finds_all_that_have_the_value_and_no_others(office: Office, name: str) -> None:
    manager = busiest(office)
    waits = inbox(office.db, books.rules(office.db), manager, office.house.business_date().isoformat())
    assert isinstance(waits, list)
    facts = [(str(w.state.id), w.state.facts) for w in waits if not w.state.held_until]
    had = {id_: f.get("level", f.get("proposed_level")) if name == "level" else f.get("class_") for id_, f in facts}
    values = {value for value in had.values() if value is not None}
    assert values
    for value in values:
        found = LINK.findall(office.at(manager).get(f"/inbox?{name}={value}").text)
        assert found == [id_ for id_, its in had.items() if its == value][:50]


def test_items_of_before_carry_what_they_are_listed_by_once_the_database_is_brought_up(office: Office) -> None:
    carried = "SELECT case_id, facts FROM item WHERE process = 'inspection' ORDER BY case_id"
    before = office.db.rows(carried)
    assert any('"proposed_level"' in facts for _, facts in before)
    with connection(office.db.url) as c:
        command.downgrade(config(c), "0005")
        command.upgrade(config(c), "head")
    assert office.db.rows(carried) == before


@pytest.mark.parametrize(("tab", "says"), [("claimed", "You have claimed nothing."), ("held", "Nothing is on hold."),
                                           ("for:kim", "Nothing waits for you in the place of kim.")])  # fmt: skip
def test_an_empty_tab_says_what_it_is_empty_of_and_a_filter_is_cleared_within_it(
    office: Office, tab: str, says: str
) -> None:
    officer = office.of("post_loan_officer")
    page = office.at(officer).get(f"/inbox?tab={tab}").text
    assert says in page
    assert "Nothing waits for you.<" not in page
    narrowed = office.at(officer).get(f"/inbox?tab={tab}&step=check&due=late").text
    assert "The filter finds nothing." in narrowed
    assert f'<a href="/inbox?{urlencode({"tab": tab})}">Clear the filter</a>' in narrowed


def test_what_he_does_standing_in_for_another_stands_under_a_tab_of_its_own(office: Office) -> None:
    day = office.house.business_date().isoformat()
    case, absent = waiting(office, "review")
    deputy = next(p for p in (office.of("account_manager", n) for n in range(3)) if p != absent)
    ((name,),) = office.db.rows("SELECT name FROM person WHERE id = ?", absent)
    before = LINK.findall(office.at(deputy).get("/inbox").text)
    assert str(case) not in before
    assert "Standing in for" not in office.at(deputy).get("/inbox").text
    office.db.run("DELETE FROM substitute WHERE deputy = ? OR absent = ?", deputy, absent)
    office.db.insert("substitute", ("absent", "deputy", "since", "until"), [(absent, deputy, day, day)])
    whole = office.at(deputy).get("/inbox").text
    found = re.search(rf'href="(/inbox\?tab=for:[^"]+)">Standing in for {name} <span class="count">(\d+)<', whole)
    assert found
    tab = office.at(deputy).get(found[1]).text
    theirs = LINK.findall(tab)
    assert str(case) in theirs
    assert len(theirs) == int(found[2])
    assert not set(theirs) & set(before)
    assert tab.count(f"· for {name}") == len(theirs)
    assert set(LINK.findall(whole)) == {*before, *theirs}
    ((seq,),) = office.db.rows("SELECT seq FROM cases WHERE id = ?", case)
    assert office.post(deputy, "/inbox", claim=case, **{f"seen.{case}": seq}).status_code == 303  # type: ignore[attr-defined]
    entry = office.db.rows("SELECT e.person, e.on_behalf_of FROM entry e JOIN cases c ON c.stream = e.stream "
                           "WHERE c.id = ? ORDER BY e.seq DESC LIMIT 1", case)  # fmt: skip
    assert entry == [(deputy, absent)]


def test_a_filter_that_finds_nothing_says_so(office: Office) -> None:
    page = office.at(office.of("post_loan_officer")).get("/inbox?step=check&level=4").text
    assert "The filter finds nothing." in page
