"""How fast the record is proved: chains checked, tables compared, decisions taken again."""

import os
from itertools import groupby

from deployments.bench.door import live_together
from deployments.bench.process import PROCESS, RULES
from deployments.bench.size import Size
from deployments.bench.stopwatch import seconds
from door.audit import check_tables
from door.chain import check_chains
from door.db import Db
from door.decide import Facts
from door.journal import COLUMNS, Entry
from door.replay import recheck

ACTS = 4  # entries of a case that was lived to its end


def proof(db: Db, size: Size) -> dict[str, float]:
    """Journal entries a second: chains (with a process for each processor), tables against the journal, decisions."""
    for k in range(max(1, size.entries // ACTS // size.cases)):
        live_together(db, size.cases, k)
    n = db.rows("SELECT count(*) FROM entry")[0][0]
    return {
        "verify_per_s": n / seconds(lambda: _sound(check_chains(db, os.cpu_count() or 1).faults)),
        "verify_tables_per_s": n / seconds(lambda: _sound(check_tables(db, RULES.processes))),
        "recompute_per_s": n / seconds(lambda: _sound(_again(db))),
    }


def _again(db: Db) -> list[object]:
    """Every decision taken again from the state that the entries before it make; what comes out otherwise."""
    found: list[object] = []
    sql = f"SELECT {', '.join(COLUMNS)} FROM entry ORDER BY stream, seq"
    entries = (Entry(*row) for block in db.stream(sql) for row in block)
    for _, stream in groupby(entries, key=lambda e: e.stream):
        found += recheck(PROCESS, stream, RULES, lambda process, s, e: Facts())
    return found


def _sound(faults: object) -> None:
    if faults:
        raise AssertionError(f"the bench's own journal does not hold: {faults}")
