"""A real Prefect server and a process that runs flows on record there, one of each for the session."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from deployments.bench.weeks import founded
from deployments.demo import BEGIN, Days, people_act, take_in
from deployments.portfolio import Portfolio
from door.db import Db
from tasks.house import House
from tests.deployments.conftest import Api, api, eventually, migrated, port
from tests.flows.bureau import Bureau

__all__ = ["api", "eventually", "migrated", "port"]  # fixtures of the tests of deployments


Artifacts = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def bureau(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    made = Bureau(api.url, tmp_path_factory.mktemp("bureau"))
    yield made
    made.close()


@dataclass
class Branch:
    """A small bank, and its flows run by the bureau."""

    db: Db
    here: House
    bank: Portfolio
    days: Days
    bureau: Bureau

    def on(self, day: date) -> "Branch":
        """That day's extract is taken in."""
        self.days.day = day
        take_in(self.db, self.here, self.bank, day)
        return self

    def run(self, flow: str, **parameters: Any) -> Any:
        return self.bureau.run(flow, self.here.url, self.here.home, self.days.day.isoformat(), **parameters)

    def ask(self, flow: str, **parameters: Any) -> None:
        self.bureau.ask(flow, self.here.url, self.here.home, self.days.day.isoformat(), **parameters)

    def people(self) -> None:
        """Everybody does his work of the day."""
        people_act(self.db, self.here, 7, self.days.day)

    def attempts(self) -> list[tuple[str, str, str]]:
        """Prefect's run, the subject and the step of our run, in their order."""
        return [(flow_run, subject, step) for flow_run, subject, step in self.db.rows(
            "SELECT a.flow_run, c.subject, c.step FROM attempt a JOIN cases c ON c.id = a.run ORDER BY a.at")]  # fmt: skip


@pytest.fixture
def branch(db: Db, url: str, tmp_path: Path, bureau: Bureau) -> Branch:
    """On its first day, with the first extract taken in and nothing opened yet."""
    days = Days(7)
    here = House(url, tmp_path, salts=days.salts, today=lambda: days.day)
    return Branch(db, here, founded(db, here), days, bureau).on(BEGIN)


@pytest.fixture
def artifacts(api: Api) -> Artifacts:
    """What a run of Prefect's left for operations; a failure's own record has no key."""

    def of(flow_run: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [flow_run]}})
        return [artifact for artifact in found if artifact["key"]]

    return of
