"""The decision page in Chromium in every state, decided by keyboard alone and without a script."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from portal.who import access
from tests.portal.browser import Served, looked
from tests.portal.links import able, at_the_desk, do, link, restriction, waiting

pytestmark = pytest.mark.parametrize("office", ["sqlite"], indirect=True)


def test_every_state_of_a_link(served: Served) -> None:
    office = served.office
    case, shin, _ = restriction(office)
    bae, other = able(office, case)[:2]
    address = link(office, case, bae)

    def opens(person: str, address: str, name: str) -> None:
        page = served.at(person)
        page.goto(address)
        looked(page, f"decision-{name}")
        page.context.close()

    opens(bae, link(office, case, bae, days=-1), "ended")
    opens(bae, "/d/false", "false")
    opens(office.of("inspector"), address, "anothers")
    opens(other, address, "forwarded")
    opens(shin, link(office, case, shin), "four-eyes")
    do(office, office.of("post_loan_officer"), "comment", case, {"text": "Progress of the project is 44 %, not 41 %."})
    portal, house = office.app.state.portal, office.house
    portal.house = replace(house, now=lambda: access._later(house.now(), access.timedelta(minutes=6)))
    page = served.at(bae)
    page.goto(address)
    page.get_by_label("Confirm").check()
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("Not decided yet: something is missing.")).to_be_visible()
    looked(page, "decision-changed-incomplete")
    portal.house = house
    do(office, other, "confirm", case)
    page.goto(address)
    looked(page, "decision-decided")
    desk, officer = at_the_desk(office, green=True)
    opens(officer, link(office, desk, officer), "green")
    for step in ("review", "verify_site", "decide", "check"):
        case, person = waiting(office, step, green=False if step == "review" else None)
        opens(person, link(office, case, person), step.replace("_", "-"))


def test_it_is_decided_by_keyboard_alone_and_without_a_script(served: Served) -> None:
    office = served.office
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    page = served.at(bae)
    page.route("**/*.js", lambda route: route.abort())
    page.goto(link(office, case, bae))
    page.get_by_label("Confirm").focus()
    for key in ("Space", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("✓ Confirmed")).to_be_visible()
    looked(page, "decision-done")
