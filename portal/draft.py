"""Drafts: what somebody has typed into a form and not sent, kept on the server until he has."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from door.db import one
from portal.guard import TooLarge
from portal.house import Asking

#: What travels with a form and is nothing that anybody typed.
CARRIED = frozenset({"key", "act", "behalf", "password", "quiet"})
LARGEST = 2_000_000  # characters of a draft


@dataclass(frozen=True, slots=True)
class Draft:
    """`seen`: the version of the case that was looked at while it was written."""

    typed: Mapping[str, str]
    saved_at: str

    @property
    def seen(self) -> int:
        return number(self.typed.get("seen", ""))


def typed(fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed, and which version of the case was seen."""
    return {name: value for name, value in fields.items() if name not in CARRIED}


def load(asking: Asking, case: int, action: str) -> Draft | None:
    found = one(asking.db.rows("SELECT fields, saved_at FROM draft WHERE person = ? AND case_id = ? AND action = ?",
                               asking.me.id, case, action))  # fmt: skip
    return Draft(orjson.loads(found[0]), found[1]) if found else None


def save(asking: Asking, case: int, action: str, fields: Mapping[str, str]) -> str:
    """Keeps them in the place of what was kept; gives the instant. Raises TooLarge."""
    at = asking.portal.house.now()
    text = orjson.dumps({name: value for name, value in fields.items() if value}).decode()
    if len(text) > LARGEST:
        raise TooLarge
    asking.db.run(
        "INSERT INTO draft (person, case_id, action, fields, saved_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT "
        "(person, case_id, action) DO UPDATE SET fields = excluded.fields, saved_at = excluded.saved_at",
        asking.me.id, case, action, text, at)  # fmt: skip
    return at


def drop(asking: Asking, case: int, action: str) -> None:
    if load(asking, case, action):  # a write waits for its turn behind those of others: not where there is nothing
        asking.db.run("DELETE FROM draft WHERE person = ? AND case_id = ? AND action = ?", asking.me.id, case, action)


def number(text: str) -> int:
    """A version of a case as a form carries it; one that never was where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
