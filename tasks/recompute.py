"""What runs decided, decided again: by the same functions, on the entries before it and the run's recorded inputs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from door.command import SYSTEM
from door.db import Db
from door.fold import State
from door.journal import Entry, canonical
from door.replay import STUMBLES, Divergence
from door.store import among
from models.policy import Book
from models.process import START, Process
from models.runs import RunInputs
from processes import PROCESSES
from tasks import books
from tasks.deadlines import passed
from tasks.dossier import Dossier, dossiers
from tasks.due import applied, opening
from tasks.given import given
from tasks.grid import candidates
from tasks.secrets import NotCommitted
from tasks.services import SERVICES

OPENING, DEADLINES = "scheduled_inspection", "deadlines"
Rows = dict[tuple[str, str, str], str]  # rule by facility, kind, due date


@dataclass(frozen=True, slots=True)
class Automatic:
    """An entry that a run made: the state before it, its payload, and the stage whose runs may make it."""

    state: State
    entry: Entry
    payload: Mapping[str, Any]
    stage: str


def stage_of(process: Process, s: State, e: Entry) -> str:
    """The stage that decides such an entry; empty for a person's."""
    step = process.steps[s.step]
    if e.action in ("remind", step.late):
        return DEADLINES
    if process.name != "inspection" or e.person != SYSTEM:
        return ""
    return OPENING if step.kind == START else SERVICES[s.step].stage if s.step in SERVICES else ""


@dataclass
class Recompute:
    """Recomputes entries of one run at a time; the book's columns over a snapshot are made once. `gone`: entries that
    can't be recomputed because what they were decided on is erased."""

    db: Db
    snapshots: Path
    recomputed: int = 0
    gone: int = 0
    _grids: dict[tuple[str, str, str, date], tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=dict)

    def __call__(self, inputs: RunInputs, mine: Sequence[Automatic]) -> Iterator[Divergence]:
        if inputs.stage == OPENING:
            yield from self._openings(inputs, mine)
        elif inputs.stage == DEADLINES:
            yield from self._deadlines(mine)
        else:
            yield from self._services(inputs, mine)

    # -- service steps ------------------------------------------------------------------------------------------

    def _services(self, inputs: RunInputs, mine: Sequence[Automatic]) -> Iterator[Divergence]:
        whole = {d.state.id: d for d in dossiers(self.db, {a.state.id: a.state for a in mine}.values())}
        erased = self._erased(s.stream for d in whole.values() for s in d.searched)
        then = [(_at(whole[a.state.id], a), a.entry) for a in mine]
        try:
            inputs_ = given(self.db, self.snapshots, inputs, [d for d, _ in then])
        except NotCommitted:
            says = "not the secret that was journaled"
            yield from (Divergence(e.stream, e.seq, "secret", inputs.secret_hash, says) for _, e in then)
            return
        for d, e in then:
            if any(s.stream in erased for s in d.searched):  # what changed since then can't be said any more
                self.gone += 1
                continue
            self.recomputed += 1
            try:
                action, payload = SERVICES[d.state.step].decide(d, inputs_)
                form = PROCESSES[d.state.process].form_of(action)
                body = canonical(form.model_validate(payload).model_dump(mode="json")) if form else ""
            except STUMBLES as error:  # over an earlier entry that no form made
                action, body = "unreadable", f"{type(error).__name__}: {error}"
            if (action, body) != (e.action, e.payload):
                yield Divergence(e.stream, e.seq, "decision", f"{e.action} {e.payload}", f"{action} {body}")

    def _erased(self, streams: Iterable[str]) -> set[str]:
        where, values = among(self.db, "stream", sorted(set(streams)))
        return {row[0] for row in self.db.rows(f"SELECT stream FROM entry WHERE payload IS NULL AND {where}", values)}

    # -- deadlines ----------------------------------------------------------------------------------------------

    def _deadlines(self, mine: Sequence[Automatic]) -> Iterator[Divergence]:
        """A reminder's rung had been reached, and no higher one; a late arrow's deadline had passed. Whom a rung means
        by its role is the staff list's matter."""
        for a in mine:
            self.recomputed += 1
            s, e = a.state, a.entry
            process = PROCESSES[s.process]
            late = process.steps[s.step].late
            if late and s.due_on and s.due_on < e.business_date:
                again = late
            else:
                rung = passed(books.book(self.db, s.book), process, s, e.business_date) if s.due_on else None
                to = "" if rung and rung[2] == "holder" else a.payload.get("to")
                again = canonical({"days": rung[1], "to": to, "rung": rung[0]}) if rung else "nothing was due"
            then = e.payload or "" if e.action == "remind" else e.action
            if then != again:
                yield Divergence(e.stream, e.seq, "deadline decision", then, again)

    # -- openings -----------------------------------------------------------------------------------------------

    def _openings(self, inputs: RunInputs, mine: Sequence[Automatic]) -> Iterator[Divergence]:
        """Each again from the snapshot's rows and the book; every due row must lie on the grid."""
        book = books.book(self.db, inputs.book)
        frame, grid = self.grid(inputs)
        wanted = sorted({row["facility"] for a in mine for row in a.payload.get("due", ())})
        rows = {r["facility"]: r for r in frame.filter(pl.col("facility").is_in(wanted)).iter_rows(named=True)}
        rules: Rows = {}
        for r in grid.filter(pl.col("facility").is_in(wanted)).iter_rows(named=True):
            rules.setdefault((r["facility"], r["kind"], r["due_on"].isoformat()), r["rule"])
        for a in mine:
            self.recomputed += 1
            e = a.entry
            try:
                said = {name: value for name, value in a.payload.items() if name != "case"}
                again = self._opening(book, e, said, rows, rules)
            except STUMBLES as error:
                yield Divergence(e.stream, e.seq, "opening", e.payload or "", f"{type(error).__name__}: {error}")
                continue
            if isinstance(again, list):
                yield Divergence(e.stream, e.seq, "due row", canonical(again), "not on the grid")
            elif canonical(again) != canonical(said):
                yield Divergence(e.stream, e.seq, "opening", canonical(said), canonical(again))

    def _opening(self, book: Book, e: Entry, p: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]],
                 grid: Rows) -> dict[str, Any] | list[dict[str, Any]]:  # fmt: skip
        """The opening's payload; or the due rows that are not on the grid."""
        rules = grid | self._by_order(p)
        if strange := [r for r in p["due"] if (r["facility"], r["kind"], r["due_on"]) not in rules]:
            return strange
        due = [
            {**rows[r["facility"]], "kind": r["kind"], "due_on": date.fromisoformat(r["due_on"]),
             "rule": rules[r["facility"], r["kind"], r["due_on"]], "reason": r["reason"],
             "outcome": "skipped" if r["outcome"] == "skipped" else "start"} for r in p["due"]
        ]  # fmt: skip
        again = opening(book, e.business_date, {p["unit"]: p["calendar"]}, due)
        form = PROCESSES["inspection"].form_of("open")
        return form.model_validate(again).model_dump(mode="json") if form else {}

    def _by_order(self, payload: Mapping[str, Any]) -> Rows:
        """Special inspections stand on a correction order: it must be there, and due that day."""
        found = {}
        for ask in payload["asks"]:
            if ask["kind"] != "special":
                continue
            order = str(ask["rules"][0]).removeprefix("order ")
            for row in payload["due"]:
                if row["facility"] == ask["facility"] and row["kind"] == "special" and self.db.rows(
                    "SELECT 1 FROM entry WHERE stream = ? AND step IN ('in_work', 'tightened') AND due_on = ?",
                    f"case:{order}", row["due_on"]):  # fmt: skip
                    found[row["facility"], "special", row["due_on"]] = f"order {order}"
        return found

    def grid(self, inputs: RunInputs) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The snapshot with the book's columns, and the grid over it (tasks/grid.py)."""
        key = (inputs.snapshot, inputs.book, inputs.conditions, inputs.as_of)
        if key not in self._grids:
            book = books.book(self.db, inputs.book)
            frame = applied(self.snapshots, inputs.snapshot, inputs.conditions, book)
            self._grids[key] = frame, candidates(frame, book, inputs.as_of)
        return self._grids[key]


def _at(d: Dossier, a: Automatic) -> Dossier:
    """The dossier as it was before an entry."""
    return replace(d, state=a.state, past=tuple(p for p in d.past if p.seq < a.entry.seq))
