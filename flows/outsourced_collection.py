"""Visits are dispatched to vendors, and what was collected is screened."""

from datetime import date

from prefect import flow

from flows.stage import RETRIES, named, service_steps


@flow(name="outsourced_collection", flow_run_name=named("outsourced_collection"), **RETRIES)
async def outsourced_collection(as_of: date | None = None, limit: int = 0) -> dict[str, int]:
    """On `as_of` (business date, by default today's), at most `limit` cases a step (0: all)."""
    return await service_steps("outsourced_collection", as_of, limit)
