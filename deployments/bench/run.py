"""Scheduled inspection over a large bank, each time in a process of its own: under Prefect, and called plainly."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deployments.bench.bank import bank
from deployments.bench.place import empty
from deployments.bench.size import Size
from deployments.bench.stopwatch import seconds
from door.db import Db
from tasks.house import House
from tasks.replay import replay_run

DUE = 15  # one in so many facilities stands for a borrower with something due


def run(db: Db, size: Size) -> dict[str, float]:
    """Seconds and memory at the size that the bank has, and at the points of the cost curve; `prefect_s` is what
    Prefect adds; `replay_per_s` are the run's entries decided again on its recorded inputs."""
    from deployments.commands.run import quiet

    with tempfile.TemporaryDirectory(prefix="postloan-bench") as folder:
        quiet(Path(folder) / "prefect")
        from deployments.serve import server

        with server(Path(folder) / "prefect") as api:
            under = _once(db.url, size.facilities, api)
            plain = _once(db.url, size.facilities)
            found = {"run_s": under["seconds"], "run_rss_mb": under["rss_mb"], "run_cases": under["cases"],
                     "prefect_s": under["seconds"] - plain["seconds"], "replay_per_s": plain["replay_per_s"]}  # fmt: skip
            for n in size.curve:
                point = _once(db.url, n, api)
                found |= {f"run_s_{n}": point["seconds"], f"run_rss_mb_{n}": point["rss_mb"]}
    return found


def _once(url: str, facilities: int, api: str = "") -> dict[str, float]:
    """One run in a bank made for it; under Prefect where its API's address is given."""
    with tempfile.TemporaryDirectory(prefix="postloan-bench") as folder, empty(url, f"run{facilities}") as fresh:
        here = House(fresh, Path(folder))
        with here.db() as db:
            bank(db, here, facilities, facilities // DUE)
        argv = [sys.executable, "-m", "deployments.bench.alone", fresh, folder, *([] if api else ["plain"])]
        env = {**os.environ, "PREFECT_API_URL": api, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        if not api:
            with here.db() as db:
                ((id_,),) = db.rows("SELECT id FROM cases WHERE process = 'run'")
                n = db.rows("SELECT count(*) FROM entry WHERE run = ?", id_)[0][0]
                found["replay_per_s"] = n / seconds(lambda: replay_run(db, here.snapshots, id_))
        return found
