"""Inbox: the items that a person may act on, on a day, by deadline. Narrowed by SQL to what his roles and his turn
allow, then each item judged by the door's own check."""

from dataclasses import dataclass
from datetime import date

from door import store
from door.command import Person, Refused, Rules
from door.db import Db
from door.decide import Facts, why_not
from door.fold import State

_ITEMS = """
SELECT i.case_id, coalesce(b.name, '') FROM item i JOIN cases c ON c.id = i.case_id
  LEFT JOIN borrower b ON b.id = c.subject
 WHERE {roles} AND (i.holder IS NULL OR {holder}) AND (i.owner IS NULL OR {owner} OR {holder})
   AND (coalesce(i.whose, '') <> 'manager' OR {holder} OR EXISTS (SELECT 1 FROM responsible r
        WHERE r.subject = c.subject AND {manager} AND r.since <= ?))
 ORDER BY i.due_on IS NULL, i.due_on, i.case_id
"""


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
    people = store.people(db, [person, *me.stands_for], day)
    found = _candidates(db, me, day)
    states = {s.id: s for s in store.read_cases(db, list(found))}
    managers = store.managers(db, {s.subject for s in states.values()}, day)
    parents = {s.id: s for s in store.read_cases(db, [s.parent for s in states.values() if s.parent is not None])}
    waiting = []
    for case, borrower in found.items():
        s = states[case]
        parent = parents.get(s.parent) if s.parent is not None else None
        facts = Facts(managers.get(s.subject), parent.hands if parent else None, None, people)
        role = rules.processes[s.process].steps[s.step].role
        for behalf in _behalves(s, me):
            if _may(rules, s, me, behalf, facts):
                late = (date.fromisoformat(day) - date.fromisoformat(s.due_on)).days if s.due_on else None
                waiting.append(Waiting(s, borrower, role, behalf, late))
                break
    return waiting


def _candidates(db: Db, me: Person, day: str) -> dict[int, str]:
    hands = [me.id, *me.stands_for]
    conditions, values = {}, {}
    for name, column, among in (("roles", "i.role", me.roles), ("holder", "i.holder", hands),
                                ("owner", "i.owner", hands), ("manager", "r.manager", hands)):  # fmt: skip
        conditions[name], values[name] = store.among(db, column, sorted(among))
    order = ("roles", "holder", "owner", "holder", "holder", "manager")
    return dict(db.rows(_ITEMS.format(**conditions), *(values[name] for name in order), day))


def _behalves(s: State, me: Person) -> tuple[str | None, ...]:
    """In his own name, in that of who delegated it to him, in those whom he stands in for."""
    delegated = s.delegator if s.holder == me.id else None
    return (delegated, *sorted(me.stands_for))


def _may(rules: Rules, s: State, me: Person, behalf: str | None, facts: Facts) -> bool:
    process = rules.processes[s.process]
    step = process.steps[s.step]
    return why_not(process, step, s, me, behalf, tuple(step.by_name), facts) is None
