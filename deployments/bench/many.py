"""A bank of very many cases: a small one that has lived some weeks, its borrowers copied with all that happened to them.

So the cases that are looked at are whole, at every step, with answers, findings, evidence, due rows and conditions. To come
to the number, each borrower has a past of short cases too, opened and cancelled, a year each.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from math import ceil

import orjson
import polars as pl

from deployments.bench.bank import copies, newest, store
from deployments.bench.copies import HERE, Life, Rows, by_borrower, copied, lives, quickly
from deployments.bench.process import accepted
from deployments.bench.size import Size
from deployments.bench.weeks import begun, live, stages
from door.act import act
from door.command import SYSTEM, Command
from door.db import Db
from door.fold import ITEM_COLUMNS
from door.store import managers, read_cases
from tasks import books
from tasks.house import House
from tasks.run import finish

WEEKS, LOANS = 5, 200
MANAGERS, OFFICERS = 480, 16
TOGETHER = 20  # copies of the bank that are written at once
SINCE = "2020-01-01"
WHOSE = ITEM_COLUMNS.index("whose")


@dataclass(frozen=True, slots=True)
class Staffed:
    """Who is looked at: the manager with very many items, other managers, officers; and the day."""

    busy: str
    managers: list[str]
    officers: list[str]
    day: date


def many(db: Db, here: House, size: Size) -> Staffed:
    """Fills an empty database; `here` gives its folder. The day is the evening of the small bank's last."""
    lived = live(db.url, here.home, loans=LOANS, weeks=WEEKS)
    day = lived.business_date()
    stages(db, lived, day)
    _desk(db, lived, day)
    whole = lives(db, "process IN ('inspection', 'control', 'order') AND stream LIKE 'case:%'")
    short = _short(db, lived, day, whole)
    people = Staffed("manager000", [f"manager{n:03d}" for n in range(1, MANAGERS)],
                     [f"officer{n:02d}" for n in range(OFFICERS)], day)  # fmt: skip
    _hire(db, people)
    borrowers = list(by_borrower(whole))
    times = max(1, round(size.waiting / sum(life.item is not None for life in whole)))
    each = max(0, ceil((size.many / times - len(whole)) / len(short)))  # short cases of a borrower
    _reference(db, lived, people, dict(borrowers), times, size.of_one)
    _cases(db, borrowers, short, times, each, day)
    return people


def _desk(db: Db, here: House, day: date) -> None:
    """Every other case that waits for review is concluded, and drawn to be verified at the desk: mostly the bank is too
    young for that."""
    clock, rules = here.clock(day), books.rules(db)
    ids = [row[0] for row in db.rows("SELECT case_id FROM item WHERE step = 'review' ORDER BY case_id")][::2]
    states = read_cases(db, ids)
    owner = managers(db, [s.subject for s in states], day.isoformat())
    later = (day + timedelta(days=90)).isoformat()
    concluded = [Command(owner[s.subject], "conclude", {
        "level": s.facts["proposed_level"], "class_": s.facts["proposed_class"], "capacity": "Sales hold.",
        "willingness": "good", "repayment_source": "Cash from operations.",
        "measures": [{"code": "A01", "owner": owner[s.subject], "by": later}]}, case=s.id) for s in states]  # fmt: skip
    accepted(act(db, concluded, clock, rules))
    run = begun(db, here, "four_eyes_verification", day)
    drawn = {"round": 1, "rule": "chance", "probability": "0.10"}
    accepted(act(db, [Command(SYSTEM, "desk", drawn, case=id_, run=run.id) for id_ in ids], clock, rules))
    finish(run)


def _short(db: Db, here: House, day: date, whole: list[Life]) -> dict[str, Life]:
    """For each borrower inspected an inspection that was opened and cancelled."""
    clock, rules, first, due_on = here.clock(day), books.rules(db), day.isoformat(), _next(day)
    manager = db.rows("SELECT person FROM role_grant WHERE role = 'credit_manager' ORDER BY person LIMIT 1")[0][0]
    opened = {}
    for life in whole:
        if life.case[1] == "inspection":
            said = orjson.loads((life.entries[0].payload or "").replace(HERE, ""))
            ask = {**said["asks"][0], "kind": "special", "checkpoints": said["asks"][0]["checkpoints"][:4]}
            row = {"facility": ask["facility"], "kind": "special", "due_on": due_on, "outcome": "started"}
            short = {**said, "path": "outsourced", "kind": "special", "due": [row], "asks": [ask], "opened_on": first,
                     "prescribed_on": first}  # fmt: skip
            short.pop("case")
            opened[life.subject] = Command(SYSTEM, "open", short, process="inspection", subject=life.subject,
                                           book=str(life.case[6]))  # fmt: skip
    ids = accepted(act(db, list(opened.values()), clock, rules))
    paid = {"reason": "The loan is paid back."}
    accepted(act(db, [Command(manager, "cancel", paid, case=id_) for id_ in ids], clock, rules))
    return {life.subject: life for life in lives(db, "id >= ? AND id <= ?", ids[0], ids[-1])}


def _hire(db: Db, people: Staffed) -> None:
    branches = [row[0] for row in db.rows("SELECT id FROM unit WHERE lane = 'branch' ORDER BY id")]
    hired = [(p, branches[n % len(branches)], "account_manager") for n, p in enumerate((people.busy, *people.managers))]
    hired += [(p, "credit-management", "post_loan_officer") for p in people.officers]
    with db.transaction():
        db.insert(
            "person", ("id", "name", "unit", "language"), [(p, p.capitalize(), unit, "en") for p, unit, _ in hired]
        )
        db.insert("role_grant", ("person", "role", "since"), [(p, role, SINCE) for p, _, role in hired])


def _reference(db: Db, here: House, people: Staffed, borrowers: dict[str, list[Life]], times: int, of_one: int) -> None:
    """The copies' borrowers and facilities, and who is responsible for each: so many of whose items wait for their
    manager are the busy one's."""
    model = pl.read_parquet(here.snapshots / f"{newest(db)}.parquet")
    snapshot = copies(model, times + 1)
    known = model["borrower"].unique().to_list()
    left, theirs = of_one, {}
    for n, name in enumerate(snapshot["borrower"].unique(maintain_order=True)):
        waiting = sum(life.item is not None and life.item[WHOSE] == "manager"
                      for life in borrowers.get(name.partition(".")[0], ()))  # fmt: skip
        busy = waiting and left > 0 and "." in name
        left -= waiting if busy else 0
        theirs[name] = people.busy if busy else people.managers[n % len(people.managers)]
    snapshot = snapshot.with_columns(pl.col("borrower").replace_strict(theirs).alias("manager"))
    store(db, here, snapshot, known, people.day)
    agreed = db.rows("SELECT facility, name, kind, value, source FROM condition")
    db.insert("condition", ("facility", "name", "kind", "value", "source"),
              [(f"{row[0]}.{k}", *row[1:]) for k in range(1, times + 1) for row in agreed])  # fmt: skip


def _cases(
    db: Db, borrowers: list[tuple[str, list[Life]]], short: dict[str, Life], times: int, each: int, day: date
) -> None:
    """The copies, some of the bank at a time."""
    stride = int(db.rows("SELECT value FROM counter WHERE name = 'case'")[0][0]) + 1
    past, rows = count(stride * (times + 1)), Rows()  # the ids of the short ones
    with quickly(db):
        for k in range(1, times + 1):
            mark = f".{k}"
            for name, its in borrowers:
                for life in its:
                    copied(rows, life, mark, stride * k)
                if name in short:
                    for years in range(1, each + 1):
                        then = day.replace(year=day.year - years)
                        dates = {day.isoformat(): then.isoformat(), _next(day): _next(then)}
                        copied(rows, short[name], mark, next(past) - short[name].id, dates)
            if k % TOGETHER == 0 or k == times:
                rows.write(db)
    db.run("UPDATE counter SET value = (SELECT max(id) FROM cases) WHERE name = 'case'")


def _next(day: date) -> str:
    """A due date of the short ones, on which nothing else is due."""
    return (day + timedelta(days=1)).isoformat()
