"""A day of a credit manager: an escalation decided, restrictions proposed, confirmed and lifted."""

import re

import pytest
from playwright.sync_api import expect

from tests.portal.browser import Served
from tests.portal.day import Day
from tests.portal.links import able, do, restriction
from tests.portal.test_controls import customer
from tests.portal.test_step import waiting


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_the_day_of_a_credit_manager(served: Served) -> None:
    office = served.office
    proposed, proposer, _ = restriction(office)
    standing = restriction(office, "K10")[0]
    manager = able(office, proposed)[0]
    do(office, manager, "confirm", standing)
    escalated = next(s.id for s, _ in waiting(office, "decide") if manager in able(office, s.id))

    day = Day(served, manager)
    page = day.page
    day.looks("credit-inbox")
    day.goes_to("Credit management")
    day.looks("controls")
    day.looks_in_korean("controls")
    day.follows("Propose a restriction…")
    day.writes("Borrower", customer(office)[1])
    day.presses("Find")
    day.looks("control-find")
    day.follows(re.compile("."), page.get_by_role("main").get_by_role("list").last)
    day.chooses("Restriction", re.compile("^K3 "))
    day.presses("Propose the restriction")
    expect(page.get_by_role("alert")).to_contain_text("Write an amount")
    day.looks("control-new-errors")
    day.writes("Limit", "1,000,000")
    day.writes("Reason", "The proceeds went elsewhere.")
    day.presses("Propose the restriction")
    day.reads("What can be done now")
    day.looks("case-control")

    day.finds(escalated)
    day.follows("Restrict or order")
    day.looks("impose")
    page.get_by_label("What", exact=True).first.select_option("K1")
    page.get_by_label("Reason", exact=True).first.fill("Stock is gone.")
    page.get_by_label("Reason", exact=True).last.fill("The site stood still on both visits.")
    day.presses("Restrict or order")
    day.reads("Receipt")
    day.looks("impose-receipt")

    day.finds(proposed)
    day.follows("Confirm")
    day.reads("If you confirm it: the gate refuses drawings from now on.")
    day.looks("confirm")
    day.presses("Confirm")
    day.reads("Receipt")

    day = Day(served, proposer)
    day.finds(standing)
    day.follows("Propose to lift it")
    day.writes("Reason", "The debt is paid.")
    day.presses("Propose to lift it")
    day.reads("Receipt")
    day = Day(served, manager)
    day.finds(standing)
    day.looks("case-lifting")
    day.follows("Lift")
    day.presses("Lift")
    day.reads("Lifted")
