"""Own facts beside the manager's: what counts as a difference, and which outcome follows from the differences."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.case.answers import written
from portal.case.compare import Comparison, Pair, between, level_says
from portal.form.typed import figure, money, refusal
from portal.words.reader import Reader
from tests.tasks.core_bank import BOOK

EN = Reader("en")
FIGURE, DAY, WORD, TEXT = (BOOK.checkpoint(id_) for id_ in ("C4", "S5", "C1", "C11"))


@pytest.mark.parametrize(("theirs", "own", "differs"), [
    ("100", "110", False), ("100", "90", False), ("100", "110.01", True), ("100", "89.99", True), ("-100", "-110", False),
    ("-100", "100", True), ("0", "0", False), ("0", "0.0", False), ("0", "1", True), ("1000", "1000.0", False),
    ("", "5", None), ("5", "", None)])  # fmt: skip
def test_figures_agree_within_a_tenth_of_the_managers(theirs: str, own: str, differs: bool | None) -> None:
    assert between(FIGURE, theirs, own, EN)[1] is differs


@pytest.mark.parametrize(("asked", "theirs", "own", "differs"), [
    (DAY, "2028-03-31", "2028-03-31", False), (DAY, "2028-03-31", "2028-04-01", True), (WORD, "normal", "reduced", True),
    (WORD, "normal", "normal", False), (TEXT, "sales", "sales, mostly", None), (TEXT, "sales", " sales ", False)])  # fmt: skip
def test_days_and_words_agree_or_not_and_texts_are_for_the_reader(
    asked: object, theirs: str, own: str, differs: bool
) -> None:
    assert between(asked, theirs, own, EN)[1] is differs  # type: ignore[arg-type]


@pytest.mark.parametrize(("id_", "currency", "value", "reads"), [
    ("C11b", "KRW", "1865000000", "₩1,865,000,000"), ("C11b", "USD", "150", "$1.50"), ("C4", "KRW", "1500", "1,500"),
    ("C5", "KRW", "33", "33 %"), ("C11b", "KRW", "", "not evaluated")])  # fmt: skip
def test_an_answer_is_read_as_money_where_it_is_an_amount(id_: str, currency: str, value: str, reads: str) -> None:
    assert written(BOOK.checkpoint(id_), value, currency, EN) == reads


def test_a_share_differs_by_points_and_a_figure_by_a_share() -> None:
    assert between(BOOK.checkpoint("C5"), "100", "33", EN)[0] == "−67 points, over 10 %"
    assert between(FIGURE, "200", "190", EN)[0] == "−5 %, within 10 %"
    assert between(FIGURE, "0", "1000", EN)[0] == "+1,000"


@given(st.integers(1, 10**15), st.decimals("-0.1", "0.1", places=4))
def test_whatever_the_size_a_tenth_more_or_less_is_no_difference(theirs: int, by: Decimal) -> None:
    assert between(FIGURE, str(theirs), str(theirs * (1 + by)), EN)[1] is False


def compared(level: int, own: int, *differs: bool | None, red: bool = False) -> Comparison:
    return Comparison(level, own, tuple(Pair("C1", "", "L1", "", "", "", d) for d in differs), red)


@pytest.mark.parametrize(("found", "outcome"), [
    (compared(1, 1, False, None), "V0"), (compared(1, 1, True), "V2"), (compared(1, 2, False), "V3"), (compared(1, 3, True), "V4"),
    (compared(1, 1, True, red=True), "V4"), (compared(2, 1, True), "V5"), (compared(1, 1, None), "V6"),
    (compared(1, 1), "V6")])  # fmt: skip
def test_the_outcome_follows_from_the_differences(found: Comparison, outcome: str) -> None:
    assert found.proposed == outcome


def test_what_differs_is_counted_with_the_level() -> None:
    found = compared(1, 3, True, False, None)
    assert (found.differing, found.compared) == (2, 3)
    assert level_says(found, EN) == "two too low"


@pytest.mark.parametrize(("typed", "plain"), [("1,326,480", "1326480"), ("−5 %", "-5"), ("1 000\u00a0000", "1000000")])
def test_a_figure_is_read_as_people_write_it(typed: str, plain: str) -> None:
    assert figure(typed) == plain


@pytest.mark.parametrize(("typed", "currency", "amount"), [
    ("120,000,000", "KRW", 120_000_000), ("1,200.50", "USD", 120_050), ("1.5", "KRW", None), ("0", "KRW", None), ("-5", "KRW", None),
    ("1e999999", "KRW", None), ("NaN", "KRW", None), ("much", "KRW", None), ("9007199254740992", "KRW", None)])  # fmt: skip
def test_an_amount_is_whole_in_its_currency_and_above_nothing(typed: str, currency: str, amount: int | None) -> None:
    assert money(typed, currency) == amount


def test_a_refusal_says_what_to_write() -> None:
    assert refusal(BOOK.checkpoint("U2"), EN.say) == "U2: write a number from 0 to 100."
    assert refusal(BOOK.checkpoint("S5"), EN.say) == "S5: choose a day."
