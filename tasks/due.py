"""Due: from the grid's rows to cases. One case a borrower, except for kinds that the book keeps apart."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from door.act import act_in_chunks
from door.command import SYSTEM, Command
from door.db import Db
from door.fold import facts_in
from models.policy import Book
from models.runs import Decided
from tasks.grid import HORIZON, LEDGER, plan
from tasks.recorded import JOINED
from tasks.run import Run

PRESSING = ("special", "use", "repayment", "rating", "regular")  # of several kinds in one case, it bears the first
ROW = ("borrower", "facility", "kind", "due_on", "rule", "outcome", "reason", "product", "path", "path_rule",
       "template", "template_rule", "segment", "currency", "bal", "class", "unit", "extra")  # fmt: skip
STRICTEST = ("own", "outsourced", "desk")


@dataclass
class Opened:
    """What a run of the due ledger did: cases opened, by path; due rows by outcome; what stays pending, and why; of how
    many facilities a fact could not be evaluated, by its name."""

    cases: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    pending: list[tuple[str, str, str, str]] = field(default_factory=list)
    elsewhere: list[Decided] = field(default_factory=list)
    untold: Counter[str] = field(default_factory=Counter)


def applied(snapshots: Path, snapshot: str, conditions: str, book: Book) -> pl.DataFrame:
    """A snapshot with the book's columns, under the facilities' conditions of that day."""
    return book.apply(pl.read_parquet(snapshots / f"{snapshot}.parquet"),
                      pl.read_parquet(snapshots / f"{conditions}.parquet"))  # fmt: skip


def untold(frame: pl.DataFrame, book: Book) -> Counter[str]:
    """Of how many facilities each fact could not be evaluated: a rule that asks for it does not hold there."""
    nulls = frame.select(pl.col(f"f_{fact}").null_count().alias(fact) for fact in book.facts).row(0, named=True)
    return +Counter(nulls)


def rows_due(db: Db, frame: pl.DataFrame, book: Book, as_of: date) -> pl.DataFrame:
    """The plan for a date: due rows with the facility's columns (`applied`: of the snapshot and of the book). Also the
    dry run."""
    decided = db.rows("SELECT facility, kind, due_on FROM due WHERE due_on > ?", (as_of - HORIZON).isoformat())
    first_seen = dates(db.rows("SELECT id, first_seen FROM facility"), {"facility": pl.String, "first_seen": pl.Date})
    due = plan(frame, book, as_of, dates(decided, LEDGER), first_seen, ordered(db))
    return due.join(frame, on="facility", how="left", maintain_order="left")


def ordered(db: Db, borrower: str = "") -> pl.DataFrame:
    """Special inspections by order: correction orders of kind O2 in work (of one borrower, where named), due when the
    order first was; more time for it makes no second one."""
    of_one = " AND c.subject = ?" if borrower else ""
    rows = db.rows("SELECT c.subject, c.state, e.due_on, c.id FROM cases c JOIN entry e ON e.stream = c.stream AND e.seq = 1 "
                   f"WHERE c.process = 'order' AND c.step IN ('in_work', 'tightened'){of_one}",
                   *([borrower] if borrower else []))  # fmt: skip
    found = []
    for subject, state, due_on, id_ in rows:
        facts = facts_in(state)
        if facts.get("kind") == "O2":
            facilities = [facts["facility"]] if facts.get("facility") else [
                f[0] for f in db.rows("SELECT id FROM facility WHERE borrower = ? ORDER BY id", subject)]  # fmt: skip
            found += [(f, due_on, f"order {id_}") for f in facilities]
    return dates(found, {"facility": pl.String, "due_on": pl.Date, "rule": pl.String})


def open_due(run: Run, limit: int = 0) -> Opened:
    """Opens the cases that are due, at most `limit` (0: all); rows that start none are returned for the run's end."""
    db, book = run.db, run.book
    inputs = run.inputs
    frame = applied(run.house.snapshots, inputs.snapshot, inputs.conditions, book)
    due = rows_due(db, frame, book, inputs.as_of)
    done = Opened(untold=untold(frame, book))
    commands = openings(run, due, book, done)
    if limit:
        commands = _first(commands, limit)
    for command, verdict in act_in_chunks(db, commands, run.clock, run.rules, run.give_way):
        if verdict.refused:
            done.rows["refused"] += len(command.payload["due"])
            for row in command.payload["due"]:
                done.pending.append((row["facility"], row["kind"], row["due_on"], verdict.refused.code))
        else:
            done.cases[command.payload["path"]] += 1
            done.rows.update(row["outcome"] for row in command.payload["due"])
    done.rows.update(row.outcome for row in done.elsewhere)
    return done


def openings(run: Run, due: pl.DataFrame, book: Book, done: Opened) -> Iterator[Command]:
    open_cases = _open(run.db)
    calendars: dict[str, str] = dict(run.db.rows("SELECT id, calendar FROM unit"))
    rows = due.sort("borrower", "facility", "kind", "due_on").select(ROW).iter_rows(named=True)
    for borrower, group in groupby(rows, key=itemgetter("borrower")):
        together: list[dict[str, Any]] = []
        for row in group:
            if row["outcome"] == "skipped":
                together.append(row)
            elif not book.merges(row["kind"], row["product"]):
                slot = f"{row['facility']}#{row['kind']}#{row['due_on']}"
                yield _command(run, book, calendars, borrower, slot, [row])
            else:
                together.append(row)
        if together:
            yield from _merged(run, book, calendars, borrower, together, open_cases, done)


def _merged(run: Run, book: Book, calendars: Mapping[str, str], borrower: str, rows: list[dict[str, Any]],
            open_cases: Mapping[str, tuple[int, set[tuple[str, str]]]], done: Opened) -> Iterator[Command]:  # fmt: skip
    """One case for all rows of the borrower. Where one is open, a row joins it if it asks that facility the questions of
    that kind; else it waits until the case is over, so that nothing prescribed goes unasked."""
    if borrower not in open_cases and any(row["outcome"] == "start" for row in rows):
        yield _command(run, book, calendars, borrower, borrower, rows)
        return
    case, asked = open_cases.get(borrower, (None, set()))
    for row in rows:
        said = {"facility": row["facility"], "kind": row["kind"], "due_on": row["due_on"]}
        if row["outcome"] == "skipped":
            done.elsewhere.append(Decided(**said, outcome="skipped", reason=row["reason"]))
        elif (row["facility"], row["kind"]) in asked:
            done.elsewhere.append(Decided(**said, outcome="merged", reason=JOINED, case_id=case))
        else:
            done.pending.append((row["facility"], row["kind"], str(row["due_on"]), f"inspection {case} is open"))


def _command(run: Run, book: Book, calendars: Mapping[str, str], borrower: str, slot: str,
             rows: list[dict[str, Any]]) -> Command:  # fmt: skip
    payload = opening(book, run.day, calendars, rows)
    return Command(SYSTEM, "open", payload, process="inspection", subject=borrower, slot=slot, book=run.inputs.book,
                   run=run.id)  # fmt: skip


def opening(book: Book, day: str, calendars: Mapping[str, str], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The opening of a case for due rows of one borrower: the most pressing kind, the strictest path, and what is
    asked of each facility by which rules."""
    started = [row for row in rows if row["outcome"] == "start"]
    first = min(started, key=lambda r: (PRESSING.index(r["kind"]), r["due_on"], r["facility"]))
    paths = {book.kinds[r["kind"]].path or r["path"] for r in started}
    due, asks, amounts = [], [], {}
    for row in rows:
        outcome = "started" if row is first else "merged" if row["outcome"] == "start" else "skipped"
        reason = row["reason"] if outcome == "skipped" else "same borrower" if outcome == "merged" else ""
        due.append({"facility": row["facility"], "kind": row["kind"], "due_on": row["due_on"].isoformat(),
                    "outcome": outcome, "reason": reason})  # fmt: skip
    for row in started:
        if row["currency"] == first["currency"]:
            amounts[row["facility"]] = row["bal"]
        rules = (row["rule"], row["path_rule"], row["template_rule"])
        asked = book.checkpoint_ids(row["template"], row["kind"], *(row["extra"] or ()))
        asks.append({"facility": row["facility"], "kind": row["kind"], "template": row["template"], "rules": rules,
                     "checkpoints": asked})  # fmt: skip
    return {
        "kind": first["kind"], "path": min(paths, key=STRICTEST.index), "template": first["template"],
        "product": first["product"], "segment": first["segment"] or "unknown", "amount": sum(amounts.values()),
        "currency": first["currency"], "class_": max(row["class"] or 1 for row in started),
        "calendar": calendars[first["unit"]], "unit": first["unit"], "opened_on": day,
        "prescribed_on": min(row["due_on"] for row in started).isoformat(), "due": due, "asks": asks,
    }  # fmt: skip


def _open(db: Db) -> dict[str, tuple[int, set[tuple[str, str]]]]:
    """The open inspection of each borrower (of those that merge), and what it asks: facility and kind."""
    found: dict[str, tuple[int, set[tuple[str, str]]]] = {}
    for subject, case, facility, kind in db.rows(
        "SELECT c.subject, c.id, d.facility, d.kind FROM cases c JOIN due d ON d.case_id = c.id AND "
        "d.outcome <> 'skipped' WHERE c.process = 'inspection' AND c.closed_on IS NULL AND c.slot = c.subject"):  # fmt: skip
        found.setdefault(subject, (case, set()))[1].add((facility, kind))
    return found


def _first(commands: Iterator[Command], n: int) -> Iterator[Command]:
    for _, command in zip(range(n), commands, strict=False):
        yield command


def dates(rows: list[Any], schema: Mapping[str, Any]) -> pl.DataFrame:
    """Rows with ISO dates as a frame."""
    text = {name: pl.String if kind == pl.Date else kind for name, kind in schema.items()}
    frame = pl.DataFrame(rows, schema=text, orient="row")
    return frame.with_columns(pl.col(n).str.to_date("%Y-%m-%d") for n, kind in schema.items() if kind == pl.Date)
