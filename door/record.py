"""What an act records: entries sealed and folded in memory, then everything written in bulk, in the act's transaction."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from door import store
from door.command import SYSTEM, Clock, Command
from door.db import Db, Row
from door.decide import Move
from door.fold import CASE_COLUMNS, State, case_row, dump, fold, item_row, rows_of
from door.journal import COLUMNS, ZERO, Entry, canonical, seal
from models.process import Process

SALTS = 512  # drawn at a time, at most


class Record:
    """`n`: about how many entries there will be; `newest`: the recorded instant of what was decided on."""

    def __init__(self, db: Db, clock: Clock, processes: Mapping[str, Process], n: int = 1, newest: str = "") -> None:
        self.db, self.clock, self.processes, self.newest = db, clock, processes, newest
        self.entries: list[Entry] = []
        self.new: dict[int, State] = {}
        self.notices: list[Row] = []
        self._n = max(1, n)
        self._changed: dict[int, State] = {}
        self._rows: dict[str, list[Row]] = {}
        self._notes: list[tuple[str, str, str, Mapping[str, Any], str | None]] = []
        self._salts: list[str] = []
        self._now = ""

    def open(self, s: State) -> None:
        """A case that begins with this act."""
        self.new[s.id] = s

    def enter(self, process: Process, s: State, c: Command, move: Move, payload: dict[str, Any],
              due_on: str | None) -> Entry:  # fmt: skip
        """Seals the entry of a permitted move and folds it in."""
        round_ = s.visits.get(s.step, 0)
        entry = seal(s.stream, s.seq + 1, c.action, c.person, move.behalf, move.role, move.to, round_, due_on,
                     process.hash, c.run, c.key, self.clock.business_date, self.now, s.head, self._salt(),
                     canonical(payload))  # fmt: skip
        fold(process, s, entry, payload)
        self.entries.append(entry)
        if s.id not in self.new:
            self._changed[s.id] = s
        if move.do is not None and move.do.rows:
            for table, rows in rows_of(move.do, s, entry, payload, store.columns):
                self._rows.setdefault(table, []).extend(rows)
        return entry

    def notice(self, s: State, kind: str, person: str | None = None) -> None:
        """Somebody is to be told of it; nobody named: who may do the case's item."""
        self.notices.append((s.id, s.seq, kind, person, self.now))

    def note(self, stream: str, action: str, person: str, payload: Mapping[str, Any], key: str | None = None) -> None:
        """An entry in a stream that is no case."""
        self._notes.append((stream, action, person, payload, key))

    @property
    def now(self) -> str:
        """The recorded instant: after all that the act was decided on, also where the clock was set back meanwhile; for
        by these instants it is told what a decision knew. The same for the whole act."""
        if not self._now:
            self._now = self.clock.now()
            if self._now <= self.newest:
                after = datetime.fromisoformat(self.newest) + timedelta(microseconds=1)
                self._now = after.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return self._now

    def write(self) -> None:
        """Everything in bulk: entries, cases, items, rows of projections, notices."""
        db = self.db
        if self._notes:
            self._seal_notes()
        db.insert("entry", COLUMNS, self.entries)
        db.insert("cases", CASE_COLUMNS, [case_row(s) for s in self.new.values()])
        store.update_cases(db, [(s.step, s.seq, s.head, s.closed_on, dump(s), s.id) for s in self._changed.values()])
        put, gone = [], []
        for s in (*self.new.values(), *self._changed.values()):
            item = item_row(self.processes[s.process], s)
            if item is not None:
                put.append(item)
            elif s.id in self._changed:
                gone.append(s.id)
        store.write_items(db, put, gone)
        for table, rows in self._rows.items():
            db.insert(table, store.columns(table), rows)
        db.insert("notice", ("case_id", "seq", "kind", "person", "at"), self.notices)

    def _seal_notes(self) -> None:
        heads = store.lock_streams(self.db, sorted({stream for stream, *_ in self._notes}))
        for stream, action, person, payload, key in self._notes:
            seq, head = heads.get(stream, (0, ZERO))
            role = SYSTEM if person == SYSTEM else ""
            entry = seal(stream, seq + 1, action, person, None, role, "", 0, None, None, None, key,
                         self.clock.business_date, self.now, head or ZERO, self._salt(), canonical(payload))  # fmt: skip
            self.entries.append(entry)
            heads[stream] = (entry.seq, entry.hash)
        store.write_streams(self.db, [(name, *head) for name, head in heads.items()])

    def _salt(self) -> str:
        if not self._salts:
            self._salts = self.clock.salts(min(SALTS, self._n))
        return self._salts.pop()
