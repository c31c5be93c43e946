"""The one door: the only writer of cases, items and journal, for flows, pages, programs and the command line.

In one transaction: lock and load for all commands, decide each purely, fold and seal in memory, write in bulk.
One verdict a command, in their order. What is refused goes to the actor's own stream and changes no case.
"""

import gc
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, TypeVar

import orjson
import psycopg
from pydantic import ValidationError

from door import store
from door.command import SYSTEM, Clock, Command, Person, Refused, Rules, Verdict, legible
from door.db import Db
from door.decide import Facts, Move, decide, due, opening, too_far, who_may, why_not
from door.fold import State, blank, owner_of
from door.journal import Entry, canonical
from door.known import Known
from door.record import Record
from models import forms
from models.process import USER, Form, Nothing, Process

CHUNK = 200  # commands a transaction of a long list, so that people are not locked out
TRIES = 5
T = TypeVar("T")

_ITEM_FORMS: Mapping[str, type[Form]] = {
    "claim": Nothing, "hand_back": Nothing, "delegate": forms.Handing, "reassign": forms.Handing, "hold": forms.Hold,
    "comment": forms.Comment, "cancel": forms.Reason, "remind": forms.Rung,
}  # fmt: skip


def act(db: Db, commands: Sequence[Command], clock: Clock, rules: Rules) -> list[Verdict]:
    """Decides and writes the commands in one transaction; one verdict each, in order.

    Raises what the database raises; then nothing was written."""
    with _undisturbed(len(commands)):
        return in_one(db, lambda: _Acting(db, commands, clock, rules).all())


def in_one(db: Db, work: Callable[[], T]) -> T:
    """Does the work in the transaction that is open, or else in one of its own. A collision of two on PostgreSQL
    (deadlock, same key at once) is tried again from the start."""
    if db.inside:
        return work()
    for attempt in range(TRIES):
        try:
            with db.transaction():
                return work()
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation):
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


@contextmanager
def _undisturbed(n: int) -> Iterator[None]:
    """A long list makes many objects, none of them garbage: the collector would walk them again and again."""
    pause = n >= CHUNK and gc.isenabled()
    if pause:
        gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


def act_in_chunks(db: Db, commands: Iterable[Command], clock: Clock, rules: Rules,
                  give_way: Callable[[], None], size: int = CHUNK) -> Iterator[tuple[Command, Verdict]]:  # fmt: skip
    """A long list, a transaction a chunk; `give_way` is called between them (people's acts come in there)."""
    chunk: list[Command] = []
    for command in commands:
        chunk.append(command)
        if len(chunk) >= size:
            yield from zip(chunk, act(db, chunk, clock, rules), strict=True)
            chunk = []
            give_way()
    if chunk:
        yield from zip(chunk, act(db, chunk, clock, rules), strict=True)


def note(db: Db, stream: str, action: str, person: str, payload: Mapping[str, Any], clock: Clock,
         key: str | None = None) -> Entry:  # fmt: skip
    """An entry in a stream that is no case (a sign-in, a draw's secret, the gate's answer): in the transaction that
    is open, or else in its own."""
    with nullcontext() if db.inside else db.transaction():
        record = Record(db, clock, {})
        record.note(stream, action, person, payload, key)
        record.write()
        return record.entries[-1]


class _Acting:
    """One call of `act`: what is known, what has been decided so far, what is recorded of it."""

    def __init__(self, db: Db, commands: Sequence[Command], clock: Clock, rules: Rules) -> None:
        self.db, self.commands, self.rules, self.day = db, commands, rules, clock.business_date
        self.known = Known(db, commands, self.day, rules)
        self.record = Record(db, clock, rules.processes, len(commands), self.known.newest)
        self.free_ids: list[int] = []
        self.answered: dict[tuple[str, str], tuple[str, Verdict]] = {}
        self.staff: dict[str, dict[str, Person]] = {}
        self.able: dict[str, Person] = {}

    def all(self) -> list[Verdict]:
        verdicts = [self._one(c) for c in self.commands]
        self.record.write()
        return verdicts

    # -- decide -------------------------------------------------------------------------------------------------

    def _one(self, c: Command) -> Verdict:
        if c.key is not None and not legible(c.key):
            says = "a key is at most 200 characters that can be printed"
            return self._refuse(c, Refused("form", {"field": "key", "says": says, "of": "command"}), keyed=False)
        if c.key is not None and (before := self._before(c)):
            return before
        verdict = self._decided(c)
        if c.key is not None:
            self.answered[c.person, c.key] = (_asked(c), verdict)
        return verdict

    def _decided(self, c: Command) -> Verdict:
        known = self.known.case(c)
        process = self.known.process(c)
        if process is None:
            return self._refuse(c, Refused("no_case", {"case": c.case, "process": c.process}))
        if known is None:
            if c.parent is not None and c.parent not in self.known.states:
                return self._refuse(c, Refused("no_case", {"case": c.parent, "process": c.process}))
            if refused := opening(process, c, self.known.slots):
                return self._refuse(c, refused)
        state = known or blank(process, 0, c.subject, c.slot, c.parent, c.book)
        if c.run in self.known.closed_runs:
            return self._refuse(c, Refused("run_closed", {"run": c.run}))
        payload = self._payload(process, c)
        if isinstance(payload, Refused):
            return self._refuse(c, payload)
        facts = self.known.facts(process, state)
        day = self.day
        move = decide(process, state, c, payload, self.known.people.get(c.person), facts, day)
        if isinstance(move, Refused):
            return self._refuse(c, move)
        if refused := too_far(process, state, move, payload, self.rules, day):
            return self._refuse(c, refused)
        children = self._children(c, state, move, payload)
        if isinstance(children, Refused):
            return self._refuse(c, children)
        if known is None:
            state = self._new(process, c)
            payload = {**payload, "case": _origin(c)}
        entry = self._enter(process, state, c, move, payload, facts)
        opened = tuple([self._open_child(state, *child) for child in children])
        return Verdict(state.id, state.step, entry.seq, entry.hash, nobody=self._nobody(state), opened=opened)

    def _open_child(self, parent: State, process: Process, c: Command, element: dict[str, Any],
                    inherited: Mapping[str, Any], move: Move) -> int:  # fmt: skip
        c.parent = parent.id
        child = self._new(process, c)
        self._enter(
            process, child, c, move, {**element, "case": _origin(c, inherited)}, self.known.facts(process, child)
        )
        return child.id

    def _nobody(self, s: State) -> bool:
        return bool(self.record.notices) and self.record.notices[-1][:3] == (s.id, s.seq, "nobody")

    def _payload(self, process: Process, c: Command) -> dict[str, Any] | Refused:
        """Has the form, and names what there is: in the case's book, and of its subject. A run's follows from them."""
        payload = self._formed(process, c)
        if c.person == SYSTEM or isinstance(payload, Refused):
            return payload
        known = self.known.case(c)
        says = self.rules.misfit(*((known.book, known.subject) if known else (c.book, c.subject)), payload)
        return Refused("form", {"field": "", "says": says, "of": c.action}) if says else payload

    def _formed(self, process: Process, c: Command) -> dict[str, Any] | Refused:
        """Validated by the arrow's form, in JSON's types."""
        form = _ITEM_FORMS.get(c.action) or process.form_of(c.action)
        if form is None or (form is Nothing and not c.payload):
            return {}  # where the action is offered nowhere, decide says so
        try:
            return form.model_validate(c.payload).model_dump(mode="json")
        except ValidationError as e:
            first = e.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            return Refused("form", {"field": where, "says": first["msg"], "of": form.__name__})

    def _before(self, c: Command) -> Verdict | None:
        """The first answer again, where the key was used before; a refusal where it was used for something else."""
        key = (c.person, c.key or "")
        if key in self.answered:
            asked, verdict = self.answered[key]
            if asked == _asked(c):
                return replace(verdict, repeated=True)
            return self._refuse(c, Refused("key_reused", {"key": c.key}), keyed=False)
        if key not in self.known.earlier:
            return None
        stream, seq, action, step, hash_, digest, salt, payload, behalf, at = self.known.earlier[key]
        if action == "refused":
            said = orjson.loads(payload) if payload else {}
            if said.get("asked") == _asked(c):
                return Verdict(c.case, refused=Refused(said["code"], said["facts"]), repeated=True)
        elif action == c.action and c.on_behalf_of in (None, behalf) and self._same_body(c, stream, salt, digest):
            case = int(stream.partition(":")[2])
            opened = store.opened(self.db, case, c.person, at) if self.known.opens(c) else ()
            return Verdict(case, step, seq, hash_, repeated=True, opened=opened)
        return self._refuse(c, Refused("key_reused", {"key": c.key, "stream": stream, "seq": seq}), keyed=False)

    def _same_body(self, c: Command, stream: str, salt: str | None, digest: str) -> bool:
        """Would the command be journaled, in that stream, with the payload that stands there?"""
        process = self.known.process(c)
        if process is None or salt is None or (c.case is not None and stream != f"{process.stream}:{c.case}"):
            return False
        payload = self._formed(process, c)
        if isinstance(payload, Refused):
            return False
        body = canonical({**payload, "case": _origin(c)} if c.case is None else payload)
        return hashlib.sha256((salt + body).encode()).hexdigest() == digest

    def _children(self, c: Command, parent: State, move: Move, payload: Mapping[str, Any]) -> (
            list[tuple[Process, Command, dict[str, Any], dict[str, Any], Move]] | Refused):  # fmt: skip
        """The cases that the arrow opens besides, each decided like any opening: all are allowed, or the act is not.

        A child remembers, besides its own form, those facts of its parent that its process asks for."""
        if move.do is None or not move.do.opens:
            return []
        found = []
        told = parent.facts | {n: payload[n] for n in self.rules.processes[parent.process].facts if n in payload}
        for name, process_name in move.do.opens.items():
            process = self.rules.processes[process_name]
            start = process.steps[process.start].does[0]
            for said in payload[name]:
                child = Command(c.person, start.name, said, process=process_name, subject=parent.subject,
                                parent=parent.id, book=parent.book, on_behalf_of=move.behalf)  # fmt: skip
                element = self._payload(process, child)
                if isinstance(element, Refused):
                    return element
                state = blank(process, 0, parent.subject, None, parent.id, parent.book)
                state.facts = {n: told[n] for n in process.facts if n in told and n not in element}
                state.holder, state.delegator = c.person, move.behalf  # whom he acts for here, he acts for there
                decided = decide(process, state, child, element, self.known.people.get(c.person), self.known.facts(process, state),
                                 self.day)  # fmt: skip
                if isinstance(decided, Refused):
                    return decided
                found.append((process, child, element, state.facts, decided))
        return found

    # -- record -------------------------------------------------------------------------------------------------

    def _new(self, process: Process, c: Command) -> State:
        if not self.free_ids:
            n = max(1, sum(1 for x in self.commands if x.case is None) if not self.record.new else 1)
            first = store.ids(self.db, n)
            self.free_ids = list(range(first + n - 1, first - 1, -1))
        state = blank(process, self.free_ids.pop(), c.subject, c.slot, c.parent, c.book)
        self.record.open(state)
        self.known.states[state.id] = state
        if c.slot is not None:
            self.known.slots[process.name, c.slot] = state.id
        return state

    def _enter(self, process: Process, s: State, c: Command, move: Move, payload: dict[str, Any],
               facts: Facts) -> Entry:  # fmt: skip
        """Records a permitted move: the next command of the list knows it, and who is to be told will be."""
        record, siblings, before = self.record, self.known.siblings, s.step
        entry = record.enter(process, s, c, move, payload, due(process, s, move, payload, self.rules, self.day))
        if s.parent is not None and (s.seq == 1 or s.closed_on):
            at = (s.parent, s.process)
            siblings[at] = siblings.get(at, 0) + (s.seq == 1) - bool(s.closed_on)
        if s.step != before and process.steps[s.step].kind == USER:
            record.notice(s, "item" if self._anyone(process, s, facts) else "nobody")
        if move.do is not None and move.do.tells and (told := owner_of(move.do.tells, s) or facts.manager):
            record.notice(s, c.action, told)
        if c.action in ("delegate", "reassign"):
            record.notice(s, "item", payload["to"])
        elif c.action == "remind":
            record.notice(s, "remind", payload["to"] or None)
        return entry

    def _refuse(self, c: Command, refused: Refused, keyed: bool = True) -> Verdict:
        refused = Refused(refused.code, {k: _plain(v) for k, v in refused.facts.items()})
        said = {"case": c.case, "process": c.process, "action": _plain(c.action), "code": refused.code,
                "facts": refused.facts, "asked": _asked(c), **({} if c.run is None else {"run": c.run})}  # fmt: skip
        self.record.note(f"person:{c.person}", "refused", c.person, said, c.key if keyed else None)
        return Verdict(c.case, refused=refused)

    def _anyone(self, process: Process, s: State, facts: Facts) -> bool:
        """Is there anybody who may do something at the case's step? In a list it is mostly the one of the case before."""
        step, day = process.steps[s.step], self.day
        last = self.able.get(step.role)
        if last is not None and why_not(process, step, s, last, None, step.by_name, facts) is None:
            return True
        if step.role not in self.staff:
            if len(self.commands) == 1:
                owner = s.owner or (facts.manager if step.whose == "manager" else None)
                if next(who_may(process, s, store.some(self.db, step.role, owner, day), facts), None) is not None:
                    return True
            self.staff[step.role] = store.staff(self.db, step.role, day)
            self.known.people.update(self.staff[step.role])
        found = next(who_may(process, s, self.staff[step.role], facts), None)
        if found is not None:
            self.able[step.role] = self.staff[step.role][found]
        return found is not None


def _origin(c: Command, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What an opening entry says about the case besides its form; `facts` are those that a child inherits."""
    return {"process": c.process, "subject": c.subject, "slot": c.slot, "parent": c.parent, "book": c.book,
            "facts": dict(facts or {})}  # fmt: skip


def _asked(c: Command) -> str:
    """A fingerprint of what was asked: the same key may only ask the same again."""
    asked = [c.case, c.action, dict(c.payload), c.process, c.subject, c.slot, c.parent, c.book, c.on_behalf_of]
    try:
        body = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS, default=str)
    except TypeError:  # what JSON cannot carry is refused; what was asked is to be told apart all the same
        body = repr(asked).encode()
    return hashlib.sha256(body).hexdigest()


LONGEST = 400  # characters of a fact of a refusal: who asks may have named a field by the megabyte


def _plain(fact: Any) -> Any:
    """A fact of a refusal as the journal can carry it: number, short text, nothing, or a list of them."""
    if fact is None or isinstance(fact, int):
        return fact
    if isinstance(fact, list | tuple):
        return [_plain(one) for one in fact]
    return str(fact)[:LONGEST].encode(errors="replace").decode()
