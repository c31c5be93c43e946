"""Routes of the API. Reading is narrowed to what the caller may see; whatever changes something goes through the door,
with a key, so that a lost answer is asked for again without harm."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from door.command import Command, Refused, Verdict
from door.db import Unreachable, one
from door.fold import CASE_COLUMNS, State, load
from models.process import USER
from portal.api import forms as f
from portal.api.caller import Acts, Caller, HandsIn, Key, Pays, Problem, Reads, Visits
from portal.house import Portal
from portal.scope import scope
from portal.sight import sight
from tasks import books
from tasks.gate import check
from tasks.inbox import START, items
from tasks.sentences import sentence

LARGEST = 2**53 - 1
Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[int, Query(ge=0, le=LARGEST)]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    n: {"model": f.Trouble, "description": says, "content": {"application/problem+json": {}}}
    for n, says in {400: "It can't be read.", 401: "Nobody is known.", 403: "It is not his.", 404: "There is none.",
                    409: "The door refuses.", 422: "A field is wrong."}.items()
}  # fmt: skip
_COLUMNS = ", ".join(f"c.{name}" for name in CASE_COLUMNS)

router = APIRouter(responses=PROBLEMS)


def api(portal: Portal) -> FastAPI:
    """The application that is mounted at /api/v1; its OpenAPI description stands at /api/v1/openapi.json."""
    made = FastAPI(title="Post-loan management", version="1", docs_url=None, redoc_url=None)
    made.state.portal = portal
    made.include_router(router)
    made.add_exception_handler(Problem, problem)
    made.add_exception_handler(RequestValidationError, invalid)
    made.add_exception_handler(HTTPException, http)
    made.add_exception_handler(Unreachable, unreachable)
    return made


@router.post("/disbursement-checks")
def disbursement_check(caller: Pays, key: Key, asked: f.Check) -> f.Checked:
    """May this be paid? Asked before every payment; what is not `allow` must not be paid as asked."""
    house = caller.request.app.state.portal.house
    clock = house.clock(house.business_date())
    found = check(caller.db, asked.facility, asked.amount, clock, books.rules(caller.db), house.snapshots,
                  person=caller.name, key=key)  # fmt: skip
    return f.Checked(outcome=found.outcome, allowed=found.allowed, seq=found.seq, hash=found.hash,
                     repeated=found.repeated, reasons=[_reason(r) for r in found.reasons])  # fmt: skip


@router.get("/assignments")
def assignments(caller: Visits, after: After = 0, limit: Limit = 50) -> f.Assignments:
    """The visits that wait for the caller's inspector, by number of the case."""
    asking = caller.person
    visits = items(
        caller.db, asking.rules, asking.me.person, asking.day, START, "i.step = 'visit' AND i.case_id > ?", [after]
    )
    waiting = sorted(visits, key=lambda w: w.state.id)
    found = []
    for w in waiting[:limit]:
        s = w.state
        opening = one(caller.db.rows("SELECT payload FROM entry WHERE stream = ? AND seq = 1", s.stream))
        asks = orjson.loads(opening[0])["asks"] if opening and opening[0] else []
        batch = one(caller.db.rows("SELECT payload FROM entry WHERE stream = ? AND action = 'assign' "
                                   "ORDER BY seq DESC LIMIT 1", s.stream))  # fmt: skip
        found.append(f.Assignment(case=s.id, seq=s.seq, borrower=w.borrower, due_on=s.due_on, asks=asks,
                                  inspector=str(s.facts.get("inspector", "")),
                                  batch=orjson.loads(batch[0])["batch"] if batch and batch[0] else ""))  # fmt: skip
    more = len(waiting) > limit
    return f.Assignments(
        items=found, next=f"/api/v1/assignments?after={found[-1].case}&limit={limit}" if more else None
    )


@router.post("/packages")
def package(caller: HandsIn, key: Key, handed: f.Package) -> f.Done:
    """Hands in what was collected on a visit."""
    body = handed.package.model_dump(mode="json")
    return _act(caller, handed.case, Command(caller.person.me.id, "submit", body, case=handed.case, key=key,
                                             seen=handed.seen))  # fmt: skip


@router.get("/cases")
def cases(caller: Reads, process: Annotated[str, Query(max_length=40)] = "", step: Annotated[str, Query(max_length=40)] = "",
          after: After = 0, limit: Limit = 50) -> f.Page:  # fmt: skip
    """The cases that the caller may see, by number."""
    where, values = scope(caller.person)
    rows = caller.db.rows(
        "SELECT c.id, c.process, c.subject, coalesce(b.name, ''), c.step, c.seq, i.due_on, c.opened_on, c.closed_on "
        "FROM cases c LEFT JOIN item i ON i.case_id = c.id LEFT JOIN borrower b ON b.id = c.subject "
        f"WHERE {where} AND c.id > ? AND (? = '' OR c.process = ?) AND (? = '' OR c.step = ?) ORDER BY c.id LIMIT ?",
        *values, after, process, process, step, step, limit + 1)  # fmt: skip
    found = [f.Case(**dict(zip(f.Case.model_fields, row, strict=True))) for row in rows[:limit]]
    more = (
        f"/api/v1/cases?process={process}&step={step}&after={found[-1].id}&limit={limit}" if len(rows) > limit else None
    )
    return f.Page(items=found, next=more)


@router.get("/cases/{case}")
def case(caller: Reads, case: int) -> f.Whole:
    """One case whole, as far as the caller is shown it, with the acts that its step offers."""
    s, borrower = _seen(caller, case)
    step = caller.person.rules.processes[s.process].steps[s.step]
    acts = [do.name for do in step.does if do.name != step.late] if step.kind == USER else []
    facts = sight(caller.person, s).facts(s)
    return f.Whole(**_said(s, borrower), book=s.book, facts=facts, holder=s.holder, owner=s.owner, acts=acts)


@router.get("/items")
def waiting(caller: Reads, limit: Limit = 50) -> f.Page:
    """What waits for the caller, by deadline."""
    asking = caller.person
    found: list[f.Case] = []
    for w in items(caller.db, asking.rules, asking.me.person, asking.day):
        if len(found) == limit:
            break
        found.append(f.Case(**_said(w.state, w.borrower)))
    return f.Page(items=found, next=None)


@router.post("/cases/{case}/acts")
def act(caller: Acts, key: Key, case: int, asked: f.Act) -> f.Done:
    """Decides, claims, comments, as the same person does on a page."""
    return _act(caller, case, Command(caller.person.me.id, asked.action, asked.payload, case=case, key=key,
                                      on_behalf_of=asked.on_behalf_of, seen=asked.seen))  # fmt: skip


def _act(caller: Caller, case: int, command: Command) -> f.Done:
    _seen(caller, case)
    (verdict,) = caller.person.act(command)
    if verdict.refused:
        raise _refusal(verdict)
    return f.Done(case=case, step=verdict.step, seq=verdict.seq, hash=verdict.hash, repeated=verdict.repeated)


def _seen(caller: Caller, case: int) -> tuple[State, str]:
    """The case, if it is his to see. Raises Problem."""
    where, values = scope(caller.person, of_one=True)
    row = one(caller.db.rows(f"SELECT coalesce(b.name, ''), {_COLUMNS} FROM cases c LEFT JOIN borrower b "
                             f"ON b.id = c.subject WHERE c.id = ? AND {where}", min(case, LARGEST), *values))  # fmt: skip
    if row is None:
        raise Problem(404, "no_case", f"There is no case {case}.")
    return load(row[1:]), row[0]


def _said(s: State, borrower: str) -> dict[str, Any]:
    return {"id": s.id, "process": s.process, "subject": s.subject, "borrower": borrower, "step": s.step, "seq": s.seq,
            "due_on": s.due_on, "opened_on": s.opened_on, "closed_on": s.closed_on}  # fmt: skip


def _reason(refused: Refused) -> f.Reason:
    return f.Reason(code=refused.code, facts=dict(refused.facts), says=sentence(refused))


def _refusal(v: Verdict) -> Problem:
    refused = v.refused or Refused("odd")
    status = 422 if refused.code == "form" else 409
    return Problem(status, refused.code, sentence(refused), facts=dict(refused.facts))


# -- problems ---------------------------------------------------------------------------------------------------------


def _problem(status: int, code: str, says: str, more: Mapping[str, Any]) -> JSONResponse:
    body = {
        "type": "about:blank",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": says,
        **more,
    }
    return JSONResponse(body, status, media_type="application/problem+json")


def problem(request: Request, e: Exception) -> JSONResponse:
    assert isinstance(e, Problem)  # noqa: S101 - registered for no other
    return _problem(e.status, e.code, e.says, e.more)


def invalid(request: Request, e: Exception) -> JSONResponse:
    assert isinstance(e, RequestValidationError)  # noqa: S101
    first = e.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return _problem(422, "field", f"{where or 'The body'}: {first['msg']}.", {"field": where})


def http(request: Request, e: Exception) -> JSONResponse:
    assert isinstance(e, HTTPException)  # noqa: S101
    return _problem(e.status_code, "http", str(e.detail) + ".", {})


def unreachable(request: Request, e: Exception) -> JSONResponse:
    return _problem(503, "unreachable", "The database does not answer; nothing was changed.", {})
