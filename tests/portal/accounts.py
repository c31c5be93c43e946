"""A small OpenID provider such as a bank runs: its description, a sign-in form, codes with PKCE, tokens, keys, userinfo; on
a port of its own. What it says can be twisted, so that it is seen what the portal believes."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Request
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from deployments.portal import server
from deployments.ports import bound
from portal.provider import Declared

CLIENT, SECRET = "postloan", "a secret of the portal"
Claims = dict[str, Any]


@cache
def key(name: str) -> RSAKey:
    """A signing key; each name's own."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


@dataclass
class Asked:
    """What a code stands for: what the portal asked, who signed in and when."""

    query: dict[str, str]
    user: str
    at: int


@dataclass
class Accounts:
    """`people`: account → staff ID that it says. `twist` changes what the id_token claims; `signs` and `keys` are the names of
    the key that signs and of those it publishes; `lazy`: it never asks for a password again; `thin`: it says the staff ID
    by userinfo alone; `asked` are the requests that came to its sign-in; `says`: more of its description; `left`: accounts
    that were signed out."""

    address: str = ""
    people: dict[str, str] = field(default_factory=dict)
    twist: Callable[[Claims], object] = lambda claims: None
    signs: str = "one"
    keys: tuple[str, ...] = ("one",)
    none: bool = False
    lazy: bool = False
    thin: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, Asked] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def declared(self) -> Declared:
        return Declared(self.address, CLIENT, SECRET)

    def claims(self, user: str) -> Claims:
        return {"sub": f"account-{user}", "preferred_username": self.people[user]}

    def id_token(self, asked: Asked, access_token: str) -> str:
        now, half = int(time.time()), hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": asked.query["nonce"],
                  "auth_time": asked.at, "at_hash": _text(half), **self.claims(asked.user)}  # fmt: skip
        if self.thin:
            del claims["preferred_username"]
        self.twist(claims)
        if self.none:
            return f"{_json({'alg': 'none'})}.{_json(claims)}."
        return jwt.encode({"alg": "RS256", "kid": self.signs}, claims, key(self.signs))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _json(value: object) -> str:
    return _text(json.dumps(value).encode())


def app_of(accounts: Accounts) -> FastAPI:
    app = FastAPI()
    signed_in: dict[str, tuple[str, int]] = {}  # by its cookie: who, since when

    def on(query: dict[str, str], user: str, at: int) -> Response:
        code = secrets.token_urlsafe(16)
        accounts.codes[code] = Asked(query, user, at)
        said = urlencode({"code": code, "state": query["state"], "iss": accounts.address})
        return RedirectResponse(f"{query['redirect_uri']}?{said}", 303)

    @app.get("/.well-known/openid-configuration")
    def says() -> dict[str, Any]:
        at = accounts.address
        return {"issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/keys", "userinfo_endpoint": f"{at}/userinfo",
                "end_session_endpoint": f"{at}/logout?realm=bank", **accounts.says}  # fmt: skip

    @app.get("/authorize")
    def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        accounts.asked.append(query)
        assert query["client_id"] == CLIENT
        assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
        assert "openid" in query["scope"].split()
        known = signed_in.get(request.cookies.get("account", ""))
        if known and (accounts.lazy or query.get("prompt") != "login"):
            return on(query, *known)
        hidden = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in query.items())
        return HTMLResponse(
            f'<!doctype html><html lang="en"><title>Account</title><h1>The bank\'s account</h1><form method="post">{hidden}'
            '<label>Account <input name="user"></label><button>Go on</button></form>')  # fmt: skip

    @app.post("/authorize")
    async def enter(request: Request) -> Response:
        query = {k: str(v) for k, v in (await request.form()).items()}
        user = query.pop("user")
        cookie, at = secrets.token_urlsafe(16), int(time.time())
        signed_in[cookie] = (user, at)
        answer = on(query, user, at)
        answer.set_cookie("account", cookie)
        return answer

    @app.post("/token")
    def token(request: Request, code: Annotated[str, Form()], redirect_uri: Annotated[str, Form()],
              code_verifier: Annotated[str, Form()]) -> Response:  # fmt: skip
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = accounts.codes.pop(code, None)
        challenge = _text(hashlib.sha256(code_verifier.encode()).digest())
        if asked is None or asked.query["code_challenge"] != challenge or asked.query["redirect_uri"] != redirect_uri:
            return JSONResponse({"error": "invalid_grant"}, 400)
        access_token = secrets.token_urlsafe(16)
        accounts.tokens[access_token] = asked.user
        return JSONResponse({"access_token": access_token, "token_type": "Bearer", "expires_in": 300,
                             "id_token": accounts.id_token(asked, access_token)})  # fmt: skip

    @app.get("/logout")
    def logout(request: Request, realm: str, client_id: str, post_logout_redirect_uri: str, state: str = "",
               id_token_hint: str = "") -> Response:  # fmt: skip
        """As RP-Initiated Logout 1.0 has it: by the hint it knows whom, and that the portal may ask."""
        assert (realm, client_id) == ("bank", CLIENT)
        claims = jwt.decode(id_token_hint, key(accounts.signs)).claims
        assert (claims["iss"], claims["aud"]) == (accounts.address, CLIENT)
        cookie = request.cookies["account"]
        assert claims["sub"] == f"account-{signed_in.pop(cookie)[0]}"
        accounts.left.append(claims["sub"])
        return RedirectResponse(f"{post_logout_redirect_uri}?{urlencode({'state': state})}", 303)

    @app.get("/keys")
    def keys() -> dict[str, Any]:
        return {"keys": [key(name).as_dict(private=False) for name in accounts.keys]}

    @app.get("/userinfo")
    def userinfo(request: Request) -> Claims:
        return accounts.claims(accounts.tokens[request.headers["authorization"].removeprefix("Bearer ")])

    return app


@contextmanager
def account_service() -> Iterator[Accounts]:
    accounts = Accounts()
    there = bound(0)
    accounts.address = f"http://127.0.0.1:{there.getsockname()[1]}"
    made = server(app_of(accounts))
    thread = threading.Thread(target=made.run, kwargs={"sockets": [there]})
    thread.start()
    try:
        yield accounts
    finally:
        made.should_exit = True
        thread.join(30)
        there.close()
