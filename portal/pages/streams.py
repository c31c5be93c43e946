"""The journal as it is recorded, stream by stream, for an auditor: a person's sign-ins and refusals, the gate's answers,
changes of the staff, draws, attempts, accounts. A case's own stream is read on its page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from door.command import Refused
from door.journal import COLUMNS, ZERO, Entry, intact
from door.store import among
from portal.case.story import payload
from portal.house import Asking
from portal.page import show, spoken
from portal.paging import turn
from portal.who.asking import NotThere, SignedIn
from portal.words.plainly import Said, plainly
from portal.words.reader import PERSONS, Reader, names_of
from processes import PROCESSES

router = APIRouter()
SEE = ("auditor",)
PAGE = 50
CASES = frozenset(p.stream for p in PROCESSES.values())


@dataclass(frozen=True, slots=True)
class Read:
    """An entry as the page says it: why something was refused, and its fields; `case`: about which case it is."""

    seq: int
    at: str
    by: str
    action: str
    refusals: Sequence[str]
    said: Sequence[Said]
    hash: str
    erased: bool
    case: int | None


@router.get("/audit/streams")
def streams(asking: SignedIn, of: str = "", q: str = "", after: str = "", came: str = "") -> Response:
    """Those that are no case's, by name."""
    _allowed(asking)
    db, kinds, part = asking.db, _kinds(_reader(asking).say), q.strip()[:80]
    of = of if of in kinds else ""
    where, values = ["s.name LIKE ? ESCAPE '\\'"], [f"{of or '%'}:{_plain(part)}%"]
    if after:
        where.append("s.name > ?")
        values.append(after)
    rows = db.rows("SELECT s.name, s.seq, e.recorded_at, e.action FROM stream s JOIN entry e ON e.stream = s.name AND "
                   f"e.seq = s.seq WHERE {' AND '.join(where)} ORDER BY s.name LIMIT ?", *values, PAGE + 1)  # fmt: skip
    page, whose = rows[:PAGE], _whose(asking, [row[0] for row in rows])
    last = page[-1][0] if len(rows) > PAGE else ""
    return show(
        asking, "streams.html", streams=[(quote(row[0]), *row, whose.get(row[0], "")) for row in page], kinds=kinds, of=of,
        q=part, acts=_acts(_reader(asking).say),
        turn=turn("/audit/streams", {"of": of, "q": part}, "after", after, came, last))  # fmt: skip


@router.get("/audit/streams/{name:path}")
def stream(asking: SignedIn, name: str, action: str = "", before: str = "", came: str = "") -> Response:
    """Its entries, the newest first, all or those of one action."""
    _allowed(asking)
    kind, _, id_ = name.partition(":")
    if kind in CASES:
        return RedirectResponse(f"/cases/{quote(id_)}", 303)
    db, reader = asking.db, _reader(asking)
    counts = db.rows("SELECT action, count(*) FROM entry WHERE stream = ? GROUP BY action ORDER BY action", name)
    if not counts:
        raise NotThere
    rows = _entries(asking, name, action, before)
    page = rows[:PAGE]
    named = [
        v for e in page for r in _reasons(payload(e)) for k, v in r.facts.items() if k in PERSONS and isinstance(v, str)
    ]
    names = names_of(db, [id_, *named, *(who or "" for e in page for who in (e.person, e.on_behalf_of))])
    address = f"/audit/streams/{quote(name)}"
    last = str(page[-1].seq) if len(rows) > PAGE else ""
    return show(
        asking, "stream.html", name=name, title=names.get(id_, id_) if kind in ("person", "staff") else reader.stream(name),
        kind=_kinds(reader.say).get(kind, kind), counts=counts, total=sum(n for _, n in counts), action=action, address=address,
        entries=[_read(asking, e, reader, names) for e in page], acts=_acts(reader.say), holds=_holds(rows, bool(action)),
        turn=turn(address, {"action": action}, "before", before, came, last))  # fmt: skip


def _allowed(asking: Asking) -> None:
    if not asking.me.has(*SEE):
        raise NotThere


def _reader(asking: Asking) -> Reader:
    return Reader(spoken(asking.request, asking.me.language))


def _whose(asking: Asking, streams: Sequence[str]) -> dict[str, str]:
    """By stream: the person's name, or the facility's borrower."""
    ids = {name: name.partition(":")[2] for name in streams}
    where, values = among(asking.db, "f.id", sorted({ids[name] for name in streams if name.startswith("gate:")}))
    of_gate = asking.db.rows(
        f"SELECT f.id, b.name FROM facility f JOIN borrower b ON b.id = f.borrower WHERE {where}", values
    )
    names = names_of(asking.db, [ids[name] for name in streams if name.startswith(("person:", "staff:"))])
    known = {"gate": dict(of_gate), "person": names, "staff": names}
    return {name: known.get(name.partition(":")[0], {}).get(id_, "") for name, id_ in ids.items()}


def _plain(text: str) -> str:
    """As it is looked for: no sign of it stands for others."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _kinds(say: Callable[[str], str]) -> dict[str, str]:
    """What begins a stream's name, and whose it is."""
    return {"person": say("Sign-ins and refusals"), "gate": say("Answers of the gate"), "staff": say("Changes of people"),
            "unit": say("Changes of units and vendors"), "draw": say("Secrets of the draw"),
            "attempt": say("Flow runs at work on a run"), "program": say("Programs of the API"),
            "portal": say("Accounts of nobody known")}  # fmt: skip


def _acts(say: Callable[[str], str]) -> dict[str, str]:
    return {"signed_in": say("signed in"), "signed_out": say("signed out"), "sign_in_refused": say("sign-in refused"),
            "proof_refused": say("proof refused"), "refused": say("refused by the door"), "asked_for_run": say("asked for a run"),
            "requeued": say("sent messages again"), "password_set": say("password set"),
            "account_forgotten": say("account forgotten"), "allow": say("allowed"), "limit": say("allowed in part"),
            "refuse": say("payment refused"), "committed": say("secret's hash given"), "disclosed": say("secret disclosed"),
            "attempt": say("worked on a run"), "program_added": say("program added"), "person_added": say("person added"),
            "person_changed": say("person changed"), "role_granted": say("role granted"), "role_ended": say("role ended"),
            "deputy_named": say("deputy named"), "deputy_ended": say("deputy ended"), "channel_added": say("channel added"),
            "channel_removed": say("channel removed"), "relation_declared": say("relation declared"),
            "relation_ended": say("relation ended"), "unit_added": say("unit added"), "unit_changed": say("unit changed"),
            "contract_made": say("contract made"), "contract_changed": say("contract changed")}  # fmt: skip


def _entries(asking: Asking, name: str, action: str, before: str) -> list[Entry]:
    """One more than a page, before a place."""
    where, values = ["stream = ?"], list[Any]([name])
    if before.isascii() and before.isdigit() and len(before) < 18:
        where.append("seq < ?")
        values.append(int(before))
    if action:
        where.append("action = ?")
        values.append(action)
    rows = asking.db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?",
                          *values, PAGE + 1)  # fmt: skip
    return [Entry(*row) for row in rows]


def _holds(newest_first: Sequence[Entry], narrowed: bool) -> bool:
    """Is each as it was sealed, and (where all are shown) does each follow the one before it?"""
    heads = [e.hash for e in newest_first[1:]] + ([ZERO] if newest_first and newest_first[-1].seq == 1 else [])
    follow = narrowed or all(e.prev == head for e, head in zip(newest_first, heads, strict=False))
    return follow and all(map(intact, newest_first))


def _read(asking: Asking, e: Entry, reader: Reader, names: dict[str, str]) -> Read:
    said = payload(e)
    case = said.get("case") if isinstance(said.get("case"), int) else None
    refusals = [reader.why(refused, names) for refused in _reasons(said)]
    gone = ("code", "facts", "asked", "case") if _refused(said) else ("reasons",)
    left = {k: v for k, v in said.items() if k not in gone}
    return Read(e.seq, e.recorded_at, names.get(e.person, e.person), e.action, refusals,
                plainly(asking.db, reader, asking.portal.house.zone, left), e.hash, e.payload is None, case)  # fmt: skip


def _reasons(said: dict[str, Any]) -> list[Refused]:
    """Why it was refused, by the door or the gate."""
    return [Refused(r["code"], r["facts"]) for r in ([said] if _refused(said) else said.get("reasons", ()))]


def _refused(said: dict[str, Any]) -> bool:
    """Is it a refusal by the door?"""
    return "code" in said and "facts" in said
