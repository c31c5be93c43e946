"""What a service step decides on: the case as its own journal tells it, and the borrower's earlier inspections."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from door.db import Db
from door.fold import CASE_COLUMNS, State, load
from door.store import among

PACKAGES = ("submit", "collect")
SCREENINGS = ("pass", "incomplete", "recollect", "integrity")
BACK = 6  # of the borrower's earlier inspections, so many are searched for the last answer to a question


@dataclass(slots=True)
class Past:
    """An entry as a decision reads it. What it says is read when it is first asked for: of most it never is."""

    seq: int
    action: str
    person: str
    business_date: str
    recorded_at: str
    said: str | Mapping[str, Any] | None

    @property
    def payload(self) -> Mapping[str, Any]:
        """What it says; an erased payload is empty."""
        if isinstance(self.said, str):
            self.said = dict(orjson.loads(self.said)) if self.said else {}
        return self.said or {}


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case (its state), its entries in order, the borrower's inspections closed before it was opened (newest
    first), and their last answers by facility and checkpoint."""

    state: State
    past: tuple[Past, ...]
    earlier: tuple[State, ...] = ()
    answers_before: Mapping[tuple[str, str], str] | None = None

    @property
    def opening(self) -> Mapping[str, Any]:
        return self.past[0].payload

    @property
    def searched(self) -> tuple[State, ...]:
        """Those of the earlier inspections whose answers count."""
        return self.earlier[:BACK]

    @property
    def currency(self) -> str:
        """That the answers' amounts are in."""
        return str(self.state.facts["currency"])

    @property
    def questions(self) -> list[tuple[str, str]]:
        """What is asked, by facility and checkpoint; asked for two reasons, it is one question."""
        return list(dict.fromkeys((ask["facility"], id_) for ask in self.opening["asks"] for id_ in ask["checkpoints"]))

    def last(self, *actions: str) -> Past | None:
        """The newest entry of any of these actions."""
        return next((p for p in reversed(self.past) if p.action in actions), None)

    @property
    def findings(self) -> list[Mapping[str, Any]]:
        """Findings of the newest automatic examination, and those that the officer added in his check after it."""
        found: dict[tuple[str, ...], Mapping[str, Any]] = {}
        for p in self.past:
            if p.action in SCREENINGS:
                found = {}
            if p.action in (*SCREENINGS, "check"):
                found |= {(f["facility"], f["checkpoint"], f["colour"]): f for f in p.payload.get("findings", ())}
        return list(found.values())


def answers(package: Past | None) -> dict[tuple[str, str], str]:
    """Answers of a package by facility and checkpoint."""
    return {(a["facility"], a["checkpoint"]): a["value"] for a in package.payload.get("answers", ())} if package else {}


def pasts(db: Db, streams: Sequence[str], only: Sequence[str] = ()) -> dict[str, tuple[Past, ...]]:
    """The entries of streams in order: all, or those of some actions alone."""
    where, values = among(db, "stream", streams)
    where += f" AND action IN ({', '.join('?' * len(only))})" if only else ""
    found: dict[str, list[Past]] = {}
    for stream, seq, action, person, day, at, payload in db.rows(
        f"SELECT stream, seq, action, person, business_date, recorded_at, payload FROM entry WHERE {where} "
        "ORDER BY stream, seq", values, *only):  # fmt: skip
        found.setdefault(stream, []).append(Past(seq, action, person, day, at, payload))
    return {stream: tuple(past) for stream, past in found.items()}


def dossiers(db: Db, states: Iterable[State]) -> list[Dossier]:
    """The dossiers of cases of one process, in their order."""
    wanted = list(states)
    past = pasts(db, [s.stream for s in wanted])
    made = [Dossier(s, past[s.stream]) for s in wanted]
    closed = _closed(db, {s.subject for s in wanted})
    made = [replace(d, earlier=_before(d, closed.get(d.state.subject, ()))) for d in made]
    previous = pasts(db, sorted({s.stream for d in made for s in d.searched}), PACKAGES)
    return [replace(d, answers_before=_last_answers(d.searched, previous)) for d in made]


def _last_answers(earlier: Sequence[State], packages: Mapping[str, Sequence[Past]]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for s in reversed(earlier):
        for newest in packages.get(s.stream, ())[-1:]:
            found |= answers(newest)
    return found


def _closed(db: Db, subjects: set[str]) -> dict[str, list[State]]:
    where, values = among(db, "subject", subjects)
    found: dict[str, list[State]] = {}
    rows = db.rows(f"SELECT {', '.join(CASE_COLUMNS)} FROM cases WHERE {where} AND process = 'inspection' AND step = 'closed'",
                   values)  # fmt: skip
    for row in sorted(rows, reverse=True):  # in SQL it would tempt SQLite to walk all closed ones by their ids
        found.setdefault(row[3], []).append(load(row))
    return found


def _before(d: Dossier, closed: Sequence[State]) -> tuple[State, ...]:
    """Closed before this case was opened, so that what it was decided on can't change afterwards."""
    opened_at = d.past[0].recorded_at
    return tuple(s for s in closed if s.last_at < opened_at)
