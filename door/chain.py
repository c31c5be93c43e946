"""The chains of the journal: seq without gap from 1, prev the hash before, hash and digest fitting, in every stream.

The checking costs a few microseconds an entry, nearly all of it in one processor; so `check_chains` can share the
streams out to processes of its own, each started as `python -m door.chain` with its part as JSON on standard input.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from door.db import Db, Row, connect
from door.journal import COLUMNS, ZERO, intact

_ENTRIES = f"SELECT {', '.join(COLUMNS)} FROM entry"
_BLOCK = 1000
Told = Callable[[int, int], None]  # how many of how many


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where. Codes of a chain (the first of a stream): gap (another seq than expected), prev (not
    the hash before), hash (does not fit the columns), digest (does not fit the payload). Of the tables: no_entries (a
    case or head without a stream), unreadable (an entry that can't be folded), table (facts: table, what: missing,
    extra or differs, columns). Of a draw: secret (disclosed, and not the one that was committed). Of anchors (stream
    anchor:DATE): signature, follows (not the one before), root, kept (an anchor known from elsewhere); anchored (of the
    stream itself: the entry that was anchored is not there)."""

    stream: str
    seq: int
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Chains:
    """What the pass over the chains saw: counts, entries whose payload is erased (stream, seq), faults."""

    entries: int = 0
    streams: int = 0
    erased: list[tuple[str, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def check_chains(db: Db, parts: int = 1, told: Told = lambda n, of: None) -> Chains:
    """Every stream; `told` is called as it goes. With more than one part each is a process with its own connection, so
    that what an open transaction of `db` has written is not seen by them."""
    n = db.rows("SELECT count(*) FROM entry")[0][0]
    if parts == 1 or n < parts:
        return _chains(db, None, None, lambda seen: told(seen, n))
    cuts = [db.rows("SELECT stream FROM entry ORDER BY stream, seq LIMIT 1 OFFSET ?", n * i // parts)[0][0]
            for i in range(1, parts)]  # fmt: skip
    ends = [None, *dict.fromkeys(cuts), None]
    whole = Chains()
    told(0, n)
    with ThreadPoolExecutor(parts) as pool:
        for part in pool.map(_elsewhere, [db.url] * (len(ends) - 1), ends[:-1], ends[1:]):
            whole.entries += part["entries"]
            whole.streams += part["streams"]
            whole.erased += [(stream, seq) for stream, seq in part["erased"]]
            whole.faults += [Fault(**fault) for fault in part["faults"]]
            told(whole.entries, n)
    return whole


def _elsewhere(url: str, low: str | None, high: str | None) -> dict[str, Any]:
    """One part, in a process of its own. The URL goes by standard input: it may hold a password."""
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))))
    done = subprocess.run([sys.executable, "-m", "door.chain"], input=json.dumps([url, low, high]), text=True,
                          stdout=subprocess.PIPE, check=True, env={**os.environ, "PYTHONPATH": path})  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _chains(db: Db, low: str | None, high: str | None, told: Callable[[int], None] = lambda seen: None) -> Chains:
    """The streams from `low` on and before `high`, in the database's own order of names."""
    found = Chains()
    bounds = [(" stream >= ?", low), (" stream < ?", high)]
    where = " AND".join(sql for sql, value in bounds if value is not None)
    params = [value for _, value in bounds if value is not None]
    stream, seq, prev, sound = "", 0, ZERO, True
    sql = f"{_ENTRIES}{' WHERE' if where else ''}{where} ORDER BY stream, seq"
    for block in db.stream(sql, *params, size=_BLOCK):
        found.entries += len(block)
        for row in block:
            if row[0] != stream:
                stream, seq, prev, sound = row[0], 0, ZERO, True
                found.streams += 1
            elif not sound:
                continue
            seq += 1
            if row[1] == seq and row[15] == prev and _intact(row):
                prev = row[16]
                if row[18] is None:
                    found.erased.append((stream, seq))
            else:
                sound = False
                found.faults.append(_why(row, seq, prev))
        told(found.entries)
    return found


def _intact(row: Row) -> bool:
    try:
        return intact(row)
    except TypeError:  # a value of a type that the door never writes
        return False


def _why(row: Row, seq: int, prev: str) -> Fault:
    if row[1] != seq:
        return Fault(row[0], seq, "gap", {"found": row[1]})
    if row[15] != prev:
        return Fault(row[0], seq, "prev", {"expected": prev, "found": row[15]})
    return Fault(row[0], seq, "digest" if _intact((*row[:17], None, None)) else "hash")


def _main() -> None:
    url, low, high = json.load(sys.stdin)
    with connect(url) as db, db.snapshot():
        json.dump(asdict(_chains(db, low, high)), sys.stdout, default=str)


if __name__ == "__main__":
    _main()
