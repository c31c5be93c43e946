"""Somebody with full access to the database changes it behind the door's back, triggers off: each time it is found,
and the stream that was touched is named."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from door import store
from door.anchor import Verify, signer, verifier
from door.audit import Audit, audit
from door.chain import Fault
from door.db import Db, Row
from door.fold import CASE_COLUMNS, ITEM_COLUMNS
from door.journal import COLUMNS, ZERO, Entry, seal
from door.project import ROWS, Pages, Projection
from processes import PROCESSES
from tests.door.history import history

PAGES = Pages(PROCESSES)
HEX = "0123456789abcdef"
Named = set[str]


class Undo(Exception):
    pass


@dataclass
class Forger:
    """Plain SQL on a connection without triggers and foreign keys. Every act gives the streams that it touched."""

    db: Db
    verify: Verify
    dice: random.Random

    def audit(self) -> Audit:
        return audit(self.db, PROCESSES, self.verify)

    def tries(self, how: Callable[[], Named]) -> tuple[Named, list[Fault]]:
        """The touched streams and what the audit says; afterwards all is as before."""
        result: tuple[Named, list[Fault]] = (set(), [])
        with suppress(Undo), self.db.transaction():
            result = (how(), self.audit().faults)
            raise Undo
        return result

    # -- what there is --------------------------------------------------------------------------------------------

    def entries(self, stream: str) -> list[Row]:
        return self.db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE stream = ? ORDER BY seq", stream)

    def some(self, sql: str, *params: Any) -> Any:
        return self.dice.choice(sorted(self.db.rows(sql, *params), key=repr))

    def an_entry(self) -> Row:
        return self.some(f"SELECT {', '.join(COLUMNS)} FROM entry")

    def a_stream(self, longer_than: int = 0) -> str:
        return str(self.some("SELECT stream FROM entry GROUP BY stream HAVING count(*) > ?", longer_than)[0])

    def anchored(self) -> tuple[str, int]:
        """A stream and the newest seq of it that an anchor holds."""
        heads: dict[str, int] = {}
        for (text,) in self.db.rows("SELECT heads FROM anchor ORDER BY business_date"):
            heads.update((stream, seq) for stream, seq, _ in orjson.loads(text))
        return self.dice.choice(sorted(heads.items()))

    def kin(self, stream: str) -> Named:
        """The stream, and those that a run decided due rows for, or that decided some for it."""
        run = self.db.rows("SELECT stream FROM cases WHERE process = 'run'")[0][0]
        decided = self.db.rows("SELECT stream FROM cases JOIN due d ON d.case_id = id WHERE d.facility LIKE 'F%'")
        kin = {run, *(name for (name,) in decided)}
        return kin if stream in kin else {stream}

    def other(self, column: str, value: Any) -> Any:
        """Another value of the same kind."""
        if column == "case_id":
            return int(self.some("SELECT id FROM cases WHERE id <> ? AND process = 'control'", value or 0)[0])
        if isinstance(value, int) or column in ("run", "parent"):
            return (value or 0) + self.dice.randint(1, 50)
        if column == "outcome":
            return "merged" if value == "started" else "started"  # what the table's own check allows
        if column in ("hash", "prev", "digest", "head", "sha256", "salt", "book"):
            return "".join(self.dice.choices(HEX, k=len(value)))
        if column.endswith("_on") or column in ("business_date", "since", "held_until", "effective_from"):
            return f"2031-0{self.dice.randint(1, 9)}-11"
        if column in ("payload", "state"):
            at = self.dice.randrange(len(value))
            return value[:at] + ("~" if value[at] != "~" else "-") + value[at + 1 :]
        return (value or "") + self.dice.choice("abcxyz0")

    # -- ways to tamper -------------------------------------------------------------------------------------------

    def change_an_entry(self) -> Named:
        column = self.dice.choice(COLUMNS)
        return self.change_entry(self.an_entry(), column)

    def change_entry(self, row: Row, column: str) -> Named:
        new = self.other(column, row[COLUMNS.index(column)])
        self.db.run(f"UPDATE entry SET {column} = ? WHERE stream = ? AND seq = ?", new, row[0], row[1])
        return {new} | self.kin(row[0]) if column == "stream" else self.kin(row[0])

    def remove_an_entry(self) -> Named:
        stream, seq, *_ = self.an_entry()
        kin = self.kin(stream)
        self.db.run("DELETE FROM entry WHERE stream = ? AND seq = ?", stream, seq)
        return kin

    def insert_an_entry(self) -> Named:
        """Somewhere in a chain, those behind moved up; or at its end, well sealed."""
        stream = self.a_stream()
        chain = self.entries(stream)
        at = self.dice.randint(1, len(chain) + 1)
        before = chain[at - 2] if at > 1 else None
        like = self.dice.choice(chain)
        forged = seal(stream, at, *like[2:11], f"forged{at}", *like[12:14], before[16] if before else ZERO, "ab" * 16,
                      like[18])  # fmt: skip
        for row in reversed(chain[at - 1 :]):
            self.db.run("UPDATE entry SET seq = seq + 1 WHERE stream = ? AND seq = ?", stream, row[1])
        self.db.insert("entry", COLUMNS, [forged])
        return self.kin(stream)

    def invent_a_stream(self) -> Named:
        like = self.entries(str(self.some("SELECT stream FROM cases")[0]))[0]
        self.db.insert("entry", COLUMNS, [seal("case:7777", 1, *like[2:11], None, *like[12:14], ZERO, "ab" * 16,
                                               like[18])])  # fmt: skip
        return {"case:7777"} | (self.kin("run:1") if like[2] == "finish" else set())

    def swap_two_entries(self) -> Named:
        stream = self.a_stream(longer_than=1)
        a, b = self.dice.sample([row[1] for row in self.entries(stream)], 2)
        for old, new in ((a, 10_000), (b, a), (10_000, b)):
            self.db.run("UPDATE entry SET seq = ? WHERE stream = ? AND seq = ?", new, stream, old)
        return self.kin(stream)

    def remove_a_stream(self) -> Named:
        """With everything that the tables say of it."""
        stream, _ = self.anchored()
        kin = self.kin(stream)
        self.db.run("DELETE FROM entry WHERE stream = ?", stream)
        self.db.run("DELETE FROM stream WHERE name = ?", stream)
        for (case,) in self.db.rows("SELECT id FROM cases WHERE stream = ?", stream):
            for table in (*ROWS, "item", "notice"):
                self.db.run(f"DELETE FROM {table} WHERE case_id = ?", case)
            self.db.run("DELETE FROM cases WHERE id = ?", case)
        return kin

    def cut_off_an_end(self) -> Named:
        """The newest entries of an anchored chain are gone, and the tables are as they were before them."""
        stream, seq = self.anchored()
        kin = self.kin(stream)
        keep, was = self.dice.randint(0, seq - 1), self.projection(stream)
        self.db.run("DELETE FROM entry WHERE stream = ? AND seq > ?", stream, keep)
        self.write_tables(was)
        return kin

    def change_a_table(self) -> Named:
        table = self.dice.choice((*ROWS, "cases", "item", "stream"))
        columns = {"cases": CASE_COLUMNS, "item": ITEM_COLUMNS, "stream": ("name", "seq", "head")}.get(
            table
        ) or store.columns(table)
        of_a_case = " WHERE case_id IS NOT NULL" if table in ROWS else ""
        row = self.some(f"SELECT {', '.join(columns)} FROM {table}{of_a_case}")
        touched = self.owner(table, columns, row)
        match self.dice.choice(("change", "change", "change", "delete", "add")):
            case "delete":
                self.delete(table, columns, row)
            case "add" if table in ROWS:
                self.db.insert(table, columns, [tuple(v if c == "case_id" else self.other(c, v)
                                                      for c, v in zip(columns, row, strict=True))])  # fmt: skip
            case _:
                column = self.dice.choice(columns)
                key = column == columns[0] and table in ("cases", "item")  # no other row's
                new = row[0] + 100_000 if key else self.other(column, row[columns.index(column)])
                where, values = self.same(columns, row)
                self.db.run(f"UPDATE {table} SET {column} = ? WHERE {where}", new, *values)
                if column in ("case_id", "stream", "name"):
                    touched |= {str(new)} | {s for (s,) in self.db.rows("SELECT stream FROM cases WHERE id = ?", new)
                                             if column == "case_id"}  # fmt: skip
        return touched

    def owner(self, table: str, columns: tuple[str, ...], row: Row) -> Named:
        if table == "stream":
            return {row[0]}
        case = row[columns.index("id" if table == "cases" else "case_id")]
        return self.kin(str(self.db.rows("SELECT stream FROM cases WHERE id = ?", case)[0][0]))

    def make_a_chain_anew(self) -> Named:
        """An anchored entry is changed, every hash after it made anew, and the tables made to fit: nothing but the
        anchor can tell."""
        stream, seq = self.anchored()
        chain, was = self.entries(stream), self.projection(stream)
        at = self.dice.randint(1, seq)
        prev = chain[at - 2][16] if at > 1 else ZERO
        forged = []
        for row in chain[at - 1 :]:
            person = "mallory" if row[1] == at else row[3]
            entry = seal(*row[:3], person, *row[4:14], prev, row[17], row[18])
            prev = entry.hash
            forged.append(entry)
        self.db.run("DELETE FROM entry WHERE stream = ? AND seq >= ?", stream, at)
        self.db.insert("entry", COLUMNS, forged)
        self.write_tables(was)
        return {stream}

    def projection(self, stream: str) -> Projection:
        made = Projection(stream)
        for row in self.entries(stream):
            made.add(Entry(*row), PAGES)
        return made

    def write_tables(self, was: Projection) -> None:
        """The tables as the stream's journal now has them."""
        now = self.projection(was.stream)
        self.db.run("DELETE FROM stream WHERE name = ?", was.stream)
        if was.state:
            self.db.run("DELETE FROM item WHERE case_id = ?", was.state.id)
            self.db.run("DELETE FROM cases WHERE id = ?", was.state.id)
        for table, rows in was.rows.items():
            for row in set(rows) - set(now.rows.get(table, [])):
                self.delete(table, store.columns(table), row)
        if (case := now.case()) is not None:
            self.db.insert("cases", CASE_COLUMNS, [case])
            self.db.insert("item", ITEM_COLUMNS, [item] if (item := now.item()) else [])
        elif now.seq:
            self.db.insert("stream", ("name", "seq", "head"), [(now.stream, now.seq, now.head)])

    def delete(self, table: str, columns: tuple[str, ...], row: Row) -> None:
        where, values = self.same(columns, row)
        self.db.run(f"DELETE FROM {table} WHERE {where}", *values)

    def same(self, columns: tuple[str, ...], row: Row) -> tuple[str, list[Any]]:
        where = " AND ".join(f"{c} = ?" if v is not None else f"{c} IS NULL" for c, v in zip(columns, row, strict=True))
        return where, [v for v in row if v is not None]

    def change_an_anchor(self) -> Named:
        column = self.dice.choice(("business_date", "streams", "root", "previous", "signature", "heads"))
        date, *values = self.some("SELECT business_date, streams, root, previous, signature, heads FROM anchor")
        value = dict(zip(("business_date", "streams", "root", "previous", "signature", "heads"), (date, *values),
                         strict=True))[column]  # fmt: skip
        new = self.other("hash" if column in ("root", "previous", "signature") else column, value)
        if column == "heads":
            new = value.replace(",", f",{self.dice.randint(1, 9)}", 1)
        self.db.run(f"UPDATE anchor SET {column} = ? WHERE business_date = ?", new, date)
        return {f"anchor:{new if column == 'business_date' else date}"}


WAYS = ("change_an_entry", "remove_an_entry", "insert_an_entry", "invent_a_stream", "swap_two_entries",
        "remove_a_stream", "cut_off_an_end", "change_a_table", "make_a_chain_anew", "change_an_anchor")  # fmt: skip


@pytest.fixture
def forger(db: Db, tmp_path: Path) -> Forger:
    """In a bank with some history, triggers off."""
    history(db, signer(tmp_path / "anchor.key"))
    if db.dialect == "sqlite":
        db.run("PRAGMA foreign_keys = OFF")
        for (name,) in db.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            db.run(f"DROP TRIGGER {name}")
    else:
        db.run("SET session_replication_role = replica")
    return Forger(db, verifier(tmp_path / "anchor.pub"), random.Random(20260105))  # noqa: S311 - repeatable on purpose


def found_out(forger: Forger, way: str) -> None:
    touched, faults = forger.tries(getattr(forger, way))
    named = {fault.stream for fault in faults}
    assert named & touched, f"{way}: not found, touched {touched}"
    assert named <= touched, f"{way}: touched {touched}, but named {named - touched}: {faults}"


def test_every_column_of_an_entry_is_covered(forger: Forger) -> None:
    assert forger.audit().faults == []
    row = forger.an_entry()
    for column in COLUMNS:
        touched, faults = forger.tries(lambda column=column: forger.change_entry(row, column))
        assert {fault.stream for fault in faults} & touched, f"{column} of {row[:2]} can be changed unseen"


@pytest.mark.slow
def test_two_hundred_random_tamperings_are_all_found_and_rightly_named(forger: Forger) -> None:
    clean = forger.audit()
    assert (clean.faults, clean.anchors) == ([], 2)
    assert clean.entries > 300
    tally: Counter[str] = Counter()
    for n in range(200):
        way = WAYS[n % len(WAYS)]
        found_out(forger, way)
        tally[way] += 1
    print(f"\n{forger.db.dialect}: {clean.entries} entries, {clean.streams} streams; found out:", dict(tally))
    assert forger.audit() == clean


def test_a_chain_made_anew_is_found_by_the_anchor_and_by_nothing_else(forger: Forger) -> None:
    for _ in range(5):
        touched, faults = forger.tries(forger.make_a_chain_anew)
        assert {(fault.stream, fault.code) for fault in faults} == {(stream, "anchored") for stream in touched}
