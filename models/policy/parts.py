"""What an inspection is made of: calendars, timers, checkpoints, templates, and the rules that choose among them."""

from decimal import Decimal
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field, ValidationInfo, model_validator

from models.policy import finding
from models.policy.names import (
    Checkpoints,
    Code,
    Days,
    LadderName,
    Months,
    Part,
    Path,
    TemplateCode,
    Tests,
    To,
    When,
    Words,
    known,
)  # fmt: skip

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
            known("calendars")(self.whose, info)
        return self


class Letters(Part):
    """What a message may tell of a borrower when it leaves the bank: the name masked or in full, the level or not."""

    borrower: Literal["masked", "full"] = "masked"
    level: Literal["yes", "no"] = "no"
    source: Words = "J"


# -- inspections ----------------------------------------------------------------------------------------------


class Checkpoint(Part):
    """A question of an inspection. `type` is the answer's, `choices` its words; `photos` and `documents` name the
    evidence it needs, `low` and `high` bound a number; `yellow`, `orange`, `red` are tests, any of which makes the
    finding (finding.py).

    `mark`: its worst finding here (red; orange where nothing makes it red) sets this fact of the case.
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
    mark: Literal["", "misuse", "seizure", "refused", "breach"] = ""
    source: Words = "J"

    @model_validator(mode="after")
    def tests_fit_the_answer(self) -> Self:
        if self.type == "choice" and not self.choices:
            raise ValueError("a choice needs its choices")
        if self.type in ("yes_no", "text") and self.choices:
            raise ValueError(f"the type {self.type!r} takes no choices; choice, number and date do")
        for test in self.yellow + self.orange + self.red:
            if reason := finding.wrong_test(test, self.type, self.choices):
                raise ValueError(reason)
        return self

    @property
    def worst(self) -> str:
        """The worst colour that an answer can have here."""
        return "r" if self.red else "o" if self.orange else "y"

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


T = TypeVar("T")


class Choice(Part, Generic[T]):
    """A rule: where `when` (facts joined by `and`; empty: always) holds, `then` is chosen."""

    id: Code
    when: When = ""
    then: T
    source: Words = "J"


class Ruling(Part, Generic[T]):
    """Rules about one thing, by what they hang on: the product, the customer, nothing. The first that holds wins,
    in this order; before them all come the conditions of the single facility."""

    product: tuple[Choice[T], ...] = ()
    customer: tuple[Choice[T], ...] = ()
    default: Choice[T]

    @model_validator(mode="after")
    def only_the_default_always_holds(self) -> Self:
        if self.default.when:
            raise ValueError(f"the default {self.default.id!r} always holds; it has no when")
        if silent := [rule.id for rule in self.product + self.customer if not rule.when]:
            raise ValueError(f"{', '.join(silent)} must say when; only the default always holds")
        return self

    @property
    def ordered(self) -> tuple[Choice[T], ...]:
        return (*self.product, *self.customer, self.default)


class Rules(Part):
    """What applies to a facility: how it is inspected, by which template, how often, and when first."""

    path: Ruling[Path]
    template: Ruling[TemplateCode]
    regular_months: Ruling[Months]
    use_days: Ruling[Days]
