"""Cases: all that a person may see, found by borrower, number or facility; open ones first, the newest first. Where one is
and what is narrowed stand in the address."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from door.db import Row
from door.fold import CASE_COLUMNS, State, load
from door.store import among
from portal.case.scope import ALL, scope
from portal.case.sight import DRAW, Sight, at_step, one_step, shown, sights
from portal.case.strip import COLLECTING, named
from portal.house import Asking
from portal.page import show, spoken
from portal.paging import turn
from portal.who.asking import SignedIn
from portal.words import reading
from portal.words.reader import Reader, names_of

router = APIRouter()
PAGE = 50
FOUND = 500  # of the borrowers that a search finds, at most so many
OPEN, CLOSED = "c.closed_on IS NULL", "c.closed_on IS NOT NULL"
PROCESSES = ("inspection", "control", "order", "handover", "policy", "run")
_COLUMNS = ", ".join(f"c.{name}" for name in CASE_COLUMNS)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address says; empty: all. `state`: open, closed."""

    q: str = ""
    process: str = ""
    step: str = ""
    state: str = ""
    unit: str = ""

    @property
    def any(self) -> bool:
        return bool(self.q or self.process or self.step or self.state or self.unit)


@dataclass(frozen=True, slots=True)
class Listed:
    """A case in the list, its borrower's name, and what of it he is shown."""

    state: State
    borrower: str
    sight: Sight

    @property
    def level(self) -> int | None:
        facts = self.sight.facts(self.state)
        level = facts.get("level", facts.get("proposed_level"))
        return level if isinstance(level, int) else None

    @property
    def class_(self) -> int | None:
        return self.sight.facts(self.state).get("class_")


@router.get("/cases")
def cases(asking: SignedIn, q: str = "", process: str = "", step: str = "", state: str = "", unit: str = "",
          after: str = "", came: str = "") -> Response:  # fmt: skip
    filters = Filters(q.strip()[:80], process, one_step(asking.me, step), state, unit)
    rows = _found(asking, filters, after)
    states = shown(asking, [load(row[1:]) for row in rows[:PAGE]])
    page = [Listed(s, row[0], seen) for row, s, seen in zip(rows[:PAGE], states, sights(asking, states), strict=True)]
    last = page[-1].state if len(rows) > PAGE else None
    reader = Reader(spoken(asking.request, asking.me.language))
    return show(asking, "cases.html", filters=filters, page=page, names=names_of(asking.db, [p.state.holder or "" for p in page]),
                turn=turn("/cases", asdict(filters), "after", after, came,
                          f"{'c' if last.closed_on else 'o'}{last.id}" if last else ""), units=_units(asking), processes=PROCESSES,
                steps=_steps(asking, filters, reader),
                named=lambda p: named(reader, p.state.process, p.state.step, p.sight.hides(p.state)),
                measures={p.state.id: reading.measure(reading.readable(asking.db, p.state.book, reader), p.state)
                          for p in page if p.state.process in ("control", "order")})  # fmt: skip


def _found(asking: Asking, filters: Filters, after: str) -> list[Row]:
    """One more than a page: the open ones after a place, and where they end the closed ones."""
    closed = after.startswith("c")
    place = int(after[1:]) if after[1:].isascii() and after[1:].isdigit() and len(after) < 18 else 2**62
    found: list[Row] = []
    if filters.state != "closed" and not closed:
        found = _part(asking, filters, OPEN, place, PAGE + 1)
    if filters.state != "open" and len(found) <= PAGE:
        found += _part(asking, filters, CLOSED, place if closed else 2**62, PAGE + 1 - len(found))
    return found


def _part(asking: Asking, filters: Filters, part: str, before: int, limit: int) -> list[Row]:
    mine, values = scope(asking)
    conditions, more = _narrowed(asking, filters)
    return asking.db.rows(
        f"SELECT coalesce(b.name, ''), {_COLUMNS} FROM cases c LEFT JOIN borrower b ON b.id = c.subject "
        f"WHERE {mine} AND {part} AND c.id < ?{''.join(f' AND {c}' for c in conditions)} ORDER BY c.id DESC LIMIT ?",
        *values, before, *more, limit)  # fmt: skip


def _narrowed(asking: Asking, filters: Filters) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for column, value in (("c.process", filters.process), ("b.unit", filters.unit)):
        if value:
            conditions.append(f"{column} = ?")
            values.append(value)
    if filters.step and not (asking.me.person.lane == "vendor" and filters.step not in COLLECTING):
        stands, steps = at_step(asking, filters.step)
        conditions.append(stands)
        values += steps
    if filters.q:
        subject, subjects = among(asking.db, "c.subject", _subjects(asking, filters.q))
        number = int(filters.q) if filters.q.isascii() and filters.q.isdigit() and len(filters.q) < 18 else 0
        conditions.append(f"({subject} OR c.id = ?)")
        values += [subjects, number]
    return conditions, values


def _subjects(asking: Asking, q: str) -> Sequence[str]:
    """Borrowers by part of the name, by number, or by a facility's number."""
    part = "%" + q.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return [row[0] for row in asking.db.rows(
        "SELECT id FROM borrower WHERE lower(name) LIKE ? ESCAPE '\\' OR id IN (?, ?) UNION SELECT borrower FROM facility "
        "WHERE id IN (?, ?) ORDER BY 1 LIMIT ?", part, q, q.upper(), q, q.upper(), FOUND)]  # fmt: skip


def _units(asking: Asking) -> list[Row]:
    return asking.db.rows("SELECT id, name FROM unit WHERE lane = 'branch' ORDER BY name")


def _steps(asking: Asking, filters: Filters, reader: Reader) -> list[tuple[str, str]]:
    """Of the process that is chosen."""
    process = asking.rules.processes.get(filters.process)
    if process is None:
        return []
    told = dict.fromkeys(one_step(asking.me, n) for n, s in process.steps.items() if s.kind not in ("start", "gateway"))
    return [(n, named(reader, process.name, n, n == DRAW and not asking.me.has(*ALL))) for n in told]
