"""What the account manager needs to conclude is prepared."""

from datetime import date

from prefect import flow

from flows.stage import RETRIES, named, service_steps


@flow(name="manager_review", flow_run_name=named("manager_review"), **RETRIES)
async def manager_review(as_of: date | None = None, limit: int = 0) -> dict[str, int]:
    """On `as_of` (business date, by default today's), at most `limit` cases a step (0: all)."""
    return await service_steps("manager_review", as_of, limit)
