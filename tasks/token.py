"""The link's token: it says which item it leads to, for whom and until when, and nobody else can make one.

HMAC-SHA256 under the installation's secret over case, version, person, round, head hash of the case and expiry.
Made on sending, stored nowhere; reading one changes nothing. It is no permission: the person signs in, and the door
decides as ever. Expiry is on the recorded clock, as whole seconds.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

import orjson

from door.command import Refused

SHORTEST = 16  # bytes of secret; below, guessing it is cheaper than it should be
_PURPOSE = b"postloan link 1\0"


@dataclass(frozen=True, slots=True)
class Token:
    """What a link says. `seq` and `digest` are version and head hash of the case when it was made, so that the page
    can say what has changed since; `expires` is in seconds since 1970 UTC."""

    case: int
    seq: int
    person: str
    round: int
    digest: str
    expires: int


def make(token: Token, secret: bytes) -> str:
    """The token as text that may stand in a URL as it is. Raises ValueError where the secret is too short."""
    body = urlsafe_b64encode(orjson.dumps(astuple(token))).rstrip(b"=")
    return f"{body.decode()}.{_mac(body, secret)}"


def read(text: str, secret: bytes, now: str) -> Token | Refused:
    """What the token says, or why it is not to be believed: `link_false` (not made here, cut or changed) or
    `link_expired` (with the second it ended). `now` is the recorded clock, ISO 8601 UTC."""
    body, _, mac = text.encode("utf-8", "replace").partition(b".")
    if not hmac.compare_digest(mac, _mac(body, secret).encode()):
        return Refused("link_false")
    token = Token(*orjson.loads(urlsafe_b64decode(body + b"=" * (-len(body) % 4))))
    if datetime.fromisoformat(now).timestamp() >= token.expires:
        return Refused("link_expired", {"expired_at": datetime.fromtimestamp(token.expires, UTC).isoformat()})
    return token


def _mac(body: bytes, secret: bytes) -> str:
    if len(secret) < SHORTEST:
        raise ValueError(f"The installation's secret has {len(secret)} bytes; links need one of at least {SHORTEST}.")
    return urlsafe_b64encode(hmac.digest(secret, _PURPOSE + body, hashlib.sha256)).rstrip(b"=").decode()
