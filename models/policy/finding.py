"""What an answer means: the tests of a checkpoint, from "< 90" to "fall >= 30", and the colour they give.

A test is a word ("no", "halted") that equals the answer, or a comparison:
`< 90` of the number itself; `fall >= 30`, `rise >= 30` in percent against the last visit;
`age > 3 months`, `age > 0 days` from the date (of the answer, or else of the figure) to the visit.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from operator import eq, ge, gt, le, lt
from typing import Protocol

_TEST = re.compile(r"^(?:(fall|rise|age) )?(<=|>=|<|>|=) ?(-?\d+(?:\.\d+)?)(?: (days|months))?$")
_OPS: dict[str, Callable[[Decimal | date, Decimal | date], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq}


class Question(Protocol):
    """What this file asks of a checkpoint."""

    @property
    def type(self) -> str: ...
    @property
    def choices(self) -> tuple[str, ...]: ...
    @property
    def low(self) -> Decimal | None: ...
    @property
    def high(self) -> Decimal | None: ...
    @property
    def yellow(self) -> tuple[str, ...]: ...
    @property
    def orange(self) -> tuple[str, ...]: ...
    @property
    def red(self) -> tuple[str, ...]: ...


@cache
def _test(text: str) -> tuple[str, str, Decimal, str] | None:
    """Quantity, comparison, limit and unit of a comparison; None for a word."""
    found = _TEST.match(text)
    return (found[1] or "value", found[2], Decimal(found[3]), found[4] or "") if found else None


def wrong_test(text: str, type_: str, choices: tuple[str, ...]) -> str:
    """Why `text` can't test such an answer; empty if it can."""
    test = _test(text)
    if test is None:
        words = {"yes_no": ("yes", "no"), "choice": choices}.get(type_)
        if words is not None and text not in words:
            return f"test {text!r} can never be met; the answers are {', '.join(words)}"
        if not re.match(r"^[a-z][a-z_]*$", text):
            return f"test {text!r} is neither a word nor a comparison as '< 90', 'fall >= 30', 'age > 3 months'"
        return ""
    quantity, op, limit, unit = test
    if (quantity == "age") != bool(unit):
        return f"test {text!r}: an age is compared with days or months, and nothing else is"
    if quantity == "age" and limit % 1:
        return f"test {text!r}: an age is in whole days or months"
    if quantity != "age" and type_ != "number":
        return f"test {text!r} needs the type 'number', not {type_!r}"
    if quantity in ("fall", "rise") and (op not in (">", ">=") or limit <= 0):
        return f"test {text!r}: a fall or rise is compared by > or >= with a positive percentage"
    return ""


def _number(text: str) -> Decimal | None:
    """A number that can be reckoned with: of at most 30 digits before the point."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and number.adjusted() < 30 else None


def _date(text: str) -> date | None:
    """A date that months can be added to."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1900 <= day.year < 3000 else None


def _words(question: Question) -> tuple[str, ...]:
    """Words that stand for an answer: yes and no, the choices, and those that a test names."""
    if question.type == "yes_no":
        return ("yes", "no")
    return question.choices + tuple(t for t in question.yellow + question.orange + question.red if _test(t) is None)


def wrong_value(question: Question, value: str) -> str:
    """Why `value` is no answer; empty if it is one."""
    if value in _words(question):
        return ""
    if question.type in ("yes_no", "choice"):
        return f"{value!r} is none of {', '.join(dict.fromkeys(_words(question)))}"
    if question.type == "date":
        return "" if _date(value) else f"{value!r} is no date (YYYY-MM-DD)"
    if question.type == "number":
        number = _number(value)
        if number is None:
            return f"{value!r} is no number"
        if question.low is not None and number < question.low:
            return f"{value} is below {question.low}"
        if question.high is not None and number > question.high:
            return f"{value} is above {question.high}"
        return ""
    return "" if value.strip() else "the answer is empty"


def later(day: date, n: int, unit: str) -> date:
    """n days or months on; a month's end stays a month's end where the day does not exist."""
    if unit == "days":
        return day + timedelta(n)
    year, month = divmod(day.year * 12 + day.month - 1 + n, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _met(text: str, value: str, before: str | None, dated: date | None, visited: date) -> bool:
    test = _test(text)
    if test is None:
        return value == text
    quantity, op, limit, unit = test
    if quantity == "age":
        return dated is not None and _OPS[op](visited, later(dated, int(limit), unit))
    now = _number(value)
    if now is None:
        return False
    if quantity == "value":
        return _OPS[op](now, limit)
    then = _number(before) if before is not None else None
    if then is None:
        return False
    change = then - now if quantity == "fall" else now - then
    return change > 0 and _OPS[op](change * 100, limit * abs(then))  # a product, so that nothing divides by zero


def colour(question: Question, value: str, before: str | None, as_of: date | str | None, visited_on: date | str) -> str:
    """The worst colour whose test is met: "r", "o", "y", or "" for no finding.

    `before` is the answer of the last inspection (None: there was none, changes are not tested); `as_of` dates a
    figure. Raises ValueError where `value` is no answer to the question.
    """
    if reason := wrong_value(question, value):
        raise ValueError(reason)
    visited = visited_on if isinstance(visited_on, date) else date.fromisoformat(visited_on)
    dated = _date(value) if question.type == "date" else None
    if dated is None and as_of:
        dated = as_of if isinstance(as_of, date) else date.fromisoformat(as_of)
    for letter, tests in (("r", question.red), ("o", question.orange), ("y", question.yellow)):
        if any(_met(test, value, before, dated, visited) for test in tests):
            return letter
    return ""
