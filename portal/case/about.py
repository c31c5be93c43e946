"""What surrounds a case: its facts, its facilities as the newest snapshot has them, the borrower's conditions, controls
and orders, the gate's answer today."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from door.command import Refused
from door.db import Db, Row
from door.fold import CASE_COLUMNS, State, blank, fold, load
from door.journal import COLUMNS, Entry
from door.store import among
from models.policy import Book
from models.process import Process
from portal.case.sight import Sight
from portal.case.story import payload
from portal.house import Asking
from portal.words.currency import currency
from portal.words.reader import Reader, raised, unbroken
from tasks import gate
from tasks.dossier import PACKAGES, Dossier, answers
from tasks.premises import Premises
from tasks.recorded import JOINED, joined
from tasks.run import newest_snapshot

BESIDE, MANY = 30, 1000  # of a borrower's controls and orders, the newest; of those that a past day is searched in
Facts = list[tuple[str, str | Markup, str]]  # name, value, class of the value


@dataclass(frozen=True, slots=True)
class Beside:
    """Another case of the borrower: a control or an order. `passes`: a restriction in force that stands against no payment,
    which the gate's answer says nothing of."""

    id: int
    process: str
    step: str
    kind: str
    says: str
    facility: str
    due_on: str | None
    closed_on: str | None
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Agreed:
    """A condition set at approval. `state`: met, broken, or open (not asked, or not answered)."""

    facility: str
    name: str
    value: str
    source: str
    state: str


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate would answer today for a facility: allow, limit, refuse; why, and what a limit leaves."""

    facility: str
    outcome: str
    left: int
    currency: str
    reasons: Sequence[Refused]


@dataclass(slots=True)
class Around:
    facts: Facts
    due: list[Row] = field(default_factory=list)
    conditions: list[Agreed] = field(default_factory=list)
    beside: list[Beside] = field(default_factory=list)
    gate: list[Gate] = field(default_factory=list)
    data_of: str = ""


# -- the facts of the case itself ---------------------------------------------------------------------------------------


def facts(asking: Asking, s: State, sight: Sight, opening: Mapping[str, Any], book: Book | None, manager: str, reader: Reader,
          names: Mapping[str, str], premises: Premises) -> Facts:  # fmt: skip
    say, f = reader.say, sight.facts(s)
    made: Facts = []

    def add(name: str, value: Any, kind: str = "") -> None:
        if value not in (None, ""):
            made.append((name, value, kind))

    if s.process == "inspection":
        add(say("Kind"), raised(reader.kind(f["kind"])))
        add(say("Premises"), unbroken(premises.address))
        add(say("To ask for there"), unbroken(premises.contact))
        if not sight.vendor:
            add(say("Exposure"), reader.money(f["amount"], f["currency"]))
            add(say("Class in the books"), reader.class_(opening.get("class_")))
        add(say("Collected by"), {"outsourced": say("A vendor"), "own": say("The account manager, on a visit"),
                                  "desk": say("The account manager, at the desk")}.get(f.get("how") or f["path"], ""))  # fmt: skip
        add(say("Inspector"), names.get(str(f.get("inspector", "")), f.get("inspector")))
    if s.process in ("control", "order"):
        rules: Mapping[str, Any] = (book.restrictions if s.process == "control" else book.orders) if book else {}
        rule = rules.get(f.get("kind", ""))
        add(
            say("Restriction") if s.process == "control" else say("Order"),
            f"{f.get('kind')} {rule.says if rule else ''}",
        )
        add(say("Facility"), f.get("facility") or say("All of the borrower's facilities"))
        if f.get("cap"):
            add(say("At most"), reader.money(f["cap"], currency(asking.db, s)))
        if f.get("review_on"):
            add(say("Review on"), reader.day(f["review_on"]))
    if s.process == "handover":
        add(say("To"), names.get(f["manager"], f["manager"]))
        add(say("From"), reader.day(f["since"]))
    if s.process == "policy":
        version = asking.db.rows("SELECT version FROM book WHERE hash = ?", f["book"])
        add(say("Version"), version[0][0] if version else "")
        add(say("In force from"), reader.day(f["effective_from"]))
        add(say("Hash"), Markup("<code>{}</code>").format(f["book"][:16]))
    if s.process == "run":
        add(say("Stage"), str(f.get("stage", "")).replace("_", " "))
        add(say("As of"), reader.day(f.get("as_of")))
        add(
            say("Snapshot"),
            Markup("<code>{}</code>").format(str(f.get("snapshot", ""))[:16]) if f.get("snapshot") else "",
        )
    add(say("Opened"), reader.day(s.opened_on))
    if s.closed_on:
        add(say("Closed"), reader.day(s.closed_on))
    if manager and not sight.vendor:
        add(say("Account manager"), names.get(manager, manager))
    if book:
        by = sorted({reader.rule(r) for ask in opening.get("asks", ()) for r in ask["rules"]})
        more = f": {', '.join(by)}" if by and not sight.vendor else ""
        add(say("Rules"), say("Book {version}").format(version=book.version) + more)
    return made


# -- the facilities -----------------------------------------------------------------------------------------------------


def arrears(asking: Asking, facilities: Sequence[str], day: str) -> tuple[dict[str, int | None], str]:
    """Days past due by facility in the newest snapshot of a day, and the snapshot's day; what can't be read is not
    evaluated."""
    sha256 = newest_snapshot(asking.db, day)
    found = asking.db.rows("SELECT as_of FROM snapshot WHERE sha256 = ?", sha256)
    try:
        rows = _read(asking.portal.house.snapshots / f"{sha256}.parquet")
    except (OSError, pl.exceptions.PolarsError):
        return {}, ""
    wanted = rows.filter(pl.col("facility").is_in(list(facilities)))
    return dict(wanted.iter_rows()), str(found[0][0]) if found else ""


@lru_cache(maxsize=2)  # today's, and one of a day that is looked back at
def _read(snapshot: Path) -> pl.DataFrame:
    return pl.read_parquet(snapshot, columns=["facility", "dpd"])


def in_arrears(facilities: Sequence[str], days: Mapping[str, int | None], reader: Reader) -> tuple[str, str]:
    """The worst of them in words, and how it looks."""
    known = [d for f in facilities if (d := days.get(f)) is not None]
    if not known:
        return reader.say("not evaluated"), "dim"
    worst = max(known)
    if worst <= 0:
        return reader.say("None"), ""
    return reader.counted(worst, "day"), "warned"


# -- the borrower -------------------------------------------------------------------------------------------------------


def due_rows(db: Db, s: State, day: str, past: bool) -> list[Row]:
    """What is answered here: facility, kind, due date, outcome; in the past without what joined the case after the day."""
    rows = db.rows("SELECT facility, kind, due_on, outcome, reason FROM due WHERE case_id = ? ORDER BY due_on, facility, kind",
                   s.id)  # fmt: skip
    if past and any(row[4] == JOINED for row in rows):
        by_then = joined(db, s.id, s.opened_on, day)
        rows = [row for row in rows if row[4] != JOINED or tuple(row[:3]) in by_then]
    return [tuple(row[:4]) for row in rows]


def beside(asking: Asking, s: State, names_book: Mapping[str, Book], day: str) -> list[Beside]:
    """The borrower's other controls and orders at the end of a day: open ones first, the newest first."""
    found = []
    for other in _others(asking, s, day):
        f, rules = other.facts, dict[str, Any]()
        if other.book in names_book:
            book = names_book[other.book]
            rules = dict(book.restrictions if other.process == "control" else book.orders)
        rule = rules.get(f.get("kind", ""))
        found.append(Beside(other.id, other.process, other.step, f.get("kind", ""), rule.says if rule else "",
                            f.get("facility", ""), other.due_on, other.closed_on, passes(other, rule)))  # fmt: skip
    return found


def passes(s: State, rule: Any) -> bool:
    """Is it a restriction in force, of what the gate does not ask for: new business, a renewal, proceeds?"""
    binds = s.process == "control" and s.step != "confirm" and s.closed_on is None
    return binds and rule is not None and rule.gate == "none"


def _others(asking: Asking, s: State, day: str) -> list[State]:
    db = asking.db
    rows = db.rows(f"SELECT {', '.join(CASE_COLUMNS)} FROM cases WHERE subject = ? AND process IN ('control', 'order') AND "
                   "id <> ? AND opened_on <= ? ORDER BY closed_on IS NOT NULL, id DESC LIMIT ?", s.subject, s.id, day,
                   BESIDE if day == asking.day else MANY)  # fmt: skip
    found = [load(row) for row in rows]
    if day == asking.day:
        return found
    where, streams = among(db, "stream", [other.stream for other in found])
    entries: dict[str, list[Entry]] = {}
    for row in db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE {where} AND business_date <= ? ORDER BY stream, seq",
                       streams, day):  # fmt: skip
        entries.setdefault(row[0], []).append(Entry(*row))
    processes = asking.rules.processes
    found = [then(processes[other.process], other, entries[other.stream]) for other in found if other.stream in entries]
    return sorted(found, key=lambda other: (other.closed_on is not None, -other.id))[:BESIDE]


def then(process: Process, s: State, entries: Sequence[Entry]) -> State:
    """The case after these entries, its first ones."""
    state = blank(process, s.id, s.subject, s.slot, s.parent, s.book)
    for e in entries:
        fold(process, state, e, payload(e))
    return state


def conditions(
    asking: Asking, facilities: Sequence[str], d: Dossier | None, book: Book | None, reader: Reader
) -> list[Agreed]:
    where, values = among(asking.db, "facility", facilities)
    found = []
    for facility, name, kind, value, source in asking.db.rows(
        f"SELECT facility, name, kind, value, source FROM condition WHERE {where} ORDER BY facility, name", values):  # fmt: skip
        state = _kept(kind, facility, d, book) if d and book else ""
        found.append(
            Agreed(
                facility, name.replace("-", " ").replace("_", " "), _agreed(kind, value, book, reader), source, state
            )
        )
    return found


def _agreed(kind: str, value: str, book: Book | None, reader: Reader) -> str:
    """What a condition asks for: how often it is inspected, what else is asked there, or the bank's own words."""
    if kind == "frequency" and value.isdecimal():
        return reader.ngettext("every month", "every {n} months", int(value)).format(n=value)
    if kind == "checkpoint":
        asked = book.checkpoints.get(value) if book else None
        what = asked.question if asked else reader.read(value.replace("_", " "))
        return reader.say("asked about at each inspection: {what}").format(what=what)
    return value


def _kept(kind: str, facility: str, d: Dossier, book: Book) -> str:
    """Of a covenant, by what was answered to its checkpoints here; anything else is not judged by an answer."""
    if kind != "covenant":
        return ""
    asked = {(facility, id_) for id_ in book.additions.get("covenant", ())}
    if any((f["facility"], f["checkpoint"]) in asked for f in d.findings):
        return "broken"
    return "met" if asked & answers(d.last(*PACKAGES)).keys() else "open"


def at_the_gate(asking: Asking, facilities: Sequence[str]) -> list[Gate]:
    """What the gate would say today of the least payment; nothing is asked, and nothing journaled."""
    where, values = among(asking.db, "id", facilities)
    found = []
    for facility, its in asking.db.rows(f"SELECT id, currency FROM facility WHERE {where} ORDER BY id", values):
        judged = gate.judge(asking.db, facility, 1, asking.clock, asking.rules, asking.portal.house.snapshots)
        outcome = "refuse" if judged.allows(1) <= 0 else "limit" if judged.left < gate.MOST else "allow"
        found.append(Gate(facility, outcome, judged.left, its, judged.reasons))
    return found


def late_by(due_on: str | None, day: str) -> int:
    """Calendar days past the deadline; nought where none has passed."""
    return max(0, (date.fromisoformat(day) - date.fromisoformat(due_on)).days) if due_on else 0
