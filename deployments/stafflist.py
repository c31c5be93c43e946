"""A staff list: units, people, their roles, deputies, vendors' contracts, what was agreed at an approval, from YAML into
the reference tables.

    units:
      mapo: {name: Mapo branch, lane: branch, calendar: KR}
    persons:
      lee:
        name: Lee Seo-yeon
        unit: mapo
        roles: {account_manager: 2020-01-01}          # since; or {since: 2020-01-01, until: 2026-06-30}
        channels: ["mailto://lee@bank.example"]
    substitutes:
      - {absent: lee, deputy: kang, since: 2026-01-05, until: 2026-01-16}
    conditions:                                       # of a facility, set at its approval
      L0001345:
        - {name: visited-more-often, kind: frequency, value: 1, source: credit approval 2026-014}

Who is new is added, who is known is changed to what the list says, who is not named stays. A facility that is
named has the conditions that the list says, and no others. Refused whole, with the line, where anything in it is wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from deployments.mistakes import Mistake, first_line
from door.db import Db
from models.forms import Name
from models.policy import Book, PolicyError
from processes import PROCESSES
from tasks.files import CONDITION

Label = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
#: Roles that no step of a process names: told of what nobody may do, and readers.
OTHER_ROLES = {"operations", "auditor", "administrator", "credit_approver"}


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Unit(Part):
    name: Label
    lane: Literal["branch", "department", "vendor", "office"]
    calendar: Name
    reports_to: Name | None = None


class Held(Part):
    """A role is held from a day, until a day."""

    since: date
    until: date | None = None


class Person(Part):
    name: Label
    unit: Name
    roles: dict[Name, Annotated[Held, BeforeValidator(lambda v: {"since": v} if isinstance(v, str) else v)]] = {}
    until: date | None = None
    language: Literal["en", "ko"] = "en"
    channels: tuple[Label, ...] = ()


class Substitute(Part):
    absent: Name
    deputy: Name
    since: date
    until: date


class Relation(Part):
    """A person and a borrower whom he is related to."""

    person: Name
    borrower: Name


class Contract(Part):
    """A vendor engaged for a product in a branch ("*": every), so many visits a day."""

    vendor: Name
    product: Label
    unit: Label = "*"
    per_day: Annotated[int, Field(ge=1)]
    since: date
    until: date


class Condition(Part):
    """Set at the approval of one facility, before all rules of the book: how often it is inspected (`frequency`; value:
    months), what is asked besides (`checkpoint`; a checkpoint or a group of them), what the borrower promised
    (`covenant`; in words). `source` names the approval."""

    name: Name
    kind: Literal["frequency", "checkpoint", "covenant"]
    value: Label
    source: Label


class StaffList(Part):
    units: dict[Name, Unit] = {}
    persons: dict[Name, Person] = {}
    substitutes: tuple[Substitute, ...] = ()
    relations: tuple[Relation, ...] = ()
    contracts: tuple[Contract, ...] = ()
    conditions: dict[Name, tuple[Condition, ...]] = {}


@dataclass(frozen=True)
class Read:
    """A staff list and where in its file each part stands."""

    path: Path
    node: yaml.Node
    staff: StaffList

    def at(self, *place: Any) -> str:
        return f"{self.path}:{_line(self.node, place)}"


def read(path: Path) -> Read:
    """Raises Mistake with every mistake of form and its line; OSError where the file can't be read."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, yaml.BaseLoader)
        data = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - the loader that makes nothing but text
    except UnicodeDecodeError:
        raise Mistake(f"{path} is not UTF-8 text: save it in UTF-8.") from None
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise Mistake(f"{path}:{line}: this is not YAML: {e.problem}.") from None
    except (yaml.YAMLError, RecursionError) as e:
        raise Mistake(f"{path}: this can't be read as YAML: {first_line(e)}.") from None
    if not isinstance(node, yaml.MappingNode):
        raise Mistake(f"{path}:1: a staff list holds the keys {', '.join(StaffList.model_fields)}.")
    if twice := list(_twice(node)):
        raise Mistake("\n".join(f"{path}:{line}: {name!r} stands twice; name it once." for name, line in twice))
    try:
        return Read(path, node, StaffList.model_validate(data))
    except ValidationError as e:
        raise Mistake("\n".join(_sentence(path, node, dict(wrong)) for wrong in e.errors())) from None


def write(db: Db, found: Read, book: Callable[[], Book]) -> None:
    """Into the tables, in the caller's transaction. `book` is the one in force, asked only where there are conditions.
    Raises Mistake where it names somebody or something unknown."""
    staff = found.staff
    if wrong := [*_unknown(db, found), *_not_agreed(db, found, book)]:
        raise Mistake("\n".join(wrong))
    units = staff.units.items()
    _put(db, "unit", "id", "name lane calendar", [(id_, u.name, u.lane, u.calendar) for id_, u in units])
    db.many("UPDATE unit SET reports_to = ? WHERE id = ?", [(u.reports_to, id_) for id_, u in units])
    people = staff.persons.items()
    _put(db, "person", "id", "name unit until language",
         [(id_, p.name, p.unit, _iso(p.until), p.language) for id_, p in people])  # fmt: skip
    _put(db, "role_grant", "person role since", "until",
         [(id_, role, _iso(h.since), _iso(h.until)) for id_, p in people for role, h in p.roles.items()])  # fmt: skip
    db.many("DELETE FROM channel WHERE person = ?", [(id_,) for id_, p in people if p.channels])
    _put(db, "channel", "person url", "", [(id_, url) for id_, p in people for url in p.channels])
    _put(db, "substitute", "absent deputy since", "until",
         [(s.absent, s.deputy, _iso(s.since), _iso(s.until)) for s in staff.substitutes])  # fmt: skip
    _put(db, "relation", "person subject", "", [(r.person, r.borrower) for r in staff.relations])
    _put(db, "contract", "vendor product unit", "per_day since until",
         [(c.vendor, c.product, c.unit, c.per_day, _iso(c.since), _iso(c.until)) for c in staff.contracts])  # fmt: skip
    db.many("DELETE FROM condition WHERE facility = ?", [(facility,) for facility in staff.conditions])
    _put(db, "condition", "facility name", "kind value source",
         [(facility, c.name, c.kind, c.value, c.source) for facility, cs in staff.conditions.items() for c in cs])  # fmt: skip


def _put(db: Db, table: str, key: str, rest: str, rows: list[tuple[Any, ...]]) -> None:
    columns, marks = [*key.split(), *rest.split()], ", ".join("?" * len((key + " " + rest).split()))
    newly = ", ".join(f"{name} = excluded.{name}" for name in rest.split())
    conflict = f"({', '.join(key.split())}) DO UPDATE SET {newly}" if newly else "DO NOTHING"
    db.many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT {conflict}", rows)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _unknown(db: Db, found: Read) -> Iterator[str]:
    """Names that neither the list nor the tables have, roles that no process knows."""
    staff = found.staff
    lanes = dict(db.rows("SELECT id, lane FROM unit")) | {id_: u.lane for id_, u in staff.units.items()}
    people = {row[0] for row in db.rows("SELECT id FROM person")} | staff.persons.keys()
    roles = _roles()
    for id_, unit in staff.units.items():
        if unit.reports_to and unit.reports_to not in lanes:
            yield f"{found.at('units', id_, 'reports_to')}: there is no unit {unit.reports_to!r}."
    for id_, person in staff.persons.items():
        if person.unit not in lanes:
            yield f"{found.at('persons', id_, 'unit')}: there is no unit {person.unit!r}."
        for role in person.roles.keys() - roles:
            yield f"{found.at('persons', id_, 'roles', role)}: there is no role {role!r}; there are " \
                  f"{', '.join(sorted(roles))}."  # fmt: skip
    for n, deputy in enumerate(staff.substitutes):
        for who in ("absent", "deputy"):
            if getattr(deputy, who) not in people:
                yield f"{found.at('substitutes', n, who)}: there is no person {getattr(deputy, who)!r}."
        if deputy.absent == deputy.deputy or deputy.since > deputy.until:
            yield f"{found.at('substitutes', n)}: a deputy is another person, from a day until a later one."
    for n, relation in enumerate(staff.relations):
        if relation.person not in people:
            yield f"{found.at('relations', n, 'person')}: there is no person {relation.person!r}."
    for n, contract in enumerate(staff.contracts):
        if lanes.get(contract.vendor) != "vendor":
            yield f"{found.at('contracts', n, 'vendor')}: {contract.vendor!r} is no unit of the lane vendor."


def _not_agreed(db: Db, found: Read, book: Callable[[], Book]) -> Iterator[str]:
    """Conditions of facilities that there are not, and such as the book can't follow."""
    for facility, conditions in found.staff.conditions.items():
        if not db.rows("SELECT 1 FROM facility WHERE id = ?", facility):
            yield f"{found.at('conditions', facility)}: there is no facility {facility}: import the extract that has it first."
        names = [c.name for c in conditions]
        for n, c in enumerate(conditions):
            if c.name in names[:n]:
                yield f"{found.at('conditions', facility, n)}: {c.name!r} stands twice; name it once."
            row = {"facility": facility, **c.model_dump()}
            try:
                book().follows(pl.DataFrame([row], CONDITION))
            except PolicyError as wrong:
                yield f"{found.at('conditions', facility, n)}: {wrong}"


def _roles() -> set[str]:
    steps = [step.role for p in PROCESSES.values() for step in p.steps.values()]
    named = [*(r for p in PROCESSES.values() for r in p.authority.values()), *(p.cancel for p in PROCESSES.values())]
    return ({*steps, *named} | OTHER_ROLES) - {"", "system"}


def _line(node: yaml.Node, place: tuple[Any, ...]) -> int:
    """The line of a place, or of the nearest around it."""
    line = 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            inside = [(key.start_mark.line + 1, value) for key, value in node.value if key.value == str(step)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            inside = [(value.start_mark.line + 1, value) for value in node.value[step : step + 1]]
        else:
            inside = []
        if not inside:
            return line
        line, node = inside[0]
    return line


def _twice(node: yaml.Node) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(value)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield str(key.value), key.start_mark.line + 1
            seen.add(str(key.value))
            yield from _twice(value)


def _sentence(path: Path, node: yaml.Node, wrong: dict[str, Any]) -> str:
    says = {"extra_forbidden": "is not known here", "missing": "is absent"}.get(wrong["type"], wrong["msg"])
    place = tuple(step for step in wrong["loc"] if step != "[key]")
    return f"{path}:{_line(node, place)}: {'.'.join(map(str, place))}: {says}."
