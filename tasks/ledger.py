"""The due ledger as an equation: of what was prescribed for a period, what has become of each row.

    due = pending + started + merged + skipped          started = in time + late + open + cancelled

In time: the account manager concluded on the due date or before; late: after it; open: the inspection has not ended.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from door.db import Db
from models.policy import Book, PolicyError
from tasks import books
from tasks.due import rows_due
from tasks.files import keep_conditions
from tasks.house import House
from tasks.run import newest_snapshot

_STARTED = """
SELECT s.what, count(*) FROM (
  SELECT CASE WHEN c.step = 'cancelled' THEN 'cancelled' WHEN c.closed_on IS NULL THEN 'open'
              WHEN coalesce((SELECT max(e.business_date) FROM entry e WHERE e.stream = c.stream
                             AND e.action = 'conclude'), c.closed_on) <= d.due_on THEN 'in_time' ELSE 'late' END AS what
    FROM due d JOIN cases c ON c.id = d.case_id
   WHERE d.outcome = 'started' AND d.due_on BETWEEN ? AND ?) s
 GROUP BY s.what
"""


@dataclass(frozen=True, slots=True)
class Equation:
    """Numbers of due rows. `pending` is None where it can't be told: no snapshot, or no book in force."""

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

    @property
    def missing(self) -> int:
        """How many rows are accounted for nowhere, on either side; 0: balanced."""
        decided = self.due - (self.pending or 0) - self.started - self.merged - self.skipped
        return abs(decided) + abs(self.started - self.in_time - self.late - self.open - self.cancelled)


def equation(db: Db, house: House, since: date, until: date, today: date) -> Equation:
    """Of the rows due from a day until a day (both included, neither after today)."""
    period = since.isoformat(), until.isoformat()
    outcomes: Counter[str] = Counter(dict(db.rows(
        "SELECT outcome, count(*) FROM due WHERE due_on BETWEEN ? AND ? GROUP BY outcome", *period)))  # fmt: skip
    decided = db.rows("SELECT count(*) FROM due WHERE due_on BETWEEN ? AND ?", *period)[0][0]
    ended: Counter[str] = Counter(dict(db.rows(_STARTED, *period)))
    reasons = db.rows("SELECT reason, count(*) FROM due WHERE outcome = 'skipped' AND due_on BETWEEN ? AND ? "
                      "GROUP BY reason ORDER BY count(*) DESC, reason", *period)  # fmt: skip
    waiting = pending(db, house, today)
    left = None if waiting is None else sum(n for day, n in waiting.items() if since <= day <= until)
    return Equation(decided + (left or 0), left, outcomes["started"], outcomes["merged"], outcomes["skipped"],
                    ended["in_time"], ended["late"], ended["open"], ended["cancelled"], tuple(reasons))  # fmt: skip


def pending(db: Db, house: House, today: date) -> Counter[date] | None:
    """What is prescribed and not yet decided, by due date; None where it can't be told."""
    day = today.isoformat()
    snapshot = newest_snapshot(db, day)
    if not snapshot:
        return None
    try:
        book = books.book(db, books.in_force(db, day))
        conditions = keep_conditions(db, house.snapshots)
        version = (db.rows("SELECT count(*) FROM due")[0][0],
                   *db.rows("SELECT max(id), sum(seq) FROM cases WHERE process = 'order'")[0])  # fmt: skip
        return _pending(_Place(db, house.url), house.snapshots, snapshot, conditions, book, today, version)
    except (PolicyError, FileNotFoundError):
        return None


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
def _pending(place: _Place, snapshots: Path, snapshot: str, conditions: str, book: Book, today: date,
             version: tuple[int | None, ...]) -> Counter[date]:  # fmt: skip
    """The whole plan over the snapshot, which at a million facilities takes seconds; so it is kept until a row of the
    ledger, an order, a snapshot, a condition or the book is another (`version` and the hashes)."""
    plan = rows_due(place.db, snapshots, snapshot, conditions, book, today)
    return Counter(dict(plan.group_by("due_on").len().iter_rows()))
