"""What Prefect says of our stages, and the start of one: a few requests with a short patience, or nothing."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import Any

import httpx

OURS = "postloan"  # the tag of our deployments and runs
BY = "by:"  # begins the tag that names who asked for a run
PATIENCE_S = 2.0  # of a page
ASKED_S = 10.0  # of somebody who asks for a run
BUSY_S = (0.1, 0.3, 0.6)  # pauses after which a server that is busy for the moment is asked again
BACK = 200  # runs that are looked back on, the most that the server answers at once
UNDER_WAY = ("RUNNING", "PENDING", "CANCELLING")


class NoAnswer(Exception):
    """Prefect does not answer, or not as it should."""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A run as Prefect has it; instants as UTC text, empty where there is none. `state` is the type (COMPLETED), `name`
    the state's name (AwaitingRetry, Late); `seconds`: how long it took, or takes so far; `by`: the person who asked for
    it (empty: it came by itself)."""

    id: str
    state: str
    name: str
    says: str
    expected: str
    started: str
    ended: str
    seconds: float
    by: str

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY


@dataclass(frozen=True)
class Read:
    """By flow: the last run that began, the next one, and the deployment by which it is started."""

    last: Mapping[str, FlowRun] = field(default_factory=dict)
    next: Mapping[str, FlowRun] = field(default_factory=dict)
    deployments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prefect:
    """Prefect's API at an address, `…/api` included."""

    api: str

    def page(self, flow_run: str) -> str:
        """The address of a run in Prefect's own pages."""
        return f"{self.api.removesuffix('/api')}/runs/flow-run/{flow_run}"

    def read(self, flows: Sequence[str]) -> Read:
        """Raises NoAnswer."""
        named = {"name": {"any_": list(flows)}}
        with self._client() as client:
            names = {each["id"]: each["name"] for each in _ask(client, "/flows/filter", {"flows": named})}
            began = {"state": {"type": {"not_any_": ["SCHEDULED"]}}}
            waiting = {"state": {"type": {"any_": ["SCHEDULED"]}}}
            last, next_ = (
                _ask(client, "/flow_runs/filter", {"flows": named, "flow_runs": which, "sort": sort, "limit": BACK})
                for which, sort in ((began, "START_TIME_DESC"), (waiting, "EXPECTED_START_TIME_ASC"))
            )
            ours = _ask(client, "/deployments/filter", {"flows": named, "deployments": {"tags": {"all_": [OURS]}}})
        return Read(_first(names, last), _first(names, next_), {names.get(d["flow_id"], ""): d["id"] for d in ours})

    def states(self, flow_runs: Sequence[str]) -> dict[str, str]:
        """The state's name of each. Raises NoAnswer."""
        with self._client() as client:
            found = _ask(client, "/flow_runs/filter", {"flow_runs": {"id": {"any_": list(flow_runs)}}})
        return {run["id"]: run["state_name"] or "" for run in found}

    def start(self, deployment: str, parameters: Mapping[str, Any], tags: Sequence[str], key: str) -> str:
        """Asks for a run; the same key gives the same run again. Its id. Raises NoAnswer."""
        body = {"parameters": dict(parameters), "tags": [OURS, *tags], "idempotency_key": key}
        with self._client(ASKED_S) as client:
            return str(_ask(client, f"/deployments/{deployment}/create_flow_run", body)["id"])

    def _client(self, patience: float = PATIENCE_S) -> httpx.Client:
        user, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
        return httpx.Client(base_url=self.api, auth=(user, password) if user else None, trust_env=False,
                            timeout=patience)  # fmt: skip


def because(message: str) -> str:
    """What went wrong, without that it was a flow run which met it."""
    return message.removeprefix("Flow run encountered an exception: ")


def _ask(client: httpx.Client, path: str, body: Mapping[str, Any]) -> Any:
    """Whatever we ask may be asked again: a run is asked for with a key."""
    try:
        answer = client.post(path, json=body)
        for pause in BUSY_S:
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            sleep(pause)
            answer = client.post(path, json=body)
        return answer.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:
        raise NoAnswer(str(e)) from None


def _first(names: Mapping[str, str], runs: Sequence[Mapping[str, Any]]) -> dict[str, FlowRun]:
    found: dict[str, FlowRun] = {}
    for run in runs:
        state = run.get("state") or {}
        found.setdefault(names.get(run["flow_id"], ""), FlowRun(
            run["id"], run["state_type"] or "", run["state_name"] or "", because(state.get("message") or ""),
            run["expected_start_time"] or "", run["start_time"] or "", run["end_time"] or "",
            float(run["total_run_time"] or 0) or float(run["estimated_run_time"] or 0),
            next((tag.removeprefix(BY) for tag in run.get("tags") or () if tag.startswith(BY)), "")))  # fmt: skip
    return found
