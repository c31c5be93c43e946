"""Staff written into the reference tables: units, people, the roles they hold, vendors' contracts.

Whoever is known already stays as he is: an import proposes, a hand-over or the staff list decides.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from door.db import Db
from tasks.mapping import Staff

SYSTEM = "system"
Rows = list[tuple[Any, ...]]


@dataclass
class Roster:
    """Rows of the reference tables, in the order of their columns in models/reference.py."""

    unit: Rows = field(default_factory=list)
    person: Rows = field(default_factory=list)
    role_grant: Rows = field(default_factory=list)
    channel: Rows = field(default_factory=list)
    contract: Rows = field(default_factory=list)
    substitute: Rows = field(default_factory=list)
    relation: Rows = field(default_factory=list)
    condition: Rows = field(default_factory=list)

    def add_unit(self, id: str, name: str, lane: str, calendar: str, reports_to: str | None = None) -> None:
        self.unit.append((id, name, lane, calendar, reports_to))

    def add_person(self, id: str, name: str, unit: str, role: str, since: date, language: str = "en") -> None:
        self.person.append((id, name, unit, None, language))
        self.role_grant.append((id, role, since.isoformat(), None))

    def add_people(self, unit: str, people: dict[str, int], since: date) -> None:
        """So many people of each role, called after unit and role."""
        for role, count in people.items():
            for n in range(1, count + 1):
                self.add_person(f"{unit}.{role}.{n}", f"{role.replace('_', ' ')} {n} of {unit}", unit, role, since)


_COLUMNS = {
    "unit": "id name lane calendar reports_to",
    "person": "id name unit until language",
    "role_grant": "person role since until",
    "channel": "person url",
    "contract": "vendor product unit per_day since until",
    "substitute": "absent deputy since until",
    "relation": "person subject",
    "condition": "facility name kind value source",
}


def write(db: Db, roster: Roster, calendar: str) -> None:
    """Inserts what is not there yet, and the system's own unit and person. Inside the caller's transaction."""
    alone = Roster(unit=[(SYSTEM, "System", "office", calendar, None)], person=[(SYSTEM, "System", SYSTEM, None, "en")])
    for rows in (alone, roster):
        for table, names in _COLUMNS.items():
            columns = names.split()
            marks = ", ".join("?" * len(columns))
            db.many(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING",
                getattr(rows, table),
            )


def derived(staff: Staff, branches: list[str], managers: list[tuple[str, str]], known: set[str], as_of: date) -> Roster:
    """The staff that an extract without a staff list implies: `branches` not known yet, `managers` (person, unit) not
    known yet, and the offices that the mapping names; `known` are the units that exist."""
    roster = Roster()
    for unit in branches:
        roster.add_unit(unit, f"Branch {unit}", "branch", staff.calendar)
        roster.add_people(unit, staff.people, as_of)
    for person, unit in managers:
        roster.add_person(person, f"Account manager {person}", unit, "account_manager", as_of)
    for id, office in staff.offices.items():
        if id not in known:
            roster.add_unit(id, office.name, office.lane, staff.calendar)
            roster.add_people(id, office.people, as_of)
            if office.product:
                until = as_of.replace(year=as_of.year + 10, day=min(as_of.day, 28))
                row = (id, office.product, "*", office.per_day, as_of.isoformat(), until.isoformat())
                roster.contract.append(row)
    return roster
