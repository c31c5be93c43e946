"""Verified conclusions are weighed: those above the line go to the credit manager."""

from datetime import date

from prefect import flow

from flows.stage import RETRIES, named, service_steps


@flow(name="escalation", flow_run_name=named("escalation"), **RETRIES)
async def escalation(as_of: date | None = None, limit: int = 0) -> dict[str, int]:
    """On `as_of` (business date, by default today's), at most `limit` cases a step (0: all)."""
    return await service_steps("escalation", as_of, limit)
