"""What is made of findings: levels, classes, who is verified, what is imposed, and what the gate does with it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.policy.names import CaseCondition, Code, Colour, Days, Months, Part, Share, Words


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
    """Class by days past due."""

    lines: Annotated[tuple[ClassLine, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def lines_rise(self) -> Self:
        days, classes = [line.from_days for line in self.lines], [line.at_least for line in self.lines]
        if days[0] or sorted(set(days)) != days or sorted(set(classes)) != classes:
            raise ValueError(f"lines begin at 0 days and rise in days and class, not {days} and {classes}")
        return self


class CaseRule(Part):
    """A condition over a case's facts (names and comparisons, as `level >= 3`), with the name it goes by."""

    id: Code
    when: CaseCondition
    source: Words = "J"


class Sampling(Part):
    """Who is verified in depth. `new_first`: an inspector or manager is new for so many cases; `at_least`: top-up per
    manager and quarter."""

    always: tuple[CaseRule, ...]
    probability: Share
    new_first: Days
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
    reaches: Literal["facility", "borrower"]


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
    """When a restriction may be lifted. `clean_months` after a misuse of funds."""

    inspection_max_age_days: Days
    clean_months: Days
    source: Words = "J"


USUAL_M = 300


class Collection(Part):
    """What screening holds a package against: age of figures, window around the due date, rotation of inspectors, the
    photos of every vendor visit, and how far from the premises one is taken without a reason."""

    stale_months: Months
    window_before_days: Days
    window_after_days: Days
    same_inspector_at_most: Days
    photos: tuple[Code, ...]
    premises_within_m: Annotated[int, Field(ge=10, le=100_000)] = USUAL_M
    source: Words = "J"
