"""Waking a stage: an act that leaves cases at a service step asks Prefect to run that stage soon.

Called after the commit. The stage's schedule is the safety net, so nothing here may fail the act, or hold it up for
more than a second; and many acts make one run, since a run takes every case that waits.
"""

import asyncio
import logging
import os
from typing import Any

import httpx

OURS, WAKE = "postloan", "wake"  # tags: of our deployments, of the runs made here
PENDING = {"SCHEDULED", "PENDING"}
PATIENCE_S = 1.0

log = logging.getLogger(__name__)


async def wake(stage: str, api: str | None = None) -> None:
    """Run the deployment named `stage` as soon as a worker is free, unless a wake-up of it is already waiting.

    `api` is the address of Prefect's API, else PREFECT_API_URL. Without one, with Prefect down, or with no such
    deployment, this does nothing but say so in the log.
    """
    api = api or os.environ.get("PREFECT_API_URL", "")
    if not api:
        log.info("%s is not woken: no PREFECT_API_URL is set; its schedule will run it.", stage)
        return
    try:
        async with asyncio.timeout(PATIENCE_S), _client(api) as client:
            await _wake(client, stage)
    except (TimeoutError, httpx.HTTPError) as error:
        log.warning("%s is not woken (%r); its schedule will run it.", stage, error)


async def _wake(client: httpx.AsyncClient, stage: str) -> None:
    named = {"name": {"any_": [stage]}, "tags": {"all_": [OURS]}}
    deployments = await _post(client, "/deployments/filter", {"deployments": named})
    if not deployments:
        log.warning("%s is not woken: no such deployment; `postloan deploy` makes it.", stage)
        return
    deployment = deployments[0]["id"]
    woken = {"deployment_id": {"any_": [deployment]}, "tags": {"all_": [WAKE]}}
    runs = await _post(
        client, "/flow_runs/filter", {"flow_runs": woken, "sort": "EXPECTED_START_TIME_DESC", "limit": 1}
    )
    if runs and runs[0]["state_type"] in PENDING:
        return
    # two who see the same last wake-up use the same key, and Prefect makes one run for it
    key = f"{WAKE}-{deployment}-{runs[0]['id'] if runs else 'first'}"
    await _post(client, f"/deployments/{deployment}/create_flow_run", {"tags": [WAKE], "idempotency_key": key})


def _client(api: str) -> httpx.AsyncClient:
    user, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    secure = api.startswith("https:")  # certificates take longer to load than loopback to answer
    return httpx.AsyncClient(base_url=api, auth=(user, password) if user else None, trust_env=False, verify=secure)


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> Any:
    while (answer := await client.post(path, json=body)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        await asyncio.sleep(0.1)  # its SQLite is locked just now
    answer.raise_for_status()
    return answer.json()
