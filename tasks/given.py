"""What a batch of decisions is given besides the dossiers: recorded inputs of the run, looked up once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from door.db import Db
from door.store import among
from models.policy import Book
from models.runs import RunInputs
from tasks import books, secrets
from tasks.dossier import PACKAGES, Dossier
from tasks.premises import Position, positions


@dataclass(frozen=True)
class Given:
    """The run's inputs; books by hash; the snapshot's rows of the facilities asked about; for each file of the newest
    packages the first use in another case (sha256 → instant, case); how many of the borrower's correction orders were
    overdue when the case was last moved, by case; for a draw the quarter's secret; for a screening where the premises lie
    by the run's snapshot, by borrower."""

    inputs: RunInputs
    books: Mapping[str, Book]
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    first_uses: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)
    orders_overdue: Mapping[int, int] = field(default_factory=dict)
    secret: str = ""
    premises: Mapping[str, Position] = field(default_factory=dict)

    def book(self, d: Dossier) -> Book:
        """The case's own book: open cases keep theirs."""
        return self.books[d.state.book]


def given(db: Db, snapshots: Path, inputs: RunInputs, dossiers: Iterable[Dossier]) -> Given:
    """Looks up what the decisions on these cases ask for. Raises FileNotFoundError where the snapshot is gone, and
    NotCommitted where a case is to be drawn by another secret than the run recorded."""
    cases = list(dossiers)
    hashes = {d.state.book for d in cases}
    facilities = {ask["facility"] for d in cases for ask in d.opening.get("asks", ())}
    return Given(
        inputs,
        {h: books.book(db, h) for h in hashes},
        _rows(snapshots, inputs.snapshot, facilities),
        _uses(db, cases),
        _overdue(db, [d for d in cases if d.state.step == "weigh"]),
        secrets.of_day(db, inputs.as_of, inputs.secret_hash) if any(d.state.step == "draw" for d in cases) else "",
        _premises(snapshots, inputs.snapshot, [d for d in cases if d.state.step == "screen"]),
    )


def _rows(snapshots: Path, sha256: str, facilities: set[str]) -> dict[str, Mapping[str, Any]]:
    if not sha256 or not facilities:
        return {}
    frame = pl.scan_parquet(snapshots / f"{sha256}.parquet").select("facility", "dpd", "class", "bal")
    found = frame.filter(pl.col("facility").is_in(sorted(facilities))).collect()
    return {row["facility"]: row for row in found.iter_rows(named=True)}


def _premises(snapshots: Path, sha256: str, cases: list[Dossier]) -> dict[str, Position]:
    if not sha256 or not cases:
        return {}
    return positions(snapshots / f"{sha256}.parquet", {d.state.subject for d in cases})


def _uses(db: Db, cases: list[Dossier]) -> dict[str, list[tuple[str, int]]]:
    files = set()
    for d in cases:
        if package := d.last(*PACKAGES):
            files |= {e["sha256"] for e in package.payload.get("evidence", ())}
    if not files:
        return {}
    where, values = among(db, "sha256", sorted(files))
    found: dict[str, list[tuple[str, int]]] = {}
    for sha256, at, case in db.rows(f"SELECT sha256, recorded_at, case_id FROM evidence WHERE {where} "
                                    "ORDER BY recorded_at, case_id", values):  # fmt: skip
        found.setdefault(sha256, []).append((at, case))
    return found


def _overdue(db: Db, cases: list[Dossier]) -> dict[int, int]:
    if not cases:
        return {}
    where, values = among(db, "c.subject", sorted({d.state.subject for d in cases}))
    orders: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for subject, stream, at, step in db.rows(
        "SELECT c.subject, e.stream, e.recorded_at, e.step FROM cases c JOIN entry e ON e.stream = c.stream "
        f"WHERE c.process = 'order' AND {where} ORDER BY e.stream, e.seq", values):  # fmt: skip
        orders.setdefault(subject, {}).setdefault(stream, []).append((at, step))
    return {d.state.id: sum(_late(past, d.state.last_at) for past in orders[d.state.subject].values())
            for d in cases if d.state.subject in orders}  # fmt: skip


def _late(order: list[tuple[str, str]], then: str) -> bool:
    """Had the order missed its deadline by that instant, and was it still open?"""
    steps = [step for at, step in order if at < then]
    return "tightened" in steps and steps[-1] not in ("done", "cancelled")
