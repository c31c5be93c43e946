"""Changes of the staff: who works where, in which roles, who stands in for whom, whom a vendor is engaged for, where
people are told. Each is saved with an entry that says what was before and what is now, and by whom; and before that it
can be told which open items it would leave to nobody."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from door.act import in_one, note
from door.command import Clock, Person, Rules
from door.db import Db
from door.eligible import left_alone
from door.fold import State
from door.store import among, staff
from processes import PROCESSES

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


class _Undo(Exception):
    """What was tried is not to stay."""


def save(db: Db, change: Change, by: str, clock: Clock) -> None:
    def made() -> None:
        _make(db, change)
        note(db, change.stream, change.action, by, change.said, clock)

    in_one(db, made)


def would_leave_alone(db: Db, rules: Rules, change: Change) -> list[State]:
    """Which items somebody may do on the change's first day now, and nobody then, by deadline. The change is tried and
    taken back for as long as the staff is read; the items are judged without holding anybody up."""
    if not change.touches:
        return []
    concerned = _concerned(db, change.touches)
    roles, cases = {role for _, role in concerned}, [case for case, _ in concerned]
    now = _staffs(db, roles, change.since)
    then = now
    try:
        with db.transaction():
            _make(db, change)
            then = _staffs(db, roles, change.since)
            raise _Undo
    except _Undo:
        pass
    found = {s.id: s for s in left_alone(db, rules, cases, change.since, then)}
    before = {s.id for s in left_alone(db, rules, list(found), change.since, now)}
    return [found[case] for case in cases if case in found and case not in before]


def _staffs(db: Db, roles: Collection[str], day: str) -> dict[str, dict[str, Person]]:
    return {role: staff(db, role, day) for role in roles}


def _make(db: Db, change: Change) -> None:
    for sql, values in change.sql:
        db.run(sql, *values)


def _concerned(db: Db, persons: Sequence[str]) -> list[tuple[int, str]]:
    """Open items that one of the persons may have to do: his own, his customers', and those of anybody of his roles;
    each with its role."""
    who, names = among(db, "person", persons)
    roles, held = among(
        db, "i.role", sorted({row[0] for row in db.rows(f"SELECT role FROM role_grant WHERE {who}", names)})
    )
    owner, owners = among(db, "i.owner", persons)
    holder, holders = among(db, "i.holder", persons)
    manager, managers = among(db, "manager", persons)
    rows = db.rows(
        f"SELECT i.case_id, i.role FROM item i WHERE {roles} AND ({owner} OR {holder} OR "
        "(i.owner IS NULL AND coalesce(i.whose, '') <> 'manager') OR (i.whose = 'manager' AND i.subject IN "
        f"(SELECT subject FROM responsible WHERE {manager}))) ORDER BY coalesce(i.due_on, '9999-12-31'), i.case_id",
        held, owners, holders, managers)  # fmt: skip
    return [(case, role) for case, role in rows]
