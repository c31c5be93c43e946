"""Staff: who changes it, what each change leaves in the journal, and what it would leave to nobody."""

import re
from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from door.db import Db
from door.eligible import eligible
from tasks import books
from tasks.roster import would_leave_alone
from tests.portal.conftest import ON_ONE, Office
from tests.portal.paged import paged


@pytest.fixture
def admin(office: Office) -> str:
    """The administrator, signed in."""
    person = office.of("administrator")
    office.at(person)
    return person


@pytest.fixture
def today(office: Office) -> date:
    return office.house.business_date()


def change(office: Office, by: str, what: str, **fields: object) -> Any:
    return office.at(by).post("/staff", data={"_form": office.form(by), "what": what, **fields})


def entry(db: Db, stream: str) -> tuple[str, str, dict[str, Any]]:
    """The newest: action, by whom, what was said."""
    action, person, payload = db.rows("SELECT action, person, payload FROM entry WHERE stream = ? ORDER BY seq DESC LIMIT 1",
                                      stream)[0]  # fmt: skip
    return action, person, orjson.loads(payload)


def whose(office: Office) -> tuple[str, int]:
    """An account manager with an open item that is his alone to do, and the item."""
    rules, day = books.rules(office.db), office.house.business_date().isoformat()
    for case, manager in office.db.rows(
        "SELECT i.case_id, r.manager FROM item i JOIN cases c ON c.id = i.case_id JOIN responsible r ON "
        "r.subject = c.subject WHERE i.whose = 'manager' AND i.step = 'review' ORDER BY i.case_id"):  # fmt: skip
        if eligible(office.db, rules, case, day) == [manager]:
            return manager, case
    raise AssertionError("nobody's alone")


def test_everybody_is_listed_and_found_by_name_unit_and_role(office: Office, admin: str) -> None:
    page = office.at(admin).get("/staff").text
    assert "system" not in re.findall(r'href="/staff/people/([^"]+)"', page)
    found = office.db.rows(
        "SELECT DISTINCT p.id FROM person p JOIN role_grant g ON g.person = p.id WHERE g.role = 'inspector'"
    )
    inspectors = re.findall(
        r'class="who"><a href="/staff/people/([^"]+)"', office.at(admin).get("/staff?role=inspector").text
    )
    assert sorted(inspectors) == sorted(row[0] for row in found) != []
    assert "Nobody is found." in office.at(admin).get("/staff?q=no-such-person").text


def test_the_list_is_paged_without_a_gap_or_a_repeat(
    office: Office, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.pages.staff.PAGE", 7)
    found = paged(office.at(admin), "/staff", re.compile(r'class="who"><a href="/staff/people/([^"]+)"'))
    assert found == [row[0] for row in office.db.rows("SELECT id FROM person WHERE id <> 'system' ORDER BY name, id")]


def test_a_person_comes_with_a_role_and_each_step_is_an_entry(office: Office, admin: str, today: date) -> None:
    unit = office.db.rows("SELECT id FROM unit WHERE lane = 'branch' ORDER BY id LIMIT 1")[0][0]
    answer = change(office, admin, "add_person", id="kim.new", name="Kim Sae-rom", unit=unit, language="ko")
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/people/kim.new?did=saved")
    assert entry(office.db, "staff:kim.new") == (
        "person_added",
        admin,
        {"name": "Kim Sae-rom", "unit": unit, "language": "ko"},
    )
    assert (
        change(office, admin, "grant", person="kim.new", role="account_manager", since=today, until="").status_code
        == 303
    )
    assert entry(office.db, "staff:kim.new")[0] == "role_granted"
    page = office.at(admin).get("/staff/people/kim.new").text
    assert "account manager" in page
    assert "Role granted" in page
    assert (
        change(office, admin, "grant", person="kim.new", role="account_manager", since=today, until="").status_code
        == 422
    )


def test_a_deputy_holds_a_role_of_the_absent_and_stands_in_on_those_days(
    office: Office, admin: str, today: date
) -> None:
    absent, deputy = office.of("post_loan_officer"), office.of("post_loan_officer", 1)
    until = today + timedelta(days=9)
    assert change(office, admin, "name_deputy", person=absent, deputy=office.of("inspector"), since=today,
                  until=until).status_code == 422  # fmt: skip
    assert (
        change(office, admin, "name_deputy", person=absent, deputy=absent, since=today, until=until).status_code == 422
    )
    assert (
        change(office, admin, "name_deputy", person=absent, deputy=deputy, since=today, until=until).status_code == 303
    )
    assert office.db.rows("SELECT since, until FROM substitute WHERE absent = ? AND deputy = ?", absent, deputy) == [
        (today.isoformat(), until.isoformat())]  # fmt: skip
    assert entry(office.db, f"staff:{absent}")[0] == "deputy_named"
    assert "Stands in for" in office.at(admin).get(f"/staff/people/{deputy}").text
    sooner = today + timedelta(days=2)
    assert (
        change(office, admin, "end_deputy", person=absent, deputy=deputy, since=today, until=sooner).status_code == 303
    )
    assert entry(office.db, f"staff:{absent}") == ("deputy_ended", admin, {
        "deputy": deputy, "since": today.isoformat(), "until": sooner.isoformat(), "before": until.isoformat()})  # fmt: skip


def test_what_would_leave_an_item_to_nobody_is_shown_and_only_then_saved(
    office: Office, admin: str, today: date
) -> None:
    manager, case = whose(office)
    name, unit, language = office.db.rows("SELECT name, unit, language FROM person WHERE id = ?", manager)[0]
    fields = {"person": manager, "name": name, "unit": unit, "language": language, "until": today + timedelta(days=3)}
    before = office.db.rows("SELECT count(*) FROM entry")
    asked = change(office, admin, "change_person", **fields)
    assert asked.status_code == 409
    assert "Nobody would be left" in asked.text
    ((borrower, branch),) = office.db.rows(
        "SELECT b.name, u.name FROM cases c JOIN borrower b ON b.id = c.subject JOIN unit u ON u.id = b.unit WHERE c.id = ?",
        case,
    )
    assert re.search(rf"<li><b>[^<]+</b>, {branch}: [0-9]+ items?<br><small>.*<span class=\"due", asked.text)
    assert borrower not in asked.text  # nor is a case linked: an administrator sees no customer
    assert "/cases/" not in asked.text
    assert office.db.rows("SELECT until FROM person WHERE id = ?", manager) == [(None,)]
    assert office.db.rows("SELECT count(*) FROM entry") == before
    assert change(office, admin, "change_person", sure="yes", **fields).status_code == 303
    assert office.db.rows("SELECT until FROM person WHERE id = ?", manager) == [
        ((today + timedelta(days=3)).isoformat(),)
    ]
    later = (today + timedelta(days=4)).isoformat()
    assert eligible(office.db, books.rules(office.db), case, later) == []


def test_where_somebody_else_is_left_it_is_saved_at_once(office: Office, admin: str, today: date) -> None:
    officer = office.of("post_loan_officer")
    since = office.db.rows("SELECT since FROM role_grant WHERE person = ? AND role = 'post_loan_officer'", officer)[0][
        0
    ]
    office.db.run("UPDATE item SET holder = NULL, owner = NULL WHERE role = 'post_loan_officer'")
    others = [row[0] for row in office.db.rows("SELECT case_id FROM item WHERE role = 'post_loan_officer'")]
    rules, tomorrow = books.rules(office.db), (today + timedelta(days=1)).isoformat()
    alone = [c for c in others if eligible(office.db, rules, c, tomorrow) == [officer]]
    answer = change(office, admin, "end_role", person=officer, role="post_loan_officer", since=since, until=today)
    assert answer.status_code == (409 if alone else 303)
    change(office, admin, "end_role", person=officer, role="post_loan_officer", since=since, until=today, sure="yes")
    assert entry(office.db, f"staff:{officer}")[2]["until"] == today.isoformat()
    for case in others:
        assert officer not in eligible(office.db, rules, case, tomorrow)


def test_trying_a_change_leaves_nothing_behind(office: Office, admin: str, today: date) -> None:
    from portal.form.changes import Typed
    from portal.form.changes import change as made_of
    from portal.words.reader import Reader

    manager, case = whose(office)
    since = office.db.rows("SELECT since FROM role_grant WHERE person = ? AND role = 'account_manager'", manager)[0][0]
    typed = Typed(office.db, {"person": manager, "role": "account_manager", "since": since, "until": today.isoformat()},
                  today.isoformat(), Reader("en"))  # fmt: skip
    made = made_of(typed, "end_role")
    assert made is not None
    assert not typed.wrong
    alone = would_leave_alone(office.db, books.rules(office.db), made)
    assert case in [s.id for s in alone]
    assert office.db.rows("SELECT until FROM role_grant WHERE person = ? AND role = 'account_manager'", manager) == [
        (None,)
    ]
    assert not office.db.inside


def test_nobody_changes_what_concerns_himself(office: Office, admin: str, today: date) -> None:
    answer = change(office, admin, "grant", person=admin, role="credit_manager", since=today, until="")
    assert answer.status_code == 422
    assert "changed by another administrator" in answer.text
    assert not office.db.rows("SELECT 1 FROM role_grant WHERE person = ? AND role = 'credit_manager'", admin)


@ON_ONE
@pytest.mark.parametrize(
    ("what", "fields", "field"),
    [
        ("add_person", {"id": "Kim New", "name": "x", "unit": "", "language": "en"}, "id"),
        ("add_person", {"id": "system", "name": "x", "unit": "", "language": "en"}, "id"),
        ("add_person", {"id": "ok", "name": "", "unit": "nowhere", "language": "xx"}, "name"),
        ("add_unit", {"id": "u1", "name": "x", "lane": "moon", "calendar": "KR"}, "lane"),
        ("add_unit", {"id": "u1", "name": "x", "lane": "branch", "calendar": "MARS"}, "calendar"),
        ("grant", {"person": "*", "role": "king", "since": "2030-01-01"}, "role"),
        ("grant", {"person": "*", "role": "auditor", "since": "1999-01-01"}, "since"),
        ("grant", {"person": "*", "role": "auditor", "since": "2030-01-02", "until": "2030-01-01"}, "until"),
        ("grant", {"person": "*", "role": "auditor", "since": "soon"}, "since"),
        ("end_role", {"person": "*", "role": "auditor", "since": "2001-01-01", "until": "2030-01-01"}, "role"),
        ("add_channel", {"person": "*", "url": "no address"}, "url"),
        ("add_channel", {"person": "*", "url": "odd://x"}, "url"),
    ],
)
def test_a_mistake_is_said_beside_its_field(
    office: Office, admin: str, what: str, fields: dict[str, str], field: str
) -> None:
    if fields.get("person") == "*":
        fields = {**fields, "person": office.of("credit_manager")}
    before = office.db.rows("SELECT count(*) FROM entry")
    answer = change(office, admin, what, **fields)
    assert answer.status_code == 422
    assert f'href="#{what}-{field}"' in answer.text
    if what != "end_role":
        assert f'id="{what}-{field}-e"' in answer.text
    assert office.db.rows("SELECT count(*) FROM entry") == before


def test_a_vendor_is_engaged_and_the_contract_changed(office: Office, admin: str, today: date) -> None:
    vendor = office.db.rows("SELECT id FROM unit WHERE lane = 'vendor' ORDER BY id LIMIT 1")[0][0]
    fields = {"unit": vendor, "product": "XY", "branch": "*", "since": today, "until": today + timedelta(days=365)}
    assert change(office, admin, "contract", per_day="20", **fields).status_code == 303
    assert entry(office.db, f"unit:{vendor}")[0] == "contract_made"
    assert change(office, admin, "contract", per_day="12", **fields).status_code == 303
    action, _, said = entry(office.db, f"unit:{vendor}")
    assert (action, said["per_day"], said["before"][0]) == ("contract_changed", 12, 20)
    assert "12 visits a day" in office.at(admin).get(f"/staff/units/{vendor}").text
    assert change(office, admin, "contract", per_day="0", **fields).status_code == 422
    branch = office.db.rows("SELECT id FROM unit WHERE lane = 'branch' ORDER BY id LIMIT 1")[0][0]
    assert change(office, admin, "contract", per_day="5", **{**fields, "unit": branch}).status_code == 422


def test_who_looks_at_a_person_reads_which_borrowers_are_barred_and_only_who_sees_customers_their_names(
    office: Office, admin: str
) -> None:
    person, subject, name = office.db.rows(
        "SELECT r.person, b.id, b.name FROM relation r JOIN borrower b ON b.id = r.subject ORDER BY 1, 2")[0]  # fmt: skip
    page = office.at(admin).get(f"/staff/people/{person}").text
    assert f"<li>{subject} <form" in page
    assert name not in page
    assert (
        f'<a href="/cases?q={subject}">{name}</a>'
        in office.at(office.of("auditor")).get(f"/staff/people/{person}").text
    )
    assert "No relation to a borrower is declared." in office.at(admin).get(f"/staff/people/{admin}").text


def test_a_channel_comes_and_goes_and_its_address_is_in_no_entry(office: Office, admin: str) -> None:
    person = office.of("credit_manager")
    office.db.run("DELETE FROM channel WHERE person = ?", person)
    url = "mailto://kim:{smtp_password}@bank.example"
    assert change(office, admin, "add_channel", person=person, url=url).status_code == 303
    assert change(office, admin, "add_channel", person=person, url="mailto://other@bank.example").status_code == 422
    assert entry(office.db, f"staff:{person}") == ("channel_added", admin, {"scheme": "mailto"})
    assert "<li>Mail, kim@bank.example" in office.at(admin).get(f"/staff/people/{person}").text
    assert "Channel: Mail" in office.at(admin).get(f"/staff/people/{person}").text
    auditor = office.of("auditor")
    assert "bank.example" not in office.at(auditor).get(f"/staff/people/{person}").text
    assert change(office, admin, "remove_channel", person=person, url=url).status_code == 303
    assert office.db.rows("SELECT 1 FROM channel WHERE person = ?", person) == []


@ON_ONE
@pytest.mark.parametrize("role", ["auditor", "operations", "account_manager", "inspector", "credit_manager"])
def test_only_an_administrator_changes_the_staff(office: Office, admin: str, role: str, today: date) -> None:
    person, somebody = office.of(role), office.of("post_loan_officer")
    seen = 200 if role == "auditor" else 404
    for path in ("/staff", "/staff/units", f"/staff/people/{somebody}"):
        assert office.at(person).get(path).status_code == seen, path
    assert office.at(person).get("/staff/people/new").status_code == 404
    assert office.at(person).get("/staff/units/new").status_code == 404
    assert change(office, person, "grant", person=somebody, role="auditor", since=today, until="").status_code == 404
    assert not office.db.rows("SELECT 1 FROM role_grant WHERE person = ? AND role = 'auditor'", somebody)


def test_who_or_what_there_is_not_is_not_there(office: Office, admin: str) -> None:
    for path in ("/staff/people/nobody", "/staff/people/system", "/staff/units/nowhere", "/staff/units/system"):
        assert office.at(admin).get(path).status_code == 404
    assert change(office, admin, "no_such_change").status_code == 404
