"""What nobody may do any more is told to operations when it comes to that, whatever it came by; and once."""

import pytest

from door.db import Db
from door.eligible import eligible
from tasks.address import address
from tasks.alone import tell_alone
from tests.door.bank import Bank, found, later


@pytest.fixture
def bank(db: Db) -> Bank:
    bank = found(db)
    bank.hire("moon", "credit", "operations")
    return bank


def told(bank: Bank) -> tuple[list[int], list[int]]:
    """The cases that nobody may do today, and those told of now."""
    alone, new = tell_alone(bank.db, bank.rules, bank.clock())
    return [s.id for s in alone], [s.id for s in new]


def nobody(bank: Bank) -> list[tuple[int, str]]:
    """(case, to whom) of all that operations was written of."""

    def able(db: Db, case: int, on: str) -> list[str]:
        return eligible(db, bank.rules, case, on)

    address(bank.db, able, bank.day, bank.clock().now())
    return [(case, person) for case, person in bank.db.rows(
        "SELECT t.case_id, m.person FROM told t JOIN message m ON m.id = t.message WHERE t.kind = 'nobody' "
        "ORDER BY t.case_id, t.seq")]  # fmt: skip


def test_when_the_last_one_leaves_operations_is_told_on_the_day_after_and_never_again(bank: Bank) -> None:
    case, other = bank.inspection("collect"), bank.inspection("collect", subject="B2")
    bank.db.run("INSERT INTO responsible (subject, since, manager) VALUES ('B2', ?, 'park')", later(bank.day, -1))
    last = later(bank.day, 2)
    bank.leave("lee", last)
    for day in (bank.day, last):
        bank.day = day
        assert told(bank) == ([], [])
    bank.day = later(last, 1)
    assert told(bank) == ([case], [case])
    assert nobody(bank) == [(case, "moon")]
    bank.do("han", "comment", case)
    for _ in range(3):
        bank.day = later(bank.day, 1)
        assert told(bank) == ([case], [])
    assert nobody(bank) == [(case, "moon")]
    assert bank.state(other).step == "collect"


@pytest.mark.parametrize("how", ["role", "relation", "list"])
def test_it_is_told_by_whatever_it_came(bank: Bank, how: str) -> None:
    case = bank.inspection("verify_desk")
    for person in ("choi", "jung", "yoon"):
        if how == "role":
            bank.db.run("UPDATE role_grant SET until = ? WHERE person = ?", bank.day, person)
        elif how == "relation":
            bank.relation(person, "B1")
        else:
            bank.transfer(person, "mapo", "account_manager")
    if how == "role":
        assert told(bank) == ([], [])
        bank.day = later(bank.day, 1)
    assert told(bank) == ([case], [case])
    assert nobody(bank) == [(case, "moon")]


def test_what_an_act_told_of_is_not_told_again(bank: Bank) -> None:
    for person in ("choi", "jung", "yoon"):
        bank.leave(person, later(bank.day, -1))
    case = bank.inspection("verify_desk")
    assert told(bank) == ([case], [])
    assert nobody(bank) == [(case, "moon")]


def test_where_an_authority_gave_it_to_somebody_who_leaves_too_it_is_told_again(bank: Bank) -> None:
    case = bank.inspection("collect")
    bank.leave("lee", bank.day)
    bank.day = later(bank.day, 1)
    assert told(bank) == ([case], [case])
    bank.hire("seo-yun", "mapo", "account_manager")
    bank.do("kang", "reassign", case, said={"to": "seo-yun"})
    assert told(bank) == ([], [])
    bank.leave("seo-yun", bank.day)
    bank.day = later(bank.day, 1)
    assert told(bank) == ([case], [case])
    assert nobody(bank) == [(case, "moon")] * 2


def test_of_many_items_every_block_is_gone_through(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.alone.BLOCK", 3)
    cases = [bank.inspection("collect", subject=f"B{n % 2 + 1}") for n in range(7)]
    bank.leave("lee", later(bank.day, -1))
    assert told(bank) == (cases, cases)
