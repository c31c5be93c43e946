"""Every list is walked by the keyboard: j and k move, Enter opens."""

import re

import pytest
from playwright.sync_api import expect

from tests.portal.browser import Served
from tests.portal.day import Day

LISTS = [("credit_manager", "/controls"), ("credit_manager", "/cases"), ("auditor", "/audit"), ("administrator", "/staff"),
         ("administrator", "/staff/units")]  # fmt: skip


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_every_list_is_walked_by_the_keyboard(served: Served) -> None:
    days: dict[str, Day] = {}
    for role, path in LISTS:
        if role not in days:
            days[role] = Day(served, served.office.of(role))
        page = days[role].page
        page.goto(path)
        links = page.locator("[data-list] .who a")
        address = links.first.get_attribute("href")
        assert address
        for key in "jjk":
            page.keyboard.press(key)
        expect(links.first).to_be_focused()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(re.escape(address) + "$"))
