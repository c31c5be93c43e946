"""The policy book as a reader reads it: its questions and the meanings of its codes in his language.

A translation is an aid to reading and no rule, so it stands beside the book and not in it: neither the book's hash nor any
open case changes by it. It goes by the text that it translates: what a bank words otherwise is shown as its book has it,
never under the translation of something else.
"""

from collections.abc import Mapping
from typing import TypeVar

from door.db import Db
from door.fold import State
from models.policy import Book, Checkpoint, PolicyError
from models.policy.compare import Difference, compare
from models.policy.judgement import Said
from portal.words.reader import Reader
from tasks import books

SECTIONS = (
    "return_codes",
    "actions",
    "restrictions",
    "orders",
    "outcomes",
    "inadequate",
)  # what their codes mean: `says`
S = TypeVar("S", bound=Said)
_read: dict[tuple[str, str], Book] = {}  # by hash and language


def book(db: Db, hash_: str, reader: Reader) -> Book:
    """As tasks.books.book, in the reader's words. Raises PolicyError where it is missing or not what it says."""
    return read(books.book(db, hash_), reader)


def readable(db: Db, hash_: str, reader: Reader) -> Book | None:
    """None where it is missing or not what it says: what is shown goes by its codes then."""
    try:
        return book(db, hash_, reader)
    except PolicyError:
        return None


def changes(db: Db, case: int, hash_: str, day: str) -> tuple[str, list[Difference]] | None:
    """The version of the book in force on a day, and in what a proposed one differs from it; None where there was none
    before, or one of them can't be read."""
    try:
        earlier = books.before(db, day, case)
        if not earlier:
            return None
        one, other = books.book(db, earlier), books.book(db, hash_)
    except PolicyError:
        return None
    return one.version, compare(one, other)


def read(book: Book, reader: Reader) -> Book:
    """The book in the reader's words. It keeps the hash of what was approved."""
    if reader.language == "en":
        return book
    key = (book.hash, reader.language)
    if key not in _read:
        said = {section: _said(getattr(book, section), reader) for section in SECTIONS}
        asked = {id_: _asked(each, reader) for id_, each in book.checkpoints.items()}
        _read[key] = book.model_copy(update={"checkpoints": asked, **said})
    return _read[key]


def outcome(book: Book | None, code: str) -> str:
    """An outcome of a verification by its code and what the book says it means."""
    return f"{code} {book.outcomes[code].says}" if book and code in book.outcomes else code


def measure(book: Book | None, s: State) -> str:
    """What is restricted or ordered, by its code and what the book says it means."""
    code = str(s.facts.get("kind", ""))
    rules: Mapping[str, Said] = {} if book is None else book.restrictions if s.process == "control" else book.orders
    return f"{code} {rules[code].says}" if code in rules else code


def _asked(each: Checkpoint, reader: Reader) -> Checkpoint:
    return each.model_copy(update={"question": reader.read(each.question), "unit": reader.read(each.unit)})


def _said(section: Mapping[str, S], reader: Reader) -> dict[str, S]:
    return {code: rule.model_copy(update={"says": reader.read(rule.says)}) for code, rule in section.items()}
