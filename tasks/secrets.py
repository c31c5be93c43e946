"""The draw's secret, a new one each quarter: its hash is journaled at the start, itself when the quarter is over.

So nobody can foresee a draw, and everybody can check it afterwards.
"""

import hashlib
from datetime import date

import orjson

from door.act import note
from door.command import SYSTEM, Clock
from door.db import Db, one
from tasks.house import House


def quarter(day: str) -> str:
    """2026-02-03 → 2026Q1"""
    return f"{day[:4]}Q{(int(day[5:7]) + 2) // 3}"


class NotCommitted(LookupError):
    """The quarter's secret is missing, or is not the one whose hash was journaled: nothing is drawn by it."""


def commit(db: Db, house: House, clock: Clock) -> str:
    """The journaled hash of this quarter's secret, made on first use; earlier quarters' secrets are disclosed. Raises
    NotCommitted where there is a secret and no hash in the journal: somebody put it there."""
    name = quarter(clock.business_date)
    if not _committed(db, name):
        made = house.secret()
        with db.transaction():
            if db.run("INSERT INTO secret (quarter, secret) VALUES (?, ?) ON CONFLICT DO NOTHING", name, made):
                note(db, f"draw:{name}", "committed", SYSTEM, {"hash": hashed(made)}, clock)
            _disclose(db, name, clock)
    if known := _committed(db, name):
        return known
    raise NotCommitted(f"The table has a secret for {name} whose hash was never journaled: remove it, and one is made.")


def _committed(db: Db, name: str) -> str:
    rows = db.rows("SELECT payload FROM entry WHERE stream = ? AND action = 'committed' ORDER BY seq", f"draw:{name}")
    return str(orjson.loads(rows[0][0])["hash"]) if rows and rows[0][0] else ""


def _disclose(db: Db, current: str, clock: Clock) -> None:
    for name, secret in db.rows("SELECT quarter, secret FROM secret WHERE quarter < ? ORDER BY quarter", current):
        if not _disclosed(db, name):
            note(db, f"draw:{name}", "disclosed", SYSTEM, {"secret": secret}, clock)


def _disclosed(db: Db, name: str) -> bool:
    return bool(db.rows("SELECT 1 FROM entry WHERE stream = ? AND action = 'disclosed'", f"draw:{name}"))


def disclosed(db: Db, day: date) -> bool:
    """Is the secret of the quarter of a day known to everybody?"""
    return _disclosed(db, quarter(day.isoformat()))


def of_day(db: Db, day: date, recorded: str) -> str:
    """The secret of the quarter of a day, whose hash a run recorded. Raises NotCommitted where it is another."""
    name = quarter(day.isoformat())
    found = one(db.rows("SELECT secret FROM secret WHERE quarter = ?", name))
    if found is None:
        raise NotCommitted(f"The secret of {name} is missing: put it back from the backup.")
    if not hashed(str(found[0])) == recorded == _committed(db, name):
        raise NotCommitted(
            f"The secret of {name} is not the one whose hash was journaled: put that back from the backup."
        )
    return str(found[0])


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
