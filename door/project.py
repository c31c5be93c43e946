"""Projections from the journal alone: what each stream's entries say that the tables must hold. One function, for the
audit (which compares) and the rebuild (which writes)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from door import store
from door.db import Db, Row
from door.fold import State, blank, case_row, fold, item_row, rows_of
from door.journal import COLUMNS, ZERO, Entry
from models.process import Process
from models.tables import KINDS

#: Projections that arrows write rows to, each with the case in column `case_id`; the others are folds and heads.
ROWS = tuple(t for t, kind in KINDS.items() if kind == "projection" and t not in ("cases", "item", "stream"))
_ENTRIES = f"SELECT {', '.join(COLUMNS)} FROM entry ORDER BY stream, seq"


@dataclass(slots=True)
class Projection:
    """What one stream gives: its head, and for a case the fold and the rows it wrote. `erased`: a payload is gone, and
    with it what it alone said. `unreadable`: the entry (seq) that can't be folded, and why."""

    stream: str
    seq: int = 0
    head: str = ZERO
    process: Process | None = None
    state: State | None = None
    rows: dict[str, list[Row]] = field(default_factory=dict)
    erased: bool = False
    unreadable: tuple[int, str] | None = None

    def case(self) -> Row | None:
        return case_row(self.state) if self.state else None

    def item(self) -> Row | None:
        return item_row(self.process, self.state) if self.process and self.state else None

    def add(self, entry: Entry, pages: "Pages") -> None:
        self.seq, self.head = entry.seq, entry.hash
        if self.unreadable or (entry.process is None and not pages.of_cases(entry.stream)):  # a note
            return
        try:
            self._fold(entry, pages)
        except (LookupError, TypeError, ValueError, AttributeError) as e:
            self.unreadable = (entry.seq, f"{type(e).__name__}: {e}")

    def _fold(self, entry: Entry, pages: "Pages") -> None:
        payload: Mapping[str, Any] | None = orjson.loads(entry.payload) if entry.payload is not None else None
        s = self.state = self.state or _opened(entry, payload, pages)
        process = self.process = pages.of(entry.process, s.process)
        arrow = process.steps[s.step].by_name.get(entry.action)
        if payload is None:
            self.erased = True
            gone = {} if arrow else {"to": "", "until": entry.business_date, "rung": s.rung}
            fold(process, s, entry, gone)
            return
        fold(process, s, entry, payload)
        for table, rows in rows_of(arrow, s, entry, payload, store.columns):
            self.rows.setdefault(table, []).extend(rows)


class Pages:
    """Declarations by hash, so that an entry is folded by the page it was made under. `processes` may hold earlier
    pages under any other name; for one that is only known by its hash (`before`), today's page of the name serves."""

    def __init__(self, processes: Mapping[str, Process]) -> None:
        self._by_name = processes
        self._by_hash = {p.hash: p for p in processes.values()}
        self._streams = {p.stream for p in processes.values()}

    def of_cases(self, stream: str) -> bool:
        """Is it a stream of cases, whose every entry is made under a process?"""
        return stream.partition(":")[0] in self._streams

    def of(self, hash_: str | None, name: str) -> Process:
        """Raises LookupError where no page of the process ever had the hash."""
        if found := self._by_hash.get(hash_ or ""):
            return found
        today = self._by_name.get(name)
        if today is None or hash_ not in today.before:
            raise LookupError(f"no page of the process {name!r} has the hash {hash_}")
        return today


def _opened(entry: Entry, payload: Mapping[str, Any] | None, pages: Pages) -> State:
    """The opening entry says what the case is; erased, only its process is known, and the id by the stream."""
    said: Mapping[str, Any] = payload["case"] if payload is not None else {}
    process = pages.of(entry.process, said.get("process", ""))
    id_ = int(entry.stream.partition(":")[2])
    state = blank(process, id_, said.get("subject", ""), said.get("slot"), said.get("parent"), said.get("book", ""))
    state.stream = entry.stream
    return state


def projections(db: Db, processes: Mapping[str, Process]) -> Iterator[Projection]:
    """Every stream's projection, in one pass over the journal; one stream in memory at a time."""
    pages = Pages(processes)
    now: Projection | None = None
    for block in db.stream(_ENTRIES, size=1000):
        for row in block:
            if now is None or row[0] != now.stream:
                if now is not None:
                    yield now
                now = Projection(row[0])
            now.add(Entry(*row), pages)
    if now is not None:
        yield now
