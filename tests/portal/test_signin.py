"""Signing in and out: who may, how often he may guess, how long it lasts, and what it leaves in the record."""

import re
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from portal.app import create
from portal.who import access
from portal.who.asking import COOKIE
from portal.words.reader import Reader
from tests.portal.conftest import ON_ONE, PASSWORD, Office

LAST = "SELECT action FROM entry WHERE stream = ? ORDER BY seq DESC LIMIT 1"


@pytest.fixture
def choi(office: Office) -> str:
    person = office.of("post_loan_officer")
    access.set_password(office.db, person, PASSWORD)
    return person


def sign_in(office: Office, person: str, password: str, next: str = "/inbox"):  # type: ignore[no-untyped-def]
    browser = office.browser()
    return browser, browser.post("/signin", data={"username": person, "password": password, "next": next})


def test_with_the_right_password_one_comes_to_his_inbox(office: Office, choi: str) -> None:
    browser, answer = sign_in(office, choi, PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert browser.get("/inbox").status_code == 200


def test_a_password_is_kept_as_argon2id_with_the_work_that_is_recommended() -> None:
    """Whatever the other tests do to be quick."""
    assert access._hash.hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_without_a_session_every_page_leads_to_the_sign_in_and_back(office: Office, choi: str) -> None:
    away = office.browser().get("/inbox?step=check&due=late")
    assert (away.status_code, away.headers["location"]) == (303, "/signin?next=/inbox%3Fstep%3Dcheck%26due%3Dlate")
    _, answer = sign_in(office, choi, PASSWORD, "/inbox?step=check&due=late")
    assert answer.headers["location"] == "/inbox?step=check&due=late"


@ON_ONE
@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(office: Office, choi: str, next: str) -> None:
    assert sign_in(office, choi, PASSWORD, next)[1].headers["location"] == "/inbox"


def test_a_wrong_password_and_an_unknown_person_are_told_the_same(office: Office, choi: str) -> None:
    said = []
    for person in (choi, "nobody"):
        _, answer = sign_in(office, person, "wrong")
        assert answer.status_code == 401
        said.append(re.sub(r'value="[^"]*"', "", answer.text))
    assert said[0] == said[1]
    assert "Staff ID or password is not right." in said[0]


def test_after_five_wrong_ones_the_account_waits_and_others_do_not(office: Office, choi: str) -> None:
    other = office.of("post_loan_officer", 1)
    access.set_password(office.db, other, PASSWORD)
    for _ in range(5):
        assert sign_in(office, choi, "wrong")[1].status_code == 401
    blocked = sign_in(office, choi, PASSWORD)[1]
    assert (blocked.status_code, "Too many attempts." in blocked.text) == (429, True)
    assert sign_in(office, other, PASSWORD)[1].status_code == 303


def test_sign_ins_and_refusals_stand_in_the_persons_stream(office: Office, choi: str) -> None:
    sign_in(office, choi, "wrong")
    sign_in(office, choi, PASSWORD)
    actions = office.db.rows("SELECT action FROM entry WHERE stream = ? ORDER BY seq DESC LIMIT 2", f"person:{choi}")
    assert [a for (a,) in reversed(actions)] == ["sign_in_refused", "signed_in"]
    assert not office.db.rows("SELECT 1 FROM session WHERE token = ?", PASSWORD)


def test_signed_out_everywhere_no_cookie_works_any_more(office: Office, choi: str) -> None:
    one, _ = sign_in(office, choi, PASSWORD)
    two, _ = sign_in(office, choi, PASSWORD)
    form = access.csrf(one.cookies[COOKIE])
    assert one.post("/signout", data={"_form": form, "everywhere": "yes"}).status_code == 303
    assert two.get("/inbox").status_code == 303


@pytest.mark.parametrize(("minutes", "over"), [(29, False), (31, True)])
def test_a_session_that_is_not_used_for_half_an_hour_is_over(
    office: Office, choi: str, minutes: int, over: bool
) -> None:
    browser, _ = sign_in(office, choi, PASSWORD)
    portal, now = office.app.state.portal, office.house.now()
    portal.house = replace(office.house, now=lambda: access._later(now, access.timedelta(minutes=minutes)))
    assert (browser.get("/inbox").status_code == 303) == over


@pytest.mark.parametrize(("minutes", "over"), [(599, False), (601, True)])
def test_ten_hours_after_the_sign_in_it_is_over_however_much_it_was_used(
    office: Office, choi: str, minutes: int, over: bool
) -> None:
    browser, _ = sign_in(office, choi, PASSWORD)
    portal, now = office.app.state.portal, office.house.now()
    for passed in [*range(20, 600, 20), minutes]:
        portal.house = replace(
            office.house, now=lambda passed=passed: access._later(now, access.timedelta(minutes=passed))
        )
        answer = browser.get("/inbox")
        assert (answer.status_code == 303) == (over and passed == minutes), passed


def test_behind_tls_the_browser_is_told_to_stay_there_and_sends_the_session_nowhere_else(
    office: Office, choi: str
) -> None:
    for scheme, secure in (("http", False), ("https", True)):
        app = create(replace(office.house, portal=f"{scheme}://postloan.example"), ["postloan.example"])
        browser = TestClient(app, base_url=f"{scheme}://postloan.example", follow_redirects=False)
        answer = browser.post("/signin", data={"username": choi, "password": PASSWORD})
        assert answer.status_code == 303
        assert ("; secure" in answer.headers["set-cookie"].lower()) == secure
        assert answer.headers.get("strict-transport-security", "") == ("max-age=31536000" if secure else "")
        assert answer.headers["referrer-policy"] == "same-origin"
        app.state.portal.close()


def test_an_address_that_guesses_at_thirty_accounts_waits_and_is_told_until_when_by_the_banks_clock(
    office: Office, choi: str
) -> None:
    for n in range(30):
        assert sign_in(office, f"nobody.{n}", "wrong")[1].status_code == 401
    portal = office.app.state.portal
    portal.house = replace(office.house, zone="Europe/Berlin")
    answer = sign_in(office, choi, PASSWORD)[1]
    assert answer.status_code == 429
    until = access.blocked(office.db, portal, ("address:testclient",))
    assert f"Try again from {Reader('en').instant(until, 'Europe/Berlin')} on." in answer.text
    portal.house = replace(office.house, now=lambda: until)
    assert sign_in(office, choi, PASSWORD)[1].status_code == 303


def test_a_form_that_no_page_of_this_session_made_changes_nothing(office: Office, choi: str) -> None:
    browser, _ = sign_in(office, choi, PASSWORD)
    before = office.db.rows("SELECT count(*) FROM entry")
    for token in ({}, {"_form": ""}, {"_form": access.csrf("another")}):
        assert browser.post("/inbox", data={"claim": "1", **token}).status_code == 403
    mine = {"_form": access.csrf(browser.cookies[COOKIE]), "claim": "1"}
    assert browser.post("/inbox", data=mine, headers={"origin": "http://evil.example"}).status_code == 403
    assert office.db.rows("SELECT count(*) FROM entry") == before


def test_who_has_left_the_bank_is_signed_out(office: Office, choi: str) -> None:
    browser, _ = sign_in(office, choi, PASSWORD)
    office.db.run("UPDATE person SET until = '2020-01-01' WHERE id = ?", choi)
    assert browser.get("/inbox").status_code == 303
    assert sign_in(office, choi, PASSWORD)[1].status_code == 401


def test_a_page_may_only_load_and_send_to_itself(office: Office) -> None:
    answer = office.browser().get("/signin")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert not re.search(r"<style|style=|onclick=|<script>(?!</script>)", answer.text)
    assert office.browser().get("/signin", headers={"host": "evil.example"}).status_code == 400


def test_a_connection_is_given_back_after_an_answer_of_whatever_kind_and_not_after_a_failure(
    office: Office, choi: str
) -> None:
    portal = office.app.state.portal
    with portal.db() as first:
        pass
    for path, status in (("/inbox", 200), ("/cases/999999999", 404), ("/staff", 404)):
        assert office.at(choi).get(path).status_code == status
    assert office.browser().get("/inbox").status_code == 303
    with portal.db() as again:
        assert again is first
    with pytest.raises(ZeroDivisionError), portal.db():
        raise ZeroDivisionError
    with portal.db() as another:
        assert another is not first


def test_a_staff_id_with_capitals_signs_in_by_password_however_it_is_typed(office: Office) -> None:
    unit = office.db.rows("SELECT unit FROM person WHERE id = ?", office.of("auditor"))[0][0]
    office.db.insert("person", ("id", "name", "unit", "language"),
                     [("B.Kim", "Kim Bo-ra", unit, "en"), ("b.lee", "Lee", unit, "en"), ("B.Lee", "Lee", unit, "en")])  # fmt: skip
    for id_ in ("B.Kim", "B.Lee"):
        access.set_password(office.db, id_, PASSWORD)
    for typed, whose in (("B.Kim", "B.Kim"), (" b.kIM ", "B.Kim"), ("B.Lee", "B.Lee")):
        done = office.browser().post("/signin", data={"username": typed, "password": PASSWORD, "next": "/inbox"})
        assert done.status_code == 303, typed
        assert office.db.rows(LAST, f"person:{whose}") == [("signed_in",)], typed
    assert access.known(office.db, "b.lee") == "b.lee"
    assert access.known(office.db, "B.LEE") == "b.lee"  # whose it is can't be told
    for _ in range(4):  # one account, however it is written
        access.failed(office.db, office.app.state.portal, ("account:B.Kim",))
    assert office.browser().post("/signin", data={"username": "b.kim", "password": "wrong"}).status_code == 401
    assert office.browser().post("/signin", data={"username": "B.KIM", "password": PASSWORD}).status_code == 429
