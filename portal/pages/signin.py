"""Sign-in, sign-out, what was sent when a sign-in had ended, and what a person chooses for himself: language and scheme."""

from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from door.command import Refused
from portal.house import Asking, Connection, portal_of
from portal.page import show, show_anybody, spoken
from portal.provider import Unanswered
from portal.who import access, unsent
from portal.who.asking import COOKIE, HINT, SIGN_OUT, Form, SignedIn, caller_of, sent
from portal.words.labels import labels
from portal.words.reader import LANGUAGES, Reader, names_of

router = APIRouter()
OUT = "out"  # why the sign-in is shown: he has signed out


@router.get("/")
def home() -> Response:
    return RedirectResponse("/inbox", 303)


@router.get("/signin")
def asked(request: Request, next: str = "/inbox", over: str = "", state: str = "") -> Response:
    """`state`: what he comes back with from the account service."""
    return page(request, 200, ours(next), OUT if state == OUT else over)


@router.post("/signin")
def sign_in(request: Request, db: Connection, form: Annotated[FormData, Depends(sent)]) -> Response:
    person, password, next = (str(form.get(name, "")) for name in ("username", "password", "next"))
    portal = portal_of(request)
    found = access.sign_in(db, portal, person, password, caller_of(request))
    if isinstance(found, Refused):
        until = str(found.facts.get("until", ""))
        return page(request, 429 if until else 401, ours(next), found.code, until, person)
    answer = RedirectResponse(ours(next), 303)
    answer.set_cookie(COOKIE, found, httponly=True, samesite="lax", secure=not portal.plain, path="/")
    return answer


@router.post(SIGN_OUT)
def sign_out(posted: Form) -> Response:
    """Here first. Who came by the bank's account service is sent there by a page: no form of ours leads to another site."""
    asking = posted.asking
    access.sign_out(asking.db, asking.portal, asking.me, posted.text("everywhere") == "yes")
    answer: Response = RedirectResponse(f"/signin?over={OUT}", 303)
    if there := _there(asking):
        answer = show_anybody(asking.request, "signed_out.html", there=there)
    answer.delete_cookie(COOKIE, path="/")
    answer.delete_cookie(HINT, path=SIGN_OUT)
    return answer


def _there(asking: Asking) -> str:
    """Where he is signed out besides; empty: nowhere, or it does not answer."""
    provider, house = asking.portal.provider, asking.portal.house
    if provider is None or asking.me.way != "oidc":
        return ""
    try:
        return provider.leaving(asking.request.cookies.get(HINT, ""), f"{house.portal}/signin", OUT)
    except Unanswered:
        return ""


@router.post("/preferences")
def preferences(posted: Form) -> Response:
    """Kept in the browser: what he chooses here is no business of the bank's."""
    answer = RedirectResponse(ours(posted.text("next") or "/inbox"), 303)
    if (language := posted.text("language")) in LANGUAGES:
        answer.set_cookie("language", language, samesite="lax", httponly=True)
    if theme := posted.text("theme"):
        answer.set_cookie("theme", theme if theme in ("light", "dark") else "", samesite="lax", httponly=True)
    return answer


@router.get(unsent.HERE)
def not_sent(asking: SignedIn) -> Response:
    """What he sent after his sign-in had ended."""
    say = Reader(spoken(asking.request, asking.me.language)).say
    called = labels(say)
    forms = unsent.kept(asking)
    names = names_of(asking.db, [value for _, sent, _ in forms for name, value in sent if name == "to"])
    wrote = [[(called[n], names.get(v, v)) for n, v in sent if n in called and v] for _, sent, _ in forms]
    return show(asking, "unsent.html", forms=[(path, sent, at, w) for (path, sent, at), w in zip(forms, wrote, strict=True)],
                field=unsent.FIELD)  # fmt: skip


@router.post(unsent.HERE)
def drop(posted: Form) -> Response:
    unsent.drop(posted.asking, posted.text("drop"))
    return RedirectResponse(unsent.HERE, 303)


def page(request: Request, status: int, next: str, problem: str = "", until: str = "", person: str = "") -> Response:
    """The sign-in, and what went wrong with one."""
    return show_anybody(request, "signin.html", status, next=next, problem=problem, until=until, person=person,
                        account=portal_of(request).provider is not None)  # fmt: skip


def ours(next: str) -> str:
    """Where to go after: an address of ours, never another site's."""
    path = unquote(next)
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and not any(c < " " or c == "\\" for c in path)
    return path if plain else "/inbox"
