"""People decide while a run writes a long list: how long does a person's act take?

Each person is a process with a connection of his own, who decides his cases one after the other without a pause:
harder than people are.
"""

import multiprocessing as mp
from statistics import quantiles
from time import perf_counter, sleep
from typing import TYPE_CHECKING

from deployments.bench.process import RULES, accepted, clock, decisions, openings
from deployments.bench.size import Size
from door.act import act, act_in_chunks
from door.db import Db, connect

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier, Event

PAUSE_S = 0.004  # as the flows pause between chunks (flows/stage.py)
EACH = 4_000  # cases laid out for a person; who has done all of them stops


def crowd(db: Db, size: Size) -> dict[str, float]:
    """The slowest one in a hundred of the people's acts, the run's own speed beside it."""
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["deployments.bench.crowd"])
    ready, over, results = context.Barrier(size.people + 1), context.Event(), context.SimpleQueue()
    each = min(EACH, size.crowd)
    cases = accepted(act(db, openings(each * size.people), clock(), RULES))
    people = [context.Process(target=_person, daemon=True,
                              args=(db.url, cases[i * each : (i + 1) * each], ready, over, results))
              for i in range(size.people)]  # fmt: skip
    for person in people:
        person.start()
    ready.wait(60)
    started = perf_counter()
    for _, verdict in act_in_chunks(db, openings(size.crowd), clock(), RULES, lambda: sleep(PAUSE_S)):
        accepted([verdict])
    seconds = perf_counter() - started
    over.set()
    waits = [wait for _ in people for wait in results.get()]
    for person in people:
        person.join(60)
    return {"act_p99_ms_during_run": quantiles(waits, n=100)[98] * 1000, "act_max_ms_during_run": max(waits) * 1000,
            "acts_during_run": len(waits), "crowd_run_s": seconds}  # fmt: skip


def _person(
    url: str, cases: list[int], ready: "Barrier", over: "Event", results: "mp.SimpleQueue[list[float]]"
) -> None:
    waits: list[float] = []
    with connect(url) as db:
        ready.wait(60)
        for command in decisions("am", "collect", cases, keyed=True):
            if over.is_set():
                break
            started = perf_counter()
            accepted(act(db, [command], clock(), RULES))
            waits.append(perf_counter() - started)
    results.put(waits)
