"""The portal over a small bank that has lived some weeks: one of each database for the session, browsers of people."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from deployments.bench.weeks import live, stages
from door.db import Db, connect
from portal import access
from portal.app import create
from portal.asking import COOKIE
from tasks.house import House, random_salts, utc_now
from tests.conftest import pg_url
from tests.deployments.conftest import api, eventually, migrated, port
from tests.portal.browser import chromium, served

__all__ = ["api", "chromium", "eventually", "migrated", "port", "served"]  # fixtures of the tests of deployments
PASSWORD = "correct horse battery"  # noqa: S105 - of invented people
WEEKS, LOANS = 5, 200


@dataclass
class Office:
    """The portal and the bank behind it. `at(person)` is his browser, signed in; `db` looks behind."""

    house: House
    url: str
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = create(self.house, wake=self.woken.append)
        self.db = connect(self.url)
        self._browsers: dict[str, TestClient] = {}

    def browser(self) -> TestClient:
        """Of nobody yet; redirects are not followed, so that a test sees them."""
        made = TestClient(self.app, base_url="http://127.0.0.1", follow_redirects=False)
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
        self.db.close()


def in_the_middle(here: House) -> House:
    """In the evening of the last day: the flows have run once more, and what came of people's acts waits for others."""
    with here.db() as db:
        stages(db, here, here.business_date())
    return here


@pytest.fixture(scope="session")
def lived_lite(lite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    home = tmp_path_factory.mktemp("portal")
    shutil.copy(lite_template, home / "postloan.db")
    return in_the_middle(live(f"sqlite:///{home / 'postloan.db'}", home, weeks=WEEKS, loans=LOANS))


@pytest.fixture(scope="session")
def lived_pg(pg_copy: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> House:
    return in_the_middle(live(pg_copy("portal_lived"), tmp_path_factory.mktemp("portal"), weeks=WEEKS, loans=LOANS))


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """A copy of the bank that lived five weeks, in the evening of its last day."""
    if request.param == "sqlite":
        lived = request.getfixturevalue("lived_lite")
        shutil.copytree(lived.home, tmp_path / "home")
        url = f"sqlite:///{tmp_path / 'home' / 'postloan.db'}"
    else:
        lived = request.getfixturevalue("lived_pg")
        admin, name = request.getfixturevalue("pg_admin"), f"o{abs(hash(request.node.nodeid))}"
        admin.run(f"CREATE DATABASE {name} TEMPLATE portal_lived STRATEGY FILE_COPY")
        shutil.copytree(lived.home, tmp_path / "home")
        url = pg_url(admin.url, name)
    day: date = lived.business_date()
    made = Office(replace(lived, url=url, home=tmp_path / "home", now=utc_now, salts=random_salts,
                          today=lambda: day), url)  # fmt: skip
    yield made
    made.close()
    if request.param == "postgresql":
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def db(office: Office) -> Db:
    return office.db
