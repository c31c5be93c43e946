"""Deadlines: the reminder ladder, and the late arrows of steps that have one. On the business date, each once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

from door.act import act_in_chunks
from door.command import SYSTEM, Command
from door.db import Db
from door.fold import State
from door.store import managers, read_cases
from models.policy import Book, PolicyError
from models.process import Process
from tasks import books
from tasks.run import Run

BATCH = 2_000
_ITEMS = "SELECT case_id FROM item WHERE due_on IS NOT NULL AND case_id > ? ORDER BY case_id LIMIT ?"


def any_due(db: Db) -> bool:
    """Is there an item with a deadline?"""
    return bool(db.rows("SELECT 1 FROM item WHERE due_on IS NOT NULL LIMIT 1"))


def keep_deadlines(run: Run, limit: int = 0) -> Counter[str]:
    """Reminds, and takes late arrows, of at most `limit` items (0: all). An outage's missed rungs are one reminder, the
    highest; never one each. An item whose book or calendar can't tell (`untold`) holds up no other."""
    done: Counter[str] = Counter()
    untold: list[int] = []
    after = -1
    while batch := run.db.rows(_ITEMS, after, BATCH):
        after = batch[-1][0]
        states = read_cases(run.db, [row[0] for row in batch])
        commands = list(islice(_commands(run, states, untold), limit - done.total() if limit else None))
        for command, verdict in act_in_chunks(run.db, commands, run.clock, run.rules, run.give_way):
            done[verdict.refused.code if verdict.refused else command.action] += 1
        if limit and done.total() >= limit:
            break
    done.update({"untold": len(untold)} if untold else {})
    return done


def _commands(run: Run, states: list[State], untold: list[int]) -> Iterator[Command]:
    owners = managers(run.db, {s.subject for s in states}, run.day)
    heads = _heads(run.db, run.day)
    for s in states:
        process = run.rules.processes[s.process]
        step = process.steps[s.step]
        if s.due_on is None or (s.held_until and run.day < s.held_until):
            continue
        if step.late and s.due_on < run.day:
            yield Command(SYSTEM, step.late, case=s.id, run=run.id, seen=s.seq)
            continue
        try:
            rung = passed(books.book(run.db, s.book), process, s, run.day)
        except PolicyError:
            untold.append(s.id)
            continue
        if rung:
            n, days, to = rung
            person = "" if to == "holder" else _person(to, owners.get(s.subject), s.facts.get("unit", ""), heads)
            yield Command(SYSTEM, "remind", {"days": days, "to": person, "rung": n}, case=s.id, run=run.id, seen=s.seq)


def passed(book: Book, process: Process, s: State, day: str) -> tuple[int, int, str] | None:
    """The highest rung reached on a day and not yet reminded of: its number, days from the deadline, to whom."""
    calendar = s.facts.get("calendar") or book.calendar
    timer = process.steps[s.step].due.format_map(s.facts)
    found = None
    if s.due_on and int(s.due_on[:4]) - int(day[:4]) > 1:
        return None  # further off than a ladder reaches, and perhaps than the calendar does
    for n, (days, to) in enumerate(book.rungs(timer), 1):
        if n > s.rung and book.business_days(s.due_on or "", days, calendar) <= day:
            found = (n, days, to)
    return found


def _heads(db: Db, day: str) -> Mapping[tuple[str, str], str]:
    """By role and unit, and by role alone, the first of its holders in service who is not absent; where all are, his
    deputy."""
    deputies: dict[str, str] = dict(db.rows(
        "SELECT s.absent, min(s.deputy) FROM substitute s JOIN person p ON p.id = s.deputy WHERE s.since <= ? "
        "AND s.until >= ? AND (p.until IS NULL OR p.until >= ?) GROUP BY s.absent", day, day, day))  # fmt: skip
    found: dict[tuple[str, str], str] = {("deputy", absent): deputy for absent, deputy in deputies.items()}
    holders = db.rows(
        "SELECT g.role, p.unit, p.id FROM role_grant g JOIN person p ON p.id = g.person "
        "WHERE g.since <= ? AND (g.until IS NULL OR g.until >= ?) AND (p.until IS NULL OR p.until >= ?) "
        "ORDER BY g.role, p.id", day, day, day)  # fmt: skip
    for role, unit, person in sorted(holders, key=lambda holder: holder[2] in deputies):
        told: str = deputies.get(person) or person
        found.setdefault((role, unit), told)
        found.setdefault((role, ""), told)
        found.setdefault(("unit", person), unit)
    return found


def _person(role: str, manager: str | None, unit: str, heads: Mapping[tuple[str, str], str]) -> str:
    """Whom a rung names: the manager himself, or the role's holder in the manager's unit (where he has left: the
    case's), or in the house; who is absent, by his deputy."""
    if role == "account_manager" and manager:
        return heads.get(("deputy", manager), manager)
    return heads.get((role, heads.get(("unit", manager or ""), unit))) or heads.get((role, "")) or ""
