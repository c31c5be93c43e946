"""One connection to the database, by the driver itself: the door's SQL is written once, with `?`, for both.

SQLAlchemy declares the schema and serves read models; on the way of every decision it would cost more than the
decision. Dates go in and come out as ISO text on both databases.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from fcntl import LOCK_EX, LOCK_UN, flock
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg.types.string import TextLoader

Row = tuple[Any, ...]
WAIT_S = 30  # for a lock that a program other than ours holds
COPY_FROM = 200  # rows from which COPY is faster than a pipelined INSERT


class Unreachable(Exception):
    """The database cannot be used; the message says which, why, and what to do."""


@lru_cache(maxsize=512)
def _numbered(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


class Db:
    """A connection of one thread. `?` placeholders; `rows` reads, `run` changes, `insert` is the fastest way in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect = "sqlite" if url.startswith("sqlite") else "postgresql"
        self.inside = False
        if self.dialect == "sqlite":
            self._lite, self._turn = _open_sqlite(url)
        else:
            self._pg = _open_postgresql(url)
            self._cursor = self._pg.cursor()

    def rows(self, sql: str, *params: Any) -> list[Row]:
        if self.dialect == "sqlite":
            return self._lite.execute(sql, params).fetchall()
        return self._cursor.execute(_numbered(sql), params or None).fetchall()

    def stream(self, sql: str, *params: Any, size: int = 5000) -> Iterator[list[Row]]:
        """The same in blocks, for what does not fit in memory."""
        if self.dialect == "sqlite":
            cursor = self._lite.execute(sql, params)
            while block := cursor.fetchmany(size):
                yield block
            return
        with self._pg.cursor(name="stream", withhold=not self.inside) as server_side:
            server_side.execute(_numbered(sql), params or None)
            while block := server_side.fetchmany(size):
                yield block

    def run(self, sql: str, *params: Any) -> int:
        if self.dialect == "sqlite":
            with nullcontext() if self.inside else self._in_turn():
                return self._lite.execute(sql, params).rowcount
        return self._cursor.execute(_numbered(sql), params or None).rowcount

    def many(self, sql: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        if self.dialect == "sqlite":
            self._lite.executemany(sql, rows)
        elif len(rows) == 1:
            self._cursor.execute(_numbered(sql), rows[0])
        else:
            self._cursor.executemany(_numbered(sql), rows)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Rows into a table: executemany on SQLite; on PostgreSQL COPY when there are many."""
        if not rows:
            return
        if self.dialect == "postgresql" and len(rows) >= COPY_FROM:
            with self._cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join("?" * len(columns))
        self.many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    @contextmanager
    def transaction(self) -> Iterator["Db"]:
        """All or nothing. SQLite takes the write lock at once (BEGIN IMMEDIATE), so nothing read inside goes stale."""
        self.inside = True
        try:
            self._begin()
            yield self
            self._say("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._end()

    @contextmanager
    def snapshot(self) -> Iterator["Db"]:
        """A consistent view for reading: what others commit meanwhile is not seen."""
        self._say("BEGIN" if self.dialect == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self.inside = True
        try:
            yield self
        finally:
            self.inside = False
            self._roll_back()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """A change by itself waits in the same line as the transactions."""
        flock(self._turn, LOCK_EX)
        try:
            yield
        finally:
            flock(self._turn, LOCK_UN)

    def _begin(self) -> None:
        """On SQLite writers take turns at a file lock, which wakes them in the order they came. SQLite's own waiting
        tries again and again, less often the longer it lasts: beside a long list a person would wait for seconds."""
        if self.dialect == "sqlite":
            flock(self._turn, LOCK_EX)
        self._say("BEGIN IMMEDIATE" if self.dialect == "sqlite" else "BEGIN")

    def _end(self) -> None:
        self.inside = False
        if self.dialect == "sqlite":
            flock(self._turn, LOCK_UN)

    def _say(self, sql: str) -> None:
        (self._lite if self.dialect == "sqlite" else self._cursor).execute(sql)

    def _roll_back(self) -> None:
        if self._lite.in_transaction if self.dialect == "sqlite" else not self._pg.closed:
            self._say("ROLLBACK")

    def close(self) -> None:
        if self.dialect == "sqlite":
            self._lite.close()
            self._turn.close()
        else:
            self._pg.close()

    def __enter__(self) -> "Db":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(url: str) -> Db:
    """Opens `sqlite:///path` or `postgresql://…`. Raises Unreachable with one sentence."""
    return Db(url)


def path_of(url: str) -> Path:
    """The file of a SQLite URL."""
    return Path(re.sub(r"^sqlite:///", "", url))


def _open_sqlite(url: str) -> tuple[sqlite3.Connection, IO[bytes]]:
    path = path_of(url)
    try:
        lite = sqlite3.connect(
            path, timeout=WAIT_S, isolation_level=None, cached_statements=256, check_same_thread=False
        )
        lite.execute("PRAGMA journal_mode=WAL")
        lite.execute("PRAGMA synchronous=FULL")
        lite.execute("PRAGMA foreign_keys=ON")
        lite.execute("PRAGMA cache_size=-65536")
        lite.execute("PRAGMA wal_autocheckpoint=16000")  # pages: long lists rewrite the same ones
        turn = Path(f"{path}-turn").open("ab")  # noqa: SIM115 - closed with the connection
    except (sqlite3.Error, OSError) as e:
        raise Unreachable(f"The database {path} cannot be used ({e}): check that the folder exists, is writable and "
                          "has room, or name another with --database.") from e  # fmt: skip
    return lite, turn


def _open_postgresql(url: str) -> "psycopg.Connection[Row]":
    try:
        pg = psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True, connect_timeout=10)
    except psycopg.Error as e:
        first = str(e).strip().splitlines()[0]
        raise Unreachable(f"The database server does not answer ({first}): check that it runs and that the URL's host, "
                          "port, name and password are right.") from e  # fmt: skip
    pg.adapters.register_loader("date", TextLoader)
    pg.prepare_threshold = 2
    return pg


def one(rows: Iterable[Row]) -> Row | None:
    """The only row, or None."""
    return next(iter(rows), None)
