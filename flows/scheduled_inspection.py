"""What is due is opened: cases from the due grid, merged per borrower, each on its path."""

from datetime import date

from prefect import flow

from flows.stage import RETRIES, named, stage
from tasks.due import open_due


@flow(name="scheduled_inspection", flow_run_name=named("scheduled_inspection"), **RETRIES)
async def scheduled_inspection(as_of: date | None = None, limit: int = 0) -> dict[str, int]:
    """Opens the inspections due on `as_of` (business date, by default today's), at most `limit` cases (0: all)."""
    async with stage("scheduled_inspection", as_of, lambda _: True) as at_work:
        if at_work.run is not None and at_work.run.inputs.snapshot:
            opened = open_due(at_work.run, limit)
            at_work.due = opened.elsewhere
            at_work.add(opened.cases, "opened ")
            at_work.add(opened.rows, "due rows ")
            at_work.add({"due rows pending": len(opened.pending)})
            at_work.add(opened.untold, "facilities without the fact ")
    return at_work.counts
