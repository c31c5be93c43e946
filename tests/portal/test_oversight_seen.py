"""The pages of operations, audit, credit management and staff in a browser, at the desk and on a phone, in both schemes:
nothing is scrolled sideways, nothing is out of reach for who can't see or point."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.portal.browser import (
    DESK,
    DESK_DARK,
    PHONE,
    PHONE_DARK,
    Screen,
    Served,
    assert_accessible,
    assert_nothing_sideways,
    kept,
)
from tests.portal.conftest import Office
from tests.tasks.forge import entries, forge, said, without_triggers

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("office", ["sqlite"], indirect=True)]
SCREENS = (DESK, PHONE, DESK_DARK, PHONE_DARK)
by_screen = pytest.mark.parametrize("screen", SCREENS, ids=lambda s: s.label)


def seen(page: Page, name: str) -> None:
    kept(page, name)
    assert_nothing_sideways(page)
    assert_accessible(page)


def run_of(office: Office, stage: str) -> int:
    return int(office.db.rows("SELECT max(id) FROM cases WHERE process = 'run' AND subject LIKE ?", f"{stage}/%")[0][0])


@by_screen
def test_operations_looks_before_it_runs(served: Served, screen: Screen) -> None:
    office = served.office
    operator = office.of("operations")
    office.browser().post(
        "/hooks/prefect",
        headers={"authorization": f"Bearer {office.house.hook_secret()}"},
        json={
            "what": "failed",
            "flow_run": "0a1b2c3d-0000-4000-8000-000000000001",
            "flow": "escalation",
            "says": "Flow run encountered an exception: the snapshot of the bureau was not read",
        },
    )
    office.db.run(
        "INSERT INTO message (id, person, channel, subject, body, state, tries, next_at, error) VALUES "
        "('m1', ?, 'mailto', '', '', 'dead', 7, ?, 'Mailbox full')",
        operator,
        office.house.now(),
    )
    page = served.at(operator, screen)
    page.goto("/operations")
    seen(page, "operations")
    page.get_by_role("button", name="Dry run of Scheduled inspection").click()
    expect(page.get_by_text("Nothing was written.")).to_be_visible()
    seen(page, "operations-dry")
    page.get_by_role("button", name="Run Scheduled inspection").click()
    expect(page.get_by_text("Scheduled inspection was not started: Prefect does not answer.")).to_be_visible()
    page.get_by_role("button", name=re.compile("Send again to")).click()
    expect(page.get_by_text("It goes out again with the next delivery.")).to_be_visible()


@by_screen
def test_an_auditor_finds_a_run_and_replays_it(served: Served, screen: Screen) -> None:
    office = served.office
    page = served.at(office.of("auditor"), screen)
    page.goto("/audit")
    seen(page, "audit")
    page.get_by_role("button", name="Verify everything").click()
    expect(page.get_by_text("No fault")).to_be_visible()
    seen(page, "audit-verified")
    page.goto(f"/audit/runs/{run_of(office, 'manager_review')}")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("✓ Equal:")).to_be_visible()
    seen(page, "run-equal")


@by_screen
def test_what_was_forged_stands_beside_what_comes_out(served: Served, screen: Screen) -> None:
    office, run = served.office, run_of(served.office, "manager_review")
    without_triggers(office.db)
    stream = office.db.rows("SELECT min(stream) FROM entry WHERE run = ? AND action = 'propose'", run)[0][0]
    entry = next(e for e in entries(office.db, stream) if e.action == "propose" and e.run == run)
    forge(office.db, entry, {**said(entry), "proposed_level": 4, "because": "whoever asks"})
    page = served.at(office.of("auditor"), screen)
    page.goto(f"/audit/runs/{run}")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("✕ Not equal:")).to_be_visible()
    seen(page, "run-differs")


@by_screen
def test_a_credit_manager_proposes_a_restriction(served: Served, screen: Screen) -> None:
    office = served.office
    page = served.at(office.of("credit_manager"), screen)
    page.goto("/controls")
    seen(page, "controls")
    page.get_by_role("link", name="Propose a restriction…").click()
    page.get_by_label("Borrower", exact=True).fill(office.db.rows("SELECT min(id) FROM facility")[0][0])
    page.get_by_role("button", name="Find").click()
    seen(page, "control-find")
    page.locator("main ul.lines a").first.click()
    page.get_by_label("Restriction").select_option("K3")
    page.get_by_role("button", name="Propose the restriction").click()
    expect(page.get_by_role("alert")).to_contain_text("Write an amount")
    seen(page, "control-new")
    page.get_by_label("Limit").fill("1,000,000")
    page.get_by_label("Reason").fill("The proceeds went elsewhere.")
    page.get_by_role("button", name="Propose the restriction").click()
    expect(page).to_have_url(re.compile(r"/cases/\d+$"))


@by_screen
def test_an_administrator_sees_what_would_be_left_to_nobody(served: Served, screen: Screen) -> None:
    office = served.office
    page = served.at(office.of("administrator"), screen)
    for path, name in (
        ("/staff", "staff"),
        ("/staff/units", "staff-units"),
        ("/staff/people/new", "staff-new"),
        ("/staff/units/new", "staff-unit-new"),
    ):
        page.goto(path)
        seen(page, name)
    vendor = office.db.rows("SELECT min(id) FROM unit WHERE lane = 'vendor'")[0][0]
    page.goto(f"/staff/units/{vendor}")
    page.get_by_text("Make or change a contract").click()
    seen(page, "staff-vendor")
    manager = office.db.rows(
        "SELECT r.manager FROM item i JOIN cases c ON c.id = i.case_id JOIN responsible r ON r.subject = "
        "c.subject WHERE i.whose = 'manager' GROUP BY r.manager ORDER BY count(*) DESC LIMIT 1"
    )[0][0]
    page.goto(f"/staff/people/{manager}")
    page.get_by_text("Name a deputy").click()
    seen(page, "staff-person")
    page.get_by_label("Last day of service (empty: without end)").fill(office.house.business_date().isoformat())
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Nobody would be left")).to_be_visible()
    seen(page, "staff-sure")
    page.get_by_role("button", name="Save all the same").click()
    expect(page.get_by_text("Saved, with an entry.")).to_be_visible()
    seen(page, "staff-changed")
