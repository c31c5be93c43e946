"""A day of a policy editor, who decides on the rules, and of a credit approver, who reads before he lends again."""

import re

import pytest
from playwright.sync_api import expect

from door.store import read_case
from models.policy import Book
from portal.who import access
from tasks import books
from tests.portal.browser import Served
from tests.portal.conftest import PASSWORD, Office
from tests.portal.day import Day
from tests.portal.links import able, do, restriction
from tests.tasks.core_bank import BOOK

pytestmark = pytest.mark.parametrize("office", ["sqlite"], indirect=True)


def proposed(office: Office) -> int:
    """Another version of the book, by another editor."""
    book = Book.model_validate(BOOK.model_dump() | {"version": "2026.2", "holds_max_days": 20})
    books.keep(office.db, book)
    said = {
        "book": book.hash,
        "effective_from": office.house.business_date().isoformat(),
        "reason": "Holds are shorter.",
    }
    return do(office, office.of("policy_editor", 1), "propose_book", None, said, process="policy", subject="policy",
              book=book.hash)  # fmt: skip


def test_the_day_of_a_policy_editor(served: Served) -> None:
    """A version waits for a second person: what it is, a wrong password, then the right one, and it is in force."""
    office, editor = served.office, served.office.of("policy_editor")
    case = proposed(office)
    day = Day(served, editor)
    day.looks("editor-inbox")
    day.follows("Policy book", day.page.get_by_role("row").filter(has_text="Policy version"))
    expect(day.page).to_have_url(re.compile(f"/cases/{case}$"))
    day.reads("What can be done now")
    day.looks("case-policy")
    day.looks_in_korean("case-policy")
    aged(office)
    day.follows("Approve")
    day.writes("Your password", "not the right one")
    day.presses("Approve")
    day.reads("The password is not right.")
    day.looks("approve-errors")
    day.writes("Your password", PASSWORD)
    day.presses("Approve")
    day.reads("Receipt")
    day.looks("approve-receipt")
    assert books.in_force(office.db, office.house.business_date().isoformat()) == read_case(office.db, case).book  # type: ignore[union-attr]
    day.goes_to("Inbox")
    day.reads("Nothing waits for you.")
    day.signs_out()


def aged(office: Office) -> None:
    """The sign-in is some minutes old: what weighs much asks the password once more."""
    office.db.run("UPDATE session SET proved_at = ?", access._later(office.house.now(), -access.timedelta(minutes=6)))


def test_the_day_of_a_credit_approver(served: Served) -> None:
    """Nothing waits for him. He looks up what binds a borrower who asks for more: a restriction, its reason, who lifts it."""
    office, approver = served.office, served.office.of("credit_approver")
    case, _, facility = restriction(office, "K4")
    confirmer = able(office, case)[0]
    do(office, confirmer, "confirm", case)
    ((name,),) = office.db.rows("SELECT b.name FROM borrower b JOIN cases c ON c.subject = b.id WHERE c.id = ?", case)
    day = Day(served, approver)
    day.reads("Nothing waits for you.")
    day.looks("approver-inbox")
    day.goes_to("Credit management")
    day.looks("approver-controls")
    assert day.page.get_by_role("link", name=re.compile("…$")).count() == 0  # he proposes nothing
    day.page.get_by_label("Find borrower, case or facility").first.fill(facility)
    with day.page.expect_navigation():
        day.page.keyboard.press("Enter")
    day.looks("approver-cases")
    day.follows(name, day.page.get_by_role("row").filter(has_text=f"Restriction {case}"))
    day.reads("The site stood still on both visits.")
    day.looks("approver-case")
    day.looks_in_korean("approver-case")
    assert day.page.get_by_role("main").get_by_role("link", name="Propose to lift it").count() == 0
    day.page.goto(f"/cases/{case}/ask_lift")  # an address that a colleague sent him
    day.reads("is not for you now")
    day.looks("approver-barred")
    day.signs_out()
