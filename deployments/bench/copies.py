"""Lives of cases copied: what happened to one borrower happens to others of other names, sealed anew.

A copy is what the door would have written: its chain holds by itself, its rows are the fold of its entries. Only what
names the borrower, his facilities and the case differs, so the text of payload and state is taken over with the names
changed, instead of being decided and folded once more.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from door.db import Db, Row, one
from door.fold import CASE_COLUMNS, ITEM_COLUMNS
from door.journal import COLUMNS, ZERO, Entry, seal
from door.store import columns
from tasks.house import random_salts

NAMES = re.compile(r'"([CL]\d{6,7})')  # borrowers and facilities of the invented bank, at the beginning of a text
PARENT = re.compile(r'"parent":(\d+)')
HERE, ABOVE = "\0", "\1"  # where a copy's mark goes, and the id of its parent
TABLES = ("cases", "entry", "item", "due", "evidence")  # in which a case stands


@dataclass(slots=True)
class Life:
    """One case as it stands, made ready to be copied: its entries, its rows of cases, item, due and evidence."""

    case: Row
    entries: list[Entry]
    item: Row | None
    due: list[Row]
    evidence: list[Row]

    @property
    def id(self) -> int:
        return int(self.case[0])

    @property
    def subject(self) -> str:
        return str(self.case[3]).removesuffix(HERE)


@dataclass(slots=True)
class Rows:
    """Rows to be written, by table."""

    of: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def write(self, db: Db) -> None:
        with db.transaction():
            for table in TABLES:
                db.insert(table, columns(table), self.of.pop(table, []))


@contextmanager
def quickly(db: Db) -> Iterator[None]:
    """Indexes are made when the rows are there, and what holds by itself is not checked for each row."""
    if db.dialect == "sqlite":
        indexes = db.rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        before = ("PRAGMA foreign_keys=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-1000000")
        after = ("PRAGMA foreign_keys=ON", "PRAGMA synchronous=FULL", "PRAGMA cache_size=-65536")
    else:
        indexes = db.rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT IN "
                          "(SELECT conname FROM pg_constraint)")  # fmt: skip
        before = (
            "SET session_replication_role = replica",
            "SET synchronous_commit = off",
            "SET maintenance_work_mem = '512MB'",
        )
        after = ("RESET ALL", "VACUUM ANALYZE")
    for sql in (*before, *(f"DROP INDEX {name}" for name, _ in indexes)):
        db.run(sql)
    yield
    for sql in (*(sql for _, sql in indexes), *after):
        db.run(sql)


def lives(db: Db, where: str, *values: object) -> list[Life]:
    """The cases of a condition on `cases`, by id."""
    found = []
    for case in db.rows(f"SELECT {', '.join(CASE_COLUMNS)} FROM cases WHERE {where} ORDER BY id", *values):
        id_, process, stream, subject, slot, parent, book, step, seq, head, opened_on, closed_on, state = case
        entries = [Entry(*row) for row in db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE stream = ? ORDER BY seq",
                                                  stream)]  # fmt: skip
        found.append(Life(
            (id_, process, stream, f"{subject}{HERE}", _marked(slot), parent, book, step, seq, head, opened_on, closed_on,
             _marked(state)),
            [e._replace(payload=PARENT.sub(f'"parent":{ABOVE}', _marked(e.payload) or "")) for e in entries],
            one(db.rows(f"SELECT {', '.join(ITEM_COLUMNS)} FROM item WHERE case_id = ?", id_)),
            _rows(db, "due", id_, " AND reason <> 'open inspection'"),  # that is said by a run
            _rows(db, "evidence", id_)))  # fmt: skip
    return found


def _rows(db: Db, table: str, case: int, more: str = "") -> list[Row]:
    return db.rows(f"SELECT {', '.join(columns(table))} FROM {table} WHERE case_id = ?{more}", case)


def _marked(text: str | None) -> str | None:
    """With the place of the mark after every name; a text that is a name alone has it at its end."""
    if text is None:
        return None
    if not text.startswith(("[", "{")):
        return NAMES.sub(rf'"\1{HERE}', f'"{text}')[1:]
    return NAMES.sub(rf'"\1{HERE}', text)


def copied(rows: Rows, life: Life, mark: str, by: int, dates: Mapping[str, str] | None = None) -> None:
    """Adds the copy of a life: `mark` behind the names, ids moved on by so much; `dates`: days in the place of others."""

    def then(text: str) -> str:
        for old, new in dates.items() if dates else ():
            text = text.replace(old, new)
        return text

    def changed(text: str) -> str:
        return then(text.replace(HERE, mark))

    id_, process, _, subject, slot, parent, book, step, seq, _, opened_on, closed_on, state = life.case
    id_, parent = id_ + by, parent and parent + by
    stream, head, sealed = f"case:{id_}", ZERO, []
    for e, salt in zip(life.entries, random_salts(len(life.entries)), strict=True):
        payload = changed(e.payload or "")
        if parent is not None:
            payload = payload.replace(ABOVE, str(parent))
        sealed.append(seal(stream, e.seq, e.action, e.person, e.on_behalf_of, e.role, e.step, e.round,
                           e.due_on and then(e.due_on), e.process, e.run, None, then(e.business_date),
                           then(e.recorded_at), head, salt, payload))  # fmt: skip
        head = sealed[-1].hash
    rows.of["entry"] += sealed
    rows.of["cases"].append((id_, process, stream, changed(subject), slot and changed(slot), parent, book, step, seq, head,
                             then(opened_on), closed_on and then(closed_on), changed(state)))  # fmt: skip
    if life.item is not None:
        rows.of["item"].append((id_, process, changed(subject), *life.item[3:]))
    rows.of["due"] += [(facility + mark, kind, then(due_on), outcome, reason, id_)
                       for facility, kind, due_on, outcome, reason, _ in life.due]  # fmt: skip
    rows.of["evidence"] += [(sha256, id_, *rest) for sha256, _, *rest in life.evidence]


def by_borrower(found: Sequence[Life]) -> Iterator[tuple[str, list[Life]]]:
    """The lives of each borrower, by his name; his parents before their children."""
    groups: dict[str, list[Life]] = {}
    for life in found:
        groups.setdefault(life.subject, []).append(life)
    yield from sorted(groups.items())
