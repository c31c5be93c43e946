"""A bank at work by hand: a snapshot of a few facilities, the runs of its stages, its people in between."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from door.command import SYSTEM
from door.db import Db
from models.policy import Book
from models.runs import RunResult
from models.snapshot import COLUMNS
from tasks import books
from tasks.deadlines import keep_deadlines
from tasks.due import Opened, open_due
from tasks.files import keep
from tasks.house import House
from tasks.run import Run, finish, start
from tasks.work import work
from tests.door.bank import DAY, Bank, found
from tests.tasks.core_bank import BOOK

SECRET = "5" * 64
QUIET = {"opened_on": date(2025, 11, 20), "drawings": [date(2024, 1, 1)]}  # due for nothing before 20 February 2026


def facility(id: str, borrower: str, **other: Any) -> dict[str, Any]:
    """A working-capital loan of a small borrower, opened 3 January 2025, quarterly, nothing wrong."""
    row = dict.fromkeys(COLUMNS) | {f"dpd_{n}": 0 for n in range(12)}
    return row | {
        "facility": id, "borrower": borrower, "borrower_name": borrower, "unit": "mapo", "manager": "lee",
        "product": "WC", "segment": "small", "currency": "KRW", "limit_amt": 1_000, "drawn_amt": 1_000, "bal": 900,
        "opened_on": date(2025, 1, 3), "class": 1, "dpd": 0, "revolving": False, "grade": 4,
    } | other  # fmt: skip


def changed(**sections: dict[str, Any]) -> Book:
    """The default book with some entries of some sections changed: kinds={"use": {"merge": True}}."""
    said = json.loads(BOOK.text)
    for section, entries in sections.items():
        for name, value in entries.items():
            old = said[section].get(name)
            said[section][name] = {**old, **value} if isinstance(old, dict) else value
    return Book.from_text(json.dumps(said | {"version": "changed"}))


@dataclass
class Works:
    """The bank of the door's tests with a house of its own; `bank.day` is the business date."""

    bank: Bank
    house: House

    @property
    def db(self) -> Db:
        return self.bank.db

    @property
    def book(self) -> str:
        return books.in_force(self.db, self.bank.day)

    @property
    def today(self) -> date:
        return date.fromisoformat(self.bank.day)

    def enforce(self, book: Book) -> None:
        """Puts a book in force from today, by two people."""
        books.keep(self.db, book)
        said = {"book": book.hash, "effective_from": self.bank.day, "reason": "decided"}
        case = self.bank.open("policy", "ryu", "propose_book", payload=said, subject="policy", book=book.hash)
        self.bank.do("oh", "approve_book", case)

    def snapshot(self, *rows: dict[str, Any]) -> str:
        """Takes in a snapshot of today; lee is responsible for borrowers that were not known."""
        frame = pl.DataFrame(rows, schema=COLUMNS).sort("facility")
        sha256 = keep(frame, self.house.snapshots)
        for row in rows:
            if not self.db.rows("SELECT 1 FROM responsible WHERE subject = ?", row["borrower"]):
                self.bank.borrower(row["borrower"])
            self.db.run("INSERT INTO facility (id, borrower, product, currency, limit_amt, bal, first_seen, digest) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, '') ON CONFLICT DO NOTHING", row["facility"], row["borrower"],
                        row["product"], row["currency"], row["limit_amt"], row["bal"], self.bank.day)  # fmt: skip
        self.db.run("INSERT INTO snapshot (sha256, as_of, source, mapping, rows, total_bal, taken_at) "
                    "VALUES (?, ?, '', '', ?, 0, ?) ON CONFLICT DO NOTHING", sha256, self.bank.day, len(rows),
                    self.house.now())  # fmt: skip
        return sha256

    def condition(self, facility: str, kind: str, value: str, name: str = "agreed") -> None:
        self.db.run("INSERT INTO condition (facility, name, kind, value, source) VALUES (?, ?, ?, ?, 'approval')",
                    facility, name, kind, value)  # fmt: skip

    def begin(self, stage: str, flow_run: str = "") -> Run:
        run = start(self.db, self.house, stage, self.today, flow_run, lambda: True, lambda: None)
        assert run is not None
        return run

    def due(self, limit: int = 0) -> Opened:
        """A whole run of the due ledger."""
        run = self.begin("scheduled_inspection")
        opened = open_due(run, limit)
        finish(run, opened.elsewhere)
        return opened

    def stage(self, stage: str, *steps: str) -> Counter[str]:
        """A whole run of a stage that decides what waits at the steps."""
        run = self.begin(stage)
        done = sum((work(run, step) for step in steps), Counter[str]())
        finish(run)
        return done

    def remind(self) -> Counter[str]:
        """A whole run of the deadlines."""
        run = self.begin("deadlines")
        done = keep_deadlines(run)
        finish(run)
        return done

    def finish(self, run: Run, opened: Opened | None = None) -> RunResult:
        return finish(run, opened.elsewhere if opened else ())

    def ledger(self) -> list[tuple[str, str, str, str]]:
        """(facility, kind, due_on, outcome) of all that was decided."""
        return [(f, k, str(d), o) for f, k, d, o in
                self.db.rows("SELECT facility, kind, due_on, outcome FROM due ORDER BY facility, kind, due_on")]  # fmt: skip

    def cases(self, process: str = "inspection") -> list[int]:
        return [row[0] for row in self.db.rows("SELECT id FROM cases WHERE process = ? ORDER BY id", process)]

    def said(self, case: int, *actions: str) -> dict[str, Any]:
        """The payload of the newest entry of one of these actions; without any, of the opening."""
        rows = self.db.rows("SELECT action, payload FROM entry WHERE stream = ? ORDER BY seq", f"case:{case}")
        payload = rows[0][1] if not actions else [p for a, p in rows if a in actions][-1]
        return dict(json.loads(payload))

    def bring(self, case: int, to: str) -> None:
        """Brings a case on to a step by the usual people, whatever the packages hold: nothing is screened."""
        usual = {"dispatch": (SYSTEM, "assign"), "visit": ("ahn", "submit"), "collect": ("lee", "collect"),
                 "screen": (SYSTEM, "pass"), "check": ("yoon", "check"), "prepare": (SYSTEM, "propose"),
                 "review": ("lee", "conclude"), "draw": (SYSTEM, "desk"), "verify_desk": ("choi", "verify"),
                 "weigh": (SYSTEM, "escalate" if to == "decide" else "close")}  # fmt: skip
        while (step := self.bank.state(case).step) != to:
            self.bank.do(*usual[step], case)

    def cancel(self, cases: Iterable[int]) -> None:
        for case in cases:
            self.bank.do("han", "cancel", case)


def works(db: Db, home: Path, book: Book = BOOK) -> Works:
    """The staff of the door's tests on 5 January 2026 with a policy book in force."""
    bank = found(db)
    bank.day = DAY
    here = House("", home, lambda: bank.clock().now(), lambda n: bank.clock().salts(n), lambda: SECRET,
                 today=lambda: date.fromisoformat(bank.day))  # fmt: skip
    bank.rules = books.rules(db)
    at_work = Works(bank, here)
    at_work.enforce(book)
    return at_work
