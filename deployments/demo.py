"""The demo: an invented bank lives a quarter in about a minute. Real flows, real door, simulated people and days."""

import asyncio
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import inspect

from deployments.actors import Actors
from deployments.api import drain
from deployments.mailbox import Mailbox
from deployments.portfolio import Portfolio, portfolio, staff
from deployments.settings import policies
from door.act import act
from door.command import Clock, Command
from door.db import Db, connect, path_of
from door.schema import connection, create, drop
from flows.lifecycle import lifecycle
from models.policy import load as load_book
from portal.who.access import set_password
from tasks import books, house
from tasks.gate import check
from tasks.house import PORTAL, House
from tasks.inbox import inbox
from tasks.intake import intake
from tasks.mapping import load as load_mapping
from tasks.replay import all_cases, replay

BEGIN, WEEKS = date(2026, 1, 5), 13
MARK = "demo"  # the counter by which a database is known that another demo may empty
Say = Callable[[str, int, int], None]  # what is being done, weeks done, weeks in all


@dataclass(frozen=True)
class Outcome:
    """What a quarter brought, counted from the database."""

    seed: int
    loans: int
    cases_opened: int
    outsourced: int
    returned: int
    concluded: int
    verified_desk: int
    verified_site: int
    disagreed: int
    escalated: int
    restricted: int
    corrected: int
    lifted: int
    refused_by_gate: int
    closed: int
    open: int
    journal_entries: int
    flow_runs: int
    replay_divergences: int
    seconds: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)


class Days:
    """The simulated clocks: the business date is set; each recorded instant is a millisecond after the one before."""

    def __init__(self, seed: int) -> None:
        self.day, self.n = BEGIN, 0
        self.random = Random(f"salts/{seed}")  # noqa: S311 - a demo's journal can be made again

    def now(self) -> str:
        self.n += 1
        at = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC) + timedelta(milliseconds=self.n)
        return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def salts(self, n: int) -> list[str]:
        return [self.random.randbytes(16).hex() for _ in range(n)]

    def secret(self) -> str:
        return self.random.randbytes(32).hex()


def live(seed: int, loans: int, url: str, home: Path, prefect: AbstractContextManager[str], say: Say,
         weeks: int = WEEKS, mail: str = "", portal: str = PORTAL, goes_on: bool = False) -> Outcome:  # fmt: skip
    """A fresh bank in `home` and `url`, its quarter (so many weeks) lived; `prefect`: the server that its flow runs are
    recorded at, for so long. `mail`: the server that takes its letters (host and port; empty: one for so long);
    `portal`: where they link to; `goes_on`: real people go on from there, so in the evening the flows run once more, by the real
    clock."""
    began = time.monotonic()
    _fresh(url, home)
    create(url)
    days = Days(seed)
    with ExitStack() as stack:
        mail = mail or stack.enter_context(Mailbox(home / "mail")).address
        bank = portfolio(seed, loans, BEGIN, mail=mail)
        here = House(url, home, days.now, days.salts, days.secret, today=lambda: days.day, portal=portal)
        house.use(here)
        stack.callback(house.use, None)
        stack.enter_context(temporary_settings({PREFECT_API_URL: stack.enter_context(prefect)}))
        stack.callback(drain)
        with here.db() as db:
            db.run("INSERT INTO counter (name, value) VALUES (?, ?)", MARK, seed)
            staff(db, bank)
            put_in_force(db, here)
            for week in range(weeks):
                days.day = BEGIN + timedelta(weeks=week)
                say(f"week of {days.day}", week, weeks)
                take_in(db, here, bank, days.day)
                asyncio.run(lifecycle(as_of=days.day))
                people_act(db, here, seed, days.day)
            if goes_on:
                house.use(House(url, home, today=lambda: days.day, portal=portal))
                say("the evening", weeks, weeks)
                asyncio.run(lifecycle(as_of=days.day))
            say("replaying every decision", weeks, weeks)
            return _count(db, here, seed, int(time.monotonic() - began))


def _fresh(url: str, home: Path) -> None:
    """The demo's own folder and database begin empty; nothing else is touched."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    if url.startswith("sqlite"):
        path_of(url).unlink(missing_ok=True)
    else:
        drop(url)


def of_others(url: str) -> bool:
    """Does the database hold what no demo made? Empty tables of ours are nobody's."""
    if url.startswith("sqlite") and not path_of(url).exists():
        return False
    with connection(url) as c:
        names = set(inspect(c).get_table_names())
    if not {"counter", "cases", "facility"} <= names:
        return bool(names) and url.startswith("sqlite")  # the whole file would go; elsewhere only our tables do
    with connect(url) as db:
        mine = db.rows("SELECT 1 FROM counter WHERE name = ?", MARK)
        return not mine and bool(db.rows("SELECT 1 FROM cases UNION ALL SELECT 1 FROM facility LIMIT 1"))


def put_in_force(db: Db, here: House) -> None:
    """The first policy book, proposed by one editor and approved by another."""
    book = load_book(policies())
    books.keep(db, book)
    first, second = (
        row[0] for row in db.rows("SELECT person FROM role_grant WHERE role = 'policy_editor' ORDER BY person")
    )
    clock, rules = here.clock(BEGIN), books.rules(db)
    proposal = {"book": book.hash, "effective_from": BEGIN.isoformat(), "reason": "The first book."}
    opened = act(db, [Command(first, "propose_book", proposal, process="policy", subject="policy", book=book.hash)], clock,
                 rules)[0]  # fmt: skip
    act(db, [Command(second, "approve_book", case=opened.case)], clock, rules)


def take_in(db: Db, here: House, bank: Portfolio, day: date) -> None:
    """The day's extract from core banking; branch heads hand borrowers over to the managers that it proposes."""
    extract = bank.write(day, here.home / "extracts" / f"{day}.csv.gz")
    found = intake(
        db, extract, load_mapping(policies() / "mappings" / "core_banking.yaml"), day, here.snapshots, here.now()
    )
    clock, rules = here.clock(day), books.rules(db)
    heads = dict(
        db.rows("SELECT p.unit, p.id FROM person p JOIN role_grant g ON g.person = p.id AND g.role = 'branch_head'")
    )
    units = dict(db.rows("SELECT id, unit FROM borrower"))
    commands = [
        Command(heads[units[p.borrower]], "hand_over", {"manager": p.proposed, "since": day.isoformat(),
                "reason": "Proposed by the core-banking extract."}, process="handover", subject=p.borrower,
                slot=p.borrower, book=books.in_force(db, day.isoformat()))
        for p in found.proposals
    ]  # fmt: skip
    act(db, commands, clock, rules)


def people_act(db: Db, here: House, seed: int, day: date) -> None:
    """Everybody's work of a day: items, payments that ask the gate, and somebody who tries what he may not."""
    clock, rules = here.clock(day), books.rules(db)
    Actors(db, seed, day, clock, rules).work()
    _payments(db, here, clock, seed, day)
    _own_work(db, clock)


def _payments(db: Db, here: House, clock: Clock, seed: int, day: date) -> None:
    """Core banking asks the gate before it pays: some borrowers under restriction, some without."""
    r = Random(f"payments/{seed}/{day}")  # noqa: S311 - a simulation
    facilities = [row[0] for row in db.rows("SELECT id FROM facility ORDER BY id")]
    bound = [row[0] for row in db.rows(
        "SELECT DISTINCT f.id FROM facility f JOIN cases c ON c.subject = f.borrower "
        "WHERE c.process = 'control' AND c.step IN ('in_force', 'confirm_lift') ORDER BY f.id")]  # fmt: skip
    rules = books.rules(db)
    for facility in [*r.sample(facilities, 6), *r.sample(bound, min(4, len(bound)))]:
        check(db, facility, r.randrange(1, 50) * 1_000_000, clock, rules, here.snapshots,
              person="core-banking", key=f"{day}/{facility}")  # fmt: skip


def _own_work(db: Db, clock: Clock) -> None:
    """Somebody tries to verify what he concluded himself; the refusal stands in his own stream."""
    found = db.rows("SELECT id, state FROM cases WHERE process = 'inspection' AND step = 'draw' ORDER BY id LIMIT 1")
    found = found or db.rows("SELECT id, state FROM cases WHERE step = 'verify_desk' ORDER BY id LIMIT 1")
    for case, state in found:
        manager = orjson.loads(state)[4]["conclude"][-1]
        act(db, [Command(manager, "verify", {"outcome": "V0", "own_level": 0}, case=case)], clock, books.rules(db))


def _count(db: Db, here: House, seed: int, seconds: int) -> Outcome:
    def entries(*actions: str) -> int:
        marks = ", ".join("?" * len(actions))
        return int(
            db.rows(f"SELECT count(*) FROM entry WHERE action IN ({marks}) AND stream LIKE 'case:%'", *actions)[0][0]
        )

    def one(sql: str) -> int:
        return int(db.rows(sql)[0][0])

    states = [orjson.loads(row[0]) for row in db.rows("SELECT state FROM cases WHERE process = 'inspection'")]
    done: list[dict[str, Any]] = [s[3] for s in states]
    verified = [d for d in done if d.get("verify") or d.get("disagree")]
    return Outcome(
        seed=seed,
        loans=one("SELECT count(*) FROM facility"),
        cases_opened=len(states),
        outsourced=sum("assign" in d for d in done),
        returned=entries("incomplete", "recollect", "integrity", "return", "send_back"),
        concluded=sum("conclude" in d for d in done),
        verified_desk=sum("record" not in d for d in verified),
        verified_site=sum("record" in d for d in verified),
        disagreed=entries("disagree"),
        escalated=entries("escalate"),
        restricted=entries("confirm"),
        corrected=entries("accept"),
        lifted=entries("lift"),
        refused_by_gate=one("SELECT count(*) FROM entry WHERE stream LIKE 'gate:%' AND action = 'refuse'"),
        closed=one("SELECT count(*) FROM cases WHERE process = 'inspection' AND closed_on IS NOT NULL"),
        open=one("SELECT count(*) FROM cases WHERE process = 'inspection' AND closed_on IS NULL"),
        journal_entries=one("SELECT count(*) FROM entry"),
        flow_runs=one("SELECT count(*) FROM attempt"),
        replay_divergences=len(replay(db, here.snapshots, all_cases(db)).divergences),
        seconds=seconds,
    )


def last_day(weeks: int = WEEKS) -> date:
    """The business date on which the bank's life stands still."""
    return BEGIN + timedelta(weeks=weeks - 1)


def accounts(db: Db, day: date, password: str) -> list[tuple[str, str, str]]:
    """(role, person, how many items wait for him): of each role the one with the most, who gets the password."""
    rules, on = books.rules(db), day.isoformat()
    best: dict[str, tuple[int, str]] = {}
    for role, person in db.rows("SELECT role, person FROM role_grant WHERE since <= ? AND (until IS NULL OR until >= ?) "
                                "ORDER BY role, person", on, on):  # fmt: skip
        waits = inbox(db, rules, person, on)
        n = len(waits) if isinstance(waits, list) else -1
        if n > best.get(role, (-1, ""))[0]:
            best[role] = (n, person)
    for _, person in best.values():
        set_password(db, person, password)
    return [(role, person, n) for role, (n, person) in sorted(best.items())]


def demo_url(url: str | None, home: Path) -> str:
    return url or f"sqlite:///{home / 'postloan.db'}"
