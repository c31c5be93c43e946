"""The schema's versions: an empty database, or an older one, is brought to the newest by alembic."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

import models
from door.db import Unreachable, connect, path_of

MIGRATIONS = Path(models.__file__).parent / "migrations"


def config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@contextmanager
def connection(url: str) -> Iterator[Connection]:
    """A SQLAlchemy connection for schema work and read models. Raises Unreachable with one sentence."""
    if url.startswith("sqlite"):
        path_of(url).parent.mkdir(parents=True, exist_ok=True)
    connect(url).close()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as e:
        raise Unreachable(f"The database could not be changed ({str(e.orig).splitlines()[0]}): check that it is "
                          "writable and has room.") from e  # fmt: skip


def create(url: str) -> None:
    """Brings the database to the newest schema; does nothing where it is already there."""
    with connection(url) as c:
        command.upgrade(config(c), "head")


def drop(url: str) -> None:
    """Takes our tables away, and all that is in them."""
    with connection(url) as c:
        command.downgrade(config(c), "base")


def current(url: str) -> bool:
    """Is the schema the newest?"""
    with connection(url) as c:
        head = ScriptDirectory.from_config(config(c)).get_current_head()
        return MigrationContext.configure(c).get_current_revision() == head
