"""A bank that has lived, taken to another home and another database."""

import shutil
from dataclasses import replace
from pathlib import Path

from sqlmodel import SQLModel

import models.access
import models.reference  # noqa: F401 - their tables are moved too, also where nobody has asked for them yet
from models.tables import KINDS
from tasks.house import House


def moved(lived: House, url: str, home: Path) -> House:
    """The same bank in another home, and in another database, which is empty: table by table."""
    shutil.copytree(lived.home, home, ignore=shutil.ignore_patterns("*.db*"), dirs_exist_ok=True)
    here = replace(lived, url=url, home=home)
    with lived.db() as old, here.db() as new:
        new.run("PRAGMA foreign_keys = OFF" if new.dialect == "sqlite" else "SET session_replication_role = replica")
        with new.transaction():
            for table in KINDS:
                names = [column.name for column in SQLModel.metadata.tables[table].columns]
                new.run(f"DELETE FROM {table}")
                new.insert(table, names, old.rows(f"SELECT {', '.join(names)} FROM {table}"))
    return here
