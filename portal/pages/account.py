"""Sign-in at the bank's account service, and proving there once more that it is still he: the browser is sent away, and
what it comes back with is looked at before anything is believed."""

from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from door.act import note
from door.command import SYSTEM
from portal.house import Asking, Connection, Me, Portal, portal_of
from portal.page import show
from portal.pages.signin import ours, page
from portal.provider import SKEW_S, Account, Errand, Provider, Unanswered, Untrue
from portal.who import access
from portal.who.asking import COOKIE, HINT, SIGN_OUT, NotThere, SignedIn, caller_of

router = APIRouter()
AWAY = "postloan_away"  # the cookie whose secret only the browser keeps while it is away
HERE = "/signin/account"
LONGEST = 3800  # of a hint; browsers keep 4,096 bytes with name and attributes
#: Entries about accounts that are nobody's here.
STREAM = "portal:accounts"
STATUS = {"too_many": 429, "unanswered": 503, "over": 400, "stale": 403, "another": 403, "nobody": 403}


class Stopped(Exception):
    """It goes no further; `code` says why: too_many (`until` when), unanswered, over (away too long, or back already),
    untrue, declined; nobody (an account of nobody in service); another, stale (a proof that is none)."""

    def __init__(self, code: str, until: str = "") -> None:
        self.code, self.until = code, until


@router.get(HERE)
def away(request: Request, db: Connection, next: str = "/inbox") -> Response:
    """To the account service, to sign in."""
    try:
        return _sent(request, db, ours(next), "")
    except Stopped as stopped:
        return page(request, STATUS.get(stopped.code, 401), ours(next), stopped.code, stopped.until)


@router.get("/proof")
def proof(asking: SignedIn, next: str = "/inbox") -> Response:
    """To the account service, to prove that it is still he."""
    try:
        return _sent(asking.request, asking.db, ours(next), asking.me.session)
    except Stopped as stopped:
        return prove_first(asking, ours(next), stopped)


@router.get(f"{HERE}/back")
def back(request: Request, db: Connection, state: str = "", code: str = "", iss: str = "") -> Response:
    """From the account service: the sign-in or the proof, if what it says holds."""
    portal, provider = portal_of(request), _provider(request)
    next, session = "/inbox", ""
    answer: Response
    me = access.session(db, portal, request.cookies.get(COOKIE, ""), _day(portal))
    try:
        secret = request.cookies.get(AWAY, "")
        gone = access.come_back(db, portal, secret) if access.same(Errand.of(secret).state, state) else None
        if gone is None:
            raise Stopped("over")
        next, session, begun = gone
        account = _account(request, db, provider, Errand.of(secret), code, iss)
        person = _person(request, db, provider, account)
        if not session:
            proved = datetime.fromtimestamp(min(account.proved, _seconds(portal.house.now())), UTC)
            cookie = access.admit(db, portal, person, caller_of(request), "oidc", f"{proved:%Y-%m-%dT%H:%M:%S.%fZ}")
            answer = RedirectResponse(next, 303)
            answer.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", secure=not portal.plain, path="/")
            _keep(answer, account.hint, not portal.plain)
        else:
            _prove(request, db, me, person, session, account, begun)
            answer = RedirectResponse(next, 303)
    except Stopped as stopped:
        if session and me is not None and me.session == session:
            answer = prove_first(Asking(request, portal, db, me, _day(portal)), next, stopped)
        else:
            answer = page(request, STATUS.get(stopped.code, 401), next, stopped.code, stopped.until)
    answer.delete_cookie(AWAY, path=HERE)
    return answer


def _keep(answer: Response, hint: str, secure: bool) -> None:
    """Longer than a browser keeps it goes without: the account service may ask then whom it is to sign out."""
    if len(hint) <= LONGEST:
        answer.set_cookie(HINT, hint, httponly=True, samesite="lax", secure=secure, path=SIGN_OUT)
    else:
        answer.delete_cookie(HINT, path=SIGN_OUT)


def prove_first(asking: Asking, next: str, stopped: Stopped | None = None) -> Response:
    """Before it is done he proves himself at the account service; or why that did not do."""
    status = STATUS.get(stopped.code, 401) if stopped else 422
    return show(asking, "proof.html", status, to=f"/proof?next={quote(next, safe='/')}", next=next,
                problem=stopped.code if stopped else "", until=stopped.until if stopped else "")  # fmt: skip


# -- what is checked --------------------------------------------------------------------------------------------------


def _sent(request: Request, db: Connection, next: str, session: str) -> Response:
    portal, provider = portal_of(request), _provider(request)
    _unblocked(request, db)
    secret = access.send_away(db, portal, next, session)
    try:
        answer = RedirectResponse(provider.address(Errand.of(secret), again=bool(session)), 303)
    except Unanswered:
        raise Stopped("unanswered") from None
    answer.set_cookie(AWAY, secret, max_age=int(access.AWAY.total_seconds()), httponly=True, samesite="lax",
                      secure=not portal.plain, path=HERE)  # fmt: skip
    return answer


def _account(request: Request, db: Connection, provider: Provider, errand: Errand, code: str, iss: str) -> Account:
    """Who the account service says it is."""
    _unblocked(request, db)
    try:
        if not code:
            raise Stopped("declined")
        if iss not in ("", provider.declared.issuer):  # RFC 9207: another provider's answer in the place of its own
            raise Untrue("iss of the answer")
        return provider.account(errand, code, _seconds(portal_of(request).house.now()))
    except Unanswered:
        raise Stopped("unanswered") from None
    except Untrue as untrue:
        _refused(request, db, "", str(untrue))
        raise Stopped("untrue") from None


def _person(request: Request, db: Connection, provider: Provider, account: Account) -> str:
    """Whose account it is, of those in service."""
    day = _day(portal_of(request))
    person, why = access.person_of(db, day, provider.declared.issuer, account.subject, account.staff)
    if why:
        _refused(request, db, person, why)
        raise Stopped("nobody")
    return person


def _prove(request: Request, db: Connection, me: Me | None, person: str, session: str, account: Account,
           begun: str) -> None:  # fmt: skip
    """The proof counts for the sign-in that asked for it, of the same person, if it was given since."""
    if me is None or me.session != session:
        raise Stopped("over")
    if me.id != person:
        _refused(request, db, me.id, "another", "proof_refused")
        raise Stopped("another")
    if account.proved < _seconds(begun) - SKEW_S:
        _refused(request, db, me.id, "stale", "proof_refused")
        raise Stopped("stale")
    access.prove_by_account(db, portal_of(request), session)


def _refused(request: Request, db: Connection, person: str, why: str, action: str = "sign_in_refused") -> None:
    """Counts against the address, and is noted with him whom it is about, else with the accounts of nobody."""
    portal, address = portal_of(request), caller_of(request)
    access.failed(db, portal, (f"address:{address}",))
    said = {"address": address, "by": "oidc", "why": why}
    if person:
        access.noted(db, portal, person, action, said)
    else:
        note(db, STREAM, action, SYSTEM, said, portal.house.clock(portal.house.business_date()))


def _unblocked(request: Request, db: Connection) -> None:
    if until := access.blocked(db, portal_of(request), (f"address:{caller_of(request)}",)):
        raise Stopped("too_many", until)


def _provider(request: Request) -> Provider:
    provider = portal_of(request).provider
    if provider is None:
        raise NotThere
    return provider


def _day(portal: Portal) -> str:
    return portal.house.business_date().isoformat()


def _seconds(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp())
