"""Which policy book applies: the newest in force on a date for what begins, its own for what is open."""

import hashlib
from collections.abc import Mapping
from typing import Any

from door.command import Rules
from door.db import Db, one
from door.fold import State
from models.policy import Book, Letters, PolicyError
from processes import PROCESSES
from tasks.files import conditions
from tasks.fits import misfit
from tasks.lifting import lifting

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
        if hashlib.sha256(found[0].encode()).hexdigest() != hash_:
            raise PolicyError([f"The policy book stored as {hash_[:12]} is not what its hash says: it was changed."])
        _compiled[hash_] = Book.kept(found[0])
    return _compiled[hash_]


_VERSIONS = """
SELECT v.book, v.effective_from, e.business_date FROM book_version v JOIN cases c ON c.id = v.case_id
  JOIN entry e ON e.stream = c.stream AND e.seq = c.seq WHERE v.effective_from <= ? ORDER BY e.recorded_at, v.case_id
"""


def in_force(db: Db, day: str) -> str:
    """Hash of the book in force on a day: of the versions approved by then the newest, by the date from which each is
    in force (never before its approval), of one date the one approved last. So no approval changes a past day; but
    days for which nothing had been approved go by what was approved for them first.

    Raises PolicyError where there is none."""
    versions = db.rows(_VERSIONS, day)
    if approved := [(max(since, on), n) for n, (_, since, on) in enumerate(versions) if on <= day]:
        return str(versions[max(approved)[1]][0])
    if not versions:
        raise PolicyError([f"No policy book is in force on {day}: propose one with `postloan policy propose` and let a "
                           "second person approve it."])  # fmt: skip
    return str(versions[0][0])


def shut(db: Db, day: str) -> str:
    """The bank's calendar, where that day is none of its business days; empty where it is one."""
    found = book(db, in_force(db, day))
    return "" if found.is_business_day(day, found.calendar) else found.calendar


def letters(db: Db, day: str) -> Letters:
    """What a message may tell on a day; the least where no book is in force."""
    try:
        return book(db, in_force(db, day)).letters
    except PolicyError:
        return Letters()


def before(db: Db, day: str, case: int) -> str:
    """Hash of the book that is in force on a day but for the version of that case; empty where there is none."""
    own = {book for (book,) in db.rows("SELECT book FROM book_version WHERE case_id = ?", case)}
    approved = [(max(since, on), n, book) for n, (book, since, on) in enumerate(db.rows(_VERSIONS, day))
                if on <= day and book not in own]  # fmt: skip
    return str(max(approved)[2]) if approved else ""


REVIEW = "control.review"  # of a restriction: on the day that its proposal names, where that is sooner


def rules(db: Db) -> Rules:
    """The door's declarations: the bank's processes; deadlines and what may be named by each case's own book."""

    def deadline(hash_: str, timer: str, day: str, facts: Mapping[str, Any]) -> str:
        found = book(db, hash_)
        by = found.deadline(found.timed(timer.format_map(facts), facts), day, facts.get("calendar") or found.calendar)
        wished = facts.get("review_on") if timer == REVIEW and "due_on" not in facts else None
        return min(by, wished) if wished and wished > day else by  # who renews it before that day says a day himself

    def unfit(hash_: str, subject: str, payload: Mapping[str, Any]) -> str:
        if "book" in payload:  # a version is proposed
            try:
                book(db, payload["book"]).follows(conditions(db))
            except PolicyError as error:
                return str(error)
            if payload["book"] != hash_:
                return f"the case is kept under another book ({hash_[:12]}) than it proposes ({payload['book'][:12]})"
        return misfit(db, lambda: book(db, hash_), subject, payload)

    def beside(case: State, day: str, at: str) -> tuple[Mapping[str, Any], str]:
        return lifting(db, lambda hash_: book(db, hash_), case, day, at)

    return Rules(PROCESSES, deadline, lambda hash_: book(db, hash_).holds_max_days, unfit, beside)
