"""The default book: complete, whole in its text, and right about whom it draws and escalates."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.policy import CASE_FACTS, KINDS, Book, Letters, PolicyError, check, load
from processes import PROCESSES

FOLDER = Path(__file__).parents[2] / "policies"
BOOK = load(FOLDER)
DUE = sorted({step.due for process in PROCESSES.values() for step in process.steps.values() if step.due})


def test_the_default_book_has_no_mistake_and_times_every_step_that_waits() -> None:
    assert check(FOLDER, DUE) == []


def test_a_book_from_before_messages_were_asked_about_is_what_its_hash_says_and_tells_the_least() -> None:
    assert "letters" not in json.loads(BOOK.text)
    assert Book.from_text(BOOK.text).letters == Letters(borrower="masked", level="no")
    more = Book.model_validate(BOOK.model_dump() | {"letters": {"level": "yes"}})
    assert Book.from_text(more.text).letters == Letters(level="yes")
    assert Book.from_text(more.text).hash == more.hash != BOOK.hash


def test_every_template_asks_something_at_every_kind_of_inspection() -> None:
    assert set(BOOK.templates) == {"WC", "RV", "SE", "RE", "PF", "GL"}
    for code in BOOK.templates:
        for kind in KINDS:
            asked = BOOK.template(code, kind)
            assert asked
            assert any(c.mandatory for c in asked)


def test_every_checkpoint_is_asked_somewhere() -> None:
    asked = {c.id for code in BOOK.templates for kind in KINDS for c in BOOK.template(code, kind, *BOOK.additions)}
    assert asked == set(BOOK.checkpoints)


def test_spans_follow_the_order_of_the_questions() -> None:
    assert BOOK.checkpoint_ids("RV", "use") == ("U1", "U2", "U3", "U4", "U5", "U6", "U7", "U8", "R1")
    assert BOOK.checkpoint_ids("RE", "regular")[:2] == ("C1", "C7")
    assert {"C4", "C4b"} <= set(BOOK.checkpoint_ids("RV", "regular"))


def test_extras_join_once() -> None:
    assert BOOK.checkpoint_ids("RV", "regular", "C13") == BOOK.checkpoint_ids("RV", "regular")
    assert BOOK.checkpoint_ids("WC", "special", "collateral")[-6:] == ("M1", "M2", "M2b", "M3", "M4", "M5")
    with pytest.raises(PolicyError, match="'Z1'"):
        BOOK.checkpoint_ids("WC", "special", "Z1")


def test_codes_are_complete() -> None:
    assert list(BOOK.return_codes) == [f"B{n:02}" for n in range(1, 15)]
    assert {c for c, r in BOOK.return_codes.items() if not r.second_try} == {"B04", "B05", "B13", "B14"}
    assert list(BOOK.actions) == [f"A{n:02}" for n in range(1, 21)]
    assert set(BOOK.restrictions) == {f"K{n}" for n in range(1, 11)}
    assert set(BOOK.orders) == {f"O{n}" for n in range(1, 13)}
    assert list(BOOK.outcomes) == [f"V{n}" for n in range(8)]
    assert {c for c, o in BOOK.outcomes.items() if o.answered} == {f"V{n}" for n in range(2, 8)}
    assert list(BOOK.inadequate) == [f"N{n}" for n in range(1, 9)]


def test_an_orders_days_are_its_timer() -> None:
    days = {kind: BOOK.timer(f"order.{kind}").calendar_days for kind in BOOK.orders}
    assert days == {kind: order.days for kind, order in BOOK.orders.items()}


def test_where_a_red_finding_stands_an_order_is_due_sooner_if_the_book_says_so() -> None:
    assert BOOK.timer("order.O9.red").calendar_days == BOOK.orders["O9"].red_days == 2
    assert [BOOK.timed("order.O9", {"proposed_level": n}) for n in (0, 2, 3, 4)] == [
        "order.O9", "order.O9", "order.O9.red", "order.O9.red"]  # fmt: skip
    assert BOOK.timed("order.O9", {}) == "order.O9"
    assert BOOK.timed("order.O1", {"proposed_level": 4}) == "order.O1"


def test_the_text_is_the_whole_book_and_canonical() -> None:
    again = Book.from_text(BOOK.text)
    assert again == BOOK
    assert (again.text, again.hash) == (BOOK.text, BOOK.hash)
    assert len({BOOK, again}) == 1
    assert BOOK.text.isascii()

    def no_float(text: str) -> None:
        raise AssertionError(f"{text} is a float")

    data = json.loads(BOOK.text, parse_float=no_float)
    assert BOOK.text == json.dumps(data, sort_keys=True, separators=(",", ":"))
    assert data["sampling"]["probability"] == "0.10"
    assert "2026-09-25" in data["calendars"]["KR"]["closed"]


def test_a_book_from_before_a_distance_could_be_set_keeps_its_hash_and_goes_by_the_usual_one() -> None:
    said = json.loads(BOOK.text)
    assert "premises_within_m" not in said["collection"]
    assert BOOK.collection.premises_within_m == 300
    said["collection"]["premises_within_m"] = 500
    other = Book.from_text(json.dumps(said))
    assert other.hash != BOOK.hash
    assert Book.from_text(other.text).collection.premises_within_m == 500


def test_compiled_twice_the_book_is_the_same() -> None:
    assert load(FOLDER).hash == BOOK.hash


def test_a_book_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        BOOK.version = "other"  # type: ignore[misc]


def test_every_rule_knows_where_it_stands() -> None:
    for section in ("facts", "timers", "checkpoints", "orders", "restrictions", "kinds"):
        for key in getattr(BOOK, section):
            file, _, line = BOOK.place(f"{section}.{key}").removeprefix("policies/").partition(":")
            text = (FOLDER / file).read_text().splitlines()[int(line) - 1]
            assert text.strip().startswith(f"{key.removeprefix('order.').removesuffix('.red')}:") or key in text


CLEAN = {
    "class_": 1, "level": 0, "amount": 10**6, "currency": "KRW", "kind": "regular", "segment": "small",
    "inspector_new": False, "manager_new": False, "red": False,
}  # fmt: skip


def test_a_clean_case_is_drawn_by_chance() -> None:
    assert BOOK.draw(CLEAN) == ("base", Decimal("0.10"))


@pytest.mark.parametrize(
    ("change", "rule"),
    [({"class_": 2}, "special_mention"), ({"red": True}, "red_finding"), ({"level": 3}, "high_level"),
     ({"amount": 10**10}, "top_exposure_krw"), ({"currency": "USD", "amount": 500_000_000}, "top_exposure_usd"),
     ({"inspector_new": True}, "new_inspector"), ({"manager_new": True}, "new_manager")],
)  # fmt: skip
def test_who_is_always_drawn(change: dict[str, object], rule: str) -> None:
    assert BOOK.draw(CLEAN | change) == (rule, Decimal(1))


@pytest.mark.parametrize(
    ("facts", "met"),
    [({"red": True}, ("red",)), ({"level": 2}, ()), ({"level": 3}, ("level",)),
     ({"outcome": "V7"}, ("missed_or_false",)),
     ({"outcome": "V2"}, ()), ({"class_worse": True, "misuse": True}, ("class_worse", "misuse")),
     ({"breach_days": 29}, ()), ({"breach_days": 30}, ("breach_30_days",)), ({"orders_overdue": 1}, ("order_overdue",)),
     ({"orange": 2, "orange_days": 59}, ()), ({"orange": 2, "orange_days": 60}, ("two_orange_60_days",)),
     ({"orange": 9}, ()),
     ({"refused": True}, ("access_refused",)), ({}, ())],
)  # fmt: skip
def test_the_line_of_escalation(facts: dict[str, object], met: tuple[str, ...]) -> None:
    assert BOOK.triggers(facts) == met


@given(st.dictionaries(st.sampled_from(CASE_FACTS), st.none()))
def test_facts_that_are_not_known_meet_no_trigger(facts: dict[str, None]) -> None:
    assert BOOK.triggers(facts) == ()
    assert BOOK.draw(facts)[0] == "base"


def test_what_a_restriction_does_at_the_gate() -> None:
    gate = {kind: rule.gate for kind, rule in BOOK.restrictions.items()}
    assert {k for k, does in gate.items() if does == "stop"} == {"K1", "K6", "K9", "K10"}
    assert gate["K3"] == "limit"
    assert {k for k, does in gate.items() if does == "consent"} == {"K2", "K7"}
