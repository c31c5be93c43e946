"""What every stage has in common: its run is opened, its steps done, its end recorded, operations told, and the stages
woken that have to do with what came of it."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

from prefect import get_client, runtime
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import FlowRunPolicy
from prefect.logging import get_run_logger

from door.db import Db
from flows.wake import wake
from models.policy import PolicyError
from models.runs import Decided
from tasks import books, house
from tasks.run import Run, Untimely, finish, start
from tasks.services import SERVICES
from tasks.work import left_for, waits, work

PAUSE_S = 0.004  # between two chunks of a batch: people's acts come in here

#: What every flow's decorator says: tried again twice (a database that was locked or restarted).
RETRIES: dict[str, Any] = {"retries": 2, "retry_delay_seconds": 5}


def named(stage: str) -> Callable[[], str]:
    """A run name with stage and date; the date is the business date where none was given."""

    def name() -> str:
        given = runtime.flow_run.parameters.get("as_of")
        return f"{stage.replace('_', '-')}-{given or house.current().business_date()}"

    return name


class Stage:
    """A stage at work: its run (None: nothing to do), counts for the artifact, due rows for the run's end. `closed`: the
    calendar by which the bank is shut on that day."""

    def __init__(self, run: Run | None, closed: str = "") -> None:
        self.run, self.closed = run, closed
        self.counts: dict[str, int] = {}
        self.due: Sequence[Decided] = ()

    def add(self, what: Mapping[str, int], prefix: str = "") -> None:
        for name, n in what.items():
            self.counts[f"{prefix}{name}"] = self.counts.get(f"{prefix}{name}", 0) + n


@asynccontextmanager
async def stage(name: str, as_of: date | None, has_work: Callable[[Db], bool]) -> AsyncIterator[Stage]:
    """Opens the stage's run (or takes up an unfinished one), closes it after the steps, writes the artifact. By itself,
    without a date, a stage rests on days that are no business days of the bank."""
    here = house.current()
    day = as_of or here.business_date()
    with here.db() as db:
        flow_run = str(runtime.flow_run.id or "")
        closed, run, following = "", None, list[str]()
        try:
            closed = books.shut(db, day.isoformat()) if as_of is None else ""
            if not closed:
                run = start(db, here, name, day, flow_run, lambda: has_work(db), lambda: time.sleep(PAUSE_S))
        except (PolicyError, Untimely):
            await for_good()
            raise
        at_work = Stage(run, closed)
        yield at_work
        if run is not None:
            finish(run, at_work.due)
            if _by_itself():
                following = left_for(db, run.id, name)
    await _tell(name, day, at_work)
    for other in following:
        await wake(other)


def _by_itself() -> bool:
    """Called by Prefect, and no part of the bank's day, which calls the next stage anyway."""
    return bool(runtime.deployment.id) and not runtime.flow_run.parent_flow_run_id


async def for_good() -> None:
    """What ends this run now is no accident: neither it nor the day that it is a part of is tried again."""
    async with get_client() as client:
        for run in (runtime.flow_run.id, runtime.flow_run.parent_flow_run_id):
            if run:
                await client.update_flow_run(run, empirical_policy=FlowRunPolicy(retries=0))


async def _tell(name: str, day: date, done: Stage) -> None:
    rows = [{"what": what, "cases": n} for what, n in sorted(done.counts.items())]
    run = f"run {done.run.id}" if done.run else "no run"
    idle = f"no business day (calendar {done.closed})" if done.closed else "nothing to do"
    get_run_logger().info("%s of %s: %s", name, day, ", ".join(f"{r['what']} {r['cases']}" for r in rows) or idle)
    await acreate_table_artifact(
        key=name.replace("_", "-"), table=rows or [{"what": idle, "cases": 0}],
        description=f"{name.replace('_', ' ')} of {day} ({run})",
    )  # fmt: skip


async def service_steps(name: str, as_of: date | None, limit: int) -> dict[str, int]:
    """A stage that decides the cases waiting at its service steps, in their order; how many took which arrow."""
    steps = [step for step, service in SERVICES.items() if service.stage == name]
    async with stage(name, as_of, lambda db: waits(db, *steps)) as at_work:
        if at_work.run is not None:
            for step in steps:
                at_work.add(work(at_work.run, step, limit))
    return at_work.counts
