"""The one door: the only writer of cases, items and journal, for flows, pages, programs and the command line.

In one transaction: lock and load for all commands, decide each purely, fold and seal in memory, write in bulk.
One verdict a command, in their order. What is refused goes to the actor's own stream and changes no case.
"""

import gc
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import orjson
import psycopg
from pydantic import ValidationError

from door import store
from door.command import SYSTEM, Clock, Command, Person, Refused, Rules, Verdict
from door.db import Db, Row
from door.decide import Facts, Move, decide, due, opening, too_far, who_may, why_not
from door.fold import CASE_COLUMNS, State, blank, case_row, dump, fold, item_row, owner_of, rows_of
from door.journal import COLUMNS, ZERO, Entry, canonical, seal
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
        acting = _Acting(db, (), clock, Rules({}, lambda *_: "", lambda _: 0))
        acting.notes.append((stream, action, person, payload, key))
        acting.write()
        return acting.entries[-1]


@dataclass
class _Acting:
    """One call of `act`: what is loaded, what has been decided so far, what is to be written."""

    db: Db
    commands: Sequence[Command]
    clock: Clock
    rules: Rules
    entries: list[Entry] = field(default_factory=list)
    notes: list[tuple[str, str, str, Mapping[str, Any], str | None]] = field(default_factory=list)
    new: dict[int, State] = field(default_factory=dict)
    changed: dict[int, State] = field(default_factory=dict)
    notices: list[Row] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    free_ids: list[int] = field(default_factory=list)
    salts: list[str] = field(default_factory=list)
    able: dict[str, Person] = field(default_factory=dict)
    now: str = ""
    newest: str = ""  # recorded instant of what the act was decided on

    def all(self) -> list[Verdict]:
        self._load()
        verdicts = [self._one(c) for c in self.commands]
        self.write()
        return verdicts

    # -- load ---------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        db, day, commands = self.db, self.clock.business_date, self.commands
        wanted = {c.case for c in commands if c.case is not None} | {c.parent for c in commands if c.parent is not None}
        runs = {c.run for c in commands if c.run is not None}
        self.closed_runs = store.closed_runs(db, runs) if runs else frozenset()
        loaded = store.lock_cases(db, sorted(wanted), day)
        self.states = {id_: state for id_, (state, _) in loaded.items()}
        keepers = {state.subject: keeper for state, keeper in loaded.values()}
        counted: dict[int, set[str]] = {}
        parents = {s.parent for s in self.states.values() if s.parent is not None and s.parent not in self.states}
        for s in self.states.values():
            if s.parent is not None and (names := self.rules.processes[s.process].counted):
                counted.setdefault(s.parent, set()).update(names)
        for c in commands:
            if c.case is None and c.parent is not None and (opened := self.rules.processes.get(c.process)):
                counted.setdefault(c.parent, set()).update(opened.counted)
        self.counted = counted
        self.parents = {**self.states, **{i: s for i, (s, _) in store.lock_cases(db, sorted(parents), day).items()}}
        self.siblings: dict[tuple[int, str], int] = {}
        moved = ""
        if counted:
            self.siblings, moved = store.siblings(db, counted, {n for names in counted.values() for n in names})
        subjects = {c.subject for c in commands if c.case is None} - keepers.keys() - {""}
        if subjects:
            keepers.update(store.keepers(db, subjects, day))
        self.managers = {subject: manager for subject, (manager, _) in keepers.items()}
        self.newest = max((moved, *(at for _, at in keepers.values()), *(s.last_at for s in self.parents.values())))
        slots = {(c.process, c.slot) for c in commands if c.slot is not None}
        self.slots = store.taken_slots(db, slots) if slots else {}
        keys = {(c.person, c.key) for c in commands if c.key is not None and _legible(c.key)}
        self.earlier = store.earlier(db, keys) if keys else {}
        named = {c.person for c in commands} | {c.on_behalf_of for c in commands if c.on_behalf_of}
        named |= {str(c.payload["to"]) for c in commands if c.action in ("delegate", "reassign") and "to" in c.payload}
        named |= {s.delegator for s in self.states.values() if s.delegator}
        named |= set(self._rulers())
        self.people = store.people(db, named, day)
        self.staff: dict[str, dict[str, Person]] = {}
        self.answered: dict[tuple[str, str], tuple[str, Verdict]] = {}

    def _rulers(self) -> Iterator[str]:
        """Whose unit an authority must be of: owners of what is reassigned, managers of what only their unit may open."""
        for c in self.commands:
            process = self._process(c)
            if process is None or (c.case is not None and c.action != "reassign"):
                continue
            s = self.states.get(c.case) if c.case is not None else None
            if s is not None or process.steps[process.start].of_unit:
                yield from filter(None, (s.owner if s else None, self.managers.get(s.subject if s else c.subject)))

    # -- decide -------------------------------------------------------------------------------------------------

    def _one(self, c: Command) -> Verdict:
        if c.key is not None and not _legible(c.key):
            says = "a key is at most 200 characters that can be printed"
            return self._refuse(c, Refused("form", {"field": "key", "says": says, "of": "command"}), keyed=False)
        if c.key is not None and (before := self._before(c)):
            return before
        verdict = self._decided(c)
        if c.key is not None:
            self.answered[c.person, c.key] = (_asked(c), verdict)
        return verdict

    def _decided(self, c: Command) -> Verdict:
        known = self.states.get(c.case) if c.case is not None else None
        process = self._process(c)
        if process is None:
            return self._refuse(c, Refused("no_case", {"case": c.case, "process": c.process}))
        if known is None:
            if c.parent is not None and c.parent not in self.states:
                return self._refuse(c, Refused("no_case", {"case": c.parent, "process": c.process}))
            if refused := opening(process, c, self.slots):
                return self._refuse(c, refused)
        state = known or blank(process, 0, c.subject, c.slot, c.parent, c.book)
        if c.run in self.closed_runs:
            return self._refuse(c, Refused("run_closed", {"run": c.run}))
        payload = self._payload(process, c)
        if isinstance(payload, Refused):
            return self._refuse(c, payload)
        facts = self._facts(process, state)
        day = self.clock.business_date
        move = decide(process, state, c, payload, self.people.get(c.person), facts, day)
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
        self._enter(process, child, c, move, {**element, "case": _origin(c, inherited)}, self._facts(process, child))
        return child.id

    def _nobody(self, s: State) -> bool:
        return bool(self.notices) and self.notices[-1][:3] == (s.id, s.seq, "nobody")

    def _payload(self, process: Process, c: Command) -> dict[str, Any] | Refused:
        """Has the form, and names what there is: in the case's book, and of its subject. A run's follows from them."""
        payload = self._formed(process, c)
        if c.person == SYSTEM or isinstance(payload, Refused):
            return payload
        known = self.states.get(c.case) if c.case is not None else None
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

    def _facts(self, process: Process, state: State) -> Facts:
        parent = self.parents.get(state.parent) if state.parent is not None else None
        siblings = None
        if process.counted:
            at = state.parent or 0
            seen = self.counted.get(at, ()) if at else process.counted
            siblings = {name: self.siblings.get((at, name), 0) for name in process.counted if name in seen}
        return Facts(self.managers.get(state.subject), parent.hands if parent else None, siblings, self.people,
                     self.rules.holds_max(state.book) if state.book else 0)  # fmt: skip

    def _before(self, c: Command) -> Verdict | None:
        """The first answer again, where the key was used before; a refusal where it was used for something else."""
        key = (c.person, c.key or "")
        if key in self.answered:
            asked, verdict = self.answered[key]
            if asked == _asked(c):
                return replace(verdict, repeated=True)
            return self._refuse(c, Refused("key_reused", {"key": c.key}), keyed=False)
        if key not in self.earlier:
            return None
        stream, seq, action, step, hash_, digest, salt, payload, behalf, at = self.earlier[key]
        if action == "refused":
            said = orjson.loads(payload) if payload else {}
            if said.get("asked") == _asked(c):
                return Verdict(c.case, refused=Refused(said["code"], said["facts"]), repeated=True)
        elif action == c.action and c.on_behalf_of in (None, behalf) and self._same_body(c, stream, salt, digest):
            case = int(stream.partition(":")[2])
            opened = store.opened(self.db, case, c.person, at) if self._opens(c) else ()
            return Verdict(case, step, seq, hash_, repeated=True, opened=opened)
        return self._refuse(c, Refused("key_reused", {"key": c.key, "stream": stream, "seq": seq}), keyed=False)

    def _process(self, c: Command) -> Process | None:
        known = self.states.get(c.case) if c.case is not None else None
        return self.rules.processes.get(c.process if c.case is None else known.process if known else "")

    def _opens(self, c: Command) -> bool:
        process = self._process(c)
        return process is not None and any(
            do.opens for s in process.steps.values() for do in s.does if do.name == c.action
        )

    def _same_body(self, c: Command, stream: str, salt: str | None, digest: str) -> bool:
        """Would the command be journaled, in that stream, with the payload that stands there?"""
        process = self._process(c)
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
                decided = decide(process, state, child, element, self.people.get(c.person), self._facts(process, state),
                                 self.clock.business_date)  # fmt: skip
                if isinstance(decided, Refused):
                    return decided
                found.append((process, child, element, state.facts, decided))
        return found

    # -- fold and seal ------------------------------------------------------------------------------------------

    def _new(self, process: Process, c: Command) -> State:
        if not self.free_ids:
            n = max(1, sum(1 for x in self.commands if x.case is None) if not self.new else 1)
            first = store.ids(self.db, n)
            self.free_ids = list(range(first + n - 1, first - 1, -1))
        state = blank(process, self.free_ids.pop(), c.subject, c.slot, c.parent, c.book)
        self.new[state.id] = self.states[state.id] = state
        if c.slot is not None:
            self.slots[process.name, c.slot] = state.id
        return state

    def _enter(self, process: Process, s: State, c: Command, move: Move, payload: dict[str, Any],
               facts: Facts) -> Entry:  # fmt: skip
        """Seals the entry of a permitted move, folds it in, and notes what is to be written."""
        clock, arrow = self.clock, move.do
        self.now = self.now or self._instant()
        round_ = s.visits.get(s.step, 0)
        due_on = due(process, s, move, payload, self.rules, clock.business_date)
        entry = seal(s.stream, s.seq + 1, c.action, c.person, move.behalf, move.role, move.to, round_, due_on,
                     process.hash, c.run, c.key, clock.business_date, self.now, s.head, self._salt(),
                     canonical(payload))  # fmt: skip
        before = s.step
        fold(process, s, entry, payload)
        self.entries.append(entry)
        if s.parent is not None and (s.seq == 1 or s.closed_on):
            at = (s.parent, s.process)
            self.siblings[at] = self.siblings.get(at, 0) + (s.seq == 1) - bool(s.closed_on)
        if s.id not in self.new:
            self.changed[s.id] = s
        for table, rows in rows_of(arrow, s, entry, payload, store.columns):
            self.rows.setdefault(table, []).extend(rows)
        if s.step != before and process.steps[s.step].kind == USER:
            nobody = not self._anyone(process, s, facts)
            self.notices.append((s.id, s.seq, "nobody" if nobody else "item", None, self.now))
        if arrow is not None and arrow.tells:
            told = owner_of(arrow.tells, s) or facts.manager
            if told:
                self.notices.append((s.id, s.seq, c.action, told, self.now))
        if c.action in ("delegate", "reassign"):
            self.notices.append((s.id, s.seq, "item", payload["to"], self.now))
        elif c.action == "remind":
            self.notices.append((s.id, s.seq, "remind", payload["to"] or None, self.now))
        return entry

    def _instant(self) -> str:
        """The recorded instant: after all that the act was decided on, also where the clock was set back meanwhile; for
        by these instants it is told what a decision knew."""
        now = self.clock.now()
        if now > self.newest:
            return now
        return (datetime.fromisoformat(self.newest) + timedelta(microseconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _salt(self) -> str:
        if not self.salts:
            self.salts = self.clock.salts(min(512, max(1, len(self.commands))))
        return self.salts.pop()

    def _refuse(self, c: Command, refused: Refused, keyed: bool = True) -> Verdict:
        refused = Refused(refused.code, {k: _plain(v) for k, v in refused.facts.items()})
        said = {"case": c.case, "process": c.process, "action": _plain(c.action), "code": refused.code,
                "facts": refused.facts, "asked": _asked(c)}  # fmt: skip
        self.notes.append((f"person:{c.person}", "refused", c.person, said, c.key if keyed else None))
        return Verdict(c.case, refused=refused)

    def _anyone(self, process: Process, s: State, facts: Facts) -> bool:
        """Is there anybody who may do something at the case's step? In a list it is mostly the one of the case before."""
        step, day = process.steps[s.step], self.clock.business_date
        last = self.able.get(step.role)
        if last is not None and why_not(process, step, s, last, None, step.by_name, facts) is None:
            return True
        if step.role not in self.staff:
            if len(self.commands) == 1:
                owner = s.owner or (facts.manager if step.whose == "manager" else None)
                if next(who_may(process, s, store.some(self.db, step.role, owner, day), facts), None) is not None:
                    return True
            self.staff[step.role] = store.staff(self.db, step.role, day)
            self.people.update(self.staff[step.role])
        found = next(who_may(process, s, self.staff[step.role], facts), None)
        if found is not None:
            self.able[step.role] = self.staff[step.role][found]
        return found is not None

    # -- write --------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Everything in bulk: entries, cases, items, rows of projections, notices."""
        db = self.db
        if self.notes:
            self._seal_notes()
        db.insert("entry", COLUMNS, self.entries)
        db.insert("cases", CASE_COLUMNS, [case_row(s) for s in self.new.values()])
        store.update_cases(db, [(s.step, s.seq, s.head, s.closed_on, dump(s), s.id) for s in self.changed.values()])
        put, gone = [], []
        for s in (*self.new.values(), *self.changed.values()):
            item = item_row(self.rules.processes[s.process], s)
            if item is not None:
                put.append(item)
            elif s.id in self.changed:
                gone.append(s.id)
        store.write_items(db, put, gone)
        for table, rows in self.rows.items():
            db.insert(table, store.columns(table), rows)
        db.insert("notice", ("case_id", "seq", "kind", "person", "at"), self.notices)

    def _seal_notes(self) -> None:
        self.now = self.now or self._instant()
        heads = store.lock_streams(self.db, sorted({stream for stream, *_ in self.notes}))
        for stream, action, person, payload, key in self.notes:
            seq, head = heads.get(stream, (0, ZERO))
            role = SYSTEM if person == SYSTEM else ""
            day, body = self.clock.business_date, canonical(payload)
            entry = seal(stream, seq + 1, action, person, None, role, "", 0, None, None, None, key, day, self.now,
                         head or ZERO, self._salt(), body)  # fmt: skip
            self.entries.append(entry)
            heads[stream] = (entry.seq, entry.hash)
        store.write_streams(self.db, [(name, *head) for name, head in heads.items()])


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


def _legible(key: str) -> bool:
    """Can a key be kept, and read out? PostgreSQL keeps no NUL."""
    return len(key) <= 200 and key.isprintable()


LONGEST = 400  # characters of a fact of a refusal: who asks may have named a field by the megabyte


def _plain(fact: Any) -> Any:
    """A fact of a refusal as the journal can carry it: number, short text, nothing, or a list of them."""
    if fact is None or isinstance(fact, int):
        return fact
    if isinstance(fact, list | tuple):
        return [_plain(one) for one in fact]
    return str(fact)[:LONGEST].encode(errors="replace").decode()
