"""The portal over a small bank that has lived some weeks: one of each database for the session, browsers of people."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount

from deployments.bench.weeks import live, stages
from deployments.demo import BEGIN
from door.db import Db, connect
from portal.app import create
from portal.house import Portal
from portal.who import access
from portal.who.asking import COOKIE
from tasks.house import House
from tests.conftest import Once, pg_url
from tests.deployments.conftest import api, eventually, migrated, port
from tests.portal.browser import chromium, served
from tests.tasks.lived import moved

__all__ = ["api", "chromium", "eventually", "migrated", "port", "served"]  # fixtures of the tests of deployments
PASSWORD = "correct horse battery"  # noqa: S105 - of invented people
WEEKS, LOANS = 5, 200
LAST = BEGIN + timedelta(weeks=WEEKS - 1)
#: For what the portal says before it asks the database, or whatever it is told by it.
ON_ONE = pytest.mark.parametrize("office", ["sqlite"], indirect=True)
_EMPTY: list[FastAPI] = []  # applications whose offices have closed


@dataclass
class Office:
    """The portal and the bank behind it. `at(person)` is his browser, signed in; `db` looks behind."""

    house: House
    url: str
    loop: BlockingPortal
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = _moved_into(Portal(self.house, self.woken.append))
        self.db = connect(self.url)
        self._browsers: dict[str, TestClient] = {}

    def browser(self) -> TestClient:
        """Of nobody yet; redirects are not followed, so that a test sees them."""
        made = TestClient(self.app, base_url="http://127.0.0.1", follow_redirects=False)
        made.portal = self.loop
        made.cookies.set("language", "en")  # whatever its person's own is
        return made

    def at(self, person: str) -> TestClient:
        if person not in self._browsers:
            browser = self.browser()
            cookie = access.admit(self.db, self.app.state.portal, person, "127.0.0.1", "password")
            browser.cookies.set(COOKIE, cookie)
            self._browsers[person] = browser
        return self._browsers[person]

    def form(self, person: str) -> str:
        """The hidden token that his forms carry."""
        return access.csrf(self.at(person).cookies[COOKIE])

    def post(self, person: str, path: str, **fields: object) -> object:
        return self.at(person).post(path, data={"_form": self.form(person), **fields})

    def of(self, role: str, n: int = 0) -> str:
        """The nth person of a role."""
        rows = self.db.rows("SELECT DISTINCT g.person FROM role_grant g JOIN person p ON p.id = g.person WHERE "
                            "g.role = ? AND g.until IS NULL AND p.until IS NULL ORDER BY g.person", role)  # fmt: skip
        return str(rows[n][0])

    def close(self) -> None:
        self.app.state.portal.close()
        _EMPTY.append(self.app)
        self.db.close()


def _moved_into(portal: Portal) -> FastAPI:
    """The portal's application, which answers for whichever office it is given: to find out anew what each address takes
    would be longer than most of the tests."""
    app = _EMPTY.pop() if _EMPTY else create(portal.house)
    for part in (app, *(route.app for route in app.routes if isinstance(route, Mount))):
        if isinstance(part, FastAPI):
            part.state.portal = portal
    return app


@pytest.fixture(scope="session")
def lived_lite(once: Once, lite_template: Path) -> House:
    """The bank in the evening of its last day: the flows have run once more, and what came of people's acts waits for
    others."""

    def fill(home: Path) -> None:
        shutil.copy(lite_template, home / "postloan.db")
        here = live(f"sqlite:///{home / 'postloan.db'}", home, weeks=WEEKS, loans=LOANS)
        with here.db() as db:
            stages(db, here, LAST)
            db.run("PRAGMA wal_checkpoint(TRUNCATE)")

    home = once("portal", fill)
    return House(f"sqlite:///{home / 'postloan.db'}", home, today=lambda: LAST)


@pytest.fixture(scope="session")
def lived_pg(lived_lite: House, pg_copy: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> House:
    """The same on PostgreSQL. (That it would have lived the same life there is shown by the replay's tests.)"""
    return moved(lived_lite, pg_copy("portal_lived"), tmp_path_factory.mktemp("lived"))


@pytest.fixture(scope="session")
def loop() -> Iterator[BlockingPortal]:
    """Where the pages of all offices run: else each request would have a thread and an event loop of its own."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path, quick_passwords: None) -> Iterator[Office]:
    with moved_in(request, tmp_path) as made:
        yield made


@contextmanager
def moved_in(request: pytest.FixtureRequest, folder: Path) -> Iterator[Office]:
    """A copy of the bank that lived five weeks, in the evening of its last day, on the database that the fixture names."""
    if request.param == "sqlite":
        lived = request.getfixturevalue("lived_lite")
        shutil.copytree(lived.home, folder / "home")
        url = f"sqlite:///{folder / 'home' / 'postloan.db'}"
    else:
        lived = request.getfixturevalue("lived_pg")
        admin, name = request.getfixturevalue("pg_admin"), f"o{abs(hash(request.node.nodeid))}"
        admin.run(f"CREATE DATABASE {name} TEMPLATE portal_lived STRATEGY FILE_COPY")
        shutil.copytree(lived.home, folder / "home")
        url = pg_url(admin.url, name)
    made = Office(replace(lived, url=url, home=folder / "home"), url, request.getfixturevalue("loop"))
    yield made
    made.close()
    if request.param == "postgresql":
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def db(office: Office) -> Db:
    return office.db
