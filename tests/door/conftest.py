"""A bank on both databases, and one on SQLite alone for rules that the database has no part in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from door.db import Db, connect
from tests.door.bank import Bank, found
from tests.door.crew import Crew
from tests.door.crew import crew as hired


@pytest.fixture
def bank(db: Db) -> Bank:
    """On both databases."""
    return found(db)


@pytest.fixture
def quick(lite_template: Path, tmp_path: Path) -> Iterator[Bank]:
    """On SQLite without waiting for the disk."""
    with lite(lite_template, tmp_path) as db:
        yield found(db)


@pytest.fixture
def quick_db(lite_template: Path, tmp_path: Path) -> Iterator[Db]:
    """The same without staff."""
    with lite(lite_template, tmp_path) as db:
        yield db


def lite(template: Path, folder: Path) -> Db:
    path = folder / "quick.db"
    path.write_bytes(template.read_bytes())
    db = connect(f"sqlite:///{path}")
    db.run("PRAGMA synchronous=OFF")
    return db


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    """Two processes at the door at once."""
    with hired() as crew:
        yield crew
