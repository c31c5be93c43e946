"""Inbox: the items that a person may act on, on a day, by deadline. Gathered by what his roles and his turn allow, then each
item judged by the door's own check."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from door import store
from door.command import Person, Refused, Rules
from door.db import Db, Row
from door.decide import Facts, why_not
from door.fold import State

#: The ways by which an item comes to be his, each by an index of its own, and its first ones by deadline: it is in his
#: hand; it is his by name; it is anyone's of the role; it is the responsible manager's of the borrower. (As an array
#: PostgreSQL takes the borrowers first, however many it thinks that they are.)
_CUSTOMERS = "(SELECT r.subject FROM responsible r WHERE {manager} AND r.since <= ?)"
_MANAGED = {"sqlite": f"i.whose = 'manager' AND i.subject IN {_CUSTOMERS}",
            "postgresql": f"i.whose = 'manager' AND i.subject = ANY (ARRAY{_CUSTOMERS})"}  # fmt: skip
_POOL = "i.role = ? AND i.owner IS NULL AND i.whose IS NULL AND i.holder IS NULL"
_WAY = """
SELECT * FROM (SELECT i.case_id AS id, i.due_on AS due FROM item i
 WHERE {his}{narrowed} AND {after} ORDER BY {order} LIMIT {limit}) w
"""
Part = tuple[str, str, slice]
#: Those with a deadline come first; those without follow in the order of their cases: what lies beyond a place, in which
#: order, and which part of the place is asked for.
_DATED: Part = ("(i.due_on, i.case_id) > (?, ?)", "i.due_on, i.case_id", slice(0, 2))
_UNDATED: Part = ("i.due_on IS NULL AND i.case_id > ?", "i.case_id", slice(1, 2))
BLOCK = 200
Place = tuple[str, int]  # of an item in the order of the inbox: its deadline (9999-12-31: none), its case
START: Place = ("0001-01-01", 0)
LAST = "9999-12-31"


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
          values: Sequence[Any] = (), block: int = BLOCK) -> Iterator[Waiting]:  # fmt: skip
    """The same by and by, from a place on; so many are read at a time. `narrowed`: a further condition on `item i`."""
    while True:
        found = _next(db, me, day, after, block, narrowed, values)
        yield from _judged(db, rules, me, day, found)
        if len(found) == block:
            after = (found[-1][1] or LAST, found[-1][0])
        elif after[0] < LAST:
            after = (LAST, 0)
        else:
            return


def those(db: Db, rules: Rules, me: Person, day: str, cases: Collection[int]) -> Iterator[Waiting]:
    """Of these cases the items that he may act on, by deadline."""
    where, values = store.among(db, "i.case_id", cases, "bigint")
    found = db.rows(f"SELECT i.case_id, i.due_on FROM item i WHERE {where}", values)
    return _judged(db, rules, me, day, sorted(found, key=lambda row: (row[1] or LAST, row[0])))


def _judged(db: Db, rules: Rules, me: Person, day: str, found: Sequence[Row]) -> Iterator[Waiting]:
    """Those of the rows of case and deadline that the door lets him act on."""
    if not found:
        return
    states = {s.id: s for s in store.read_cases(db, [row[0] for row in found])}
    subjects = {s.subject for s in states.values()}
    managers = store.managers(db, subjects, day)
    where, values = store.among(db, "id", subjects)
    names: dict[str, str] = dict(db.rows(f"SELECT id, name FROM borrower WHERE {where}", values))
    parents = {s.id: s for s in store.read_cases(db, [s.parent for s in states.values() if s.parent is not None])}
    others = {*me.stands_for, *(s.delegator for s in states.values() if s.delegator)} - {me.id}
    people = {**store.people(db, others, day), me.id: me}
    for case, _ in found:
        s = states[case]
        parent = parents.get(s.parent) if s.parent is not None else None
        facts = Facts(managers.get(s.subject), parent.hands if parent else None, None, people)
        for behalf in _behalves(s, me):
            if _may(rules, s, me, behalf, facts):
                late = (date.fromisoformat(day) - date.fromisoformat(s.due_on)).days if s.due_on else None
                role = rules.processes[s.process].steps[s.step].role
                yield Waiting(s, names.get(s.subject, ""), role, behalf, late)
                break


def _next(db: Db, me: Person, day: str, after: Place, block: int, narrowed: str, values: Sequence[Any]) -> list[Row]:
    """The next rows of case and deadline after a place: of those with a deadline, or of those without."""
    beyond, order, place = _DATED if after[0] < LAST else _UNDATED
    hands = sorted({me.id, *me.stands_for})
    holder, owner, manager = (store.among(db, column, hands) for column in ("i.holder", "i.owner", "r.manager"))
    ways = [(holder[0], [holder[1]]), (owner[0], [owner[1]]), *((_POOL, [role]) for role in sorted(me.roles))]
    if "account_manager" in me.roles:
        ways.append((_MANAGED[db.dialect].format(manager=manager[0]), [manager[1], day]))
    more = f" AND {narrowed}" if narrowed else ""
    sql = " UNION ".join(_WAY.format(his=his, narrowed=more, after=beyond, order=order, limit=block) for his, _ in ways)
    params = [value for _, own in ways for value in (*own, *values, *list(after)[place])]
    return db.rows(f"{sql} ORDER BY 2, 1 LIMIT {block}", *params)


def _behalves(s: State, me: Person) -> tuple[str | None, ...]:
    """In his own name, in that of who delegated it to him, in those whom he stands in for."""
    delegated = s.delegator if s.holder == me.id else None
    return (delegated, *sorted(me.stands_for))


def _may(rules: Rules, s: State, me: Person, behalf: str | None, facts: Facts) -> bool:
    process = rules.processes[s.process]
    step = process.steps[s.step]
    return why_not(process, step, s, me, behalf, tuple(step.by_name), facts) is None
