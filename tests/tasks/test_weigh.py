"""Whether a case meets the line above which the credit manager decides: each of its triggers, and what is not known."""

from typing import Any

import pytest

from door.command import SYSTEM
from tasks.dossier import Dossier
from tasks.weigh import weigh
from tests.door.bank import DAY
from tests.tasks.core_bank import BOOK
from tests.tasks.papers import dossier, given

NORMAL = {"level": 0, "class_": 1}
AGREED = {"outcome": "V0", "own_level": 0}
PACK = {"how": "outsourced", "visited_on": DAY, "answers": [], "evidence": []}


def verified(*findings: tuple[str, str], conclusion: Any = NORMAL, verification: Any = AGREED, **more: Any) -> Dossier:
    found = [{"facility": "L1", "checkpoint": c, "colour": colour} for c, colour in findings]
    return dossier(("submit", PACK, "ahn"), ("pass", {"findings": found}, SYSTEM), ("conclude", conclusion, "lee"),
                   ("disagree" if verification["outcome"] > "V1" else "verify", verification, "choi"), **more)  # fmt: skip


def test_below_the_line_the_case_is_closed() -> None:
    assert weigh(verified(), given()) == ("close", {"triggers": []})


MET: dict[str, tuple[Dossier, list[str]]] = {
    "red": (verified(("C1", "r")), ["red"]),
    "level": (verified(conclusion={"level": 3, "class_": 1}), ["level"]),
    "verifier_level": (verified(verification={"outcome": "V0", "own_level": 3}), ["verifier_level"]),
    "missed_or_false": (verified(verification={"outcome": "V4", "own_level": 0}), ["missed_or_false"]),
    "class_worse": (verified(conclusion={"level": 0, "class_": 2}), ["class_worse"]),
    "misuse": (verified(("U6", "r")), ["red", "misuse"]),
    "seizure": (verified(("M1", "r")), ["red", "seizure"]),
    "access_refused": (verified(("U8", "r")), ["red", "access_refused"]),
}


@pytest.mark.parametrize("trigger", MET)
def test_each_trigger_of_the_line_escalates(trigger: str) -> None:
    case, met = MET[trigger]
    assert weigh(case, given()) == ("escalate", {"triggers": met})


#: What the case itself does not tell: for how long a covenant is broken or two findings stand, its orders, the audit.
UNKNOWN = {"breach_30_days", "order_overdue", "two_orange_60_days", "audit_high"}


def test_every_trigger_of_the_book_is_shown_here_or_is_known_not_to_be_evaluated() -> None:
    assert {rule.id for rule in given().book(verified()).line} == MET.keys() | UNKNOWN


def test_a_trigger_whose_facts_are_not_known_is_not_met() -> None:
    """Two orange findings alone do not say since when they stand."""
    assert weigh(verified(("C8", "o"), ("C5", "o")), given())[0] == "close"


@pytest.mark.parametrize(
    "case",
    [
        verified(("C4", "y"), ("C8", "o")), verified(conclusion={"level": 2, "class_": 1}),
        verified(verification={"outcome": "V1", "own_level": 2}), verified(class_=3, conclusion={"level": 0, "class_": 3}),
        verified(verification={"outcome": "V3", "own_level": 2}), verified(class_=3, conclusion={"level": 0, "class_": 2}),
        verified(("U6", "o")),
    ],
)  # fmt: skip
def test_what_lies_just_below_a_trigger_does_not_escalate(case: Dossier) -> None:
    assert weigh(case, given())[0] == "close"


def test_a_visit_that_was_not_made_escalates_too() -> None:
    found = weigh(verified(verification={"outcome": "V7", "own_level": 0}), given())
    assert found == ("escalate", {"triggers": ["missed_or_false"]})


def test_several_triggers_are_all_named_in_the_order_of_the_line() -> None:
    case = verified(("C1", "r"), conclusion={"level": 3, "class_": 2}, verification={"outcome": "V4", "own_level": 4})
    assert weigh(case, given())[1]["triggers"] == ["red", "level", "verifier_level", "missed_or_false", "class_worse"]


def test_the_line_is_that_of_the_cases_own_book() -> None:
    strict = BOOK.model_copy(update={"line": (BOOK.line[1].model_copy(update={"when": "level >= 1"}),)})
    case = verified(conclusion={"level": 1, "class_": 1}, book=strict)
    assert weigh(case, given(book=strict)) == ("escalate", {"triggers": ["level"]})
