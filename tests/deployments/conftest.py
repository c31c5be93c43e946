"""A real Prefect server for the session, and small projects with a prefect.yaml of their own.

The server's database is migrated once for a machine and copied for each home: 2 seconds instead of 8.
"""

import getpass
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import prefect
import pytest
import yaml

from deployments import ports
from deployments.serve import server

FLOWS = '''
import asyncio
from datetime import date
from pathlib import Path

from prefect import flow


@flow(name="tiny")
async def tiny(as_of: date | None = None, limit: int = 0) -> None:
    """Does nothing."""


@flow(name="waiting")
async def waiting(folder: str) -> None:
    """Says that it began, ends when it may."""
    Path(folder, "began").touch()
    while not Path(folder, "may end").exists():
        await asyncio.sleep(0.05)


@flow(name="outer")
async def outer(folder: str) -> None:
    await waiting(folder)
'''


@dataclass(frozen=True)
class Project:
    """A folder with flows/some.py and a prefect.yaml."""

    root: Path

    def write(self, *deployments: dict[str, Any]) -> Path:
        file = self.root / "prefect.yaml"
        file.write_text(yaml.safe_dump({"deployments": list(deployments)}))
        return file

    @staticmethod
    def deployment(name: str = "tiny", flow: str = "tiny", **changes: Any) -> dict[str, Any]:
        return {
            "name": name,
            "entrypoint": f"flows/some.py:{flow}",
            "tags": ["postloan", "stage"],
            "parameters": {},
            "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE"},
            "work_pool": {"name": "local"},
            "schedules": [{"slug": "morning", "cron": "30 6 * * 1-5", "timezone": "Asia/Seoul"}],
            **changes,
        }


@dataclass(frozen=True)
class Api:
    """Prefect's API as an outsider sees it."""

    url: str

    def post(self, path: str, **body: Any) -> Any:
        return self._ask("POST", path, json=body).json()

    def patch(self, path: str, **body: Any) -> None:
        self._ask("PATCH", path, json=body)

    def get(self, path: str) -> Any:
        return self._ask("GET", path).json()

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        for _ in range(50):
            answer = httpx.request(method, self.url + path, timeout=60, **more)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # its SQLite is locked just now
                break
            time.sleep(0.1)
        return answer.raise_for_status()

    def deployments(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.post("/deployments/filter")}

    def runs(self, deployment: str = "", *states: str) -> list[dict[str, Any]]:
        """Of one deployment or of all, in these states or in any, the oldest first."""
        filters: dict[str, Any] = {"flow_runs": {"state": {"name": {"any_": list(states)}}}} if states else {}
        if deployment:
            filters["deployments"] = {"name": {"any_": [deployment]}}
        return self.post("/flow_runs/filter", sort="EXPECTED_START_TIME_ASC", limit=200, **filters)

    def call(self, deployment: str, **parameters: Any) -> str:
        id_ = self.deployments()[deployment]["id"]
        return self.post(f"/deployments/{id_}/create_flow_run", parameters=parameters)["id"]

    def state(self, run: str) -> str:
        return self.get(f"/flow_runs/{run}")["state_name"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    (root / "flows").mkdir(parents=True)
    (root / "flows" / "some.py").write_text(FLOWS)
    return Project(root)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Ask until the answer is true and return it; fail after `seconds`, which a busy machine may well need."""

    def ask(question: Callable[[], Any], seconds: float = 180) -> Any:
        until = time.monotonic() + seconds
        while not (answer := question()):
            assert time.monotonic() < until, f"not within {seconds} s"
            time.sleep(0.1)
        return answer

    return ask


@pytest.fixture
def port() -> int:
    return ports.free()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a Prefect server that has been up once."""
    kept = Path(tempfile.gettempdir(), f"postloan-tests-{getpass.getuser()}", f"prefect-{prefect.__version__}.db")
    if not kept.exists():
        home = tmp_path_factory.mktemp("first")
        with server(home):
            pass
        with sqlite3.connect(home / "prefect.db") as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        kept.parent.mkdir(exist_ok=True)
        (home / "prefect.db").replace(kept)
    return kept


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Api]:
    """The server of the session. Its deployments are those of the last test that deployed."""
    folder = tmp_path_factory.mktemp("prefect")
    shutil.copy(migrated, folder / "prefect.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS", "1")
        with server(folder) as url:
            yield Api(url)


@pytest.fixture(scope="session")
def api_at() -> type[Api]:
    return Api
