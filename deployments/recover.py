"""Runs that a dead process left Running: nobody else ends them, and one holds its deployment's only place for ever.

A worker stops in under a second and leaves its runs as they are; a machine that loses power does too. So whoever
starts a worker first sets to Crashed what no living process works on.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

from deployments.api import connect

PROC = Path("/proc")
PAGE = 200  # the most that the server answers at once
BEGUN = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)


async def recover(api: str) -> tuple[FlowRun, ...]:
    """End every begun run whose process on this machine is dead, and the runs inside it. Gives those it ended.

    To be called while no worker of ours runs: a run of a worker that has begun, but tells of no process yet, is
    taken for dead.
    """
    async with connect(api) as client:
        ended = tuple(run for run in await begun(client) if _dead(run))
        for run in ended:
            await end(client, run)
        return ended


async def begun(client: PrefectClient, inside: Iterable[UUID] | None = None) -> list[FlowRun]:
    """The runs that began and did not end, all or those called by the runs `inside`."""
    wanted = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(BEGUN))),
        parent_flow_run_id=None if inside is None else FlowRunFilterParentFlowRunId(any_=list(inside)),
    )
    found: list[FlowRun] = []
    while len(page := await client.read_flow_runs(flow_run_filter=wanted, limit=PAGE, offset=len(found))) == PAGE:
        found += page
    return found + page


def alive(run: FlowRun) -> bool:
    """Whether the process that executes the run still does; its pid may meanwhile be another program's."""
    if not run.infrastructure_pid:
        return False
    try:
        os.kill(int(run.infrastructure_pid), 0)
        return not PROC.exists() or b"prefect" in (PROC / run.infrastructure_pid / "cmdline").read_bytes()
    except OSError:
        return False


def _dead(run: FlowRun) -> bool:
    """A run without process and deployment is a part of another run, or somebody's call from a program."""
    return not alive(run) and bool(run.infrastructure_pid or run.deployment_id)


async def end(client: PrefectClient, run: FlowRun, why: str = "The process that executed this run is gone.") -> None:
    """Set the run and the runs inside it to Crashed, one that was being cancelled to Cancelled."""
    for part in await begun(client, [run.id]):
        await end(client, part, why)
    state: State[None] = Cancelled(message=why) if run.state_type == StateType.CANCELLING else Crashed(message=why)
    await client.set_flow_run_state(run.id, state, force=True)
