"""Credit management: what waits for a decision, what restricts whom, which orders are out and overdue, what the gate did
not pay and why; and a restriction or an order of one's own accord."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from door.command import Command, Refused
from door.db import Row
from door.fold import CASE_COLUMNS, State, load
from door.store import among
from models.policy import PolicyError
from models.tables import STOPPED
from portal.case.acted import acted
from portal.case.scope import scope
from portal.house import Asking
from portal.page import show, spoken, why
from portal.who.asking import Form, NotThere, SignedIn
from portal.words import reading
from portal.words.reader import Reader, names_of
from tasks import books
from tasks.translate import PLACES

router = APIRouter()
SEE = ("post_loan_officer", "credit_manager", "credit_approver", "auditor")
SHOWN = 100  # cases of a step
REFUSED = 20  # answers of the gate
FOUND = 30  # borrowers that a search shows
#: (process, step): in the order of the page.
ESCALATED = (("inspection", "decide"),)
CONTROLS = (("control", "confirm"), ("control", "confirm_lift"), ("control", "in_force"))
ORDERS = (("order", "workout"), ("order", "tightened"), ("order", "extend"), ("order", "accept"), ("order", "in_work"))
#: What is done of one's own accord: the process and its opening arrow.
OPENS = {"control": "propose", "order": "issue"}
MONEY = ("cap", "paid", "left")  # facts of a refusal that are amounts
_COLUMNS = ", ".join(f"c.{name}" for name in CASE_COLUMNS)


@dataclass(frozen=True, slots=True)
class Listed:
    """A case: its borrower's name, what it is (a kind's words by its own book), its limit in words."""

    state: State
    borrower: str
    kind: str
    cap: str

    @property
    def level(self) -> int | None:
        level = self.state.facts.get("level")
        return level if isinstance(level, int) else None


@dataclass(frozen=True, slots=True)
class Stopped:
    """An answer of the gate that did not pay all: what was asked, what was allowed (empty: nothing), why in sentences."""

    facility: str
    borrower: str
    asked: str
    allowed: str
    at: str
    by: str
    reasons: tuple[str, ...]


@router.get("/controls")
def controls(asking: SignedIn) -> Response:
    reader = _allowed(asking)
    escalated, restricted, ordered = (_cases(asking, steps, reader) for steps in (ESCALATED, CONTROLS, ORDERS))
    listed = [each for found in (escalated, restricted, ordered) for cases in found.values() for each in cases]
    return show(
        asking, "controls.html", escalated=escalated, controls=restricted, orders=ordered,
        counts=_counts(asking), overdue=_overdue(asking), stopped=_stopped(asking, reader),
        names=names_of(asking.db, [each.state.holder or "" for each in listed]), shown=SHOWN,
        may_open=asking.me.has("credit_manager"))  # fmt: skip


def _allowed(asking: Asking) -> Reader:
    if not asking.me.has(*SEE):
        raise NotThere
    return Reader(spoken(asking.request, asking.me.language))


def _cases(asking: Asking, steps: Sequence[tuple[str, str]], reader: Reader) -> dict[tuple[str, str], list[Listed]]:
    """By step, the first by deadline."""
    mine, values = scope(asking)
    found: dict[tuple[str, str], list[Row]] = {
        (process, step): asking.db.rows(
            f"SELECT coalesce(b.name, c.subject), {_COLUMNS} FROM cases c JOIN item i ON i.case_id = c.id "
            f"LEFT JOIN borrower b ON b.id = c.subject WHERE {mine} AND c.process = ? AND c.step = ? "
            "ORDER BY coalesce(i.due_on, '9999-12-31'), c.id LIMIT ?", *values, process, step, SHOWN)
        for process, step in steps
    }  # fmt: skip
    currencies = _currencies(
        asking, {row[1 + CASE_COLUMNS.index("subject")] for rows in found.values() for row in rows}
    )
    return {
        key: [_listed(asking, row[0], load(row[1:]), currencies, reader) for row in rows] for key, rows in found.items()
    }


def _listed(asking: Asking, borrower: str, s: State, currencies: Mapping[str, str], reader: Reader) -> Listed:
    kind, cap, facts = "", "", s.facts
    if s.process in OPENS:
        kind = reading.measure(reading.readable(asking.db, s.book, reader), s)
        if facts.get("cap"):
            currency = facts.get("currency") or currencies.get(facts.get("facility") or s.subject, "")
            cap = reader.money(int(facts["cap"]), currency)
    return Listed(s, borrower, kind, cap)


def _currencies(asking: Asking, borrowers: set[str]) -> dict[str, str]:
    """Of each facility of these borrowers, and of each borrower."""
    where, values = among(asking.db, "borrower", sorted(borrowers))
    rows = asking.db.rows(f"SELECT id, borrower, currency FROM facility WHERE {where} ORDER BY id DESC", values)
    return {name: currency for id_, borrower, currency in rows for name in (id_, borrower)}


def _counts(asking: Asking) -> Counter[tuple[str, str]]:
    mine, values = scope(asking)
    return Counter({(process, step): n for process, step, n in asking.db.rows(
        "SELECT c.process, c.step, count(*) FROM item i JOIN cases c ON c.id = i.case_id "
        f"WHERE {mine} AND c.process IN ('inspection', 'control', 'order') GROUP BY c.process, c.step", *values)})  # fmt: skip


def _overdue(asking: Asking) -> int:
    """Orders past their deadline, and those that were tightened because of it."""
    mine, values = scope(asking)
    return int(asking.db.rows(
        f"SELECT count(*) FROM item i JOIN cases c ON c.id = i.case_id WHERE {mine} AND c.process = 'order' "
        "AND (i.due_on < ? OR c.step IN ('tightened', 'workout'))", *values, asking.day)[0][0])  # fmt: skip


# -- the gate ---------------------------------------------------------------------------------------------------------


def _stopped(asking: Asking, reader: Reader) -> list[Stopped]:
    """What was not paid in full, the newest first."""
    rows = asking.db.rows(
        f"SELECT stream, recorded_at, person, payload FROM entry WHERE {STOPPED} AND stream LIKE 'gate:%' "
        f"ORDER BY recorded_at DESC, stream LIMIT {REFUSED}")  # fmt: skip
    where, values = among(asking.db, "f.id", sorted({row[0].partition(":")[2] for row in rows}))
    known = {id_: (name, currency) for id_, name, currency in asking.db.rows(
        f"SELECT f.id, b.name, f.currency FROM facility f JOIN borrower b ON b.id = f.borrower WHERE {where}", values)}  # fmt: skip
    return [_answer(row, known, reader) for row in rows]


def _answer(row: Row, known: Mapping[str, tuple[str, str]], reader: Reader) -> Stopped:
    stream, at, by, payload = row
    said: Mapping[str, Any] = orjson.loads(payload) if payload else {}
    facility = str(said.get("facility") or stream.partition(":")[2])
    borrower, currency = known.get(facility, ("", ""))

    def money(value: Any) -> str:
        return reader.money(value, currency) if type(value) is int and currency else str(value)

    reasons = []
    for r in said.get("reasons", ()):
        facts = {k: money(v) if k in MONEY else v for k, v in r["facts"].items()}
        reasons.append(reader.why(Refused(r["code"], facts), {}))
    return Stopped(
        facility,
        borrower,
        money(said.get("amount", "–")),
        money(said["allowed"]) if said.get("allowed") else "",
        at,
        by,
        tuple(reasons),
    )


# -- of one's own accord ----------------------------------------------------------------------------------------------


@router.get("/controls/new")
def new(asking: SignedIn, what: str = "control", borrower: str = "", q: str = "") -> Response:
    return _form(asking, what, borrower, q)


@router.post("/controls/new")
def opened(posted: Form) -> Response:
    """Proposes a restriction or issues an order; then to its case."""
    asking, what, borrower = posted.asking, posted.text("what"), posted.text("borrower")
    reader = _allowed(asking)
    facilities = _facilities(asking, borrower)
    if what not in OPENS or not facilities:
        raise NotThere
    typed = {name: posted.text(name) for name in ("kind", "facility", "cap", "reason", "review_on")}
    currency = next((c for id_, _, c in facilities if id_ == typed["facility"]), facilities[0][2])
    said, wrong = _said(asking, what, typed, [f[0] for f in facilities], currency, reader)
    if wrong:
        return _form(asking, what, borrower, typed=typed, wrong=wrong, status=422)
    book = books.in_force(asking.db, asking.day)
    verdict = acted(asking, Command(asking.me.id, OPENS[what], said, process=what, subject=borrower, book=book,
                                 key=f"new.{posted.text('key')}"))[0]  # fmt: skip
    if verdict.refused:
        return _form(asking, what, borrower, typed=typed, refused=why(asking, verdict.refused), status=409)
    return RedirectResponse(f"/cases/{verdict.case}", 303)


def _said(asking: Asking, what: str, typed: Mapping[str, str], facilities: Sequence[str], currency: str,
          reader: Reader) -> tuple[dict[str, Any], dict[str, str]]:  # fmt: skip
    """The payload, and by field what is to be written otherwise."""
    say, wrong = reader.say, dict[str, str]()
    kinds = _kinds(asking, what)
    if typed["kind"] not in kinds:
        wrong["kind"] = say("Choose what is to be done.")
    if typed["facility"] and typed["facility"] not in facilities:
        wrong["facility"] = say("Choose a facility of this borrower.")
    said: dict[str, Any] = {"kind": typed["kind"], "facility": typed["facility"], "reason": typed["reason"]}
    if what == "control":
        limits = typed["kind"] in kinds and kinds[typed["kind"]][1] == "limit"
        cap = _amount(typed["cap"], currency) if typed["cap"] or limits else 0
        if cap is None:
            wrong["cap"] = say("Write an amount, for example 120,000,000.")
        elif cap and not limits:
            wrong["cap"] = say("This restriction has no limit: leave it empty.")
        said |= {"cap": cap, "review_on": typed["review_on"] or None}
        if typed["review_on"] and typed["review_on"] <= asking.day:
            wrong["review_on"] = say("Choose a day after today.")
    if not typed["reason"]:
        wrong["reason"] = say("Write why, in a sentence.")
    return said, wrong


def _amount(text: str, currency: str) -> int | None:
    """In minor units; None where it is none."""
    try:
        amount = Decimal(text.replace(",", "").replace(" ", "")).scaleb(PLACES.get(currency, 2))
    except InvalidOperation:
        return None
    return int(amount) if amount.is_finite() and 0 < amount < 2**53 and amount == int(amount) else None


def _form(asking: Asking, what: str, borrower: str, q: str = "", typed: Mapping[str, str] | None = None,
          wrong: Mapping[str, str] | None = None, refused: str = "", status: int = 200) -> Response:  # fmt: skip
    _allowed(asking)
    if what not in OPENS or not asking.me.has("credit_manager"):
        raise NotThere
    empty = dict.fromkeys(("kind", "facility", "cap", "reason", "review_on"), "")
    found = asking.db.rows("SELECT name FROM borrower WHERE id = ?", borrower) if borrower else []
    if borrower and not found:
        raise NotThere
    try:
        kinds = _kinds(asking, what)
    except PolicyError:
        kinds = {}
    return show(
        asking, "control_new.html", status, what=what, borrower=borrower, name=found[0][0] if found else "", q=q,
        choices=_search(asking, q) if q and not borrower else [], kinds=kinds, facilities=_facilities(asking, borrower),
        typed=typed or empty, wrong=wrong or {}, refused=refused, standing=_standing(asking, borrower, what),
        key=asking.portal.house.salts(1)[0][:16])  # fmt: skip


def _kinds(asking: Asking, what: str) -> dict[str, tuple[str, str, int]]:
    """By code: what it is, what it does at the gate (an order: nothing), the days of an order. By the book in force; raises
    PolicyError where there is none."""
    book = reading.book(
        asking.db, books.in_force(asking.db, asking.day), Reader(spoken(asking.request, asking.me.language))
    )
    if what == "order":
        found = {code: (rule.says, "", int(rule.days)) for code, rule in book.orders.items()}
    else:
        found = {code: (rule.says, rule.gate, 0) for code, rule in book.restrictions.items()}
    return dict(sorted(found.items(), key=lambda each: (len(each[0]), each[0])))  # K9 before K10


def _facilities(asking: Asking, borrower: str) -> list[tuple[str, str, str]]:
    """Number, product, currency."""
    rows = asking.db.rows("SELECT id, product, currency FROM facility WHERE borrower = ? ORDER BY id", borrower)
    return [(id_, product, currency) for id_, product, currency in rows]


def _search(asking: Asking, q: str) -> list[tuple[str, str]]:
    """Borrowers by part of the name, by number, by a facility's number."""
    part = "%" + q.strip()[:80].lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = asking.db.rows(
        "SELECT id, name FROM borrower WHERE lower(name) LIKE ? ESCAPE '\\' OR id = ? OR id IN (SELECT borrower FROM "
        "facility WHERE id = ?) ORDER BY name, id LIMIT ?", part, q.strip(), q.strip(), FOUND)  # fmt: skip
    return [(id_, name) for id_, name in rows]


def _standing(asking: Asking, borrower: str, what: str) -> list[tuple[int, str, str, str | None]]:
    """What of the kind is open on this borrower already: case, code, step, deadline."""
    if not borrower:
        return []
    rows = asking.db.rows(f"SELECT {_COLUMNS} FROM cases c WHERE c.subject = ? AND c.process = ? AND c.closed_on IS NULL "
                          "ORDER BY c.id", borrower, what)  # fmt: skip
    return [(s.id, str(s.facts["kind"]), s.step, s.due_on) for s in map(load, rows)]
