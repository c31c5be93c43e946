"""The bank's day: every stage in its order, each a run of its own inside the day's; and days that follow each other."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from deployments.demo import BEGIN
from door.db import Db
from flows.lifecycle import DAY
from models.process import SERVICE
from processes import PROCESSES
from tasks.replay import all_cases, replay
from tasks.services import SERVICES
from tests.deployments.conftest import Api
from tests.flows.conftest import Artifacts, Branch

STAGES = ["scheduled_inspection", "outsourced_collection", "manager_review", "four_eyes_verification", "escalation",
          "deadlines", "delivery", "nightly_audit"]  # fmt: skip


def test_every_automatic_step_has_a_function_and_a_stage_of_the_day_that_runs_it() -> None:
    assert {name for name, step in PROCESSES["inspection"].steps.items() if step.kind == SERVICE} == set(SERVICES)
    assert {service.stage for service in SERVICES.values()} < set(STAGES)


def subflows(api: Api, day: str) -> list[dict[str, Any]]:
    """Of the newest run of the bank's day, in the order of their start."""
    named = {"name": {"any_": [f"lifecycle-{day}"]}}
    [run] = api.post("/flow_runs/filter", flow_runs=named, sort="START_TIME_DESC", limit=1)
    assert run["state_type"] == "COMPLETED"
    inside: list[dict[str, Any]] = api.post("/flow_runs/filter", sort="START_TIME_ASC",
                                            flow_runs={"parent_flow_run_id": {"any_": [run["id"]]}})  # fmt: skip
    return inside


def moved(db: Db) -> Counter[str]:
    return Counter(dict(db.rows("SELECT action, count(*) FROM entry WHERE run IS NOT NULL GROUP BY action")))


@pytest.mark.slow
def test_the_days_stages_run_in_their_order_and_weeks_of_them_replay(
    branch: Branch, api: Api, artifacts: Artifacts
) -> None:
    assert [flow.name for flow in DAY] == STAGES
    for week in range(4):
        day = BEGIN + timedelta(weeks=week)
        branch.on(day)
        before = moved(branch.db)
        counts = branch.run("lifecycle", as_of=day.isoformat())
        assert list(counts) == STAGES
        inside = subflows(api, day.isoformat())
        assert [run["name"] for run in inside] == [f"{stage.replace('_', '-')}-{day}" for stage in STAGES]
        assert {run["state_type"] for run in inside} == {"COMPLETED"}
        assert all({"postloan", "stage"} <= set(run["tags"]) for run in inside)
        assert [[a["key"] for a in artifacts(run["id"])] for run in inside] == [[s.replace("_", "-")] for s in STAGES]
        wrote = moved(branch.db) - before
        said = Counter[str]()
        for stage in STAGES[1:6]:
            said.update(counts[stage])
        assert wrote - Counter(open=wrote["open"]) == +said
        assert wrote["open"] == sum(n for what, n in counts[STAGES[0]].items() if what.startswith("opened "))
        branch.people()
    assert set(moved(branch.db)) >= {"open", "assign", "pass", "propose", "site", "close", "remind"}
    recorded = {flow_run for flow_run, *_ in branch.attempts()}
    assert len(recorded) == 4 * len(STAGES)
    for flow_run, subject, step in branch.attempts():
        run = api.get(f"/flow_runs/{flow_run}")
        assert run["name"].startswith(subject.split("/")[0].replace("_", "-"))
        assert (run["parameters"]["as_of"], step) == (subject.split("/")[1], "finished")
    done = replay(branch.db, branch.here.snapshots, all_cases(branch.db))
    assert (done.divergences, done.recomputed) == ([], sum(moved(branch.db).values()))


@pytest.mark.slow
def test_a_day_repeated_does_nothing_twice(branch: Branch) -> None:
    branch.run("lifecycle")
    before = branch.db.rows("SELECT stream, seq FROM entry WHERE stream LIKE 'case:%' ORDER BY stream, seq")
    told = branch.db.rows("SELECT * FROM told ORDER BY message, case_id, seq")
    counts = branch.run("lifecycle")
    assert not any(counts[stage] for stage in STAGES[1:6])
    assert branch.db.rows("SELECT stream, seq FROM entry WHERE stream LIKE 'case:%' ORDER BY stream, seq") == before
    assert branch.db.rows("SELECT * FROM told ORDER BY message, case_id, seq") == told
    assert len(before) > 10
