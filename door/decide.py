"""May this person do this here, and where does it lead? Pure: state, command, actor and facts in, a move or a
refusal out. Every refusal of the system is one of the codes below; deny wins over every role."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Any

from door.command import SYSTEM, Command, Person, Refused, Rules
from door.fold import State, held_days
from models.process import (
    END,
    GATEWAY,
    ITEM_ACTS,
    ONLY_READS,
    OUTSIDE,
    SERVICE,
    START,
    USER,
    Do,
    Process,
    Step,
    clauses,
    holds,
)


@dataclass(slots=True)
class Facts:
    """What a decision needs beyond the case itself, loaded under the lock: the responsible manager of the subject,
    what was done in the parent (action → hands), how many siblings of a process are open, persons by id (an act
    names others: the absent, the delegate), the book's maximum of held days, what the page asks for from beside the case."""

    manager: str | None = None
    parent_hands: Mapping[str, list[str]] | None = None
    open_siblings: Mapping[str, int] | None = None
    persons: Mapping[str, Person] | None = None
    holds_max: int = 0
    beside: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Move:
    """A permitted act: the step that it leads to, the role it is done in, for whom, and a deadline that it sets."""

    to: str
    role: str
    behalf: str | None = None
    due_on: str | None = None
    do: Do | None = None


def decide(process: Process, s: State, c: Command, payload: Mapping[str, Any], actor: Person | None, facts: Facts,
           day: str) -> Move | Refused:  # fmt: skip
    """`payload` is the command's, validated. Codes: changed, ended, not_here, unknown_person, system_only, lane, role,
    unit, no_deputy, not_yours, taken, held, related, four_eyes, past, condition, not_evaluated, limit, and the item
    acts' own."""
    step = process.steps[s.step]
    if c.seen is not None and c.seen != s.seq:
        return Refused("changed", {"by": s.last_person, "at": s.last_at, "step": s.step})
    if step.kind == END:
        return Refused("ended", {"step": s.step, "by": s.last_person, "at": s.last_at})
    if actor is None:
        return Refused("unknown_person", {"person": c.person})
    if c.action in ITEM_ACTS and step.kind != START:
        return _item_act(process, step, s, c, payload, actor, facts, day)
    do = step.by_name.get(c.action)
    if do is None:
        return Refused(
            "not_here", {"step": s.step, "by": s.last_person, "at": s.last_at, "offered": sorted(step.by_name)}
        )
    if step.kind == SERVICE or c.action == step.late or step.role == SYSTEM:
        if actor.id != SYSTEM or (c.run is None and step.kind != START and process.stream == "case"):
            return Refused("system_only", {"step": s.step})
        behalf = None
    else:
        behalf = c.on_behalf_of or _delegated(s, actor.id)
        if refused := why_not(process, step, s, actor, behalf, (c.action,), facts):
            return refused
        if s.held_until and day < s.held_until and _holder(step, s, facts):
            return Refused("held", {"until": s.held_until, "by": s.holder})
    for place in do.ahead:
        if past := [said for said in _said(payload, place) if said < day]:
            return Refused("past", {"field": place, "day": min(past), "today": day})
    if do.when:
        seen = {**known(process, s, payload, facts), **payload}
        for clause in clauses(do.when):
            if not (true := holds(clause, seen)):
                told = facts.beside if facts.beside and clause in facts.beside else {}
                return Refused("not_evaluated" if true is None else "condition", {"condition": clause, **told})
    to = do.to
    if do.limit and s.done.get(c.action, 0) >= do.limit:
        if not do.over:
            return Refused("limit", {"action": c.action, "limit": do.limit})
        to = do.over
    target = settle(process, to, s, payload, facts)
    if isinstance(target, Refused):
        return target
    return Move(target, step.role, behalf, None, do)


def due(process: Process, s: State, move: Move, payload: Mapping[str, Any], rules: Rules, day: str) -> str | None:
    """The deadline of the step that the move leads to: the one that stands, the payload's own, or by the case's book
    and calendar."""
    timer = process.steps[move.to].due
    if move.do is None or not timer:
        return move.due_on
    if move.do.to == move.to and (said := s.facts.get(f"due_{move.to}") if move.do.stands else payload.get("due_on")):
        return str(said)
    return rules.deadline(s.book, timer, day, {**s.facts, **payload, **payload.get("case", {}).get("facts", {})})


def too_far(process: Process, s: State, move: Move, payload: Mapping[str, Any], rules: Rules,
            day: str) -> Refused | None:  # fmt: skip
    """A deadline that a person names lies after today, and not beyond what the case's book gives that step from today:
    nobody is granted more than the whole time again."""
    said = payload.get("due_on")
    if said is None or move.do is None or not (timer := process.steps[move.do.to].due):
        return None
    if said <= day:
        return Refused("past", {"field": "due_on", "day": said, "today": day})
    latest = rules.deadline(s.book, timer, day, {**s.facts, **payload})
    return Refused("too_far", {"day": said, "latest": latest}) if said > latest else None


def _said(payload: Mapping[str, Any], place: str) -> list[str]:
    """The days at a place of a payload: `until`, or `measures.by` of each of them."""
    name, _, rest = place.partition(".")
    found = payload.get(name)
    if rest:
        return [said for element in found or () for said in _said(element, rest)]
    return [] if found is None else [found]


def settle(process: Process, to: str, s: State, payload: Mapping[str, Any], facts: Facts) -> str | Refused:
    """Follows gateways to a step that waits or ends. A condition that can't be evaluated stops the act."""
    for _ in range(len(process.steps)):
        step = process.steps[to]
        if step.kind != GATEWAY:
            return to
        seen = known(process, s, payload, facts)
        for do in step.does:
            true = holds(do.when, seen) if do.when else True
            if true is None:
                return Refused("not_evaluated", {"condition": do.when})
            if true:
                to = do.to
                break
    return Refused("not_evaluated", {"condition": f"gateway {to} leads back to itself"})


def known(process: Process, s: State, payload: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """The facts that a condition may ask for: the case's, this payload's, those from beside, counts of open siblings."""
    seen = {**s.facts, **(facts.beside or {})}
    seen.update((name, payload[name]) for name in process.facts if name in payload)
    for name, n in (facts.open_siblings or {}).items():
        seen[f"open_{name}"] = n
    return seen


def why_not(process: Process, step: Step, s: State, actor: Person, behalf: str | None, actions: Iterable[str],
            facts: Facts) -> Refused | None:  # fmt: skip
    """Why this person, perhaps standing in for another, may do none of these actions at this step; None if he may.

    The same for deciding, claiming, delegating, reassigning and for "who may": there is no second way in."""
    if actor.id == SYSTEM:
        return Refused("person_only", {"step": s.step})
    if actor.lane != step.lane:
        return Refused("lane", {"lane": step.lane, "yours": actor.lane})
    if step.role not in actor.roles:
        return Refused("role", {"role": step.role})
    if step.of_unit and (refused := _other_unit(s, actor, facts.manager, facts)):
        return refused
    hands = (actor.id, behalf) if behalf else (actor.id,)
    holder = _holder(step, s, facts)
    if behalf:
        if behalf != s.delegator and s.delegator and holder in hands:
            return Refused("no_chain", {"for": s.delegator})
        absent = (facts.persons or {}).get(behalf)  # who has left, or the role has left, nobody stands in for
        if absent is None or step.role not in absent.roles or behalf not in (*actor.stands_for, s.delegator):
            return Refused("no_deputy", {"absent": behalf, "role": step.role})
    owner = _owner(step, s, facts)
    if step.whose and owner is None and holder not in hands:
        return Refused("no_owner", {"whose": step.whose})
    if owner is not None and owner not in hands and holder not in hands:
        return Refused("not_yours", {"owner": owner})
    if holder is not None and holder not in hands:
        return Refused("taken", {"by": holder, "at": s.last_at})
    related = actor.related
    if behalf and facts.persons and behalf in facts.persons:
        related = related | facts.persons[behalf].related
    if s.subject in related or s.subject in hands:
        return Refused("related", {"subject": s.subject})
    refused = None
    for action in actions:
        if action == step.late:
            continue
        refused = _four_eyes(process, s, action, hands, facts)
        if refused is None:
            return None
    return refused


def who_may(process: Process, s: State, staff: Mapping[str, Person], facts: Facts, action: str = "") -> Iterator[str]:
    """Of those who hold the step's role, who may do this action (empty: at least one): himself, or as a deputy. The
    owner comes first: whether there is anybody is mostly answered by him."""
    step = process.steps[s.step]
    actions = (action,) if action else tuple(step.by_name)
    owner = _owner(step, s, facts)
    first = (owner,) if owner is not None and owner in staff else ()
    for id_ in chain(first, (other for other in staff if other != owner)):
        person = staff[id_]
        for behalf in (_delegated(s, id_), *person.stands_for):
            if why_not(process, step, s, person, behalf, actions, facts) is None:
                yield id_
                break


def _four_eyes(process: Process, s: State, action: str, hands: tuple[str, ...], facts: Facts) -> Refused | None:
    for rival in process.rivals.get(action, ()):
        for done in (s.hands.get(rival), (facts.parent_hands or {}).get(rival)):
            if done:
                for person in hands:
                    if person in done:
                        return Refused("four_eyes", {"did": rival, "person": person})
    return None


def _owner(step: Step, s: State, facts: Facts) -> str | None:
    return s.owner if s.owner is not None else facts.manager if step.whose == "manager" else None


def _holder(step: Step, s: State, facts: Facts) -> str | None:
    """Who has the item in hand. What its owner took up, or delegated, passes with it to the next owner; what an
    authority gave to somebody is his."""
    owner = _owner(step, s, facts)
    return s.holder if s.given or owner is None or owner in (s.holder, s.delegator) else None


def _other_unit(s: State, actor: Person, owner: str | None, facts: Facts) -> Refused | None:
    """Who rules in a unit rules in its own: that of the owner, or of the case where he has left."""
    there = (facts.persons or {}).get(owner or "")
    unit = there.unit if there is not None else s.facts.get("unit")
    if unit and actor.unit and actor.unit != unit:  # which unit it was is not in the journal, so not replayed
        return Refused("unit", {"unit": unit, "yours": actor.unit})
    return None


def _rules(process: Process, role: str, s: State, actor: Person) -> Refused | None:
    """Why an authority has no say: without the role, out of its lane, or about himself or a relation."""
    if not role or role not in actor.roles:
        return Refused("role", {"role": role or "nobody"})
    if actor.lane not in (lanes := process.lanes_of(role)):
        return Refused("lane", {"lane": next(iter(lanes), "nobody"), "yours": actor.lane})
    if s.subject == actor.id or s.subject in actor.related:
        return Refused("related", {"subject": s.subject})
    return None


def _item_act(process: Process, step: Step, s: State, c: Command, payload: Mapping[str, Any], actor: Person,
              facts: Facts, day: str) -> Move | Refused:  # fmt: skip
    if c.action == "cancel":
        if refused := _rules(process, process.cancel, s, actor):
            return refused
        for hands in (s.hands, facts.parent_hands or {}):  # nobody ends what he had a part in
            for did, persons in hands.items():
                if actor.id in persons:
                    return Refused("four_eyes", {"did": did, "person": actor.id})
        return Move("cancelled", process.cancel)
    if step.kind != USER:
        return Refused("no_item", {"step": s.step})
    if c.action == "remind":
        if actor.id != SYSTEM or c.run is None:
            return Refused("system_only", {"step": s.step})
        return Move(s.step, SYSTEM, None, s.due_on)
    actions = tuple(step.by_name)
    if c.action == "comment":
        if actor.roles and actor.roles <= ONLY_READS:
            return Refused("reads_only")
        if s.subject == actor.id or s.subject in actor.related:
            return Refused("related", {"subject": s.subject})
        if actor.lane in OUTSIDE and s.owner != actor.id:
            return Refused("not_yours", {"owner": s.owner})
        return Move(s.step, next(iter(sorted(actor.roles)), "none"), None, s.due_on)
    if c.action == "reassign":
        role = process.authority.get(step.lane, "")
        if refused := _rules(process, role, s, actor):
            return refused
        if step.whose == "manager" and (refused := _other_unit(s, actor, _owner(step, s, facts), facts)):
            return refused
        return _to_another(process, step, s, payload, role, facts)
    behalf = c.on_behalf_of or _delegated(s, actor.id)
    if c.action == "hand_back":
        if s.holder is None or s.holder not in (actor.id, c.on_behalf_of):
            return Refused("not_holder", {"holder": s.holder})
        if c.on_behalf_of and c.on_behalf_of not in actor.stands_for:
            return Refused("no_deputy", {"absent": c.on_behalf_of, "role": step.role})
        return Move(s.step, step.role, c.on_behalf_of, s.due_on)
    if refused := why_not(process, step, s, actor, behalf, actions, facts):
        return refused
    if c.action == "claim":
        if holder := _holder(step, s, facts):
            return Refused("taken", {"by": holder, "at": s.last_at})
        return Move(s.step, step.role, behalf, s.due_on)
    if c.action == "delegate":
        if behalf is not None:
            return Refused("no_chain", {"for": behalf})
        return _to_another(process, step, s, payload, step.role, facts, delegator=actor.id)
    return _hold(step, s, payload, behalf, facts, day)


def _delegated(s: State, person: str) -> str | None:
    """Who delegated the item to him: in whose name he then acts too."""
    return s.delegator if s.holder == person else None


def _to_another(process: Process, step: Step, s: State, payload: Mapping[str, Any], role: str, facts: Facts,
                delegator: str | None = None) -> Move | Refused:  # fmt: skip
    """Delegate and reassign: the one who gets it must be one who may do it, as if he had come himself."""
    to = (facts.persons or {}).get(str(payload.get("to")))
    if to is None:
        return Refused("unknown_person", {"person": payload.get("to")})
    if to.id in (s.holder, delegator):
        return Refused("taken", {"by": to.id, "at": s.last_at})
    trial = State(s.id, s.process, s.subject, s.slot, s.parent, s.book, s.step, hands=s.hands, owner=s.owner,
                  facts=s.facts, holder=to.id, delegator=delegator, given=delegator is None or s.given)  # fmt: skip
    if refused := why_not(process, step, trial, to, delegator, tuple(step.by_name), facts):
        return Refused("not_to_him", {"to": to.id, "code": refused.code, **refused.facts})
    return Move(s.step, role, None, s.due_on)


def _hold(
    step: Step, s: State, payload: Mapping[str, Any], behalf: str | None, facts: Facts, day: str
) -> Move | Refused:
    days = held_days(s, str(payload["until"]), day)
    if days < 1:
        return Refused("hold_past", {"until": str(payload["until"])})
    if s.held_days + days > facts.holds_max:
        return Refused("hold_too_long", {"left": facts.holds_max - s.held_days, "asked": days})
    due_on = (date.fromisoformat(s.due_on) + timedelta(days=days)).isoformat() if s.due_on else None
    return Move(s.step, step.role, behalf, due_on)


def opening(process: Process, c: Command, slots: Mapping[tuple[str, str], int]) -> Refused | None:
    """May a case be opened: is its slot free?"""
    if c.slot is not None and (process.name, c.slot) in slots:
        return Refused("slot", {"slot": c.slot, "case": slots[process.name, c.slot]})
    return None if process.steps[process.start].kind == START else Refused("not_here", {"step": process.start})
