"""What the book prescribes for one facility and nobody has opened or skipped: asked at the gate, so in milliseconds.

The same grid as the due ledger's run, over that one facility of the newest snapshot. It depends on nothing but what it
is given, snapshot and book by their hashes, so an answer can be kept for the next payment."""

from datetime import date
from functools import lru_cache
from pathlib import Path

import polars as pl

from door.db import Db, Row
from models.policy import Book
from tasks.due import dates, ordered
from tasks.files import CONDITION
from tasks.grid import HORIZON, LEDGER, undecided
from tasks.run import newest_snapshot

SEEN = {"facility": pl.String, "first_seen": pl.Date}
ORDERED = {"facility": pl.String, "due_on": pl.Date, "rule": pl.String}
UNREADABLE = (OSError, LookupError, pl.exceptions.PolarsError)


def owed(db: Db, snapshots: Path, facility: str, borrower: str, book: Book, as_of: date) -> tuple[tuple[str, str], ...]:
    """(kind, due date) of each, up to a date with the kinds' lead. Raises one of UNREADABLE where no snapshot up to that
    date can be read that has the facility."""
    sha256 = newest_snapshot(db, as_of.isoformat())
    return _owed(
        snapshots / f"{sha256}.parquet", facility, book, as_of,
        tuple(db.rows("SELECT facility, name, kind, value, source FROM condition WHERE facility = ? ORDER BY name",
                      facility)),
        tuple(db.rows("SELECT facility, kind, due_on FROM due WHERE facility = ? AND due_on > ? ORDER BY kind, due_on",
                      facility, (as_of - HORIZON).isoformat())),
        tuple(db.rows("SELECT id, first_seen FROM facility WHERE id = ?", facility)),
        tuple((f, str(day), rule) for f, day, rule in ordered(db, borrower).iter_rows() if f == facility),
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _owed(snapshot: Path, facility: str, book: Book, as_of: date, conditions: tuple[Row, ...], ledger: tuple[Row, ...],
          first_seen: tuple[Row, ...], special: tuple[Row, ...]) -> tuple[tuple[str, str], ...]:  # fmt: skip
    row = _read(snapshot).filter(pl.col("facility") == facility)
    if row.is_empty():
        raise LookupError(f"{facility} is not in the snapshot")
    applied = book.apply(row, pl.DataFrame(list(conditions), CONDITION, orient="row"))
    found = undecided(applied, book, as_of, dates(list(ledger), LEDGER), dates(list(first_seen), SEEN),
                      dates(list(special), ORDERED))  # fmt: skip
    return tuple((kind, str(day)) for kind, day in found.select("kind", "due_on").iter_rows())


@lru_cache(maxsize=1)
def _read(snapshot: Path) -> pl.DataFrame:
    return pl.read_parquet(snapshot)
