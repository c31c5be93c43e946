"""Where a case stands: its steps in a row, done ones with day and count, the token, and how it goes on from there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from door.fold import State
from door.journal import Entry
from models.process import END, GATEWAY, ITEM_ACTS, START, USER, Process, Step, holds
from portal.case.sight import DRAW, Sight
from portal.words.reader import Reader
from tasks.gate import VERIFYING

#: Steps up to which an inspector follows a case; what comes after is the bank's.
COLLECTING = ("start", "dispatch", "visit", "screen", "check")


@dataclass(frozen=True, slots=True)
class Mark:
    """A step of the row. `flow`: a run's, no person's; `says` stands below its name."""

    name: str
    says: str = ""
    flow: bool = False
    done: bool = False
    here: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """The case left a step by an action on a day, and came to another."""

    step: str
    action: str
    to: str
    day: str


def passages(process: Process, entries: Sequence[Entry]) -> Iterator[Passage]:
    at = process.start
    for e in entries:
        if e.action not in ITEM_ACTS or e.step != at:
            yield Passage(at, e.action, e.step, e.business_date)
            at = e.step


def strip(process: Process, s: State, entries: Sequence[Entry], reader: Reader, with_: str, sight: Sight) -> list[Mark]:
    """`with_`: in whose hands the case is, as it is said below the present step."""
    left: dict[str, list[str]] = {}
    for p in passages(process, entries):
        left.setdefault(p.step, []).append(p.day)
    ended = process.steps[s.step].kind == END
    place = list(process.steps).index
    before = sorted((n for n in left if n != s.step and (ended or place(n) < place(s.step))), key=place)
    ahead = [n for n in _ahead(process, s) if not sight.unannounced or n == DRAW or n not in VERIFYING]
    if sight.vendor:
        return _for_vendor(process, s, [n for n in before if n in COLLECTING], left, ahead, reader, with_)
    return [
        *(_done(process, n, left[n], reader) for n in before),
        _mark(process, s.step, reader.day(s.closed_on, year=False) if ended else with_, reader, here=True,
              hidden=sight.hides(s)),
        *(_mark(process, n, reader.say("again") if n in left else "", reader, hidden=sight.unannounced and n == DRAW)
          for n in ahead),
    ]  # fmt: skip


def _for_vendor(process: Process, s: State, before: list[str], left: Mapping[str, list[str]], ahead: list[str],
                reader: Reader, with_: str) -> list[Mark]:  # fmt: skip
    """His part step by step, the bank's in one."""
    own = s.step in COLLECTING
    bank = Mark(reader.say("With the bank"), here=not own)
    here = [_mark(process, s.step, with_, reader, here=True)] if own else []
    rest = [_mark(process, n, "", reader) for n in ahead if n in COLLECTING]
    return [*(_done(process, n, left[n], reader) for n in before), *here, *rest, bank]


def _done(process: Process, step: str, days: list[str], reader: Reader) -> Mark:
    says = reader.day(days[-1], year=False)
    if len(days) == 2:
        says = reader.say("{day}, twice").format(day=says)
    elif len(days) > 2:
        says = reader.say("{day}, {n} times").format(day=says, n=len(days))
    return _mark(process, step, says, reader, done=True)


def _mark(process: Process, step: str, says: str, reader: Reader, done: bool = False, here: bool = False,
          hidden: bool = False) -> Mark:  # fmt: skip
    flow = process.steps[step].kind not in (USER, START, END) and not hidden
    return Mark(
        named(reader, process.name, step, hidden), says or (reader.say("flow") if flow else ""), flow, done, here
    )


def _ahead(process: Process, s: State) -> Iterator[str]:
    """How it goes on if everything goes its ordinary way: by the first arrow of each step, at a gateway by the facts."""
    seen, at = {s.step}, s.step
    while process.steps[at].does:
        at = _next(process.steps[at], s)
        if at in seen:
            return
        seen.add(at)
        if process.steps[at].kind != GATEWAY:
            yield at


def _next(step: Step, s: State) -> str:
    if step.kind == GATEWAY:
        return next((do.to for do in step.does if not do.when or holds(do.when, s.facts)), step.does[-1].to)
    return next((do.to for do in step.does if do.name != step.late), step.does[0].to)


def named(reader: Reader, process: str, step: str, hidden: bool = False) -> str:
    """A step's name as a place where the case stands; `hidden`: it is verified, and which way he is not told."""
    if hidden:
        return reader.say("Verification")
    return reader.words.places.get(step) or reader.step(step, process)
