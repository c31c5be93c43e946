"""Who is told of what: open notices become messages, one a person and channel, however many notices are in it.

The plan (who may act on which item) is made without a lock; then one short transaction takes the notices that are
still open and writes. A message's id follows from person, channel and notices, so the same telling has the same id.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

from door import store
from door.db import Db, Row
from models.process import ITEM_ACTS

Eligible = Callable[[Db, int, str], list[str]]
Key = tuple[int, int, str]  # case, seq, kind of a notice
Telling = list[tuple[str, str]]  # persons, each with what it says to him (`told.kind`)

OPERATIONS = "operations"
TELLS = {"confirm": "restriction", "lift": "lifted"}  # by the act that tells of itself, what its letter says
DECIDED, ANOTHERS, NO_MANAGER = "- decided before", "- no longer his", "- nobody is responsible"

#: The item of a notice `n` of case `c` is open: nothing but acts on the item has happened since.
STILL_OPEN = (
    "c.closed_on IS NULL AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.stream = c.stream AND e.seq > n.seq "
    f"AND e.action NOT IN ({', '.join(repr(a) for a in ITEM_ACTS)}))"
)


@dataclass(frozen=True, slots=True)
class Addressed:
    """What became of the open notices: how many were told, in how many messages, how many were dropped because
    there was nothing left to tell, and how many wait until somebody holds the role operations."""

    told: int = 0
    messages: int = 0
    dropped: int = 0
    waiting: int = 0


def address(db: Db, eligible: Eligible, on: str, now: str, domain: str = "postloan") -> Addressed:
    """Turns open notices into queued messages. `eligible(db, case, on)` gives who may act on the case's item on the
    business date; `now` is the recorded clock; `domain` ends the Message-IDs."""
    plan = _plan(db, eligible, on, "n.message IS NULL")
    with db.transaction():
        taken: list[Key] = [
            (case, seq, kind)
            for case, seq, kind in db.rows(
                "UPDATE notice SET message = '-' WHERE message IS NULL RETURNING case_id, seq, kind"
            )
        ]
        if not taken:
            return Addressed()
        if set(taken) - plan.keys():  # written since the plan was made
            plan |= {k: v for k, v in _plan(db, eligible, on, "n.message = '-'").items() if k not in plan}
        return _write(db, {key: plan[key] for key in sorted(taken)}, now, domain)


def _plan(db: Db, eligible: Eligible, on: str, which: str) -> dict[Key, Telling | str]:
    """By notice, who is told; or why nobody is; empty where operations should be and nobody holds that role."""
    notices = db.rows(
        f"SELECT n.case_id, n.seq, n.kind, n.person, c.process, c.step, c.subject, {STILL_OPEN} "
        f"FROM notice n JOIN cases c ON c.id = n.case_id WHERE {which}"
    )
    managers = store.managers(db, {row[6] for row in notices}, on)
    operations = sorted(store.staff(db, OPERATIONS, on))
    able: dict[int, list[str]] = {}
    for case in {row[0] for row in notices if row[7]}:
        able[case] = sorted(set(eligible(db, case, on)))
    return {
        (row[0], row[1], row[2]): _told(row, able.get(row[0], []), managers.get(row[6]), operations) for row in notices
    }


def _told(notice: Row, able: list[str], manager: str | None, operations: list[str]) -> Telling | str:
    _, _, kind, person, _, _, _, still_open = notice
    if kind in TELLS:
        return [(person, TELLS[kind])] if person else NO_MANAGER
    if not still_open:
        return DECIDED
    says = "item" if kind == "nobody" else kind  # by now somebody may
    if person is None:
        return [(p, says) for p in able] or [(p, "nobody") for p in operations]
    if person in able:
        return [(person, says)]
    return [(person, "late")] if kind == "remind" else ANOTHERS


def _write(db: Db, plan: dict[Key, Telling | str], now: str, domain: str) -> Addressed:
    by_person: dict[str, list[tuple[Key, str]]] = {}
    for key, telling in plan.items():
        for person, says in telling if isinstance(telling, list) else ():
            by_person.setdefault(person, []).append((key, says))
    channels = schemes(db, by_person)
    messages: list[Row] = []
    told: list[Row] = []
    first: dict[Key, str] = {}
    for person, notices in sorted(by_person.items()):
        for channel in sorted(channels.get(person, {""})):
            id_ = message_id(person, channel, notices, domain)
            messages.append((id_, person, channel, "", "", "queued", 0, now, ""))
            for key, says in notices:
                told.append((id_, key[0], key[1], says))
                first.setdefault(key, id_)
    db.many("INSERT INTO message (id, person, channel, subject, body, state, tries, next_at, error) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", messages)  # fmt: skip
    db.many("INSERT INTO told (message, case_id, seq, kind) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", told)
    reasons = {key: telling for key, telling in plan.items() if isinstance(telling, str)}
    marks = [(first.get(key) or reasons.get(key), *key) for key in plan]
    db.many("UPDATE notice SET message = ? WHERE case_id = ? AND seq = ? AND kind = ?", marks)
    return Addressed(len(first), len(messages), len(reasons), len(plan) - len(first) - len(reasons))


def schemes(db: Db, persons: Collection[str]) -> dict[str, set[str]]:
    """The schemes of each person's channels, as `mailto`."""
    where, values = store.among(db, "person", persons)
    found: dict[str, set[str]] = {}
    for person, url in db.rows(f"SELECT person, url FROM channel WHERE {where}", values):
        found.setdefault(person, set()).add(scheme(url))
    return found


def scheme(url: str) -> str:
    return url.partition("://")[0]


def message_id(person: str, channel: str, notices: list[tuple[Key, str]], domain: str) -> str:
    """The Message-ID, without its angle brackets."""
    named = "\n".join([person, channel, *(f"{case} {seq} {kind} {says}" for (case, seq, kind), says in notices)])
    return f"{hashlib.sha256(named.encode()).hexdigest()[:32]}@{domain}"
