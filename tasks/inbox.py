"""Inbox: the items that a person may act on, on a day, by deadline. Narrowed by SQL to what his roles and his turn
allow, then each item judged by the door's own check."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from door import store
from door.command import Person, Refused, Rules
from door.db import Db, Row
from door.decide import Facts, why_not
from door.fold import State

_ITEMS = """
SELECT i.case_id, coalesce(b.name, ''), coalesce(i.due_on, '9999-12-31')
  FROM item i JOIN cases c ON c.id = i.case_id LEFT JOIN borrower b ON b.id = c.subject
 WHERE {roles} AND (i.holder IS NULL OR {holder}) AND (i.owner IS NULL OR {owner} OR {holder})
   AND (coalesce(i.whose, '') <> 'manager' OR {holder} OR EXISTS (SELECT 1 FROM responsible r
        WHERE r.subject = c.subject AND {manager} AND r.since <= ?)){narrowed}
   AND (coalesce(i.due_on, '9999-12-31') > ? OR (coalesce(i.due_on, '9999-12-31') = ? AND i.case_id > ?))
 ORDER BY coalesce(i.due_on, '9999-12-31'), i.case_id LIMIT ?
"""
BLOCK = 200
Place = tuple[str, int]  # of an item in the order of the inbox: its deadline (9999-12-31: none), its case
START: Place = ("0001-01-01", 0)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item and why it is his: `behalf` whom he stands in for, `late` calendar days past the deadline (negative:
    still left; None: no deadline)."""

    state: State
    borrower: str
    role: str
    behalf: str | None
    late: int | None


def inbox(db: Db, rules: Rules, person: str, day: str) -> list[Waiting] | Refused:
    """What waits for a person on a business date (ISO), also for whom he stands in. Refused: nobody in service."""
    me = store.people(db, [person], day).get(person)
    if me is None:
        return Refused("unknown_person", {"person": person})
    return list(items(db, rules, me, day))


def items(db: Db, rules: Rules, me: Person, day: str, after: Place = START, narrowed: str = "",
          values: Sequence[Any] = ()) -> Iterator[Waiting]:  # fmt: skip
    """The same by and by, from a place on. `narrowed`: a further condition on `item i`, `cases c`, `borrower b`."""
    people = store.people(db, [me.id, *me.stands_for], day)
    while found := _candidates(db, me, day, after, narrowed, values):
        states = {s.id: s for s in store.read_cases(db, [row[0] for row in found])}
        managers = store.managers(db, {s.subject for s in states.values()}, day)
        parents = {s.id: s for s in store.read_cases(db, [s.parent for s in states.values() if s.parent is not None])}
        delegators = store.people(db, {s.delegator for s in states.values() if s.delegator}, day)
        for case, borrower, _ in found:
            s = states[case]
            parent = parents.get(s.parent) if s.parent is not None else None
            facts = Facts(managers.get(s.subject), parent.hands if parent else None, None, delegators | people)
            for behalf in _behalves(s, me):
                if _may(rules, s, me, behalf, facts):
                    late = (date.fromisoformat(day) - date.fromisoformat(s.due_on)).days if s.due_on else None
                    role = rules.processes[s.process].steps[s.step].role
                    yield Waiting(s, borrower, role, behalf, late)
                    break
        after = (found[-1][2], found[-1][0])


def _candidates(db: Db, me: Person, day: str, after: Place, narrowed: str, values: Sequence[Any]) -> list[Row]:
    hands = [me.id, *me.stands_for]
    conditions, named = {}, {}
    for name, column, among in (("roles", "i.role", me.roles), ("holder", "i.holder", hands),
                                ("owner", "i.owner", hands), ("manager", "r.manager", hands)):  # fmt: skip
        conditions[name], named[name] = store.among(db, column, sorted(among))
    order = ("roles", "holder", "owner", "holder", "holder", "manager")
    sql = _ITEMS.format(**conditions, narrowed=f" AND {narrowed}" if narrowed else "")
    due, case = after
    return db.rows(sql, *(named[name] for name in order), day, *values, due, due, case, BLOCK)


def _behalves(s: State, me: Person) -> tuple[str | None, ...]:
    """In his own name, in that of who delegated it to him, in those whom he stands in for."""
    delegated = s.delegator if s.holder == me.id else None
    return (delegated, *sorted(me.stands_for))


def _may(rules: Rules, s: State, me: Person, behalf: str | None, facts: Facts) -> bool:
    process = rules.processes[s.process]
    step = process.steps[s.step]
    return why_not(process, step, s, me, behalf, tuple(step.by_name), facts) is None
