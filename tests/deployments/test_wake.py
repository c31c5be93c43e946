"""Acts wake a stage: one run waits however many acts there were, and no act ever fails or hangs for it."""

import asyncio
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from deployments.deploy import deploy
from flows.wake import wake

BOUND_S = 10  # far above the second that it may take


def wake_now(stage: str, url: str, times: int = 1) -> None:
    async def all_at_once() -> None:
        async with asyncio.timeout(BOUND_S):
            await asyncio.gather(*(wake(stage, url) for _ in range(times)))

    asyncio.run(all_at_once())


@pytest.fixture
def stage(api: Any, project: Any) -> str:
    """A deployed stage without a schedule, so that every run of it is a wake-up; no worker takes them."""
    name = f"stage-{uuid4()}"
    asyncio.run(deploy(project.write(project.deployment(name, schedules=[])), api.url))
    return name


def test_many_acts_make_one_run_that_is_due_now(api: Any, stage: str) -> None:
    wake_now(stage, api.url, times=8)
    wake_now(stage, api.url)
    [run] = api.runs(stage)
    assert run["state_type"] == "SCHEDULED"
    assert {"wake", "postloan"} <= set(run["tags"])
    assert run["estimated_start_time_delta"] >= 0


def test_while_a_wake_up_runs_the_next_act_makes_another_and_the_one_after_none(api: Any, stage: str) -> None:
    """What the run has already read does not contain the new act's cases."""
    wake_now(stage, api.url)
    [first] = api.runs(stage)
    for state in ("PENDING", "RUNNING"):
        api.post(f"/flow_runs/{first['id']}/set_state", state={"type": state}, force=True)
        wake_now(stage, api.url, times=3)
        assert len(api.runs(stage)) == (1 if state == "PENDING" else 2)


def test_a_stage_is_woken_again_after_its_last_wake_up_ended(api: Any, stage: str) -> None:
    """An idempotency key that repeats would bring the ended run back, and no new one, for ever."""
    for rounds in range(1, 4):
        wake_now(stage, api.url, times=4)
        runs = api.runs(stage)
        assert len(runs) == rounds
        api.post(f"/flow_runs/{runs[-1]['id']}/set_state", state={"type": "COMPLETED"}, force=True)


def test_a_scheduled_run_is_no_wake_up(api: Any, stage: str) -> None:
    """The next scheduled run may be tomorrow's."""
    api.call(stage)
    wake_now(stage, api.url)
    assert len(api.runs(stage)) == 2


def test_an_act_succeeds_though_prefect_is_down(caplog: pytest.LogCaptureFixture, port: int) -> None:
    wake_now("escalation", f"http://127.0.0.1:{port}/api")
    assert "escalation is not woken" in caplog.text
    assert "Traceback" not in caplog.text


def test_an_act_does_not_wait_for_a_prefect_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wake_now("escalation", f"http://127.0.0.1:{silent.getsockname()[1]}/api")
    assert "escalation is not woken (TimeoutError())" in caplog.text


def test_without_prefect_or_without_such_a_deployment_nothing_happens(
    api: Any, stage: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    wake_now(stage, "")
    wake_now("no such stage", api.url)
    assert api.runs(stage) == []
    assert "no such stage is not woken: no such deployment" in caplog.text


def test_the_address_comes_from_the_environment(api: Any, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", api.url)
    wake_now(stage, "")
    assert len(api.runs(stage)) == 1


def test_every_stage_of_the_bank_can_be_woken_by_its_name() -> None:
    """`wake` finds a deployment by its name alone, so each is named like the file of its stage."""
    for each in yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())["deployments"]:
        assert each["entrypoint"] == f"flows/{each['name']}.py:{each['name']}"
        assert "postloan" in each["tags"]
