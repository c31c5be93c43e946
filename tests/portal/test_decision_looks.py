"""The decision page in Chromium, in every state, at the desk and on a phone, light and dark: nothing grave for axe-core,
nothing to be scrolled sideways, and a picture of each to be looked at."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from portal import access
from tests.portal.browser import (
    DESK,
    DESK_DARK,
    SCREENS_ALL,
    Screen,
    Served,
    assert_accessible,
    assert_nothing_sideways,
    kept,
)
from tests.portal.links import able, at_the_desk, do, link, restriction, waiting

pytestmark = pytest.mark.parametrize("office", ["sqlite"], indirect=True)


def seen(
    served: Served, person: str, address: str, name: str, then: Callable[[Page], object] = lambda page: None
) -> None:
    """The page on every screen; `then`: what is done there before the picture."""
    for screen in SCREENS_ALL:
        page = served.at(person, screen)
        page.goto(address)
        then(page)
        kept(page, f"decision-{name}")
        assert_accessible(page)
        assert_nothing_sideways(page)
        page.context.close()


def test_a_restriction_to_confirm_changed_incomplete_forwarded_and_decided(served: Served) -> None:
    office = served.office
    case, shin, _ = restriction(office)
    bae, other = able(office, case)[:2]
    address = link(office, case, bae)
    do(office, office.of("post_loan_officer"), "comment", case, {"text": "Progress of the project is 44 %, not 41 %."})
    office.at(bae)
    portal, house = office.app.state.portal, office.house
    portal.house = replace(house, now=lambda: access._later(house.now(), access.timedelta(minutes=6)))
    seen(served, bae, address, "changed")

    def incomplete(page: Page) -> None:
        page.get_by_label("Confirm").check()
        page.get_by_role("button", name="Decide").click()
        expect(page.get_by_text("Not decided yet: something is missing.")).to_be_visible()

    seen(served, bae, address, "incomplete", incomplete)
    portal.house = house
    seen(served, other, address, "forwarded")
    seen(served, shin, link(office, case, shin), "four-eyes")
    do(office, other, "confirm", case)
    seen(served, bae, address, "decided")


def test_the_other_states_of_a_link(served: Served) -> None:
    office = served.office
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    seen(served, bae, link(office, case, bae, days=-1), "ended")
    seen(served, bae, "/d/false", "false")
    seen(served, office.of("inspector"), link(office, case, bae), "anothers")


def test_items_of_an_inspection(served: Served) -> None:
    office = served.office
    case, officer = at_the_desk(office, green=True)
    seen(served, officer, link(office, case, officer), "green")
    for step in ("review", "verify_site", "decide", "check"):
        case, person = waiting(office, step, green=False if step == "review" else None)
        seen(served, person, link(office, case, person), step.replace("_", "-"))


@pytest.mark.parametrize("screen", [DESK, DESK_DARK], ids=lambda s: s.label)
def test_it_is_decided_by_keyboard_alone_and_without_a_script(served: Served, screen: Screen) -> None:
    office = served.office
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    page = served.at(bae, screen)
    page.route("**/*.js", lambda route: route.abort())
    page.goto(link(office, case, bae))
    page.get_by_label("Confirm").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("✓ Confirmed")).to_be_visible()
    kept(page, "decision-done")
    assert_accessible(page)
