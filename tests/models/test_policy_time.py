"""Deadlines and business days, against the calendar library asked day by day."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.policy import Book, PolicyError, load

BOOK = load(Path(__file__).parents[2] / "policies")
DAYS = st.dates(date(2001, 1, 1), date(2033, 12, 31))
CALENDARS = st.sampled_from(sorted(BOOK.calendars))
COUNTED = sorted(key for key, timer in BOOK.timers.items() if timer.hours is None)


@cache
def library(calendar: str) -> holidays.HolidayBase:
    categories = ("public", "bank") if calendar == "KR" else ("public",)
    return holidays.country_holidays(calendar, years=range(2000, 2036), categories=categories)


def is_open(day: date, calendar: str) -> bool:
    known = library(calendar)
    return day in (getattr(known, "weekend_workdays", None) or ()) or (day.weekday() < 5 and day not in known)


def between(first: date, last: date, calendar: str) -> int:
    """Open days after `first`, up to `last`."""
    return sum(is_open(first + timedelta(n), calendar) for n in range(1, (last - first).days + 1))


def timed(timer: str, **changes: object) -> Book:
    """The book with one timer changed."""
    said = BOOK.model_dump()
    said["timers"][timer] |= changes
    return Book.model_validate(said)


@given(st.sampled_from(COUNTED), DAYS, CALENDARS)
def test_a_deadline_never_falls_on_a_holiday_or_weekend(timer: str, day: date, calendar: str) -> None:
    assert is_open(date.fromisoformat(BOOK.deadline(timer, day.isoformat(), calendar)), calendar)


@given(st.sampled_from(sorted(BOOK.timers)), DAYS, DAYS, CALENDARS)
def test_who_begins_later_is_never_due_earlier(timer: str, one: date, other: date, calendar: str) -> None:
    first, second = sorted((one, other))
    assert BOOK.deadline(timer, first.isoformat(), calendar) <= BOOK.deadline(timer, second.isoformat(), calendar)


@given(DAYS, st.integers(1, 300), CALENDARS)
def test_n_business_days_later_are_really_n(day: date, n: int, calendar: str) -> None:
    later = date.fromisoformat(BOOK.business_days(day.isoformat(), n, calendar))
    assert is_open(later, calendar)
    assert between(day, later, calendar) == n


@given(DAYS, st.integers(1, 200), CALENDARS)
def test_n_business_days_before_are_really_n(day: date, n: int, calendar: str) -> None:
    before = date.fromisoformat(BOOK.business_days(day.isoformat(), -n, calendar))
    assert is_open(before, calendar)
    assert between(before - timedelta(1), day - timedelta(1), calendar) == n


@given(DAYS, CALENDARS)
def test_no_business_days_later_is_the_day_itself_or_the_next_open_one(day: date, calendar: str) -> None:
    found = date.fromisoformat(BOOK.business_days(day.isoformat(), 0, calendar))
    assert found >= day
    assert is_open(found, calendar)
    assert between(day - timedelta(1), found, calendar) == 1
    assert BOOK.is_business_day(day.isoformat(), calendar) == (found == day)


@given(DAYS)
def test_calendar_days_run_through_and_end_on_the_next_open_day(day: date) -> None:
    due = date.fromisoformat(BOOK.deadline("order.O1", day.isoformat(), "KR"))
    assert due >= day + timedelta(10)
    assert not any(is_open(day + timedelta(n), "KR") for n in range(10, (due - day).days))


def test_five_business_days_over_chuseok() -> None:
    assert BOOK.deadline("review", "2026-09-23", "KR") == "2026-10-02"
    assert BOOK.deadline("review", "2026-09-23", "US") == "2026-09-30"


def test_a_weekend_day_worked_in_china_counts() -> None:
    assert BOOK.is_business_day("2024-02-04", "CN")  # Sunday, worked before the Spring Festival
    assert not BOOK.is_business_day("2024-02-04", "KR")


def test_labour_day_closes_korean_banks() -> None:
    assert not BOOK.is_business_day("2026-05-01", "KR")
    assert BOOK.is_business_day("2026-05-01", "US")


@pytest.mark.parametrize(
    ("hours", "due"), [(1, "2026-01-03"), (24, "2026-01-03"), (25, "2026-01-04"), (48, "2026-01-04")]
)
def test_hours_run_through_weekends_and_are_rounded_up_to_days(hours: int, due: str) -> None:
    book = timed("review", business_days=None, hours=hours)
    assert book.deadline("review", "2026-01-02", "KR") == due


def test_a_timer_may_fix_its_calendar() -> None:
    assert timed("review", whose="US").deadline("review", "2026-09-23", "KR") == BOOK.deadline(
        "review", "2026-09-23", "US"
    )


def test_outside_its_years_a_calendar_refuses_instead_of_guessing() -> None:
    with pytest.raises(PolicyError, match="2000 to 2035"):
        BOOK.deadline("review", "2035-12-31", "KR")
    with pytest.raises(PolicyError, match="2000 to 2035"):
        BOOK.business_days("1999-06-01", 1, "KR")


def test_unknown_timers_and_calendars_are_named() -> None:
    with pytest.raises(PolicyError, match="No timer 'revue'"):
        BOOK.deadline("revue", "2026-01-05", "KR")
    with pytest.raises(PolicyError, match=r"No calendar 'XX'.*CN, KR, US"):
        BOOK.deadline("review", "2026-01-05", "XX")


def test_a_ladder_reminds_the_holder_first_and_the_credit_manager_last() -> None:
    rungs = BOOK.rungs("review")
    assert rungs == tuple(sorted(rungs))
    assert rungs[0] == (-2, "holder")
    assert rungs[-1] == (8, "credit_manager")
