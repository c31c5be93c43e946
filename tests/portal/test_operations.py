"""Operations: the bank's day from Prefect or from our own records, what waits, the due ledger, failed deliveries, runs
asked for after a dry run, and what Prefect reports."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from deployments.automations import Hook
from deployments.deploy import deploy
from door.act import act
from door.command import SYSTEM, Command
from door.db import Db
from portal.prefect import FlowRun, Prefect, Read
from portal.ran import ran
from portal.stages import dry_run, missed
from portal.words.reader import Reader
from tasks import ledger, recorded
from tasks.deliver import Post, send
from tasks.foresee import foresee
from tasks.ledger import Equation, equation
from tasks.run import finish, start
from tests.deployments.conftest import project
from tests.portal.browser import serving
from tests.portal.conftest import ON_ONE, Office
from tests.tasks.post_office import mail_server

__all__ = ["project"]
RUN = "0a1b2c3d-0000-4000-8000-000000000001"


@pytest.fixture
def moon(office: Office) -> str:
    """Of operations."""
    person = office.of("operations")
    office.at(person)  # the sign-in is an entry of its own
    return person


def reported(office: Office, run: str = RUN, what: str = "failed", flow: str = "escalation", secret: str = "",
             **more: str) -> Any:  # fmt: skip
    bearer = f"Bearer {secret or office.house.hook_secret()}"
    said = {"what": what, "flow_run": run, "flow": flow, "says": "the bureau does not answer", **more}
    return office.browser().post("/hooks/prefect", json=said, headers={"authorization": bearer})


# -- the page ---------------------------------------------------------------------------------------------------------


def test_without_prefect_the_page_says_so_and_shows_our_own_runs(office: Office, moon: str) -> None:
    page = office.at(moon).get("/operations")
    assert page.status_code == 200
    assert "This portal is not connected to Prefect." in page.text
    last = office.db.rows("SELECT id FROM cases WHERE process = 'run' AND subject LIKE 'manager_review/%' "
                          "ORDER BY id DESC LIMIT 1")[0][0]  # fmt: skip
    assert f'href="/audit/runs/{last}"' in page.text


def test_a_prefect_that_does_not_answer_is_said_within_the_patience(office: Office, moon: str, port: int) -> None:
    office.app.state.portal.prefect = lambda: f"http://127.0.0.1:{port}/api"
    assert "Prefect does not answer." in office.at(moon).get("/operations").text


def test_what_waits_is_counted_by_step(office: Office, moon: str) -> None:
    page = office.at(moon).get("/operations").text
    [(number, late)] = office.db.rows("SELECT count(*), sum(CASE WHEN due_on < ? THEN 1 ELSE 0 END) FROM item",
                                      office.house.business_date().isoformat())  # fmt: skip
    total = re.search(r'<tr role="row" class="sum">.*?</tr>', page, re.S)
    assert total is not None
    assert re.search(rf'data-l="Waiting">{number:,}<.*data-l="Late"><[^>]+>{late:,}<', total[0])


@ON_ONE
@pytest.mark.parametrize("role", ["account_manager", "branch_head", "inspector", "post_loan_officer", "credit_manager"])
def test_whoever_has_nothing_to_do_with_operations_finds_no_such_page(office: Office, role: str) -> None:
    person = office.of(role)
    assert office.at(person).get("/operations").status_code == 404
    for path in ("dry", "run", "requeue"):
        assert office.post(person, f"/operations/{path}", stage="escalation", message="all").status_code == 404  # type: ignore[attr-defined]


def test_an_auditor_reads_it_and_starts_nothing(office: Office, moon: str) -> None:
    auditor = office.of("auditor")
    page = office.at(auditor).get("/operations")
    assert page.status_code == 200
    assert "Dry run" not in page.text
    assert office.post(auditor, "/operations/dry", stage="escalation").status_code == 404  # type: ignore[attr-defined]
    assert office.post(auditor, "/operations/requeue", message="all").status_code == 404  # type: ignore[attr-defined]


# -- the due ledger ---------------------------------------------------------------------------------------------------


def test_the_due_ledger_adds_up_on_both_sides(office: Office, moon: str) -> None:
    today = office.house.business_date()
    since = today.replace(year=today.year - 1)
    found = equation(office.db, office.house, since, today, today)
    rows = office.db.rows("SELECT outcome, count(*) FROM due WHERE due_on BETWEEN ? AND ? GROUP BY outcome",
                          since.isoformat(), today.isoformat())  # fmt: skip
    assert {"started": found.started, "merged": found.merged, "skipped": found.skipped} == {
        "started": 0, "merged": 0, "skipped": 0, **dict(rows)}  # fmt: skip
    assert found.pending is not None
    assert found.started == found.in_time + found.late + found.open + found.cancelled > 0
    assert found.missing == 0
    page = office.at(moon).get(f"/operations?since={since}&until={today}").text
    assert "✓ Balanced" in page
    assert f"<b>{found.due:,}</b><small>due</small>" in page


@pytest.mark.parametrize("since", ["0001-01-01", "9999-12-31"])
def test_a_period_may_begin_on_any_day_that_there_is(office: Office, moon: str, since: str) -> None:
    page = office.at(moon).get(f"/operations?since={since}")
    assert (page.status_code, "✓ Balanced" in page.text) == (200, True)


def test_an_inspection_that_was_cancelled_is_counted_as_such(office: Office) -> None:
    case = office.db.rows("SELECT case_id FROM due WHERE outcome = 'started' ORDER BY due_on, facility LIMIT 1")[0][0]
    before = of_the_year(office)
    office.db.run("UPDATE cases SET step = 'cancelled' WHERE id = ?", case)
    after = of_the_year(office)
    assert (after.cancelled, after.missing) == (before.cancelled + 1, 0)


def test_what_is_prescribed_and_not_yet_opened_is_pending(office: Office) -> None:
    today = office.house.business_date()
    later = today + timedelta(days=40)  # no run has been for it
    found = equation(office.db, office.house, today, later, later)
    decided = office.db.rows(
        "SELECT count(*) FROM due WHERE due_on BETWEEN ? AND ?", today.isoformat(), later.isoformat()
    )
    assert found.pending
    assert (found.due, found.missing) == (found.pending + decided[0][0], 0)


def test_what_a_run_has_decided_so_far_is_pending_no_longer(office: Office) -> None:
    """Though the plan is not made anew for each row."""
    today = office.house.business_date()
    later = today + timedelta(days=40)
    before = equation(office.db, office.house, today, later, later).pending
    row = next(row for row in foresee(office.db, office.house, later).rows if row.due_on > today.isoformat())
    *_, case = row_of(office, "started")
    office.db.run(
        "INSERT INTO due VALUES (?, ?, ?, 'merged', 'open inspection', ?)", row.facility, row.kind, row.due_on, case
    )
    assert equation(office.db, office.house, today, later, later).pending == (before or 0) - 1


@pytest.mark.parametrize("outcome", ["started", "merged", "skipped"])
def test_a_due_row_removed_past_the_door_unbalances_the_ledger_and_is_named(
    office: Office, moon: str, outcome: str
) -> None:
    before = of_the_year(office)
    facility, kind, due_on, case = row_of(office, outcome)
    office.db.run("DELETE FROM due WHERE facility = ? AND kind = ? AND due_on = ?", facility, kind, due_on)
    ledger._plan.cache_clear()  # planned anew the row is there again
    after = of_the_year(office)
    assert (after.due, after.pending) == (before.due, before.pending)
    assert getattr(after, outcome) == getattr(before, outcome) - 1
    assert after.missing == 1
    page = in_words(office.at(moon).get(f"/operations?since={due_on}&until={due_on}").text)
    assert "The due ledger does not balance: 1 row is not as the journal has it." in page
    assert "✓ Balanced" not in page
    assert f"{Reader('en').day(due_on)}: recorded as {outcome}, and gone from the ledger · Case {case}" in page
    assert facility in page


def test_a_due_row_written_past_the_door_unbalances_the_ledger_and_is_named(office: Office, moon: str) -> None:
    """Skipped by hand: the inspection would never be opened, and nobody would have decided it."""
    before = of_the_year(office)
    facility, _, due_on, case = row_of(office, "started")
    office.db.run("INSERT INTO due VALUES (?, 'rating', ?, 'skipped', 'not needed', ?)", facility, due_on, case)
    after = of_the_year(office)
    assert (after.due, after.skipped, after.missing) == (before.due, before.skipped + 1, 1)
    page = in_words(office.at(moon).get(f"/operations?since={due_on}&until={due_on}").text)
    assert (
        f"{facility} , rating review, {Reader('en').day(due_on)}: in the ledger as skipped, and recorded nowhere"
        in page
    )


def test_an_outcome_that_was_changed_past_the_door_unbalances_the_ledger(office: Office, moon: str) -> None:
    facility, kind, due_on, _ = row_of(office, "started")
    office.db.run("UPDATE due SET outcome = 'skipped', reason = 'not needed' WHERE facility = ? AND kind = ? AND due_on = ?",
                  facility, kind, due_on)  # fmt: skip
    assert of_the_year(office).missing == 1
    page = office.at(moon).get(f"/operations?since={due_on}&until={due_on}").text
    assert "in the ledger as skipped, and recorded as started" in page


def test_a_started_row_whose_inspection_is_gone_unbalances_the_other_side(office: Office, moon: str) -> None:
    _, _, due_on, case = row_of(office, "started")
    office.db.run(
        "PRAGMA foreign_keys = OFF" if office.db.dialect == "sqlite" else "SET session_replication_role = replica"
    )
    office.db.run("DELETE FROM cases WHERE id = ?", case)
    assert of_the_year(office).missing == 1
    assert (
        "The due ledger does not balance: 1 row"
        in office.at(moon).get(f"/operations?since={due_on}&until={due_on}").text
    )


def test_what_a_payload_said_that_is_erased_is_no_fault(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    before = of_the_year(office)
    *_, case = row_of(office, "started")
    office.db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE stream = ? AND seq = 1", f"case:{case}")
    monkeypatch.setattr(recorded, "_counts", {})
    after = of_the_year(office)
    assert (after.due, after.missing) == (before.due, 0)


def of_the_year(office: Office) -> Equation:
    today = office.house.business_date()
    return equation(office.db, office.house, today.replace(year=today.year - 1), today, today)


def row_of(office: Office, outcome: str) -> tuple[str, str, str, int]:
    """One of the ledger, due by today: facility, kind, due date and case."""
    found: tuple[str, str, str, int] = office.db.rows(
        "SELECT facility, kind, due_on, case_id FROM due WHERE outcome = ? AND due_on <= ? ORDER BY due_on DESC, facility "
        "LIMIT 1", outcome, office.house.business_date().isoformat())[0]  # fmt: skip
    return found


def in_words(page: str) -> str:
    """What is read of a page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


# -- runs -------------------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_taken_and_writes_nothing(office: Office, moon: str) -> None:
    before = office.db.rows("SELECT count(*) FROM entry"), office.db.rows("SELECT count(*) FROM cases")
    for stage, says in (("scheduled_inspection", "due row"), ("manager_review", "Nothing waits for it."),
                        ("deadlines", "</b> item"), ("delivery", "to address"),
                        ("nightly_audit", "entries to check")):  # fmt: skip
        page = office.post(moon, "/operations/dry", stage=stage).text  # type: ignore[attr-defined]
        assert says in page
        assert "Nothing was written." in page
        assert "<li><b>0</b>" not in page
    assert (office.db.rows("SELECT count(*) FROM entry"), office.db.rows("SELECT count(*) FROM cases")) == before
    assert office.post(moon, "/operations/dry", stage="no_such").status_code == 404  # type: ignore[attr-defined]


def test_one_thing_that_waits_is_not_spoken_of_as_many(office: Office) -> None:
    [case] = office.db.rows("SELECT id FROM cases WHERE process = 'inspection' AND closed_on IS NULL LIMIT 1")[0]
    office.db.run("UPDATE cases SET step = 'weigh' WHERE id = ?", case)
    day = office.house.business_date().isoformat()
    for language, says in (("en", "case that waits at Weigh"), ("ko", "판정 대기 건")):
        reader = Reader(language)
        found = dry_run(office.db, office.house, day, "escalation", reader.ngettext, reader.step, lambda n, of: None)
        assert found == [(says, 1)]


def test_a_dry_run_says_how_many_due_rows_it_has_looked_at(
    office: Office, moon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.foresee.BLOCK", 1)
    all_ = len(foresee(office.db, office.house, office.house.business_date()).rows)
    assert all_
    page = office.post(moon, "/operations/dry", stage="lifecycle").text  # type: ignore[attr-defined]
    assert f"<p>1 of {all_} due rows</p>" in page
    assert page.index(f"<p>{all_} of {all_} due rows</p>") < page.index("Nothing was written.")


def test_a_run_that_can_not_be_asked_for_is_said_to_have_changed_nothing(office: Office, moon: str, port: int) -> None:
    office.app.state.portal.prefect = lambda: f"http://127.0.0.1:{port}/api"
    answer = office.post(moon, "/operations/run", stage="escalation", batch="b1")
    assert answer.status_code == 503  # type: ignore[attr-defined]
    assert "Escalation was not started: Prefect does not answer." in answer.text  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_run_is_asked_of_prefect_once_with_the_day_and_by_whom(office: Office, moon: str, api: Any, project: Any,
                                                                eventually: Callable[..., Any]) -> None:  # fmt: skip
    flows = project.root / "flows" / "some.py"
    flows.write_text(flows.read_text().replace('@flow(name="tiny")', '@flow(name="escalation")'))
    file = project.write(project.deployment("escalation"))
    asyncio.run(deploy(file, api.url, Hook("http://127.0.0.1:9/hooks/prefect", "x")))
    office.app.state.portal.prefect = lambda: api.url
    for _ in range(2):
        assert office.post(moon, "/operations/run", stage="escalation", batch="b7").status_code == 303  # type: ignore[attr-defined]
    asked = [run for run in api.runs("escalation") if f"by:{moon}" in run["tags"]]
    assert [run["parameters"]["as_of"] for run in asked] == [office.house.business_date().isoformat()]
    assert office.db.rows("SELECT count(*) FROM entry WHERE stream = ? AND action = 'asked_for_run'",
                          f"person:{moon}") == [(2,)]  # fmt: skip
    missing = office.post(moon, "/operations/run", stage="delivery", batch="b7")
    assert missing.status_code == 409  # type: ignore[attr-defined]
    assert "Prefect does not have Delivery" in missing.text  # type: ignore[attr-defined]
    api.post(f"/flow_runs/{asked[0]['id']}/set_state", force=True, state={"type": "RUNNING", "name": "Running"})
    page = eventually(lambda: _with(office.at(moon).get("/operations").text, "Escalation is running."))
    assert f"by {office.db.rows('SELECT name FROM person WHERE id = ?', moon)[0][0]}." in page
    api.post(f"/flow_runs/{asked[0]['id']}/set_state", force=True,
             state={"type": "FAILED", "name": "Failed", "message": "the bureau does not answer"})  # fmt: skip
    page = eventually(lambda: _with(office.at(moon).get("/operations").text, "the bureau does not answer"))
    assert "✕ Failed" in page
    assert f"{api.url.removesuffix('/api')}/runs/flow-run/{asked[0]['id']}" in page


def _with(page: str, text: str) -> str:
    return page if text in page else ""


def test_a_stage_at_work_says_how_far_it_is_since_when_and_who_asked_for_it(office: Office, moon: str,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Of how many: what it has decided, and what waits at its steps still. What a scheduled inspection will open nobody
    knows before."""
    db = office.db
    names = dict(db.rows("SELECT id, name FROM person WHERE id = ?", moon))
    done = {stage: own.entries for stage, own in ran(db).items()}
    at_work = working(office, "manager_review", moon) | working(office, "scheduled_inspection")
    waiting = db.rows("SELECT count(*) FROM cases WHERE process = 'inspection' AND step = 'prepare'")[0][0]
    assert waiting
    monkeypatch.setattr(Prefect, "read", lambda prefect, flows: Read(last=at_work))
    office.app.state.portal.prefect = lambda: "http://127.0.0.1:9/api"
    page = office.at(moon).get("/operations").text
    n, of = done["manager_review"], done["manager_review"] + waiting
    assert f"Manager review is running: {n:,} of {of:,} decided." in page
    assert f'<progress max="{of}" value="{n}"' in page
    assert f"by {names[moon]}." in page
    assert f'href="http://127.0.0.1:9/runs/flow-run/{at_work["manager_review"].id}"' in page
    assert f"Scheduled inspection is running: {done['scheduled_inspection']:,} decided so far." in page
    assert "by itself." in page
    assert page.count("<progress") == 1


def working(office: Office, stage: str, by: str = "") -> dict[str, FlowRun]:
    """The stage's last run is worked on, as Prefect would have it; two cases wait for it yet."""
    db, now = office.db, office.house.now()
    flow_run = FlowRun(f"flow-run-of-{stage}", "RUNNING", "Running", "", now, now, "", 3.0, by)
    db.run("INSERT INTO attempt VALUES (?, ?, ?)", flow_run.id, ran(db)[stage].id, now)
    db.run("UPDATE cases SET step = 'prepare' WHERE id IN (SELECT id FROM cases WHERE process = 'inspection' AND "
           "step = 'closed' ORDER BY id LIMIT 2)")  # fmt: skip
    return {stage: flow_run}


def test_nothing_is_said_to_have_failed_only_where_nothing_has(
    office: Office, moon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.app.state.portal.prefect = lambda: "http://127.0.0.1:9/api"
    last = working(office, "manager_review")["manager_review"]
    for state, says in (("COMPLETED", "✓ Done"), ("PAUSED", "… Paused"), ("FAILED", "✕ Failed")):
        shown = Read(last={"manager_review": replace(last, state=state)})
        monkeypatch.setattr(Prefect, "read", lambda prefect, flows, shown=shown: shown)
        page = office.at(moon).get("/operations").text
        assert says in page
        assert ("Nothing failed" in page) == (state != "FAILED") == ("1 failed" not in page)
    monkeypatch.setattr(Prefect, "read", lambda prefect, flows: Read())
    reported(office)
    page = office.at(moon).get("/operations").text
    assert "Nothing failed" not in page
    assert "1 alert from Prefect." in page
    assert page.count("No next run is known") == 1


def test_without_prefect_a_run_that_has_no_end_is_told_as_begun(office: Office, moon: str) -> None:
    run = ran(office.db)["escalation"].id
    assert "Escalation is running" not in office.at(moon).get("/operations").text
    office.db.run("UPDATE cases SET step = 'running', closed_on = NULL WHERE id = ?", run)
    page = office.at(moon).get("/operations").text
    assert "Escalation is running" in page
    assert "and not ended by our own records." in page


def test_what_the_door_refused_a_run_stands_beside_what_it_decided(office: Office, moon: str) -> None:
    """A case that somebody changed meanwhile: of this run alone, whatever else is refused at the time."""
    db, house = office.db, office.house
    run = start(db, house, "manager_review", house.business_date(), "", lambda: True, lambda: None)
    assert run is not None
    closed = db.rows("SELECT id FROM cases WHERE process = 'inspection' AND step = 'closed' ORDER BY id LIMIT 2")
    for command in (*(Command(SYSTEM, "propose", case=id_, run=run.id) for (id_,) in closed),
                    Command(SYSTEM, "propose", case=closed[0][0]), Command(moon, "propose", case=closed[0][0])):  # fmt: skip
        assert act(db, [command], run.clock, run.rules)[0].refused
    assert ran(db)["manager_review"].refused == 2
    finish(run)
    assert (ran(db)["manager_review"].refused, ran(db)["escalation"].refused) == (2, 0)
    assert '<span class="warned">2</span>' in office.at(moon).get("/operations").text


# -- other days -------------------------------------------------------------------------------------------------------


def test_days_that_no_run_was_for_are_told_until_one_is(office: Office, moon: str) -> None:
    """Business days alone; and as many rows as the next run will decide."""
    assert missed(office.db, office.house.business_date().isoformat()) is None
    assert "missed" not in office.at(moon).get("/operations").text
    for today, says in (("2026-02-05", "3 Feb, 4 Feb were missed: no scheduled inspection ran for them."),
                        ("2026-02-10", "5 business days from 3 Feb to 9 Feb were missed")):  # fmt: skip
        then = date.fromisoformat(today)
        office.app.state.portal.house = replace(office.house, today=lambda then=then: then)
        page = in_words(office.at(moon).get("/operations").text)
        assert says in page
        assert "every one is opened: special, first use of funds" in page
        assert "the latest of each facility is opened, those before it are skipped with a record: rating review" in page
        dry = in_words(office.post(moon, "/operations/dry", stage="scheduled_inspection").text)  # type: ignore[attr-defined]
        rows = foresee(office.db, office.house, then).rows
        assert f"{sum(row.outcome != 'pending' for row in rows):,} due rows to decide" in dry
    assert "See how many it decides" not in office.at(office.of("auditor")).get("/operations").text


def test_the_day_before_says_what_ran_for_it_and_leads_on(office: Office, moon: str) -> None:
    assert 'href="/operations?day=2026-01-26"' in office.at(moon).get("/operations").text
    page = office.at(moon).get("/operations?day=2026-01-26").text
    words = in_words(page)
    assert "The bank's day, Mon 26 Jan 2026" in words
    assert 'href="/operations?day=2026-01-19"' in page
    assert 'href="/operations?day=2026-02-02"' in page
    done = office.db.rows("SELECT count(*) FROM entry e JOIN cases c ON c.id = e.run WHERE c.subject LIKE "
                          "'manager_review/2026-01-26/%'")[0][0]  # fmt: skip
    assert re.search(rf"Manager review changes and proposals 26 Jan, \S+ \d+ runs? ✓ Done {done:,} 0 ", words)
    assert "Nightly audit anchor, verify, replay did not run" in words
    assert "Due ledger" not in words  # what waited then is not known
    for other in ("2026-02-02", "2027-01-01", "x"):
        assert "Due ledger" in office.at(moon).get(f"/operations?day={other}").text
    assert office.at(office.of("inspector")).get("/operations?day=2026-01-26").status_code == 404


# -- failed deliveries ------------------------------------------------------------------------------------------------


def test_what_was_given_up_is_shown_and_sent_again(office: Office, moon: str) -> None:
    db, now = office.db, office.house.now()
    db.run("INSERT INTO message (id, person, channel, subject, body, state, tries, next_at, error) VALUES "
           "('m1', ?, 'mailto', '', '', 'dead', 7, ?, 'Mailbox full')", moon, now)  # fmt: skip
    page = office.at(moon).get("/operations").text
    assert "Mailbox full" in page
    assert "Given up after 7 attempts." in page
    assert office.post(moon, "/operations/requeue", message="m1").status_code == 303  # type: ignore[attr-defined]
    assert db.rows("SELECT state, tries FROM message WHERE id = 'm1'") == [("queued", 0)]
    assert office.woken == ["delivery"]
    assert db.rows("SELECT count(*) FROM entry WHERE stream = ? AND action = 'requeued'", f"person:{moon}") == [(1,)]


def test_who_has_no_channel_is_named_beside_the_failed_deliveries(office: Office, moon: str) -> None:
    assert "Without a channel" not in office.at(moon).get("/operations").text
    office.db.run("DELETE FROM channel WHERE person = ?", moon)
    office.db.run("INSERT INTO message (id, person, channel, subject, body, state, tries, next_at, error) VALUES "
                  "('m1', ?, '', '', '', 'queued', 0, ?, '')", moon, office.house.now())  # fmt: skip
    page = office.at(moon).get("/operations").text
    assert f"Without a channel: {moon} (1 in all). Messages to them wait" in page
    assert "No failed deliveries." in page


# -- what Prefect reports ---------------------------------------------------------------------------------------------


def test_an_alert_is_taken_once_shown_and_mailed_to_operations(office: Office, moon: str) -> None:
    first, again = reported(office), reported(office)
    assert (first.status_code, again.status_code) == (201, 200)
    assert office.db.rows("SELECT what, flow FROM alert WHERE flow_run = ?", RUN) == [("failed", "escalation")]
    holders = office.db.rows("SELECT count(*) FROM role_grant WHERE role = 'operations'")[0][0]
    assert office.db.rows("SELECT count(*) FROM alerted WHERE flow_run = ?", RUN) == [(holders,)]
    assert office.woken == ["delivery"]
    page = office.at(moon).get("/operations").text
    assert "the bureau does not answer" in page
    assert "Prefect has reported nothing." not in page


def test_the_mail_of_an_alert_names_stage_and_reason_and_leads_to_operations(office: Office, moon: str) -> None:
    db, house = office.db, office.house
    day = house.business_date().isoformat()
    db.run("DELETE FROM channel")
    reported(office)
    post = Post(house.bank, house.link_secret(), house.page, {}, operations=f"{house.portal}/operations")
    with mail_server() as server:
        db.insert("channel", ("person", "url"), [(moon, server.url(moon))])
        send(db, house.now, day, post, lambda: 0.5)
        assert len(server.mails()) == 1
    [(subject, body, state)] = db.rows("SELECT m.subject, m.body, m.state FROM message m JOIN alerted a ON a.message = "
                                       "m.id WHERE a.flow_run = ? AND m.person = ?", RUN, moon)  # fmt: skip
    assert "escalation" in subject
    assert "the bureau does not answer" in body
    assert f"{house.portal}/operations" in body
    assert state == "sent"


def test_a_stage_that_fails_again_within_the_hour_is_shown_and_not_mailed_again(office: Office, moon: str) -> None:
    reported(office)
    second = reported(office, run=RUN.replace("1", "2"))
    assert (second.status_code, second.json()) == (201, {"queued": 0})
    assert office.db.rows("SELECT count(*) FROM alert") == [(2,)]
    assert reported(office, run=RUN.replace("1", "3"), flow="delivery").json()["queued"] > 0


@ON_ONE
@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer 1", "Basic eDp5"])
def test_who_does_not_have_the_secret_reports_nothing(office: Office, db: Db, header: str) -> None:
    answer = office.browser().post("/hooks/prefect", headers={"authorization": header} if header else {}, json={
        "what": "failed", "flow_run": RUN, "flow": "x", "says": ""})  # fmt: skip
    assert answer.status_code == 401
    assert db.rows("SELECT count(*) FROM alert") == [(0,)]


@ON_ONE
@pytest.mark.parametrize("said", [{"what": "odd"}, {"flow_run": "1"}, {"flow": ""}, {"more": "x"}])
def test_what_is_no_alert_is_refused(office: Office, db: Db, said: dict[str, str]) -> None:
    assert reported(office, **said).status_code == 422
    assert db.rows("SELECT count(*) FROM alert") == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_a_run_that_fails_at_prefect_stands_on_the_page_and_in_the_outbox(office: Office, moon: str, api: Any, project: Any,
                                                                         eventually: Callable[..., Any]) -> None:  # fmt: skip
    with serving(office) as address:
        file = project.write(project.deployment("watched", schedules=[]))
        asyncio.run(deploy(file, api.url, Hook(f"{address}/hooks/prefect", office.house.hook_secret())))
        run = api.call("watched")
        api.post(f"/flow_runs/{run}/set_state", force=True,
                 state={"type": "FAILED", "name": "Failed", "message": "the bureau does not answer"})  # fmt: skip
        eventually(lambda: office.db.rows("SELECT 1 FROM alert WHERE flow_run = ?", run))
    assert "the bureau does not answer" in office.at(moon).get("/operations").text
    assert office.db.rows("SELECT m.state FROM message m JOIN alerted a ON a.message = m.id WHERE a.flow_run = ? AND "
                          "m.person = ?", run, moon) == [("queued",)]  # fmt: skip
