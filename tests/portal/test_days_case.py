"""A day of an account manager, of a post-loan officer and of a branch head: inbox, case, step forms, verification on site."""

import re
from collections import Counter
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from door.store import read_case
from tests.portal.browser import Served, looked
from tests.portal.conftest import Office
from tests.portal.day import Day
from tests.portal.test_days_inspector import answers
from tests.portal.test_step import waiting
from tests.portal.test_visit import good, of

on_sqlite = pytest.mark.parametrize("office", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("office", ["postgresql"], indirect=True)


def walks(day: Day) -> None:
    """Up and down the inbox by the keyboard, marks a row and opens it, and comes back."""
    links = day.page.locator("[data-list] .who a")
    for key in "jjk":
        day.page.keyboard.press(key)
    expect(links.first).to_be_focused()
    day.page.keyboard.press("x")
    expect(day.page.locator("[data-selected]")).to_contain_text("1")
    day.page.keyboard.press("x")
    expect(day.page.locator("[data-selected]")).not_to_contain_text("1")
    day.page.keyboard.press("Enter")
    day.reads("What can be done now")
    day.goes_to("Inbox")


def later(office: Office, days: int) -> str:
    return (office.house.business_date() + timedelta(days=days)).isoformat()


@on_postgresql
def test_the_day_of_an_account_manager(served: Served) -> None:
    """Green ones concluded in a list; one with a finding by its form, with an error, a draft and the receipt; an order."""
    office = served.office
    reviews = list(waiting(office, "review"))
    greens = Counter(person for s, person in reviews if s.facts.get("green"))
    day = Day(served, max(sorted(greens), key=greens.__getitem__))
    day.looks("inbox")
    day.looks_in_korean("inbox")
    walks(day)
    n = day.marks(2, having="\ngreen")
    day.presses("Conclude the green ones as proposed")
    day.reads(f"{n} of {n} done.")
    day.looks("inbox-decided")

    case, manager = next((s.id, person) for s, person in reviews if not s.facts.get("green"))
    day = Day(served, manager)
    page = day.page
    day.finds(case)
    day.looks("case")
    day.looks_at_paper("case")
    day.follows(re.compile("."), page.get_by_role("region", name="Evidence"))
    day.looks("evidence-nothing")
    page.go_back()
    day.looks_in_korean("case")
    day.follows("Conclude")
    day.presses("Conclude")
    expect(page.get_by_role("alert")).to_contain_text("Not decided yet")
    day.looks("conclude-errors")
    day.writes("Capacity to pay", "1.08, by the account")
    day.presses("Save draft")
    day.reads("Your draft is saved.")
    day.finds(case)
    day.reads("Draft of “Conclude” saved on")
    day.follows("Conclude")
    expect(page.get_by_label("Capacity to pay")).to_have_value("1.08, by the account")
    day.looks("conclude-draft")
    day.looks_in_korean("conclude")
    day.chooses("Willingness to pay", "Good")
    day.writes("What it is repaid from", "Sales of the shop")
    for finding in page.get_by_role("group").filter(has=page.get_by_label("Accept", exact=True)).all():
        finding.get_by_label("Accept", exact=True).last.check()
    for why in page.get_by_label("Why", exact=True).all():
        why.fill("Seen there on the visit.")
    page.get_by_label("What", exact=True).first.select_option("A04")
    page.get_by_label("By", exact=True).first.fill(later(office, 14))
    day.presses("Conclude")
    day.reads("Receipt")
    day.looks("conclude-receipt")

    order, debtor = next((s.id, person) for s, person in waiting(office, "in_work"))
    day = Day(served, debtor)
    day.finds(order)
    day.looks("case-order")
    day.follows("Ask for more time")
    day.writes("Until", later(office, 5))
    day.writes("Reason", "The office in charge needs longer.")
    day.presses("Ask for more time")
    day.reads("Receipt")


@on_sqlite
def test_the_day_of_a_post_loan_officer(served: Served) -> None:
    """Claims and puts aside; returns a package; verifies blind on site, meets nobody, goes again, compares and decides;
    declares a relation; a form that is not for him."""
    office = served.office
    s, officer = next(waiting(office, "verify_site"))
    package = next(s for s, _ in waiting(office, "check"))
    day = Day(served, officer)
    page = day.page
    day.looks("officer-inbox")
    day.finds(package.id)
    day.looks("case-package")
    day.follows("Return the package")
    day.presses("Return the package")
    day.looks("return-errors")
    page.get_by_label("What", exact=True).first.select_option("B02")
    day.writes("Where", "Meter")
    day.writes("Reason", "The meter can't be read.")
    day.presses("Return the package")
    day.reads("Receipt")

    day.goes_to("Inbox")
    day.presses(re.compile("^Claim "))
    day.marks(1)
    day.presses("Hold…")
    day.looks("hold")
    day.presses("Put aside")
    day.reads("Nothing was changed: something is missing.")
    day.looks("hold-errors")
    day.writes("Until", later(office, 5))
    day.writes("Reason", "Waits for the appraisal.")
    day.presses("Put aside")
    day.reads("1 of 1 done.")
    day.marks(2)
    day.presses("Delegate…")
    day.looks("delegate")

    day.finds(s.id)
    day.reads("You see this case blind.")
    day.follows("Nobody was met")
    day.looks("nobody-met")
    day.writes("Reason", "The gate was shut.")
    day.presses("Nobody was met")
    day.reads("Receipt")
    day.looks("nobody-met-receipt")
    day.finds(s.id)
    day.looks("case-second-visit")
    day.follows("Record what you found")
    day.looks("record")
    d, book = of(office, s.id)
    typed = good(d, book, office.house.business_date().isoformat())
    for n, (facility, id_) in enumerate(d.questions[:8]):
        answers(day, facility, book.checkpoint(id_), typed, n)
    expect(page.locator("label[for=done]")).to_contain_text(f"8 of {len(d.questions)} answered")
    day.chooses("Your own level", f"L{min(4, int(s.facts['level']) + 2)}")
    day.presses("Record, then compare")
    day.reads("Proposed from the differences")
    day.looks("compare")
    day.looks_in_korean("compare")
    day.reads("V6 where nobody was met the second time either")
    day.chooses("Outcome", re.compile("V4 "))
    day.writes("Reason", "The stock is less than half.")
    day.presses("Decide")
    day.reads("Receipt")
    assert read_case(office.db, s.id).step != "compare"  # type: ignore[union-attr]

    day.finds(next(s.id for s, person in waiting(office, "check") if person == officer))
    day.follows("Declare a relation")
    day.looks("relation")
    day.presses("Declare the relation")
    day.reads("Nothing was changed: something is missing.")
    day.looks("relation-errors")
    day.writes("How are you related to the borrower?", "My brother owns the business.")
    day.presses("Declare the relation")
    day.reads("Your relation to the borrower is recorded.")
    day.looks("case-related")
    day.looks_in_korean("case-related")

    theirs = next(s for s, _ in waiting(office, "review"))
    page.goto(f"/cases/{theirs.id}/conclude")  # an address that a colleague sent him
    day.reads("is not for you now")
    day.looks("barred")


@on_sqlite
def test_the_day_of_a_branch_head(served: Served) -> None:
    """Mistypes his password; looks at what waits in the branch, gives an item to somebody else, and signs out."""
    office = served.office
    head = office.of("branch_head")
    ((unit,),) = office.db.rows("SELECT unit FROM person WHERE id = ?", head)
    page = served.browser()
    page.goto("/")
    page.get_by_label("Staff ID").fill(head)
    page.get_by_label("Password").fill("mistyped")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Staff ID or password is not right.")
    looked(page, "signin-wrong")
    day = Day(served, head)
    day.looks("head-inbox")
    day.goes_to("Cases")
    day.looks("head-cases")
    case = office.db.rows("SELECT i.case_id FROM item i JOIN cases c ON c.id = i.case_id JOIN borrower b ON b.id = c.subject "
                          "WHERE i.step = 'review' AND b.unit = ? ORDER BY i.case_id LIMIT 1", unit)[0][0]  # fmt: skip
    day.finds(case)
    day.presses("Reassign…")
    day.looks("reassign")
    day.writes("Reason", "On leave.")
    day.presses("Reassign the item")
    day.reads("You have reassigned the item.")
    day.looks("head-case")
    day.signs_out("head-menu")
    day.looks("signed-out")
