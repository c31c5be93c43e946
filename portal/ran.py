"""What the stages did, by our own records: their runs, with what these decided and what they were refused."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime

import orjson

from door.command import SYSTEM
from door.db import Db
from door.store import among

LOOK_BACK, OF_A_DAY = 400, 2_000  # runs


@dataclass(frozen=True, slots=True)
class Own:
    """The last run of a stage by our own records, or all of a day's together: how many they are, number of the last,
    business date, instants (`ended` empty: it has not), how long they took, entries they made, what they were refused."""

    runs: int
    id: int
    as_of: str
    started: str
    ended: str
    seconds: float
    entries: int
    refused: int


def ran(db: Db, day: str = "") -> dict[str, Own]:
    """By stage: its last run; of a day all that were for it."""
    which, values, most = ("AND opened_on = ? ", [day], OF_A_DAY) if day else ("", [], LOOK_BACK)
    runs: dict[str, list[tuple[int, str, bool]]] = {}
    for id_, subject, open_ in sorted(db.rows(
            f"SELECT id, subject, closed_on IS NULL FROM cases WHERE process = 'run' {which}ORDER BY opened_on DESC, id DESC "
            f"LIMIT {most}", *values), reverse=True):  # fmt: skip
        stage, as_of, _ = subject.split("/")
        if day or stage not in runs:
            runs.setdefault(stage, []).append((id_, as_of, bool(open_)))
    ids = [id_ for its in runs.values() for id_, *_ in its]
    streams, names = among(db, "stream", [f"run:{id_}" for id_ in ids])
    times = {s: (a, z) for s, a, z in db.rows(
        f"SELECT stream, min(recorded_at), max(recorded_at) FROM entry WHERE {streams} GROUP BY stream", names)}  # fmt: skip
    entries = written(db, ids)
    found = {}
    for stage, its in runs.items():
        began, ended = zip(*(times[f"run:{id_}"] for id_, *_ in its), strict=True)
        last, as_of, _ = its[0]
        end = "" if any(open_ for *_, open_ in its) else max(ended)
        theirs = {id_ for id_, *_ in its}
        found[stage] = Own(len(its), last, as_of, min(began), end, sum(map(seconds, began, ended)),
                           sum(entries.get(id_, 0) for id_ in theirs), _refused(db, theirs, min(began), end or "9"))  # fmt: skip
    return found


def written(db: Db, runs: Sequence[int]) -> dict[int, int]:
    """How many entries each run has made so far."""
    which, ids = among(db, "run", runs, "bigint")
    return dict(db.rows(f"SELECT run, count(*) FROM entry WHERE {which} GROUP BY run", ids))


def _refused(db: Db, runs: Set[int], since: str, until: str) -> int:
    """How many of the runs' decisions the door refused: a case that somebody changed meanwhile, a borrower opened twice."""
    rows = db.rows("SELECT payload FROM entry WHERE person = ? AND action = 'refused' AND recorded_at BETWEEN ? AND ?",
                   SYSTEM, since, until)  # fmt: skip
    return sum(orjson.loads(payload).get("run") in runs for (payload,) in rows if payload)


def beside(db: Db, day: str, way: str) -> str:
    """The business date next to a day, before (<) or after it (>), for which anything ran; empty where there is none."""
    found = db.rows(f"SELECT opened_on FROM cases WHERE process = 'run' AND opened_on {way} ? ORDER BY opened_on "
                    f"{'DESC' if way == '<' else 'ASC'} LIMIT 1", day)  # fmt: skip
    return str(found[0][0]) if found else ""


def seconds(a: str, b: str) -> float:
    """From one instant to another."""
    return (datetime.fromisoformat(b) - datetime.fromisoformat(a)).total_seconds()
