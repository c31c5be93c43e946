"""Names by which one part of the book refers to another, checked when the book is compiled.

Names of other parts (a fact, a checkpoint, a ladder) are looked up in the validation context, which `load` fills
from the files; a compiled book was checked when it was compiled and carries none.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from models.policy import facts
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
    "orange_days", "misuse", "seizure", "refused", "breach_days", "orders_overdue", "inspector_new", "manager_new",
)  # fmt: skip


def known(what: str) -> Callable[[str, ValidationInfo], str]:
    def check(name: str, info: ValidationInfo) -> str:
        there = (info.context or {}).get(what)
        if there is not None and name not in there:
            raise ValueError(f"unknown {what[:-1]} {name!r}; there are {', '.join(there) or 'none'}")
        return name

    return check


def _when(text: str, info: ValidationInfo) -> str:
    check = known("facts")
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
    return found


Words = Annotated[str, Field(min_length=1, max_length=400)]
Days = Annotated[int, Field(ge=0, le=3660)]
Months = Annotated[int, Field(ge=1, le=120)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.]{0,39}$")]
Share = Annotated[Decimal, Field(ge=0, le=1)]
FactSql = Annotated[str, AfterValidator(_fact)]
When = Annotated[str, AfterValidator(_when)]
CaseCondition = Annotated[str, AfterValidator(_case_condition)]
CheckpointId = Annotated[str, AfterValidator(known("checkpoints"))]
Checkpoints = Annotated[tuple[CheckpointId, ...], BeforeValidator(_spans)]
TemplateCode = Annotated[str, AfterValidator(known("templates"))]
LadderName = Annotated[str, AfterValidator(known("ladders"))]
Tests = Annotated[tuple[str, ...], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]
CalendarName = Annotated[str, AfterValidator(known("calendars"))]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
