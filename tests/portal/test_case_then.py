"""A case at any day: as it stood at its end, with what stood beside it then."""

import re
from datetime import date, timedelta

import pytest

from portal.words.reader import Reader
from tests.portal.conftest import Office

READER = Reader("en")
_OTHERS = """
SELECT i.id, c.id, c.opened_on, c.closed_on FROM cases c JOIN cases i ON i.subject = c.subject AND i.process = 'inspection'
   AND i.opened_on < c.opened_on
 WHERE c.process IN ('control', 'order') AND c.closed_on > c.opened_on ORDER BY i.id, c.id LIMIT 1
"""


@pytest.fixture
def auditor(office: Office) -> str:
    return office.of("auditor")


def on(office: Office, person: str, case: int, day: str) -> str:
    page = office.at(person).get(f"/cases/{case}", params={"on": day})
    assert page.status_code == 200
    return page.text


def test_a_case_is_shown_as_it_stood_at_the_end_of_each_day(office: Office, auditor: str) -> None:
    ((case, last),) = office.db.rows("SELECT id, seq FROM cases WHERE process = 'inspection' AND step = 'closed' "
                                     "ORDER BY seq DESC, id LIMIT 1")  # fmt: skip
    ends = office.db.rows("SELECT business_date, max(seq) FROM entry WHERE stream = ? GROUP BY business_date ORDER BY 1",
                          f"case:{case}")  # fmt: skip
    assert len(ends) > 2
    for day, seq in ends:
        page = on(office, auditor, case, day)
        says = f"This is the case as it stood at the end of {READER.day(day)}: after entry {seq} of {last}."
        assert (says in page) == (day < office.house.business_date().isoformat())
        (hash_,) = office.db.rows("SELECT hash FROM entry WHERE stream = ? AND seq = ?", f"case:{case}", seq)[0]
        assert f"State after entry {seq}, hash {hash_}." in page
        assert f'name="on" value="{day}"' in page
    eve = (date.fromisoformat(ends[1][0]) - timedelta(days=1)).isoformat()
    assert f"after entry {ends[0][1]} of {last}." in on(office, auditor, case, eve)


def test_before_it_was_opened_there_was_no_such_case_and_after_today_there_is_nothing_else(
    office: Office, auditor: str
) -> None:
    ((case, opened),) = office.db.rows(
        "SELECT id, opened_on FROM cases WHERE process = 'inspection' ORDER BY id LIMIT 1"
    )
    says = f"On Wed 31 Dec 2025 this case did not exist: it was opened on {READER.day(opened)}."
    assert says in on(office, auditor, case, "2025-12-31")
    for day in ("2099-01-01", "yesterday", "2026-02-31", ""):
        assert "as it stood at the end of" not in on(office, auditor, case, day)


def test_no_control_or_order_stands_beside_it_before_it_was_opened_and_none_as_it_became(
    office: Office, auditor: str
) -> None:
    ((case, other, opened, closed),) = office.db.rows(_OTHERS)
    first = office.db.rows("SELECT opened_on FROM cases WHERE id = ?", case)[0][0]
    link = f'<a href="/cases/{other}">'
    assert link not in on(office, auditor, case, first)
    between = on(office, auditor, case, opened)
    assert link in between
    assert f"closed {READER.day(closed, year=False)}" not in between.partition(link)[2].partition("</dd>")[0]
    now = office.at(auditor).get(f"/cases/{case}").text
    assert f"closed {READER.day(closed, year=False)}" in now.partition(link)[2].partition("</dd>")[0]
    at = office.at(auditor).get(f"/cases/{case}?at=1").text
    assert link not in at


def test_arrears_are_those_of_the_snapshot_of_that_day(office: Office, auditor: str) -> None:
    (case,) = office.db.rows("SELECT min(id) FROM cases WHERE process = 'inspection'")[0]
    days = [d for (d,) in office.db.rows("SELECT as_of FROM snapshot ORDER BY as_of")]
    assert len(days) > 3
    for day in days:
        assert f"Data of {READER.day(day)}" in on(office, auditor, case, day)
    office.db.run("DELETE FROM snapshot WHERE as_of = ?", days[0])
    page = on(office, auditor, case, days[0])
    assert '<dt>Arrears</dt><dd class="dim">not evaluated</dd>' in page
    assert "Data of" not in page


def test_the_account_manager_is_the_one_of_that_day(office: Office, auditor: str) -> None:
    ((case, subject, day),) = office.db.rows("SELECT c.id, c.subject, c.opened_on FROM cases c WHERE c.process = 'inspection' "
                                             "ORDER BY c.id LIMIT 1")  # fmt: skip
    before = office.db.rows(
        "SELECT p.name FROM responsible r JOIN person p ON p.id = r.manager WHERE r.subject = ?", subject
    )
    after = next(row for row in office.db.rows("SELECT g.person, p.name FROM role_grant g JOIN person p ON p.id = g.person "
                                               "WHERE g.role = 'account_manager' ORDER BY g.person") if row[1] != before[0][0])  # fmt: skip
    today = office.house.business_date().isoformat()
    office.db.insert("responsible", ("subject", "since", "manager", "recorded_at"), [(subject, today, after[0], "")])
    said = "<dt>Account manager</dt><dd>{}</dd>"
    assert said.format(before[0][0]) in on(office, auditor, case, day)
    assert said.format(after[1]) in office.at(auditor).get(f"/cases/{case}").text


def test_a_due_row_that_joined_the_case_later_is_not_there_yet(office: Office, auditor: str) -> None:
    ((case, opened, facility, kind, due_on),) = office.db.rows(
        "SELECT c.id, c.opened_on, d.facility, d.kind, d.due_on FROM due d JOIN cases c ON c.id = d.case_id WHERE d.reason = "
        "'open inspection' ORDER BY c.id, d.due_on LIMIT 1")  # fmt: skip
    joined = next(day for day, payload in office.db.rows(
        "SELECT business_date, payload FROM entry WHERE action = 'finish' ORDER BY recorded_at")
        if f'"due_on":"{due_on}","facility":"{facility}","kind":"{kind}"' in payload)  # fmt: skip
    row = re.compile(rf"<td>{facility}<small class=\"dim\">joined</small></td><td>[^<]*</td><td class=\"num\">"
                     rf"{READER.day(due_on, year=False)}</td>")  # fmt: skip
    assert joined > opened
    assert not row.search(on(office, auditor, case, opened))
    assert row.search(on(office, auditor, case, joined))
    assert row.search(office.at(auditor).get(f"/cases/{case}").text)


def test_what_is_known_of_today_alone_is_left_out_and_said_so(office: Office, auditor: str) -> None:
    ((case, day),) = office.db.rows("SELECT c.id, c.opened_on FROM cases c WHERE c.process = 'inspection' AND EXISTS (SELECT 1 FROM "
                                    "facility f JOIN condition k ON k.facility = f.id WHERE f.borrower = c.subject) "
                                    "ORDER BY c.id LIMIT 1")  # fmt: skip
    then, now = on(office, auditor, case, day), office.at(auditor).get(f"/cases/{case}").text
    for says in ("<h2>Conditions</h2>", "Gate today"):
        assert says in now
        assert says not in then
    assert "answer are known of today alone and left out." in then


def test_who_does_not_see_the_whole_record_sees_no_earlier_day(office: Office) -> None:
    ((inspector, case, day),) = office.db.rows(
        "SELECT e.person, c.id, c.opened_on FROM entry e JOIN cases c ON c.stream = e.stream WHERE e.action = 'submit' "
        "ORDER BY c.id LIMIT 1")  # fmt: skip
    page = office.at(inspector).get(f"/cases/{case}")
    assert (page.status_code, 'name="on"' in page.text) == (200, False)
    for asked in (day, "2001-01-01"):
        assert office.at(inspector).get(f"/cases/{case}?on={asked}").status_code == 404
