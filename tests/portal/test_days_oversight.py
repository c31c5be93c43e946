"""A day of operations, of an auditor and of an administrator."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from deployments.automations import Hook
from deployments.deploy import deploy
from portal.prefect import Prefect, Read
from tests.deployments.conftest import project
from tests.portal.browser import Served
from tests.portal.conftest import LAST, Office
from tests.portal.day import Day
from tests.portal.test_operations import reported, working
from tests.tasks.forge import entries, forge, said, without_triggers

__all__ = ["project"]
on_sqlite = pytest.mark.parametrize("office", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("office", ["postgresql"], indirect=True)


@on_sqlite
def test_the_day_of_operations(served: Served, api: Any, project: Any) -> None:
    """What failed in the night, a delivery sent again, a dry run of a stage and then the run, asked of Prefect."""
    office, operator = served.office, served.office.of("operations")
    reported(office, says="Flow run encountered an exception: the snapshot of the bureau was not read")
    office.db.run("INSERT INTO message (id, person, channel, subject, body, state, tries, next_at, error) VALUES "
                  "('m1', ?, 'mailto', '', '', 'dead', 7, ?, 'Mailbox full')", operator, office.house.now())  # fmt: skip
    day = Day(served, operator)
    day.reads("Nothing waits for you.")
    day.looks("operations-inbox")
    day.goes_to("Operations")
    day.reads("This portal is not connected to Prefect.")
    day.looks("operations-without-prefect")
    day.presses(re.compile("Send again to"))
    day.reads("It goes out again with the next delivery.")

    flows = project.root / "flows" / "some.py"
    flows.write_text(flows.read_text().replace('@flow(name="tiny")', '@flow(name="scheduled_inspection")'))
    in_a_thread(
        deploy(project.write(project.deployment("scheduled_inspection")), api.url, Hook(f"{served.address}/h", "x"))
    )
    office.app.state.portal.prefect = lambda: api.url
    day.goes_to("Operations")
    day.reads("Read from Prefect at")
    entries_before = office.db.rows("SELECT count(*) FROM entry")
    day.presses("Dry run of Scheduled inspection")
    day.reads("Nothing was written.")
    assert office.db.rows("SELECT count(*) FROM entry") == entries_before
    day.looks("operations-dry-run")
    day.presses("Run Scheduled inspection")
    day.reads("The run is asked for.")
    assert [r for r in api.runs("scheduled_inspection") if f"by:{operator}" in r["tags"]]
    day.looks("operations")
    day.looks_in_korean("operations")


@on_sqlite
def test_operations_after_an_outage_see_what_was_missed_what_is_at_work_and_the_day_before(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, operator = served.office, served.office.of("operations")
    at_work = working(office, "manager_review", operator)
    monkeypatch.setattr(Prefect, "read", lambda prefect, flows: Read(last=at_work))
    office.app.state.portal.prefect = lambda: "http://127.0.0.1:9/api"
    office.app.state.portal.house = replace(office.house, today=lambda: LAST + timedelta(days=3))
    day = Day(served, operator)
    day.goes_to("Operations")
    day.reads("3 Feb, 4 Feb were missed")
    day.reads(re.compile("Manager review is running: .* decided"))
    day.looks("operations-after-an-outage")
    day.presses("See how many it decides")
    day.reads("due rows to decide")
    day.follows("Earlier day")
    day.reads("What ran for this business date")
    day.looks("operations-earlier-day")


@on_postgresql
def test_the_day_of_an_auditor(served: Served) -> None:
    """The record verified, a run replayed, a case as it stood; then somebody forges, and the replay says where."""
    office = served.office
    run = int(
        office.db.rows("SELECT max(id) FROM cases WHERE process = 'run' AND subject LIKE 'manager_review/%'")[0][0]
    )
    day = Day(served, office.of("auditor"))
    day.goes_to("Audit")
    day.looks("audit")
    day.presses("Verify everything")
    day.reads("✓ No fault")
    day.looks("audit-verified")
    day.follows("Streams")
    day.looks("streams")
    day.page.get_by_label("What").select_option(label="Sign-ins and refusals")
    day.presses("Apply")
    day.follows(re.compile("."), day.page.get_by_role("rowheader").first)
    day.looks("stream")
    day.looks_in_korean("stream")
    day.goes_to("Audit")
    replays_the_last_manager_review(day, run)
    day.reads("✓ Equal:")
    day.looks("run-equal")
    day.looks_in_korean("run")

    day.follows(re.compile("."), day.page.get_by_role("rowheader").first)
    day.reads("What can be done now")
    stream = "case:" + day.page.url.rpartition("/")[2]
    day.follows("2", day.page.get_by_role("region", name="Timeline"))
    day.reads("This is the case after entry 2 of")
    day.looks("case-at-a-date")
    day.follows("One entry on")
    day.reads("This is the case after entry 3 of")

    without_triggers(office.db)
    entry = next(e for e in entries(office.db, stream) if e.action == "propose" and e.run == run)
    forge(office.db, entry, {**said(entry), "proposed_level": 4, "because": "whoever asks"})
    day.goes_to("Audit")
    replays_the_last_manager_review(day, run)
    day.reads("✕ Not equal:")
    day.looks("run-differs")


def in_a_thread(coroutine: Any) -> None:
    """Playwright's event loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


def replays_the_last_manager_review(day: Day, run: int) -> None:
    day.page.get_by_label("Stage").select_option(label="Manager review")
    day.presses("Apply")
    day.follows("Manager review")
    expect(day.page).to_have_url(re.compile(f"/audit/runs/{run}$"))
    day.presses("Replay")


@on_postgresql
def test_the_day_of_an_administrator(served: Served) -> None:
    """A new person, a vendor's contract, and somebody who leaves, so that nobody would be left for his items."""
    office = served.office
    day = Day(served, office.of("administrator"))
    page = day.page
    day.goes_to("Staff")
    day.looks("staff")
    day.follows("Add a person…")
    day.writes("Staff ID", "Kim New")
    day.presses("Add the person")
    expect(page.get_by_role("alert")).to_contain_text("Write small letters")
    day.looks("staff-new-errors")
    day.writes("Staff ID", "kim.new")
    day.writes("Name", "Kim Sae-rom")
    page.get_by_label("Unit", exact=True).select_option(index=1)
    day.presses("Add the person")
    day.reads("Saved and recorded.")
    page.get_by_text("Grant a role").click()
    page.get_by_label("Role", exact=True).select_option(label="account manager")
    day.presses("Grant the role")
    day.looks("staff-person-new")

    day.follows("Staff")
    day.follows("Units and vendors")
    day.looks("staff-units")
    vendor = office.db.rows("SELECT min(name) FROM unit WHERE lane = 'vendor'")[0][0]
    day.follows(vendor)
    page.get_by_text("Make or change a contract").click()
    day.looks("staff-vendor")

    manager = busy_manager(office)
    day.goes_to("Staff")
    day.writes("Find", manager)
    day.presses("Apply")
    day.follows(manager)
    page.get_by_text("Name a deputy").click()
    day.looks("staff-person")
    day.looks_in_korean("staff-person")
    day.writes("Last day of service (empty: without end)", office.house.business_date().isoformat())
    day.presses("Save")
    expect(page.get_by_role("heading", name="Nobody would be left")).to_be_visible()
    day.looks("staff-nobody-left")
    day.presses("Save all the same")
    day.reads("Saved and recorded.")


def busy_manager(office: Office) -> str:
    """The account manager for whom the most waits."""
    return str(office.db.rows("SELECT p.name FROM item i JOIN cases c ON c.id = i.case_id JOIN responsible r ON r.subject = "
                              "c.subject JOIN person p ON p.id = r.manager WHERE i.whose = 'manager' GROUP BY p.name "
                              "ORDER BY count(*) DESC, p.name LIMIT 1")[0][0])  # fmt: skip
