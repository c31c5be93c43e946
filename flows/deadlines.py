"""Deadlines are kept: reminders climb their ladder, late arrows are taken; what nobody may do any more is told."""

from datetime import date

from prefect import flow

from flows.stage import RETRIES, named, stage
from tasks.alone import tell_alone
from tasks.deadlines import any_due, keep_deadlines


@flow(name="deadlines", flow_run_name=named("deadlines"), **RETRIES)
async def deadlines(as_of: date | None = None, limit: int = 0) -> dict[str, int]:
    """Keeps the deadlines on `as_of` (business date, by default today's), at most `limit` items (0: all)."""
    async with stage("deadlines", as_of, any_due) as at_work:
        if (run := at_work.run) is not None:
            at_work.add(keep_deadlines(run, limit))
            alone, _ = tell_alone(run.db, run.rules, run.clock, run.give_way)
            at_work.add({"nobody": len(alone)} if alone else {})
    return at_work.counts
