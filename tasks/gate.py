"""The disbursement gate: may this be paid out of that facility? Asked before every payment, and fails closed.

Answer and journal entry are made in one transaction that holds all open controls of the borrower locked (SQLite: the
whole database), so none is confirmed or lifted between the reading and the answer. One that is proposed after the
last reading can only be confirmed after it, hence at a later recorded instant than the answer's, which is taken
before that reading: by the journal's instants no payment is allowed while a control that stops it is in force.

A limit is on what is paid in all while it is in force: each answer that allows something says how much was allowed
under each limit so far, and the next one goes on from there. What was allowed counts, paid or not. The facility's stream
is locked before anything is read, so that its answers stand in the order in which they were judged.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson

from door.act import in_one, note
from door.command import Clock, Refused, Rules
from door.db import Db, Row, one
from door.fold import facts_in
from door.store import earlier, lock_streams
from models.policy import Book, PolicyError
from tasks import books
from tasks.owed import UNREADABLE, owed

Outcome = Literal["allow", "limit", "refuse"]
MOST = 2**53 - 1  # minor units, as the journal carries them
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,79}")
VERIFYING = ("draw", "verify_desk", "verify_site", "revisit", "compare")  # concluded, and not yet verified
VERIFIED = ("weigh", "decide", "closed")

_CONTROLS = ("SELECT id, seq, step, book, state FROM cases WHERE subject = ? AND process = 'control' "
             "AND closed_on IS NULL ORDER BY id")  # fmt: skip
_INSPECTIONS = """
SELECT c.id, c.step, c.state, min(d.due_on), max(d.due_on) FROM due d JOIN cases c ON c.id = d.case_id
 WHERE d.facility = ? AND d.outcome <> 'skipped' AND c.process = 'inspection'
 GROUP BY c.id, c.step, c.state ORDER BY c.id
"""
_LAST_PAID = "SELECT payload FROM entry WHERE stream = ? AND action IN ('allow', 'limit') ORDER BY seq DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Answer:
    """May it be paid: all of it (`allow`), `allowed` of it (`limit`), nothing (`refuse`). `allowed` is in minor units
    of the facility's currency; `reasons` are codes and facts; `seq` and `hash` name the entry in stream
    `gate:<facility>`. `repeated`: the key was used before for the same, this is the first answer again.

    Codes: amount, facility_unknown, no_book, stopped, consent, limited, control_unreadable, overdue, unopened,
    cancelled, unverified, inspection_unreadable, no_snapshot, key_reused, staff."""

    outcome: Outcome
    allowed: int
    reasons: tuple[Refused, ...]
    seq: int
    hash: str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What stands against a payment, what the tightest limit leaves, and which open controls were seen when; `paid`:
    what was allowed before under each limit."""

    reasons: tuple[Refused, ...]
    left: int
    controls: tuple[Row, ...]
    at: str
    paid: Mapping[int, int] = field(default_factory=dict)

    def allows(self, amount: int) -> int:
        return 0 if any(r.code != "limited" for r in self.reasons) else min(amount, self.left)


def check(db: Db, facility: str, amount: int, clock: Clock, rules: Rules, snapshots: Path, *, person: str,
          key: str) -> Answer:  # fmt: skip
    """Answers for a payment of `amount` minor units, and journals the answer. `person` asks (core banking's name, and
    nobody's of the staff: a payment's number would take a key of his); the same `key` with the same facility and amount
    gets the first answer again, with others a refusal. `snapshots`: folder of the house.

    What is unknown or unreadable refuses; what the database raises is raised, and whoever asks must not pay."""
    return in_one(db, lambda: _checked(db, facility, amount, clock, rules, snapshots, person, key))


def _checked(db: Db, facility: str, amount: int, clock: Clock, rules: Rules, snapshots: Path, person: str,
             key: str) -> Answer:  # fmt: skip
    lock_streams(db, [_stream(facility)])
    if db.rows("SELECT 1 FROM person WHERE id = ?", person):
        staff = Refused("staff", {"person": person})
        return answer(db, facility, amount, Judged((staff,), MOST, (), clock.now()), clock, person, None)
    before = earlier(db, [(person, key)]).get((person, key))
    if before is None:
        return answer(db, facility, amount, judge(db, facility, amount, clock, rules, snapshots), clock, person, key)
    if found := _again(before, facility, amount):
        return found
    reused = Refused("key_reused", {"key": key, "stream": before[0], "seq": before[1]})
    return answer(db, facility, amount, Judged((reused,), MOST, (), clock.now()), clock, person, None)


def judge(db: Db, facility: str, amount: int, clock: Clock, rules: Rules, snapshots: Path) -> Judged:
    """What the books say of a payment, read under the lock: to be called inside the transaction that answers."""
    if type(amount) is not int or not 0 < amount <= MOST:
        return Judged((Refused("amount", {"amount": str(amount)}),), MOST, (), clock.now())
    known = one(db.rows("SELECT borrower FROM facility WHERE id = ?", facility)) if NAME.fullmatch(facility) else None
    if known is None:
        return Judged((Refused("facility_unknown", {"facility": _clean(facility)}),), MOST, (), clock.now())
    controls, at = _locked(db, known[0], clock)
    day = clock.business_date
    try:
        book = books.book(db, books.in_force(db, day))
        reasons = [*_inspections(db, facility, day, book), *_owed(db, snapshots, facility, known[0], day, book)]
    except (PolicyError, ValueError):
        reasons = [Refused("no_book", {"day": day})]
    own = [f for (f,) in db.rows("SELECT id FROM facility WHERE borrower = ? ORDER BY id", known[0])]
    left, paid = MOST, {}
    process = rules.processes["control"]
    proposed = {do.to for do in process.steps[process.start].does}  # binds nobody before a second person confirms it
    for case, _, step, hash_, state in controls:
        if step in proposed:
            continue
        found = _control(db, case, hash_, state, facility, own)
        if found is None:
            continue
        if found.code == "limited":
            paid[case] = found.facts["paid"]
            rest = max(0, found.facts["cap"] - paid[case])
            left = min(left, rest)
            if amount <= rest:
                continue
        reasons.append(found)
    return Judged(tuple(reasons), left, tuple(controls), at, paid)


def answer(db: Db, facility: str, amount: int, judged: Judged, clock: Clock, person: str, key: str | None) -> Answer:
    """Journals what was judged, and says it."""
    allowed = judged.allows(amount)
    outcome: Outcome = "refuse" if allowed <= 0 else "limit" if allowed < amount else "allow"
    said = {
        **_asked(facility, amount),
        "allowed": allowed,
        "reasons": [{"code": r.code, "facts": dict(r.facts)} for r in judged.reasons],
        "controls": [
            {"case": case, "seq": seq, "step": step, "paid": judged.paid[case] + allowed if case in judged.paid else 0}
            for case, seq, step, *_ in judged.controls
        ],
    }
    entry = note(db, _stream(facility), outcome, person, said, replace(clock, now=lambda: judged.at), key)
    return Answer(outcome, allowed, judged.reasons, entry.seq, entry.hash)


def _locked(db: Db, borrower: str, clock: Clock) -> tuple[list[Row], str]:
    """The borrower's open controls, locked, and an instant at which there were no others. PostgreSQL gives locked rows
    as they are after the wait, but not rows that came meanwhile: so it is asked again until nothing came. Payments of
    one borrower under restriction come one after the other, because each must know what the last left of a limit."""
    lock = " FOR NO KEY UPDATE" if db.dialect == "postgresql" else ""
    while True:
        controls = db.rows(_CONTROLS + lock, borrower)
        at = clock.now()
        if not lock or {row[0] for row in db.rows(_CONTROLS, borrower)} <= {row[0] for row in controls}:
            return controls, at


def _control(db: Db, case: int, book: str, state: str, facility: str, own: Collection[str]) -> Refused | None:
    """What a control in force does to a payment of the facility, by its own book; None where it does nothing. One on a
    facility that the borrower does not have binds all of his (`own`)."""
    try:
        facts = facts_in(state)
        rule = books.book(db, book).restrictions[facts["kind"]]
        elsewhere = rule.reaches == "facility" and facts["facility"] != facility and facts["facility"] in own
        if rule.gate == "none" or elsewhere:
            return None
        said = {"case": case, "kind": facts["kind"], "says": rule.says}
        if rule.gate == "limit":
            return Refused("limited", {**said, "cap": int(facts["cap"]), "paid": max(_paid(db, f, case) for f in own)})
        return Refused("consent" if rule.gate == "consent" else "stopped", said)
    except (PolicyError, ValueError, LookupError, TypeError):
        return Refused("control_unreadable", {"case": case})


def _paid(db: Db, facility: str, case: int) -> int:
    """What was allowed under a limit so far, as the facility's last answer that allowed something has it. Raises
    ValueError where its payload is erased."""
    last = one(db.rows(_LAST_PAID, _stream(facility)))
    return max((c["paid"] for c in orjson.loads(last[0])["controls"] if c["case"] == case), default=0) if last else 0


def _inspections(db: Db, facility: str, day: str, book: Book) -> Iterator[Refused]:
    """Inspections of the facility not concluded, or concluded and not verified, for longer than the grace in days. One
    that was cancelled is not done until a later one is."""
    grace, cases = book.gate, db.rows(_INSPECTIONS, facility)
    done = max((last for _, step, _, _, last in cases if step in VERIFIED), default="")
    for case, step, state, due_on, last in cases:
        if step in VERIFYING:
            concluded_on = _concluded_on(state)
            if concluded_on is None:
                yield Refused("inspection_unreadable", {"case": case})
            elif _later(concluded_on, grace.unverified_days) < day:
                yield Refused("unverified", {"case": case, "concluded_on": concluded_on, "days": grace.unverified_days})
        elif step not in VERIFIED and _later(due_on, grace.overdue_days) < day:
            if step != "cancelled":
                yield Refused("overdue", {"case": case, "due_on": due_on, "days": grace.overdue_days})
            elif last > done:
                yield Refused("cancelled", {"case": case, "due_on": due_on, "days": grace.overdue_days})


def _concluded_on(state: str) -> str | None:
    """As the case remembers it: an entry that the case does not know of proves nothing."""
    try:
        return date.fromisoformat(facts_in(state)["conclude_on"]).isoformat()
    except (ValueError, LookupError, TypeError):
        return None


def _owed(db: Db, snapshots: Path, facility: str, borrower: str, day: str, book: Book) -> Iterator[Refused]:
    """Inspections that the book prescribes and nobody has opened, for longer than the grace."""
    try:
        for kind, due_on in owed(db, snapshots, facility, borrower, book, date.fromisoformat(day)):
            if _later(due_on, book.gate.overdue_days) < day:
                yield Refused("unopened", {"kind": kind, "due_on": due_on, "days": book.gate.overdue_days})
    except UNREADABLE:
        yield Refused("no_snapshot", {"facility": facility, "day": day})


def _again(before: Row, facility: str, amount: int) -> Answer | None:
    """The first answer under a key, where the same was asked then; None where not, or where its payload is erased."""
    stream, seq, action, _, hash_, _, _, payload, *_ = before
    said: Mapping[str, Any] = orjson.loads(payload) if stream == _stream(facility) and payload else {}
    asked = _asked(facility, amount)
    if {name: said.get(name) for name in asked} != asked:
        return None
    reasons = tuple(Refused(r["code"], r["facts"]) for r in said["reasons"])
    return Answer(action, said["allowed"], reasons, seq, hash_, repeated=True)


def _stream(facility: str) -> str:
    """What cannot be a facility's name gets no stream of its own."""
    return f"gate:{facility if NAME.fullmatch(facility) else '?'}"


def _asked(facility: str, amount: int) -> dict[str, Any]:
    """As the journal carries it, whatever was asked."""
    return {"facility": _clean(facility),
            "amount": amount if type(amount) is int and abs(amount) <= MOST else str(amount)}  # fmt: skip


def _clean(facility: str) -> str:
    return facility[:80].encode(errors="replace").decode()


def _later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days)).isoformat()
