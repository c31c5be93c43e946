"""Decided from notifications, for real: the delivery flow sends through Apprise to an SMTP server, each letter's link is
opened in Chromium, and three people one after the other bring a case to a restriction that the gate then enforces; opened
by somebody else, it decides nothing."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.who import access
from tasks import books
from tasks.gate import check
from tests.deployments.conftest import Api
from tests.portal.browser import DESK, PHONE, Screen, Served, in_browsers, looked
from tests.portal.conftest import PASSWORD, Office
from tests.portal.links import able, at_the_desk
from tests.tasks.post_office import MailServer, mail_server

pytestmark = pytest.mark.slow
LINK = re.compile(r"http://127\.0\.0\.1:\d+/d/\S+")


@dataclass
class Street:
    """The office, its browsers, the server that takes its letters, and Prefect, on whose record the flows run."""

    served: Served
    letters: MailServer
    api: str

    @property
    def office(self) -> Office:
        return self.served.office

    def run(self, stage: str) -> None:
        """As an operator does, in a process of its own."""
        house = self.office.house
        day = house.business_date().isoformat()
        env = {"POSTLOAN_DATABASE_URL": house.url, "POSTLOAN_HOME": str(house.home), "POSTLOAN_TODAY": day,
               "POSTLOAN_PORTAL": self.served.address, "PREFECT_API_URL": self.api}  # fmt: skip
        done = subprocess.run([sys.executable, "-m", "deployments.cli", "run", stage, "--as-of", day],
                              env={**os.environ, **env}, capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]

    def mail(self, person: str) -> EmailMessage:
        """The newest letter that came to him."""
        self.run("delivery")
        found = [m for m in self.letters.mails() if m["To"].startswith(f"{person}@") or f"<{person}@" in m["To"]]
        assert found, f"no letter came to {person}"
        return found[-1]

    def link(self, person: str) -> str:
        """The one link of his newest letter."""
        (link,) = set(LINK.findall(text_of(self.mail(person))))
        return str(link)

    def opened(self, person: str, screen: Screen = DESK, link: str = "") -> Page:
        """He opens the link of his newest letter, and signs in with his password."""
        link = link or self.link(person)
        page = self.served.browser(screen)
        page.goto(link)
        expect(page.get_by_text("Sign in to open the item from your mail.")).to_be_visible()
        page.get_by_label("Staff ID").fill(person)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(link)
        return page

    def step(self, case: int) -> str:
        return str(self.office.db.rows("SELECT step FROM cases WHERE id = ?", case)[0][0])


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def street(office: Office, chromium: Browser, api: Api) -> Iterator[Street]:
    with mail_server() as letters, in_browsers(office, chromium) as served:
        house = replace(office.house, portal=served.address)
        office.house = office.app.state.portal.house = house
        for (person,) in office.db.rows("SELECT DISTINCT person FROM channel"):
            office.db.run("DELETE FROM channel WHERE person = ?", person)
            office.db.run("INSERT INTO channel (person, url) VALUES (?, ?)", person, letters.url(person))
        street = Street(served, letters, api.url)
        street.run("delivery")  # what has gathered goes out as digests; from here on each letter is about one item
        yield street


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_three_people_decide_from_their_mails_and_then_the_gate_refuses(street: Street) -> None:
    office = street.office
    case, officer = at_the_desk(office, green=False)
    for (person,) in office.db.rows("SELECT DISTINCT person FROM role_grant WHERE role IN ('post_loan_officer', 'credit_manager', "
                                    "'account_manager')"):  # fmt: skip
        access.set_password(office.db, person, PASSWORD)
    facility = office.db.rows("SELECT f.id FROM facility f JOIN cases c ON c.subject = f.borrower WHERE c.id = ? ORDER BY f.id",
                              case)[0][0]  # fmt: skip
    clock, rules = office.house.clock(office.house.business_date()), books.rules(office.db)

    link = street.link(officer)
    entries = office.db.rows("SELECT count(*) FROM entry WHERE stream LIKE 'case:%'")
    forwarded = street.served.at(able(office, case)[1])
    forwarded.goto(link)
    expect(forwarded.get_by_text("This link was sent to")).to_be_visible()
    assert office.db.rows("SELECT count(*) FROM entry WHERE stream LIKE 'case:%'") == entries

    verifying = street.opened(officer, link=link)
    verifying.get_by_role("group", name="Outcome").get_by_label("V0").check()
    verifying.get_by_role("group", name="The level that you find yourself").get_by_label("L3").check()
    looked(verifying, "mail-1-verify")
    verifying.get_by_role("button", name="Verify as adequate").click()
    expect(verifying.get_by_text("✓ Verified")).to_be_visible()
    assert street.step(case) == "weigh"
    assert office.woken == ["escalation"]

    street.run("escalation")
    assert street.step(case) == "decide"
    manager = able(office, case)[0]
    imposing = street.opened(manager)
    imposing.get_by_label("Restrict or order: one restriction").check()
    imposing.get_by_role("combobox", name="Restriction").select_option("K1")
    imposing.get_by_role("combobox", name="Facility").select_option(facility)
    imposing.get_by_role("textbox", name="Reason").fill("The site stood still on both visits.")
    looked(imposing, "mail-2-decide")
    imposing.get_by_role("button", name="Decide").click()
    expect(imposing.get_by_text("✓ Restricted or ordered")).to_be_visible()
    assert street.step(case) == "closed"
    control = int(office.db.rows("SELECT id FROM cases WHERE parent = ? AND process = 'control'", case)[0][0])
    assert (
        check(office.db, facility, 1, clock, rules, office.house.snapshots, person="core", key="1").outcome != "refuse"
    )

    other = able(office, control)[0]
    assert other != manager
    confirming = street.opened(other, PHONE)
    portal, house = office.app.state.portal, office.house
    portal.house = replace(house, now=lambda: access._later(house.now(), access.timedelta(minutes=6)))
    confirming.reload()
    confirming.get_by_label("Confirm").check()
    confirming.get_by_label("Your password").fill(PASSWORD)
    looked(confirming, "mail-3-confirm")
    confirming.get_by_role("button", name="Decide").click()
    expect(confirming.get_by_text("✓ Confirmed")).to_be_visible()
    looked(confirming, "mail-3-confirmed")
    portal.house = house

    answer = check(office.db, facility, 1, clock, rules, office.house.snapshots, person="core", key="2")
    assert (answer.outcome, answer.allowed, answer.reasons[0].code) == ("refuse", 0, "stopped")
    told = office.db.rows("SELECT r.manager FROM responsible r JOIN cases c ON c.subject = r.subject WHERE c.id = ? "
                          "ORDER BY r.since DESC LIMIT 1", control)[0][0]  # fmt: skip
    informed = street.opened(told)
    expect(informed.get_by_text("There is nothing for you to decide")).to_be_visible()
    looked(informed, "mail-4-informed")
