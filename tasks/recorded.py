"""Due rows as the journal has them: what the runs of the due ledger opened, joined and skipped, by their own entries.

The table is what these entries made of it. Where the two differ somebody wrote to the table past the door.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson

from door.db import Db
from models.policy import PolicyError
from tasks import books

STAGE = "scheduled_inspection"
JOINED = "open inspection"  # the reason of a row that joined a case which was open
_SAID = """
SELECT stream, payload FROM entry WHERE run = ? AND action = 'open'
 UNION ALL SELECT stream, payload FROM entry WHERE stream = ? AND action IN ('set_aside', 'finish')
"""
_counts: dict[str, Counter[tuple[str, str]]] = {}  # by the head of the run's stream, which covers all that it wrote


@dataclass(frozen=True, slots=True)
class Astray:
    """A due row that is not what the journal says: its outcome as it is recorded and as it stands (empty: not at all),
    and the case that answers it."""

    facility: str
    kind: str
    due_on: str
    recorded: str
    stands: str
    case: int


def astray(db: Db, since: date, until: date) -> list[Astray]:
    """The rows due from a day until a day (both included) in which journal and table differ. Counted by day first, so
    that rows are compared on days alone on which the numbers differ."""
    first, last = since.isoformat(), until.isoformat()
    runs = _runs(db, since - min(_lead(db), since - date.min))
    recorded: Counter[tuple[str, str]] = Counter()
    for id_, head in runs:
        recorded.update({at: n for at, n in _count(db, id_, head).items() if first <= at[0] <= last})
    stands = Counter({(day, outcome): n for day, outcome, n in db.rows(
        "SELECT due_on, outcome, count(*) FROM due WHERE due_on BETWEEN ? AND ? GROUP BY due_on, outcome", first, last)})  # fmt: skip
    days = {day for day, _ in (recorded - stands) + (stands - recorded)}
    return sorted(_differ(db, runs, days), key=lambda a: (a.due_on, a.facility, a.kind)) if days else []


def _differ(db: Db, runs: list[tuple[int, str]], days: set[str]) -> Iterator[Astray]:
    there: dict[tuple[str, str, str], tuple[str, int]] = {
        (facility, kind, day): (outcome, case)
        for block in db.stream("SELECT facility, kind, due_on, outcome, case_id FROM due WHERE due_on BETWEEN ? AND ?",
                               min(days), max(days))
        for facility, kind, day, outcome, case in block if day in days}  # fmt: skip
    erased: set[int] = set()  # cases of which nobody can say any more what they opened
    for id_, _ in runs:
        for case, row in _said(db, id_):
            if row is None:
                erased.add(case)
            elif row["due_on"] in days:
                at = row["facility"], row["kind"], row["due_on"]
                stands, _ = there.pop(at, ("", 0))
                if stands != row["outcome"]:
                    yield Astray(*at, row["outcome"], stands, row.get("case_id") or case)
    yield from (Astray(*at, "", outcome, case) for at, (outcome, case) in there.items() if case not in erased)


def _runs(db: Db, since: date) -> list[tuple[int, str]]:
    """Runs of the due ledger for a day or later: number, and head of the stream where the run is over."""
    return [(id_, head if closed else "") for id_, head, closed in db.rows(
        "SELECT id, head, closed_on IS NOT NULL FROM cases WHERE process = 'run' AND opened_on >= ? AND subject LIKE ? "
        "ORDER BY id", since.isoformat(), f"{STAGE}/%")]  # fmt: skip


def _count(db: Db, run: int, head: str) -> Counter[tuple[str, str]]:
    """Its rows by due date and outcome."""
    if head in _counts:
        return _counts[head]
    found = Counter((row["due_on"], row["outcome"]) for _, row in _said(db, run) if row is not None)
    if head:
        _counts[head] = found
    return found


def _said(db: Db, run: int) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    """Each row that it decided, with the case (or run) whose entry says so; None where the entry's payload is erased."""
    for block in db.stream(_SAID, run, f"run:{run}"):
        for stream, payload in block:
            case = int(stream.partition(":")[2])
            yield from ((case, row) for row in (orjson.loads(payload)["due"] if payload is not None else (None,)))


def joined(db: Db, case: int, since: str, until: str) -> set[tuple[str, str, str]]:
    """Facility, kind and due date of the rows that joined a case, by runs of a day until a day (both included)."""
    ended = db.rows("SELECT c.subject, e.payload FROM cases c JOIN entry e ON e.stream = c.stream WHERE c.process = 'run' "
                    "AND c.subject LIKE ? AND e.action IN ('set_aside', 'finish')", f"{STAGE}/%")  # fmt: skip
    return {(row["facility"], row["kind"], row["due_on"])
            for subject, payload in ended if payload and since <= subject.split("/")[1] <= until
            for row in orjson.loads(payload)["due"] if row["case_id"] == case}  # fmt: skip


def _lead(db: Db) -> timedelta:
    """How long before its due date a row is decided at the earliest, by any book that was ever in force."""
    leads = [0]
    for (hash_,) in db.rows("SELECT DISTINCT book FROM book_version"):
        with suppress(PolicyError):
            leads += [kind.lead_days for kind in books.book(db, hash_).kinds.values()]
    return timedelta(days=max(leads))
