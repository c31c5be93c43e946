"""Business days of one calendar. Compiled once into the book; nothing here asks a calendar library."""

from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from functools import cache, cached_property

from models.policy.source import PolicyError


@cache
def compiled(country: str, categories: tuple[str, ...], years: range) -> tuple[frozenset[date], frozenset[date]]:
    """Weekdays closed and weekend days worked of a country. Raises ValueError for a country or category unknown.

    A year's list may close a day of its neighbour (New Year observed on 31 December), so these are asked too.
    """
    import holidays  # here and nowhere else: whoever only reads a compiled book does not load it

    wide = range(years.start - 1, years.stop + 1)
    try:
        found = holidays.country_holidays(country, years=wide, categories=categories, expand=False)
    except NotImplementedError as unknown:
        raise ValueError(str(unknown)) from unknown
    closed = frozenset(d for d in found if d.year in years and d.weekday() < 5)
    worked = frozenset(d for d in getattr(found, "weekend_workdays", ()) or () if d.year in years)
    return closed, worked


class BusinessDays:
    """The ordered business days of years `first` to `last`, ISO text in and out."""

    def __init__(self, name: str, first: int, last: int, closed: tuple[str, ...], worked: tuple[str, ...]) -> None:
        self.name, self.first, self.last = name, first, last
        self.closed, self.worked = frozenset(closed), frozenset(worked)

    @cached_property
    def days(self) -> list[str]:
        day, end, found = date(self.first, 1, 1), date(self.last, 12, 31), []
        while day <= end:
            iso = day.isoformat()
            if iso in self.worked or (day.weekday() < 5 and iso not in self.closed):
                found.append(iso)
            day += timedelta(1)
        return found

    def after(self, day: str, n: int) -> str:
        """The n-th business day after `day` (before it, where n is negative); 0: the day itself or the next one.

        Raises PolicyError where it lies outside the calendar's years.
        """
        days = self.days
        at = bisect_right(days, day) + n - 1 if n > 0 else bisect_left(days, day) + n
        if not 0 <= at < len(days) or not self.first <= int(day[:4]) <= self.last:
            years = f"{self.first} to {self.last}"
            raise PolicyError(
                [f"Calendar {self.name} holds the years {years}; {day} with {n:+} business days leaves them."]
            )
        return days[at]

    def is_open(self, day: str) -> bool:
        at = bisect_left(self.days, day)
        return at < len(self.days) and self.days[at] == day
