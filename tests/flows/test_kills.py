"""A flow's process is killed in the middle of its batch, again and again: nothing is lost, doubled or half-moved; the
next run takes up what was left and completes it, as if nothing had been."""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployments.bench.weeks import begun, founded
from deployments.demo import BEGIN, Days, people_act, take_in
from door.audit import audit
from door.db import Db, connect
from processes import PROCESSES
from tasks.due import open_due
from tasks.house import House
from tasks.replay import all_cases, replay
from tasks.run import finish
from tasks.work import work
from tests.conftest import pg_url
from tests.deployments.conftest import Api
from tests.flows.bureau import Bureau

LOANS, ROUNDS = 2000, 20
BATCHES = {"opening": "scheduled_inspection", "screen": "outsourced_collection", "prepare": "manager_review"}
_WROTE = "SELECT count(*) FROM entry WHERE run IN (SELECT id FROM cases WHERE process = 'run' AND closed_on IS NULL)"


@dataclass
class Shelf:
    """Databases that stand before a batch, kept to be copied for each round."""

    home: Path
    server: str = ""

    def keep(self, url: str, name: str) -> None:
        if self.server:
            self._admin(f"CREATE DATABASE {name} TEMPLATE {_name(url)}")
            return
        with connect(url) as db:
            db.run("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self.home / _name(url), self.home / name)

    def take(self, name: str) -> str:
        """A fresh copy of it; the one before is gone."""
        if self.server:
            self._admin("DROP DATABASE IF EXISTS round WITH (FORCE)", f"CREATE DATABASE round TEMPLATE {name}")
            return pg_url(self.server, "round")
        for left in self.home.glob("round*"):
            left.unlink()
        shutil.copy(self.home / name, self.home / "round")
        return f"sqlite:///{self.home / 'round'}"

    def _admin(self, *sql: str) -> None:
        with connect(self.server) as admin:
            for each in sql:
                admin.run(each)


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def shelf(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Shelf:
    """A bank of two thousand loans before its first openings, before what was collected is screened, and before what
    was screened is prepared."""
    shelf = Shelf(tmp_path, "" if url.startswith("sqlite") else request.getfixturevalue("pg_server"))
    days = Days(7)
    here = House(url, tmp_path, days.now, days.salts, days.secret, today=lambda: BEGIN)
    with here.db() as db:
        take_in(db, here, founded(db, here, loans=LOANS), BEGIN)
    for batch, stage in BATCHES.items():
        shelf.keep(url, batch)
        with here.db() as db:
            run = begun(db, here, stage, BEGIN)
            if batch == "opening":
                finish(run, open_due(run).elsewhere)
                run = begun(db, here, "outsourced_collection", BEGIN)
                work(run, "dispatch")
                finish(run)
                people_act(db, here, 7, BEGIN)
            else:
                work(run, batch)
                finish(run)
    return shelf


def standing(db: Db) -> tuple[list[Any], ...]:
    """Where every case stands and what led it there, every item, every due row."""
    return (
        db.rows("SELECT id, process, subject, slot, step, seq FROM cases ORDER BY id"),
        db.rows("SELECT stream, seq, action, person, role, step, due_on, run, payload FROM entry "
                "WHERE stream LIKE 'case:%' ORDER BY stream, seq"),
        db.rows("SELECT * FROM item ORDER BY case_id"),
        db.rows("SELECT * FROM due ORDER BY facility, kind, due_on"),
        db.rows("SELECT case_id, seq, kind, person FROM notice ORDER BY case_id, seq, kind"),
    )  # fmt: skip


@pytest.mark.slow
def test_twenty_kills_in_the_middle_of_a_batch_lose_and_double_nothing(
    shelf: Shelf, bureau: Bureau, api: Api, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    dice = random.Random(20260105)  # noqa: S311 - repeatable on purpose
    whole: dict[str, tuple[int, tuple[list[Any], ...]]] = {}
    for batch, stage in BATCHES.items():  # undisturbed
        url = shelf.take(batch)
        bureau.run(stage, url, shelf.home, BEGIN.isoformat())
        with connect(url) as db:
            run = db.rows("SELECT max(id) FROM cases WHERE process = 'run'")[0][0]
            whole[batch] = db.rows("SELECT count(*) FROM entry WHERE run = ?", run)[0][0], standing(db)
    assert min(total for total, _ in whole.values()) > 400, "a batch must be of several chunks"
    between: Counter[str] = Counter()
    cut: list[str] = []
    for n in range(ROUNDS):
        batch = list(BATCHES)[n % len(BATCHES)]
        (total, expected), stage, url = whole[batch], BATCHES[batch], shelf.take(batch)
        killed = Bureau(api.url, tmp_path)
        with connect(url) as db:
            killed.ask(stage, url, shelf.home, BEGIN.isoformat())
            after = dice.randrange(1, total - 200)
            while db.rows(_WROTE)[0][0] < after:
                assert killed.process.is_alive()
            killed.kill()
            wrote = eventually(lambda db=db: _at_rest(db))
            between[batch] += 0 < wrote < total
            cut.append(f"{batch} {wrote}/{total}")
            bureau.run(stage, url, shelf.home, BEGIN.isoformat())
            _as_if_nothing_had_been(db, shelf, stage, expected, api)
    print(f"\n{db.dialect}: killed after so many of so many entries: {', '.join(cut)}; {between.total()} of {ROUNDS} "
          "between the first and the last commit")  # fmt: skip
    assert between.total() >= 15


def _at_rest(db: Db) -> int:
    """What the open run wrote, once the server has seen that its client is dead; 0 until then."""
    if db.dialect == "postgresql" and db.rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
                                              "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"):  # fmt: skip
        return 0
    return int(db.rows(_WROTE)[0][0])


def _as_if_nothing_had_been(db: Db, shelf: Shelf, stage: str, expected: tuple[list[Any], ...], api: Api) -> None:
    assert standing(db) == expected
    [(run, step)] = db.rows("SELECT id, step FROM cases WHERE process = 'run' AND subject LIKE ? ORDER BY id DESC LIMIT 1",
                            f"{stage}/%")  # fmt: skip
    attempts = [row[0] for row in db.rows("SELECT flow_run FROM attempt WHERE run = ? ORDER BY at", run)]
    assert (step, len(attempts)) == ("finished", 2), "the run that was cut off is the one that was completed"
    assert [api.state(flow_run) for flow_run in attempts] == ["Running", "Completed"]
    assert audit(db, PROCESSES, None).faults == []
    done = replay(db, shelf.home / "snapshots", all_cases(db))
    assert done.divergences == []
    assert done.recomputed == db.rows("SELECT count(*) FROM entry WHERE run IS NOT NULL")[0][0]
