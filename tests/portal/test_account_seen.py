"""The bank's account service in a real browser: he signs in at it, is asked there once more before he holds back money, and
comes back to the form with what he wrote."""

from playwright.sync_api import expect

from portal.pages.account import HERE
from portal.provider import Provider
from tests.portal.accounts import account_service
from tests.portal.browser import PHONE, Served, assert_accessible, assert_nothing_sideways, kept
from tests.portal.links import able, restriction


def test_he_signs_in_there_and_is_asked_there_again_before_he_confirms(served: Served) -> None:
    office = served.office
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    with account_service() as accounts:
        accounts.people["bae"] = bae
        office.app.state.portal.provider = Provider(accounts.declared, f"{served.address}{HERE}/back")
        page = served.browser(PHONE)
        page.goto(f"/cases/{case}/confirm")
        kept(page, "account-1-signin")
        assert_accessible(page)
        page.get_by_role("link", name="Sign in with the bank's account").click()
        page.get_by_label("Account").fill("bae")
        page.get_by_role("button", name="Go on").click()
        expect(page).to_have_url(f"{served.address}/cases/{case}/confirm")

        office.db.run("UPDATE session SET proved_at = '2026-01-01T00:00:00.000000Z'")
        page.reload()
        expect(page.get_by_text("asks for your password once more")).to_be_visible()
        expect(page.get_by_label("Your password")).to_have_count(0)
        kept(page, "account-2-confirm")
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("heading", name="Once more: is it you?")).to_be_visible()
        kept(page, "account-3-proof")
        assert_accessible(page)
        assert_nothing_sideways(page)
        page.get_by_role("link", name="To the bank's account service").click()
        expect(page.get_by_role("heading", name="The bank's account")).to_be_visible()
        assert accounts.asked[-1]["prompt"] == "login"
        page.get_by_label("Account").fill("bae")
        page.get_by_role("button", name="Go on").click()
        expect(page).to_have_url(f"{served.address}/cases/{case}/confirm")
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_text("Confirmed").first).to_be_visible()
    assert office.db.rows("SELECT step FROM cases WHERE id = ?", case) == [("in_force",)]
