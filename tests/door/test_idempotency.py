"""A repeat is harmless: the same key and the same content give the first answer again, another content is refused."""

from typing import Any

import pytest

from door.command import SYSTEM, Refused
from tests.door.bank import Bank
from tests.door.crew import Crew, Job


def entries(bank: Bank) -> int:
    return int(bank.db.rows("SELECT count(*) FROM entry")[0][0])


def test_a_repeat_gives_the_first_answer_and_makes_no_second_entry(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    first = bank.do("choi", "verify", case, key="k1")
    before = entries(bank)
    again = bank.do("choi", "verify", case, key="k1")
    assert (again.case, again.step, again.seq, again.hash) == (first.case, first.step, first.seq, first.hash)
    assert again.repeated
    assert not first.repeated
    assert entries(bank) == before


def test_a_repeat_is_the_first_answer_even_when_the_case_has_moved_on(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    first = bank.do("choi", "verify", case, key="k1")
    bank.do(SYSTEM, "close", case)
    assert bank.do("choi", "verify", case, key="k1").hash == first.hash


def test_a_repeated_opening_is_the_same_case(bank: Bank) -> None:
    first = bank.do(SYSTEM, "open", process="inspection", slot="B1", key="k1")
    again = bank.do(SYSTEM, "open", process="inspection", slot="B1", key="k1")
    assert (again.case, again.hash, again.repeated) == (first.case, first.hash, True)
    assert bank.db.rows("SELECT count(*) FROM cases") == [(1,)]


def test_a_repeated_imposition_names_the_cases_that_the_first_one_opened(bank: Bank) -> None:
    case = bank.inspection("decide")
    first = bank.do("han", "impose", case, key="k1")
    assert bank.do("han", "impose", case, key="k1").opened == first.opened
    assert bank.db.rows("SELECT count(*) FROM cases") == [(3,)]


DIFFERENT: list[dict[str, Any]] = [
    {"action": "verify", "said": {"own_level": 1}}, {"action": "claim"}, {"action": "verify", "other": True},
    {"action": "verify", "said": {"note": "looks fine"}}, {"action": "disagree"},
    {"action": "verify", "on_behalf_of": "jung"},
]  # fmt: skip


@pytest.mark.parametrize("different", DIFFERENT)
def test_the_same_key_for_something_else_is_refused_and_does_nothing(quick: Bank, different: dict[str, Any]) -> None:
    case, other = quick.inspection("verify_desk"), quick.inspection("verify_desk", subject="B2")
    quick.absence("jung", "choi")
    first = quick.do("choi", "verify", case, key="k1")
    target = other if different.get("other") else case
    more = {k: v for k, v in different.items() if k not in ("action", "other")}
    assert quick.refused("choi", different["action"], target, key="k1", **more) == Refused(
        "key_reused", {"key": "k1", "stream": f"case:{case}", "seq": first.seq}
    )
    assert (quick.state(case).seq, quick.state(other).step) == (first.seq, "verify_desk")
    assert quick.do("choi", "verify", case, key="k1").repeated


@pytest.mark.parametrize("different", [{"subject": "B2"}, {"slot": "S"}, {"book": "other"}, {"said": {"amount": 1}}])
def test_the_same_key_for_another_opening_is_refused(quick: Bank, different: dict[str, Any]) -> None:
    quick.do(SYSTEM, "open", process="inspection", key="k1")
    assert quick.refused(SYSTEM, "open", process="inspection", key="k1", **different).code == "key_reused"
    assert quick.db.rows("SELECT count(*) FROM cases") == [(1,)]


def test_keys_are_each_persons_own(bank: Bank) -> None:
    cases = [bank.inspection("verify_desk", subject=subject) for subject in ("B1", "B2")]
    bank.do("choi", "verify", cases[0], key="k1")
    assert not bank.do("jung", "verify", cases[1], key="k1").repeated


def refusals(bank: Bank, case: int) -> list[tuple[str, str, int | None, dict[str, Any]]]:
    """One refused command of each shape of facts: numbers, names, none, lists, dates."""
    return [
        ("lee", "verify", case, {}), ("choi", "conclude", case, {}), ("jung", "hand_back", case, {}),
        ("yoon", "verify", case, {"said": {"own_level": 9}}), ("choi", "hold", case, {"said": {"until": "2027-01-01"}}),
        ("ghost", "verify", case, {}), ("jung", "verify", 77, {"payload": {}}), ("yoon", "verify", case, {"seen": 1}),
    ]  # fmt: skip


def test_a_refused_command_repeated_by_its_key_gives_the_same_refusal_and_no_second_entry(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    asked = refusals(bank, case)
    first = [bank.ask(person, action, at, key=f"k{n}", **more) for n, (person, action, at, more) in enumerate(asked)]
    before = entries(bank)
    again = [bank.ask(person, action, at, key=f"k{n}", **more) for n, (person, action, at, more) in enumerate(asked)]
    assert [v.refused.code for v in first if v.refused] == [
        "lane", "not_here", "not_holder", "form", "hold_too_long", "unknown_person", "no_case", "changed",
    ]  # fmt: skip
    assert [v.refused for v in again] == [v.refused for v in first]
    assert all(v.repeated for v in again)
    assert entries(bank) == before


def test_a_refusal_stands_for_its_key_though_the_reason_has_gone(bank: Bank) -> None:
    case = bank.inspection("review")
    refused = bank.refused("choi", "verify", case, key="k1")
    bank.do("lee", "conclude", case)
    bank.do(SYSTEM, "desk", case)
    assert bank.ask("choi", "verify", case, key="k1").refused == refused
    bank.do("choi", "verify", case, key="k2")


def test_within_one_list_the_same_holds(bank: Bank) -> None:
    case = bank.inspection("decide")
    impose = bank.command("han", "impose", case, key="k1")
    other = bank.command("han", "no_measure", case, key="k1")
    wrong = bank.command("choi", "impose", case, key="k2")
    verdicts = bank.act(impose, impose, other, wrong, wrong)
    assert [v.refused.code if v.refused else v.step for v in verdicts] == [
        "closed", "closed", "key_reused", "ended", "ended",
    ]  # fmt: skip
    assert [v.repeated for v in verdicts] == [False, True, False, False, True]
    assert (verdicts[1].hash, verdicts[1].opened) == (verdicts[0].hash, verdicts[0].opened)
    assert verdicts[4].refused == verdicts[3].refused
    assert bank.db.rows("SELECT count(*) FROM entry WHERE key IS NOT NULL") == [(2,)]


def test_a_list_handed_in_twice_is_done_once(bank: Bank) -> None:
    commands = [bank.command(SYSTEM, "open", process="inspection", subject=f"B{n}", key=f"open-{n}") for n in range(40)]
    first, again = bank.act(*commands), bank.act(*commands)
    assert [v.hash for v in again] == [v.hash for v in first]
    assert {v.repeated for v in again} == {True}


def test_two_processes_with_the_same_key_at_once_make_one_entry_and_get_one_answer(bank: Bank, crew: Crew) -> None:
    cases = [bank.inspection("verify_desk") for _ in range(10)]
    verify = [[bank.command("choi", "verify", case, key=f"k{case}")] for case in cases]
    opening = [[bank.command(SYSTEM, "open", process="inspection", key=f"open{n}")] for n in range(10)]
    lost = [[bank.command("lee", "verify", case, key=f"k{case}")] for case in cases]
    one, two = crew.at_once(bank.db.url, *[Job(verify + opening + lost)] * 2)
    for mine, theirs in zip(one, two, strict=True):
        assert (mine.case, mine.hash, mine.refused) == (theirs.case, theirs.hash, theirs.refused)
        assert mine.repeated != theirs.repeated
    assert bank.db.rows("SELECT count(*) FROM entry WHERE key IS NOT NULL") == [(30,)]
    assert [v.refused.code for v in one if v.refused] == ["not_here"] * 10
