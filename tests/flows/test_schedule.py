"""Acceptance: the bank's own prefect.yaml and flows, a book approved by two, a snapshot taken in; nobody calls
anything, and when the time of the schedule has come cases are opened, and dispatched by the stage that this wakes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.bench.weeks import founded
from deployments.demo import BEGIN, take_in
from deployments.serve import status
from door.db import Db
from tasks.house import House
from tests.deployments.conftest import Api

ROOT = Path(__file__).parents[2]
HOUSE = ("models", "processes", "door", "tasks", "flows", "deployments", "policies")
PROGRAM = """
import sys
from pathlib import Path
from deployments.serve import up
home, port, file = sys.argv[1:]
up(Path(home), int(port), Path(file), ui=False)
"""


def scheduled_soon(folder: Path) -> Path:
    """The bank's prefect.yaml beside the bank's code, one schedule changed and nothing else."""
    folder.mkdir()
    for name in HOUSE:
        (folder / name).symlink_to(ROOT / name)
    said = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    [inspection] = [each for each in said["deployments"] if each["name"] == "scheduled_inspection"]
    [schedule] = inspection["schedules"]
    del schedule["cron"]
    schedule["rrule"] = "FREQ=SECONDLY;INTERVAL=20"
    file = folder / "prefect.yaml"
    file.write_text(yaml.safe_dump(said))
    return file


@pytest.mark.slow
def test_a_schedule_starts_a_run_that_opens_the_cases_that_are_due(
    db: Db, url: str, tmp_path: Path, migrated: Path, port: int, eventually: Callable[..., Any]
) -> None:
    here = House(url, tmp_path / "bank", today=lambda: BEGIN)  # a business day, whenever this is tried
    take_in(db, here, founded(db, here), BEGIN)
    assert db.rows("SELECT 1 FROM cases WHERE process = 'inspection'") == []
    home = tmp_path / "prefect"
    home.mkdir()
    shutil.copy(migrated, home / "prefect.db")
    file = scheduled_soon(tmp_path / "bank-as-deployed")
    env = {**os.environ, "POSTLOAN_DATABASE_URL": url, "POSTLOAN_HOME": str(here.home),
           "POSTLOAN_TODAY": BEGIN.isoformat()}  # fmt: skip
    with (home / "said").open("wb") as said:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(home), str(port), str(file)], cwd=ROOT, env=env,
                                   stdout=said, stderr=said, start_new_session=True)  # fmt: skip
    api = Api(f"http://127.0.0.1:{port}/api")
    try:
        eventually(lambda: "worker" in getattr(status(home), "parts", {}))
        run = eventually(lambda: api.runs("scheduled_inspection", "Completed"))[0]
        woken = eventually(lambda: [r for r in api.runs("outsourced_collection", "Completed") if "wake" in r["tags"]])
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 0
    assert run["auto_scheduled"]
    assert run["created_by"]["type"] == "SCHEDULE"
    assert set(run["tags"]) >= {"postloan", "stage"}
    assert not woken[0]["auto_scheduled"]
    assert db.rows("SELECT 1 FROM cases WHERE process = 'inspection' AND step = 'visit'")
    [(ours, step)] = db.rows("SELECT c.id, c.step FROM attempt a JOIN cases c ON c.id = a.run WHERE a.flow_run = ?",
                             run["id"])  # fmt: skip
    opened = db.rows("SELECT count(*) FROM entry WHERE run = ? AND action = 'open'", ours)[0][0]
    assert step == "finished"
    assert opened == db.rows("SELECT count(*) FROM cases WHERE process = 'inspection'")[0][0] > 10
