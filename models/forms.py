"""Payload forms: what a person or a flow says when it acts. Each is validated before anything is written.

Amounts are integers in minor units of the facility's currency; dates are ISO dates; ratios and measured numbers
are Decimals, journaled as strings. Field names that a process remembers (`Process.facts`) are its facts.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from models.process import Form

ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _whole(said: Any) -> Any:
    """Neither `true` nor `2.0` is a number of anything."""
    if isinstance(said, bool | float):
        raise ValueError("a whole number is written here")
    return said


def _dated(said: Any) -> Any:
    """No count of seconds is a date, nor is an instant."""
    if isinstance(said, str) and not ISO_DATE.fullmatch(said):
        raise ValueError("a date is written as 2026-03-31")
    if isinstance(said, datetime) or not isinstance(said, str | date | None):
        raise ValueError("a date is written as 2026-03-31")
    return said


WHOLE, DATED = BeforeValidator(_whole), BeforeValidator(_dated)
Whole = Annotated[int, WHOLE]
Date = Annotated[date, DATED]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,79}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Minor = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1), WHOLE]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31)), DATED]  # by hand: a slip is refused
Level = Annotated[int, Field(ge=0, le=4), WHOLE]
Class = Annotated[int, Field(ge=1, le=5), WHOLE]
Path = Literal["outsourced", "own", "desk"]


class Reason(Form):
    """Why, in the actor's own words."""

    reason: Text


# -- the item: the same for every process ---------------------------------------------------------------------


class Handing(Form):
    """Delegate (by its owner) or reassign (by the named authority) to another person."""

    to: Name
    reason: Text


class Hold(Form):
    """Put aside until a date; the calendar days count against the book's maximum and move the deadline."""

    until: Day
    reason: Text


class Comment(Form):
    text: Text


class Rung(Form):
    """A rung of the reminder ladder: how many business days before (negative) or after the deadline, to whom (a person;
    empty: who may do the item), and how many rungs are behind now."""

    days: Whole
    to: Annotated[str, StringConstraints(max_length=80)]
    rung: Annotated[int, Field(ge=1), WHOLE]


# -- inspection -----------------------------------------------------------------------------------------------


class DueRow(Form):
    """One prescribed inspection of one facility; `outcome` is what became of it, `reason` why it was not started."""

    facility: Name
    kind: Literal["use", "regular", "special", "repayment", "rating"]
    due_on: Date
    outcome: Literal["started", "merged", "skipped"]
    reason: str = ""


class Asked(Form):
    """What is asked of one facility: the checkpoints of its template for this kind, and why (rule ids of the book)."""

    facility: Name
    kind: Literal["use", "regular", "special", "repayment", "rating"]
    template: Name
    checkpoints: tuple[Name, ...]
    rules: tuple[str, ...]


class OpenInspection(Form):
    """One borrower, one occasion. `kind`, `template`, `product` are those of the most pressing facility; `amount` is
    the exposure of all facilities asked about, in minor units of `currency`; `prescribed_on` the
    earliest due date."""

    kind: Literal["use", "regular", "special", "repayment", "rating"]
    path: Path
    template: Name
    product: Name
    segment: Name
    amount: Minor
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    class_: Class
    calendar: Name
    unit: Name
    opened_on: Date
    prescribed_on: Date
    due: tuple[DueRow, ...]
    asks: tuple[Asked, ...]


class Assign(Form):
    """Vendor and inspector for the visit; `batch` groups the vendor's assignments of one day."""

    vendor: Name
    inspector: Name
    batch: Name
    why: Text


class Answer(Form):
    """One checkpoint of one facility. `value` as text in the template's type; `as_of` dates a figure."""

    facility: Name
    checkpoint: Name
    value: Annotated[str, StringConstraints(max_length=2000)]
    as_of: Day | None = None
    files: tuple[Sha256, ...] = ()
    note: Annotated[str, StringConstraints(max_length=2000)] = ""


class Evidence(Form):
    """A file handed in: its SHA-256, what it shows, when and where it was taken (degrees as decimal text); `note`: why
    elsewhere than at the premises."""

    sha256: Sha256
    kind: Literal["photo", "document"]
    shows: Name
    taken_at: str
    latitude: str = ""
    longitude: str = ""
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""


class Package(Form):
    """What a collection hands in. `how` says who collected: outsourced, own, or desk."""

    how: Path
    visited_on: Day
    host: Annotated[str, StringConstraints(max_length=200)] = ""
    interview_signed: bool = False
    answers: tuple[Answer, ...]
    evidence: tuple[Evidence, ...] = ()


class VendorPackage(Package):
    """A vendor's, which the department checks: it cannot call itself otherwise."""

    how: Literal["outsourced"]


class OwnPackage(Package):
    """The account manager's own, from a visit or his desk."""

    how: Literal["own", "desk"]


class Defect(Form):
    """A return code (B01 … B14) and where it was found."""

    code: Annotated[str, StringConstraints(pattern=r"^B\d\d$")]
    where: str
    says: str = ""


class Finding(Form):
    """What an answer means by the template: y(ellow), o(range), r(ed)."""

    facility: Name
    checkpoint: Name
    colour: Literal["y", "o", "r"]


class Screened(Form):
    """The automatic examination of a package: defects by return code, findings by the template's thresholds."""

    defects: tuple[Defect, ...] = ()
    findings: tuple[Finding, ...] = ()


class Returned(Form):
    """Back to who collected, with the codes that say why."""

    defects: Annotated[tuple[Defect, ...], Field(min_length=1)]
    reason: Text


class Change(Form):
    """An answer that differs from the last inspection's."""

    facility: Name
    checkpoint: Name
    before: str
    now: str


class Proposal(Form):
    """Prepared for the manager: class by days past due, level by the worst finding, what changed since last time."""

    proposed_class: Class
    proposed_level: Level
    green: bool
    changes: tuple[Change, ...] = ()
    because: Text


class Response(Form):
    """A finding, accepted or refuted, and why."""

    facility: Name
    checkpoint: Name
    accepted: bool
    why: Text


class Measure(Form):
    """An action (A01 … A20) with owner and day."""

    code: Annotated[str, StringConstraints(pattern=r"^A\d\d$")]
    owner: Name
    by: Day


class Conclusion(Form):
    """The account manager's judgement. A level below the worst finding, or a better class than the days past due, has a
    reason (the page's condition)."""

    level: Level
    class_: Class
    capacity: Text
    willingness: Literal["good", "poor", "none"]
    repayment_source: Text
    responses: tuple[Response, ...] = ()
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""
    opportunity: Annotated[str, StringConstraints(max_length=2000)] = ""


class Drawn(Form):
    """The draw: `site` where the case is verified in depth; `rule` names the always-rule or the probability."""

    round: Annotated[int, Field(ge=1), WHOLE]
    rule: Name
    probability: Decimal


class Verification(Form):
    """Four eyes at the desk: is record and conclusion adequate? `outcome` V0 or V1; own level beside the manager's."""

    outcome: Literal["V0", "V1"]
    own_level: Level
    note: Annotated[str, StringConstraints(max_length=2000)] = ""


class Disagreement(Form):
    """The verifier finds otherwise: V2 … V7, or the conclusion inadequate (N1 … N8)."""

    outcome: Literal["V2", "V3", "V4", "V5", "V6", "V7"]
    own_level: Level
    inadequate: tuple[Annotated[str, StringConstraints(pattern=r"^N\d$")], ...] = ()
    reason: Text


class OwnRecord(Form):
    """On site, blind: the officer's own facts and level, before he sees the manager's."""

    own_level: Level
    visited_on: Day
    announced: bool = False
    answers: tuple[Answer, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class Weighed(Form):
    """Compared with the policy's line: which triggers were met; and since when every inspection of the borrower has
    found something orange, or a covenant breached (null: this one did not)."""

    triggers: tuple[Name, ...] = ()
    orange_since: Date | None = None
    breach_since: Date | None = None


# -- control, order -------------------------------------------------------------------------------------------


class Restriction(Form):
    """A restriction K1 … K10 on the borrower or one facility; `cap` (minor units) where it limits."""

    kind: Annotated[str, StringConstraints(pattern=r"^K\d{1,2}$")]
    facility: Annotated[str, StringConstraints(max_length=80)] = ""
    cap: Annotated[int, Field(ge=0, le=2**53 - 1), WHOLE] = 0
    reason: Text
    review_on: Day | None = None


class CorrectionOrder(Form):
    """A correction order O1 … O12; its deadline comes from the book by kind."""

    kind: Annotated[str, StringConstraints(pattern=r"^O\d{1,2}$")]
    facility: Annotated[str, StringConstraints(max_length=80)] = ""
    reason: Text


class Imposition(Form):
    """The credit manager's decision: restrictions and orders, each a case of its own from here on."""

    restrictions: tuple[Restriction, ...] = ()
    orders: tuple[CorrectionOrder, ...] = ()
    reason: Text


class Correction(Form):
    """What was done, with its proof."""

    says: Text
    files: tuple[Sha256, ...] = ()


class Asking(Form):
    """More time is asked for: until when, and why. It is no deadline until it is granted."""

    until: Day
    reason: Text


class Extension(Form):
    """The deadline from here on."""

    due_on: Day
    reason: Text


# -- policy, hand-over -----------------------------------------------------------------------------------------


class BookProposal(Form):
    """A policy book by hash, in force from a date."""

    book: Sha256
    effective_from: Day
    reason: Text


class HandOver(Form):
    """Responsibility for a borrower passes to another account manager on a date."""

    manager: Name
    since: Day
    reason: Text
