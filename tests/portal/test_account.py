"""Sign-in at the bank's account service: who comes in by it, and what of it is not believed."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from portal.pages.account import HERE
from portal.provider import Provider
from portal.who import access
from portal.who.asking import COOKIE
from tests.portal.accounts import Accounts, Claims, account_service
from tests.portal.conftest import PASSWORD, Office
from tests.portal.signing_in import Person, accounts, noted, person, sessions

__all__ = ["accounts", "person"]  # fixtures
NOT_BELIEVED = "can't be trusted"


def test_who_signs_in_there_comes_to_where_he_was_going_and_it_is_noted(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    choi = person("choi")
    page = choi.here.get("/signin?next=/inbox%3Fdue%3Dlate").text
    (to,) = re.findall(r'href="(/signin/account[^"]*)"', page)
    assert "Sign in with the bank&#39;s account" in page or "Sign in with the bank's account" in page
    came = choi.comes(unescape(to))
    assert (came.status_code, came.headers["location"]) == (303, "/inbox?due=late")
    assert choi.here.get("/inbox").status_code == 200
    cookies = came.headers.get_list("set-cookie")
    assert any(c.startswith(f"{COOKIE}=") and "httponly" in c.lower() and "samesite=lax" in c.lower() for c in cookies)
    assert any(c.startswith("postloan_away=") and "max-age=0" in c.lower() for c in cookies)
    assert noted(office, f"person:{accounts.people['choi']}")[-1] == (
        "signed_in", {"address": "testclient", "by": "oidc"})  # fmt: skip
    (asked,) = accounts.asked
    assert "prompt" not in asked
    assert asked["redirect_uri"] == f"{office.house.portal}{HERE}/back"


def test_without_an_account_service_there_is_no_such_button_and_no_such_address(office: Office) -> None:
    assert "account" not in office.browser().get("/signin").text.partition("<main")[2]
    assert office.browser().get(HERE).status_code == 404
    assert office.browser().get(f"{HERE}/back?state=a&code=b").status_code == 404


def _set(**said: object) -> Callable[[Claims], object]:
    return lambda claims: claims.update(said)


TWISTS: list[tuple[Callable[[Claims], object], str]] = [
    (_set(nonce="another"), "nonce"), (lambda c: c.pop("nonce"), "nonce"), (_set(aud="another"), "aud"),
    (_set(aud=["postloan", "another"]), "azp"), (_set(iss="https://another.example"), "iss"),
    (_set(exp=1_000_000_000), "expired"), (_set(iat=99_999_999_999), "in the future"), (lambda c: c.pop("exp"), "exp"),
    (lambda c: c.pop("sub"), "sub"), (_set(at_hash="another"), "at_hash"), (_set(exp=float("nan")), "exp")]  # fmt: skip


def test_what_an_id_token_says_wrongly_signs_nobody_in(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    for accounts.twist, why in TWISTS:
        refused(office, person("choi"), why)


def refused(office: Office, choi: Person, why: str) -> None:
    before = sessions(office)
    came = choi.comes()
    assert (came.status_code, NOT_BELIEVED in came.text) == (401, True)
    assert sessions(office) == before
    assert COOKIE not in choi.here.cookies
    action, said = noted(office, "portal:accounts")[-1]
    assert (action, said["by"], why in said["why"]) == ("sign_in_refused", "oidc", True), said


def test_signed_with_another_key_or_with_none_it_signs_nobody_in(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    accounts.signs = "two"
    refused(office, person("choi"), "")
    accounts.signs, accounts.none = "one", True
    refused(office, person("choi"), "")


def test_a_key_of_the_right_name_that_is_another_does_not_do(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    forged = RSAKey.generate_key(2048, {"kid": "one"})
    accounts.id_token = lambda asked, token: jwt.encode(  # type: ignore[method-assign]
        {"alg": "RS256", "kid": "one"}, {"iss": accounts.address, "aud": "postloan", **accounts.claims("choi")}, forged)  # fmt: skip
    refused(office, person("choi"), "signature")


def test_when_it_changes_its_keys_people_still_come_in(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    assert person("choi").comes().status_code == 303
    accounts.signs, accounts.keys = "two", ("two",)
    assert person("choi").comes().status_code == 303


def test_what_it_says_by_userinfo_alone_is_asked_there(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    accounts.thin = True
    assert person("choi").comes().status_code == 303


def test_nobody_comes_back_twice_nor_in_another_browser_nor_after_too_long(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    choi = person("choi")
    back = choi.away(HERE)
    secret = choi.here.cookies["postloan_away"]
    assert person("choi").here.get(back).status_code == 400
    assert choi.here.get(back).status_code == 303
    before = sessions(office)
    choi.here.cookies.set("postloan_away", secret, domain="127.0.0.1", path=HERE)
    again = choi.here.get(back)
    assert (again.status_code, "took too long, or was used already" in again.text) == (400, True)
    late = person("choi")
    back = late.away(HERE)
    portal, now = office.app.state.portal, office.house.now
    portal.house = replace(office.house, now=lambda: access._later(now(), timedelta(minutes=11)))
    assert late.here.get(back).status_code == 400
    assert sessions(office) == before


def test_an_answer_that_is_not_the_one_that_was_asked_for_signs_nobody_in(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    before = sessions(office)
    for change, status in (("state", 400), ("iss", 401), ("code", 401)):
        choi = person("choi")
        query = {k: v[0] for k, v in parse_qs(urlsplit(choi.away(HERE)).query).items()}
        assert choi.here.get(f"{HERE}/back", params=query | {change: "https://another.example"}).status_code == status
    declined = person("choi")
    state = parse_qs(urlsplit(declined.away(HERE)).query)["state"][0]
    page = declined.here.get(f"{HERE}/back", params={"error": "access_denied", "state": state})
    assert (page.status_code, "did not sign you in" in page.text) == (401, True)
    assert sessions(office) == before


def test_who_is_unknown_here_or_has_left_is_told_so_and_it_is_noted(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    accounts.people |= {"stranger": "nobody.known", "gone": office.of("auditor"), "empty": ""}
    office.db.run("UPDATE person SET until = '2020-01-01' WHERE id = ?", office.of("auditor"))
    before = sessions(office)
    for account, stream, why in (
        ("stranger", "portal:accounts", "unknown"),
        ("gone", f"person:{accounts.people['gone']}", "left"),
        ("empty", "portal:accounts", "unknown"),
    ):
        came = person(account).comes()
        assert (came.status_code, "belongs to nobody in service here" in came.text) == (403, True)
        assert noted(office, stream)[-1] == (
            "sign_in_refused", {"address": "testclient", "by": "oidc", "why": why})  # fmt: skip
    assert sessions(office) == before


def test_the_system_itself_is_nobody_who_signs_in(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    accounts.people["root"] = "system"
    assert person("root").comes().status_code == 403


def test_a_second_account_that_says_the_same_staff_id_is_not_his_until_the_first_is_forgotten(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    choi = accounts.people["choi"]
    accounts.people["other"] = choi.upper()
    assert person("choi").comes().status_code == 303
    assert person("other").comes().status_code == 403
    assert noted(office, f"person:{choi}")[-1][1]["why"] == "other_account"
    assert access.forget_account(office.db, choi)
    assert person("other").comes().status_code == 303
    assert person("choi").comes().status_code == 403


def test_while_it_does_not_answer_the_password_still_does(office: Office, person: Callable[[str], Person]) -> None:
    officer = office.of("post_loan_officer")
    access.set_password(office.db, officer, PASSWORD)
    with account_service() as accounts:
        down = accounts.declared
    office.app.state.portal.provider = Provider(down, f"{office.house.portal}{HERE}/back")
    browser = office.browser()
    page = browser.get(f"{HERE}?next=/cases")
    assert page.status_code == 503
    assert "account service does not answer" in page.text
    done = browser.post("/signin", data={"username": officer, "password": PASSWORD, "next": "/cases"})
    assert (done.status_code, done.headers["location"]) == (303, "/cases")


def test_while_it_goes_down_between_it_is_said_and_nobody_is_signed_in(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    choi = person("choi")
    back = choi.away(HERE)
    provider = office.app.state.portal.provider
    provider._known = replace(
        provider._known, says={**provider._known.says, "token_endpoint": "http://127.0.0.1:9/token"}
    )
    came = choi.here.get(back)
    assert (came.status_code, "account service does not answer" in came.text) == (503, True)


def test_from_there_nobody_is_sent_to_another_site(accounts: Accounts, person: Callable[[str], Person]) -> None:
    for next in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        assert person("choi").comes(f"{HERE}?next={next}").headers["location"] == "/inbox"


def test_after_thirty_refusals_an_address_waits(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    accounts.people["stranger"] = "nobody.known"
    stranger = person("stranger")
    for _ in range(29):
        access.failed(office.db, office.app.state.portal, ("address:testclient",))
    assert stranger.comes().status_code == 403
    blocked = stranger.here.get(HERE)
    assert (blocked.status_code, "Too many attempts." in blocked.text) == (429, True)


def test_the_secret_of_the_client_is_shown_nowhere(accounts: Accounts) -> None:
    assert "secret of the portal" not in repr(accounts.declared) + str(accounts.declared)
