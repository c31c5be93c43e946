"""Foresee: what the due ledger would open on a date, and why; nothing is written to the database."""

from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from datetime import date
from itertools import islice

from door.db import Db
from models.runs import RunInputs
from tasks import books
from tasks.due import Opened, applied, openings, rows_due, untold
from tasks.files import keep_conditions
from tasks.house import House
from tasks.run import Run, code_version, library_versions, newest_snapshot

BLOCK = 1000  # due rows
Told = Callable[[int, int], None]  # how many of how many of them


@dataclass(frozen=True, order=True)
class Foreseen:
    """A due row and what would become of it: started, merged, skipped, or pending (still due afterwards)."""

    borrower: str
    facility: str
    kind: str
    due_on: str
    path: str
    rule: str
    outcome: str
    reason: str

    def row(self) -> tuple[str, ...]:
        return astuple(self)


@dataclass
class Outlook:
    """The inputs that it depends on, cases that would be opened by path, the due rows, and of how many facilities a fact
    could not be evaluated."""

    snapshot: str
    book: str
    cases: Counter[str] = field(default_factory=Counter)
    rows: list[Foreseen] = field(default_factory=list)
    untold: Counter[str] = field(default_factory=Counter)


def foresee(db: Db, house: House, as_of: date, limit: int = 0, told: Told = lambda n, of: None) -> Outlook:
    """What `open_due` would do on that date with what is known now; `told` is called as it goes. Raises PolicyError where
    no book is in force, LookupError where there is no snapshot."""
    day = as_of.isoformat()
    hash_, snapshot = books.in_force(db, day), newest_snapshot(db, day)
    if not snapshot:
        raise LookupError(f"no snapshot up to {day}")
    book, conditions = books.book(db, hash_), keep_conditions(db, house.snapshots)
    inputs = RunInputs(stage="scheduled_inspection", as_of=as_of, snapshot=snapshot, conditions=conditions, book=hash_,
                       code=code_version(), libraries=library_versions())  # fmt: skip
    run = Run(0, inputs, db, house, house.clock(as_of), books.rules(db), lambda: None)
    frame = applied(house.snapshots, snapshot, conditions, book)
    due = rows_due(db, frame, book, as_of)
    rules: dict[tuple[str, str, str], tuple[str, str, str]] = {
        (facility, kind, due_on.isoformat()): (borrower, path, rule)
        for facility, kind, due_on, borrower, path, rule in due.select(
            "facility", "kind", "due_on", "borrower", "path", "rule"
        ).iter_rows()
    }
    outlook, beside = Outlook(snapshot, hash_, untold=untold(frame, book)), Opened()

    def add(facility: str, kind: str, due_on: str, outcome: str, reason: str, case_path: str = "") -> None:
        borrower, path, rule = rules[facility, kind, due_on]
        outlook.rows.append(Foreseen(borrower, facility, kind, due_on, case_path or path, rule, outcome, reason))
        if len(outlook.rows) % BLOCK == 0:
            told(len(outlook.rows), len(rules))

    for command in islice(openings(run, due, book, beside), limit or None):
        said = command.payload
        outlook.cases[said["path"]] += 1
        for r in said["due"]:
            add(r["facility"], r["kind"], r["due_on"], r["outcome"], r["reason"], said["path"])
    for r in beside.elsewhere:
        add(r.facility, r.kind, r.due_on.isoformat(), r.outcome, r.reason)
    for facility, kind, due_on, why in beside.pending:
        add(facility, kind, due_on, "pending", why)
    outlook.rows.sort()
    return outlook
