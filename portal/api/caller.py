"""Who calls: a program by its bearer token, within its scopes; or somebody signed in, who may what he may."""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from door import store
from door.command import Refused
from door.db import Db, one
from door.fold import CASE_COLUMNS, State, load
from portal.case.scope import scope
from portal.case.sight import shown
from portal.house import Answered, Asking, Connection, Me, portal_of
from portal.page import status_of
from portal.who import access
from portal.who.asking import COOKIE
from tasks.sentences import sentence

LARGEST = 2**53 - 1
COLUMNS = ", ".join(f"c.{name}" for name in CASE_COLUMNS)
SCOPES = ("assignments:read", "packages:write", "checks:write", "cases:read", "act")
PROGRAMS_ALONE = ("checks:write",)


class Problem(Answered):
    """What is said instead of an answer (RFC 9457): status, a code of ours, one sentence, further members."""

    def __init__(self, status: int, code: str, says: str, **more: Any) -> None:
        self.status, self.code, self.says, self.more = status, code, says, more


@dataclass
class Caller:
    """`name` stands in the journal where no person acts; `asking` is None where the program acts for nobody."""

    name: str
    db: Db
    asking: Asking | None
    request: Request

    @property
    def person(self) -> Asking:
        if self.asking is None:
            raise Problem(403, "nobody", "This program acts in nobody's name: it may only ask the gate.")
        return self.asking


def seen(caller: Caller, case: int) -> tuple[State, str]:
    """The case, if it is the caller's to see, and the borrower's name. Raises Problem."""
    where, values = scope(caller.person, of_one=True)
    row = one(caller.db.rows(f"SELECT coalesce(b.name, ''), {COLUMNS} FROM cases c LEFT JOIN borrower b "
                             f"ON b.id = c.subject WHERE c.id = ? AND {where}", max(0, min(case, LARGEST)), *values))  # fmt: skip
    if row is None:
        raise Problem(404, "no_case", f"There is no case {case}.")
    return shown(caller.person, [load(row[1:])])[0], row[0]


def refusal(refused: Refused) -> Problem:
    """What the door said no to, as it is answered."""
    status = 422 if refused.code == "form" else status_of(refused)
    return Problem(status, refused.code, sentence(refused), facts=dict(refused.facts))


def issue(db: Db, name: str, person: str, scopes: list[str], ends_on: date) -> str:
    """A new program's secret: shown once, stored as its hash. Raises ValueError for a scope that there is not."""
    if strange := [s for s in scopes if s not in SCOPES]:
        raise ValueError(f"There is no scope {strange[0]}; there are {', '.join(SCOPES)}.")
    secret = f"plm_{secrets.token_urlsafe(32)}"
    db.run("INSERT INTO machine (token, name, person, scopes, ends_on) VALUES (?, ?, ?, ?, ?)", _digest(secret), name,
           person, " ".join(scopes), ends_on.isoformat())  # fmt: skip
    return secret


def may(scope: str) -> Callable[..., Iterator[Caller]]:
    """A dependency: the caller, if the scope is his."""

    def caller(
        request: Request,
        db: Connection,
        authorization: Annotated[str, Header(include_in_schema=False)] = "",
        x_form_token: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Iterator[Caller]:
        if authorization:
            yield _machine(request, db, authorization, scope)
        else:
            yield _signed_in(request, db, x_form_token, scope)

    return caller


def _machine(request: Request, db: Db, authorization: str, scope: str) -> Caller:
    portal = portal_of(request)
    day = portal.house.business_date().isoformat()
    kind, _, secret = authorization.partition(" ")
    found = one(
        db.rows("SELECT name, person, scopes FROM machine WHERE token = ? AND ends_on >= ?", _digest(secret), day)
    )
    if kind.lower() != "bearer" or found is None:
        raise Problem(401, "unknown_program", "The bearer token is not known, or has ended: ask for a new one.")
    name, person, scopes = found
    if scope not in scopes.split():
        raise Problem(403, "scope", f"This program has no scope {scope}.", scope=scope)
    if not person:
        return Caller(name, db, None, request)
    who = store.people(db, [person], day).get(person)
    if who is None:
        raise Problem(403, "unknown_person", f"{person}, in whose name this program acts, is not in service.")
    me = Me(who, person, "", "en", "", "", "")
    return Caller(name, db, Asking(request, portal, db, me, day), request)


def _signed_in(request: Request, db: Db, form: str, scope: str) -> Caller:
    portal = portal_of(request)
    day = portal.house.business_date().isoformat()
    cookie = request.cookies.get(COOKIE, "")
    me = access.session(db, portal, cookie, day) if cookie else None
    if me is None:
        raise Problem(401, "sign_in", "Send a bearer token, or sign in first.")
    if request.method not in ("GET", "HEAD") and not access.same(form, me.csrf):
        raise Problem(403, "forged", "A session's requests carry its form token in X-Form-Token.")
    if scope in PROGRAMS_ALONE:
        raise Problem(403, "program", "The gate is asked by a program with a token of its own, not by a person.")
    return Caller(me.id, db, Asking(request, portal, db, me, day), request)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


Key = Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$",
                            description="Makes a repeat harmless: the same key gets the first answer again.")]  # fmt: skip
Reads = Annotated[Caller, Depends(may("cases:read"))]
Visits = Annotated[Caller, Depends(may("assignments:read"))]
HandsIn = Annotated[Caller, Depends(may("packages:write"))]
Pays = Annotated[Caller, Depends(may("checks:write"))]
Acts = Annotated[Caller, Depends(may("act"))]
