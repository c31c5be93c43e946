"""Who is it: passwords, sign-ins, the limit on guessing. Every sign-in and refusal is an entry in the person's stream.

A session's cookie holds 32 random bytes; the table holds their SHA-256. A form's token is a hash of the same bytes, so
that only a page made for this sign-in can send it. Half an hour idle, or ten hours old, the sign-in has ended.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pwdlib import PasswordHash

from door import store
from door.act import note
from door.command import SYSTEM, Refused
from door.db import Db, one
from portal.house import Me, Portal

IDLE, WHOLE, PROVED = timedelta(minutes=30), timedelta(hours=10), timedelta(minutes=5)
AWAY = timedelta(minutes=10)  # for what is done at the bank's account service
REMEMBERED = timedelta(days=1)  # whose a sign-in was that is over, for what its pages still send
GUESSES = {"account": 5, "address": 30}  # failures within the window, then nothing is tried for the rest of it
WINDOW = timedelta(minutes=15)
SHORTEST = 12

_hash = PasswordHash.recommended()
_NOBODY = _hash.hash(secrets.token_hex())  # what a password of nobody is held against, so that it takes as long


def set_password(db: Db, person: str, password: str) -> None:
    """Raises ValueError where it is shorter than twelve characters."""
    if len(password) < SHORTEST:
        raise ValueError(f"A password has at least {SHORTEST} characters.")
    db.run("INSERT INTO credential (person, password, issuer, subject) VALUES (?, ?, '', '') "
           "ON CONFLICT (person) DO UPDATE SET password = excluded.password", person, _hash.hash(password))  # fmt: skip


def sign_in(db: Db, portal: Portal, person: str, password: str, address: str) -> str | Refused:
    """The new session's cookie; or why not: `too_many` (until when), `wrong`."""
    person = known(db, person)
    keys = (f"account:{person}", f"address:{address}")
    if until := blocked(db, portal, keys):
        return Refused("too_many", {"until": until})
    if not _right(db, portal, person, password):
        failed(db, portal, keys)
        noted(db, portal, person, "sign_in_refused", {"address": address})
        return Refused("wrong", {})
    return admit(db, portal, person, address, "password")


def known(db: Db, typed: str) -> str:
    """Whose staff ID it is, capitals or not, as the staff list writes it; nobody's: in small letters."""
    typed, small = typed.strip(), typed.strip().lower()
    found = [row[0] for row in db.rows("SELECT id FROM person WHERE id = ? OR lower(id) = ?", typed, small)]
    return typed if typed in found else found[0] if len(found) == 1 else small


def admit(db: Db, portal: Portal, person: str, address: str, way: str, proved_at: str | None = None) -> str:
    """A session for somebody who proved who he is, by a way ("password", "oidc"); when, if not just now (empty: long ago)."""
    cookie, now = secrets.token_urlsafe(32), portal.house.now()
    db.run("DELETE FROM throttle WHERE key = ?", f"account:{person}")
    db.run("DELETE FROM session WHERE ends_at < ?", _later(now, -REMEMBERED))
    db.run("INSERT INTO session (token, person, seen_at, proved_at, ends_at, way) VALUES (?, ?, ?, ?, ?, ?)",
           _digest(cookie), person, now, now if proved_at is None else proved_at, _later(now, WHOLE), way)  # fmt: skip
    noted(db, portal, person, "signed_in", {"address": address, "by": way})
    return cookie


def prove(db: Db, portal: Portal, me: Me, password: str, address: str) -> Refused | None:
    """The password once more, before an act of weight; it counts for five minutes."""
    keys = (f"account:{me.id}", f"address:{address}")
    if until := blocked(db, portal, keys):
        return Refused("too_many", {"until": until})
    if not _right(db, portal, me.id, password):
        failed(db, portal, keys)
        noted(db, portal, me.id, "proof_refused", {"address": address})
        return Refused("wrong", {})
    db.run("UPDATE session SET proved_at = ? WHERE token = ?", portal.house.now(), me.session)
    return None


def prove_by_account(db: Db, portal: Portal, session: str) -> None:
    db.run("UPDATE session SET proved_at = ? WHERE token = ?", portal.house.now(), session)


def proved(portal: Portal, me: Me) -> bool:
    return bool(me.proved_at) and _later(me.proved_at, PROVED) > portal.house.now()


def has_password(db: Db, person: str) -> bool:
    return bool(db.rows("SELECT 1 FROM credential WHERE person = ? AND password <> ''", person))


def session(db: Db, portal: Portal, cookie: str, day: str, over: bool = False) -> Me | None:
    """Who comes with this cookie, if his session is not over and he is still in service; `over`: whose it was, if it is."""
    now = portal.house.now()
    token = _digest(cookie)
    found = one(db.rows("SELECT s.person, s.seen_at, s.proved_at, p.name, u.name, p.language, s.way, s.ends_at FROM session s "
                        "JOIN person p ON p.id = s.person JOIN unit u ON u.id = p.unit WHERE s.token = ?", token))  # fmt: skip
    if found is None or (found[7] <= now or _later(found[1], IDLE) <= now) != over:
        return None
    person = store.people(db, [found[0]], day).get(found[0])
    if person is None:
        return None
    if not over and _later(found[1], timedelta(minutes=1)) <= now:
        db.run("UPDATE session SET seen_at = ? WHERE token = ?", now, token)
    return Me(person, found[3], found[4], found[5], token, csrf(cookie), found[2], found[6])


def sign_out(db: Db, portal: Portal, me: Me, everywhere: bool = False) -> None:
    if everywhere:
        sign_out_everywhere(db, me.id)
    else:
        db.run("DELETE FROM session WHERE token = ?", me.session)
    noted(db, portal, me.id, "signed_out", {"everywhere": everywhere})


def sign_out_everywhere(db: Db, person: str) -> int:
    """How many sign-ins of the person have ended by it."""
    return db.run("DELETE FROM session WHERE person = ?", person)


def send_away(db: Db, portal: Portal, next: str, session: str) -> str:
    """The secret of a browser that goes to the bank's account service: for a sign-in, or to prove one (`session`)."""
    secret, now = secrets.token_urlsafe(32), portal.house.now()
    db.run("DELETE FROM errand WHERE begun_at < ?", _later(now, -AWAY))
    db.insert("errand", ("token", "next", "session", "begun_at"), [(_digest(secret), next, session, now)])
    return secret


def come_back(db: Db, portal: Portal, secret: str) -> tuple[str, str, str] | None:
    """Where it was going, the session to be proved, when it went; None where it never went, is back already, or was away
    too long. Nobody comes back twice."""
    gone = db.rows("DELETE FROM errand WHERE token = ? RETURNING next, session, begun_at", _digest(secret))
    return gone[0] if gone and _later(gone[0][2], AWAY) > portal.house.now() else None


def person_of(db: Db, day: str, issuer: str, subject: str, staff: str) -> tuple[str, str]:
    """Whose account it is, by the staff ID that it says; and why it is nobody's: `unknown`, `left`, `other_account` where
    he came with another account before, or another came with this one. The first that says it is his from then on."""
    person = known(db, staff) if staff else ""
    found = one(db.rows("SELECT until FROM person WHERE id = ? AND id <> ?", person, SYSTEM))
    if found is None:
        return "", "unknown"
    if found[0] and str(found[0]) < day:
        return person, "left"
    pairs = db.rows("SELECT person, subject FROM credential WHERE issuer = ? AND (subject = ? OR person = ?)", issuer, subject,
                    person)  # fmt: skip
    if pairs not in ([], [(person, subject)]):
        return person, "other_account"
    db.run("INSERT INTO credential (person, password, issuer, subject) VALUES (?, '', ?, ?) ON CONFLICT (person) DO UPDATE "
           "SET issuer = excluded.issuer, subject = excluded.subject", person, issuer, subject)  # fmt: skip
    return person, ""


def forget_account(db: Db, person: str) -> bool:
    """Who comes next with the person's staff ID is he. False: none was known."""
    return bool(db.run("UPDATE credential SET issuer = '', subject = '' WHERE person = ? AND issuer <> ''", person))


def csrf(cookie: str) -> str:
    return hashlib.sha256(b"form\0" + cookie.encode()).hexdigest()


def same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode(), b.encode())


def _right(db: Db, portal: Portal, person: str, password: str) -> bool:
    found = one(db.rows("SELECT c.password FROM credential c JOIN person p ON p.id = c.person "
                        "WHERE c.person = ? AND c.password <> '' AND (p.until IS NULL OR p.until >= ?)", person,
                        portal.house.business_date().isoformat()))  # fmt: skip
    return _hash.verify(password, found[0] if found else _NOBODY) and found is not None


def blocked(db: Db, portal: Portal, keys: tuple[str, ...]) -> str:
    """Until when nothing is tried for one of these; empty: it may be tried."""
    now = portal.house.now()
    for key in keys:
        found = one(db.rows("SELECT failures, since FROM throttle WHERE key = ?", key))
        if found and found[0] >= GUESSES[key.partition(":")[0]] and _later(found[1], WINDOW) > now:
            return _later(found[1], WINDOW)
    return ""


def failed(db: Db, portal: Portal, keys: tuple[str, ...]) -> None:
    now = portal.house.now()
    old = _later(now, -WINDOW)
    for key in keys:
        db.run("INSERT INTO throttle (key, failures, since) VALUES (?, 1, ?) ON CONFLICT (key) DO UPDATE SET "
               "failures = CASE WHEN throttle.since < ? THEN 1 ELSE throttle.failures + 1 END, "
               "since = CASE WHEN throttle.since < ? THEN excluded.since ELSE throttle.since END",
               key, now, old, old)  # fmt: skip


def noted(db: Db, portal: Portal, person: str, action: str, said: Mapping[str, Any]) -> None:
    if db.rows("SELECT 1 FROM person WHERE id = ?", person):
        note(db, f"person:{person}", action, person, said, portal.house.clock(portal.house.business_date()))


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _later(instant: str, by: timedelta) -> str:
    return (datetime.fromisoformat(instant) + by).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
