"""A run: what it was given, what it wrote, which flow runs worked on it; and the same decided again, beside what was
recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from door.db import Db, Row, one
from models.policy import PolicyError
from portal.house import Asking
from portal.lasting import Lasting, Told
from portal.page import show, spoken
from portal.pages.audit import allowed, as_file
from portal.paging import turn
from portal.prefect import NoAnswer, Prefect
from portal.stages import titles
from portal.who.asking import Form, NotThere, SignedIn
from portal.words import arrows
from portal.words.reader import Reader
from portal.words.states import state
from tasks import books
from tasks.replay import replay_run

router = APIRouter()
PAGE, SHOWN = 50, 200


@router.get("/audit/runs/{id_}")
def run(asking: SignedIn, id_: int, action: str = "", after: str = "", came: str = "") -> Response:
    return show(asking, "run.html", **_values(asking, id_, action, after, came))


@router.post("/audit/runs/{id_}/replay")
def replayed(posted: Form, id_: int) -> Response:
    """Every case that the run wrote to, decided again on what was recorded then."""
    asking = allowed(posted.asking)
    values = _values(asking, id_)
    if not values["closed"]:
        return show(asking, "run.html", **values)
    snapshots, reader = asking.portal.house.snapshots, _reader(asking)

    def work(db: Db, told: Told) -> dict[str, Any]:
        began = monotonic()
        try:
            done = replay_run(db, snapshots, id_, partial(told, "cases"))
        except FileNotFoundError:
            return {"problem": "gone"}
        except PolicyError:
            return {"problem": "no_book"}
        differences = [reader.difference(d) for d in done.divergences[:SHOWN]]
        return {"problem": "", "done": done, "took": round(monotonic() - began, 1), "differences": differences}

    return Lasting(asking, "run.html", work, **values)


@router.get("/audit/runs/{id_}/export")
def export(asking: SignedIn, id_: int) -> Response:
    _run(allowed(asking), id_)
    return as_file(asking.portal, f"run-{id_}.jsonl", id_)


def _run(asking: Asking, id_: int) -> Row:
    """Subject, the day it was opened and closed, the number of entries in its own stream."""
    allowed(asking)
    if not 0 < id_ < 2**63:
        raise NotThere
    found = one(
        asking.db.rows("SELECT subject, opened_on, closed_on, seq FROM cases WHERE id = ? AND process = 'run'", id_)
    )
    if found is None:
        raise NotThere
    return found


def _reader(asking: Asking) -> Reader:
    return Reader(spoken(asking.request, asking.me.language))


def _values(asking: Asking, id_: int, action: str = "", after: str = "", came: str = "") -> dict[str, Any]:
    db, reader = asking.db, _reader(asking)
    subject, _, closed, seq = _run(asking, id_)
    stage, as_of, part = subject.split("/")
    given, ended = _ends(asking, id_)
    entries = _entries(asking, id_, action, after)
    last = entries[PAGE - 1] if len(entries) > PAGE else None
    counts = db.rows("SELECT action, count(*) FROM entry WHERE run = ? GROUP BY action ORDER BY action", id_)
    book = given.get("book")
    return {
        "id": id_, "reader": reader, "state": state, "title": titles(reader.say).get(stage, (stage,))[0], "as_of": as_of, "part": part,
        "closed": closed, "seq": seq, "given": given, "inputs": _inputs(given), "ended": ended, "counts": counts,
        "action": action, "did": lambda action, process="": arrows.done(reader.say, process, action),
        "entries": entries[:PAGE], "total": sum(n for _, n in counts),
        "attempts": _attempts(asking, id_), "version": _version(asking, book) if book else "",
        "turn": turn(f"/audit/runs/{id_}", {"action": action}, "after", after, came, f"{last.stream}.{last.seq}" if last else ""),
        "anchored": bool(db.rows("SELECT 1 FROM anchor WHERE business_date >= ? LIMIT 1", as_of)),
    }  # fmt: skip


def _version(asking: Asking, book: str) -> str:
    try:
        return books.book(asking.db, book).version
    except PolicyError:
        return ""


def _ends(asking: Asking, id_: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the run's first entry and its last one say; empty where it is erased, or has not ended."""
    said: list[dict[str, Any]] = [{}, {}]
    for seq, at, payload in asking.db.rows("SELECT seq, recorded_at, payload FROM entry WHERE stream = ? AND "
                                           "action IN ('start', 'finish') ORDER BY seq", f"run:{id_}"):  # fmt: skip
        said[seq > 1] = {"at": at, **(orjson.loads(payload) if payload else {})}
    return said[0], said[1]


def _inputs(given: dict[str, Any]) -> Sequence[tuple[str, str]]:
    """The inputs that are hashes or versions, by name, where the run has them."""
    names = ("snapshot", "book", "conditions", "secret_hash", "code", "libraries")
    return [(name, str(given[name])) for name in names if given.get(name)]


@dataclass(frozen=True, slots=True)
class Wrote:
    """An entry of the run. `case`: of which case it is, None where its stream is none."""

    stream: str
    seq: int
    action: str
    process: str
    step: str
    at: str
    hash: str
    case: int | None
    borrower: str


def _entries(asking: Asking, id_: int, action: str, after: str) -> list[Wrote]:
    """By stream and seq, one more than a page, after a place."""
    db = asking.db
    where, values = ["e.run = ?"], list[Any]([id_])
    collate = ' COLLATE "C"' if db.dialect == "postgresql" else ""
    if action:
        where.append("e.action = ?")
        values.append(action)
    stream, _, number = after.rpartition(".")
    if stream and number.isascii() and number.isdigit() and len(number) < 18:
        where.append(f"(e.stream{collate} > ? OR (e.stream = ? AND e.seq > ?))")
        values += [stream, stream, int(number)]
    rows = db.rows(
        "SELECT e.stream, e.seq, e.action, coalesce(c.process, ''), e.step, e.recorded_at, e.hash, c.id, "
        "coalesce(b.name, c.subject, '') FROM entry e LEFT JOIN cases c ON c.stream = e.stream LEFT JOIN borrower b "
        f"ON b.id = c.subject WHERE {' AND '.join(where)} ORDER BY e.stream{collate}, e.seq LIMIT ?",
        *values, PAGE + 1)  # fmt: skip
    return [Wrote(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Tried:
    """A flow run that worked on the run; `state` by Prefect, empty where it does not say."""

    flow_run: str
    at: str
    state: str
    page: str


def _attempts(asking: Asking, id_: int) -> list[Tried]:
    rows = asking.db.rows("SELECT flow_run, at FROM attempt WHERE run = ? ORDER BY at, flow_run", id_)
    api = asking.portal.prefect()
    prefect = Prefect(api) if api else None
    states: dict[str, str] = {}
    if prefect and rows:
        try:
            states = prefect.states([row[0] for row in rows][-20:])
        except NoAnswer:
            states = {}
    return [
        Tried(flow_run, at, states.get(flow_run, ""), prefect.page(flow_run) if prefect else "")
        for flow_run, at in rows
    ]
