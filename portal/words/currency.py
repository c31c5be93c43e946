"""In which currency the amounts of a case are."""

from door.db import Db
from door.fold import State


def currency(db: Db, s: State) -> str:
    """That of the case itself; else of its facility; else, where it binds all of a borrower's, of his first one. Empty: he
    has no facility."""
    if s.facts.get("currency"):
        return str(s.facts["currency"])
    rows = db.rows("SELECT currency FROM facility WHERE id = ? OR borrower = ? ORDER BY id <> ?, id LIMIT 1",
                   str(s.facts.get("facility", "")), s.subject, str(s.facts.get("facility", "")))  # fmt: skip
    return str(rows[0][0]) if rows else ""
