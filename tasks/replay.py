"""Replay of cases and runs: every entry decided again; automatic ones by the same function on the inputs recorded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from door.command import Rules
from door.db import Db, one
from door.decide import Facts
from door.fold import State, case_row, load
from door.journal import COLUMNS, Entry, canonical
from door.replay import Divergence, recheck
from door.store import among, read_case
from models.forms import RunInputs
from models.process import Process
from tasks import books
from tasks.dossier import Dossier, dossiers
from tasks.due import applied, opening
from tasks.given import given
from tasks.grid import candidates
from tasks.run import written
from tasks.services import SERVICES

BATCH = 500  # cases in memory at a time
_ENTRY = ", ".join(COLUMNS)


@dataclass
class Replayed:
    """What a replay found: entries decided again, automatic ones recomputed from recorded inputs, divergences."""

    entries: int = 0
    recomputed: int = 0
    divergences: list[Divergence] = field(default_factory=list)


def replay(db: Db, snapshots: Path, cases: Sequence[int]) -> Replayed:
    """Decides every entry of these cases again. Raises FileNotFoundError where a recorded snapshot is gone."""
    done = Replayed()
    bench = _Bench(db, snapshots, books.rules(db))
    for i in range(0, len(cases), BATCH):
        bench.batch(cases[i : i + BATCH], done)
    return done


def replay_run(db: Db, snapshots: Path, run: int) -> Replayed:
    """Replays a run: its own stream, every case it wrote to, and the digest over what it wrote."""
    prefix = [row[0] for row in db.rows("SELECT DISTINCT stream FROM entry WHERE run = ?", run)]
    cases = sorted(int(stream.partition(":")[2]) for stream in prefix)
    done = replay(db, snapshots, [run, *cases])
    finished = one(db.rows("SELECT payload FROM entry WHERE stream = ? AND action = 'finish'", f"run:{run}"))
    if finished and finished[0]:
        said = orjson.loads(finished[0])
        counts, digest = written(db, run)
        now = [c.model_dump() for c in counts]
        if said["digest"] != digest or said["counts"] != now:
            done.divergences.append(Divergence(f"run:{run}", 2, "written", said["digest"], digest))
    return done


def all_cases(db: Db) -> list[int]:
    return [row[0] for row in db.rows("SELECT id FROM cases ORDER BY id")]


@dataclass
class _Bench:
    """What replays have in common: inputs of runs, and the book's columns over their snapshots, looked up once."""

    db: Db
    snapshots: Path
    rules: Rules
    inputs: dict[int, RunInputs] = field(default_factory=dict)
    grids: dict[tuple[str, str, str, date], tuple[pl.DataFrame, pl.DataFrame]] = field(default_factory=dict)

    def batch(self, cases: Sequence[int], done: Replayed) -> None:
        where, values = among(self.db, "id", cases, "bigint")
        streams = self.db.rows(f"SELECT stream, process, parent, subject FROM cases WHERE {where}", values)
        entries = _entries(self.db, [row[0] for row in streams])
        around = _Around(self.db, {row[2] for row in streams if row[2]}, {row[3] for row in streams}, self.rules)
        automatic: list[tuple[State, Entry, Mapping[str, Any]]] = []
        for stream, process, *_ in streams:
            done.entries += len(entries[stream])
            done.divergences += recheck(
                self.rules.processes[process], entries[stream], self.rules, around,
                lambda s, e, p: automatic.append((load(case_row(s)), e, p)) if e.run is not None else None)  # fmt: skip
        done.recomputed += len(automatic)
        done.divergences += self._openings([a for a in automatic if a[1].action == "open" and a[1].seq == 1])
        done.divergences += self._services([a for a in automatic if a[0].step in SERVICES], entries)

    def run(self, id_: int) -> RunInputs:
        if id_ not in self.inputs:
            payload = orjson.loads(
                self.db.rows("SELECT payload FROM entry WHERE stream = ? AND seq = 1", f"run:{id_}")[0][0]
            )
            payload.pop("case")
            self.inputs[id_] = RunInputs.model_validate(payload)
        return self.inputs[id_]

    # -- service steps ------------------------------------------------------------------------------------------

    def _services(self, automatic: Sequence[tuple[State, Entry, Mapping[str, Any]]],
                  entries: Mapping[str, list[Entry]]) -> Iterator[Divergence]:  # fmt: skip
        """Each decided again on entries 1 … seq−1 and the inputs of its run."""
        if not automatic:
            return
        whole = {d.state.id: d for d in dossiers(self.db, {a[0].id: a[0] for a in automatic}.values())}
        for run in sorted({e.run for _, e, _ in automatic if e.run is not None}):
            then = [(_at(whole[s.id], s, e), e) for s, e, _ in automatic if e.run == run]
            inputs = given(self.db, self.snapshots, self.run(run), [d for d, _ in then])
            for d, e in then:
                process = self.rules.processes[d.state.process]
                action, payload = SERVICES[d.state.step].decide(d, inputs)
                form = process.form_of(action)
                body = canonical(form.model_validate(payload).model_dump(mode="json")) if form else ""
                if (action, body) != (e.action, e.payload):
                    yield Divergence(e.stream, e.seq, "decision", f"{e.action} {e.payload}", f"{action} {body}")

    # -- openings -----------------------------------------------------------------------------------------------

    def _openings(self, automatic: Sequence[tuple[State, Entry, Mapping[str, Any]]]) -> Iterator[Divergence]:
        """Each opening again from the snapshot's rows and the book; every due row must lie on the grid."""
        for run in sorted({e.run for _, e, _ in automatic if e.run is not None}):
            mine = [(s, e, p) for s, e, p in automatic if e.run == run]
            inputs = self.run(run)
            book = books.book(self.db, inputs.book)
            frame, grid = self._grid(inputs)
            wanted = sorted({row["facility"] for _, _, p in mine for row in p["due"]})
            rows = {r["facility"]: r for r in frame.filter(pl.col("facility").is_in(wanted)).iter_rows(named=True)}
            rules: dict[tuple[str, str, str], str] = {}
            for r in grid.filter(pl.col("facility").is_in(wanted)).iter_rows(named=True):
                rules.setdefault((r["facility"], r["kind"], r["due_on"].isoformat()), r["rule"])
            for _, e, p in mine:
                rules.update(self._by_order(p))
                strange = [r for r in p["due"] if (r["facility"], r["kind"], r["due_on"]) not in rules]
                if strange:
                    yield Divergence(e.stream, e.seq, "due row", canonical(strange), "not on the grid")
                    continue
                due = [
                    {**rows[r["facility"]], "kind": r["kind"], "due_on": date.fromisoformat(r["due_on"]),
                     "rule": rules[r["facility"], r["kind"], r["due_on"]], "reason": r["reason"],
                     "outcome": "skipped" if r["outcome"] == "skipped" else "start"} for r in p["due"]
                ]  # fmt: skip
                again = opening(book, e.business_date, {p["unit"]: p["calendar"]}, due)
                form = self.rules.processes["inspection"].form_of("open")
                body = form.model_validate(again).model_dump(mode="json") if form else {}
                said = {name: value for name, value in p.items() if name != "case"}
                if canonical(body) != canonical(said):
                    yield Divergence(e.stream, e.seq, "opening", canonical(said), canonical(body))

    def _grid(self, inputs: RunInputs) -> tuple[pl.DataFrame, pl.DataFrame]:
        key = (inputs.snapshot, inputs.book, inputs.conditions, inputs.as_of)
        if key not in self.grids:
            book = books.book(self.db, inputs.book)
            frame = applied(self.snapshots, inputs.snapshot, inputs.conditions, book)
            self.grids[key] = frame, candidates(frame, book, inputs.as_of)
        return self.grids[key]

    def _by_order(self, payload: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
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


def _at(d: Dossier, s: State, e: Entry) -> Dossier:
    """The dossier as it was before an entry."""
    return replace(d, state=s, past=tuple(p for p in d.past if p.seq < e.seq))


def _entries(db: Db, streams: Sequence[str]) -> dict[str, list[Entry]]:
    where, values = among(db, "stream", streams)
    found: dict[str, list[Entry]] = {stream: [] for stream in streams}
    for row in db.rows(f"SELECT {_ENTRY} FROM entry WHERE {where} ORDER BY stream, seq", values):
        found[row[0]].append(Entry(*row))
    return found


@dataclass
class _Around:
    """What decisions depended on outside their own stream, as of the entry's instant."""

    db: Db
    parents: set[int]
    subjects: set[str]
    rules: Rules

    def __post_init__(self) -> None:
        where, values = among(self.db, "subject", sorted(self.subjects))
        self.managers: dict[str, list[tuple[str, str, str]]] = {}
        for subject, since, manager, case_id in self.db.rows(
            f"SELECT subject, since, manager, case_id FROM responsible WHERE {where} ORDER BY since", values):  # fmt: skip
            taken = read_case(self.db, case_id) if case_id is not None else None
            self.managers.setdefault(subject, []).append((since, manager, taken.last_at if taken else ""))
        where, values = among(self.db, "id", sorted(self.parents), "bigint")
        self.hands: dict[int, list[tuple[str, str, list[str]]]] = {}
        self.siblings: dict[int, list[tuple[str, str, str | None]]] = {}
        for id_, stream in self.db.rows(f"SELECT id, stream FROM cases WHERE {where}", values):
            self.hands[id_] = [
                (at, action, [p for p in (behalf, person) if p])
                for at, action, behalf, person in self.db.rows(
                    "SELECT recorded_at, action, on_behalf_of, person FROM entry WHERE stream = ? ORDER BY seq", stream)
            ]  # fmt: skip
        where, values = among(self.db, "c.parent", sorted(self.parents), "bigint")
        for parent, process, opened, closed_on, seq, stream in self.db.rows(
            "SELECT c.parent, c.process, e.recorded_at, c.closed_on, c.seq, c.stream FROM cases c "
            f"JOIN entry e ON e.stream = c.stream AND e.seq = 1 WHERE {where}", values):  # fmt: skip
            closed = None
            if closed_on is not None:
                closed = self.db.rows("SELECT recorded_at FROM entry WHERE stream = ? AND seq = ?", stream, seq)[0][0]
            self.siblings.setdefault(parent, []).append((process, opened, closed))

    def __call__(self, process: Process, s: State, e: Entry) -> Facts:
        parent = s.parent or 0
        hands: dict[str, list[str]] = {}
        for at, action, persons in self.hands.get(parent, ()):
            if at <= e.recorded_at:
                hands.setdefault(action, []).extend(persons)
        counts = None
        if process.counted:
            counts = dict.fromkeys(process.counted, 0)
            for name, opened, closed in self.siblings.get(parent, ()):
                if name in counts and opened <= e.recorded_at and (closed is None or closed > e.recorded_at):
                    counts[name] += 1
        return Facts(self._manager(s, e), hands, counts, None, self.rules.holds_max(s.book) if s.book else 0)

    def _manager(self, s: State, e: Entry) -> str | None:
        known = [
            manager for since, manager, at in self.managers.get(s.subject, ())
            if since <= e.business_date and at < e.recorded_at
        ]  # fmt: skip
        return known[-1] if known else None
