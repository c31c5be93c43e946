"""A bank with its policy book in force, a simulated core banking system that asks the gate before it pays, people who
restrict and lift at random, and what the journal says that each payment should have got."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import orjson
import polars as pl

from door.act import act
from door.command import Clock, Command, Rules
from door.db import Db, connect
from models.policy import load
from models.snapshot import COLUMNS
from tasks import books
from tasks.files import keep
from tasks.gate import Answer, answer, check, judge
from tests.door.bank import DAY, MAY_LIFT, Bank, found

BOOK = load(Path(__file__).parents[2] / "policies")
FACILITIES = {"F1": "B1", "F2": "B1", "F3": "B2", "F4": "B2", "F5": "B3"}  # facility: borrower
CREDIT_MANAGERS = ("han", "oh", "seo")  # the last one confirms and lifts, as a rule
#: What each kind does, said here again by hand: stops, limits or leaves alone; the facility named or all of them.
STOPS = {"K1": "facility", "K2": "facility", "K10": "borrower"}
LIMITS = {"K3": "facility"}
KINDS = ("K1", "K2", "K3", "K3", "K4", "K10")
CAP = 500


@dataclass
class Lender(Bank):
    """A bank with a folder of snapshots."""

    snapshots: Path = Path()


def liftable(db: Db) -> Rules:
    """The bank's rules, but that no restriction waits for an inspection to be lifted."""
    return replace(books.rules(db), beside=lambda *_: (MAY_LIFT, ""))


def open_bank(db: Db, snapshots: Path) -> Lender:
    """Staff, five facilities of three borrowers that are inspected for the first time in April, a snapshot of them in
    that folder, and the default book in force."""
    bank = Lender(**vars(found(db)), snapshots=snapshots)
    bank.borrower("B3")
    with db.transaction():
        for facility, borrower in FACILITIES.items():
            db.run("INSERT INTO facility (id, borrower, product, currency, limit_amt, bal, first_seen, digest) "
                   "VALUES (?, ?, 'WC', 'KRW', 1000000, 0, '2020-01-01', '')", facility, borrower)  # fmt: skip
        books.keep(db, BOOK)
        snapshot(db, snapshots, FACILITIES)
    bank.rules = liftable(db)
    version = {"book": BOOK.hash, "effective_from": DAY, "reason": "the first"}
    case = bank.open("policy", "ryu", "propose_book", payload=version, subject="book", book=BOOK.hash)
    bank.do("oh", "approve_book", case)
    return bank


def snapshot(db: Db, folder: Path, loans: Mapping[str, str]) -> None:
    """Takes in a snapshot of 1 January 2026 with a loan for each facility, by borrower."""
    sha256 = keep(pl.DataFrame([loan(f, borrower) for f, borrower in loans.items()], schema=COLUMNS), folder)
    db.run("INSERT INTO snapshot (sha256, as_of, source, mapping, rows, total_bal, taken_at) "
           "VALUES (?, '2026-01-01', '', '', ?, 0, '')", sha256, len(loans))  # fmt: skip


def loan(facility: str, borrower: str) -> dict[str, Any]:
    """A working-capital loan of a small borrower, quarterly from 5 January 2026, its money used long ago."""
    return dict.fromkeys(COLUMNS) | {
        "facility": facility, "borrower": borrower, "unit": "mapo", "product": "WC", "segment": "small",
        "currency": "KRW", "limit_amt": 1_000_000, "bal": 900_000, "opened_on": date(2026, 1, 5),
        "drawings": [date(2024, 1, 1)], "class": 1, "dpd": 0, "grade": 4, "revolving": False,
    }  # fmt: skip


def instant() -> str:
    """Nanoseconds since the machine's start: one clock for all processes, which never goes back."""
    return f"{time.clock_gettime_ns(time.CLOCK_MONOTONIC):020}"


def salts(n: int) -> list[str]:
    return [os.urandom(16).hex() for _ in range(n)]


CLOCK = Clock(DAY, instant, salts)
Check = Callable[..., Answer]


# -- the core banking system, and the people -----------------------------------------------------------------------


@dataclass
class CoreBank:
    """Pays what the gate allows, never more, each payment once. At times an answer is lost on the way, and it asks
    again with the same key."""

    db: Db
    rules: Rules
    name: str
    ask: Check
    snapshots: Path
    ledger: dict[str, int] = field(default_factory=dict)

    def pay(self, facility: str, amount: int, lost: bool) -> None:
        key = f"payment {len(self.ledger)}"
        said = self._ask(facility, amount, key)
        if lost:
            first, said = said, self._ask(facility, amount, key)
            assert said == replace(first, repeated=True)
        self.ledger[key] = said.allowed

    def _ask(self, facility: str, amount: int, key: str) -> Answer:
        return self.ask(self.db, facility, amount, CLOCK, self.rules, self.snapshots, person=self.name, key=key)


def restrict_or_lift(db: Db, rules: Rules, borrower: str, r: Random) -> str:
    """One step of one restriction of the borrower, by somebody: what was done, or why it was refused."""
    open_ = db.rows("SELECT id, step FROM cases WHERE process = 'control' AND subject = ? AND closed_on IS NULL "
                    "ORDER BY id", borrower)  # fmt: skip
    *first, second = CREDIT_MANAGERS
    person = r.choice(first)
    if not open_ or (len(open_) == 1 and r.random() < 0.3):
        facility = r.choice(["", *(f for f, b in FACILITIES.items() if b == borrower)])
        said = {"kind": r.choice(KINDS), "facility": facility, "cap": CAP, "reason": "arrears"}
        command = Command(person, "propose", said, process="control", subject=borrower, book=BOOK.hash)
    else:
        case, step = r.choice(open_)
        usual, seldom = {"confirm": ("confirm", "reject"), "in_force": ("ask_lift", "ask_lift"),
                         "confirm_lift": ("lift", "refuse_lift")}[step]  # fmt: skip
        action = usual if r.random() < 0.85 else seldom
        if step != "in_force" and r.random() < 0.8:
            person = second
        command = Command(person, action, {} if action in ("confirm", "lift") else {"reason": "paid up"}, case=case)
    (verdict,) = act(db, [command], CLOCK, rules)
    return verdict.refused.code if verdict.refused else command.action


_start: Any = None
_acted: Any = None


def _take(start: Any, acted: Any) -> None:
    global _start, _acted
    _start, _acted = start, acted


def work(url: str, seed: int, n: int, ask: Check, snapshots: Path) -> tuple[str, dict[str, int], Counter[str]]:
    """One process: n times a payment, or a step of a restriction. Its name, its ledger, and what was done."""
    r, done = Random(seed), Counter[str]()  # noqa: S311 - a simulation
    with connect(url) as db:
        core = CoreBank(db, liftable(db), f"core-{seed}", ask, snapshots)
        _start.wait(120)
        for _ in range(n):
            facility = r.choice(list(FACILITIES))
            if r.random() < 0.5:
                core.pay(facility, r.choice((100, CAP, 900)), lost=ask is check and r.random() < 0.1)
            else:
                done[restrict_or_lift(db, core.rules, FACILITIES[facility], r)] += 1
            with _acted:
                _acted.notify_all()
                if r.random() < 0.5:  # lets another come first; SQLite alone would let one go on and on
                    _acted.wait(0.02)
    return core.name, core.ledger, done


@dataclass
class Day:
    """What a day brought: payments by (core bank, key) as its ledger has them, and what people did."""

    ledger: dict[tuple[str, str], int] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)


def live(url: str, seed: int, processes: int, each: int, snapshots: Path, ask: Check = check) -> Day:
    """So many processes at once, each doing so many things, from the seed."""
    context, day = get_context("spawn"), Day()
    shared = (context.Barrier(processes), context.Condition())
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_take, initargs=shared) as pool:
        tasks = [pool.submit(work, url, seed * 100 + k, each, ask, snapshots) for k in range(processes)]
        for task in tasks:
            name, ledger, done = task.result(600)
            day.ledger |= {(name, key): paid for key, paid in ledger.items()}
            day.done += done
    return day


def racy(db: Db, facility: str, amount: int, clock: Clock, rules: Rules, snapshots: Path, *, person: str,
         key: str) -> Answer:  # fmt: skip
    """A gate with the fault that the tests are to find: it reads the controls before the transaction that answers.
    It waits a little in between for somebody to come in, so that few payments are enough."""
    judged = judge(db, facility, amount, clock, rules, snapshots)
    before, deadline = _versions(db, facility), time.monotonic() + 0.1
    while _versions(db, facility) == before and time.monotonic() < deadline:
        pass
    with db.transaction():
        return answer(db, facility, amount, replace(judged, at=clock.now()), clock, person, key)


def _versions(db: Db, facility: str) -> list[Any]:
    return db.rows("SELECT count(*), sum(seq) FROM cases WHERE process = 'control' AND subject = ?",
                   FACILITIES[facility])  # fmt: skip


# -- what the journal says ------------------------------------------------------------------------------------------


@dataclass
class Control:
    """A restriction as the journal tells it: in force from the instant of its confirmation until that of its lifting.
    `paid`: what was allowed meanwhile out of what it binds."""

    subject: str
    kind: str
    facility: str
    cap: int
    since: str = ""
    until: str = ""
    paid: int = 0

    def binds(self, facility: str, at: str) -> bool:
        reach = {**STOPS, **LIMITS}.get(self.kind, "")
        reached = reach == "borrower" or (reach == "facility" and self.facility in ("", facility))
        in_force = bool(self.since) and self.since < at and not (self.until and self.until < at)
        return reached and in_force and FACILITIES[facility] == self.subject


@dataclass(frozen=True)
class Paid:
    """A payment as the gate journaled it, beside what the controls in force at that instant leave of it."""

    person: str
    key: str
    facility: str
    at: str
    amount: int
    allowed: int
    due: int


def payments(db: Db) -> list[Paid]:
    """Every answer of the gate in the order of the recorded instants."""
    controls = list(_controls(db))
    found = []
    for person, key, at, payload in db.rows(
        "SELECT person, key, recorded_at, payload FROM entry WHERE stream LIKE 'gate:%' ORDER BY recorded_at"):  # fmt: skip
        said = orjson.loads(payload)
        binding = [c for c in controls if c.binds(said["facility"], at)]
        left = [max(0, c.cap - c.paid) for c in binding]
        due = 0 if any(c.kind in STOPS for c in binding) else min([said["amount"], *left])
        for c in binding:
            c.paid += said["allowed"]
        found.append(Paid(person, key, said["facility"], at, said["amount"], said["allowed"], due))
    return found


def _controls(db: Db) -> Iterator[Control]:
    now: dict[str, Control] = {}
    for stream, subject, action, at, payload in db.rows(
        "SELECT e.stream, c.subject, e.action, e.recorded_at, e.payload FROM entry e JOIN cases c "
        "ON c.stream = e.stream WHERE c.process = 'control' ORDER BY c.id, e.seq"):  # fmt: skip
        said: Mapping[str, Any] = orjson.loads(payload)
        if action == "propose":
            now[stream] = Control(subject, said["kind"], said["facility"], said["cap"])
        elif action == "confirm":
            now[stream].since = at
        elif action == "lift":
            now[stream].until = at
    yield from now.values()


def turns(found: list[Paid]) -> int:
    """How often the next payment is another process's than the last: how much they came between each other."""
    return sum(a.person != b.person for a, b in pairwise(found))
