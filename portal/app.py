"""The portal as one application: routes, guard, and what is said where something can't be."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from door.db import Unreachable
from portal import (
    account,
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
    replaying,
    signin,
    staff,
    step,
    visit,
)
from portal.api import api
from portal.asking import Forged, NotThere, SignInFirst
from portal.guard import Guard, TooLarge
from portal.house import Portal
from portal.page import show_anybody
from portal.proof import ProveFirst
from portal.provider import Declared, Provider
from tasks.house import House

PAGES = (
    signin,
    account,
    inbox,
    batch,
    cases,
    case,
    step,
    visit,
    evidence,
    decision,
    controls,
    operations,
    audit,
    replaying,
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
    app.add_middleware(Guard, hosts=hosts, secure=not plain)
    for page in PAGES:
        app.include_router(page.router)
    app.mount("/api/v1", api(portal))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")

    @app.exception_handler(SignInFirst)
    def sign_in_first(request: Request, e: SignInFirst) -> Response:
        return RedirectResponse(f"/signin?next={e.next}", 303)

    @app.exception_handler(ProveFirst)
    def prove_first(request: Request, e: ProveFirst) -> Response:
        return account.prove_first(e.asking, e.next)

    @app.exception_handler(NotThere)
    def not_there(request: Request, e: NotThere) -> Response:
        return show_anybody(request, "problem.html", 404, what="not_there")

    @app.exception_handler(Forged)
    def forged(request: Request, e: Forged) -> Response:
        return show_anybody(request, "problem.html", 403, what="forged")

    @app.exception_handler(HTTPException)
    def http(request: Request, e: HTTPException) -> Response:
        return show_anybody(request, "problem.html", e.status_code, what="not_there" if e.status_code == 404 else "odd")

    @app.exception_handler(TooLarge)
    def too_large(request: Request, e: TooLarge) -> Response:
        return show_anybody(request, "problem.html", 413, what="too_large")

    @app.exception_handler(Unreachable)
    def unreachable(request: Request, e: Unreachable) -> Response:
        return show_anybody(request, "problem.html", 503, what="unreachable")

    return app
