"""The bank's stages as operations knows them: what they are called, what waits for each, what a run would take."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from door.db import Db
from models.policy import PolicyError
from tasks import books
from tasks.foresee import foresee
from tasks.grid import HORIZON
from tasks.house import House
from tasks.services import SERVICES

#: In the order of the bank's day.
STAGES = ("scheduled_inspection", "outsourced_collection", "manager_review", "four_eyes_verification", "escalation",
          "deadlines", "delivery", "nightly_audit", "lifecycle")  # fmt: skip


def titles(say: Callable[[str], str]) -> dict[str, tuple[str, str]]:
    """By stage its name and what it does."""
    return {
        "scheduled_inspection": (say("Scheduled inspection"), say("opens what is due")),
        "outsourced_collection": (say("Outsourced collection"), say("vendors, and what they hand in")),
        "manager_review": (say("Manager review"), say("changes and proposals")),
        "four_eyes_verification": (say("Four-eyes verification"), say("who is verified in depth")),
        "escalation": (say("Escalation"), say("against the policy's line")),
        "deadlines": (say("Deadlines"), say("reminders and tightening")),
        "delivery": (say("Delivery"), say("mail and chat")),
        "nightly_audit": (say("Nightly audit"), say("anchor, verify, replay")),
        "lifecycle": (say("Whole day"), say("all stages in their order")),
    }


@dataclass(frozen=True, slots=True)
class Queue:
    """Cases at one service step: how many, and since when the oldest of them (UTC instant)."""

    step: str
    number: int
    since: str


def queues(db: Db) -> list[Queue]:
    """What waits for flows, by step; steps at which nothing waits are left out."""
    marks = ", ".join("?" * len(SERVICES))
    found = {step: Queue(step, n, since) for step, n, since in db.rows(
        "SELECT c.step, count(*), min(e.recorded_at) FROM cases c JOIN entry e ON e.stream = c.stream AND e.seq = c.seq "
        f"WHERE c.process = 'inspection' AND c.step IN ({marks}) GROUP BY c.step", *SERVICES)}  # fmt: skip
    return [found[step] for step in SERVICES if step in found]


def waiting(db: Db, at_steps: Sequence[Queue], day: str, now: str) -> Counter[str]:
    """How many things wait for each stage; the due ledger's are known to a dry run alone."""
    found: Counter[str] = Counter()
    for queue in at_steps:
        found[SERVICES[queue.step].stage] += queue.number
    found["deadlines"] = db.rows("SELECT count(*) FROM item WHERE due_on < ?", day)[0][0]
    found["delivery"] = sum(_to_tell(db, now))
    return found


def _to_tell(db: Db, now: str) -> tuple[int, int]:
    """Notices not yet addressed, and messages that are due."""
    return (db.rows("SELECT count(*) FROM notice WHERE message IS NULL")[0][0],
            db.rows("SELECT count(*) FROM message WHERE state = 'queued' AND next_at <= ?", now)[0][0])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Missed:
    """Business days (the bank's) on which no scheduled inspection ran, since the last that did; and kinds of inspection by
    what the book does with those that fell due meanwhile (`catch_up`)."""

    days: list[str]
    kinds: Mapping[str, list[str]]


def missed(db: Db, day: str) -> Missed | None:
    """None where nothing was, or where it can't be told. What an outage before the last run missed, that run decided."""
    ended = db.rows("SELECT opened_on FROM cases WHERE process = 'run' AND closed_on IS NOT NULL AND subject LIKE ? "
                    "ORDER BY opened_on DESC LIMIT 1", f"{STAGES[0]}/%")  # fmt: skip
    today = date.fromisoformat(day)
    first = max(date.fromisoformat(ended[0][0]), today - HORIZON) if ended else today
    since = [(first + timedelta(days=n)).isoformat() for n in range(1, (today - first).days)]
    try:
        book = books.book(db, books.in_force(db, day))
        days = [then for then in since if book.is_business_day(then, book.calendar)]
    except PolicyError:
        return None
    policies = {policy: [str(name) for name, kind in book.kinds.items() if kind.catch_up == policy]
                for policy in ("all", "latest", "skip")}  # fmt: skip
    return Missed(days, policies) if days else None


def dry_run(db: Db, house: House, day: str, stage: str, say: Callable[[str], str], step: Callable[[str], str],
            told: Callable[[int, int], None]) -> list[tuple[str, int]]:  # fmt: skip
    """What a run of the stage would take, in words and numbers; nothing is written to the database. `step` names a step;
    `told`: how many due rows are looked at, of how many.

    Raises PolicyError where no book is in force, LookupError where there is no snapshot."""
    found: list[tuple[str, int]] = []
    if stage in ("scheduled_inspection", "lifecycle"):
        outlook = foresee(db, house, date.fromisoformat(day), told=told)
        rows = Counter(row.outcome for row in outlook.rows)
        paths = {"outsourced": say("inspections to open, by a vendor"), "own": say("inspections to open, own visit"),
                 "desk": say("inspections to open, at the desk")}  # fmt: skip
        outcomes = {"started": say("due rows started"), "merged": say("due rows merged"),
                    "skipped": say("due rows skipped, with a record"), "pending": say("due rows that stay pending")}  # fmt: skip
        found.append((say("due rows to decide"), len(outlook.rows) - rows["pending"]))
        found += [(words, outlook.cases[path]) for path, words in paths.items()]
        found += [(words, rows[outcome]) for outcome, words in outcomes.items()]
        found += [(say("facilities of which “{fact}” could not be evaluated").format(fact=fact.replace("_", " ")), n)
                  for fact, n in sorted(outlook.untold.items())]  # fmt: skip
    at = {queue.step: queue.number for queue in queues(db)}
    for name, service in SERVICES.items():
        if stage in (service.stage, "lifecycle"):
            found.append((say("cases that wait at {step}").format(step=step(name)), at.get(name, 0)))
    if stage in ("deadlines", "lifecycle"):
        late, soon = (db.rows(f"SELECT count(*) FROM item WHERE due_on {how} ?", day)[0][0] for how in "<=")
        found += [(say("items past their deadline"), late), (say("items due today"), soon)]
    if stage in ("delivery", "lifecycle"):
        notices, messages = _to_tell(db, house.now())
        found += [(say("notices to address"), notices), (say("messages due"), messages)]
    if stage in ("nightly_audit", "lifecycle"):
        found.append((say("entries to check"), db.rows("SELECT count(*) FROM entry")[0][0]))
    return found
