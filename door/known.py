"""What a list of commands is decided on: locked and read at once, before the first of them is decided."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from door import store
from door.command import Command, Rules, legible
from door.db import Db
from door.decide import Facts
from door.fold import State
from models.process import Process


class Known:
    """The cases of the commands by id, locked, and what their decisions depend on besides. What is decided moves it on:
    a case opened, a slot taken, an order closed is known to the next command of the list.

    `newest`: the newest recorded instant of all this; an act is recorded after it."""

    def __init__(self, db: Db, commands: Sequence[Command], day: str, rules: Rules) -> None:
        self.rules = rules
        wanted = {c.case for c in commands if c.case is not None} | {c.parent for c in commands if c.parent is not None}
        runs = {c.run for c in commands if c.run is not None}
        self.closed_runs = store.closed_runs(db, runs) if runs else frozenset()
        loaded = store.lock_cases(db, sorted(wanted), day)
        self.states = {id_: state for id_, (state, _) in loaded.items()}
        keepers = {state.subject: keeper for state, keeper in loaded.values()}
        parents = {s.parent for s in self.states.values() if s.parent is not None and s.parent not in self.states}
        self.parents = {**self.states, **{i: s for i, (s, _) in store.lock_cases(db, sorted(parents), day).items()}}
        self.counted = self._counted(commands)
        self.siblings: dict[tuple[int, str], int] = {}
        moved = ""
        if self.counted:
            self.siblings, moved = store.siblings(db, self.counted, {n for ns in self.counted.values() for n in ns})
        subjects = {c.subject for c in commands if c.case is None} - keepers.keys() - {""}
        if subjects:
            keepers.update(store.keepers(db, subjects, day))
        self.managers = {subject: manager for subject, (manager, _) in keepers.items()}
        self.beside: dict[int, Mapping[str, Any]] = {}
        rested = self._beside(commands, day)
        self.newest = max(
            (moved, rested, *(at for _, at in keepers.values()), *(s.last_at for s in self.parents.values()))
        )
        slots = {(c.process, c.slot) for c in commands if c.slot is not None}
        self.slots = store.taken_slots(db, slots) if slots else {}
        keys = {(c.person, c.key) for c in commands if c.key is not None and legible(c.key)}
        self.earlier = store.earlier(db, keys) if keys else {}
        self.people = store.people(db, self._named(commands), day)

    def case(self, c: Command) -> State | None:
        """The case that the command is about; None where it opens one, or there is none."""
        return self.states.get(c.case) if c.case is not None else None

    def process(self, c: Command) -> Process | None:
        known = self.case(c)
        return self.rules.processes.get(c.process if c.case is None else known.process if known else "")

    def facts(self, process: Process, s: State) -> Facts:
        """What a decision on the case needs beyond it."""
        parent = self.parents.get(s.parent) if s.parent is not None else None
        siblings = None
        if process.counted:
            at = s.parent or 0
            seen = self.counted.get(at, ()) if at else process.counted
            siblings = {name: self.siblings.get((at, name), 0) for name in process.counted if name in seen}
        return Facts(self.managers.get(s.subject), parent.hands if parent else None, siblings, self.people,
                     self.rules.holds_max(s.book) if s.book else 0, self.beside.get(s.id))  # fmt: skip

    def opens(self, c: Command) -> bool:
        """Does the command's arrow open further cases?"""
        process = self.process(c)
        return process is not None and any(
            do.opens for s in process.steps.values() for do in s.does if do.name == c.action
        )

    def _counted(self, commands: Sequence[Command]) -> dict[int, set[str]]:
        """By parent the processes whose open cases below it a condition counts."""
        found: dict[int, set[str]] = {}
        for s in self.states.values():
            if s.parent is not None and (names := self.rules.processes[s.process].counted):
                found.setdefault(s.parent, set()).update(names)
        for c in commands:
            if c.case is None and c.parent is not None and (opened := self.rules.processes.get(c.process)):
                found.setdefault(c.parent, set()).update(opened.counted)
        return found

    def _beside(self, commands: Sequence[Command], day: str) -> str:
        """Reads, for the cases whose page asks for them, the facts from beside; the newest instant that they rest on."""
        newest = ""
        for c in commands:
            process, s = self.process(c), self.case(c)
            if process is not None and s is not None and s.id not in self.beside and c.action in process.asking:
                self.beside[s.id], at = self.rules.beside(s, day, "")
                newest = max(newest, at)
        return newest

    def _named(self, commands: Sequence[Command]) -> set[str]:
        """Everybody whom a decision may ask about: who acts, for whom, to whom he gives it, who gave it to him."""
        named = {c.person for c in commands} | {c.on_behalf_of for c in commands if c.on_behalf_of}
        named |= {str(c.payload["to"]) for c in commands if c.action in ("delegate", "reassign") and "to" in c.payload}
        named |= {s.delegator for s in self.states.values() if s.delegator}
        return named | set(self._rulers(commands))

    def _rulers(self, commands: Sequence[Command]) -> Iterator[str]:
        """Whose unit an authority must be of: owners of what is reassigned, managers of what only their unit may open."""
        for c in commands:
            process = self.process(c)
            if process is None or (c.case is not None and c.action != "reassign"):
                continue
            s = self.case(c)
            if s is not None or process.steps[process.start].of_unit:
                yield from filter(None, (s.owner if s else None, self.managers.get(s.subject if s else c.subject)))
