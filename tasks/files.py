"""Files of the installation that runs depend on, each named by its SHA-256, so that a record can name its inputs."""

import hashlib
import io
import os
from pathlib import Path

import polars as pl

from door.db import Db

CONDITION = dict.fromkeys(("facility", "name", "kind", "value", "source"), pl.String)


def keep(frame: pl.DataFrame, folder: Path) -> str:
    """Writes a frame as Parquet, whole or not at all, and returns the SHA-256 that names it."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    place = folder / f"{sha256}.parquet"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        half = place.with_suffix(f".{os.getpid()}")
        half.write_bytes(buffer.getvalue())
        half.replace(place)
    return sha256


def conditions(db: Db) -> pl.DataFrame:
    """The facilities' conditions set at approval, as they now stand."""
    rows = db.rows("SELECT facility, name, kind, value, source FROM condition ORDER BY facility, name")
    return pl.DataFrame(rows, CONDITION, orient="row")


def keep_conditions(db: Db, folder: Path) -> str:
    return keep(conditions(db), folder)
