"""How much is done for a number."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """`rounds` of floor and door in turn; `singles` acts one by one; `bulk` commands a list; `cases` a list of
    lifecycles; `people` who decide while a run opens `crowd` cases; `entries` to verify; facilities of the run, and
    of the points of its cost curve; `many` cases of the portal's bank, of which so many are `waiting` for a person, at
    least `of_one` for one; `requests` of a kind."""

    rounds: int = 5
    singles: int = 500
    bulk: int = 10_000
    cases: int = 2_000
    people: int = 16
    crowd: int = 50_000
    entries: int = 300_000
    facilities: int = 300_000
    curve: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    many: int = 1_000_000
    waiting: int = 40_000
    of_one: int = 5_000
    requests: int = 400


FULL = Size()
SMALL = Size(2, 10, 50, 20, 2, 400, 200, 500, (200,), 2_000, 150, 60, 12)
