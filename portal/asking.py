"""Dependencies of the routes: who asks, and what he sent. Not signed in: to the sign-in page and back; a form that was
not made for this sign-in is refused."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.datastructures import FormData

from portal import access
from portal.house import Answered, Asking, Connection, portal_of

COOKIE = "postloan"
FORM = "_form"  # the hidden field that carries the session's token


class SignInFirst(Answered):
    """Nobody is signed in; `next`: where to go after."""

    def __init__(self, next: str) -> None:
        self.next = next


class NotThere(Answered):
    """There is nothing at this address, or nothing for him: the same answer for both."""


class Forged(Answered):
    """A form that no page of this sign-in sent."""


def caller_of(request: Request) -> str:
    """The address that it comes from."""
    return request.client.host if request.client else ""


def signed_in(request: Request, db: Connection) -> Iterator[Asking]:
    portal = portal_of(request)
    day = portal.house.business_date().isoformat()
    cookie = request.cookies.get(COOKIE, "")
    me = access.session(db, portal, cookie, day) if cookie else None
    if me is None:
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInFirst(quote(where if request.method in ("GET", "HEAD") else "/inbox", safe="/"))
    yield Asking(request, portal, db, me, day)


async def sent(request: Request) -> AsyncIterator[FormData]:
    """The form's fields and files. One request hands in at most 4,000 fields (a form of many facilities) and 60 files."""
    async with request.form(max_files=60, max_fields=4000) as form:
        yield form


@dataclass
class Posted:
    """Somebody signed in, and the form that he sent."""

    asking: Asking
    form: FormData

    def text(self, name: str) -> str:
        found = self.form.get(name)
        return found.strip() if isinstance(found, str) else ""

    def texts(self, name: str) -> list[str]:
        return [value for value in self.form.getlist(name) if isinstance(value, str)]

    def fields(self) -> dict[str, str]:
        """What was typed, without the token."""
        return {name: value for name, value in self.form.items() if isinstance(value, str) and name != FORM}


def posted(asking: Annotated[Asking, Depends(signed_in)], form: Annotated[FormData, Depends(sent)]) -> Posted:
    token = form.get(FORM)
    if not isinstance(token, str) or not access.same(token, asking.me.csrf):
        raise Forged
    return Posted(asking, form)


SignedIn = Annotated[Asking, Depends(signed_in)]
Form = Annotated[Posted, Depends(posted)]
