"""Which begun runs are taken for dead, and what they become."""

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest

from deployments.deploy import deploy
from deployments.recover import recover


@pytest.fixture
def begun(api: Any, project: Any) -> Any:
    """Makes a run of a deployment in a state, executed by a process; nothing executes it."""
    asyncio.run(deploy(project.write(project.deployment("begun", schedules=[])), api.url))
    asyncio.run(recover(api.url))  # what other tests left

    def make(state: str, pid: int | None) -> str:
        run = api.call("begun")
        if state == "CANCELLING":  # what had not begun would be cancelled at once
            api.post(f"/flow_runs/{run}/set_state", state={"type": "RUNNING"}, force=True)
        api.post(f"/flow_runs/{run}/set_state", state={"type": state}, force=True)
        if pid:
            api.patch(f"/flow_runs/{run}", infrastructure_pid=str(pid))
        return run

    yield make
    asyncio.run(recover(api.url))


@pytest.fixture
def dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("state", "becomes"), [("RUNNING", "Crashed"), ("PENDING", "Crashed"), ("CANCELLING", "Cancelled")]
)
def test_a_run_of_a_dead_process_is_ended(api: Any, begun: Any, dead_pid: int, state: str, becomes: str) -> None:
    run = begun(state, dead_pid)
    [ended] = asyncio.run(recover(api.url))
    assert str(ended.id) == run
    assert api.state(run) == becomes


def test_a_run_that_a_dead_worker_had_only_taken_is_ended(api: Any, begun: Any) -> None:
    run = begun("PENDING", None)
    asyncio.run(recover(api.url))
    assert api.state(run) == "Crashed"


def test_a_run_of_a_living_process_goes_on(api: Any, begun: Any) -> None:
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, "prefect"], stdin=subprocess.PIPE) as process:
        run = begun("RUNNING", process.pid)
        assert asyncio.run(recover(api.url)) == ()
        assert api.state(run) == "Running"


def test_a_pid_that_another_program_has_got_meanwhile_does_not_save_the_run(api: Any, begun: Any) -> None:
    run = begun("RUNNING", os.getppid())
    asyncio.run(recover(api.url))
    assert api.state(run) == "Crashed"


def test_a_run_called_in_somebodys_program_is_left_alone(api: Any) -> None:
    flow = api.post("/flows/", name="called")["id"]
    run = api.post("/flow_runs/", flow_id=flow, state={"type": "RUNNING"})["id"]
    assert asyncio.run(recover(api.url)) == ()
    assert api.state(run) == "Running"


def test_runs_that_wait_or_have_ended_are_left_alone(api: Any, begun: Any, dead_pid: int) -> None:
    states = {state: begun(state, dead_pid) for state in ("SCHEDULED", "COMPLETED", "FAILED")}
    assert asyncio.run(recover(api.url)) == ()
    assert [api.state(run) for run in states.values()] == ["Scheduled", "Completed", "Failed"]
