"""Whether a case meets the line above which the credit manager decides: each of its triggers, and what is not known."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from door.command import SYSTEM
from door.db import Db
from tasks.dossier import Dossier
from tasks.replay import all_cases, replay
from tasks.weigh import weigh
from tests.door.bank import DAY
from tests.tasks.core_bank import BOOK
from tests.tasks.papers import dossier, given
from tests.tasks.works import Works, facility, works

NORMAL = {"level": 0, "class_": 1}
AGREED = {"outcome": "V0", "own_level": 0}
PACK = {"how": "outsourced", "visited_on": DAY, "answers": [], "evidence": []}


def verified(*findings: tuple[str, str], conclusion: Any = NORMAL, verification: Any = AGREED, **more: Any) -> Dossier:
    found = [{"facility": "L1", "checkpoint": c, "colour": colour} for c, colour in findings]
    return dossier(("submit", PACK, "ahn"), ("pass", {"findings": found}, SYSTEM), ("conclude", conclusion, "lee"),
                   ("disagree" if verification["outcome"] > "V1" else "verify", verification, "choi"), **more)  # fmt: skip


def says(*triggers: str, orange: date | None = None, breach: date | None = None) -> dict[str, Any]:
    return {"triggers": list(triggers), "orange_since": orange, "breach_since": breach}


def after(case: Dossier, **facts: str | None) -> Dossier:
    """The same case, where the borrower's last inspection remembers this."""
    return replace(case, earlier=(replace(case.state, id=3, facts=facts),))


def test_below_the_line_the_case_is_closed() -> None:
    assert weigh(verified(), given()) == ("close", says())


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
    action, payload = weigh(case, given())
    assert (action, payload["triggers"]) == ("escalate", met)


STANDING = {"breach_30_days", "two_orange_60_days", "order_overdue"}


def test_every_trigger_of_the_book_is_shown_here() -> None:
    assert {rule.id for rule in given().book(verified()).line} == MET.keys() | STANDING


TODAY = given().inputs.as_of
BREACH, TWO = (("C13", "o"),), (("C8", "o"), ("C5", "o"))


@pytest.mark.parametrize(
    ("findings", "what", "days", "trigger"),
    [(BREACH, "breach", 30, "breach_30_days"), (BREACH, "breach", 29, ""), (TWO, "orange", 60, "two_orange_60_days"),
     (TWO, "orange", 59, ""), (TWO[:1], "orange", 60, ""), ((("C13", "y"),), "breach", 30, "")],
)  # fmt: skip
def test_what_has_stood_too_long_goes_to_the_credit_manager(
    findings: tuple[tuple[str, str], ...], what: str, days: int, trigger: str
) -> None:
    since = (TODAY - timedelta(days=days)).isoformat()
    action, payload = weigh(after(verified(*findings), **{f"{what}_since": since}), given())
    assert (action, payload["triggers"]) == (("escalate", [trigger]) if trigger else ("close", []))


def test_what_is_found_for_the_first_time_or_again_stands_since_today() -> None:
    first = weigh(verified(*BREACH), given())
    again = weigh(after(verified(*BREACH), breach_since=None, orange_since=None), given())
    assert first == again == ("close", says(orange=TODAY, breach=TODAY))


def test_an_inspection_that_finds_nothing_ends_what_stood() -> None:
    assert weigh(after(verified(), orange_since="2025-01-01", breach_since="2025-01-01"), given()) == ("close", says())


def test_a_correction_order_of_the_borrower_that_is_overdue_escalates() -> None:
    assert weigh(verified(), given(orders_overdue={7: 1})) == ("escalate", says("order_overdue"))
    assert weigh(verified(), given(orders_overdue={8: 1}))[0] == "close"


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
    assert found == ("escalate", says("missed_or_false"))


def test_several_triggers_are_all_named_in_the_order_of_the_line() -> None:
    case = verified(("C1", "r"), conclusion={"level": 3, "class_": 2}, verification={"outcome": "V4", "own_level": 4})
    assert weigh(case, given())[1]["triggers"] == ["red", "level", "verifier_level", "missed_or_false", "class_worse"]


def test_the_line_is_that_of_the_cases_own_book() -> None:
    strict = BOOK.model_copy(update={"line": (BOOK.line[1].model_copy(update={"when": "level >= 1"}),)})
    case = verified(conclusion={"level": 1, "class_": 1}, book=strict)
    assert weigh(case, given(book=strict)) == ("escalate", says("level"))


def weighed(bank: Works, day: str) -> list[str]:
    """The triggers met by the inspection of that quarter."""
    bank.bank.day = day
    bank.snapshot(facility("L1", "B1"))
    bank.due()
    case = bank.cases()[-1]
    bank.bring(case, "weigh")
    bank.stage("escalation", "weigh")
    return list(bank.said(case, "escalate", "close")["triggers"])


def test_an_order_counts_from_its_missed_deadline_until_it_is_accepted(db: Db, tmp_path: Path) -> None:
    bank = works(db, tmp_path)
    assert weighed(bank, "2026-01-05") == []
    order = bank.bank.open("order", "han", "issue", subject="B1", book=bank.book)
    bank.bank.day = "2026-02-16"
    bank.remind()
    assert bank.bank.state(order).step == "tightened"
    assert weighed(bank, "2026-04-06") == ["order_overdue"]
    bank.bank.do("han", "no_measure", bank.cases()[-1])
    bank.bank.do("lee", "done", order)
    bank.bank.do("choi", "accept", order)
    assert weighed(bank, "2026-07-06") == []
    again = replay(db, bank.house.snapshots, all_cases(db))  # between the stages its cases were moved by hand
    assert {d.what for d in again.divergences} == {"run"}
