"""The bytes of the journal: canonical JSON, digest of the payload, hash of the entry. docs/journal.md says the same."""

import hashlib
from typing import Any, NamedTuple

import orjson

ZERO = "0" * 64
_sha256 = hashlib.sha256


def canonical(payload: Any) -> str:
    """JSON with sorted ASCII keys, no floats, integers below 2^53: for such values equal to RFC 8785."""
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS).decode()


class Entry(NamedTuple):
    """One link of a stream's chain, as it stands in the table (models/tables.py), column by column."""

    stream: str
    seq: int
    action: str
    person: str
    on_behalf_of: str | None
    role: str
    step: str
    round: int
    due_on: str | None
    process: str | None
    run: int | None
    key: str | None
    business_date: str
    recorded_at: str
    digest: str
    prev: str
    hash: str
    salt: str | None
    payload: str | None


COLUMNS = Entry._fields


def seal(stream: str, seq: int, action: str, person: str, on_behalf_of: str | None, role: str, step: str, round_: int,
         due_on: str | None, process: str | None, run: int | None, key: str | None, business_date: str,
         recorded_at: str, prev: str, salt: str, payload: str) -> Entry:  # fmt: skip
    """A new entry with its digest and hash."""
    digest = _sha256((salt + payload).encode()).hexdigest()
    covered = (stream, seq, action, person, on_behalf_of, role, step, round_, due_on, process, run, key,
               business_date, recorded_at, digest, prev)  # fmt: skip
    return Entry(*covered, _sha256(hashed(covered)).hexdigest(), salt, payload)


def hashed(row: tuple[Any, ...]) -> bytes:
    """The bytes that an entry's hash covers: all columns but hash, salt and payload, by name, sorted."""
    (stream, seq, action, person, on_behalf_of, role, step, round_, due_on, process, run, key, business_date,
     recorded_at, digest, prev, *_) = row  # fmt: skip
    return orjson.dumps({  # written in the sorted order, so that nothing needs sorting
        "action": action, "business_date": business_date, "digest": digest, "due_on": due_on, "key": key,
        "on_behalf_of": on_behalf_of, "person": person, "prev": prev, "process": process, "recorded_at": recorded_at,
        "role": role, "round": round_, "run": run, "seq": seq, "step": step, "stream": stream,
    })  # fmt: skip


def intact(row: tuple[Any, ...]) -> bool:
    """Does the entry's hash fit its columns, and its digest its payload (where that is not erased)?"""
    if _sha256(hashed(row)).hexdigest() != row[16]:
        return False
    salt, payload = row[17], row[18]
    if salt is None and payload is None:
        return True
    return salt is not None and payload is not None and _sha256((salt + payload).encode()).hexdigest() == row[14]
