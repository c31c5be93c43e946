"""What a service step decides on: the case as its own journal tells it, and the borrower's earlier inspections."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from door.db import Db
from door.fold import CASE_COLUMNS, State, load
from door.store import among

PACKAGES = ("submit", "collect")
SCREENINGS = ("pass", "incomplete", "recollect", "integrity", "check")


@dataclass(frozen=True, slots=True)
class Past:
    """An entry as a decision reads it. An erased payload is empty."""

    seq: int
    action: str
    person: str
    business_date: str
    recorded_at: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case (its state), its entries in order, the borrower's inspections closed before it was opened (newest
    first, at most three), and the answers of the newest of them by facility and checkpoint."""

    state: State
    past: tuple[Past, ...]
    earlier: tuple[State, ...] = ()
    answers_before: Mapping[tuple[str, str], str] | None = None

    @property
    def opening(self) -> Mapping[str, Any]:
        return self.past[0].payload

    @property
    def questions(self) -> list[tuple[str, str]]:
        """What is asked, by facility and checkpoint; asked for two reasons, it is one question."""
        return list(dict.fromkeys((ask["facility"], id_) for ask in self.opening["asks"] for id_ in ask["checkpoints"]))

    def last(self, *actions: str) -> Past | None:
        """The newest entry of any of these actions."""
        return next((p for p in reversed(self.past) if p.action in actions), None)

    @property
    def findings(self) -> list[Mapping[str, Any]]:
        """Findings of the newest examination of the newest package."""
        screened = self.last(*SCREENINGS[:4])
        return list(screened.payload.get("findings", ())) if screened else []


def answers(package: Past | None) -> dict[tuple[str, str], str]:
    """Answers of a package by facility and checkpoint."""
    return {(a["facility"], a["checkpoint"]): a["value"] for a in package.payload.get("answers", ())} if package else {}


def pasts(db: Db, streams: Sequence[str]) -> dict[str, tuple[Past, ...]]:
    """The entries of streams, in order."""
    where, values = among(db, "stream", streams)
    found: dict[str, list[Past]] = {}
    for stream, seq, action, person, day, at, payload in db.rows(
        f"SELECT stream, seq, action, person, business_date, recorded_at, payload FROM entry WHERE {where} "
        "ORDER BY stream, seq", values):  # fmt: skip
        read = orjson.loads(payload) if payload else {}
        found.setdefault(stream, []).append(Past(seq, action, person, day, at, read))
    return {stream: tuple(past) for stream, past in found.items()}


def dossiers(db: Db, states: Iterable[State]) -> list[Dossier]:
    """The dossiers of cases of one process, in their order."""
    wanted = list(states)
    past = pasts(db, [s.stream for s in wanted])
    made = [Dossier(s, past[s.stream]) for s in wanted]
    closed = _closed(db, {s.subject for s in wanted})
    made = [replace(d, earlier=_before(d, closed.get(d.state.subject, ()))) for d in made]
    previous = pasts(db, sorted({d.earlier[0].stream for d in made if d.earlier}))
    return [
        replace(d, answers_before=answers(Dossier(d.earlier[0], previous[d.earlier[0].stream]).last(*PACKAGES)))
        if d.earlier else d for d in made
    ]  # fmt: skip


def _closed(db: Db, subjects: set[str]) -> dict[str, list[State]]:
    where, values = among(db, "subject", subjects)
    found: dict[str, list[State]] = {}
    for row in db.rows(f"SELECT {', '.join(CASE_COLUMNS)} FROM cases WHERE {where} AND process = 'inspection' "
                       "AND step = 'closed' ORDER BY id DESC", values):  # fmt: skip
        found.setdefault(row[3], []).append(load(row))
    return found


def _before(d: Dossier, closed: Sequence[State]) -> tuple[State, ...]:
    """Closed before this case was opened, so that what it was decided on can't change afterwards."""
    opened_at = d.past[0].recorded_at
    return tuple(s for s in closed if s.last_at < opened_at)[:3]
