"""The journal out of the house and in again: export as JSON lines, rebuild of an empty database from them.

Projections refer to the journal alone (their foreign keys end at cases), so nothing else need be there first; staff,
customers and policy books are loaded afterwards as ever. What is operational (messages, attempts) is not rebuilt.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

from door import anchor, store
from door.anchor import Verify
from door.audit import check_anchors
from door.chain import Chains, Fault, check_chains
from door.db import Db, Row
from door.fold import CASE_COLUMNS, ITEM_COLUMNS
from door.journal import COLUMNS, hashed
from door.project import Projection, projections
from models.process import Process

HASHED = COLUMNS[:16]  # those that an entry's hash covers
_BLOCK = 1000


class NotRebuilt(Exception):
    """Nothing was written; the message says why, `faults` what does not verify."""

    def __init__(self, says: str, faults: Iterable[Fault] = ()) -> None:
        super().__init__(says)
        self.faults = list(faults)


def export(db: Db, run: int | None = None) -> Iterator[str]:
    """The journal, a line an entry, by stream (in the order of code points) and seq, then the anchors by date: the
    same lines from either database. docs/journal.md says what stands in them. Of one run: its own stream and what it
    wrote, in the same lines."""
    bytewise = ' COLLATE "C"' if db.dialect == "postgresql" else ""
    where, values = ("", ()) if run is None else ("WHERE run = ? OR stream = ? ", (run, f"run:{run}"))
    sql = f"SELECT {', '.join(COLUMNS)} FROM entry {where}ORDER BY stream{bytewise}, seq"
    with db.snapshot():
        for block in db.stream(sql, *values, size=_BLOCK):
            for row in block:
                rest = orjson.dumps({"hash": row[16], "salt": row[17], "payload": row[18]})
                yield (b'{"entry":' + hashed(row) + b"," + rest[1:]).decode()
        for a in anchor.anchors(db) if run is None else ():
            yield f'{{"anchor":{a.statement().decode()},"signature":"{a.signature}","heads":{a.heads}}}'


def rebuild(lines: Iterable[str], db: Db, processes: Mapping[str, Process], verify: Verify | None = None) -> Chains:
    """Loads an export into an empty database, verifies it there, and writes the projections that follow from it; in
    one transaction. `verify` checks the anchors' signatures. Raises NotRebuilt; then the database is as before."""
    with db.transaction():
        for table in ("entry", "cases", "anchor"):
            if db.rows(f"SELECT 1 FROM {table} LIMIT 1"):
                raise NotRebuilt("The database is not empty: name one that has no journal yet.")
        _load(lines, db)
        chains = check_chains(db)
        faults = [*chains.faults, *check_anchors(db, verify, {})[2]]
        if faults:
            raise NotRebuilt(f"The journal does not verify ({len(faults)} faults, the first in {faults[0].stream}, "
                             f"entry {faults[0].seq}): take an export that does.", faults)  # fmt: skip
        _write(db, projections(db, processes))
    return chains


def _load(lines: Iterable[str], db: Db) -> None:
    numbered = enumerate(lines, 1)
    while block := list(islice(numbered, _BLOCK)):
        entries, found = [], []
        for n, line in block:
            try:
                said = orjson.loads(line)
                if "entry" in said:
                    entry = said["entry"]
                    entries.append((*(entry[c] for c in HASHED), said["hash"], said["salt"], said["payload"]))
                else:
                    found.append(_anchor(**said))
            except (ValueError, TypeError, LookupError) as e:
                raise NotRebuilt(f"Line {n} is neither an entry nor an anchor: it is no export of a journal, or was "
                                 "changed since.") from e  # fmt: skip
        db.insert("entry", COLUMNS, entries)
        db.insert("anchor", anchor.COLUMNS, found)


def _anchor(anchor: Mapping[str, Any], signature: str, heads: list[Any]) -> Row:
    return (anchor["business_date"], anchor["streams"], anchor["root"], anchor["previous"], signature,
            orjson.dumps(heads).decode())  # fmt: skip


def _write(db: Db, streams: Iterator[Projection]) -> None:
    """Parents come after their children here and rows after their cases: what points to another case waits."""
    parents: list[Row] = []
    later: dict[str, list[Row]] = {}
    parent = CASE_COLUMNS.index("parent")
    while block := list(islice(streams, _BLOCK)):
        cases: list[Row] = []
        items: list[Row] = []
        rows: dict[str, list[Row]] = {}
        for p in block:
            if p.unreadable:
                seq, says = p.unreadable
                fault = Fault(p.stream, seq, "unreadable", {"says": says})
                raise NotRebuilt(f"Entry {seq} of {p.stream} can't be folded ({says}): give the process under which "
                                 "it was made.", [fault])  # fmt: skip
            if case := p.case():
                if case[parent] is not None:
                    parents.append((case[parent], case[0]))
                cases.append((*case[:parent], None, *case[parent + 1 :]))
            if item := p.item():
                items.append(item)
            for table, made in p.rows.items():
                at = store.columns(table).index("case_id")
                for row in made:
                    own = p.state is not None and row[at] == p.state.id
                    (rows if own else later).setdefault(table, []).append(row)
        db.insert("cases", CASE_COLUMNS, cases)
        db.insert("item", ITEM_COLUMNS, items)
        db.insert("stream", ("name", "seq", "head"), [(p.stream, p.seq, p.head) for p in block if p.state is None])
        for table, made in rows.items():
            db.insert(table, store.columns(table), made)
    for table, made in later.items():
        db.insert(table, store.columns(table), made)
    db.many("UPDATE cases SET parent = ? WHERE id = ?", parents)
    db.run("UPDATE counter SET value = (SELECT coalesce(max(id), 0) FROM cases) WHERE name = 'case'")
