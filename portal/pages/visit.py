"""Visits: what is to be visited or collected, one visit on a phone, its photographs one request each, and the hand-in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import JSONResponse, RedirectResponse, Response

from door.db import one
from door.store import among
from portal import files, handed
from portal.case.distance import distances
from portal.case.file import opened
from portal.house import Asking
from portal.page import show, status_of
from portal.pages.step import COLLECTING, View, shown, taken, view_of
from portal.who.asking import Form, NotThere, SignedIn
from tasks.inbox import START, Waiting, items
from tasks.premises import Premises, premises

router = APIRouter()
MOST = 100  # visits in the list
STEPS = {"visit": "submit", "collect": "collect"}
BACK = ("return", "incomplete", "recollect", "integrity", "send_back")  # by which a package came back
_ANSWER = re.compile(r"^(answers\.\d+)(\.word)?$")


@dataclass(frozen=True, slots=True)
class Visit:
    """One in the list: where; `badge` late, draft, again, or new; why it came back; how much is answered of what is asked."""

    waiting: Waiting
    premises: Premises
    badge: str
    back: str
    answered: int
    asked: int
    desk: bool


@router.get("/visits")
def visits(asking: SignedIn) -> Response:
    found = list(islice(items(asking.db, asking.rules, asking.me.person, asking.day, START,
                              "i.process = 'inspection' AND i.step IN ('visit', 'collect')"), MOST + 1))  # fmt: skip
    waiting = [w for w in found[:MOST] if not (w.state.held_until and w.state.held_until > asking.day)]
    made = _visits(asking, waiting)
    groups = [(name, list(each)) for name, each in groupby(made, lambda v: _group(v.waiting))]
    return show(asking, "visits.html", groups=groups, n=len(made), more=len(found) > MOST,
                today_too=any(name != "later" for name, _ in groups))  # fmt: skip


@router.get("/visits/{case:int}")
def visit(asking: SignedIn, case: int, empty: bool = False, saved: bool = False) -> Response:
    """The form while it is his to hand in; afterwards the receipt of what he handed in last."""
    view = view_of(asking, case, _action(asking, case))
    if view.gone and (seq := _handed_in(asking, view.file.s.stream)):
        return RedirectResponse(f"/cases/{case}/{seq[1]}/{seq[0]}", 303)
    return shown(view, empty, saved)


@router.post("/visits/{case:int}")
def hand_in(posted: Form, case: int) -> Response:
    return taken(posted, view_of(posted.asking, case, _action(posted.asking, case)))


@router.post("/visits/{case:int}/files")
def photograph(posted: Form, case: int) -> Response:
    """One file a request, under the sender's key; taken again, `instead` of an earlier one, which is dropped when the new
    one is here. To a script the answer as data, else back to the form."""
    asking, sent = posted.asking, posted.form.get("file")
    as_data = "application/json" in asking.request.headers.get("accept", "")
    view = taking(asking, case)
    if view.refused is not None:
        status = status_of(view.refused)
        return _refused(as_data, shown(view, status=status), view.reader.say("It is not yours to hand in now."), status)
    if sent is None or isinstance(sent, str):
        raise NotThere
    try:
        kept = handed.take(asking, case, sent, posted.text("key"), posted.text("kind"), posted.text("shows"),
                             posted.text("taken_at"), posted.text("latitude"), posted.text("longitude"))  # fmt: skip
    except files.Unfit as unfit:
        says = handed.says(view.reader, unfit)
        name = f"file.{posted.text('kind')}.{posted.text('shows')}"
        return _refused(as_data, shown(view, spoiled={name: says}, status=422), says, 422)
    if handed.KEY.match(instead := posted.text("instead")) and instead != kept.key:
        handed.drop(asking, case, instead)
    if not as_data:
        return RedirectResponse(view.address, 303)
    at, say = view.reader.instant(kept.at, asking.portal.house.zone), view.reader.say
    there = distances(view.file.premises, view.book, [asdict(kept)])
    says = say("Sent {at}").format(at=at)
    if (away := there.by.get(kept.sha256)) is not None:
        says = say("Sent {at}, {far} from the premises").format(at=at, far=view.reader.distance(away))
    return JSONResponse({"key": kept.key, "sha256": kept.sha256, "at": at, "says": says, "located": bool(kept.latitude),
                         "timed": bool(kept.taken_at), "far": kept.sha256 in there.far})  # fmt: skip


def _refused(as_data: bool, page: Response, says: str, status: int) -> Response:
    return JSONResponse({"says": says}, status) if as_data else page


def _action(asking: Asking, case: int) -> str:
    """Which of the two collecting arrows: that of the step, else the one that he took last."""
    s = opened(asking, case).s
    if s.process != "inspection":
        raise NotThere
    done = _handed_in(asking, s.stream)
    return STEPS.get(s.step) or (done[1] if done else "submit" if asking.me.person.lane == "vendor" else "collect")


def taking(asking: Asking, case: int) -> View:
    """The arrow of the case's step that files belong to, as he has it before him. Raises NotThere where none takes any."""
    file = opened(asking, case)
    for do in file.process.steps[file.s.step].does:
        if {"evidence", "files"} & do.form.model_fields.keys():
            return view_of(asking, case, do.name)
    return view_of(asking, case, _action(asking, case))


def _handed_in(asking: Asking, stream: str) -> tuple[int, str] | None:
    where, values = among(asking.db, "action", COLLECTING)
    found = one(asking.db.rows(f"SELECT seq, action FROM entry WHERE stream = ? AND person = ? AND {where} "
                               "ORDER BY seq DESC LIMIT 1", stream, asking.me.id, values))  # fmt: skip
    return (int(found[0]), str(found[1])) if found else None


# -- the list -----------------------------------------------------------------------------------------------------------


def _group(w: Waiting) -> str:
    return "late" if (w.late or 0) > 0 else "today" if w.late == 0 else "later"


def _visits(asking: Asking, waiting: Sequence[Waiting]) -> list[Visit]:
    drafts, asked, back = _drafts(asking, waiting), _asked(asking, waiting), _back(asking, waiting)
    lie = premises(asking.db, [w.state.subject for w in waiting])
    found = []
    for w in waiting:
        s = w.state
        answered = drafts.get(s.id)
        again = back.get(s.stream, "")
        badge = "draft" if answered is not None else "again" if again else "new"
        there = lie.get(s.subject, Premises())
        found.append(
            Visit(w, there, badge, again, answered or 0, asked.get(s.stream, 0), s.facts.get("path") == "desk")
        )
    return found


def _drafts(asking: Asking, waiting: Sequence[Waiting]) -> dict[int, int]:
    """By case, how many questions have something typed."""
    where, values = among(asking.db, "case_id", [w.state.id for w in waiting], "bigint")
    rows = asking.db.rows(f"SELECT case_id, fields FROM draft WHERE person = ? AND action IN ('submit', 'collect') AND {where}",
                          asking.me.id, values)  # fmt: skip
    return {case: _count(orjson.loads(fields)) for case, fields in rows}


def _count(typed: Mapping[str, str]) -> int:
    return len({found[1] for name, value in typed.items() if value and (found := _ANSWER.match(name))})


def _asked(asking: Asking, waiting: Sequence[Waiting]) -> dict[str, int]:
    """By stream, how many questions are asked."""
    return {stream: len({(ask["facility"], id_) for ask in said.get("asks", ()) for id_ in ask["checkpoints"]})
            for stream, said in _said(asking, waiting, "seq = 1")}  # fmt: skip


def _back(asking: Asking, waiting: Sequence[Waiting]) -> dict[str, str]:
    """By stream, why it came back last, where it did: the codes and their places."""
    streams = [w for w in waiting if w.state.visits.get(w.state.step, 1) > 1 or w.state.done.get("submit")]
    names = ", ".join(f"'{action}'" for action in BACK)
    return {stream: ", ".join(f"{d['code']} {d['where']}" for d in said.get("defects", ())) or str(said.get("reason", ""))
            for stream, said in _said(asking, streams, f"action IN ({names})")}  # fmt: skip


def _said(asking: Asking, waiting: Sequence[Waiting], condition: str) -> list[tuple[str, dict[str, Any]]]:
    """What entries of these cases say, in their order."""
    where, values = among(asking.db, "stream", [w.state.stream for w in waiting])
    rows = asking.db.rows(
        f"SELECT stream, payload FROM entry WHERE {where} AND {condition} ORDER BY stream, seq", values
    )
    return [(stream, orjson.loads(payload) if payload else {}) for stream, payload in rows]
