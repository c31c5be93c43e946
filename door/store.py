"""The door's SQL: what it locks and reads before deciding, and what it writes after. Reviewed as SQL, in one place."""

from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlmodel import SQLModel

import models.tables  # noqa: F401 - fills the metadata
from door.command import SYSTEM, THE_SYSTEM, Person
from door.db import Db, Row
from door.fold import CASE_COLUMNS, ITEM_COLUMNS, State, load

_CASE = ", ".join(f"c.{name}" for name in CASE_COLUMNS)
_KEEPER = ("(SELECT r.manager FROM responsible r WHERE r.subject = c.subject AND r.since <= ? "
           "ORDER BY r.since DESC, r.recorded_at DESC, r.case_id DESC LIMIT 1), "
           "(SELECT coalesce(max(r.recorded_at), '') FROM responsible r WHERE r.subject = c.subject)")  # fmt: skip
Keeper = tuple[str | None, str]  # of a subject: its responsible manager, and the newest instant it was taken over at


def among(db: Db, column: str, values: Collection[Any], kind: str = "text") -> tuple[str, Any]:
    """`column` is one of the values, as SQL and its one parameter, on either database."""
    if db.dialect == "sqlite":
        return f"{column} IN (SELECT value FROM json_each(?))", orjson.dumps(list(values)).decode()
    return f"{column} = ANY(?::{kind}[])", list(values)


def fact(db: Db, name: str) -> str:
    """A fact that an `item i` carries with it (models/process.py: `listed`), as text, in SQL; NULL where it has none."""
    if db.dialect == "sqlite":
        return f"CAST(json_extract(nullif(i.facts, ''), '$.{name}') AS TEXT)"
    return f"(nullif(i.facts, '')::json ->> '{name}')"


def lock_cases(db: Db, ids: Sequence[int], day: str) -> dict[int, tuple[State, Keeper]]:
    """The cases with who is responsible for their subject on a day, locked in the order of their ids."""
    if not ids:
        return {}
    where, values = ("c.id = ?", ids[0]) if len(ids) == 1 else among(db, "c.id", ids, "bigint")
    lock = " ORDER BY c.id FOR UPDATE OF c" if db.dialect == "postgresql" else ""
    rows = db.rows(f"SELECT {_KEEPER}, {_CASE} FROM cases c WHERE {where}{lock}", day, values)
    return {row[2]: (load(row[2:]), row[:2]) for row in rows}


def read_case(db: Db, id_: int) -> State | None:
    """A case as it stands, without a lock."""
    rows = db.rows(f"SELECT {_CASE} FROM cases c WHERE c.id = ?", id_)
    return load(rows[0]) if rows else None


def read_cases(db: Db, ids: Sequence[int]) -> list[State]:
    """Cases as they stand, by id, without a lock."""
    if not ids:
        return []
    where, values = among(db, "c.id", ids, "bigint")
    return [load(row) for row in db.rows(f"SELECT {_CASE} FROM cases c WHERE {where} ORDER BY c.id", values)]


def keepers(db: Db, subjects: Collection[str], day: str) -> dict[str, Keeper]:
    """Who is responsible by subject on a day."""
    where, values = among(db, "subject", subjects)
    rows = db.rows(f"SELECT subject, manager, since, recorded_at FROM responsible WHERE {where} "
                   "ORDER BY since, recorded_at, case_id", values)  # fmt: skip
    found: dict[str, Keeper] = {}
    for subject, manager, since, at in rows:
        before, newest = found.get(subject, (None, ""))
        found[subject] = (manager if since <= day else before, max(at, newest))
    return found


def managers(db: Db, subjects: Collection[str], day: str) -> dict[str, str]:
    """Responsible manager by subject on a day."""
    return {subject: manager for subject, (manager, _) in keepers(db, subjects, day).items() if manager}


def siblings(db: Db, parents: Collection[int], processes: Collection[str]) -> tuple[Counter[tuple[int, str]], str]:
    """How many cases of a process are open below each parent; and the newest instant at which one of them, open or
    closed, was moved (empty where there is none)."""
    where, values = among(db, "parent", parents, "bigint")
    found = [load(row) for row in db.rows(f"SELECT {_CASE} FROM cases c WHERE {where}", values)]
    found = [s for s in found if s.process in processes]  # here, so that no database looks for them by their process
    open_ = Counter((s.parent or 0, s.process) for s in found if s.closed_on is None)
    return open_, max((s.last_at for s in found), default="")


def closed_runs(db: Db, runs: Collection[int]) -> frozenset[int]:
    """Those of the runs that are closed. The others stay open until the end of the transaction."""
    where, values = among(db, "id", runs, "bigint")
    lock = " ORDER BY id FOR SHARE" if db.dialect == "postgresql" else ""
    rows = db.rows(f"SELECT id, closed_on FROM cases WHERE {where} AND process = 'run'{lock}", values)
    return frozenset(id_ for id_, closed_on in rows if closed_on is not None)


def taken_slots(db: Db, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Open cases that hold one of the slots."""
    where, values = among(db, "slot", {slot for _, slot in wanted})
    rows = db.rows(f"SELECT process, slot, id FROM cases WHERE {where} AND closed_on IS NULL", values)
    return {(process, slot): id_ for process, slot, id_ in rows}


_PERSON = """
SELECT 'unit', p.id, u.lane, p.unit FROM person p JOIN unit u ON u.id = p.unit
 WHERE p.id {who} AND (p.until IS NULL OR p.until >= ?)
UNION ALL SELECT 'role', person, role, '' FROM role_grant
 WHERE person {who} AND since <= ? AND (until IS NULL OR until >= ?)
UNION ALL SELECT 'for', deputy, absent, '' FROM substitute WHERE deputy {who} AND since <= ? AND until >= ?
UNION ALL SELECT 'related', person, subject, '' FROM relation WHERE person {who}
"""
_ONE = _PERSON.format(who="= ?")
_HOLDERS = "SELECT person FROM role_grant WHERE role = ? AND since <= ? AND (until IS NULL OR until >= ?)"
_STAFF = _PERSON.format(who=f"IN ({_HOLDERS})")


def people(db: Db, ids: Collection[str], day: str) -> dict[str, Person]:
    """Those in service on the day, with roles, whom they may stand in for, and declared relations."""
    wanted = [i for i in ids if i != SYSTEM]
    found = {SYSTEM: THE_SYSTEM}
    if len(wanted) == 1:
        found.update(_persons(db, _ONE, (wanted[0],), day))
    elif wanted:
        where, values = among(db, "", wanted)
        found.update(_persons(db, _PERSON.format(who=where), (values,), day))
    return found


def staff(db: Db, role: str, day: str) -> dict[str, Person]:
    """Everybody who holds a role on a day."""
    return _holding(role, _persons(db, _STAFF, (role, day, day), day))


def some(db: Db, role: str, owner: str | None, day: str) -> dict[str, Person]:
    """The owner, or else one who holds a role: mostly enough to know that somebody may."""
    wanted = [(owner,)] if owner is not None else db.rows(f"{_HOLDERS} LIMIT 1", role, day, day)
    return _holding(role, people(db, [row[0] for row in wanted], day))


def around(db: Db, role: str, persons: Collection[str], day: str) -> dict[str, Person]:
    """Of these persons and their deputies on a day those who hold a role: who comes into question where it is somebody's
    own."""
    where, values = among(db, "absent", persons)
    deputies = db.rows(f"SELECT deputy FROM substitute WHERE {where} AND since <= ? AND until >= ?", values, day, day)
    return _holding(role, people(db, {*persons, *(row[0] for row in deputies)}, day))


def _holding(role: str, found: dict[str, Person]) -> dict[str, Person]:
    return {id_: p for id_, p in found.items() if role in p.roles}


def _persons(db: Db, sql: str, who: Row, day: str) -> dict[str, Person]:
    units: dict[str, tuple[str, str]] = {}
    sets: dict[str, dict[str, set[str]]] = {"role": {}, "for": {}, "related": {}}
    for what, person, value, extra in db.rows(sql, *who, day, *who, day, day, *who, day, day, *who):
        if what == "unit":
            units[person] = (value, extra)
        else:
            sets[what].setdefault(person, set()).add(value)
    return {
        person: Person(person, lane, frozenset(sets["role"].get(person, ())), unit,
                       frozenset(sets["related"].get(person, ())), frozenset(sets["for"].get(person, ())))
        for person, (lane, unit) in units.items()
    }  # fmt: skip


def earlier(db: Db, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Row]:
    """Entries made before under the same keys, by (person, key): stream, seq, action, step, hash, digest, salt,
    payload, on_behalf_of, recorded_at."""
    found = {}
    for person in {person for person, _ in keys}:
        own = [key for who, key in keys if who == person]
        where, values = ("key = ?", own[0]) if len(own) == 1 else among(db, "key", own)
        for key, *rest in db.rows(
            "SELECT key, stream, seq, action, step, hash, digest, salt, payload, on_behalf_of, recorded_at FROM entry "
            f"WHERE person = ? AND {where}", person, values):  # fmt: skip
            found[person, key] = tuple(rest)
    return found


def opened(db: Db, parent: int, person: str, at: str) -> tuple[int, ...]:
    """The cases that a person opened below one at an instant, so in one act."""
    rows = db.rows(
        "SELECT c.id FROM cases c JOIN entry e ON e.stream = c.stream AND e.seq = 1 "
        "WHERE c.parent = ? AND e.person = ? AND e.recorded_at = ? ORDER BY c.id", parent, person, at)  # fmt: skip
    return tuple(row[0] for row in rows)


def ids(db: Db, n: int) -> int:
    """The first of a block of n new case ids; the counter stays locked until the end of the transaction."""
    return int(db.rows("UPDATE counter SET value = value + ? WHERE name = 'case' RETURNING value", n)[0][0]) - n + 1


def lock_streams(db: Db, names: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Heads of streams that are no cases, locked in the order of their names; absent ones are made (PostgreSQL
    needs a row to lock)."""
    if db.dialect == "postgresql":
        db.many("INSERT INTO stream (name, seq, head) VALUES (?, 0, '') ON CONFLICT DO NOTHING", [(n,) for n in names])
    where, values = among(db, "name", names)
    lock = " ORDER BY name FOR UPDATE" if db.dialect == "postgresql" else ""
    return {n: (seq, head) for n, seq, head in
            db.rows(f"SELECT name, seq, head FROM stream WHERE {where}{lock}", values)}  # fmt: skip


def write_streams(db: Db, heads: Collection[tuple[str, int, str]]) -> None:
    db.many("INSERT INTO stream (name, seq, head) VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, head = excluded.head", list(heads))  # fmt: skip


_BULK = 200  # rows from which PostgreSQL is better served by COPY than row by row


_MOVED = ("step", "seq", "head", "closed_on", "state", "id")


def update_cases(db: Db, rows: Sequence[Row]) -> None:
    """Cases as they now stand: rows of step, seq, head, closed_on, state, id."""
    if db.dialect == "postgresql" and len(rows) >= _BULK:
        db.run("CREATE TEMP TABLE IF NOT EXISTS moved (step text, seq int, head text, closed_on date, state text, "
               "id bigint) ON COMMIT DELETE ROWS")  # fmt: skip
        db.insert("moved", _MOVED, rows)
        db.run("UPDATE cases c SET step = m.step, seq = m.seq, head = m.head, closed_on = m.closed_on, state = m.state "
               "FROM moved m WHERE c.id = m.id")  # fmt: skip
        return
    db.many("UPDATE cases SET step = ?, seq = ?, head = ?, closed_on = ?, state = ? WHERE id = ?", rows)


_MARKS = ", ".join("?" * len(ITEM_COLUMNS))
_NEWLY = ", ".join(f"{name} = excluded.{name}" for name in ITEM_COLUMNS[1:])
_NAMES = ", ".join(ITEM_COLUMNS)
_PUT_ITEM = f"INSERT INTO item ({_NAMES}) VALUES ({_MARKS}) ON CONFLICT (case_id) DO UPDATE SET {_NEWLY}"


def write_items(db: Db, put: Sequence[Row], gone: Sequence[int]) -> None:
    """Items as they now stand, and cases that wait for a person no longer."""
    if db.dialect == "postgresql" and len(put) + len(gone) >= _BULK:
        db.run("DELETE FROM item WHERE case_id = ANY(?::bigint[])", [*gone, *(row[0] for row in put)])
        db.insert("item", ITEM_COLUMNS, put)
        return
    db.many("DELETE FROM item WHERE case_id = ?", [(id_,) for id_ in gone])
    db.many(_PUT_ITEM, put)


@lru_cache
def columns(table: str) -> tuple[str, ...]:
    """Column names of a projection table that arrows write rows to."""
    return tuple(c.name for c in SQLModel.metadata.tables[table].columns)
