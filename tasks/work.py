"""Take all cases that wait at a service step, decide each by its function, move them on through the door."""

from collections import Counter

from door.act import act_in_chunks
from door.command import SYSTEM, Command
from door.db import Db
from door.fold import CASE_COLUMNS, State, load
from tasks.dossier import dossiers
from tasks.given import given
from tasks.run import Run
from tasks.services import SERVICES

BATCH = 2_000  # cases in memory at a time


def waits(db: Db, *steps: str) -> bool:
    """Does any inspection wait at one of the steps?"""
    return any(_waiting(db, step, 0, 1) for step in steps)


def left_for(db: Db, run: int, stage: str) -> list[str]:
    """The other stages that have to do with cases which this run of a stage moved to where they now wait."""
    steps = db.rows("SELECT DISTINCT c.step FROM entry e JOIN cases c ON c.stream = e.stream "
                    "WHERE e.run = ? AND c.process = 'inspection'", run)  # fmt: skip
    return sorted({SERVICES[step].stage for (step,) in steps if step in SERVICES} - {stage})


def work(run: Run, step: str, limit: int = 0) -> Counter[str]:
    """Decides the cases waiting at the step, at most `limit` (0: all), and returns how many took which arrow.

    A case that somebody changed meanwhile is left to the next run; nothing is done twice, because a decided case
    waits here no longer."""
    done: Counter[str] = Counter()
    after, left = 0, limit
    while states := _waiting(run.db, step, after, min(BATCH, left) if limit else BATCH):
        after, left = states[-1].id, left - len(states)
        cases = dossiers(run.db, states)
        inputs = given(run.db, run.house.snapshots, run.inputs, cases)
        decided = [(d.state, *SERVICES[step].decide(d, inputs)) for d in cases]
        commands = [
            Command(SYSTEM, action, payload, case=state.id, run=run.id, seen=state.seq)
            for state, action, payload in decided
        ]
        for command, verdict in act_in_chunks(run.db, commands, run.clock, run.rules, run.give_way):
            done[verdict.refused.code if verdict.refused else command.action] += 1
        if limit and left <= 0:
            break
    return done


def _waiting(db: Db, step: str, after: int, n: int) -> list[State]:
    rows = db.rows(f"SELECT {', '.join(CASE_COLUMNS)} FROM cases WHERE process = 'inspection' AND step = ? AND id > ? "
                   "ORDER BY id LIMIT ?", step, after, n)  # fmt: skip
    return [load(row) for row in rows]
