"""Signing out of a sign-in that came by the bank's account service: here, and there too where it offers that."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from portal.pages.account import HERE, LONGEST
from portal.provider import Provider
from portal.who import access
from portal.who.asking import COOKIE, HINT
from tests.portal.accounts import CLIENT, Accounts, account_service
from tests.portal.browser import PHONE, Served, assert_accessible
from tests.portal.conftest import PASSWORD, Office
from tests.portal.signing_in import Person, accounts, noted, person, sessions

__all__ = ["accounts", "person"]  # fixtures
REFRESH = re.compile(r'<meta http-equiv="refresh" content="0;url=([^"]+)">')


def test_he_is_signed_out_here_and_there_and_comes_back_to_the_sign_in(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    choi, before = person("choi"), sessions(office)
    came = choi.comes()
    (kept,) = (c for c in came.headers.get_list("set-cookie") if c.startswith(f"{HINT}="))
    assert {"httponly", "path=/signout", "samesite=lax"} <= {part.strip().lower() for part in kept.split(";")}
    out = choi.post("/signout")
    assert (out.status_code, sessions(office)) == (200, before)
    assert [c.partition("=")[0] for c in out.headers.get_list("set-cookie") if "max-age=0" in c.lower()] == [
        COOKIE,
        HINT,
    ]
    there = unescape(REFRESH.findall(out.text)[0])
    assert there.startswith(f"{accounts.address}/logout?realm=bank&")
    back = choi.there.get(there)
    assert back.headers["location"] == f"{office.house.portal}/signin?state=out"
    assert accounts.left == ["account-choi"]
    page = choi.here.get("/signin?state=out")
    assert "You are signed out on this device." in page.text
    assert choi.here.get("/inbox").status_code == 303
    assert choi.there.get(choi.here.get(HERE).headers["location"]).status_code == 200  # it asks again who he is
    assert noted(office, f"person:{accounts.people['choi']}")[-1] == ("signed_out", {"everywhere": False})


@pytest.mark.parametrize("says", ["", "javascript:alert(1)", "ftp://127.0.0.1/logout"])
def test_where_it_offers_no_such_address_he_is_signed_out_here(
    office: Office, accounts: Accounts, person: Callable[[str], Person], says: str
) -> None:
    accounts.says["end_session_endpoint"] = says
    choi, before = person("choi"), sessions(office)
    choi.comes()
    out = choi.post("/signout", everywhere="yes")
    assert (out.status_code, out.headers["location"]) == (303, "/signin?over=out")
    assert sessions(office) == before


def test_while_it_does_not_answer_he_is_signed_out_here(office: Office, person: Callable[[str], Person]) -> None:
    with account_service() as there:
        there.people["choi"] = office.of("post_loan_officer")
        office.app.state.portal.provider = Provider(there.declared, f"{office.house.portal}{HERE}/back")
        choi, before = person("choi"), sessions(office)
        choi.comes()
    office.app.state.portal.provider._known = None
    assert choi.post("/signout").headers["location"] == "/signin?over=out"
    assert sessions(office) == before


def test_who_came_by_password_is_sent_nowhere_whatever_his_browser_has_kept(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    choi = person("choi")
    choi.comes()
    officer = office.of("post_loan_officer", 1)
    access.set_password(office.db, officer, PASSWORD)
    choi.here.post("/signin", data={"username": officer, "password": PASSWORD})
    out = choi.post("/signout", to="https://evil.example", post_logout_redirect_uri="https://evil.example")
    assert out.headers["location"] == "/signin?over=out"
    assert accounts.left == []


def test_what_a_browser_would_not_keep_is_not_sent_along(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    accounts.twist = lambda claims: claims.update(groups="g" * LONGEST)
    choi = person("choi")
    choi.here.cookies.set(HINT, "of-an-earlier-sign-in", path="/signout", domain="127.0.0.1")
    came = choi.comes()
    assert any(c.startswith(f'{HINT}=""') for c in came.headers.get_list("set-cookie"))
    there = unescape(REFRESH.findall(choi.post("/signout").text)[0])
    assert parse_qs(urlsplit(there).query) == {
        "realm": ["bank"], "client_id": [CLIENT], "post_logout_redirect_uri": [f"{office.house.portal}/signin"],
        "state": ["out"]}  # fmt: skip


def test_the_hint_is_stored_nowhere_here(office: Office, accounts: Accounts, person: Callable[[str], Person]) -> None:
    choi = person("choi")
    choi.comes()
    assert choi.post("/signout").text.count("id_token_hint=ey") == 2
    columns = {
        table: office.db.rows(f"SELECT * FROM {table}") for table in ("session", "errand", "credential", "stream")
    }
    entries = office.db.rows("SELECT payload FROM entry WHERE stream LIKE 'person:%'")
    assert "eyJ" not in str([columns, entries])


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_in_a_browser_he_goes_there_by_himself(served: Served) -> None:
    office = served.office
    with account_service() as there:
        there.people["choi"] = office.of("post_loan_officer")
        office.app.state.portal.provider = Provider(there.declared, f"{served.address}{HERE}/back")
        office.app.state.portal.house = replace(office.house, portal=served.address)
        page = served.browser(PHONE)
        page.goto("/signin/account")
        page.get_by_label("Account").fill("choi")
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
        page.locator("details.menu summary").click()
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect(page.get_by_text("You are signed out on this device.")).to_be_visible()
        expect(page).to_have_url(f"{served.address}/signin?state=out")
        assert_accessible(page)
        assert there.left == ["account-choi"]
