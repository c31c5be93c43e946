"""Who may act on a case's item on a day: the door's own checks, run over the staff. Inbox, "who could" and "nobody is
left who may" are this one function."""

from collections.abc import Mapping, Sequence

from door import store
from door.command import Person, Refused, Rules
from door.db import Db
from door.decide import Facts, who_may, why_not
from door.fold import State
from models.process import USER

BLOCK = 1000  # cases in memory at a time


def eligible(db: Db, rules: Rules, case: int, day: str, action: str = "") -> list[str]:
    """Persons who may act on the item of a case on a business date (ISO), by id, or who may do this of its step's
    actions; empty where there is no item, or the step does not offer it."""
    s = store.read_case(db, case)
    if s is None or rules.processes[s.process].steps[s.step].kind != USER:
        return []
    process = rules.processes[s.process]
    step = process.steps[s.step]
    if action and action not in step.by_name:
        return []
    facts = _facts(db, rules, s, day, {})
    owner = s.owner or (facts.manager if step.whose == "manager" else None)
    facts.persons = staff = (
        store.staff(db, step.role, day) if owner is None
        else store.around(db, step.role, {p for p in (owner, s.holder, s.delegator) if p}, day)
    )  # fmt: skip
    return sorted(who_may(process, s, staff, facts, action))


def why_not_me(db: Db, rules: Rules, case: int, person: str, behalf: str | None, day: str,
               action: str = "") -> Refused | None:  # fmt: skip
    """Why a person may do nothing on the item of a case, or not this of its step's actions; None if he may."""
    s = store.read_case(db, case)
    if s is None:
        return Refused("no_case", {"case": case, "process": ""})
    process = rules.processes[s.process]
    step = process.steps[s.step]
    if step.kind != USER:
        return Refused("no_item", {"step": s.step})
    if action and action not in step.by_name:
        return Refused(
            "not_here", {"step": s.step, "by": s.last_person, "at": s.last_at, "offered": sorted(step.by_name)}
        )
    behalf = behalf or (s.delegator if s.holder == person else None)
    people = store.people(db, [p for p in (person, behalf) if p], day)
    if person not in people:
        return Refused("unknown_person", {"person": person})
    facts = _facts(db, rules, s, day, people)
    return why_not(process, step, s, people[person], behalf, (action,) if action else tuple(step.by_name), facts)


def _facts(db: Db, rules: Rules, s: State, day: str, persons: Mapping[str, Person]) -> Facts:
    parent = store.read_case(db, s.parent) if s.parent is not None else None
    manager = store.managers(db, [s.subject], day).get(s.subject)
    return Facts(manager, parent.hands if parent else None, None, persons)


def left_alone(db: Db, rules: Rules, cases: Sequence[int], day: str,
               staffs: Mapping[str, Mapping[str, Person]]) -> list[State]:  # fmt: skip
    """Those of the cases whose item nobody of a staff (by role) may act on, on a business date."""
    found = []
    for at in range(0, len(cases), BLOCK):
        states = store.read_cases(db, cases[at : at + BLOCK])
        parents = {s.id: s for s in store.read_cases(db, sorted({s.parent for s in states if s.parent is not None}))}
        managers = store.managers(db, {s.subject for s in states}, day)
        for s in states:
            process = rules.processes[s.process]
            step = process.steps[s.step]
            if step.kind != USER:
                continue
            parent, staff = parents.get(s.parent or 0), staffs[step.role]
            facts = Facts(managers.get(s.subject), parent.hands if parent else None, None, staff)
            if next(who_may(process, s, staff, facts), None) is None:
                found.append(s)
    return found
