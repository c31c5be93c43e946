"""The draw's secret, a new one each quarter: its hash is journaled at the start, itself when the quarter is over.

So nobody can foresee a draw, and everybody can check it afterwards.
"""

import hashlib
from datetime import date

from door.act import note
from door.command import SYSTEM, Clock
from door.db import Db, one
from tasks.house import House


def quarter(day: str) -> str:
    """2026-02-03 → 2026Q1"""
    return f"{day[:4]}Q{(int(day[5:7]) + 2) // 3}"


def commit(db: Db, house: House, clock: Clock) -> str:
    """The hash of this quarter's secret, made and journaled on first use; earlier quarters' secrets are disclosed."""
    name = quarter(clock.business_date)
    found = one(db.rows("SELECT secret FROM secret WHERE quarter = ?", name))
    if found is None:
        made = house.secret()
        with db.transaction():
            if db.run("INSERT INTO secret (quarter, secret) VALUES (?, ?) ON CONFLICT DO NOTHING", name, made):
                note(db, f"draw:{name}", "committed", SYSTEM, {"hash": hashed(made)}, clock)
            _disclose(db, name, clock)
        return commit(db, house, clock)
    return hashed(str(found[0]))


def _disclose(db: Db, current: str, clock: Clock) -> None:
    for name, secret in db.rows("SELECT quarter, secret FROM secret WHERE quarter < ? ORDER BY quarter", current):
        if not db.rows("SELECT 1 FROM entry WHERE stream = ? AND action = 'disclosed'", f"draw:{name}"):
            note(db, f"draw:{name}", "disclosed", SYSTEM, {"secret": secret}, clock)


def of_day(db: Db, day: date) -> str:
    """The secret of the quarter of a day. Raises LookupError where none was committed."""
    found = one(db.rows("SELECT secret FROM secret WHERE quarter = ?", quarter(day.isoformat())))
    if found is None:
        raise LookupError(f"no secret was committed for {quarter(day.isoformat())}")
    return str(found[0])


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
