"""Audit: the runs by day and stage; whether the journal, the tables and the anchors hold; the record taken out. All of it
is read, none of it changed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from door.anchor import Verify, verifier
from door.audit import PARTS
from door.audit import audit as verify
from door.db import Db
from door.rebuild import export as lines
from door.store import among
from portal.house import Asking, Portal
from portal.lasting import Lasting, Told
from portal.page import show, spoken
from portal.paging import turn
from portal.stages import STAGES, titles
from portal.who.asking import Form, NotThere, SignedIn
from portal.words.reader import Reader
from processes import PROCESSES
from tasks.found import fault
from tasks.house import House

router = APIRouter()
SEE = ("auditor", "operations")
PAGE, SHOWN = 50, 100


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in the list: its number, stage, business date, which of that date's, when it began and ended, how many
    entries it made, how many flow runs worked on it."""

    id: int
    stage: str
    as_of: str
    part: str
    started: str
    ended: str | None
    entries: int
    attempts: int


@router.get("/audit")
def audit(asking: SignedIn, day: str = "", stage: str = "", before: str = "", came: str = "") -> Response:
    return show(allowed(asking), "audit.html", **_values(asking, day, stage, before, came))


@router.post("/audit/verify")
def verified(posted: Form) -> Response:
    """Every chain, every table, every anchor; what is wrong, in words."""
    asking = allowed(posted.asking)
    checks = verifies(asking.portal.house)
    reader = Reader(spoken(asking.request, asking.me.language))

    def work(db: Db, told: Told) -> dict[str, Any]:
        seen = verify(db, PROCESSES, checks, told=told)
        faults = [fault(f, reader.say, reader.stream) for f in seen.faults[:SHOWN]]
        return {"seen": seen, "faults": faults, "signed": checks is not None}

    return Lasting(asking, "audit.html", work, parts=PARTS, **_values(asking))


@router.get("/audit/export")
def export(asking: SignedIn) -> Response:
    """The whole journal, to be checked by a stranger."""
    allowed(asking)
    return as_file(asking.portal, f"journal-{asking.day}.jsonl")


def allowed(asking: Asking) -> Asking:
    if not asking.me.has(*SEE):
        raise NotThere
    return asking


def public_key(house: House) -> Path:
    return house.anchor_key.with_suffix(".pub")


def verifies(house: House) -> Verify | None:
    """What checks the anchors' signatures; None where their public key is not here."""
    with suppress(OSError, ValueError):
        return verifier(public_key(house))
    return None


def as_file(portal: Portal, name: str, run: int | None = None) -> Response:
    """Entries as JSON lines, read while they are sent."""

    def body() -> Iterator[str]:
        with portal.db() as db:
            for line in lines(db, run):
                yield line + "\n"

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(body(), media_type="application/x-ndjson", headers=headers)


def _values(asking: Asking, day: str = "", stage: str = "", before: str = "", came: str = "") -> dict[str, Any]:
    db, say = asking.db, Reader(spoken(asking.request, asking.me.language)).say
    runs = _runs(asking, day, stage, before)
    last = str(runs[PAGE - 1].id) if len(runs) > PAGE else ""
    return {
        "runs": runs[:PAGE], "day": a_day(day), "stage": stage, "titles": titles(say), "stages": STAGES,
        "turn": turn("/audit", {"day": day, "stage": stage}, "before", before, came, last),
        "size": db.rows("SELECT count(*) FROM entry")[0][0],
        "anchored": db.rows("SELECT max(business_date) FROM anchor")[0][0],
    }  # fmt: skip


def _runs(asking: Asking, day: str, stage: str, before: str) -> list[Listed]:
    """The newest first, one more than a page."""
    where, values = ["c.process = 'run'"], list[Any]()
    if day := a_day(day):
        where.append("c.opened_on = ?")
        values.append(day)
    if stage in STAGES:
        where.append("c.subject LIKE ?")
        values.append(f"{stage}/%")
    if before.isascii() and before.isdigit() and len(before) < 18:
        where.append("c.id < ?")
        values.append(int(before))
    db = asking.db
    rows = db.rows("SELECT c.id, c.subject, c.closed_on FROM cases c "
                   f"WHERE {' AND '.join(where)} ORDER BY c.id DESC LIMIT ?", *values, PAGE + 1)  # fmt: skip
    ids = [row[0] for row in rows]
    which, numbers = among(db, "run", ids, "bigint")
    entries: dict[int, int] = dict(db.rows(f"SELECT run, count(*) FROM entry WHERE {which} GROUP BY run", numbers))
    attempts: dict[int, int] = dict(db.rows(f"SELECT run, count(*) FROM attempt WHERE {which} GROUP BY run", numbers))
    streams, names = among(db, "stream", [f"run:{id_}" for id_ in ids])
    times = {s: (a, z) for s, a, z in db.rows(
        f"SELECT stream, min(recorded_at), max(recorded_at) FROM entry WHERE {streams} GROUP BY stream", names)}  # fmt: skip
    found = []
    for id_, subject, closed in rows:
        name, as_of, part = subject.split("/")
        begun, ended = times.get(f"run:{id_}", ("", ""))
        found.append(Listed(id_, name, as_of, part, begun, ended if closed else None, entries.get(id_, 0),
                            attempts.get(id_, 0)))  # fmt: skip
    return found


def a_day(text: str) -> str:
    """An ISO day; empty where it is none."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""
