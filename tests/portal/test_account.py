"""Sign-in at the bank's account service: who comes in by it, what of it is not believed, and how it proves once more that
it is still he before he decides what weighs much."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest
from fastapi.testclient import TestClient

from portal import access
from portal.account import HERE
from portal.asking import COOKIE
from portal.provider import Provider
from tests.portal.accounts import Accounts, Claims, account_service
from tests.portal.conftest import PASSWORD, Office
from tests.portal.links import able, link, restriction

NOT_BELIEVED = "could not be believed"
HIDDEN = re.compile(r'name="(seen|key)" value="([^"]*)"')
TO_PROOF = re.compile(r'href="(/proof\?next=[^"]*)"')


@pytest.fixture
def accounts(office: Office) -> Iterator[Accounts]:
    """The bank's account service, and an account "choi" of a post-loan officer."""
    with account_service() as made:
        made.people["choi"] = office.of("post_loan_officer")
        office.app.state.portal.provider = Provider(made.declared, f"{office.house.portal}{HERE}/back")
        yield made


@dataclass
class Person:
    """Somebody at a browser: what it keeps for the portal, and what for the account service."""

    office: Office
    account: str
    here: TestClient
    there: httpx.Client

    def away(self, path: str) -> str:
        """To the account service and through its form, if it shows one; the path that it sends him back to."""
        sent = self.here.get(path)
        assert sent.status_code == 303, sent.text
        page = self.there.get(sent.headers["location"])
        if page.status_code == 200:
            typed = {k: unescape(v) for k, v in re.findall(r'name="([^"]*)" value="([^"]*)"', page.text)}
            address = page.url.copy_with(query=None)
            page = self.there.post(address, data={**typed, "user": self.account})
        back = urlsplit(page.headers["location"])
        assert f"{back.scheme}://{back.netloc}" == self.office.house.portal
        return f"{back.path}?{back.query}"

    def comes(self, path: str = HERE) -> httpx.Response:
        return self.here.get(self.away(path))

    def post(self, path: str, **fields: object) -> httpx.Response:
        form = access.csrf(self.here.cookies[COOKIE])
        return self.here.post(path, data={"_form": form, **fields})


@pytest.fixture
def person(office: Office) -> Iterator[Callable[[str], Person]]:
    with ExitStack() as browsers:

        def at(account: str) -> Person:
            there = browsers.enter_context(httpx.Client(trust_env=False))
            return Person(office, account, office.browser(), there)

        yield at


def noted(office: Office, stream: str) -> list[tuple[str, dict[str, Any]]]:
    rows = office.db.rows("SELECT action, payload FROM entry WHERE stream = ? ORDER BY seq", stream)
    return [(action, orjson.loads(payload)) for action, payload in rows]


def sessions(office: Office) -> int:
    return int(office.db.rows("SELECT count(*) FROM session")[0][0])


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
    from joserfc import jwt
    from joserfc.jwk import RSAKey

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


# -- once more --------------------------------------------------------------------------------------------------------


@dataclass
class Confirming:
    """A credit manager who signed in with his account some minutes ago, before a restriction that he may confirm."""

    person: Person
    id: str
    case: int
    address: str

    def step(self) -> str:
        return str(self.person.office.db.rows("SELECT step FROM cases WHERE id = ?", self.case)[0][0])

    def form(self) -> dict[str, str]:
        page = self.person.here.get(self.address)
        assert 'type="password"' not in page.text
        assert "asks for your password once more" in page.text
        return dict(HIDDEN.findall(page.text))

    def to_proof(self, **typed: str) -> str:
        """He decides, and is asked to prove himself first: where he goes for that."""
        asked = self.person.post(self.address, **self.form(), **typed)
        assert (asked.status_code, "Once more: is it you?" in asked.text) == (422, True)
        return unescape(TO_PROOF.findall(asked.text)[0])


@pytest.fixture
def confirming(office: Office, accounts: Accounts, person: Callable[[str], Person]) -> Confirming:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    accounts.people["bae"] = bae
    made = Confirming(person("bae"), bae, case, link(office, case, bae))
    assert made.person.comes().status_code == 303
    aged(office)
    return made


def aged(office: Office) -> None:
    """All that was proved was proved long ago."""
    office.db.run("UPDATE session SET proved_at = '2026-01-01T00:00:00.000000Z'")


def test_before_holding_back_money_he_proves_himself_there_and_what_he_wrote_is_kept(
    office: Office, accounts: Accounts, confirming: Confirming
) -> None:
    to = confirming.to_proof(decision="confirm", note="Seen on both visits.")
    assert confirming.step() == "confirm"
    came = confirming.person.comes(to)
    assert (came.status_code, came.headers["location"]) == (303, confirming.address)
    assert (accounts.asked[-1]["prompt"], accounts.asked[-1]["max_age"]) == ("login", "0")
    page = confirming.person.here.get(confirming.address).text
    assert 'value="confirm" checked' in page
    fields = dict(HIDDEN.findall(page))
    assert "✓ Confirmed" in confirming.person.post(confirming.address, decision="confirm", **fields).text
    assert not office.db.rows("SELECT 1 FROM draft WHERE person = ?", confirming.id)


def test_a_proof_from_before_it_was_asked_for_is_none(
    office: Office, accounts: Accounts, confirming: Confirming
) -> None:
    aged(office)
    accounts.lazy, accounts.twist = True, lambda claims: claims.update(auth_time=claims["auth_time"] - 90)
    to = confirming.to_proof(decision="confirm")
    came = confirming.person.comes(to)
    assert (came.status_code, "did not ask for your password again" in came.text) == (403, True)
    assert noted(office, f"person:{confirming.id}")[-1] == (
        "proof_refused", {"address": "testclient", "by": "oidc", "why": "stale"})  # fmt: skip
    accounts.twist = lambda claims: claims.pop("auth_time")
    assert confirming.person.comes(to).status_code == 403
    confirming.to_proof(decision="confirm")
    assert confirming.step() == "confirm"


def test_the_proof_of_somebody_else_is_none(office: Office, accounts: Accounts, confirming: Confirming) -> None:
    to = confirming.to_proof(decision="confirm")
    confirming.person.account = "choi"
    came = confirming.person.comes(to)
    assert (came.status_code, "account of somebody else" in came.text) == (403, True)
    confirming.to_proof(decision="confirm")
    assert confirming.step() == "confirm"


def test_a_form_of_its_own_and_a_cancel_are_proved_there_too(
    office: Office, accounts: Accounts, confirming: Confirming
) -> None:
    confirming.address = f"/cases/{confirming.case}/confirm"
    came = confirming.person.comes(confirming.to_proof(act="decide"))
    assert came.headers["location"] == confirming.address
    done = confirming.person.post(confirming.address, act="decide", **dict(HIDDEN.findall(
        confirming.person.here.get(confirming.address).text)))  # fmt: skip
    assert done.status_code == 303
    assert confirming.step() == "in_force"
    aged(office)
    case = office.db.rows("SELECT id FROM cases WHERE step = 'check' ORDER BY id")[0][0]
    asked = confirming.person.post(f"/cases/{case}", act="cancel", sent="yes", reason="Opened twice.")
    (to,) = TO_PROOF.findall(asked.text)
    came = confirming.person.comes(unescape(to))
    kept = confirming.person.here.get(came.headers["location"]).text
    assert "Opened twice.</textarea>" in kept
    done = confirming.person.post(f"/cases/{case}", act="cancel", sent="yes", reason="Opened twice.")
    assert (done.status_code, done.headers["location"]) == (303, f"/cases/{case}?did=cancel")


def test_who_signed_in_by_password_proves_himself_by_it_and_who_has_none_there(
    office: Office, accounts: Accounts, confirming: Confirming
) -> None:
    cookie = access.admit(office.db, office.app.state.portal, confirming.id, "127.0.0.1", "password", "")
    confirming.person.here.cookies.delete(COOKIE)
    confirming.person.here.cookies.set(COOKIE, cookie)
    confirming.to_proof(decision="confirm")
    access.set_password(office.db, confirming.id, PASSWORD)
    page = confirming.person.here.get(confirming.address).text
    assert 'type="password"' in page


def test_signed_in_there_an_hour_ago_he_has_not_proved_himself_here_just_now(
    office: Office, accounts: Accounts, person: Callable[[str], Person]
) -> None:
    accounts.twist = lambda claims: claims.update(auth_time=claims["auth_time"] - 3600)
    assert person("choi").comes().status_code == 303
    (at,) = office.db.rows("SELECT proved_at FROM session WHERE way = 'oidc'")[0]
    assert at < access._later(office.house.now(), timedelta(minutes=-59))


# -- around it --------------------------------------------------------------------------------------------------------


def test_a_staff_id_with_capitals_signs_in_by_password_however_it_is_typed(office: Office) -> None:
    unit = office.db.rows("SELECT unit FROM person WHERE id = ?", office.of("auditor"))[0][0]
    office.db.insert("person", ("id", "name", "unit", "language"),
                     [("B.Kim", "Kim Bo-ra", unit, "en"), ("b.lee", "Lee", unit, "en"), ("B.Lee", "Lee", unit, "en")])  # fmt: skip
    for id_ in ("B.Kim", "B.Lee"):
        access.set_password(office.db, id_, PASSWORD)
    for typed, whose in (("B.Kim", "B.Kim"), (" b.kIM ", "B.Kim"), ("B.Lee", "B.Lee")):
        done = office.browser().post("/signin", data={"username": typed, "password": PASSWORD, "next": "/inbox"})
        assert done.status_code == 303, typed
        assert noted(office, f"person:{whose}")[-1][0] == "signed_in", typed
    assert access.known(office.db, "b.lee") == "b.lee"
    assert access.known(office.db, "B.LEE") == "b.lee"  # whose it is can't be told
    for _ in range(4):  # one account, however it is written
        access.failed(office.db, office.app.state.portal, ("account:B.Kim",))
    assert office.browser().post("/signin", data={"username": "b.kim", "password": "wrong"}).status_code == 401
    assert office.browser().post("/signin", data={"username": "B.KIM", "password": PASSWORD}).status_code == 429


def test_a_list_and_a_program_do_not_decide_what_is_asked_for_once_more(office: Office) -> None:
    from portal.api.caller import issue

    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    key = {"Idempotency-Key": "confirm-1"}
    said = {"action": "confirm", "payload": {}}
    program = office.browser()
    program.headers["authorization"] = f"Bearer {issue(office.db, 'program', bae, ['act'], date(2030, 1, 1))}"
    refused_ = program.post(f"/api/v1/cases/{case}/acts", json=said, headers=key)
    assert (refused_.status_code, refused_.json()["code"]) == (403, "proof")
    office.at(bae)
    office.db.run("UPDATE session SET proved_at = '2026-01-01T00:00:00.000000Z'")
    token = {"X-Form-Token": office.form(bae)}
    assert office.at(bae).post(f"/api/v1/cases/{case}/acts", json=said, headers=key | token).status_code == 403
    assert office.post(bae, "/inbox", item=case, act="confirm").status_code == 303  # type: ignore[attr-defined]
    assert office.db.rows("SELECT step FROM cases WHERE id = ?", case) == [("confirm",)]
    office.db.run("UPDATE session SET proved_at = ?", office.house.now())
    assert office.at(bae).post(f"/api/v1/cases/{case}/acts", json=said, headers=key | token).status_code == 200
