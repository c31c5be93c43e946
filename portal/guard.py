"""What every answer carries and every request must not be: headers that confine a page to itself, a known host, an
origin of our own for whatever changes something, a body of bounded size, an address that can be looked for."""

import secrets
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 12 << 20  # bytes of a body: one photo, or a form
_CONFINED = ("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
             "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")  # fmt: skip


class TooLarge(Exception):
    """The body is larger than is taken."""

    says = f"At most {LARGEST >> 20} MB are taken at a time."


def numbered(defect: Exception) -> str:
    """The number that somebody is told of a defect: in the server's log it stands below the defect."""
    number = f"e-{secrets.token_hex(3)}"
    defect.add_note(number)
    return number


class Guard:
    """`failed` says what a page says where the program has failed."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], secure: bool,
                 failed: Callable[[Request, Exception], Response]) -> None:  # fmt: skip
        self.app, self.hosts, self.secure, self.failed = app, frozenset(hosts), secure, failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused:
            await _said(scope["path"], *refused)(scope, receive, self._with_headers(scope, send))
            return
        taken, begun, confined = 0, False, self._with_headers(scope, send)

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await confined(message)

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST:
                raise TooLarge
            return message

        try:
            await self.app(scope, bounded, sending)
        except Exception as defect:
            if not begun:
                page = await run_in_threadpool(self.failed, Request(scope), defect)
                page.headers["Connection"] = "close"  # the server does, after a defect
                await page(scope, receive, sending)
            raise  # into the server's log

    def _refused(self, scope: Scope) -> tuple[str, int] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        nul = "\0" in scope["path"] or b"%00" in scope["query_string"]  # PostgreSQL keeps none, and looks for none
        if nul or (urlsplit(f"//{host}").hostname or "") not in self.hosts:
            return "This address is not served here.", 400
        if int(headers.get("content-length") or 0) > LARGEST and scope["path"].startswith("/api/"):
            return TooLarge.says, 413  # of a page it is said by a page, when it has been read so far
        origin = headers.get("origin")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and origin and urlsplit(origin).netloc != host:
            return "This was sent from another site, and is not taken.", 403
        return None

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = headers.get("Content-Security-Policy", _CONFINED)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["X-Frame-Options"] = "DENY"
                headers["Referrer-Policy"] = "same-origin"  # by "no-referrer" a form would hide its origin
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "camera=(self), geolocation=(self), microphone=()"
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
                if self.secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        return sending


def _said(path: str, says: str, status: int) -> Response:
    """To a program in the form that its other problems have (RFC 9457)."""
    if not path.startswith("/api/"):
        return PlainTextResponse(says, status)
    body = {"type": "about:blank", "title": "not taken", "status": status, "code": "guard", "detail": says}
    return JSONResponse(body, status, media_type="application/problem+json")
