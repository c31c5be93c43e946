"""Does what a person names exist? Codes and checkpoints in the case's own book, facilities with its borrower. A form
can't know: it is the same for every book and every borrower."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from door.db import Db
from models.policy import Book, PolicyError

CODE = re.compile(r"[KOABNV]\d{1,2}")
SECTIONS = {"K": "restrictions", "O": "orders", "A": "actions", "B": "return_codes", "N": "inadequate",
            "V": "outcomes"}  # fmt: skip
CODED = ("kind", "code", "outcome", "inadequate")  # fields that carry a code


def misfit(db: Db, book: Callable[[], Book], subject: str, payload: Mapping[str, Any]) -> str:
    """Why a payload does not fit the book and the borrower; empty where it does. `book` is asked only where needed."""
    names = sorted(set(_named(payload)))
    try:
        for section, name in names:
            if section != "facility" and name not in getattr(book(), section):
                return f"{name} is not in the policy book of the case"
    except PolicyError as error:
        return str(error)
    for section, name in names:
        if section == "facility" and not db.rows(
            "SELECT 1 FROM facility WHERE id = ? AND borrower = ?", name, subject):  # fmt: skip
            return f"{subject} has no facility {name}"
    return ""


def _named(said: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """What a payload names, however deep: ("facility", "F1"), ("checkpoints", "C1"), ("restrictions", "K1")."""
    if isinstance(said, Mapping):
        for name, value in said.items():
            yield from _named(value, name)
    elif isinstance(said, list):
        for value in said:
            yield from _named(value, field)
    elif isinstance(said, str) and said:
        if field == "facility":
            yield "facility", said
        elif field == "checkpoint":
            yield "checkpoints", said
        elif field in CODED and CODE.fullmatch(said):
            yield SECTIONS[said[0]], said
