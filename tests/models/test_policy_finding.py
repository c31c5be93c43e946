"""What an answer means: every kind of test, at its limit and beside it."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.policy import load

BOOK = load(Path(__file__).parents[2] / "policies")
VISIT = date(2026, 5, 31)


@pytest.mark.parametrize(
    ("checkpoint", "value", "colour"),
    [
        ("U1", "yes", ""), ("U1", "no", "r"),
        ("U2", "100", ""), ("U2", "90", ""), ("U2", "89.99", "o"), ("U2", "50", "o"), ("U2", "49.9", "r"),
        ("U6", "yes", "r"), ("U6", "no", ""),
        ("U7", "met", ""), ("U7", "open", "o"), ("U7", "broken", "r"),
        ("U8", "partial", "y"), ("U8", "refused", "r"),
        ("C2", "-19.9", ""), ("C2", "-20", "y"), ("C2", "-40", "o"),
        ("C8", "new_debt", "y"), ("C8", "arrears", "o"), ("C8", "bad_debt", "r"), ("C8", "nothing", ""),
        ("C9", "0", ""), ("C9", "1", "o"), ("C9b", "1", "r"),
        ("C11", "sales of June", ""), ("C11", "none", "o"),
        ("W1", "1.2", ""), ("W1", "1.21", "o"),
        ("W2", "0.7", ""), ("W2", "0.69", "y"), ("W2", "0.5", "y"), ("W2", "0.49", "o"),
        ("R2b", "0", "y"), ("R2b", "1", ""),
        ("M3", "damaged", "o"), ("M3", "gone", "r"),
        ("P1", "5", ""), ("P1", "5.1", "o"), ("P1", "15", "o"), ("P1", "15.1", "r"),
        ("X7", "not_warned", "o"), ("X7", "2026-05-01", ""),
        ("Q2", "refinance", "y"), ("Q2", "none", "r"),
    ],
)  # fmt: skip
def test_an_answer_has_the_colour_of_its_worst_test(checkpoint: str, value: str, colour: str) -> None:
    assert BOOK.finding(checkpoint, value, None, None, VISIT) == colour


@pytest.mark.parametrize(
    ("now", "before", "colour"),
    [("70", "100", "y"), ("71", "100", ""), ("130", "100", "y"), ("129", "100", ""), ("10", "0", "y"), ("0", "0", ""),
     ("70", None, ""), ("70", "unknown", "")],
)  # fmt: skip
def test_stock_is_compared_with_the_last_visit(now: str, before: str | None, colour: str) -> None:
    assert BOOK.finding("C4", now, before, None, VISIT) == colour


@pytest.mark.parametrize(
    ("figures", "colour"),
    [("2026-05-30", ""), ("2026-03-01", ""), ("2026-02-28", "y"), ("2025-12-01", "y"), ("2025-11-30", "o")],
)
def test_figures_age_by_calendar_months(figures: str, colour: str) -> None:
    assert BOOK.finding("C7", figures, None, None, VISIT) == colour


@pytest.mark.parametrize(
    ("insured_to", "colour"), [("2026-05-31", ""), ("2026-05-30", "o"), ("2027-01-01", ""), ("uninsured", "o")]
)
def test_insurance_lapses_the_day_after(insured_to: str, colour: str) -> None:
    assert BOOK.finding("M5", insured_to, None, None, VISIT.isoformat()) == colour


def test_a_valuation_is_dated_by_its_figure() -> None:
    assert BOOK.finding("M4", "60", None, "2025-05-31", VISIT) == ""
    assert BOOK.finding("M4", "60", None, date(2025, 5, 30), VISIT) == "y"
    assert BOOK.finding("M4", "71", None, "2020-01-01", VISIT) == "o"
    assert BOOK.finding("M4", "60", None, None, VISIT) == ""


@pytest.mark.parametrize(
    ("checkpoint", "value", "reason"),
    [("U1", "maybe", "none of yes, no"), ("U2", "101", "above 100"), ("U2", "-1", "below 0"),
     ("U2", "NaN", "no number"),
     ("U2", "lots", "no number"), ("C7", "31.05.2026", "no date"), ("C7", "2026-02-30", "no date"),
     ("C1", "closed", "normal, reduced, halted"), ("C11", "  ", "empty"), ("S4", "rented", "no date")],
)  # fmt: skip
def test_what_is_no_answer_is_refused_with_the_reason(checkpoint: str, value: str, reason: str) -> None:
    assert reason in BOOK.checkpoint(checkpoint).refuses(value)
    with pytest.raises(ValueError, match=reason):
        BOOK.finding(checkpoint, value, None, None, VISIT)


@given(st.sampled_from(sorted(BOOK.checkpoints)), st.data())
def test_every_answer_that_is_not_refused_has_a_colour_or_none(checkpoint: str, data: st.DataObject) -> None:
    asked = BOOK.checkpoint(checkpoint)
    answers = {
        "yes_no": st.sampled_from(("yes", "no")),
        "choice": st.sampled_from(asked.choices or ("",)),
        "number": st.decimals(-200, 200, places=2).map(str),
        "date": st.dates(date(2000, 1, 1), date(2040, 1, 1)).map(str),
        "text": st.text(max_size=5),
    }
    value = data.draw(answers[asked.type])
    before = data.draw(st.none() | answers[asked.type])
    if not asked.refuses(value):
        assert BOOK.finding(checkpoint, value, before, None, VISIT) in ("", "y", "o", "r")


def test_findings_amount_to_facts_of_the_case_and_a_level() -> None:
    found = BOOK.tally([("U5", "r"), ("C1", "o"), ("C9", "o")])
    assert found == {"red": True, "orange": 2, "misuse": True, "seizure": False, "refused": False, "breach": False}
    assert BOOK.tally([("C13", "o")])["breach"]
    assert not BOOK.tally([("M1", "o")])["seizure"]
    assert [BOOK.level_for(c) for c in ([], ["y"], ["y", "o"], ["r", "y"])] == [0, 1, 2, 3]
