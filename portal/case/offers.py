"""What a person may do on an item now: the door's own decision, asked without acting."""

from dataclasses import dataclass

from door import store
from door.command import Command, Refused
from door.decide import Facts, decide
from door.fold import State
from models.process import Do
from portal.house import Asking
from portal.words.arrows import HIGH_RISK

_LATER = ("not_evaluated", "past", "too_far")  # hangs on what he will say


@dataclass(frozen=True, slots=True)
class Offer:
    """An arrow of the step, and why not, where it is not for him or not as things stand."""

    do: Do
    refused: Refused | None
    high_risk: bool


def offers(asking: Asking, s: State, behalf: str | None) -> list[Offer]:
    """Every arrow of the case's step that a person takes, in its order."""
    process = asking.rules.processes[s.process]
    step = process.steps[s.step]
    facts = _facts(asking, s)
    if process.asking & step.by_name.keys():
        facts.beside, _ = asking.rules.beside(s, asking.day, asking.portal.house.now())
    found = []
    for do in step.does:
        if do.name == step.late:
            continue
        asked = Command(asking.me.id, do.name, case=s.id, on_behalf_of=behalf)
        answer = decide(process, s, asked, {}, asking.me.person, facts, asking.day)
        refused = answer if isinstance(answer, Refused) and answer.code not in _LATER else None
        found.append(Offer(do, refused, (s.process, do.name) in HIGH_RISK))
    return found


def _facts(asking: Asking, s: State) -> Facts:
    db, me, process = asking.db, asking.me.person, asking.rules.processes[s.process]
    parent = store.read_case(db, s.parent) if s.parent is not None else None
    at = s.parent or 0
    open_ = store.siblings(db, [at], process.counted)[0] if at and process.counted else {}
    others = {*me.stands_for, *filter(None, [s.delegator])} - {me.id}
    people = {**store.people(db, others, asking.day), me.id: me}
    return Facts(store.managers(db, [s.subject], asking.day).get(s.subject), parent.hands if parent else None,
                 {name: open_.get((at, name), 0) for name in process.counted}, people)  # fmt: skip
