"""A stage as operations see it: its run at Prefect, the artifact that says what it did, our record of both."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from deployments.demo import BEGIN
from tasks import books
from tasks.work import left_for
from tests.deployments.conftest import Api
from tests.flows.conftest import Artifacts, Branch
from tests.tasks.works import changed


def table(artifact: dict[str, Any]) -> dict[str, int]:
    return {row["what"]: row["cases"] for row in json.loads(artifact["data"])}


def test_a_run_is_on_record_there_and_here_and_says_what_it_did(branch: Branch, api: Api, artifacts: Artifacts) -> None:
    counts = branch.run("scheduled_inspection", as_of=BEGIN.isoformat())
    [(flow_run, subject, step)] = branch.attempts()
    assert (subject, step) == (f"scheduled_inspection/{BEGIN}/1", "finished")
    run = api.get(f"/flow_runs/{flow_run}")
    assert (run["name"], run["state_type"]) == (f"scheduled-inspection-{BEGIN}", "COMPLETED")
    assert run["parameters"] == {"as_of": BEGIN.isoformat(), "limit": 0}
    [artifact] = artifacts(flow_run)
    assert (artifact["key"], artifact["type"]) == ("scheduled-inspection", "table")
    assert artifact["description"].startswith(f"scheduled inspection of {BEGIN} (run ")
    assert table(artifact) == counts
    opened = dict(
        branch.db.rows("SELECT 'opened ' || step, count(*) FROM cases WHERE process = 'inspection' GROUP BY 1")
    )
    assert sum(opened.values()) == sum(n for what, n in counts.items() if what.startswith("opened ")) > 10
    assert counts["due rows started"] == sum(opened.values())


@pytest.mark.slow
def test_the_business_date_is_todays_where_none_is_given(branch: Branch, api: Api) -> None:
    branch.run("scheduled_inspection")
    [(flow_run, subject, _)] = branch.attempts()
    assert subject == f"scheduled_inspection/{BEGIN}/1"
    assert api.get(f"/flow_runs/{flow_run}")["name"] == f"scheduled-inspection-{BEGIN}"


@pytest.mark.slow
def test_a_limit_opens_so_many_and_the_next_run_the_rest(branch: Branch) -> None:
    first = branch.run("scheduled_inspection", limit=4)
    rest = branch.run("scheduled_inspection")
    assert sum(n for what, n in first.items() if what.startswith("opened ")) == 4
    assert sum(n for what, n in rest.items() if what.startswith("opened ")) > 4
    assert [subject[-2:] for _, subject, _ in branch.attempts()] == ["/1", "/2"]


def test_a_run_repeated_does_nothing_twice(branch: Branch, api: Api, artifacts: Artifacts) -> None:
    """Opening leaves a record of having looked; deciding, where nothing waits, not even a run."""
    branch.run("scheduled_inspection")
    first = branch.run("outsourced_collection")
    assert first["assign"] > 0
    work = "SELECT stream, seq, hash FROM entry WHERE stream LIKE 'case:%' ORDER BY stream, seq"
    due = "SELECT * FROM due ORDER BY facility, kind, due_on"
    before = branch.db.rows(work), branch.db.rows(due)
    again = branch.run("scheduled_inspection")
    assert {what: n for what, n in again.items() if n} == {}
    assert branch.run("outsourced_collection") == {}
    assert (branch.db.rows(work), branch.db.rows(due)) == before
    assert len(branch.attempts()) == 3
    [idle] = api.post("/flow_runs/filter", sort="START_TIME_DESC", limit=1)
    assert (idle["name"], table(artifacts(idle["id"])[0])) == (f"outsourced-collection-{BEGIN}", {"nothing to do": 0})


def test_the_deadlines_say_how_many_items_nobody_may_do_and_tell_of_each_once(branch: Branch) -> None:
    branch.run("scheduled_inspection")
    branch.run("outsourced_collection")
    assert "nobody" not in branch.run("deadlines")
    before = "SELECT count(*) FROM notice WHERE kind = 'nobody'"
    assert branch.db.rows(before) == [(0,)]
    last = (branch.days.day - timedelta(days=1)).isoformat()
    branch.db.run("UPDATE role_grant SET until = ? WHERE role = 'inspector'", last)
    visits = branch.db.rows("SELECT count(*) FROM item WHERE role = 'inspector'")[0][0]
    for _ in range(2):
        assert branch.run("deadlines")["nobody"] == visits > 0
        assert branch.db.rows(before) == [(visits,)]


def test_a_fact_that_could_not_be_evaluated_is_counted_by_its_name(branch: Branch, artifacts: Artifacts) -> None:
    book = changed(facts={"still_drawing": "rating_on > DATE '2026-01-01'"})
    books.keep(branch.db, book)
    branch.db.run("UPDATE book_version SET book = ?", book.hash)
    counts = branch.run("scheduled_inspection")
    assert counts["facilities without the fact still_drawing"] > 10
    [(flow_run, *_)] = branch.attempts()
    assert table(artifacts(flow_run)[0]) == counts


HOLIDAY, SATURDAY = date(2026, 3, 2), date(2026, 1, 10)  # by the shipped calendar


def test_on_a_day_that_is_no_business_day_a_run_by_itself_does_nothing_and_says_so(
    branch: Branch, api: Api, artifacts: Artifacts
) -> None:
    for day in (HOLIDAY, SATURDAY):
        branch.days.day = day
        before = branch.db.rows("SELECT count(*) FROM entry")
        for stage in ("scheduled_inspection", "deadlines", "nightly_audit"):
            assert branch.run(stage) == {}
            [idle] = api.post("/flow_runs/filter", sort="START_TIME_DESC", limit=1)
            assert table(artifacts(idle["id"])[0]) == {"no business day (calendar KR)": 0}
        assert branch.db.rows("SELECT count(*) FROM entry") == before
    assert branch.attempts() == []


def test_whoever_names_such_a_day_means_it(branch: Branch) -> None:
    branch.days.day = HOLIDAY
    assert branch.run("scheduled_inspection", as_of=HOLIDAY.isoformat())["due rows started"] > 0


def test_a_run_wakes_the_stages_of_what_it_moved_and_one_that_moved_nothing_wakes_none(branch: Branch) -> None:
    def left() -> list[str]:
        run, stage = branch.db.rows("SELECT id, subject FROM cases WHERE process = 'run' ORDER BY id DESC LIMIT 1")[0]
        return left_for(branch.db, run, stage.partition("/")[0])

    branch.run("scheduled_inspection")
    assert left() == ["outsourced_collection"]
    branch.run("scheduled_inspection")
    assert left() == []  # what waits there was left by another
    branch.run("outsourced_collection")
    assert left() == []  # it waits for people


@pytest.mark.slow
def test_without_a_snapshot_nothing_is_opened_and_nothing_fails(branch: Branch) -> None:
    before = BEGIN - timedelta(days=1)
    branch.db.run("UPDATE book_version SET effective_from = ?", (before - timedelta(days=1)).isoformat())
    assert branch.run("scheduled_inspection", as_of=before.isoformat()) == {}
    assert branch.db.rows("SELECT 1 FROM cases WHERE process = 'inspection'") == []


def test_without_a_book_the_run_fails_at_once_with_a_sentence(branch: Branch, api: Api) -> None:
    branch.db.run("DELETE FROM book_version")
    branch.ask("nightly_audit")
    assert branch.bureau.answer()["error"].startswith(f"PolicyError: No policy book is in force on {BEGIN}: propose")
    [run] = api.post("/flow_runs/filter", sort="START_TIME_DESC", limit=1)
    assert (run["name"], run["state_name"], run["run_count"]) == (f"nightly-audit-{BEGIN}", "Failed", 1)


def test_a_day_to_come_is_refused_with_a_sentence(branch: Branch) -> None:
    branch.ask("nightly_audit", as_of="2030-01-01")
    assert branch.bureau.answer()["error"].startswith(f"Untimely: 2030-01-01 has not come, today is {BEGIN}: name")


@pytest.mark.slow
def test_the_nights_audit_fails_on_a_planted_fault_and_names_it(branch: Branch, api: Api, artifacts: Artifacts) -> None:
    branch.run("scheduled_inspection")
    sound = branch.run("nightly_audit")
    assert (sound["faults"], sound["divergences"]) == (0, 0)
    assert sound["decisions recomputed"] > 10
    assert branch.db.rows("SELECT business_date FROM anchor") == [(BEGIN.isoformat(),)]
    case = branch.db.rows("SELECT max(id) FROM cases WHERE process = 'inspection'")[0][0]
    branch.db.run("UPDATE cases SET step = 'closed' WHERE id = ?", case)
    branch.ask("nightly_audit")
    error = branch.bureau.answer()["error"]
    assert error.startswith("NotAsRecorded: 1 faults and 0 divergences; the first:")
    assert f"case:{case}" in error
    flow_run, _, step = branch.attempts()[-1]
    run = api.get(f"/flow_runs/{flow_run}")
    assert (run["state_name"], run["run_count"], step) == ("Failed", 1, "finished")
    assert f"case:{case}" in run["state"]["message"]
    assert table(artifacts(flow_run)[0])["faults"] == 1
    branch.ask("lifecycle")
    assert branch.bureau.answer()["error"].startswith("NotAsRecorded")
    [day] = api.post("/flow_runs/filter", flow_runs={"name": {"any_": [f"lifecycle-{BEGIN}"]}}, sort="START_TIME_DESC",
                     limit=1)  # fmt: skip
    assert (day["state_name"], day["run_count"]) == ("Failed", 1)


TROUBLE = {
    "sqlite": (
        "CREATE TRIGGER trouble BEFORE INSERT ON {table} WHEN {when} "
        "BEGIN SELECT RAISE(ABORT, 'the disk is in trouble'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION trouble() RETURNS trigger AS $$BEGIN IF {when} THEN "
        "RAISE EXCEPTION 'the disk is in trouble'; END IF; RETURN new; END$$ LANGUAGE plpgsql",
        "CREATE TRIGGER trouble BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION trouble()",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "table", "when", "does"),
    [("scheduled_inspection", "entry", "new.run IS NOT NULL", "due rows started"),
     ("nightly_audit", "anchor", "1 = 1", "entries checked")])  # fmt: skip
def test_after_an_error_of_the_database_the_run_is_tried_again_and_taken_up(
    branch: Branch, api: Api, eventually: Callable[..., Any], stage: str, table: str, when: str, does: str
) -> None:
    for sql in TROUBLE[branch.db.dialect]:
        branch.db.run(sql.format(table=table, when=when))
    branch.ask(stage)
    eventually(lambda: branch.attempts())
    [(flow_run, _, step)] = branch.attempts()
    assert step != "finished"
    eventually(lambda: api.state(flow_run) == "AwaitingRetry")
    assert branch.db.rows("SELECT 1 FROM cases WHERE process = 'inspection'") == []
    branch.db.run("DROP TRIGGER trouble" + f" ON {table}" * (branch.db.dialect == "postgresql"))
    assert branch.bureau.answer()["counts"][does] > 0
    assert branch.attempts() == [(flow_run, f"{stage}/{BEGIN}/1", "finished")]
    assert api.get(f"/flow_runs/{flow_run}")["run_count"] == 2
