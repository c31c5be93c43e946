"""When a restriction may be lifted: orders, a fresh inspection, clean months after a misuse of funds; decided from the
journal, refused with a sentence, and decided the same when it is replayed."""

from pathlib import Path

import pytest

from door.command import SYSTEM
from door.db import Db
from tasks.replay import all_cases, replay
from tasks.sentences import sentence
from tests.tasks.works import Works, facility, works

MISUSE = [{"facility": "L1", "checkpoint": "U5", "colour": "r"}]
RED = [{"facility": "L1", "checkpoint": "C1", "colour": "r"}]


@pytest.fixture
def bank(db: Db, tmp_path: Path) -> Works:
    found = works(db, tmp_path)
    found.snapshot(facility("L1", "B1"), facility("L2", "B1"))
    return found


def inspected(bank: Works, of: str = "L1", findings: object = (), to: str = "closed") -> int:
    """An inspection of one facility, all on one day."""
    due = {"facility": of, "kind": "regular", "due_on": bank.bank.day, "outcome": "started"}
    case = bank.bank.open("inspection", SYSTEM, "open", book=bank.book, said={"path": "desk", "due": [due]})
    bank.bring(case, "screen")
    bank.bank.do(SYSTEM, "pass", case, said={"findings": findings})
    bank.bring(case, to)
    return case


def restricted(bank: Works, findings: object = ()) -> int:
    """A restriction out of an inspection that found something, in force, without an order."""
    said = {"restrictions": [{"kind": "K1", "reason": "arrears"}], "orders": []}
    (control,) = bank.bank.do("han", "impose", inspected(bank, findings=findings, to="decide"), said=said).opened
    bank.bank.do("oh", "confirm", control)
    return control


def refused(bank: Works, control: int, action: str = "ask_lift", person: str = "han") -> str:
    found = bank.bank.refused(person, action, control)
    assert found.code in ("condition", "not_evaluated")
    return sentence(found)


OLD = ("Not yet: the last inspection was concluded more than 30 days ago, or there is none. Order one, or wait for the next "
       "that is due.")  # fmt: skip
UNCLEAN = "Not yet: an inspection found misuse of funds, and 6 months have to pass without a red finding."


def test_a_restriction_is_not_lifted_on_an_inspection_of_long_ago(bank: Works) -> None:
    control = restricted(bank)  # on 5 January
    bank.bank.day = "2026-02-04"
    bank.bank.do("han", "ask_lift", control)
    bank.bank.day = "2026-02-05"
    assert refused(bank, control, "lift", "oh") == OLD
    bank.bank.do("oh", "refuse_lift", control)
    assert refused(bank, control) == OLD
    inspected(bank)
    bank.bank.do("han", "ask_lift", control)
    assert bank.bank.do("oh", "lift", control).step == "lifted"
    assert replayed(bank) == []


def test_an_inspection_that_is_not_over_or_of_another_facility_is_none(bank: Works) -> None:
    said = {"restrictions": [{"kind": "K1", "facility": f, "reason": "arrears"} for f in ("L1", "")], "orders": []}
    control, whole = bank.bank.do("han", "impose", inspected(bank, to="decide"), said=said).opened
    for each in (control, whole):
        bank.bank.do("oh", "confirm", each)
    bank.bank.day = "2026-03-02"
    open_ = inspected(bank, to="verify_desk")
    inspected(bank, "L2")
    assert refused(bank, control) == OLD
    bank.bank.do("han", "ask_lift", whole)
    bank.bring(open_, "closed")
    bank.bank.do("han", "ask_lift", control)


def test_after_a_misuse_of_funds_so_many_months_must_be_clean(bank: Works) -> None:
    control = restricted(bank, findings=MISUSE)  # on 5 January
    bank.bank.day = "2026-03-02"
    inspected(bank, findings=RED)
    assert refused(bank, control) == UNCLEAN
    bank.bank.day = "2026-09-01"
    inspected(bank)
    assert refused(bank, control) == UNCLEAN
    bank.bank.day = "2026-09-02"
    bank.bank.do("han", "ask_lift", control)
    assert replayed(bank) == []


def test_a_red_finding_that_is_no_misuse_asks_for_no_clean_months(bank: Works) -> None:
    bank.bank.do("han", "ask_lift", restricted(bank, findings=RED))


def test_where_what_was_found_is_erased_nobody_can_tell(bank: Works) -> None:
    control = restricted(bank)
    bank.db.run("DROP TRIGGER entry_unchanged" + " ON entry" * (bank.db.dialect == "postgresql"))
    bank.db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE action = 'pass'")
    assert refused(bank, control) == (
        "It can't be told whether months are clean: a fact that this asks for is missing.")  # fmt: skip


def test_an_order_that_is_open_comes_first(bank: Works) -> None:
    control, _ = bank.bank.do("han", "impose", inspected(bank, to="decide")).opened
    bank.bank.do("oh", "confirm", control)
    assert refused(bank, control) == "Not yet: an order of the same decision is still open."


def test_a_lifting_that_the_journal_does_not_bear_out_is_found_by_replay(bank: Works) -> None:
    control = restricted(bank)
    bank.bank.do("han", "ask_lift", control)
    bank.db.run("DROP TRIGGER entry_unchanged" + " ON entry" * (bank.db.dialect == "postgresql"))
    bank.db.run("UPDATE entry SET business_date = '2026-03-02' WHERE action = 'ask_lift'")
    assert replayed(bank) == ["inspection_is_fresh"]


def replayed(bank: Works) -> list[str]:
    """What would not be done again, by the condition."""
    found = replay(bank.db, bank.house.snapshots, all_cases(bank.db)).divergences
    return [d.refused.facts["condition"] for d in found if d.refused]
