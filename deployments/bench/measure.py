"""What is measured, and in which order."""

from collections.abc import Callable, Mapping, Sequence

from deployments.bench.crowd import crowd
from deployments.bench.door import bulk, decide, lifecycles, opens
from deployments.bench.place import BACKENDS, empty, place
from deployments.bench.portal import portal
from deployments.bench.process import staff
from deployments.bench.proof import proof
from deployments.bench.run import run
from deployments.bench.size import FULL, Size
from door.db import Db, connect

MEASURES: Mapping[str, Callable[[Db, Size], dict[str, float]]] = {
    "opens": opens, "decisions": decide, "bulk": bulk, "lifecycles": lifecycles, "crowd": crowd, "proof": proof,
    "run": run, "portal": portal,
}  # fmt: skip


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
        with empty(url, name) as fresh, connect(fresh) as db:
            staff(db)
            found.update((key, round(value, 4)) for key, value in MEASURES[name](db, size).items())
    return found
