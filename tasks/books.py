"""Which policy book applies: the newest in force on a date for what begins, its own for what is open."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from door.command import Rules
from door.db import Db, one
from models.policy import Book, PolicyError
from processes import PROCESSES
from tasks.fits import misfit

_compiled: dict[str, Book] = {}  # by hash of the content, so it can't go stale


def keep(db: Db, book: Book) -> None:
    """Stores a compiled book under its hash; in force it comes by the process `policy`."""
    db.run(
        "INSERT INTO book (hash, version, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        book.hash,
        book.version,
        book.text,
    )
    _compiled[book.hash] = book


def book(db: Db, hash_: str) -> Book:
    """The book of that hash, checked against its text. Raises PolicyError where it is missing or not what it says."""
    if hash_ not in _compiled:
        found = one(db.rows("SELECT text FROM book WHERE hash = ?", hash_))
        if found is None:
            raise PolicyError(
                [f"The policy book {hash_[:12]} is not in the database: import it with `postloan policy propose`."]
            )
        compiled = Book.from_text(found[0])
        if compiled.hash != hash_:
            raise PolicyError([f"The policy book stored as {hash_[:12]} is not what its hash says: it was changed."])
        _compiled[hash_] = compiled
    return _compiled[hash_]


def in_force(db: Db, day: str) -> str:
    """Hash of the book in force on a day. Raises PolicyError where there is none."""
    found = one(db.rows("SELECT book FROM book_version WHERE effective_from <= ? "
                        "ORDER BY effective_from DESC, case_id DESC LIMIT 1", day))  # fmt: skip
    if found is None:
        raise PolicyError([f"No policy book is in force on {day}: propose one with `postloan policy propose` and let a "
                           "second person approve it."])  # fmt: skip
    return str(found[0])


def rules(db: Db) -> Rules:
    """The door's declarations: the bank's processes; deadlines and what may be named by each case's own book."""

    def deadline(hash_: str, timer: str, day: str, facts: Mapping[str, Any]) -> str:
        return book(db, hash_).deadline(timer.format_map(facts), day, facts.get("calendar") or DEFAULT_CALENDAR)

    def unfit(hash_: str, subject: str, payload: Mapping[str, Any]) -> str:
        return misfit(db, lambda: book(db, hash_), subject, payload)

    return Rules(PROCESSES, deadline, lambda hash_: book(db, hash_).holds_max_days, unfit)


DEFAULT_CALENDAR = "KR"
FOLDER = Path("policies")
