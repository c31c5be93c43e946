"""How long the portal takes among very many cases: its pages, a decision by one person alone, and decisions of many people
at once while a scheduled inspection opens cases in a process of its own.

The portal is served as ever, by one process (`postloan portal`). A request is timed at the other end of its connection on
the same machine, to the last byte of the answer: the server's time and a little more. The crowd's people decide one item
after the other without a pause, which is harder than people are.
"""

import multiprocessing as mp
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from http.client import HTTPException
from pathlib import Path
from socket import create_connection
from statistics import quantiles
from time import monotonic, sleep
from typing import TYPE_CHECKING

from deployments import ports
from deployments.bench.crowd import PAUSE_S
from deployments.bench.many import many
from deployments.bench.office import Decision, Office
from deployments.bench.size import Size
from door.db import Db
from tasks.due import open_due
from tasks.house import House
from tasks.run import finish, start

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

ROOT = Path(__file__).parents[2]
READY_S, RUN_S = 60, 300


def portal(db: Db, size: Size) -> dict[str, float]:
    """Percentiles in milliseconds, and how many of the crowd's decisions failed."""
    with ExitStack() as stack:
        here = House(db.url, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postloan-bench"))))
        people = many(db, here, size)
        here = replace(here, today=lambda: people.day)
        office = Office(db, here, people, stack.enter_context(_served(here, people.day)))
        stack.callback(office.close)
        found = {
            "cases": float(db.rows("SELECT count(*) FROM cases")[0][0]),
            "inbox_p95_ms": _p(95, office.inboxes(size.requests)),
            "case_p95_ms": _p(95, office.cases(size.requests)),
            "decision_p95_ms": _p(95, office.alone(size.requests)),
        }
        waits = crowd(office, size)
        right = [wait for wait in waits if wait is not None]
        return found | {"crowd_decision_p95_ms": _p(95, right), "crowd_decision_p99_ms": _p(99, right),
                        "crowd_failed": len(waits) - len(right), "crowd_decisions": len(waits)}  # fmt: skip


def _p(percent: int, seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=100)[percent - 1] * 1000


@contextmanager
def _served(here: House, day: date) -> Iterator[int]:
    """The portal in a process of its own, on a free port."""
    port = ports.free()
    env = {**os.environ, "POSTLOAN_DATABASE_URL": here.url, "POSTLOAN_HOME": str(here.home), "PYTHONPATH": str(ROOT),
           "POSTLOAN_TODAY": day.isoformat()}  # fmt: skip
    argv = [sys.executable, "-m", "deployments.cli", "portal", "--port", str(port)]
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL) as server:  # noqa: S603 - our own
        try:
            _ready(server, port)
            yield port
        finally:
            server.terminate()


def _ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    until = monotonic() + READY_S
    while server.poll() is None and monotonic() < until:
        with suppress(OSError), create_connection(("127.0.0.1", port)):
            return
        sleep(0.05)
    raise RuntimeError("the portal did not come up")


def crowd(office: Office, size: Size) -> list[float | None]:
    """The seconds that each decision took of so many people, each with his own, from the first cases of the run to its end;
    None: it failed."""
    shares = office.shares(size.people)
    for its in shares:
        office.at(its[0].person).get("/inbox")  # signed in, and the server has seen him
    context = mp.get_context("forkserver")
    writes, over = context.Event(), context.Event()
    run = context.Process(
        target=_run, daemon=True, args=(office.here.url, office.here.home, office.people.day, writes, over)
    )
    run.start()
    try:
        if not writes.wait(READY_S):
            raise RuntimeError("the run did not begin to write")
        with ThreadPoolExecutor(size.people) as pool:
            waits = list(pool.map(lambda its: list(_decide(office, its, over)), shares))
    finally:
        run.join(RUN_S)
    if run.exitcode:
        raise RuntimeError("the run did not come to its end")
    return [wait for its in waits for wait in its]


def _decide(office: Office, decisions: Sequence[Decision], over: "Event") -> Iterator[float | None]:
    for decision in decisions:
        try:
            yield office.decided(decision)
        except (OSError, HTTPException, AssertionError):
            yield None
        if over.is_set():
            return


def _run(url: str, home: Path, day: date, writes: "Event", over: "Event") -> None:
    """The scheduled inspection of the week after, without Prefect; it pauses between chunks as the flow does."""
    here = House(url, home, today=lambda: day + timedelta(weeks=1))

    def give_way() -> None:
        writes.set()
        sleep(PAUSE_S)

    try:
        with here.db() as db:
            run = start(db, here, "scheduled_inspection", here.business_date(), "", lambda: True, give_way)
            if run is None:
                raise AssertionError("there was no run to do")
            finish(run, open_due(run).elsewhere)
    finally:
        writes.set()  # also where there was less to write than a chunk
        over.set()
