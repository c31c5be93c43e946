"""Who declares a relation is barred from the borrower's cases at once, and what he held goes to who may do it."""

from threading import Thread

import orjson
import pytest

from door.audit import audit
from door.db import Db, connect
from door.eligible import eligible
from tasks.relation import declare
from tests.door.bank import Bank, found


@pytest.fixture
def bank(db: Db) -> Bank:
    return found(db)


def says(bank: Bank, person: str, subject: str = "B1") -> None:
    declare(bank.db, bank.rules, bank.clock(), person, subject, "my brother owns it")


def able(bank: Bank, case: int) -> list[str]:
    return eligible(bank.db, bank.rules, case, bank.day)


def test_he_is_barred_at_once_and_what_he_holds_of_the_borrower_goes_back_to_the_list(bank: Bank) -> None:
    case, second, other = (bank.inspection("verify_desk", subject=subject) for subject in ("B1", "B1", "B2"))
    for each in (case, second, other):
        bank.do("choi", "claim", each)
    says(bank, "choi")
    for each in (case, second):
        assert bank.state(each).holder is None
        assert bank.entries(f"case:{each}")[-1][1:3] == ("hand_back", "choi")
        assert able(bank, each) == ["jung", "yoon"]
    assert bank.state(other).holder == "choi"
    assert bank.refused("choi", "verify", case).code == "related"
    bank.do("jung", "verify", case)
    bank.do("choi", "verify", other)


def test_it_is_his_own_entry_in_his_stream_with_what_he_said(bank: Bank) -> None:
    says(bank, "choi")
    ((action, person, payload),) = bank.db.rows("SELECT action, person, payload FROM entry WHERE stream = 'staff:choi'")
    assert (action, person) == ("relation_declared", "choi")
    assert orjson.loads(payload) == {"subject": "B1", "says": "my brother owns it"}
    assert bank.db.rows("SELECT person, subject FROM relation") == [("choi", "B1")]
    says(bank, "choi")  # once more, as when it is sent from two windows
    assert bank.db.rows("SELECT person, subject FROM relation") == [("choi", "B1")]
    assert len(bank.entries("staff:choi")) == 1
    assert audit(bank.db, bank.rules.processes, None).faults == []


def test_what_he_takes_at_that_very_moment_goes_back_too(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    with connect(bank.db.url) as other:
        declared = Thread(target=declare, args=(other, bank.rules, bank.clock(), "choi", "B1", "my brother owns it"))
        with bank.db.transaction():
            bank.do("choi", "claim", case)
            declared.start()
            declared.join(0.5)
        declared.join()
    assert bank.state(case).holder is None
    assert able(bank, case) == ["jung", "yoon"]


def test_what_was_delegated_to_him_is_its_owners_again(bank: Bank) -> None:
    bank.hire("seo-yun", "mapo", "account_manager")
    case = bank.inspection("review")
    bank.do("lee", "delegate", case, said={"to": "seo-yun"})
    says(bank, "seo-yun")
    assert able(bank, case) == ["lee"]


def test_where_nobody_is_left_operations_is_told_at_once_and_who_rules_there_may_give_it_away(bank: Bank) -> None:
    case, free = bank.inspection("review"), bank.inspection("verify_desk")
    says(bank, "lee")
    assert able(bank, case) == []
    assert bank.notices(case)[-1][1] == "nobody"
    assert {kind for _, kind, _ in bank.notices(free)} == {"item"}
    bank.hire("seo-yun", "mapo", "account_manager")
    bank.do("kang", "reassign", case, said={"to": "seo-yun"})
    assert able(bank, case) == ["seo-yun"]


def test_nothing_of_it_is_written_where_a_part_can_not_be(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    case = bank.inspection("verify_desk")
    bank.do("choi", "claim", case)

    def breaks(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("tasks.relation.act", breaks)
    with pytest.raises(RuntimeError):
        says(bank, "choi")
    assert bank.db.rows("SELECT 1 FROM relation") == []
    assert bank.db.rows("SELECT 1 FROM entry WHERE stream = 'staff:choi'") == []
