"""A person's day at the portal: he signs in with the form and goes on by what he reads and by the keyboard. A page that he
looks at is looked at on every screen: pictures of all four, nothing sideways, nothing grave for who can't see or point."""

import re

from playwright.sync_api import Locator, Page, expect

from portal.who import access
from tests.portal.browser import AXED, DESK, Screen, Served, assert_nothing_sideways, kept, looked
from tests.portal.conftest import PASSWORD, Office


class Day:
    def __init__(self, served: Served, person: str, screen: Screen = DESK, link: str = "/") -> None:
        self.served, self.person, self.own = served, person, screen
        self.page = served.browser(screen)
        self.signs_in(link)

    @property
    def office(self) -> Office:
        return self.served.office

    def signs_in(self, link: str) -> None:
        access.set_password(self.office.db, self.person, PASSWORD)
        self.page.goto(link)
        self.page.get_by_label("Staff ID").fill(self.person)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("navigation", name="Main")).to_be_visible()

    def signs_out(self, menu: str = "") -> None:
        """By his own menu, which is looked at where it is named."""
        banner = self.page.get_by_role("banner")
        banner.locator("summary").click()
        if menu:
            self.looks(menu)
        self.presses("Sign out", within=banner)
        self.reads("You are signed out on this device.")

    # -- by what he reads -----------------------------------------------------------------------------------------------

    def presses(self, name: str | re.Pattern[str], role: str = "button", within: Locator | None = None) -> None:
        """The first of that name, by the keyboard; it leads to a page."""
        found = (within or self.page.get_by_role("main")).get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]
        found.focus()
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def follows(self, name: str | re.Pattern[str], within: Locator | None = None) -> None:
        self.presses(name, "link", within)

    def goes_to(self, name: str) -> None:
        """By the main navigation."""
        self.follows(name, self.page.get_by_role("navigation", name="Main"))
        expect(self.page.get_by_role("navigation", name="Main").locator("[aria-current]")).to_have_text(name)

    def finds(self, case: int) -> None:
        """A case, by its number in the search of every page."""
        self.page.get_by_label("Find borrower, case or facility").first.fill(str(case))
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        row = self.page.get_by_role("row").filter(has_text=re.compile(rf"(Inspection|Restriction|Order) {case}\b"))
        self.follows(re.compile("."), row)
        self.reads("What can be done now")

    def marks(self, rows: int, having: str = "") -> int:
        """Walks down a list by `j` and marks by `x` so many of the rows that say `having`; gives how many there were."""
        found = 0
        for _ in range(self.page.locator("[data-list] input[name=item]").count()):
            self.page.keyboard.press("j")
            if found < rows and having in self.page.evaluate("document.activeElement.closest('tr').innerText"):
                self.page.keyboard.press("x")
                found += 1
        expect(self.page.locator("[data-selected]")).to_contain_text(str(found))
        return found

    def reads(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("main").get_by_text(text).first).to_be_visible()

    def writes(self, label: str, text: str) -> None:
        self.page.get_by_label(re.compile(rf"^\s*{re.escape(label)}(\s+\(.*\))?\s*$")).first.fill(text)

    def chooses(self, group: str | re.Pattern[str], choice: str | re.Pattern[str]) -> None:
        """One of a few, by the question above them."""
        self.page.get_by_role("group", name=group).first.get_by_label(choice).first.check()

    def at(self, address: str) -> Page:
        """Where a link of his leads."""
        self.page.goto(address)
        return self.page

    # -- looking --------------------------------------------------------------------------------------------------------

    def looks(self, name: str) -> None:
        """At this page, on every screen."""
        looked(self.page, name)

    def looks_at_paper(self, name: str) -> None:
        """At the case as it is printed: a record that says who printed which state, without what is pressed."""
        page, before = self.page, self.page.viewport_size
        assert before
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 720, "height": 1000})
        expect(page.get_by_text("Printed by")).to_be_visible()
        for gone in ("What can be done now", "Comment"):
            expect(page.get_by_text(gone, exact=True)).to_be_hidden()
        kept(page, f"{name}-print")
        assert_nothing_sideways(page)
        page.emulate_media(media="screen")
        page.set_viewport_size(before)

    def looks_in_korean(self, name: str) -> None:
        """At this page, loaded again, at the desk and on a phone."""
        self.reads_in("ko")
        looked(self.page, f"{name}-ko", AXED)
        self.reads_in("en")

    def reads_in(self, language: str) -> None:
        self.page.context.add_cookies([{"name": "language", "value": language, "url": self.served.address}])
        self.page.reload()
