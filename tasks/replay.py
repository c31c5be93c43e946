"""Replay of cases and runs: every entry decided again; automatic ones by the same function on the inputs recorded."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from door.command import Rules
from door.db import Db
from door.fold import State, case_row, load
from door.journal import COLUMNS, Entry, canonical
from door.replay import ERASED, OTHER_PAGE, STUMBLES, Divergence, recheck
from door.store import among
from models.process import Process
from models.runs import RunInputs, RunResult, SetAside
from tasks import books
from tasks.around import Around
from tasks.recompute import DEADLINES, Automatic, Recompute, stage_of
from tasks.run import written

BATCH = 500  # cases in memory at a time
_ENTRY = ", ".join(COLUMNS)
Told = Callable[[int, int], None]  # how many of how many cases
_SAYS_DUE: Mapping[str, type[SetAside | RunResult]] = {"set_aside": SetAside, "finish": RunResult}


@dataclass
class Replayed:
    """What a replay found: entries decided again; automatic ones recomputed from recorded inputs; how many could not
    be, by reason (door.replay.ERASED and the like); divergences."""

    entries: int = 0
    recomputed: int = 0
    left: Counter[str] = field(default_factory=Counter)
    divergences: list[Divergence] = field(default_factory=list)


def replay(db: Db, snapshots: Path, cases: Sequence[int], told: Told = lambda n, of: None) -> Replayed:
    """Decides every entry of these cases again; `told` is called as it goes. Raises FileNotFoundError where a recorded
    snapshot is gone."""
    bench = _Bench(db, snapshots, books.rules(db), Recompute(db, snapshots))
    for i in range(0, len(cases), BATCH):
        told(i, len(cases))
        bench.batch(cases[i : i + BATCH])
    bench.done.recomputed = bench.recompute.recomputed
    if bench.recompute.gone:
        bench.done.left[ERASED] += bench.recompute.gone
    return bench.done


def replay_run(db: Db, snapshots: Path, run: int, told: Told = lambda n, of: None) -> Replayed:
    """Replays a run: its own stream with the digest over what it wrote, and every case it wrote to."""
    streams = [row[0] for row in db.rows("SELECT DISTINCT stream FROM entry WHERE run = ?", run)]
    return replay(db, snapshots, [run, *sorted(int(stream.partition(":")[2]) for stream in streams)], told)


def all_cases(db: Db) -> list[int]:
    return [row[0] for row in db.rows("SELECT id FROM cases ORDER BY id")]


@dataclass
class _Bench:
    """What the batches of a replay have in common: what was found so far, and inputs of runs looked up once."""

    db: Db
    snapshots: Path
    rules: Rules
    recompute: Recompute
    done: Replayed = field(default_factory=Replayed)
    runs: dict[int, RunInputs | str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)  # since when, by hash of a page

    def batch(self, cases: Sequence[int]) -> None:
        where, values = among(self.db, "id", cases, "bigint")
        streams = self.db.rows(f"SELECT stream, process, parent, subject FROM cases WHERE {where}", values)
        entries = _entries(self.db, [row[0] for row in streams])
        around = Around(self.db, {row[2] for row in streams if row[2]}, {row[3] for row in streams}, self.rules)
        by_run: dict[int, list[Automatic]] = {}
        for stream, name, *_ in streams:
            for a in self._recheck(self.rules.processes[name], entries[stream], around):
                if strange := self._strange(a):
                    self.done.divergences.append(strange)
                else:
                    by_run.setdefault(a.entry.run or 0, []).append(a)
            if name == "run":
                self.done.divergences += self._closing(int(stream.partition(":")[2]), entries[stream])
        for id_, mine in sorted(by_run.items()):
            inputs = self._run(id_)
            if isinstance(inputs, RunInputs) and (inputs.stage == DEADLINES or self._whole(id_, inputs)):
                self.done.divergences += self.recompute(inputs, mine)

    def _recheck(self, process: Process, entries: Sequence[Entry], around: Around) -> list[Automatic]:
        """Decides a stream's entries again; gives the automatic ones."""
        automatic: list[Automatic] = []
        left: Counter[str] = Counter()

        def leave(e: Entry, why: str) -> None:
            if why == OTHER_PAGE and self._superseded(process, e):
                self.done.divergences.append(Divergence(e.stream, e.seq, "page", str(e.process), process.hash))
            left.update((why,))

        def seen(s: State, e: Entry, payload: Mapping[str, Any]) -> None:
            if stage := stage_of(process, s, e):
                automatic.append(Automatic(load(case_row(s)), e, payload, stage))

        self.done.divergences += recheck(process, entries, self.rules, around, seen, leave)
        self.done.entries += len(entries) - left.total()
        self.done.left += left
        return automatic

    def _superseded(self, process: Process, e: Entry) -> bool:
        """Was a later page of the process in use already when an entry was made under an earlier one?"""
        self.used = self.used or dict(self.db.rows("SELECT process, min(recorded_at) FROM entry WHERE process IS NOT NULL "
                                                   "GROUP BY process"))  # fmt: skip
        pages = (*process.before, process.hash)
        later = pages[pages.index(str(e.process)) + 1 :]
        return any(self.used[page] <= e.recorded_at for page in later if page in self.used)

    # -- runs ---------------------------------------------------------------------------------------------------

    def _run(self, id_: int) -> RunInputs | str:
        """What the run recorded at its start; or why that can't be said."""
        if id_ not in self.runs:
            rows = self.db.rows("SELECT payload FROM entry WHERE stream = ? AND seq = 1", f"run:{id_}")
            self.runs[id_] = _inputs(rows[0][0]) if rows else "no such run"
        return self.runs[id_]

    def _strange(self, a: Automatic) -> Divergence | None:
        """An automatic entry must be of a run: of the stage that decides such, on its date."""
        e = a.entry
        if e.run is None:
            return Divergence(e.stream, e.seq, "run", "", f"{a.stage} {e.business_date}")
        inputs = self._run(e.run)
        if isinstance(inputs, str):
            return Divergence(e.stream, e.seq, "run", str(e.run), inputs)
        then, now = f"{inputs.stage} {inputs.as_of}", f"{a.stage} {e.business_date}"
        return Divergence(e.stream, e.seq, "run", f"{e.run}: {then}", now) if then != now else None

    def _closing(self, id_: int, entries: Sequence[Entry]) -> Iterator[Divergence]:
        """A finished run says what it wrote, and which due rows it merged into open cases or skipped."""
        for e in entries:
            form = _SAYS_DUE.get(e.action)
            if form is None or e.payload is None:
                continue
            try:
                said = form.model_validate_json(e.payload)
            except ValidationError as error:
                yield Divergence(e.stream, e.seq, "unreadable", e.action, str(error.errors()[0]["msg"]))
                continue
            if isinstance(said, RunResult) and (said.counts, said.digest) != (now := written(self.db, id_)):
                yield Divergence(e.stream, e.seq, "written", said.digest, now[1])
            inputs = self._run(id_)
            prescribed = [row for row in said.due if row.kind != "special"]  # those stand on orders, not on the grid
            if prescribed and isinstance(inputs, RunInputs) and self._whole(id_, inputs):
                known = set(self.recompute.grid(inputs)[1].select("facility", "kind", "due_on").iter_rows())
                if strange := [r for r in prescribed if (r.facility, r.kind, r.due_on) not in known]:
                    rows = canonical([r.model_dump(mode="json") for r in strange])
                    yield Divergence(e.stream, e.seq, "due row", rows, "not on the grid")

    def _whole(self, run: int, inputs: RunInputs) -> bool:
        """Are the files that the run decided on those that it recorded? Where not, that is the run's divergence, and
        what it decided can't be said."""
        for sha256 in filter(None, (inputs.snapshot, inputs.conditions)):
            if sha256 not in self.files:
                with (self.snapshots / f"{sha256}.parquet").open("rb") as file:
                    self.files[sha256] = hashlib.file_digest(file, "sha256").hexdigest()
            if (now := self.files[sha256]) != sha256:
                found = Divergence(f"run:{run}", 1, "snapshot", sha256, now)
                if found not in self.done.divergences:
                    self.done.divergences.append(found)
                return False
        return True


def _inputs(payload: str | None) -> RunInputs | str:
    if payload is None:
        return "its inputs are erased"
    try:
        return RunInputs.model_validate({n: v for n, v in orjson.loads(payload).items() if n != "case"})
    except STUMBLES:
        return "its inputs can't be read"


def _entries(db: Db, streams: Sequence[str]) -> dict[str, list[Entry]]:
    where, values = among(db, "stream", streams)
    found: dict[str, list[Entry]] = {stream: [] for stream in streams}
    for row in db.rows(f"SELECT {_ENTRY} FROM entry WHERE {where} ORDER BY stream, seq", values):
        found[row[0]].append(Entry(*row))
    return found
