"""A case on paper: dossiers, packages and a run's inputs made by hand, for the decisions that are pure."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from door.fold import blank
from models.policy import Book
from models.runs import Engaged, RunInputs
from processes.inspection import INSPECTION
from tasks.dossier import Dossier, Past
from tasks.given import Given
from tests.door.bank import inspection
from tests.tasks.core_bank import BOOK

VISITED = "2026-01-08"
Answers = dict[str, dict[str, Any]]


def inputs(**other: Any) -> RunInputs:
    said: dict[str, Any] = {"stage": "outsourced_collection", "as_of": date(2026, 1, 9), "code": "c", "libraries": "l",
                            "vendors": (vendor(),)}  # fmt: skip
    return RunInputs(**said | other)


def vendor(name: str = "visits", *inspectors: str, product: str = "*", unit: str = "*", per_day: int = 10) -> Engaged:
    return Engaged(
        vendor=name, product=product, unit=unit, per_day=per_day, inspectors=inspectors or ("ahn", "bae", "cha", "doh")
    )


def given(
    rows: Mapping[str, Mapping[str, Any]] | None = None,
    first_uses: Mapping[str, list[tuple[str, int]]] | None = None,
    secret: str = "",
    book: Book = BOOK,
    orders_overdue: Mapping[int, int] | None = None,
    premises: Mapping[str, tuple[str, str]] | None = None,
    **other: Any,
) -> Given:
    return Given(inputs(**other), {book.hash: book}, rows or {}, first_uses or {}, orders_overdue or {}, secret,
                 premises or {})  # fmt: skip


def asks(*checkpoints: str, facility: str = "L1", kind: str = "regular") -> dict[str, Any]:
    return {"facility": facility, "kind": kind, "template": "SE", "checkpoints": list(checkpoints), "rules": ["r"]}


def past(seq: int, action: str, payload: Mapping[str, Any], person: str = "system", day: str = VISITED) -> Past:
    return Past(seq, action, person, day, f"{day}T12:00:00.{seq:06d}Z", payload)


def dossier(
    *acts: tuple[str, Mapping[str, Any], str],
    asked: Iterable[Mapping[str, Any]] = (),
    id: int = 7,
    book: Book = BOOK,
    before: Mapping[tuple[str, str], str] | None = None,
    visits: Mapping[str, int] | None = None,
    facts: Mapping[str, Any] | None = None,
    path: str = "outsourced",
    **opening: Any,
) -> Dossier:
    """A case that was opened on 5 January 2026 and then saw these acts (action, payload, person)."""
    opened = inspection(path, asks=list(asked), **opening)
    state = blank(INSPECTION, id, "B1", "B1", None, book.hash)
    state.opened_on = opened["opened_on"]
    state.visits = {"visit": 1, "screen": 1, "draw": 1, **(visits or {})}
    state.facts = {n: opened[n] for n in INSPECTION.facts if n in opened}
    pasts = [past(1, "open", opened, day=opened["opened_on"])]
    for seq, (action, payload, person) in enumerate(acts, 2):
        pasts.append(past(seq, action, payload, person))
        state.facts |= {n: payload[n] for n in INSPECTION.facts if n in payload}
    state.facts |= facts or {}
    return Dossier(state, tuple(pasts), (), before)


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def file(name: str, kind: str = "photo", day: str = VISITED) -> dict[str, Any]:
    return {"sha256": sha(name), "kind": kind, "shows": name, "taken_at": f"{day}T10:00:00Z"}


def answer(checkpoint: str, value: str, *files: str, facility: str = "L1", **other: Any) -> dict[str, Any]:
    """An answer; its figure is of the day of the visit."""
    said = {"facility": facility, "checkpoint": checkpoint, "value": value, "as_of": VISITED, "note": ""}
    return said | {"files": [sha(name) for name in files]} | other


def package(
    answers: Iterable[Mapping[str, Any]], evidence: Iterable[Mapping[str, Any]], **other: Any
) -> dict[str, Any]:
    """A vendor's package as the journal holds it."""
    said = {"how": "outsourced", "visited_on": VISITED, "host": "the owner", "interview_signed": True}
    return said | {"answers": list(answers), "evidence": list(evidence)} | other
