"""Deadlines are kept: reminders climb their ladder, late arrows are taken."""

from datetime import date

from prefect import flow

from flows.stage import RETRIES, named, stage
from tasks.deadlines import any_due, keep_deadlines


@flow(name="deadlines", flow_run_name=named("deadlines"), **RETRIES)
async def deadlines(as_of: date | None = None, limit: int = 0) -> dict[str, int]:
    """Keeps the deadlines on `as_of` (business date, by default today's), at most `limit` items (0: all)."""
    async with stage("deadlines", as_of, any_due) as at_work:
        if at_work.run is not None:
            at_work.add(keep_deadlines(at_work.run, limit))
    return at_work.counts
