"""Changes of the staff: who works where, in which roles, who stands in for whom, whom a vendor is engaged for, where
people are told. Each is saved with an entry that says what was before and what is now, and by whom; and before that it
can be told which open items it would leave to nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from door.act import note
from door.command import Clock, Rules
from door.db import Db
from door.eligible import left_alone
from door.fold import State
from door.store import among
from processes import PROCESSES

LOOKED_AT = 500  # open items, by deadline
#: Roles that no step of a process names: told of what nobody may do, readers, who keep the staff.
BESIDE = frozenset({"operations", "auditor", "administrator", "credit_approver"})
ROLES = tuple(sorted(
    ({step.role for p in PROCESSES.values() for step in p.steps.values()}
     | {role for p in PROCESSES.values() for role in (*p.authority.values(), p.cancel)} | BESIDE) - {"", "system"}
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One change, ready to be made. `stream`: `staff:<person>` or `unit:<unit>`; `said`: the entry's payload; `sql`: what
    is written; `touches`: persons who may do less by it; `since`: the first day on which things are otherwise (ISO)."""

    action: str
    stream: str
    said: Mapping[str, Any]
    sql: Sequence[tuple[str, Sequence[Any]]]
    touches: Sequence[str] = ()
    since: str = ""


@dataclass(frozen=True, slots=True)
class Alone:
    """Items that a change would leave to nobody. `all`: were all looked at that it concerns?"""

    items: list[State] = field(default_factory=list)
    all: bool = True


class _Undo(Exception):
    """What was tried is not to stay."""


def save(db: Db, change: Change, by: str, clock: Clock) -> None:
    with db.transaction():
        _make(db, change)
        note(db, change.stream, change.action, by, change.said, clock)


def would_leave_alone(db: Db, rules: Rules, change: Change) -> Alone:
    """Tries the change and takes it back: which items somebody may do on its first day now, and nobody then."""
    if not change.touches:
        return Alone()
    cases = _concerned(db, change.touches)
    looked_at = cases[:LOOKED_AT]
    found: list[State] = []
    try:
        with db.transaction():
            _make(db, change)
            found = left_alone(db, rules, looked_at, change.since)
            raise _Undo
    except _Undo:
        pass
    before = {s.id for s in left_alone(db, rules, [s.id for s in found], change.since)}
    return Alone([s for s in found if s.id not in before], len(cases) == len(looked_at))


def _make(db: Db, change: Change) -> None:
    for sql, values in change.sql:
        db.run(sql, *values)


def _concerned(db: Db, persons: Sequence[str]) -> list[int]:
    """Open items that one of the persons may have to do: his own, his customers', and those of anybody of his roles."""
    who, names = among(db, "person", persons)
    roles, held = among(
        db, "i.role", sorted({row[0] for row in db.rows(f"SELECT role FROM role_grant WHERE {who}", names)})
    )
    owner, owners = among(db, "i.owner", persons)
    holder, holders = among(db, "i.holder", persons)
    manager, managers = among(db, "manager", persons)
    rows = db.rows(
        f"SELECT i.case_id FROM item i JOIN cases c ON c.id = i.case_id WHERE {roles} AND ({owner} OR {holder} OR "
        "(i.owner IS NULL AND coalesce(i.whose, '') <> 'manager') OR (i.whose = 'manager' AND c.subject IN "
        f"(SELECT subject FROM responsible WHERE {manager}))) ORDER BY coalesce(i.due_on, '9999-12-31'), i.case_id LIMIT ?",
        held, owners, holders, managers, LOOKED_AT + 1)  # fmt: skip
    return [row[0] for row in rows]
