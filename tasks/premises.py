"""Where a borrower is visited: as the newest extract says, empty where it says nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from door.db import Db
from door.store import among
from models.snapshot import PREMISES


@dataclass(frozen=True, slots=True)
class Premises:
    """The address, whom to ask for there, and where they lie (degrees, as decimal text)."""

    address: str = ""
    contact: str = ""
    latitude: str = ""
    longitude: str = ""


def premises(db: Db, borrowers: Iterable[str]) -> dict[str, Premises]:
    """By borrower."""
    where, values = among(db, "id", sorted(set(borrowers)))
    rows = db.rows(f"SELECT id, {', '.join(PREMISES)} FROM borrower WHERE {where}", values)
    return {id_: Premises(*row) for id_, *row in rows}
