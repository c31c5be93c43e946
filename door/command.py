"""What goes in at the door and what comes out: command, verdict, refusal, and what is passed in from the edge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from door.fold import State
from models.process import Process

SYSTEM = "system"


@dataclass(slots=True)  # not frozen: ten thousand are made a second
class Command:
    """One thing that somebody wants done.

    With `case`: an arrow or item act on it. With `process`: opens a case on `subject` (and in `slot`, of which a
    process has at most one open case). `seen` is the version (seq) that the person looked at; `key` makes a repeat
    harmless; `run` is the run that decides, for automatic steps.
    """

    person: str
    action: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    case: int | None = None
    process: str = ""
    subject: str = ""
    slot: str | None = None
    parent: int | None = None
    book: str = ""
    on_behalf_of: str | None = None
    key: str | None = None
    run: int | None = None
    seen: int | None = None


def legible(key: str) -> bool:
    """Can a key be kept, and read out? PostgreSQL keeps no NUL."""
    return len(key) <= 200 and key.isprintable()


@dataclass(frozen=True, slots=True)
class Refused:
    """A reason as code and facts; tasks/sentences.py says it in words."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Verdict:
    """What became of a command: the entry that it made (stream, seq, hash) and where the case now stands, or a
    refusal. `repeated`: the key was used before, this is the first answer again. `nobody`: the case now waits at
    a step that no one may do; operations is told."""

    case: int | None
    step: str = ""
    seq: int = 0
    hash: str = ""
    refused: Refused | None = None
    repeated: bool = False
    nobody: bool = False
    opened: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """An actor as the door sees him on a business date: lane of his unit, roles, whom he may stand in for."""

    id: str
    lane: str
    roles: frozenset[str]
    unit: str = ""
    related: frozenset[str] = frozenset()
    stands_for: frozenset[str] = frozenset()


THE_SYSTEM = Person(SYSTEM, SYSTEM, frozenset((SYSTEM,)))


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks and the randomness of one act: `business_date` (ISO) drives deadlines, `now()` (UTC, ISO with
    microseconds and Z) is the recorded instant, `salts(n)` gives n salts of 32 hex characters."""

    business_date: str
    now: Callable[[], str]
    salts: Callable[[int], list[str]]


@dataclass(frozen=True, slots=True)
class Rules:
    """The declarations that the door works by: processes by name; deadline(book, timer, day, facts) → ISO date;
    the most days that an item may be held, by book; misfit(book, subject, payload) → why what a person says, though it
    has the form, does not fit the case's book and subject; empty where it does; beside(case, day, at) → the facts that
    its page asks for and it does not remember, as they stood before an instant (empty: now, and held until the act is
    written), and the newest instant that they rest on."""

    processes: Mapping[str, Process]
    deadline: Callable[[str, str, str, Mapping[str, Any]], str]
    holds_max: Callable[[str], int]
    misfit: Callable[[str, str, Mapping[str, Any]], str] = lambda book, subject, payload: ""
    beside: Callable[[State, str, str], tuple[Mapping[str, Any], str]] = lambda case, day, at: ({}, "")
