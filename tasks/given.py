"""What a batch of decisions is given besides the dossiers: recorded inputs of the run, looked up once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from door.db import Db
from door.store import among
from models.forms import RunInputs
from models.policy import Book
from tasks import books, secrets
from tasks.dossier import PACKAGES, Dossier


@dataclass(frozen=True)
class Given:
    """The run's inputs; books by hash; the snapshot's rows of the facilities asked about; for each file of the newest
    packages the first use in another case (sha256 → instant, case); the quarter's secret."""

    inputs: RunInputs
    books: Mapping[str, Book]
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    first_uses: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)
    secret: str = ""

    def book(self, d: Dossier) -> Book:
        """The case's own book: open cases keep theirs."""
        return self.books[d.state.book]


def given(db: Db, snapshots: Path, inputs: RunInputs, dossiers: Iterable[Dossier]) -> Given:
    """Looks up what the decisions on these cases ask for. Raises FileNotFoundError where the snapshot is gone."""
    cases = list(dossiers)
    hashes = {d.state.book for d in cases}
    facilities = {ask["facility"] for d in cases for ask in d.opening.get("asks", ())}
    return Given(
        inputs,
        {h: books.book(db, h) for h in hashes},
        _rows(snapshots, inputs.snapshot, facilities),
        _uses(db, cases),
        secrets.of_day(db, inputs.as_of) if inputs.secret_hash else "",
    )


def _rows(snapshots: Path, sha256: str, facilities: set[str]) -> dict[str, Mapping[str, Any]]:
    if not sha256 or not facilities:
        return {}
    frame = pl.scan_parquet(snapshots / f"{sha256}.parquet").select("facility", "dpd", "class", "bal")
    found = frame.filter(pl.col("facility").is_in(sorted(facilities))).collect()
    return {row["facility"]: row for row in found.iter_rows(named=True)}


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
