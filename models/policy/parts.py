"""What the book is made of. Each part is frozen, refuses unknown keys, and checks what it refers to.

Names of other parts (a fact, a checkpoint, a ladder) are looked up in the validation context, which `load` fills
from the files; a compiled book was checked when it was compiled and carries none.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from models.policy import facts, finding
from models.process import names_in

Kind = Literal["use", "regular", "special", "repayment", "rating"]
KINDS: tuple[Kind, ...] = ("use", "regular", "special", "repayment", "rating")
Path = Literal["outsourced", "own", "desk"]
Colour = Literal["y", "o", "r"]
To = Literal["holder", "account_manager", "branch_head", "post_loan_officer", "credit_manager", "policy_editor"]

#: What a condition over a case may ask for: facts of the case, and what its findings, controls and orders amount to.
CASE_FACTS = (
    "kind", "path", "how", "template", "product", "segment", "amount", "currency", "class_", "proposed_class",
    "class_worse", "unit", "vendor", "green", "level", "proposed_level", "own_level", "outcome", "red", "orange",
    "orange_days", "misuse", "seizure", "refused", "breach_days", "orders_overdue", "audit_high", "inspector_new",
    "manager_new",
)  # fmt: skip


def _known(what: str) -> Callable[[str, ValidationInfo], str]:
    def check(name: str, info: ValidationInfo) -> str:
        known = (info.context or {}).get(what)
        if known is not None and name not in known:
            raise ValueError(f"unknown {what[:-1]} {name!r}; there are {', '.join(known) or 'none'}")
        return name

    return check


def _when(text: str, info: ValidationInfo) -> str:
    check = _known("facts")
    for name in facts.parts(text):
        check(name, info)
    return text


def _case_condition(text: str) -> str:
    try:
        strange = [n for n in names_in(text) if n not in CASE_FACTS]
    except SyntaxError as wrong:
        raise ValueError(f"condition {text!r} can't be read: {wrong.msg}") from wrong
    if strange:
        raise ValueError(f"unknown {', '.join(map(repr, strange))}; a case knows {', '.join(CASE_FACTS)}")
    return text


def _fact(sql: str) -> str:
    if reason := facts.wrong(sql):
        raise ValueError(f"fact {sql!r}: {reason}")
    return sql


def _spans(given: Any, info: ValidationInfo) -> Any:
    """`U1-U9` stands for the checkpoints from U1 to U9 in the order of the files."""
    order = list((info.context or {}).get("checkpoints") or ())
    if not order or not isinstance(given, list):
        return given
    found: list[str] = []
    for item in given:
        first, dash, last = str(item).partition("-")
        if dash and first in order and last in order and order.index(first) <= order.index(last):
            found += order[order.index(first) : order.index(last) + 1]
        else:
            found.append(str(item))
    return list(dict.fromkeys(found))


Words = Annotated[str, Field(min_length=1, max_length=400)]
Days = Annotated[int, Field(ge=0, le=3660)]
Months = Annotated[int, Field(ge=1, le=120)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.]{0,39}$")]
Share = Annotated[Decimal, Field(ge=0, le=1)]
FactSql = Annotated[str, AfterValidator(_fact)]
When = Annotated[str, AfterValidator(_when)]
CaseCondition = Annotated[str, AfterValidator(_case_condition)]
CheckpointId = Annotated[str, AfterValidator(_known("checkpoints"))]
Checkpoints = Annotated[tuple[CheckpointId, ...], BeforeValidator(_spans)]
TemplateCode = Annotated[str, AfterValidator(_known("templates"))]
LadderName = Annotated[str, AfterValidator(_known("ladders"))]
Tests = Annotated[tuple[str, ...], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]
CalendarName = Annotated[str, AfterValidator(_known("calendars"))]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# -- time -----------------------------------------------------------------------------------------------------


class Calendar(Part):
    """Business days of a country's banks. `closed` and `worked` add days of one's own; in a compiled book they are
    complete: every weekday closed, every weekend day worked, of the years `first_year` to `last_year`."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    categories: tuple[Code, ...] = ("public",)
    first_year: Annotated[int, Field(ge=1980, le=2100)]
    last_year: Annotated[int, Field(ge=1980, le=2100)]
    closed: tuple[Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")], ...] = ()
    worked: tuple[Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")], ...] = ()


class Rung(Part):
    """A reminder: business days from the deadline (negative: before it), and to whom."""

    days: Annotated[int, Field(ge=-60, le=60)]
    to: To


class Timer(Part):
    """How long a step may take. Business days follow the calendar; calendar days that end on a closed day run to the
    next open one; hours run through and are rounded up to whole days.

    `whose` calendar: that of the case's unit (`case`), or one calendar of the book by name.
    """

    business_days: Days | None = None
    calendar_days: Days | None = None
    hours: Annotated[int, Field(ge=1, le=8760)] | None = None
    whose: str = "case"
    ladder: LadderName
    source: Words = "J"

    @model_validator(mode="after")
    def one_measure(self, info: ValidationInfo) -> Self:
        if sum(m is not None for m in (self.business_days, self.calendar_days, self.hours)) != 1:
            raise ValueError("a timer has exactly one of business_days, calendar_days, hours")
        if self.whose != "case":
            _known("calendars")(self.whose, info)
        return self


# -- inspections ----------------------------------------------------------------------------------------------


class Checkpoint(Part):
    """A question of an inspection. `type` is the answer's; `photos` and `documents` name the evidence it needs, `low`
    and `high` bound a number; `yellow`, `orange`, `red` are tests, any of which makes the finding (finding.py).

    `mark`: a red finding here sets this fact of the case.
    """

    id: Code
    question: Words
    type: Literal["yes_no", "number", "choice", "date", "text"]
    choices: tuple[Code, ...] = ()
    unit: Annotated[str, Field(max_length=40)] = ""
    low: Decimal | None = None
    high: Decimal | None = None
    mandatory: bool = True
    photos: tuple[Code, ...] = ()
    documents: tuple[Code, ...] = ()
    yellow: Tests = ()
    orange: Tests = ()
    red: Tests = ()
    mark: Literal["", "misuse", "seizure", "refused"] = ""
    source: Words = "J"

    @model_validator(mode="after")
    def tests_fit_the_answer(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("choices belong to the type 'choice', and it needs them")
        for test in self.yellow + self.orange + self.red:
            if reason := finding.wrong_test(test, self.type, self.choices):
                raise ValueError(reason)
        return self

    @property
    def evidence(self) -> tuple[str, ...]:
        """Kinds of evidence without which the answer is incomplete."""
        return ("photo",) * bool(self.photos) + ("document",) * bool(self.documents)

    def refuses(self, value: str) -> str:
        """Why `value` is no answer to this question; empty if it is one."""
        return finding.wrong_value(self, value)


class Template(Part):
    """What is asked of a product on its first (`use`) and its regular inspections."""

    name: Words
    use: Checkpoints
    regular: Checkpoints


class KindRule(Part):
    """How due dates of a kind become cases. `path` fixed, or empty: by the path rules. `before` are the days before
    the date that calls for it (maturity, lapse of the rating) on which it is due."""

    path: Path | Literal[""] = ""
    before: tuple[Days, ...] = ()
    lead_days: Days
    catch_up: Literal["all", "latest", "skip"]
    merge: bool
    separate_products: tuple[TemplateCode, ...] = ()
    source: Words = "J"


class Choice(Part):
    """A rule: where `when` (facts joined by `and`; empty: always) holds, its subclass's `then` is chosen."""

    id: Code
    when: When = ""
    source: Words = "J"


class PathChoice(Choice):
    then: Path


class TemplateChoice(Choice):
    then: TemplateCode


class MonthsChoice(Choice):
    then: Months


class DaysChoice(Choice):
    then: Days


C = TypeVar("C", PathChoice, TemplateChoice, MonthsChoice, DaysChoice)


class Ruling(Part, Generic[C]):
    """Rules about one thing, by what they hang on: the product, the customer, nothing. The first that holds wins,
    in this order; before them all come the conditions of the single facility."""

    product: tuple[C, ...] = ()
    customer: tuple[C, ...] = ()
    default: C

    @model_validator(mode="after")
    def only_the_default_always_holds(self) -> Self:
        if self.default.when or not all(rule.when for rule in self.product + self.customer):
            raise ValueError("every rule says when it holds, only the default does not")
        return self

    @property
    def ordered(self) -> tuple[C, ...]:
        return (*self.product, *self.customer, self.default)


class Rules(Part):
    """What applies to a facility: how it is inspected, by which template, how often, and when first."""

    path: Ruling[PathChoice]
    template: Ruling[TemplateChoice]
    regular_months: Ruling[MonthsChoice]
    use_days: Ruling[DaysChoice]


# -- judgement ------------------------------------------------------------------------------------------------


class Level(Part):
    """A level of concern and the worst open finding from which on it is the least."""

    name: Words
    finding: Colour | Literal[""] = ""


class ClassLine(Part):
    """From `from_days` past due on, at least this class."""

    from_days: Days
    at_least: Annotated[int, Field(ge=1, le=5)]
    name: Words
    says: Words
    source: Words


class Classification(Part):
    """Class by days past due. `technical_days`: how long an operational delay, recognised as such, is exempt."""

    technical_days: Days
    technical_source: Words
    lines: Annotated[tuple[ClassLine, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def lines_rise(self) -> Self:
        days, classes = [line.from_days for line in self.lines], [line.at_least for line in self.lines]
        if days[0] or sorted(set(days)) != days or sorted(set(classes)) != classes:
            raise ValueError("lines begin at 0 days and rise in days and class")
        return self


class CaseRule(Part):
    """A condition over a case's facts (names and comparisons, as `level >= 3`), with the name it goes by."""

    id: Code
    when: CaseCondition
    source: Words = "J"


class Sampling(Part):
    """Who is verified in depth. `new_first`: an inspector or manager is new for so many cases; `at_least`: top-up per
    manager and quarter; `second_look`: share of green vendor packages looked at again."""

    always: tuple[CaseRule, ...]
    probability: Share
    new_first: Days
    second_look: Share
    at_least: Days
    source: Words = "J"


class Said(Part):
    """What a code stands for."""

    says: Words
    source: Words = "J"


class ReturnCode(Said):
    """Why a package goes back. Without a second try it goes to the bank's own visit, with an integrity report."""

    second_try: bool = True


class Outcome(Said):
    """What a verification found. `answered`: the manager answers once before it stands."""

    answered: bool


class Restriction(Said):
    """What a restriction does at the disbursement gate: `stop` refuses, `limit` allows up to its cap, `consent` asks
    for the credit manager's word on each payment, `none` binds elsewhere. `reaches` whom it binds."""

    gate: Literal["stop", "limit", "consent", "none"]
    reaches: Literal["facility", "borrower", "group"]


class Order(Said):
    """A correction order, due in calendar days; sooner where a red finding stands."""

    days: Days
    red_days: Days | None = None


class Gate(Part):
    """Days that an inspection may be overdue, or a conclusion unverified, before the gate refuses."""

    overdue_days: Days
    unverified_days: Days
    source: Words = "J"


class Lifting(Part):
    """When a restriction may be lifted. `clean_months` after misuse or forbearance."""

    inspection_max_age_days: Days
    clean_months: Days
    source: Words = "J"


class Collection(Part):
    """What screening holds a package against: age of figures, window around the due date, rotation of inspectors,
    and the photos of every vendor visit."""

    stale_months: Months
    window_before_days: Days
    window_after_days: Days
    same_inspector_at_most: Days
    photos: tuple[Code, ...]
    source: Words = "J"


class Switch(Part):
    """A control by a second person. Off only from a date and approved by two people, who are named."""

    says: Words
    on: bool = True
    since: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None
    approved_by: tuple[Code, ...] = ()

    @model_validator(mode="after")
    def off_is_an_event(self) -> Self:
        if not self.on and (self.since is None or len(set(self.approved_by)) < 2):
            raise ValueError("a control is switched off from a date (since) and by two different people (approved_by)")
        return self
