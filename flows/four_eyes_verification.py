"""The draw says which conclusions are verified in depth, on site."""

from datetime import date

from prefect import flow

from flows.stage import RETRIES, named, service_steps


@flow(name="four_eyes_verification", flow_run_name=named("four_eyes_verification"), **RETRIES)
async def four_eyes_verification(as_of: date | None = None, limit: int = 0) -> dict[str, int]:
    """On `as_of` (business date, by default today's), at most `limit` cases a step (0: all)."""
    return await service_steps("four_eyes_verification", as_of, limit)
