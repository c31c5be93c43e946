"""The schema: up, down, equal to the models; the journal immutable in the database itself."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from door.anchor import signer, verifier
from door.audit import audit
from door.db import Db, connect
from door.schema import config, connection, create, current
from models.tables import KINDS
from processes import PROCESSES
from tests.door.history import history

PROVEN = ("entry", "anchor", *(table for table, kind in KINDS.items() if kind == "projection"))
COLUMNS = ("stream", "seq", "action", "person", "role", "step", "round", "key", "business_date", "recorded_at", "digest",
           "prev", "hash", "salt", "payload")  # fmt: skip
LINK = ("case:1", 1, "open", "system", "system", "a", 1, "k", "2026-01-05", "2026-01-05T00:00:00.000000Z", "0" * 64, "0" * 64,
        "1" * 64, "ab", "{}")  # fmt: skip


def test_the_migrations_and_the_models_declare_the_same_tables(url: str) -> None:
    with connection(url) as c:
        assert compare_metadata(MigrationContext.configure(c), SQLModel.metadata) == []


def test_down_and_up_again_leaves_the_same_schema(url: str) -> None:
    with connection(url) as c:
        command.downgrade(config(c), "base")
    assert not current(url)
    create(url)
    assert current(url)


@pytest.mark.parametrize("older", ["0005", "0002"])
def test_an_older_schema_with_rows_in_it_comes_up_to_the_newest(url: str, db: Db, tmp_path: Path, older: str) -> None:
    """All that the audit compares is as the journal says, with what later versions added and filled."""
    history(db, signer(tmp_path / "anchor.key"))
    before = {table: sorted(db.rows(f"SELECT * FROM {table}"), key=repr) for table in PROVEN}
    db.close()
    with connection(url) as c:
        command.downgrade(config(c), older)
    assert not current(url)
    create(url)
    with connect(url) as again:
        assert {table: sorted(again.rows(f"SELECT * FROM {table}"), key=repr) for table in PROVEN} == before
        seen = audit(again, PROCESSES, verifier(tmp_path / "anchor.pub"))
        assert (seen.faults, seen.anchors) == ([], 2)
        assert seen.entries == len(before["entry"]) > 300


def test_an_entry_is_neither_changed_nor_removed_and_only_payload_with_salt_is_erased(db: Db) -> None:
    db.insert("entry", COLUMNS, [LINK])
    for sql in (
        "DELETE FROM entry",
        "UPDATE entry SET action = 'close'",
        "UPDATE entry SET payload = '{}'",
        "UPDATE entry SET payload = NULL",
        "UPDATE entry SET payload = NULL, salt = NULL, person = 'other'",
        *(["TRUNCATE entry"] if db.dialect == "postgresql" else []),
    ):
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RaiseException), match="immutable"):
            db.run(sql)
    db.run("UPDATE entry SET payload = NULL, salt = NULL")
    assert db.rows("SELECT payload, salt, action FROM entry") == [(None, None, "open")]


def test_no_other_row_takes_the_place_of_an_entry(db: Db) -> None:
    second = ("case:2", *LINK[1:7], "l", *LINK[8:])
    db.insert("entry", COLUMNS, [LINK, second])
    marks = ", ".join("?" * len(COLUMNS))
    same_seq, same_key = ("case:1", *LINK[1:7], None, *LINK[8:]), ("case:3", *LINK[1:])
    if db.dialect == "sqlite":  # REPLACE takes a row away without the trigger of a DELETE
        into = f"INSERT OR REPLACE INTO entry ({', '.join(COLUMNS)}"
        tries = [
            (f"{into}) VALUES ({marks})", same_seq),
            (f"{into}) VALUES ({marks})", same_key),
            (f"{into}, rowid) VALUES ({marks}, 1)", ("case:3", *same_seq[1:])),
            ("UPDATE OR REPLACE entry SET payload = NULL, salt = NULL, rowid = 1 WHERE stream = ?", ("case:2",)),
        ]
    else:
        into, instead = f"INSERT INTO entry ({', '.join(COLUMNS)}) VALUES ({marks})", "DO UPDATE SET action = 'close'"
        tries = [
            (f"{into} ON CONFLICT (stream, seq) {instead}", same_seq),
            (f"{into} ON CONFLICT (person, key) WHERE key IS NOT NULL {instead}", same_key),
        ]
    for sql, row in tries:
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RaiseException), match="immutable"):
            db.run(sql, *row)
    assert db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry ORDER BY stream") == [LINK, second]
