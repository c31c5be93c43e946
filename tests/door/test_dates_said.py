"""Days and judgements that a person writes down: what lies in the past, too far off, or below what was found."""

from dataclasses import replace
from typing import Any

import pytest

from door.command import Refused
from models.process import Do
from tests.door.bank import DAY, Bank, later

TERM = 60  # days that the tests' book gives an order, and a restriction until its review


def ordered(bank: Bank, step: str) -> int:
    """An order that waits for the officer: `extend` or `accept`."""
    order = bank.open("order", "han", "issue")
    bank.do("lee", "ask_extension" if step == "extend" else "done", order)
    return order


def confirmed(bank: Bank) -> int:
    control = bank.open("control", "han", "propose")
    bank.do("oh", "confirm", control)
    return control


@pytest.mark.parametrize(("action", "person"), [("grant", "choi"), ("not_accepted", "choi"), ("renew", "han")])
def test_a_new_deadline_lies_after_today_and_within_the_whole_time_again(bank: Bank, action: str, person: str) -> None:
    case = confirmed(bank) if action == "renew" else ordered(bank, "extend" if action == "grant" else "accept")
    for day in ("2000-01-01", later(DAY, -1), DAY):
        refused = bank.refused(person, action, case, said={"due_on": day})
        assert refused == Refused("past", {"field": "due_on", "day": day, "today": DAY})
    for day in (later(DAY, TERM + 1), "2199-12-31"):
        refused = bank.refused(person, action, case, said={"due_on": day})
        assert refused == Refused("too_far", {"day": day, "latest": later(DAY, TERM)})
    bank.do(person, action, case, said={"due_on": later(DAY, TERM)})
    assert bank.state(case).due_on == later(DAY, TERM)


def test_more_time_is_asked_for_until_a_day_to_come(quick: Bank) -> None:
    order = quick.open("order", "han", "issue")
    refused = quick.refused("lee", "ask_extension", order, said={"until": later(DAY, -1)})
    assert refused == Refused("past", {"field": "until", "day": later(DAY, -1), "today": DAY})


def test_no_measure_is_to_be_taken_by_a_day_that_is_past(quick: Bank) -> None:
    case = quick.inspection("review")
    said = {"measures": [{"code": "A01", "owner": "lee", "by": day} for day in (DAY, later(DAY, -1))]}
    refused = quick.refused("lee", "conclude", case, said=said)
    assert refused == Refused("past", {"field": "measures.by", "day": later(DAY, -1), "today": DAY})
    quick.do("lee", "conclude", case, said={"measures": said["measures"][:1]})


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({"level": 3, "class_": 4}, True), ({"level": 4, "class_": 5}, True),
        ({"level": 2, "class_": 4}, False), ({"level": 3, "class_": 3}, False),
        ({"level": 0, "class_": 1, "reason": "   "}, False), ({"level": 0, "class_": 1, "reason": "repaid"}, True),
    ],
)  # fmt: skip
def test_below_what_was_found_or_better_than_the_proposed_class_nobody_concludes_without_a_reason(
    quick: Bank, said: dict[str, Any], taken: bool
) -> None:
    case = quick.inspection("prepare")
    quick.do("system", "propose", case, said={"proposed_class": 4, "proposed_level": 3, "green": False})
    verdict = quick.ask("lee", "conclude", case, said=said)
    assert verdict.refused is None if taken else verdict.refused.code == "condition"


def test_an_arrow_may_ask_for_what_its_own_form_says_and_the_case_need_not_remember_it(quick: Bank) -> None:
    page = quick.rules.processes["inspection"]
    assert page.check() == []
    assert "reason" not in quick.state(quick.inspection("draw")).facts
    steps = {**page.steps, "review": replace(page.steps["review"], does=(Do("conclude", "draw", when="reason != ''"),))}
    assert any("asks for 'reason'" in wrong for wrong in replace(page, steps=steps).check())
