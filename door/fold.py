"""The state of a case: the fold of its stream. One function moves it on, for act, rebuild and replay alike."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson

from door.journal import ZERO, Entry
from models.process import END, USER, Do, Process


@dataclass(slots=True)
class State:
    """Where a case stands and what it remembers.

    `visits`: how often each step was entered; `done`: how often each arrow was taken; `hands`: who took it, in any
    round, with whom he stood in for; `facts`: the payload fields that the process remembers. The rest describes
    the item while a person's turn lasts: `owner` (whose it is), `holder` (claimed by or handed to), `delegator`,
    `given` (to the holder by an authority, whosever it is).
    `last_person` and `last_at`: who last moved it or took it in hand; a comment does neither.
    """

    id: int
    process: str
    subject: str
    slot: str | None
    parent: int | None
    book: str
    step: str
    stream: str = ""
    seq: int = 0
    head: str = ZERO
    opened_on: str = ""
    closed_on: str | None = None
    last_person: str = ""
    last_at: str = ""
    visits: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    hands: dict[str, list[str]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    since: str = ""
    due_on: str | None = None
    owner: str | None = None
    holder: str | None = None
    delegator: str | None = None
    held_until: str | None = None
    held_days: int = 0
    rung: int = 0
    given: bool = False


def dump(s: State) -> str:
    """What of the state has no column of its own, as JSON; sorted, so that the journal gives the same bytes again."""
    return orjson.dumps([
        s.last_person, s.last_at, s.visits, s.done, s.hands, s.facts, s.since, s.due_on, s.owner, s.holder,
        s.delegator, s.held_until, s.held_days, s.rung, s.given,
    ], option=orjson.OPT_SORT_KEYS).decode()  # fmt: skip


def facts_in(state: str) -> dict[str, Any]:
    """The facts in a dumped state, for lists of cases."""
    return dict(orjson.loads(state)[5])


CASE_COLUMNS = ("id", "process", "stream", "subject", "slot", "parent", "book", "step", "seq", "head", "opened_on",
                "closed_on", "state")  # fmt: skip


def load(row: tuple[Any, ...]) -> State:
    """The state from a row of CASE_COLUMNS."""
    id_, process, stream, subject, slot, parent, book, step, seq, head, opened_on, closed_on, state = row
    return State(id_, process, subject, slot, parent, book, step, stream, seq, head, opened_on, closed_on,
                 *orjson.loads(state))  # fmt: skip


def case_row(s: State) -> tuple[Any, ...]:
    return (s.id, s.process, s.stream, s.subject, s.slot, s.parent, s.book, s.step, s.seq, s.head, s.opened_on,
            s.closed_on, dump(s))  # fmt: skip


ITEM_COLUMNS = ("case_id", "process", "subject", "step", "role", "lane", "round", "since", "due_on", "owner", "whose",
                "holder", "held_until", "rung", "facts")  # fmt: skip


def item_row(process: Process, s: State) -> tuple[Any, ...] | None:
    """The item of a case that waits for a person, None where it does not."""
    step = process.steps[s.step]
    if step.kind != USER:
        return None
    whose = step.whose if s.owner is None and step.whose else None
    listed = {name: s.facts[name] for name in process.listed if name in s.facts}
    return (s.id, s.process, s.subject, s.step, step.role, step.lane, s.visits.get(s.step, 0), s.since, s.due_on, s.owner,
            whose, s.holder, s.held_until, s.rung, orjson.dumps(listed).decode() if listed else "")  # fmt: skip


def blank(process: Process, id_: int, subject: str, slot: str | None, parent: int | None, book: str) -> State:
    """A case before its first entry: at the start."""
    return State(id_, process.name, subject, slot, parent, book, process.start, stream=f"{process.stream}:{id_}")


def fold(process: Process, s: State, entry: Entry, payload: Mapping[str, Any]) -> None:
    """Moves the state on by one entry. Everything it needs stands in the entry, so a rebuild gives the same."""
    action = entry.action
    s.seq, s.head = entry.seq, entry.hash
    if action not in ("comment", "remind"):
        s.last_person, s.last_at = entry.person, entry.recorded_at
    if action in _ITEM:
        _ITEM[action](s, entry, payload)
        if entry.step == s.step:
            return
    else:
        s.done[action] = s.done.get(action, 0) + 1
        hands = s.hands.setdefault(action, [])
        for person in (entry.on_behalf_of, entry.person):  # the newest last: `whose` may ask who did it last
            if person:
                if person in hands:
                    hands.remove(person)
                hands.append(person)
        facts = s.facts
        for name in process.facts:
            if name in payload:
                facts[name] = payload[name]
        if (on := f"{action}_on") in process.facts:
            facts[on] = entry.business_date
        if entry.seq == 1:
            s.opened_on = entry.business_date
            facts.update(payload.get("case", {}).get("facts", {}))
    arrow = process.steps[s.step].by_name.get(action)
    if s.step in process.standing:
        s.facts[f"due_{s.step}"], s.facts[f"held_{s.step}"] = s.due_on, s.held_days
    s.step, s.since, s.due_on = entry.step, entry.business_date, entry.due_on
    s.visits[s.step] = s.visits.get(s.step, 0) + 1
    s.holder = s.delegator = s.held_until = None
    s.rung, s.given = 0, False
    s.held_days = s.facts[f"held_{s.step}"] if arrow and arrow.stands and arrow.to == s.step else 0
    step = process.steps[s.step]
    s.owner = owner_of(step.whose, s)
    if step.kind == END:
        s.closed_on = entry.business_date


def rows_of(arrow: Do | None, s: State, entry: Entry, payload: Mapping[str, Any],
            columns: Callable[[str], Sequence[str]]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:  # fmt: skip
    """The rows that an arrow writes, by table, once its entry is folded in: an element of the payload each, filled up
    from the entry and the case's facts. What holds `since` a date holds at the earliest since the entry's own, so that
    nothing is changed for days that are over. `columns` names a table's columns."""
    own = {"case_id": s.id, "seq": entry.seq, "recorded_at": entry.recorded_at, "subject": s.subject,
           "since": max(s.facts.get("since", ""), entry.business_date)}  # fmt: skip
    for table, name in (arrow.rows if arrow else {}).items():
        names = columns(table)
        elements = payload[name] if name else [{}]
        said = ({**s.facts, **own, **{k: v for k, v in e.items() if v is not None}} for e in elements)
        yield table, list(dict.fromkeys(tuple(e.get(n) for n in names) for e in said))


def owner_of(whose: str, s: State) -> str | None:
    """Whose step it is, as far as the case itself knows: a fact, or who last did the action of that name."""
    if not whose:
        return None
    if whose in s.facts:
        return str(s.facts[whose])
    return s.hands[whose][-1] if whose in s.hands else None


def _claim(s: State, e: Entry, p: Mapping[str, Any]) -> None:
    s.holder = e.on_behalf_of or e.person  # a deputy claims for the absent: in whose hands it stays
    s.delegator, s.held_until, s.given = None, None, False


def _hand_back(s: State, e: Entry, p: Mapping[str, Any]) -> None:
    s.holder = s.delegator = s.held_until = None
    s.given = False


def _delegate(s: State, e: Entry, p: Mapping[str, Any]) -> None:
    s.holder, s.delegator = p["to"], e.person


def _reassign(s: State, e: Entry, p: Mapping[str, Any]) -> None:
    s.holder, s.delegator, s.held_until, s.given = p["to"], None, None, True


def _hold(s: State, e: Entry, p: Mapping[str, Any]) -> None:
    if s.holder is None or s.holder not in (e.person, e.on_behalf_of):  # nobody's, or of one whose it is no longer
        s.holder, s.delegator, s.given = e.on_behalf_of or e.person, None, False
    s.held_days += held_days(s, p["until"], e.business_date)
    s.held_until, s.due_on = p["until"], e.due_on


def held_days(s: State, until: str, day: str) -> int:
    """The days that a hold adds: from today, or from the end of the hold that it lengthens."""
    return (date.fromisoformat(until) - date.fromisoformat(max(day, s.held_until or day))).days


def _remind(s: State, e: Entry, p: Mapping[str, Any]) -> None:
    s.rung = p["rung"]


def _nothing(s: State, e: Entry, p: Mapping[str, Any]) -> None:
    pass


_ITEM = {"claim": _claim, "hand_back": _hand_back, "delegate": _delegate, "reassign": _reassign, "hold": _hold,
         "remind": _remind, "comment": _nothing, "cancel": _nothing}  # fmt: skip
