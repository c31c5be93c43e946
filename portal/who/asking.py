"""Dependencies of the routes: who asks, and what he sent. Not signed in: to the sign-in page and back; a form that was
not made for this sign-in is refused."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from door.db import Db
from portal.house import Answered, Asking, Connection, portal_of
from portal.who import access, unsent

COOKIE = "postloan"
#: What the bank's account service is to be shown at the end; in the browser alone, and sent when somebody signs out.
HINT, SIGN_OUT = "postloan_account", "/signout"
FORM = "_form"  # the hidden field that carries the session's token


class SignInFirst(Answered):
    """Nobody is signed in; `next`: where to go after."""

    def __init__(self, next: str) -> None:
        self.next = next


class NotThere(Answered):
    """There is nothing at this address, or nothing for him: the same answer for both."""


class Forged(Answered):
    """A form that no page of this sign-in sent."""


class SentTooLate(Answered):
    """A form of ours, of an earlier sign-in; `next`: where he finds again what he wrote."""

    def __init__(self, next: str) -> None:
        self.next = next


def caller_of(request: Request) -> str:
    """The address that it comes from."""
    return request.client.host if request.client else ""


def signed_in(request: Request, db: Connection) -> Asking:
    asking = _asking(request, db)
    if asking is None:
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInFirst(quote(where if request.method in ("GET", "HEAD") else "/inbox", safe="/"))
    return asking


def _asking(request: Request, db: Db, over: bool = False) -> Asking | None:
    """Who asks, if he is signed in; `over`: who did while he was."""
    portal, cookie = portal_of(request), request.cookies.get(COOKIE, "")
    day = portal.house.business_date().isoformat()
    me = access.session(db, portal, cookie, day, over) if cookie else None
    return Asking(request, portal, db, me, day) if me else None


async def sent(request: Request) -> AsyncIterator[FormData]:
    """The form's fields and files. One request hands in at most 4,000 fields (a form of many facilities) and 60 files. No
    page of ours sends a NUL, and PostgreSQL keeps none."""
    async with request.form(max_files=60, max_fields=4000) as form:
        if any("\0" in name or (isinstance(value, str) and "\0" in value) for name, value in form.multi_items()):
            raise HTTPException(400)
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


def posted(request: Request, db: Connection, form: Annotated[FormData, Depends(sent)]) -> Posted:
    """Whatever comes too late, the sign-in being over or another, is kept for who sent it: its own token says that it was
    he, or its origin that a page of ours was sent, to which the guard has held it."""
    asking, token = _asking(request, db), str(form.get(FORM, ""))
    if asking is None:
        late = _asking(request, db, over=True)
        own = late is not None and access.same(token, late.me.csrf)
        raise SignInFirst(unsent.keep(late, form, FORM) if late and own else "/inbox")
    if not access.same(token, asking.me.csrf):
        if request.headers.get("origin"):
            raise SentTooLate(unsent.keep(asking, form, FORM))
        raise Forged
    unsent.drop(asking, str(form.get(unsent.FIELD, "")))
    return Posted(asking, form)


SignedIn = Annotated[Asking, Depends(signed_in)]
Form = Annotated[Posted, Depends(posted)]
