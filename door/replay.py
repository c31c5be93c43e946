"""Replay: what was decided is decided again, on what was recorded then, and compared. Comparing stored with stored
is not replay; whether the record itself was touched is another question (door/audit.py)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from door.command import SYSTEM, THE_SYSTEM, Command, Person, Refused, Rules
from door.decide import Facts, decide, due, too_far
from door.fold import State, blank, fold
from door.journal import Entry
from models.process import GATEWAY, ITEM_ACTS, Process

#: What a decision depended on outside its own stream, by the entry's instant: responsible manager, parent's hands,
#: open siblings by process, the book's maximum of held days.
Around = Callable[[Process, State, Entry], Facts]


@dataclass(frozen=True, slots=True)
class Divergence:
    """An entry that would not be made again: where, what differs, what was recorded, what comes out now; where that is a
    refusal, its code, and the refusal itself."""

    stream: str
    seq: int
    what: str
    recorded: str
    recomputed: str
    refused: Refused | None = None


#: Why an entry is not decided again: a payload that it was decided on, or its own, is erased (by right); it was made
#: under an earlier declaration of the process (`before`); an entry before it can't be read.
ERASED, OTHER_PAGE, AFTER_UNREADABLE = "erased", "other_page", "after_unreadable"

STUMBLES = (LookupError, TypeError, ValueError, AttributeError)  # what an entry that nobody decided can bring about


def recheck(process: Process, entries: Iterable[Entry], rules: Rules, around: Around,
            seen: Callable[[State, Entry, Mapping[str, Any]], None] | None = None,
            left: Callable[[Entry, str], None] | None = None) -> Iterator[Divergence]:  # fmt: skip
    """Decides every entry of one case's stream again, from the state that the entries before it make.

    `seen` is called with that state before each entry is folded in, so that automatic steps can be recomputed on it;
    `left` with each entry that can't be decided again, and why."""
    s: State | None = None
    why = ""
    for e in entries:
        if e.payload is None and e.action != "comment":  # without its payload the state after it is not known
            why = why or ERASED
        if why:
            if left is not None:
                left(e, why)
            continue
        try:
            payload = orjson.loads(e.payload) if e.payload else {}
            s = s or _begun(process, e, payload)
            if e.process == process.hash:
                yield from _again(process, s, e, payload, rules, around(process, s, e))
            elif e.process not in process.before:
                yield Divergence(e.stream, e.seq, "page", str(e.process), process.hash)
            elif left is not None:
                left(e, OTHER_PAGE)
            if seen is not None:
                seen(s, e, payload)
            fold(process, s, e, payload)
        except STUMBLES as error:
            yield Divergence(e.stream, e.seq, "unreadable", e.action, f"{type(error).__name__}: {error}")
            why = AFTER_UNREADABLE


def _begun(process: Process, e: Entry, payload: Mapping[str, Any]) -> State:
    """The case before its opening entry, which says what it is about."""
    origin = payload.get("case", {}) if e.seq == 1 else {}
    s = blank(process, int(e.stream.partition(":")[2]), origin.get("subject", ""), origin.get("slot"),
              origin.get("parent"), origin.get("book", ""))  # fmt: skip
    s.facts.update(origin.get("facts", {}))
    return s


def _again(process: Process, s: State, e: Entry, payload: Mapping[str, Any], rules: Rules,
           facts: Facts) -> Iterator[Divergence]:  # fmt: skip
    step = process.steps[s.step]
    said = payload if e.seq > 1 else {name: value for name, value in payload.items() if name != "case"}
    command = Command(e.person, e.action, said, case=s.id, on_behalf_of=e.on_behalf_of, run=e.run)
    actor, facts.persons = _as_recorded(process, s, e, payload)
    move = decide(process, s, command, said, actor, facts, e.business_date)
    if isinstance(move, Refused):
        yield Divergence(e.stream, e.seq, "refused", e.action, move.code, move)
        return
    if refused := too_far(process, s, move, payload, rules, e.business_date):
        yield Divergence(e.stream, e.seq, "refused", e.action, refused.code, refused)
        return
    now = (move.to, move.role, due(process, s, move, payload, rules, e.business_date), s.visits.get(s.step, 0))
    then = (e.step, e.role, e.due_on, e.round)
    if e.action in ("comment", "reassign", "cancel"):
        now = (now[0], e.role, *now[2:])
    for what, recorded, recomputed in zip(("step", "role", "deadline", "round"), then, now, strict=True):
        if recorded != recomputed:
            yield Divergence(e.stream, e.seq, what, str(recorded), str(recomputed))
    if step.kind == GATEWAY:
        yield Divergence(e.stream, e.seq, "step", s.step, "a gateway never waits")


@lru_cache(maxsize=4096)
def _person(name: str, lane: str, role: str) -> Person:
    return Person(name, lane, frozenset((role,)))


def _as_recorded(process: Process, s: State, e: Entry, payload: Mapping[str, Any]) -> tuple[Person, dict[str, Person]]:
    """The persons of an entry as they must have been: which roles they held that day is the staff list's matter, and
    stands in the entry; that the hands were apart, the turn theirs and the arrow there is decided again."""
    if e.person == SYSTEM:
        return THE_SYSTEM, {}
    step = process.steps[s.step]
    if e.action not in ITEM_ACTS and not e.on_behalf_of:
        return _person(e.person, step.lane, e.role), {}
    roles = frozenset((step.role, e.role, process.cancel, *process.authority.values()))
    if e.action not in ITEM_ACTS:
        roles = frozenset((e.role,))
    stands_for = frozenset((e.on_behalf_of,)) if e.on_behalf_of else frozenset[str]()
    lane = "" if e.action == "comment" else step.lane
    if e.action in ("reassign", "cancel"):
        lane = next(iter(process.lanes_of(e.role)), "")
    persons = {
        name: Person(name, step.lane, frozenset((step.role,))) for name in (e.on_behalf_of, payload.get("to")) if name
    }
    return Person(e.person, lane, roles, stands_for=stands_for), persons
