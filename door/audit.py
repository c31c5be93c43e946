"""Audit: does the journal hold in itself, do the tables follow from it, and is everything there that was anchored?

Its chains are checked in door/chain.py, the tables, the draw's secrets and the anchors here. What is wrong is a Fault: stream, seq, a code
and facts; tasks/sentences.py says it in words.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice

import orjson

from door import store
from door.anchor import Head, Tree, Verify, anchors, follows, read
from door.chain import Fault, Told, check_chains
from door.db import Db, Row
from door.fold import CASE_COLUMNS, ITEM_COLUMNS
from door.project import ROWS, Projection, projections
from models.process import Process

_BLOCK = 1000
PARTS = ("anchors", "chains", "tables")  # in the order in which they are looked at
_KEPT_CASE = ("id", "process", "stream", "step", "seq", "head", "opened_on", "closed_on")  # what no payload says
_KEPT_ITEM = ("case_id", "process", "step", "role", "lane", "round", "since", "due_on", "rung")


@dataclass(slots=True)
class Audit:
    """What was looked at, what is erased (by right, so no fault), and what is wrong. `root` is the newest anchor's:
    who keeps it elsewhere can tell next time that no anchor was taken away."""

    entries: int
    streams: int
    anchors: int
    root: str
    erased: list[tuple[str, int]]
    faults: list[Fault]


def audit(db: Db, processes: Mapping[str, Process], verify: Verify | None, kept: Mapping[str, str] | None = None,
          parts: int = 1, told: Callable[[str, int, int], None] = lambda part, n, of: None) -> Audit:  # fmt: skip
    """Everything. `verify` checks the anchors' signatures (None: they are not checked); `kept` are roots by business
    date known from elsewhere; `parts` processes share the chains, each with its own connection. `told` is called as it
    goes: with the part (of PARTS), and how many of how many anchors, entries, streams are done."""
    with nullcontext() if db.inside else db.snapshot():
        n, root, anchor_faults = check_anchors(db, verify, kept or {}, partial(told, "anchors"))
        chains = check_chains(db, parts, partial(told, "chains"))
        broken = {fault.stream for fault in chains.faults}
        tables = check_tables(db, processes, broken, lambda seen: told("tables", seen, chains.streams))
        found = [*chains.faults, *tables, *check_secrets(db), *anchor_faults]
        return Audit(chains.entries, chains.streams, n, root, chains.erased, found)


# -- tables -------------------------------------------------------------------------------------------------------


def check_tables(db: Db, processes: Mapping[str, Process], broken: Iterable[str] = (),
                 told: Callable[[int], None] = lambda seen: None) -> list[Fault]:  # fmt: skip
    """Cases, items, heads and rows equal what the journal gives. Streams with a broken chain are left out: theirs
    can't be told. Where a payload is erased, what it alone said is not compared. `told`: of how many streams."""
    faults: list[Fault] = []
    unjudged = set(broken)
    made: dict[str, dict[int, str]] = {table: {} for table in ROWS}
    streams, seen = projections(db, processes), 0
    while block := list(islice(streams, _BLOCK)):
        for p in block:
            if p.erased:
                unjudged.add(p.stream)
            for table, rows in p.rows.items():  # by hash: a ledger of millions must fit in memory
                made[table].update((hash(row), p.stream) for row in rows)
        seen += len(block)
        block = [p for p in block if p.stream not in broken]
        faults += [Fault(p.stream, p.unreadable[0], "unreadable", {"says": p.unreadable[1]})
                   for p in block if p.unreadable]  # fmt: skip
        faults += _folds(db, [p for p in block if not p.unreadable])
        told(seen)
    for table, hashes in made.items():
        faults += _rows(db, table, hashes, unjudged)
    return [*faults, *_strays(db)]


def _folds(db: Db, block: list[Projection]) -> Iterator[Fault]:
    """The rows of cases, item and stream of these streams."""
    cases = [p for p in block if p.state]
    where, names = store.among(db, "stream", [p.stream for p in block])
    stands = {row[2]: row for row in db.rows(f"SELECT {', '.join(CASE_COLUMNS)} FROM cases WHERE {where}", names)}
    where, ids = store.among(db, "case_id", [p.state.id for p in cases if p.state], "bigint")
    items = {row[0]: row for row in db.rows(f"SELECT {', '.join(ITEM_COLUMNS)} FROM item WHERE {where}", ids)}
    where, names = store.among(db, "name", [p.stream for p in block])
    heads = {row[0]: row for row in db.rows(f"SELECT name, seq, head FROM stream WHERE {where}", names)}
    for p in block:
        head = None if p.state else (p.stream, p.seq, p.head)
        case, item = p.case(), p.item()
        yield from _same(p, "stream", ("name", "seq", "head"), head, heads.get(p.stream), None)
        yield from _same(p, "cases", CASE_COLUMNS, case, stands.get(p.stream), _KEPT_CASE if p.erased else None)
        there = items.get(p.state.id) if p.state else None
        yield from _same(p, "item", ITEM_COLUMNS, item, there, _KEPT_ITEM if p.erased else None)


def _same(p: Projection, table: str, columns: tuple[str, ...], made: Row | None, there: Row | None,
          compared: tuple[str, ...] | None) -> Iterator[Fault]:  # fmt: skip
    if made is None or there is None:
        if made is not there:
            yield Fault(p.stream, p.seq, "table", {"table": table, "what": "missing" if there is None else "extra"})
    elif made != there:
        differ = [c for c, a, b in zip(columns, made, there, strict=True) if a != b and (not compared or c in compared)]
        if differ:
            yield Fault(p.stream, p.seq, "table", {"table": table, "what": "differs", "columns": differ})


def _rows(db: Db, table: str, made: dict[int, str], unjudged: set[str]) -> Iterator[Fault]:
    """Rows that arrows wrote: each there that an entry says, and no other. A row without case is reference data."""
    columns = store.columns(table)
    case = columns.index("case_id")
    for block in db.stream(f"SELECT {', '.join(columns)} FROM {table} WHERE case_id IS NOT NULL"):
        extra = [row for row in block if made.pop(hash(row), None) is None]
        for row in extra:
            stream = _stream_of(db, row[case])
            if stream not in unjudged:
                yield Fault(stream, 0, "table", {"table": table, "what": "extra", "row": list(map(str, row))})
    for stream in made.values():
        if stream not in unjudged:
            yield Fault(stream, 0, "table", {"table": table, "what": "missing"})


def _strays(db: Db) -> Iterator[Fault]:
    """What stands in the tables for streams that the journal does not have."""
    for table, name in (("cases", "stream"), ("stream", "name")):
        for stream, seq in db.rows(f"SELECT {name}, seq FROM {table} t WHERE NOT EXISTS "
                                   f"(SELECT 1 FROM entry e WHERE e.stream = t.{name})"):  # fmt: skip
            yield Fault(stream, seq, "no_entries", {"table": table})
    for (case,) in db.rows("SELECT case_id FROM item WHERE case_id NOT IN (SELECT id FROM cases)"):
        yield Fault(_stream_of(db, case), 0, "table", {"table": "item", "what": "extra"})


def _stream_of(db: Db, case: int) -> str:
    """The stream of a case by its id, by the journal where the case is not in its table."""
    opened = "SELECT stream FROM entry WHERE seq = 1 AND stream LIKE ? AND process IS NOT NULL"
    rows = db.rows("SELECT stream FROM cases WHERE id = ?", case) or db.rows(opened, f"%:{case}")
    return str(rows[0][0]) if rows else f"case:{case}"


# -- the draw's secrets -------------------------------------------------------------------------------------------


def check_secrets(db: Db) -> Iterator[Fault]:
    """Each secret that a draw's stream discloses is the one whose hash was journaled at the quarter's start."""
    for stream, seq, committed, disclosed in db.rows(
        "SELECT d.stream, d.seq, c.payload, d.payload FROM entry d LEFT JOIN entry c ON c.stream = d.stream "
        "AND c.action = 'committed' WHERE d.stream LIKE 'draw:%' AND d.action = 'disclosed' ORDER BY d.stream, d.seq"):  # fmt: skip
        said = [orjson.loads(text) if text else {} for text in (committed, disclosed)]
        if hashlib.sha256(str(said[1].get("secret")).encode()).hexdigest() != said[0].get("hash"):
            yield Fault(stream, seq, "secret")


# -- anchors ------------------------------------------------------------------------------------------------------


def check_anchors(db: Db, verify: Verify | None, kept: Mapping[str, str],
                  told: Told = lambda n, of: None) -> tuple[int, str, list[Fault]]:  # fmt: skip
    """Signatures, the chain of the anchors, their roots; and each anchored entry still in the journal. Gives the
    number of anchors and the newest root besides."""
    faults: list[Fault] = []
    lost: dict[str, Fault] = {}
    unseen = dict(kept)
    tree, before, n = Tree(), None, 0
    known = sound = True  # is the anchor before as it was signed; does the tree hold what all before listed
    of = db.rows("SELECT count(*) FROM anchor")[0][0]
    for anchor in anchors(db):
        told(n, of)
        n += 1
        name = f"anchor:{anchor.business_date}"
        try:
            heads = read(anchor.heads)
        except (ValueError, TypeError):
            heads = []
        fits = (tree.put(heads), len(tree.at)) == (anchor.root, anchor.streams)
        signed = verify is None or verify(anchor.statement(), anchor.signature)
        if not signed:
            faults.append(Fault(name, 0, "signature"))
        elif known and anchor.previous != follows(before):
            faults.append(Fault(name, 0, "follows", {"expected": follows(before), "found": anchor.previous}))
            sound = False
        elif sound and not fits:
            faults.append(Fault(name, 0, "root"))
        elif unseen.get(anchor.business_date, anchor.root) != anchor.root:
            faults.append(Fault(name, 0, "kept", {"found": anchor.root}))
        unseen.pop(anchor.business_date, None)
        if fits or not sound:  # else these are not the heads that were signed
            for fault in _anchored(db, heads, anchor.business_date):
                lost.setdefault(fault.stream, fault)
        before, known, sound = anchor, signed, sound and fits
    faults += [Fault(f"anchor:{date}", 0, "kept") for date in unseen]
    return n, before.root if before else "", [*faults, *lost.values()]


def _anchored(db: Db, heads: Iterable[Head], date: str) -> Iterator[Fault]:
    left = iter(heads)
    while block := list(islice(left, _BLOCK)):
        names, streams = store.among(db, "stream", [stream for stream, *_ in block])
        seqs, numbers = store.among(db, "seq", {seq for _, seq, _ in block}, "bigint")
        stands = {(stream, seq): hash_ for stream, seq, hash_ in db.rows(
            f"SELECT stream, seq, hash FROM entry WHERE {names} AND {seqs}", streams, numbers)}  # fmt: skip
        for stream, seq, hash_ in block:
            there = stands.get((stream, seq))
            if there != hash_:
                yield Fault(stream, seq, "anchored", {"date": date, "expected": hash_, "found": there})
