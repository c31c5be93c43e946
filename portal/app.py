"""The portal as one application: routes, guard, and what is said where something can't be."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from door.db import Unreachable
from portal import files, handed
from portal.api import api
from portal.guard import Guard, TooLarge, numbered
from portal.house import Me, Portal, portal_of
from portal.page import show_anybody, spoken
from portal.pages import (
    account,
    anchors,
    audit,
    batch,
    case,
    cases,
    controls,
    decision,
    evidence,
    hooks,
    inbox,
    operations,
    relation,
    replaying,
    signin,
    staff,
    step,
    streams,
    visit,
)
from portal.provider import Declared, Provider
from portal.who import access
from portal.who.asking import COOKIE, Forged, NotThere, SentTooLate, SignInFirst
from portal.who.proof import ProveFirst
from portal.words.reader import Reader
from tasks.house import House

PAGES = (
    signin,
    account,
    inbox,
    batch,
    cases,
    case,
    relation,
    step,
    visit,
    evidence,
    decision,
    controls,
    operations,
    audit,
    anchors,
    replaying,
    streams,
    staff,
    hooks,
)


def create(house: House, hosts: Sequence[str] = ("127.0.0.1", "localhost"),
           wake: Callable[[str], None] = lambda stage: None, prefect: Callable[[], str] = lambda: "",
           accounts: Declared | None = None) -> FastAPI:  # fmt: skip
    """`hosts` are the names by which it may be asked for; `wake` is called with the stage that has to do now; `prefect`
    gives the address of Prefect's API, empty where there is none; `accounts` is the bank's account service."""
    plain = not house.portal.startswith("https://")
    provider = Provider(accounts, f"{house.portal}{account.HERE}/back") if accounts else None
    portal = Portal(house, wake, plain, prefect, provider)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        portal.close()

    app = FastAPI(title="Post-loan management", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.state.portal = portal
    app.add_middleware(Guard, hosts=hosts, secure=not plain, failed=_failed)
    for page in PAGES:
        app.include_router(page.router)
    app.mount("/api/v1", api(portal))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")

    @app.exception_handler(SignInFirst)
    def sign_in_first(request: Request, e: SignInFirst) -> Response:
        return RedirectResponse(f"/signin?next={e.next}", 303)

    @app.exception_handler(SentTooLate)
    def sent_too_late(request: Request, e: SentTooLate) -> Response:
        return RedirectResponse(e.next, 303)

    @app.exception_handler(ProveFirst)
    def prove_first(request: Request, e: ProveFirst) -> Response:
        return account.prove_first(e.asking, e.next)

    @app.exception_handler(NotThere)
    def not_there(request: Request, e: NotThere) -> Response:
        return _told(request, 404, "not_there")

    @app.exception_handler(Forged)
    def forged(request: Request, e: Forged) -> Response:
        return _told(request, 403, "forged")

    @app.exception_handler(HTTPException)
    def http(request: Request, e: HTTPException) -> Response:
        return _told(request, e.status_code, "not_there" if e.status_code == 404 else "odd")

    @app.exception_handler(TooLarge)
    def too_large(request: Request, e: TooLarge) -> Response:
        if "application/json" in request.headers.get("accept", ""):  # of the page's script, which sends a file
            says = handed.says(Reader(spoken(request)), files.Unfit("too_large"))
            return JSONResponse({"says": says}, 413)
        return _told(request, 413, "too_large")

    @app.exception_handler(Unreachable)
    def unreachable(request: Request, e: Unreachable) -> Response:
        return show_anybody(request, "problem.html", 503, what="unreachable")

    return app


def _failed(request: Request, defect: Exception) -> Response:
    return _told(request, 500, "defect", number=numbered(defect), asked=request.method in ("GET", "HEAD"))


def _told(request: Request, status: int, what: str, **more: object) -> Response:
    """Why not; to whoever is signed in in his language, with his menu."""
    return show_anybody(request, "problem.html", status, _reader(request), what=what, **more)


def _reader(request: Request) -> Me | None:
    portal, cookie = portal_of(request), request.cookies.get(COOKIE, "")
    with suppress(Exception), portal.db() as db:  # what has failed may be this very thing
        return access.session(db, portal, cookie, portal.house.business_date().isoformat()) if cookie else None
    return None
