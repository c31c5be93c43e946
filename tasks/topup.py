"""Top-up of the draw: at least one verification in depth per manager and quarter, chosen by lot from those waiting."""

from collections import Counter
from datetime import date

from door.db import Db
from door.fold import CASE_COLUMNS, load
from tasks.draw import lot

_COLUMNS = ", ".join(CASE_COLUMNS)
_WAITING = f"SELECT {_COLUMNS} FROM cases WHERE process = 'inspection' AND step = 'draw' ORDER BY id"
_DRAWN = (f"SELECT {_COLUMNS} FROM cases WHERE stream IN (SELECT e.stream FROM cases r JOIN entry e ON e.run = r.id "
          "WHERE r.process = 'run' AND r.subject LIKE 'four_eyes_verification/%' AND r.opened_on >= ? "
          "AND e.action = 'site')")  # fmt: skip
MONTHS = (3, 6, 9, 12)  # in the quarter's last month it is known whom chance has left out


def chosen(db: Db, as_of: date, secret: str, at_least: int) -> tuple[int, ...]:
    """For each manager with fewer drawn cases this quarter than the book asks for: the waiting case with the lowest
    lot. Recorded in the run's inputs, from the population of cases waiting at the start."""
    if as_of.month not in MONTHS or at_least == 0:
        return ()
    begin = date(as_of.year, as_of.month - 2, 1)
    drawn = Counter(load(row).hands["conclude"][-1] for row in db.rows(_DRAWN, begin.isoformat()))
    by_manager: dict[str, list[tuple[object, int]]] = {}
    for row in db.rows(_WAITING):
        s = load(row)
        by_manager.setdefault(s.hands["conclude"][-1], []).append((lot(secret, s.id, s.visits["draw"]), s.id))
    return tuple(sorted(
        id_ for manager, lots in by_manager.items()
        for _, id_ in sorted(lots)[: max(0, at_least - drawn[manager])]
    ))  # fmt: skip
