"""The import: an extract becomes a snapshot, what is wrong goes to a rejects file, the reference tables follow.

accepted + rejected = read. The snapshot is Parquet named by its SHA-256, one row per facility in the order of their
numbers, so that the same content has the same name however the extract was sorted. Reading and checking go block by
block; the accepted rows are held in memory as columns until they are written. Everything that lasts happens at the
end, in one transaction: until then there is a folder of our own beside the snapshots, which goes whatever happens.
"""

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

from door.db import Db
from models.snapshot import COLUMNS, PREMISES
from tasks.extract import LINE, IntakeError, Progress, blocks
from tasks.mapping import Mapping
from tasks.premises import of_borrowers
from tasks.staffing import derived, write
from tasks.translate import FAULTS, Translation

__all__ = ["Intake", "IntakeError", "Proposal", "Total", "intake"]


@dataclass
class Total:
    """Control totals of some rows: how many, the sum of their balances in minor units by currency, and how many have
    no readable balance (or currency), so that the sum lacks them."""

    count: int = 0
    bal: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0

    def add(self, rows: pl.DataFrame) -> None:
        self.count += len(rows)
        readable = rows.filter(pl.col("bal").is_not_null() & pl.col("currency").is_not_null())
        self.unreadable += len(rows) - len(readable)
        for currency, bal in readable.group_by("currency").agg(pl.col("bal").sum()).sort("currency").iter_rows():
            self.bal[currency] = self.bal.get(currency, 0) + bal


@dataclass(frozen=True)
class Proposal:
    """The extract names another manager for a borrower than the one responsible: for a hand-over to decide."""

    borrower: str
    manager: str
    proposed: str


@dataclass(frozen=True)
class Intake:
    """What an import did. Of the accepted: `created` + `changed` + `unchanged` facilities. `snapshot` is a SHA-256."""

    read: int
    accepted: int
    rejected: int
    created: int
    changed: int
    unchanged: int
    snapshot: str
    snapshot_file: str
    rejects_file: str
    totals: dict[str, Total]
    proposals: tuple[Proposal, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def intake(
    db: Db, file: Path, mapping: Mapping, as_of: date, folder: Path, now: str, progress: Progress | None = None
) -> Intake:
    """Takes an extract in. `folder` is where snapshots and rejects go, `now` a UTC instant as ISO text, `progress` is
    called with bytes done and in all. Raises IntakeError, and then nothing has changed but, where there are rows and
    none can be accepted, the rejects file that says why."""
    with _writable(folder), _workshop(folder) as shop:
        rejects = shop / "rejects.csv"
        source = _sha256(file)
        accepted, totals = _sift(db, file, mapping, as_of, rejects, progress)
        kept = folder / f"rejects-{as_of}-{source[:12]}-{mapping.hash[:8]}.csv"
        if not totals["read"].count:
            raise IntakeError(f"{file} has a line of column names and no row: the extract was not filled.")
        if not len(accepted):
            rejects.replace(kept)
            raise IntakeError(
                f"None of the {totals['read'].count} rows of {file} can be accepted; {kept} says why for each: "
                "most likely the mapping does not fit, or the staff list is not yet in."
            )
        made = shop / "snapshot.parquet"
        accepted.write_parquet(made, compression="zstd", metadata={"as_of": as_of.isoformat()})
        snapshot = _sha256(made)
        place = folder / f"{snapshot}.parquet"
        row = (snapshot, as_of.isoformat(), source, f"{mapping.name}:{mapping.hash}", len(accepted),
               int(accepted["bal"].sum()), now)  # fmt: skip
        fresh = [f for f in (place, kept) if not f.exists()]
        try:
            with db.transaction():
                changes, proposals = _tables(db, accepted, mapping, as_of, row)
                _lasting(made, place)
                _lasting(rejects, kept)
        except BaseException as e:
            for made_here in fresh:
                made_here.unlink(missing_ok=True)
            if isinstance(e, sqlite3.Error | psycopg.Error):
                first = (str(e).strip() or type(e).__name__).splitlines()[0]
                raise IntakeError(
                    f"The database refused the import ({first}), and nothing was changed: "
                    "see that it has room and is not held by another, then import again."
                ) from e
            raise
    return Intake(
        read=totals["read"].count,
        accepted=totals["accepted"].count,
        rejected=totals["rejected"].count,
        **changes,
        snapshot=snapshot,
        snapshot_file=str(place),
        rejects_file=str(kept),
        totals=totals,
        proposals=proposals,
    )


def _sift(
    db: Db, file: Path, mapping: Mapping, as_of: date, rejects: Path, progress: Progress | None
) -> tuple[pl.DataFrame, dict[str, Total]]:
    """Accepted rows by facility, and the totals; faults go to the rejects file as they are found."""
    totals = {name: Total() for name in ("read", "accepted", "rejected")}
    units, managers = _units(db), _managers(db, as_of)
    first: dict[str, int] = {}
    good = []
    with rejects.open("wb") as out:
        pl.DataFrame(schema=FAULTS).rename({LINE: "line"}).write_csv(out)
        for block in blocks(file, mapping.needed, mapping.format.separator, mapping.format.encoding, progress,
                            mapping.optional):  # fmt: skip
            done = Translation(block, mapping, as_of)
            if mapping.staff is None:
                work = done.work
                if "unit" in work.columns:
                    done.fault("unit", ~work["unit"].is_in(units), "is no branch or department of the staff list")
                if "manager" in work.columns:
                    done.fault("manager", ~work["manager"].is_in(managers),
                               f"is no account manager in service on {as_of}")  # fmt: skip
            _twice(done, first)
            faults = done.faults
            faults.write_csv(out, include_header=False)
            bad = done.rows[LINE].is_in(faults[LINE].implode())
            totals["read"].add(done.rows)
            totals["accepted"].add(done.rows.filter(~bad))
            totals["rejected"].add(done.rows.filter(bad))
            good.append(done.rows.filter(~bad).drop(LINE))
    return pl.concat(good or [pl.DataFrame(schema=COLUMNS)], rechunk=False).sort("facility"), totals


def _twice(done: Translation, first: dict[str, int]) -> None:
    """A facility that stands twice: the later row is rejected, whatever became of the first."""
    again = [
        first.setdefault(facility, line) if facility else line
        for facility, line in done.work.select("facility", LINE).iter_rows()
    ]
    line = pl.Series(again, dtype=pl.Int64)
    done.work = done.work.with_columns(line.alias("_first"))
    done.fault("facility", line != done.work[LINE], pl.format("stands already in line {}", "_first"))


def _units(db: Db) -> list[str]:
    return [id for (id,) in db.rows("SELECT id FROM unit WHERE lane IN ('branch', 'department')")]


def _managers(db: Db, as_of: date) -> list[str]:
    """Account managers in service on that day."""
    day = as_of.isoformat()
    sql = """SELECT DISTINCT g.person FROM role_grant g JOIN person p ON p.id = g.person
             WHERE g.role = 'account_manager' AND g.since <= ? AND (g.until IS NULL OR g.until >= ?)
               AND (p.until IS NULL OR p.until >= ?)"""
    return [id for (id,) in db.rows(sql, day, day, day)]


def _tables(
    db: Db, rows: pl.DataFrame, mapping: Mapping, as_of: date, snapshot: tuple[object, ...]
) -> tuple[dict[str, int], tuple[Proposal, ...]]:
    """Reference tables from the accepted rows; only what differs is touched. An extract older than the newest
    snapshot adds what is not known yet and changes nothing."""
    day = as_of.isoformat()
    if mapping.staff:
        known = {id for (id,) in db.rows("SELECT id FROM unit")}
        staffed = set(_managers(db, as_of))
        branches = sorted(set(rows["unit"].unique()) - known)
        pairs = rows.filter(pl.col("manager").is_not_null()).unique("manager", keep="first", maintain_order=True)
        managers = [p for p in pairs.select("manager", "unit").sort("manager").iter_rows() if p[0] not in staffed]
        write(db, derived(mapping.staff, branches, managers, known, as_of), mapping.staff.calendar)
    newest = db.rows("SELECT MAX(as_of) FROM snapshot")[0][0]
    current = newest is None or day >= str(newest)

    borrowers = rows.group_by("borrower", maintain_order=True).agg(
        pl.coalesce("borrower_name", "borrower").first(), pl.first("unit"),
        *of_borrowers())  # fmt: skip
    columns = ("id", "name", "unit", *PREMISES)
    before = {row[0]: row for row in db.rows(f"SELECT {', '.join(columns)} FROM borrower")}
    db.insert("borrower", columns, [b for b in borrowers.iter_rows() if b[0] not in before])
    if current:
        moved = [b for b in borrowers.iter_rows() if b[0] in before and before[b[0]] != b]
        db.many(f"UPDATE borrower SET {' = ?, '.join(columns[1:])} = ? WHERE id = ?", [(*b[1:], b[0]) for b in moved])

    digests: dict[str, str] = dict(db.rows("SELECT id, digest FROM facility"))
    created, changed, unchanged = [], [], 0
    held = rows.select("facility", "borrower", "product", "currency",
                       pl.coalesce("limit_amt", "drawn_amt", "bal"), "bal")  # fmt: skip
    for row, digest in zip(held.iter_rows(), _digests(rows), strict=True):
        was = digests.get(row[0])
        if was is None:
            created.append((*row, day, digest))
        elif was == digest:
            unchanged += 1
        else:
            changed.append((*row[1:], digest, row[0]))
    db.insert("facility", ("id", "borrower", "product", "currency", "limit_amt", "bal", "first_seen", "digest"),
              created)  # fmt: skip
    if current:
        db.many("UPDATE facility SET borrower = ?, product = ?, currency = ?, limit_amt = ?, bal = ?, digest = ? "
                "WHERE id = ?", changed)  # fmt: skip
    proposals = _responsible(db, rows, day)
    if not db.rows("SELECT 1 FROM snapshot WHERE sha256 = ?", snapshot[0]):
        db.insert("snapshot", ("sha256", "as_of", "source", "mapping", "rows", "total_bal", "taken_at"), [snapshot])
    return {"created": len(created), "changed": len(changed), "unchanged": unchanged}, proposals


def _responsible(db: Db, rows: pl.DataFrame, day: str) -> tuple[Proposal, ...]:
    """The manager of a borrower without one becomes responsible; any other manager than the responsible is proposed."""
    pairs = rows.filter(pl.col("manager").is_not_null()).select("borrower", "manager").unique(maintain_order=True)
    now: dict[str, str] = dict(db.rows("SELECT subject, manager FROM responsible ORDER BY since, recorded_at, case_id"))
    new, proposals = [], []
    for borrower, manager in pairs.iter_rows():
        holder = now.setdefault(borrower, "")
        if not holder:
            now[borrower] = manager
            new.append((borrower, day, manager, None))
        elif holder != manager:
            proposals.append(Proposal(borrower, holder, manager))
    db.insert("responsible", ("subject", "since", "manager", "case_id"), new)
    return tuple(proposals)


def _digests(rows: pl.DataFrame) -> Iterator[str]:
    """SHA-256 of each row as JSON, of what is the facility's own."""
    for text in rows.select(pl.struct(pl.exclude(PREMISES)).struct.json_encode()).to_series():
        yield hashlib.sha256(text.encode()).hexdigest()


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as e:
        raise IntakeError(f"{file} cannot be read ({e.strerror}): check the path and the right to read it.") from e


def _lasting(file: Path, place: Path) -> None:
    """Puts a finished file in its place; a reader sees all of it or nothing, also after a power cut."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
    file.replace(place)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except (OSError, pl.exceptions.PolarsError) as e:
        why = (getattr(e, "strerror", None) or str(e)).splitlines()[0]
        raise IntakeError(f"The folder for snapshots, {folder}, cannot be written ({why}), and nothing was changed: "
                          "check its rights and the room on the disk.") from e  # fmt: skip


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".import-", dir=folder) as shop:
        yield Path(shop)
