"""What a person names must exist: a restriction, an order or a code of the case's book, a facility of the borrower. A
slip is refused as a form with a mistake, and what stands beside it in a list is done all the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from door.command import SYSTEM
from tests.door.bank import Bank
from tests.door.conftest import lite
from tests.tasks.core_bank import BOOK, open_bank

WHY = {"reason": "arrears"}


@pytest.fixture
def bank(lite_template: Path, tmp_path: Path) -> Iterator[Bank]:
    """F1 and F2 are B1's, F3 and F4 B2's."""
    with lite(lite_template, tmp_path) as db:
        yield open_bank(db, tmp_path)


def inspected(bank: Bank, to: str) -> int:
    """An inspection of B1 at a step, under the default book."""
    case = bank.open("inspection", SYSTEM, "open", book=BOOK.hash)
    usual = {"collect": ("lee", "collect"), "screen": (SYSTEM, "pass"), "prepare": (SYSTEM, "propose"),
             "review": ("lee", "conclude"), "draw": (SYSTEM, "desk"), "verify_desk": ("choi", "verify"),
             "weigh": (SYSTEM, "escalate")}  # fmt: skip
    while (step := bank.state(case).step) != to:
        bank.do(*usual[step], case)
    return case


def restriction(bank: Bank, **said: Any) -> Any:
    return bank.command("han", "propose", process="control", subject="B1", book=BOOK.hash, said=said)


def test_a_restriction_that_the_book_does_not_know_is_refused_at_the_proposal(bank: Bank) -> None:
    refused = bank.refused("han", "propose", process="control", subject="B1", book=BOOK.hash, said={"kind": "K99"})
    assert (refused.code, refused.facts["says"]) == ("form", "K99 is not in the policy book of the case")


def test_a_bad_command_of_a_list_leaves_the_others_untouched(bank: Bank) -> None:
    order = bank.command("han", "issue", process="order", subject="B1", book=BOOK.hash, said={"kind": "O99"})
    first, bad, unknown, last = bank.act(restriction(bank, kind="K1"), order, restriction(bank, kind="K99"),
                                         restriction(bank, kind="K10"))  # fmt: skip
    assert [v.step for v in (first, last)] == ["confirm", "confirm"]
    assert [v.refused.code for v in (bad, unknown) if v.refused] == ["form", "form"]


@pytest.mark.parametrize("facility", ["F3", "F9", "f1"])
def test_a_restriction_on_a_facility_that_is_not_the_borrowers_is_refused(bank: Bank, facility: str) -> None:
    verdict = bank.act(restriction(bank, kind="K1", facility=facility))[0]
    assert verdict.refused is not None
    assert (verdict.refused.code, verdict.refused.facts["says"]) == ("form", f"B1 has no facility {facility}")


@pytest.mark.parametrize("said", [{"restrictions": [{"kind": "K99", **WHY}]}, {"orders": [{"kind": "O13", **WHY}]},
                                  {"restrictions": [{"kind": "K1", "facility": "F3", **WHY}]}])  # fmt: skip
def test_an_imposition_with_one_slip_imposes_nothing(bank: Bank, said: dict[str, Any]) -> None:
    case = inspected(bank, "decide")
    assert bank.refused("han", "impose", case, said=said).code == "form"
    assert bank.state(case).step == "decide"


@pytest.mark.parametrize(("to", "person", "action", "said"), [
    ("review", "lee", "conclude", {"measures": [{"code": "A99", "owner": "lee", "by": "2026-03-31"}]}),
    ("review", "lee", "send_back", {"defects": [{"code": "B99", "where": "photo"}]}),
    ("review", "lee", "conclude", {"responses": [{"facility": "F3", "checkpoint": "C1", "accepted": True, "why": "so"}]}),
    ("verify_desk", "choi", "disagree", {"inadequate": ["N9"]}),
    ("collect", "lee", "collect", {"answers": [{"facility": "F1", "checkpoint": "C999", "value": "1"}]}),
])  # fmt: skip
def test_codes_checkpoints_and_facilities_are_the_cases(
    bank: Bank, to: str, person: str, action: str, said: dict[str, Any]
) -> None:
    case = inspected(bank, to)
    assert bank.refused(person, action, case, said=said).code == "form"
    bank.do(person, action, case)


def test_a_case_goes_by_its_own_book_and_without_one_nothing_is_named(bank: Bank) -> None:
    refused = bank.refused("han", "propose", process="control", subject="B1", book="0" * 64)
    assert refused.code == "form"
    assert "is not in the database" in refused.facts["says"]


def test_the_same_key_gets_the_first_answer_again_though_the_facility_has_changed_hands(bank: Bank) -> None:
    asked = bank.command("han", "propose", process="control", subject="B1", book=BOOK.hash, key="1",
                         said={"facility": "F1"})  # fmt: skip
    first = bank.act(asked)[0]
    bank.db.run("UPDATE facility SET borrower = 'B2' WHERE id = 'F1'")
    again = bank.act(asked)[0]
    assert again.repeated
    assert again.hash == first.hash
