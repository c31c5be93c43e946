"""Staff: units, people, their roles and deputies with dates, vendors and their contracts, channels. An administrator
changes them, each change an entry; what would leave an open item to nobody is shown before it is saved."""

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from door.db import Row, one
from door.fold import State
from door.store import among
from portal.case.scope import ALL
from portal.form.changes import LANES, Typed, change
from portal.house import Asking
from portal.page import show, spoken
from portal.paging import turn
from portal.who.asking import Form, NotThere, SignedIn
from portal.words.channels import medium, reached_at
from portal.words.plainly import Said, names, plainly
from portal.words.reader import LANGUAGES, Reader, names_of
from tasks.address import scheme
from tasks.roster import ROLES, Change, save, would_leave_alone

router = APIRouter()
SEE, CHANGE = ("administrator", "auditor"), ("administrator",)
PAGE, HISTORY = 100, 50
SYSTEM = "system"
#: What concerns a person himself: that is for another administrator.
OWN = ("change_person", "grant", "end_role", "name_deputy", "end_deputy", "end_relation")
UNITS = ("add_unit", "change_unit", "contract")


@router.get("/staff")
def staff(asking: SignedIn, q: str = "", unit: str = "", role: str = "", after: str = "", came: str = "") -> Response:
    _allowed(asking)
    rows = _people(asking, q.strip()[:80], unit, role, after)
    page = rows[:PAGE]
    roles, deputies = _roles_of(asking, [row[0] for row in page]), _deputies_of(asking, [row[0] for row in page])
    last = page[-1][0] if len(rows) > PAGE else ""
    return show(
        asking, "staff.html", people=page, roles=roles, deputies=deputies, q=q, unit=unit, role=role, all_roles=ROLES,
        units=asking.db.rows("SELECT id, name FROM unit WHERE id <> ? ORDER BY name, id", SYSTEM),
        turn=turn("/staff", {"q": q, "unit": unit, "role": role}, "after", after, came, last),
        may_change=asking.me.has(*CHANGE))  # fmt: skip


@router.get("/staff/units")
def units(asking: SignedIn) -> Response:
    _allowed(asking)
    rows = asking.db.rows(
        "SELECT u.id, u.name, u.lane, u.calendar, coalesce(a.name, ''), (SELECT count(*) FROM person p WHERE p.unit = u.id "
        "AND (p.until IS NULL OR p.until >= ?)), (SELECT count(*) FROM contract k WHERE k.vendor = u.id AND k.since <= ? AND "
        "k.until >= ?) FROM unit u LEFT JOIN unit a ON a.id = u.reports_to WHERE u.id <> ? ORDER BY u.lane, u.name, u.id",
        asking.day, asking.day, asking.day, SYSTEM)  # fmt: skip
    return show(asking, "staff_units.html", units=rows, may_change=asking.me.has(*CHANGE))


@router.get("/staff/people/new")
def new_person(asking: SignedIn) -> Response:
    return _person(_changing(asking), "")


@router.get("/staff/units/new")
def new_unit(asking: SignedIn) -> Response:
    return _unit(_changing(asking), "")


@router.get("/staff/people/{id_}")
def person(asking: SignedIn, id_: str, did: str = "") -> Response:
    return _person(_allowed(asking), id_, did=did)


@router.get("/staff/units/{id_}")
def unit(asking: SignedIn, id_: str, did: str = "") -> Response:
    return _unit(_allowed(asking), id_, did=did)


@router.post("/staff")
def changed(posted: Form) -> Response:
    """One change. What it would leave to nobody is shown first, and saved when it is sent again with that seen."""
    asking, what = _changing(posted.asking), posted.text("what")
    typed = Typed(asking.db, posted.fields(), asking.day, _reader(asking))
    made = change(typed, what)
    if made is None:
        raise NotThere
    if what in OWN and posted.text("person") == asking.me.id:
        typed.no("person", typed.say("What concerns yourself is changed by another administrator."))
    if typed.wrong:
        page = _unit if what in UNITS else _person
        there = posted.text("unit" if what in UNITS else "person")
        return page(asking, there, what=what, typed=posted.fields(), wrong=typed.wrong, status=422)
    alone = would_leave_alone(asking.db, asking.rules, made)
    if alone and posted.text("sure") != "yes":
        return _sure(asking, posted, made, alone)
    save(asking.db, made, asking.me.id, asking.clock)
    kind, _, name = made.stream.partition(":")
    return RedirectResponse(f"/staff/{'people' if kind == 'staff' else 'units'}/{name}?did=saved", 303)


def _allowed(asking: Asking) -> Asking:
    if not asking.me.has(*SEE):
        raise NotThere
    return asking


def _changing(asking: Asking) -> Asking:
    if not asking.me.has(*CHANGE):
        raise NotThere
    return asking


def _reader(asking: Asking) -> Reader:
    return Reader(spoken(asking.request, asking.me.language))


def _sure(asking: Asking, posted: Form, made: Change, alone: Sequence[State]) -> Response:
    """What nobody could do any more, without its customers (whom an administrator doesn't see), and the change to be sent
    again."""
    where, ids = among(asking.db, "c.id", [s.id for s in alone], "bigint")
    units: dict[int, str] = dict(asking.db.rows(
        "SELECT c.id, u.name FROM cases c JOIN borrower b ON b.id = c.subject JOIN unit u ON u.id = b.unit "
        f"WHERE {where}", ids))  # fmt: skip
    left: dict[tuple[str, str, str], list[State]] = {}
    for s in alone:
        left.setdefault((s.process, s.step, units.get(s.id, "")), []).append(s)
    return show(asking, "staff_sure.html", 409, number=len(alone), left=left, since=made.since, fields=posted.fields())


# -- people -----------------------------------------------------------------------------------------------------------


def _people(asking: Asking, q: str, unit: str, role: str, after: str) -> list[Row]:
    """Id, name, unit's name, last day: by name, one more than a page."""
    where, values = ["p.id <> ?"], list[Any]([SYSTEM])
    if q:
        part = "%" + q.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        where.append("(lower(p.name) LIKE ? ESCAPE '\\' OR p.id LIKE ? ESCAPE '\\')")
        values += [part, part]
    if unit:
        where.append("p.unit = ?")
        values.append(unit)
    if role:
        where.append(
            "p.id IN (SELECT person FROM role_grant WHERE role = ? AND since <= ? AND (until IS NULL OR until >= ?))"
        )
        values += [role, asking.day, asking.day]
    if after:
        where.append("(p.name, p.id) > (SELECT name, id FROM person WHERE id = ?)")
        values.append(after)
    return asking.db.rows("SELECT p.id, p.name, u.name, p.until FROM person p JOIN unit u ON u.id = p.unit "
                          f"WHERE {' AND '.join(where)} ORDER BY p.name, p.id LIMIT ?", *values, PAGE + 1)  # fmt: skip


def _roles_of(asking: Asking, ids: list[str]) -> dict[str, list[Row]]:
    """By person: role, since, until, of those that hold today or will."""
    marks = ", ".join("?" * len(ids)) or "NULL"
    found: dict[str, list[Row]] = {}
    for id_, *row in asking.db.rows(f"SELECT person, role, since, until FROM role_grant WHERE person IN ({marks}) AND "
                                    "(until IS NULL OR until >= ?) ORDER BY role, since", *ids, asking.day):  # fmt: skip
        found.setdefault(id_, []).append(tuple(row))
    return found


def _deputies_of(asking: Asking, ids: list[str]) -> dict[str, list[Row]]:
    """By absent: deputy, his name, since, until, of those that stand in today or will."""
    marks = ", ".join("?" * len(ids)) or "NULL"
    found: dict[str, list[Row]] = {}
    for id_, *row in asking.db.rows(
        "SELECT s.absent, s.deputy, p.name, s.since, s.until FROM substitute s JOIN person p ON p.id = s.deputy "
        f"WHERE s.absent IN ({marks}) AND s.until >= ? ORDER BY s.since, s.deputy", *ids, asking.day):  # fmt: skip
        found.setdefault(id_, []).append(tuple(row))
    return found


def _person(asking: Asking, id_: str, did: str = "", what: str = "", typed: dict[str, str] | None = None,
            wrong: dict[str, str] | None = None, status: int = 200) -> Response:  # fmt: skip
    db = asking.db
    found = one(db.rows("SELECT id, name, unit, until, language FROM person WHERE id = ? AND id <> ?", id_, SYSTEM))
    if id_ and found is None:
        raise NotThere
    may, say = asking.me.has(*CHANGE), _reader(asking).say
    urls = [row[0] for row in db.rows("SELECT url FROM channel WHERE person = ? ORDER BY url", id_)]
    roles = _roles_of(asking, [id_]).get(id_, [])
    return show(
        asking, "staff_person.html", status, p=found, roles=roles, deputies=_deputies_of(asking, [id_]).get(id_, []),
        channels=[(url, reached_at(say, url) if may else medium(say, scheme(url))) for url in urls],
        history_rows=_history(asking, f"staff:{id_}"), did=did,
        called=names(_reader(asking).say),
        stands_for=db.rows("SELECT p.id, p.name, s.since, s.until FROM substitute s JOIN person p ON p.id = s.absent "
                           "WHERE s.deputy = ? AND s.until >= ? ORDER BY s.since", id_, asking.day),
        colleagues=_colleagues(asking, id_, [r[0] for r in roles]) if may else [], all_roles=ROLES, all_languages=LANGUAGES,
        units=db.rows("SELECT id, name FROM unit WHERE id <> ? ORDER BY name, id", SYSTEM), what=what, typed=typed or {},
        wrong=wrong or {}, may_change=may, own=id_ == asking.me.id, relations=_relations(asking, id_))  # fmt: skip


def _relations(asking: Asking, id_: str) -> list[Row]:
    """Borrowers whose cases are not for him, each with its name for who may see customers."""
    rows = asking.db.rows("SELECT r.subject, coalesce(b.name, '') FROM relation r LEFT JOIN borrower b ON b.id = r.subject "
                          "WHERE r.person = ? ORDER BY r.subject", id_)  # fmt: skip
    return [(id_, name if asking.me.has(*ALL) else "") for id_, name in rows]


def _colleagues(asking: Asking, id_: str, roles: list[str]) -> list[Row]:
    """Who holds one of his roles: who may be his deputy. The nearest first: those of his unit."""
    marks = ", ".join("?" * len(roles)) or "NULL"
    return asking.db.rows(
        "SELECT DISTINCT p.id, p.name, CASE WHEN p.unit = (SELECT unit FROM person WHERE id = ?) THEN 0 ELSE 1 END AS far "
        f"FROM person p JOIN role_grant g ON g.person = p.id WHERE g.role IN ({marks}) AND p.id <> ? AND "
        "(g.until IS NULL OR g.until >= ?) AND (p.until IS NULL OR p.until >= ?) ORDER BY far, p.name, p.id LIMIT 300",
        id_, *roles, id_, asking.day, asking.day)  # fmt: skip


def _history(asking: Asking, stream: str) -> list[tuple[int, str, str, str, list[Said]]]:
    """Seq, instant, by whom, what, and what was said: the newest first."""
    rows = asking.db.rows("SELECT seq, recorded_at, person, action, payload FROM entry WHERE stream = ? ORDER BY seq DESC "
                          "LIMIT ?", stream, HISTORY)  # fmt: skip
    names = names_of(asking.db, [row[2] for row in rows])
    return [(seq, at, str(names.get(by, by)), action, _said(asking, payload)) for seq, at, by, action, payload in rows]


def _said(asking: Asking, payload: str | None) -> list[Said]:
    return plainly(asking.db, _reader(asking), asking.portal.house.zone, orjson.loads(payload)) if payload else []


# -- units ------------------------------------------------------------------------------------------------------------


def _unit(asking: Asking, id_: str, did: str = "", what: str = "", typed: dict[str, str] | None = None,
          wrong: dict[str, str] | None = None, status: int = 200) -> Response:  # fmt: skip
    db = asking.db
    found = one(db.rows("SELECT id, name, lane, calendar, reports_to FROM unit WHERE id = ? AND id <> ?", id_, SYSTEM))
    if id_ and found is None:
        raise NotThere
    return show(
        asking, "staff_unit.html", status, u=found, lanes=LANES, did=did, what=what, typed=typed or {}, wrong=wrong or {},
        contracts=db.rows("SELECT k.product, k.unit, coalesce(u.name, ''), k.per_day, k.since, k.until FROM contract k "
                          "LEFT JOIN unit u ON u.id = k.unit WHERE k.vendor = ? ORDER BY k.product, k.unit", id_),
        calendars=[row[0] for row in db.rows("SELECT DISTINCT calendar FROM unit ORDER BY calendar")],
        units=db.rows("SELECT id, name, lane FROM unit WHERE id <> ? ORDER BY name, id", SYSTEM),
        people=db.rows("SELECT id, name FROM person WHERE unit = ? AND (until IS NULL OR until >= ?) ORDER BY name, id "
                       "LIMIT 200", id_, asking.day),
        products=[row[0] for row in db.rows("SELECT DISTINCT product FROM facility ORDER BY product LIMIT 100")],
        history_rows=_history(asking, f"unit:{id_}"), called=names(_reader(asking).say), may_change=asking.me.has(*CHANGE))  # fmt: skip
