"""Whose inbox an item stands in."""

from tasks.inbox import inbox
from tests.door.bank import DAY, Bank
from tests.door.conftest import bank

__all__ = ["bank"]  # the door's own


def waits(bank: Bank, person: str) -> list[int]:
    found = inbox(bank.db, bank.rules, person, bank.day)
    assert isinstance(found, list)
    return [w.state.id for w in found]


def test_what_its_manager_had_taken_in_hand_passes_with_the_borrower_to_the_next(bank: Bank) -> None:
    review = bank.inspection("review")
    assert waits(bank, "lee") == [review]
    bank.do("lee", "claim", review)
    assert waits(bank, "lee") == [review]
    case = bank.open("handover", "kang", "hand_over", said={"manager": "park", "since": DAY})
    assert waits(bank, "park") == [case]
    bank.do("park", "take_over", case)
    assert (waits(bank, "lee"), waits(bank, "park")) == ([], [review])
    bank.do("park", "conclude", review)
