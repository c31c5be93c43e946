"""Once more: is it he? Who signed in at the bank's account service proves it there before he decides what weighs much, and
what he wrote is kept; a list and a program decide none of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from html import unescape

import pytest

from portal.api.caller import issue
from portal.who import access
from portal.who.asking import COOKIE
from tests.portal.accounts import Accounts
from tests.portal.conftest import PASSWORD, Office
from tests.portal.links import able, link, restriction
from tests.portal.signing_in import Person, accounts, noted, person

__all__ = ["accounts", "person"]  # fixtures
HIDDEN = re.compile(r'name="(seen|key)" value="([^"]*)"')
TO_PROOF = re.compile(r'href="(/proof\?next=[^"]*)"')


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


def test_a_list_and_a_program_do_not_decide_what_is_asked_for_once_more(office: Office) -> None:
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
