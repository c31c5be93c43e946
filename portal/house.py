"""What a request is answered with: the installation, a connection of the pool, who asks, the rules and the day."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, LifoQueue
from typing import Annotated, Any

from fastapi import Depends, Request

from door.command import Clock, Person, Rules
from door.db import Db, connect
from portal.provider import Provider
from tasks import books
from tasks.house import House

KEPT = 16  # idle connections


class Answered(Exception):
    """Ends a request with an answer of its own: nothing went wrong, not even with the connection."""


@dataclass
class Portal:
    """One portal: where it works, what it tells when a case has come to a flow (`wake`: the stage's name), whether the
    browser's cookies may travel over plain HTTP (loopback only), where Prefect's API is just now (empty:
    nowhere), the bank's account service (None: people sign in by password alone)."""

    house: House
    wake: Callable[[str], None] = lambda stage: None
    plain: bool = True
    prefect: Callable[[], str] = lambda: ""
    provider: Provider | None = None
    _idle: "LifoQueue[Db]" = field(default_factory=lambda: LifoQueue(KEPT))

    @contextmanager
    def db(self) -> Iterator[Db]:
        """A connection of the pool; one under which something went wrong is closed, not put back."""
        try:
            db = self._idle.get_nowait()
        except Empty:
            db = connect(self.house.url)
        sound = False
        try:
            yield db
            sound = True
        except Answered:
            sound = True
            raise
        finally:
            if sound and not self._idle.full():
                self._idle.put(db)
            else:
                db.close()

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()


@dataclass(frozen=True, slots=True)
class Me:
    """Who is signed in. `session`: the token's hash; `csrf`: what his forms carry; `proved_at`: when he last proved
    himself (UTC instant; empty: never), by `way`: "password" or "oidc"."""

    person: Person
    name: str
    unit_name: str
    language: str
    session: str
    csrf: str
    proved_at: str
    way: str = "password"

    @property
    def id(self) -> str:
        return self.person.id

    @property
    def hands(self) -> list[str]:
        """Himself and those whom he stands in for today."""
        return [self.id, *sorted(self.person.stands_for)]

    def has(self, *roles: str) -> bool:
        return bool(self.person.roles & set(roles))


@dataclass
class Asking:
    """One request of somebody signed in."""

    request: Request
    portal: Portal
    db: Db
    me: Me
    day: str

    @property
    def rules(self) -> Rules:
        return books.rules(self.db)

    @property
    def clock(self) -> Clock:
        return self.portal.house.clock(self.portal.house.business_date())


def portal_of(request: Request) -> Portal:
    portal: Portal = request.app.state.portal
    return portal


def database(request: Request) -> Iterator[Db]:
    with portal_of(request).db() as db:
        yield db


Connection = Annotated[Db, Depends(database)]
Fields = Any  # starlette's FormData
