"""Somebody with full access, triggers off: an entry is altered, every hash after it made anew, and the tables made to
fit; nothing in the database contradicts it any more."""

from collections.abc import Mapping
from typing import Any

import orjson

from door import store
from door.db import Db
from door.journal import COLUMNS, ZERO, Entry, canonical, seal
from door.project import Pages, Projection
from processes import PROCESSES


def without_triggers(db: Db) -> None:
    if db.dialect == "sqlite":
        for (name,) in db.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            db.run(f"DROP TRIGGER {name}")
    else:
        db.run("SET session_replication_role = replica")


def entries(db: Db, stream: str) -> list[Entry]:
    return [Entry(*row) for row in
            db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE stream = ? ORDER BY seq", stream)]  # fmt: skip


def said(entry: Entry) -> dict[str, Any]:
    """The payload."""
    return dict(orjson.loads(entry.payload or "{}"))


def forge(db: Db, entry: Entry, payload: Mapping[str, Any] | None = None, **columns: Any) -> None:
    """Alters payload or columns of an entry, and seals it and all that follow it again."""
    if payload is not None:
        columns["payload"] = canonical(payload)
    chain, was = entries(db, entry.stream), _projected(db, entry.stream)
    chain[entry.seq - 1] = entry._replace(**columns)
    prev = chain[entry.seq - 2].hash if entry.seq > 1 else ZERO
    sealed = []
    for e in chain[entry.seq - 1 :]:
        sealed.append(seal(*e[:14], prev, e.salt or "", e.payload or ""))
        prev = sealed[-1].hash
    db.run("DELETE FROM entry WHERE stream = ? AND seq >= ?", entry.stream, entry.seq)
    db.insert("entry", COLUMNS, sealed)
    _fit(db, was, _projected(db, entry.stream))


def _projected(db: Db, stream: str) -> Projection:
    made = Projection(stream)
    for e in entries(db, stream):
        made.add(e, Pages(PROCESSES))
    return made


def _fit(db: Db, was: Projection, now: Projection) -> None:
    """The tables as the stream's journal now has them; as they were, where it can't be read any more."""
    case = now.case()
    if case is None or now.unreadable:
        return
    store.update_cases(db, [(*case[7:10], *case[11:], case[0])])
    store.write_items(db, [item] if (item := now.item()) else [], [case[0]])
    for table, rows in was.rows.items():
        names = store.columns(table)
        same = " AND ".join(f"{name} IS NOT DISTINCT FROM ?" for name in names)
        for row in rows:
            db.run(f"DELETE FROM {table} WHERE {same}", *row)
        db.insert(table, names, now.rows.get(table, []))
