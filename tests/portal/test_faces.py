"""The faces of a page that no day leads to: what is not there or can't be, evidence that was changed, a proof that is none,
a sign-in that does not come off, lists that find nobody. Each on every screen."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from httpx import Response
from playwright.sync_api import Page, expect

from deployments.ports import free
from portal.pages import inbox
from portal.pages.account import HERE
from portal.provider import Declared, Provider
from portal.who import access
from tests.portal.accounts import Accounts, account_service
from tests.portal.browser import WIDE, Served, looked
from tests.portal.conftest import PASSWORD, Office
from tests.portal.links import able, restriction
from tests.portal.pictures import photo, send
from tests.portal.test_evidence import stored, visit

pytestmark = pytest.mark.parametrize("office", ["sqlite"], indirect=True)


def sees(page: Page, text: str, name: str) -> None:
    expect(page.get_by_role("main").get_by_text(re.compile(re.escape(text))).first).to_be_visible()
    looked(page, f"face-{name}")


def answered(page: Page, answer: Response) -> None:
    """The page as it comes of a request that no form of ours sends."""
    address = re.compile(r"/answered$")
    page.route(address, lambda route: route.fulfill(
        status=answer.status_code, headers=dict(answer.headers), body=answer.text))  # fmt: skip
    page.goto("/answered")
    page.unroute(address)


@contextmanager
def without_database(office: Office) -> Iterator[None]:
    portal, house = office.app.state.portal, office.house
    portal.close()
    portal.house = replace(house, url=f"postgresql://postgres@127.0.0.1:{free()}/away")
    yield
    portal.house = house


def test_what_is_not_there_or_cant_be(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    office, auditor = served.office, served.office.of("auditor")
    page = served.at(auditor)
    page.goto("/cases/999999999")
    sees(page, "There is nothing at this address.", "not-there")
    page.goto("/staff?q=no-such-person")
    sees(page, "Nobody is found.", "staff-nobody")
    page.goto("/cases?q=no+such+borrower")
    sees(page, "Nothing is found that is yours to see.", "cases-nothing")

    nobody = served.browser()
    nobody.goto("/no-such-page")
    sees(nobody, "There is nothing at this address.", "not-there-nobody")
    expect(nobody.get_by_role("main").get_by_role("link")).to_have_text("Sign in")

    answered(page, office.at(auditor).post("/preferences", data={"_form": "another's", "theme": "dark"}))
    sees(page, "this form was not made for your session", "forged")
    answered(page, office.at(auditor).put("/inbox"))
    sees(page, "that can't be asked for in this way", "odd")

    with without_database(office):
        page.goto("/inbox")
        sees(page, "the database does not answer", "unreachable")
    monkeypatch.setattr(inbox, "show", lambda *_, **__: 1 / 0)
    page.goto("/inbox")
    sees(page, "If it stays so, give operations the number", "defect")


def test_what_is_sent_when_the_sign_in_has_ended(served: Served) -> None:
    office = served.office
    officer = office.of("post_loan_officer")
    access.set_password(office.db, officer, PASSWORD)
    page = served.at(officer)
    page.goto("/inbox")
    ended = access._later(office.house.now(), -access.timedelta(minutes=31))
    office.db.run("UPDATE session SET seen_at = ?", ended)
    page.get_by_role("button", name=re.compile("^Claim ")).first.click()
    sees(page, "you had been signed out", "signin-ended")
    page.get_by_label("Staff ID").fill(officer)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    sees(page, "What you wrote is kept for a day.", "unsent")


def test_a_file_that_is_too_large_is_not_taken_even_without_a_script(served: Served, tmp_path: Path) -> None:
    case, inspector = visit(served.office)
    page = served.at(inspector)
    page.route("**/portal.js", lambda route: route.abort())
    page.goto(f"/visits/{case}")
    file = tmp_path / "large.jpg"
    file.write_bytes(b"\xff\xd8\xff\xe1" + bytes(40 << 20))
    page.locator("input[type=file]").first.set_input_files(file)
    page.get_by_role("button", name="Save", exact=True).click()
    sees(page, "Nothing was taken: the file is larger than 12 MB.", "too-large")


def test_evidence_that_is_not_what_was_handed_in_or_not_kept_here(served: Served) -> None:
    office = served.office
    case, inspector = visit(office)
    sha256 = send(office, inspector, case, photo(), "k1").json()["sha256"]
    page = served.at(inspector)
    stored(office, sha256).write_bytes(photo("red"))
    page.goto(f"/evidence/{case}/{sha256}")
    sees(page, "The file is not what was handed in, so it is not shown.", "evidence-altered")
    stored(office, sha256).unlink()
    page.goto(f"/evidence/{case}/{sha256}")
    sees(page, "The file itself is not kept here.", "evidence-absent")


def test_a_proof_that_is_none(served: Served) -> None:
    office = served.office
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    with accounts_of(served, bae=bae, choi=office.of("post_loan_officer")) as accounts:
        page = served.browser()
        page.goto(f"/cases/{case}/confirm")
        page.get_by_role("link", name="Sign in with the bank's account").click()
        enters(page, "bae")
        expect(page).to_have_url(re.compile("/confirm$"))
        accounts.lazy, accounts.twist = True, lambda claims: claims.update(auth_time=claims["auth_time"] - 90)
        proof = f"/proof?next=/cases/{case}/confirm"
        page.goto(proof)
        sees(page, "did not ask for your password again", "proof-stale")
        accounts.lazy, accounts.twist = False, lambda claims: None
        page.goto(proof)
        enters(page, "choi")
        sees(page, "That was the account of somebody else.", "proof-another")
        page.goto(proof)
        accounts.twist = lambda claims: claims.update(nonce="another")
        enters(page, "bae")
        sees(page, "It is not proved that it is you.", "proof-untrue")
        office.app.state.portal.provider = away(served)
        page.goto(proof)
        sees(page, "The bank's account service does not answer.", "proof-unanswered")


def test_a_sign_in_that_does_not_come_off(served: Served) -> None:
    office = served.office
    with accounts_of(served, choi=office.of("post_loan_officer"), stranger="nobody.known") as accounts:
        page = served.browser()
        page.goto(HERE)
        page.goto(f"{HERE}/back?error=access_denied&state={accounts.asked[-1]['state']}")
        sees(page, "The bank's account service did not sign you in.", "signin-declined")
        page.goto(HERE)
        enters(page, "stranger")
        sees(page, "belongs to nobody in service here", "signin-nobody")
        page.goto(f"{HERE}/back?state=a&code=b")
        sees(page, "That sign-in took too long, or was used already.", "signin-over")
        accounts.twist = lambda claims: claims.update(nonce="another")
        page.context.clear_cookies(domain="127.0.0.1", name="account")
        page.goto(HERE)
        enters(page, "choi")
        sees(page, "can't be trusted, so you were not signed in", "signin-untrue")
        office.app.state.portal.provider = away(served)
        page.goto(HERE)
        sees(page, "The bank's account service does not answer.", "signin-unanswered")
        for _ in range(30):
            access.failed(office.db, office.app.state.portal, ("address:127.0.0.1",))
        page.goto(HERE)
        sees(page, "Too many attempts.", "signin-too-many")
    page.goto("/inbox?due=late")
    sees(page, "You come back to where you were.", "signin-goes-on")
    page.goto("/d/a-link-of-a-mail")
    sees(page, "Sign in to open the item from your mail.", "signin-mail")


@contextmanager
def accounts_of(served: Served, **people: str) -> Iterator[Accounts]:
    """The bank's account service, with these accounts and whose they are."""
    with account_service() as accounts:
        accounts.people |= people
        served.office.app.state.portal.provider = Provider(accounts.declared, f"{served.address}{HERE}/back")
        yield accounts


def away(served: Served) -> Provider:
    """An account service where nobody is."""
    return Provider(Declared(f"http://127.0.0.1:{free()}", "postloan", "secret"), f"{served.address}{HERE}/back")


def enters(page: Page, account: str) -> None:
    page.get_by_label("Account").fill(account)
    page.get_by_role("button", name="Go on").click()


def test_the_widest_screen(served: Served) -> None:
    """Nothing is lost or torn apart on it."""
    case, _, _ = restriction(served.office)
    page = served.at(able(served.office, case)[0])
    for address, name in (("/inbox", "inbox"), (f"/cases/{case}", "case"), (f"/cases/{case}/confirm", "form"),
                          ("/controls", "controls")):  # fmt: skip
        page.goto(address)
        looked(page, f"face-{name}", [WIDE])
