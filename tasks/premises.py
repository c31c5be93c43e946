"""Where a borrower is visited, as the newest extract says (empty where it says nothing), and how far from there something
was seen."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

import polars as pl

from door.db import Db
from door.store import among
from models.snapshot import DEGREES, PREMISES

EARTH = 6_371_009  # metres: the mean radius
Position = tuple[str, str]  # latitude and longitude in degrees, as decimal text; empty: not known


@dataclass(frozen=True, slots=True)
class Premises:
    """The address, whom to ask for there, and where they lie (degrees, as decimal text)."""

    address: str = ""
    contact: str = ""
    latitude: str = ""
    longitude: str = ""

    @property
    def position(self) -> Position:
        return self.latitude, self.longitude


def premises(db: Db, borrowers: Iterable[str]) -> dict[str, Premises]:
    """By borrower, of the newest snapshot."""
    where, values = among(db, "id", sorted(set(borrowers)))
    rows = db.rows(f"SELECT id, {', '.join(PREMISES)} FROM borrower WHERE {where}", values)
    return {id_: Premises(*row) for id_, *row in rows}


def of_borrowers() -> list[pl.Expr]:
    """What a snapshot says of the premises, by borrower: the first of its facilities that says anything."""
    return [pl.col(name).drop_nulls().first().fill_null("") for name in PREMISES]


def positions(snapshot: Path, borrowers: Iterable[str]) -> dict[str, Position]:
    """Where the premises lie by a snapshot, by borrower; one that was made before any said so says nothing."""
    frame = pl.scan_parquet(snapshot)
    if not {"latitude", "longitude"} <= set(frame.collect_schema()):
        return {}
    theirs = frame.filter(pl.col("borrower").is_in(sorted(set(borrowers)))).select("borrower", *PREMISES)
    found = theirs.group_by("borrower", maintain_order=True).agg(of_borrowers()).collect()
    return {row["borrower"]: (row["latitude"], row["longitude"]) for row in found.iter_rows(named=True)}


def metres(here: Position, there: Position) -> int | None:
    """The way along the surface of the earth (haversine), in whole metres; None where either position is not known."""
    angles = [_angle(text, most) for text, most in zip((*here, *there), (90, 180, 90, 180), strict=True)]
    known = [angle for angle in angles if angle is not None]
    if len(known) < len(angles):
        return None
    north, east, north2, east2 = known
    half = sin((north2 - north) / 2) ** 2 + cos(north) * cos(north2) * sin((east2 - east) / 2) ** 2
    return round(2 * EARTH * asin(sqrt(min(1.0, half))))


def _angle(text: str, most: int) -> float | None:
    return radians(float(text)) if re.fullmatch(DEGREES, text) and abs(float(text)) <= most else None
