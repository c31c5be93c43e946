"""Make the Prefect server equal to prefect.yaml: what is new is created, what changed is changed, what left goes.

Prefect's own `deploy` leaves behind what is no longer in the file, active. Here only what differs is sent: a
change drops the runs made ahead and the scheduler remakes them some seconds later, which could lose a run that is
due just then.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from deployments import automations
from deployments.api import connect
from deployments.automations import Hook
from deployments.manifest import OURS, Refused, Wanted, read

PAGE = 200  # the most that the server answers at once


@dataclass(frozen=True)
class Report:
    """What was done, by names: `flow/deployment`, for a schedule `flow/deployment#slug`."""

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


async def deploy(file: Path, api: str, hook: Hook | None = None) -> Report:
    """Make the server at `api` equal to `file`, and let it tell the portal at `hook` what fails. Nothing is sent before
    the whole file has been found good.

    Touches only deployments tagged `postloan`. Raises Refused.
    """
    file = file.resolve()
    wanted = read(file)
    done: dict[str, list[str]] = {"created": [], "changed": [], "unchanged": [], "removed": []}
    async with connect(api) as client:
        for pool in sorted({each.spec.work_pool.name for each in wanted}):
            await _pool(client, pool)
        found = await _ours(client)
        for each in wanted:
            flow_id = await client.create_flow_from_name(each.flow.name)
            existing = found.pop((flow_id, each.spec.name), None)
            if existing is None:
                await client.create_deployment(flow_id, each.spec.name, **_fields(each, file.parent))
                done["created"].append(each.name)
                continue
            slugs = {schedule.slug for schedule in each.spec.schedules}
            for schedule in existing.schedules:
                if schedule.slug not in slugs:
                    await client.delete_deployment_schedule(existing.id, schedule.id)
                    done["removed"].append(f"{each.name}#{schedule.slug}")
            update = DeploymentUpdate(**_fields(each, file.parent))
            if _says(update, existing):
                done["unchanged"].append(each.name)
            else:
                await client.update_deployment(existing.id, update)
                done["changed"].append(each.name)
        for left in found.values():
            flow = await client.read_flow(left.flow_id)
            await client.delete_deployment(left.id)
            done["removed"].append(f"{flow.name}/{left.name}")
        if hook is not None:
            await automations.keep(client, hook)
    return Report(**{kind: tuple(names) for kind, names in done.items()})


async def _pool(client: PrefectClient, name: str) -> None:
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        await client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
        return
    if pool.type != "process":
        raise Refused(f"The work pool {name} is of type {pool.type}, not process; rename one of them.")


async def _ours(client: PrefectClient) -> dict[tuple[Any, str], DeploymentResponse]:
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[OURS]))
    found: list[DeploymentResponse] = []
    while len(page := await client.read_deployments(deployment_filter=tagged, limit=PAGE, offset=len(found))) == PAGE:
        found += page
    return {(each.flow_id, each.name): each for each in found + page}


def _fields(wanted: Wanted, root: Path) -> dict[str, Any]:
    """The whole deployment as the file has it; whether it or a schedule is paused is left unsaid, so it stays."""
    spec = wanted.spec
    return {
        "version": wanted.flow.version,
        "description": spec.description or wanted.flow.description,
        "tags": list(spec.tags),
        "entrypoint": spec.entrypoint,
        "parameters": spec.parameters,
        "parameter_openapi_schema": wanted.schema,
        "enforce_parameter_schema": True,
        "work_pool_name": spec.work_pool.name,
        "work_queue_name": spec.work_pool.work_queue_name,
        "concurrency_limit": spec.concurrency_limit.limit,
        "concurrency_options": {"collision_strategy": spec.concurrency_limit.collision_strategy},
        # where the code is: known to the server alone, so that the file holds for every machine
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(root)}}],
        "schedules": [
            {"slug": each.slug, "schedule": each.when(), "parameters": each.parameters} for each in spec.schedules
        ],
    }


def _says(update: DeploymentUpdate, existing: DeploymentResponse) -> bool:
    """Whether the server already has what the file says."""
    if _schedules(update.schedules or ()) != _schedules(existing.schedules):
        return False
    new = update.model_dump(mode="json", exclude_unset=True, exclude={"schedules"})
    old = existing.model_dump(mode="json")
    old["concurrency_limit"] = (old["global_concurrency_limit"] or {}).get("limit")
    (old["concurrency_options"] or {}).pop("grace_period_seconds", None)
    return all(old[name] == value for name, value in new.items())


def _schedules(schedules: Iterable[Any]) -> dict[str, tuple[Any, Any]]:
    return {each.slug: (each.schedule, each.parameters) for each in schedules}
