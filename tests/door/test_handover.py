"""Hand-over: who is responsible for a borrower, also where several take him over from the same day."""

from door.audit import audit
from door.command import Refused
from door.db import Db
from door.rebuild import export, rebuild
from door.store import managers
from processes import PROCESSES
from tests.door.bank import DAY, Bank, later


def handed_over(bank: Bank, head: str, manager: str) -> int:
    """B1 passes to a manager from DAY on."""
    case = bank.open("handover", head, "hand_over", slot="B1", said={"manager": manager, "since": DAY})
    bank.do(manager, "take_over", case)
    return case


def test_of_one_day_the_later_hand_over_counts(bank: Bank) -> None:
    review = bank.inspection("review")
    bank.db.run("INSERT INTO responsible (subject, since, manager) VALUES ('B1', ?, 'lee')", DAY)  # by an import
    first = handed_over(bank, "kang", "park")
    assert bank.refused("lee", "conclude", review) == Refused("not_yours", {"owner": "park"})
    second = handed_over(bank, "noh", "kang")
    assert bank.refused("park", "conclude", review) == Refused("not_yours", {"owner": "kang"})
    bank.do("kang", "conclude", review)
    rows = bank.db.rows("SELECT since, manager, case_id FROM responsible WHERE subject = 'B1' AND since = ?", DAY)
    assert set(rows) == {(DAY, "lee", None), (DAY, "park", first), (DAY, "kang", second)}


def test_one_that_is_dated_back_counts_from_the_day_it_is_taken(bank: Bank) -> None:
    """Proposed before another was, and taken after it: whoever took over last is responsible, and was not before."""
    case = bank.open("handover", "kang", "hand_over", said={"manager": "park", "since": "2025-12-01"})
    handed_over(bank, "kang", "lee")
    bank.day = later(DAY, 3)
    review = bank.inspection("review")
    bank.do("park", "take_over", case)
    assert bank.refused("lee", "conclude", review) == Refused("not_yours", {"owner": "park"})
    assert [managers(bank.db, ["B1"], day) for day in (DAY, bank.day)] == [{"B1": "lee"}, {"B1": "park"}]
    assert audit(bank.db, PROCESSES, None).faults == []


def test_of_two_that_were_proposed_the_one_taken_up_last_counts(bank: Bank) -> None:
    review = bank.inspection("review")
    earlier = bank.open("handover", "kang", "hand_over", slot="B1", said={"manager": "park", "since": DAY})
    later_one = bank.open("handover", "kang", "hand_over", said={"manager": "lee", "since": DAY})
    bank.do("lee", "take_over", later_one)
    bank.do("park", "take_over", earlier)
    assert bank.refused("lee", "conclude", review) == Refused("not_yours", {"owner": "park"})
    bank.do("park", "conclude", review)


def test_only_the_head_of_the_managers_own_branch_hands_a_borrower_over(bank: Bank) -> None:
    assert bank.refused("noh", "hand_over", process="handover") == Refused("unit", {"unit": "mapo", "yours": "jongno"})
    handed_over(bank, "kang", "park")
    assert bank.refused("kang", "hand_over", process="handover").code == "unit"
    handed_over(bank, "noh", "lee")


def test_two_hand_overs_of_one_day_are_audited_and_rebuilt(quick: Bank, db: Db) -> None:
    handed_over(quick, "kang", "park")
    handed_over(quick, "noh", "kang")
    assert audit(quick.db, PROCESSES, None).faults == []
    rebuild(export(quick.db), db, PROCESSES)
    ours = "SELECT * FROM responsible WHERE case_id IS NOT NULL ORDER BY case_id"
    assert db.rows(ours) == quick.db.rows(ours)
    assert len(db.rows(ours)) == 2
    assert audit(db, PROCESSES, None).faults == []
