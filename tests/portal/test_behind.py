"""Where a stage is behind, the lists that it brings work into say that they may be incomplete; no other list does."""

import html
from dataclasses import replace
from datetime import timedelta

import pytest

from portal import behind
from portal.who import access
from portal.who.asking import COOKIE
from tasks.alerts import Alert, What, report
from tests.portal.conftest import Office
from tests.portal.links import waiting
from tests.portal.test_indexes import Listener

SAYS = "This list may be incomplete."


def looks(office: Office, person: str, minutes: int = 0, days: int = 0) -> str:
    """His inbox, looked at so much later, signed in then."""
    portal, house = office.app.state.portal, office.house
    later = house.business_date() + timedelta(days=days)
    portal.house = replace(
        house, now=lambda: access._later(house.now(), timedelta(minutes=minutes)), today=lambda: later
    )
    browser = office.browser()
    browser.cookies.set(COOKIE, access.admit(office.db, portal, person, "127.0.0.1", "password"))
    page = browser.get("/inbox")
    portal.house = house
    assert page.status_code == 200
    return html.unescape(page.text)


def told(office: Office, flow: str, what: What = "failed") -> None:
    alert = Alert(f"{flow}-{what}", what, flow, "Its process is gone.")
    report(office.db, alert, office.house.business_date().isoformat(), office.house.now())


def test_what_waits_for_a_stage_longer_than_its_schedule_allows_is_said_to_whom_it_would_come(office: Office) -> None:
    officer = office.of("post_loan_officer")
    assert SAYS not in looks(office, officer, minutes=61)
    case, manager = waiting(office, "review", green=True)
    office.post(manager, "/inbox", item=[case], act="decide", batch="b1",
                **{f"seen.{case}": office.db.rows("SELECT seq FROM cases WHERE id = ?", case)[0][0]})  # fmt: skip
    assert office.db.rows("SELECT step FROM cases WHERE id = ?", case) == [("draw",)]
    assert SAYS not in looks(office, officer, minutes=59)
    page = looks(office, officer, minutes=61)
    assert SAYS in page
    assert "Cases have waited for Four-eyes verification since " in page
    for other in (manager, office.of("inspector"), office.of("auditor")):
        assert SAYS not in looks(office, other, minutes=61)  # nothing of it would come to them
    saturday = 5 - office.house.business_date().weekday()
    assert SAYS not in looks(office, officer, minutes=61, days=saturday)


@pytest.mark.parametrize(("flow", "what", "roles"), [
    ("scheduled_inspection", "failed", {"account_manager", "inspector"}),
    ("lifecycle", "late", {"account_manager", "inspector", "credit_manager"}),
    ("deadlines", "crashed", {"account_manager", "credit_manager"}),
    ("delivery", "failed", set()),
])  # fmt: skip
def test_a_stage_of_the_day_that_was_not_done_is_said_until_it_is(
    office: Office, flow: str, what: What, roles: set[str]
) -> None:
    everybody = ("account_manager", "inspector", "credit_manager", "post_loan_officer", "operations")
    told(office, flow, what)
    assert not any(SAYS in looks(office, office.of(role)) for role in everybody)  # the day's runs are closed
    assert {role for role in everybody if SAYS in looks(office, office.of(role), days=1)} == roles
    if roles:
        assert "has not been done; operations was told on " in looks(office, office.of("account_manager"), days=1)
    assert not any(SAYS in looks(office, office.of(role), minutes=5 * 1440, days=5) for role in everybody)


def test_a_run_of_the_day_after_made_up_for_it(office: Office) -> None:
    manager = office.of("account_manager")
    told(office, "scheduled_inspection")
    office.db.run("UPDATE cases SET closed_on = NULL WHERE subject = ?", subject(office, 0))
    assert SAYS in looks(office, manager)
    office.db.run("UPDATE cases SET closed_on = opened_on, subject = ? WHERE subject = ?", subject(office, 1),
                  subject(office, 0))  # fmt: skip
    assert SAYS not in looks(office, manager, minutes=1440, days=1)


def subject(office: Office, days: int) -> str:
    return f"{behind.OPENING}/{office.house.business_date() + timedelta(days=days)}/1"


def test_it_is_asked_of_few_rows(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = office.of("account_manager")
    for flow in (behind.OPENING, behind.DAY):
        told(office, flow)
    listener = Listener(monkeypatch)
    looks(office, manager, minutes=61, days=1)
    assert any(" alert " in sql for sql in listener.heard)
    assert any("UNION ALL" in sql and "'inspection'" in sql for sql in listener.heard)
    assert [sql for sql in listener.whole(office.db) if "FROM session" not in sql] == []  # he signs in, too


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_where_many_waited_this_morning_the_few_of_now_are_not_looked_for_among_all_cases(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = office.db
    db.run("UPDATE cases SET step = 'prepare' WHERE process = 'inspection'")
    db.run("ANALYZE cases")
    listener = Listener(monkeypatch)
    looks(office, office.of("account_manager"))
    ((sql, values),) = [
        (sql, values) for sql, values in listener.heard.items() if "UNION ALL" in sql and "LIMIT 20" in sql
    ]
    db.run("SET enable_seqscan = off")  # a bank so small would be read whole
    plan = "\n".join(row[0] for row in db.rows(f"EXPLAIN {sql}", *values))
    assert ("Index Scan using case_step" in plan, "cases_pkey" in plan) == (True, False)
