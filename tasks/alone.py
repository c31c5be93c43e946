"""Open items that nobody may do. An act tells operations where it leaves one; here they are told of those that came to
it otherwise: by a staff list, a role or a service that ended, a relation that was declared. Once, not every day."""

from collections.abc import Callable

from door import store
from door.command import Clock, Person, Rules
from door.db import Db
from door.eligible import BLOCK, left_alone
from door.fold import State
from models.process import USER

_ITEMS = "SELECT case_id FROM item WHERE case_id > ? ORDER BY case_id LIMIT ?"
#: Cases of which it was told, and since when nobody has been told that he may.
_TOLD = (
    "SELECT case_id FROM notice WHERE {} GROUP BY case_id HAVING max(CASE kind WHEN 'nobody' THEN seq END) >= "
    "coalesce(max(CASE kind WHEN 'item' THEN seq END), 0)"
)


def tell_alone(db: Db, rules: Rules, clock: Clock, give_way: Callable[[], None] = lambda: None) -> tuple[
        list[State], list[State]]:  # fmt: skip
    """The cases whose item nobody may do on the business date; and those of them of which operations are told by this."""
    staffs = _staffs(db, rules, clock)
    alone: list[State] = []
    new: list[State] = []
    after = -1
    while batch := [row[0] for row in db.rows(_ITEMS, after, BLOCK)]:
        after = batch[-1]
        if found := left_alone(db, rules, batch, clock.business_date, staffs):
            alone += found
            new += _tell(db, found, clock)
        give_way()
    return alone, new


def tell_alone_of(db: Db, rules: Rules, clock: Clock, subject: str) -> None:
    """The same of one borrower's items alone, at once."""
    found = left_alone(db, rules, open_of(db, subject), clock.business_date, _staffs(db, rules, clock))
    _tell(db, found, clock)


def open_of(db: Db, subject: str) -> list[int]:
    """A borrower's open cases, by the index that cases have of their subject."""
    return [
        row[0] for row in db.rows("SELECT id FROM cases WHERE subject = ? AND closed_on IS NULL ORDER BY id", subject)
    ]


def _staffs(db: Db, rules: Rules, clock: Clock) -> dict[str, dict[str, Person]]:
    """Who holds each role that an item may be for, on the business date."""
    roles = {step.role for process in rules.processes.values() for step in process.steps.values() if step.kind == USER}
    return {role: store.staff(db, role, clock.business_date) for role in roles}


def _tell(db: Db, found: list[State], clock: Clock) -> list[State]:
    with db.transaction():
        where, ids = store.among(db, "case_id", [s.id for s in found], "bigint")
        told = {row[0] for row in db.rows(_TOLD.format(where), ids)}
        new = [s for s in found if s.id not in told]
        db.many("INSERT INTO notice (case_id, seq, kind, at) VALUES (?, ?, 'nobody', ?) ON CONFLICT DO NOTHING",
                [(s.id, s.seq, clock.now()) for s in new])  # fmt: skip
    return new
