"""The bank's account service: an OpenID provider at which people sign in instead of with a password of ours.

Authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636). Its addresses and keys are asked for when somebody
first needs them, kept for an hour, and it is never waited for longer than some seconds.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from ssl import SSLContext
from time import monotonic
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import add_params_to_uri
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

SCOPE = "openid profile email"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
WAIT_S = 3.0  # for each of its answers
FRESH_S = 3600.0  # its addresses and keys are asked for again after that
SKEW_S = 60  # its clock and ours may differ by that much
_DISCOVERY = "/.well-known/openid-configuration"
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Unanswered(Exception):
    """It does not answer, or not as a provider does."""


class Untrue(Exception):
    """What came back proves nothing; the message says which check it failed, and holds nothing secret."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What the installation says of it: its address (issuer), the portal's client there and its secret, and the claim
    that says a person's staff ID."""

    issuer: str
    client: str
    secret: str = field(repr=False)
    claim: str = "preferred_username"


@dataclass(frozen=True, slots=True)
class Errand:
    """What goes along with a browser that is sent there; all of it follows from the secret that the browser keeps, so
    that nothing of it has to be stored here."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def of(cls, secret: str) -> "Errand":
        return cls(*(_derived(what, secret) for what in ("state", "nonce", "verifier")))


@dataclass(frozen=True, slots=True)
class Account:
    """Who came back: his subject at the issuer, the staff ID that the claim says (empty: it says none), when he proved
    himself there (UTC seconds; 0: it does not say); `hint`: its id_token, by which it knows again what is to be ended."""

    subject: str
    staff: str
    proved: int
    hint: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Known:
    """Its own description, its keys, until when (monotonic) they are taken as they are."""

    says: Mapping[str, Any]
    keys: KeySet
    until: float


class Provider:
    """One account service. `back` is the portal's address that it sends browsers back to."""

    def __init__(self, declared: Declared, back: str) -> None:
        self.declared, self.back = declared, back
        self._known: _Known | None = None

    def address(self, errand: Errand, again: bool = False) -> str:
        """Where the browser goes; `again`: his password is to be asked for though he is signed in there. Raises
        Unanswered."""
        more: dict[str, Any] = {"prompt": "login", "max_age": 0} if again else {}
        challenge = create_s256_code_challenge(errand.verifier)
        return str(prepare_grant_uri(
            self._ask().says["authorization_endpoint"], self.declared.client, "code", self.back, SCOPE, errand.state,
            nonce=errand.nonce, code_challenge=challenge, code_challenge_method="S256", **more))  # fmt: skip

    def account(self, errand: Errand, code: str, now: int) -> Account:
        """Who the code stands for; `now`: UTC seconds. Raises Unanswered, Untrue."""
        known = self._ask()
        with self._client(known) as client:
            token = _answered(lambda: client.fetch_token(
                known.says["token_endpoint"], code=code, code_verifier=errand.verifier))  # fmt: skip
            claims = self._claims(str(token.get("id_token", "")), str(token.get("access_token", "")), errand, now)
            said = claims.get(self.declared.claim)
            if said is None and "userinfo_endpoint" in known.says:
                more = _json(_answered(lambda: client.get(known.says["userinfo_endpoint"])))
                said = more.get(self.declared.claim) if more.get("sub") == claims["sub"] else None
        return Account(claims["sub"], said if isinstance(said, str) else "", _instant(claims.get("auth_time")),
                       str(token["id_token"]))  # fmt: skip

    def leaving(self, hint: str, back: str, state: str) -> str:
        """Where a browser goes to be signed out there too, and from there to `back` with `state` (OpenID Connect
        RP-Initiated Logout 1.0); empty where it offers that at no address of its own scheme. Raises Unanswered."""
        there = str(self._ask().says.get("end_session_endpoint", ""))
        if not there.startswith(self._scheme):
            return ""
        said = {
            "id_token_hint": hint,
            "client_id": self.declared.client,
            "post_logout_redirect_uri": back,
            "state": state,
        }
        return str(add_params_to_uri(there, [(name, value) for name, value in said.items() if value]))

    @property
    def _scheme(self) -> str:
        return self.declared.issuer.partition("://")[0] + "://"

    def _claims(self, id_token: str, access_token: str, errand: Errand, now: int) -> Mapping[str, Any]:
        """What the id_token says, every check of it passed. Signed with a key that is not known, its keys are asked for
        once more: it may have changed them."""
        try:
            try:
                read = jwt.decode(id_token, self._ask().keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                self._known = None
                read = jwt.decode(id_token, self._ask().keys, algorithms=ALGORITHMS)
            claims = CodeIDToken(
                read.claims, read.header,
                {"iss": {"essential": True, "value": self.declared.issuer}, "sub": {"essential": True},
                 "aud": {"essential": True, "value": self.declared.client}},
                {"nonce": errand.nonce, "client_id": self.declared.client, "access_token": access_token})  # fmt: skip
            claims.validate(now, SKEW_S)
            return dict(claims)
        except (JoseError, ValueError) as error:
            raise Untrue(str(error)[:200]) from error

    def _client(self, known: _Known) -> OAuth2Client:
        takes = known.says.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        how = "client_secret_basic" if "client_secret_basic" in takes else "client_secret_post"
        return OAuth2Client(self.declared.client, self.declared.secret, token_endpoint_auth_method=how,
                            redirect_uri=self.back, timeout=WAIT_S, verify=_trusted())  # fmt: skip

    def _ask(self) -> _Known:
        """Its description and keys, as they were told within the hour. Raises Unanswered."""
        if self._known is None or self._known.until < monotonic():
            with httpx2.Client(timeout=WAIT_S, verify=_trusted()) as client:
                says = _json(_answered(lambda: client.get(self.declared.issuer.rstrip("/") + _DISCOVERY)))
                named = [str(says.get(name, "")) for name in _NEEDED]
                safe = all(url.startswith(self._scheme) for url in named)
                if says.get("issuer") != self.declared.issuer or not safe:
                    raise Unanswered("What it says of itself is not what an OpenID provider of that issuer says.")
                keys = _json(_answered(lambda: client.get(named[2])))
            try:
                self._known = _Known(says, KeySet.import_key_set(keys), monotonic() + FRESH_S)  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise Unanswered("Its keys can't be read.") from error
        return self._known


@cache
def _trusted() -> SSLContext:
    """Whose certificates are believed: to read them again for each request would take longer than the request."""
    return httpx2.create_ssl_context()


def _answered(ask: Callable[[], Any]) -> Any:
    """Its answer. Raises Unanswered where there is none or an error of its own, Untrue where it refuses."""
    try:
        return ask()
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise Unanswered(type(error).__name__) from error
    except AuthlibBaseError as error:
        raise Untrue(f"{error.error}"[:200]) from error


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        said = answer.raise_for_status().json()
    except (httpx2.HTTPError, ValueError) as error:
        raise Unanswered(type(error).__name__) from error
    if not isinstance(said, dict):
        raise Unanswered("It answers with something else than an object.")
    return said


def _instant(said: Any) -> int:
    """UTC seconds; 0 where it is no instant."""
    return max(0, int(said)) if type(said) in (int, float) and isfinite(said) else 0


def _derived(what: str, secret: str) -> str:
    """43 characters, as RFC 7636 wants them of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"{what}\0{secret}".encode()).digest()).decode().rstrip("=")
