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


def dry_run(db: Db, house: House, day: str, stage: str, ngettext: Callable[[str, str, int], str],
            step: Callable[[str], str], told: Callable[[int, int], None]) -> list[tuple[str, int]]:  # fmt: skip
    """What a run of the stage would take, in words and numbers, without what there is none of; nothing is written to the
    database. `step` names a step; `told`: how many due rows are looked at, of how many.

    Raises PolicyError where no book is in force, LookupError where there is no snapshot."""
    found: list[tuple[str, int]] = []
    if stage in ("scheduled_inspection", "lifecycle"):
        outlook = foresee(db, house, date.fromisoformat(day), told=told)
        rows = Counter(row.outcome for row in outlook.rows)
        to_decide = len(outlook.rows) - rows["pending"]
        found.append((ngettext("due row to decide", "due rows to decide", to_decide), to_decide))
        cases = outlook.cases
        found += [
            (ngettext("inspection to open, by a vendor", "inspections to open, by a vendor", n := cases["outsourced"]), n),
            (ngettext("inspection to open, own visit", "inspections to open, own visit", n := cases["own"]), n),
            (ngettext("inspection to open, at the desk", "inspections to open, at the desk", n := cases["desk"]), n),
            (ngettext("due row started", "due rows started", n := rows["started"]), n),
            (ngettext("due row merged", "due rows merged", n := rows["merged"]), n),
            (ngettext("due row skipped, with a record", "due rows skipped, with a record", n := rows["skipped"]), n),
            (ngettext("due row that stays pending", "due rows that stay pending", n := rows["pending"]), n)]  # fmt: skip
        for fact, n in sorted(outlook.untold.items()):
            found.append((ngettext("facility of which “{fact}” could not be evaluated",
                                   "facilities of which “{fact}” could not be evaluated", n).format(
                                       fact=fact.replace("_", " ")), n))  # fmt: skip
    at = {queue.step: queue.number for queue in queues(db)}
    for name, service in SERVICES.items():
        if stage in (service.stage, "lifecycle"):
            n = at.get(name, 0)
            found.append(
                (ngettext("case that waits at {step}", "cases that wait at {step}", n).format(step=step(name)), n)
            )
    if stage in ("deadlines", "lifecycle"):
        late, soon = (db.rows(f"SELECT count(*) FROM item WHERE due_on {how} ?", day)[0][0] for how in "<=")
        found += [(ngettext("item past its deadline", "items past their deadline", late), late),
                  (ngettext("item due today", "items due today", soon), soon)]  # fmt: skip
    if stage in ("delivery", "lifecycle"):
        notices, messages = _to_tell(db, house.now())
        found += [(ngettext("notice to address", "notices to address", notices), notices),
                  (ngettext("message due", "messages due", messages), messages)]  # fmt: skip
    if stage in ("nightly_audit", "lifecycle"):
        entries = db.rows("SELECT count(*) FROM entry")[0][0]
        found.append((ngettext("entry to check", "entries to check", entries), entries))
    return [(words, n) for words, n in found if n]
