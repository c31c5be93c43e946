"""A form that is sent when the sign-in has ended is neither done nor lost, with a script or without."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from httpx import Response

from portal.who import access
from portal.who.asking import COOKIE
from tests.portal.conftest import PASSWORD, Office
from tests.portal.links import able, waiting

DONE = "SELECT action FROM entry WHERE stream = ? ORDER BY seq DESC LIMIT 1"
DRAFTS = "SELECT person, case_id, action FROM draft"


@pytest.fixture
def case(office: Office) -> int:
    return waiting(office, "review")[0]


@pytest.fixture
def kim(office: Office, case: int) -> str:
    person = waiting(office, "review")[1]
    for each in (person, office.of("auditor")):
        access.set_password(office.db, each, PASSWORD)
    office.at(person)
    return person


def later(office: Office, minutes: int) -> None:
    portal, now = office.app.state.portal, office.app.state.portal.house.now()
    portal.house = replace(portal.house, now=lambda: access._later(now, timedelta(minutes=minutes)))


def late(office: Office, person: str, path: str, **fields: object) -> Response:
    """The answer to what he sends."""
    return office.at(person).post(path, data={"_form": office.form(person), **fields})


def sign_in(office: Office, person: str, answer: Response) -> str:
    """Signs in where he was sent to; gives where he then comes to."""
    there, _, next = answer.headers["location"].partition("?next=")
    assert (answer.status_code, there) == (303, "/signin")
    browser = office.at(person)
    back = browser.post("/signin", data={"username": person, "password": PASSWORD, "next": next})
    assert back.status_code == 303
    browser.cookies.clear()
    browser.cookies.set("language", "en")
    browser.cookies.set(COOKIE, back.cookies[COOKIE])
    return str(back.headers["location"])


def again(office: Office, person: str, text: str) -> Response:
    """The first form of the page of what was not sent, sent as it stands there."""
    form = text[text.index('<form class="form"') :]
    form = form[: form.index("</form>")]
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(unescape(value))
    return office.at(person).post(re.findall(r'action="([^"]*)"', form)[0], data=fields)


def test_a_decision_that_is_sent_too_late_comes_back_in_its_form(office: Office, kim: str, case: int) -> None:
    before = office.db.rows(DONE, f"case:{case}")
    later(office, 31)
    answer = late(
        office, kim, f"/cases/{case}/conclude", act="decide", capacity="1.27 by the figures of June", seen="9"
    )
    there = sign_in(office, kim, answer)
    assert there == f"/cases/{case}/conclude"
    assert "1.27 by the figures of June" in office.at(kim).get(there).text
    assert office.db.rows(DONE, f"case:{case}") == before


def test_whatever_else_is_sent_too_late_is_looked_at_and_sent_again(office: Office, kim: str, case: int) -> None:
    later(office, 31)
    said = "The rent roll of May <is> missing."
    answer = late(office, kim, f"/cases/{case}", act="comment", sent="yes", text=said, key="0123456789abcdef.comment")
    assert "What you wrote is kept." in office.browser().get(answer.headers["location"]).text
    there = sign_in(office, kim, answer)
    page = office.at(kim).get(there).text
    assert (there, "The rent roll of May &lt;is&gt; missing." in page) == ("/unsent", True)
    assert office.db.rows(DONE, f"case:{case}") != [("comment",)]
    assert again(office, kim, page).headers["location"] == f"/cases/{case}?did=comment"
    assert office.db.rows(DONE, f"case:{case}") == [("comment",)]
    assert "Nothing of yours is waiting to be sent." in office.at(kim).get("/unsent").text


def test_all_that_were_selected_are_sent_again(office: Office) -> None:
    free: dict[str, list[int]] = {}
    for (case,) in office.db.rows(
        "SELECT case_id FROM item WHERE holder IS NULL AND held_until IS NULL ORDER BY case_id"
    ):
        for each in able(office, case):
            free.setdefault(each, []).append(case)
    person, cases = next((each, found[:2]) for each, found in sorted(free.items()) if len(found) > 1)
    access.set_password(office.db, person, PASSWORD)
    office.at(person)
    later(office, 31)
    answer = late(office, person, "/inbox", act="claim", item=[str(case) for case in cases], batch="0123456789ab")
    assert again(office, person, office.at(person).get(sign_in(office, person, answer)).text).status_code == 200
    assert [office.db.rows(DONE, f"case:{case}") for case in cases] == [[("claim",)]] * 2


def test_it_is_kept_for_who_sent_it_and_for_nobody_else(office: Office, kim: str, case: int) -> None:
    auditor = office.of("auditor")
    later(office, 31)
    answer = late(office, kim, f"/cases/{case}", act="comment", sent="yes", text="Mine.")
    assert "Mine." not in office.at(auditor).get(sign_in(office, auditor, answer)).text
    assert "Mine." in office.at(kim).get(sign_in(office, kim, answer)).text


def test_it_is_kept_after_ten_hours_too_though_others_have_signed_in_since(office: Office, kim: str, case: int) -> None:
    later(office, 11 * 60)
    assert access.admit(office.db, office.app.state.portal, office.of("auditor"), "127.0.0.1", "password")
    answer = late(office, kim, f"/cases/{case}", act="comment", sent="yes", text="Mine.")
    assert "Mine." in office.at(kim).get(sign_in(office, kim, answer)).text


def test_it_can_be_discarded_and_is_gone_after_a_day(office: Office, kim: str, case: int) -> None:
    later(office, 31)
    late(office, kim, f"/cases/{case}", act="comment", sent="yes", text="Mine.")
    sign_in(office, kim, late(office, kim, "/inbox", act="claim", item="1"))
    assert late(office, kim, "/unsent", drop="/inbox").headers["location"] == "/unsent"
    assert office.db.rows(DRAFTS) == [(kim, 0, f"/cases/{case}")]
    later(office, 24 * 60 + 1)
    sign_in(office, kim, late(office, kim, "/inbox", act="claim", item="1"))
    assert office.db.rows(DRAFTS) == [(kim, 0, "/inbox")]


def test_nothing_is_kept_of_a_form_that_no_page_of_his_sent(office: Office, kim: str, case: int) -> None:
    later(office, 31)
    sent = {"act": "comment", "text": "Not mine.", "_form": access.csrf("another")}
    for browser in (office.at(kim), office.browser()):
        for path in (f"/cases/{case}", f"/cases/{case}/conclude"):
            assert browser.post(path, data=sent).headers["location"] == "/signin?next=/inbox"
    assert office.db.rows(DRAFTS) == []


def test_a_page_of_an_earlier_sign_in_is_not_lost_after_another(office: Office, kim: str, case: int) -> None:
    sent = {"act": "decide", "capacity": "1.27 by the figures of June", "_form": access.csrf("his last")}
    for origin in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
        assert office.at(kim).post(f"/cases/{case}/conclude", data=sent, headers=origin).status_code == 403
    assert office.db.rows(DRAFTS) == []
    answer = office.at(kim).post(f"/cases/{case}/conclude", data=sent, headers={"origin": "http://127.0.0.1"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case}/conclude")
    assert "1.27 by the figures of June" in office.at(kim).get(answer.headers["location"]).text
