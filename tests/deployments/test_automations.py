"""Prefect tells the portal what fails, is lost, begins late or does not end; set up twice it is set up once."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deployments import automations
from deployments.automations import Hook
from deployments.deploy import deploy

pytestmark = pytest.mark.slow
SECRET = "0" * 64
NAMES = ["postloan-crashed", "postloan-failed", "postloan-late", "postloan-stuck", "postloan-zombie"]


class Portal:
    """Takes alerts, and keeps what it was told and by whom."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str]]] = []
        taken = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                taken.append((self.headers["authorization"], json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.hook = Hook(f"http://127.0.0.1:{self.server.server_port}/hooks/prefect", SECRET)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def of(self, run: str) -> list[dict[str, str]]:
        return [said for _, said in self.told if said["flow_run"] == run]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.close()


@pytest.fixture
def deployed(api: Any, project: Any, portal: Portal) -> Path:
    file = project.write(project.deployment("watched", schedules=[]))
    asyncio.run(deploy(file, api.url, portal.hook))
    return file


def kept(api: Any) -> dict[str, dict[str, Any]]:
    return {a["name"]: a for a in api.post("/automations/filter", limit=200) if a["name"].startswith("postloan-")}


def goes(api: Any, run: str, type_: str, name: str, message: str = "", **more: Any) -> None:
    api.post(f"/flow_runs/{run}/set_state", force=True, state={"type": type_, "name": name, "message": message, **more})


def beats(api: Any, run: str) -> None:
    """One sign of life, as the run's process sends them."""
    event = {"id": str(uuid4()), "occurred": str(datetime.now(UTC)), "event": automations.BEAT,
             "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
             "related": [{"prefect.resource.id": "prefect.tag.postloan", "prefect.resource.role": "tag"}]}  # fmt: skip
    httpx.post(f"{api.url}/events", json=[event], timeout=30).raise_for_status()


def test_setting_up_twice_is_setting_up_once(api: Any, deployed: Path, portal: Portal) -> None:
    before = kept(api)
    assert sorted(before) == NAMES
    asyncio.run(deploy(deployed, api.url, portal.hook))
    assert kept(api) == before, "not even touched"


def test_what_an_operator_switched_off_stays_off_and_what_left_goes(api: Any, deployed: Path, portal: Portal) -> None:
    late = kept(api)["postloan-late"]
    api.patch(f"/automations/{late['id']}", enabled=False)
    old = {key: late[key] for key in ("trigger", "actions")}
    api.post("/automations/", name="postloan-of-an-earlier-version", **old)
    asyncio.run(deploy(deployed, api.url, Hook(portal.hook.address + "?moved", SECRET)))
    assert sorted(kept(api)) == NAMES
    assert not kept(api)["postloan-late"]["enabled"]
    api.patch(f"/automations/{late['id']}", enabled=True)


def test_a_run_that_fails_or_is_lost_or_late_is_told_with_the_secret(
    api: Any, deployed: Path, portal: Portal, eventually: Any
) -> None:
    failed, lost, late = (api.call("watched") for _ in range(3))
    goes(api, failed, "FAILED", "Failed", 'snapshot "of the bureau" not read')
    goes(api, lost, "CRASHED", "Crashed", "its process is gone")
    goes(api, late, "SCHEDULED", "Late", state_details={"scheduled_time": str(datetime.now(UTC) - timedelta(hours=1))})
    for run, what, says in ((failed, "failed", 'snapshot "of the bureau" not read'),
                            (lost, "crashed", "its process is gone"), (late, "late", "")):  # fmt: skip
        told = eventually(lambda run=run: portal.of(run))
        assert told == [{"what": what, "flow_run": run, "flow": "tiny", "says": says}]
    assert {who for who, _ in portal.told} == {f"Bearer {SECRET}"}


def test_a_run_that_does_not_end_is_told_and_one_that_says_nothing_is_lost(
    api: Any, project: Any, portal: Portal, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automations, "STUCK", timedelta(seconds=12))
    monkeypatch.setattr(automations, "SILENT", timedelta(seconds=12))
    asyncio.run(deploy(project.write(project.deployment("watched", schedules=[])), api.url, portal.hook))
    stuck, silent = api.call("watched"), api.call("watched")
    goes(api, stuck, "RUNNING", "Running")
    goes(api, silent, "RUNNING", "Running")
    beats(api, silent)
    assert eventually(lambda: portal.of(stuck))[0]["what"] == "stuck"
    eventually(lambda: {said["what"] for said in portal.of(silent)} == {"stuck", "crashed"})
    assert api.state(silent) == "Crashed"
    assert api.state(stuck) == "Running"


def test_a_run_of_somebody_else_is_no_business_of_ours(
    api: Any, deployed: Path, portal: Portal, eventually: Any
) -> None:
    flow = api.deployments()["watched"]["flow_id"]
    theirs = api.post("/flow_runs/", flow_id=flow, state={"type": "PENDING"})["id"]
    ours = api.call("watched")
    goes(api, theirs, "FAILED", "Failed")
    goes(api, ours, "FAILED", "Failed")
    eventually(lambda: portal.of(ours))
    assert portal.of(theirs) == []
