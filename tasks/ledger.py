"""The due ledger as an equation: of what was prescribed for a period, what has become of each row.

    due = pending + started + merged + skipped          started = in time + late + open + cancelled

Due is counted from the other side: by what the journal says was decided, and by the grid for what is pending. So a row
that was written, changed or removed past the door unbalances it.

In time: the account manager concluded on the due date or before; late: after it; open: the inspection has not ended.
"""

from collections import Counter
from collections.abc import Hashable, Set
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import polars as pl

from door.db import Db
from door.store import among
from models.policy import Book, PolicyError
from tasks import books
from tasks.due import applied, rows_due
from tasks.files import keep_conditions
from tasks.house import House
from tasks.recorded import STAGE, Astray, astray
from tasks.run import newest_snapshot

_STARTED = """
SELECT s.what, count(*) FROM (
  SELECT CASE WHEN c.step = 'cancelled' THEN 'cancelled' WHEN c.closed_on IS NULL THEN 'open'
              WHEN c.closed_on <= d.due_on THEN 'in_time'
              WHEN coalesce((SELECT max(e.business_date) FROM entry e WHERE e.stream = c.stream
                             AND e.action = 'conclude'), c.closed_on) <= d.due_on THEN 'in_time' ELSE 'late' END AS what
    FROM due d JOIN cases c ON c.id = d.case_id
   WHERE d.outcome = 'started' AND d.due_on BETWEEN ? AND ?) s
 GROUP BY s.what
"""


@dataclass(frozen=True, slots=True)
class Equation:
    """Numbers of due rows. `pending` is None where it can't be told: no snapshot, or no book in force. `astray`: the
    rows in which journal and table differ."""

    due: int
    pending: int | None
    started: int
    merged: int
    skipped: int
    in_time: int
    late: int
    open: int
    cancelled: int
    reasons: tuple[tuple[str, int], ...]
    astray: tuple[Astray, ...]

    @property
    def missing(self) -> int:
        """How many rows are not accounted for, on either side; 0: balanced."""
        return len(self.astray) + abs(self.started - self.in_time - self.late - self.open - self.cancelled)


def equation(db: Db, house: House, since: date, until: date, today: date) -> Equation:
    """Of the rows due from a day until a day (both included, neither after today)."""
    period = since.isoformat(), until.isoformat()
    with nullcontext() if db.inside else db.snapshot():  # a run that decides meanwhile writes journal and table at once
        outcomes, reasons = Counter[str](), Counter[str]()
        for outcome, reason, n in db.rows("SELECT outcome, reason, count(*) FROM due WHERE due_on BETWEEN ? AND ? "
                                          "GROUP BY outcome, reason ORDER BY reason", *period):  # fmt: skip
            outcomes[outcome] += n
            reasons.update({reason: n} if outcome == "skipped" else {})
        ended: Counter[str] = Counter(dict(db.rows(_STARTED, *period)))
        differ = tuple(astray(db, since, until))
        lost = {(a.facility, a.kind, a.due_on) for a in differ if not a.stands}
        left = pending(db, house, since, until, today, lost)
    recorded = outcomes.total() + len(lost) - sum(not a.recorded for a in differ)
    return Equation(recorded + (left or 0), left, outcomes["started"], outcomes["merged"], outcomes["skipped"],
                    ended["in_time"], ended["late"], ended["open"], ended["cancelled"], tuple(reasons.most_common()),
                    differ)  # fmt: skip


def pending(db: Db, house: House, since: date, until: date, today: date, lost: Set[tuple[str, str, str]]) -> int | None:
    """How many rows due in the period are prescribed and not yet decided; None where it can't be told. What is `lost`
    was decided: that the grid has it again is no news."""
    day = today.isoformat()
    snapshot = newest_snapshot(db, day)
    if not snapshot:
        return None
    try:
        book = books.book(db, books.in_force(db, day))
        conditions = keep_conditions(db, house.snapshots)
        version = (*db.rows("SELECT max(id) FROM cases WHERE process = 'run' AND step = 'finished' AND subject LIKE ?",
                            f"{STAGE}/%"),
                   *db.rows("SELECT id FROM cases WHERE process = 'order' AND step IN ('in_work', 'tightened') "
                            "ORDER BY id"))  # fmt: skip
        plan = _plan(_Place(db, house.url), house.snapshots, snapshot, conditions, book, today, version)
    except (PolicyError, FileNotFoundError):
        return None
    rows = plan.filter(pl.col("due_on").is_between(since, until)).iter_rows()
    left = {(facility, kind, due_on.isoformat()) for facility, kind, due_on in rows} - lost
    where, values = among(db, "facility", sorted({facility for facility, *_ in left}))
    return len(left - set(db.rows(f"SELECT facility, kind, due_on FROM due WHERE {where} AND due_on BETWEEN ? AND ?",
                                  values, since.isoformat(), until.isoformat())))  # fmt: skip


@dataclass(frozen=True)
class _Place:
    """A database by its address, so that what was counted there can be kept for the next who asks."""

    db: Db
    url: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Place) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)


@lru_cache(maxsize=8)
def _plan(place: _Place, snapshots: Path, snapshot: str, conditions: str, book: Book, today: date,
          version: tuple[Hashable, ...]) -> pl.DataFrame:  # fmt: skip
    """The whole plan over the snapshot, which at a million facilities takes seconds; so it is kept until the last run, an
    order in work, a snapshot, a condition or the book is another (`version` and the hashes). What is decided after it was
    made is taken off by who asks: a page looked at during a run makes no plan anew for each row."""
    frame = applied(snapshots, snapshot, conditions, book)
    return rows_due(place.db, frame, book, today).select("facility", "kind", "due_on")
