"""The schema: up, down, equal to the models; the journal immutable in the database itself."""

import sqlite3

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from door.db import Db
from door.schema import config, connection, create, current

LINK = ("case:1", 1, "open", "system", "system", "a", 1, "2026-01-05", "2026-01-05T00:00:00.000000Z", "0" * 64, "0" * 64,
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


def test_an_entry_is_neither_changed_nor_removed_and_only_payload_with_salt_is_erased(db: Db) -> None:
    columns = ("stream", "seq", "action", "person", "role", "step", "round", "business_date", "recorded_at", "digest",
               "prev", "hash", "salt", "payload")  # fmt: skip
    db.insert("entry", columns, [LINK])
    for sql in (
        "DELETE FROM entry",
        "UPDATE entry SET action = 'close'",
        "UPDATE entry SET payload = '{}'",
        "UPDATE entry SET payload = NULL",
        "UPDATE entry SET payload = NULL, salt = NULL, person = 'other'",
    ):
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RaiseException), match="immutable"):
            db.run(sql)
    db.run("UPDATE entry SET payload = NULL, salt = NULL")
    assert db.rows("SELECT payload, salt, action FROM entry") == [(None, None, "open")]
