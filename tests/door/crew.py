"""People at the door at once: real processes, each with its own connection, that start every round together."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

from door.command import Command, Verdict
from door.db import connect
from models.process import Process
from tests.door.bank import Bank, rules

PATIENCE = 180  # seconds until a round that does not come together is given up
_start: Barrier | None = None


@dataclass
class Job:
    """What one of them does: a list of commands a round; processes that are not the bank's go with it."""

    rounds: Sequence[Sequence[Command]]
    processes: tuple[Process, ...] = ()


@dataclass
class Crew:
    """Two processes that stay until the tests end."""

    pool: ProcessPoolExecutor

    def at_once(self, url: str, one: Job, two: Job) -> list[list[Verdict]]:
        """Both jobs, round by round at the same moment; the verdicts of each in order."""
        at_work = [self.pool.submit(_work, url, n, job) for n, job in enumerate((one, two))]
        return [future.result(timeout=2 * PATIENCE) for future in at_work]


@contextmanager
def crew() -> Iterator[Crew]:
    spawn = get_context("spawn")
    with ProcessPoolExecutor(2, spawn, initializer=_begin, initargs=(spawn.Barrier(2),)) as pool:
        yield Crew(pool)


def _begin(barrier: Any) -> None:
    global _start
    _start = barrier


def _work(url: str, n: int, job: Job) -> list[Verdict]:
    assert _start is not None
    with connect(url) as db:
        bank = Bank(db, rules(*job.processes))
        salt, bank.tick = bank.tick, lambda: 1_000_000 * (n + 1) + salt()
        return list(chain.from_iterable(_round(bank, commands) for commands in job.rounds))


def _round(bank: Bank, commands: Sequence[Command]) -> list[Verdict]:
    assert _start is not None
    _start.wait(PATIENCE)
    return bank.act(*commands)
