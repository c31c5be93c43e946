"""Routes of the API. Reading is narrowed to what the caller may see; whatever changes something goes through the door,
with a key, so that a lost answer is asked for again without harm."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from itertools import islice
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from door.command import Command, Refused
from door.db import Unreachable, one
from door.fold import State, load
from models.process import USER
from portal.api import forms as f
from portal.api.caller import COLUMNS, LARGEST, Acts, Caller, HandsIn, Key, Pays, Problem, Reads, Visits, refusal, seen
from portal.api.evidence import router as evidence_router
from portal.case.acted import acted
from portal.case.scope import scope
from portal.case.sight import at_step, shown, sight
from portal.guard import TooLarge, numbered
from portal.handed import stranger
from portal.house import Portal
from portal.who.access import proved
from portal.words.arrows import HIGH_RISK
from tasks import books
from tasks.gate import check
from tasks.inbox import START, items
from tasks.premises import Premises, premises
from tasks.sentences import sentence

Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[int, Query(ge=0, le=LARGEST)]
Place = Annotated[str, Query(pattern=r"^(\d{4}-\d\d-\d\d_\d{1,15})?$", description="As `next` says it.")]
NEVER = "9999-12-31"  # where what has no deadline stands
PROBLEMS: dict[int | str, dict[str, Any]] = {
    n: {"model": f.Trouble, "description": says, "content": {"application/problem+json": {}}}
    for n, says in {400: "It can't be read.", 401: "Nobody is known.", 403: "It is not his.", 404: "There is none.",
                    409: "The door refuses.", 422: "A field is wrong."}.items()
}  # fmt: skip

router = APIRouter(responses=PROBLEMS)


def api(portal: Portal) -> FastAPI:
    """The application that is mounted at /api/v1; its OpenAPI description stands at /api/v1/openapi.json."""
    made = FastAPI(title="Post-loan management", version="1", docs_url=None, redoc_url=None)
    made.state.portal = portal
    made.include_router(router)
    made.include_router(evidence_router, responses=PROBLEMS)
    made.add_exception_handler(Problem, problem)
    made.add_exception_handler(RequestValidationError, invalid)
    made.add_exception_handler(HTTPException, http)
    made.add_exception_handler(Unreachable, unreachable)
    made.add_exception_handler(Exception, defect)
    return made


@router.post("/disbursement-checks")
def disbursement_check(caller: Pays, key: Key, asked: f.Check) -> f.Checked:
    """May this be paid? A program asks before every payment; what is not `allow` must not be paid as asked."""
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
    found, lie = [], premises(caller.db, [w.state.subject for w in waiting[:limit]])
    for w in waiting[:limit]:
        s = w.state
        opening = one(caller.db.rows("SELECT payload FROM entry WHERE stream = ? AND seq = 1", s.stream))
        asks = orjson.loads(opening[0])["asks"] if opening and opening[0] else []
        batch = one(caller.db.rows("SELECT payload FROM entry WHERE stream = ? AND action = 'assign' "
                                   "ORDER BY seq DESC LIMIT 1", s.stream))  # fmt: skip
        found.append(f.Assignment(case=s.id, seq=s.seq, borrower=w.borrower, due_on=s.due_on, asks=asks,
                                  **asdict(lie.get(s.subject, Premises())), inspector=str(s.facts.get("inspector", "")),
                                  batch=orjson.loads(batch[0])["batch"] if batch and batch[0] else ""))  # fmt: skip
    more = len(waiting) > limit
    return f.Assignments(
        items=found, next=f"/api/v1/assignments?after={found[-1].case}&limit={limit}" if more else None
    )


@router.post("/packages")
def package(caller: HandsIn, key: Key, handed: f.Package) -> f.Done:
    """Hands in what was collected on a visit. A photograph from further off the premises than the policy allows says why
    in its `note`; without one the package comes back (B03)."""
    body = handed.package.model_dump(mode="json")
    return _act(caller, handed.case, Command(caller.person.me.id, "submit", body, case=handed.case, key=key,
                                             seen=handed.seen))  # fmt: skip


@router.get("/cases")
def cases(caller: Reads, process: Annotated[str, Query(max_length=40)] = "", step: Annotated[str, Query(max_length=40)] = "",
          after: After = 0, limit: Limit = 50) -> f.Page:  # fmt: skip
    """The cases that the caller may see, by number. To the branch and the vendor a conclusion that is verified stands at
    `draw` until its outcome: how it is verified is not announced to them."""
    where, values = scope(caller.person)
    stands, steps = at_step(caller.person, step) if step else ("1 = 1", [])
    rows = caller.db.rows(
        f"SELECT coalesce(b.name, ''), {COLUMNS} FROM cases c LEFT JOIN borrower b ON b.id = c.subject "
        f"WHERE {where} AND c.id > ? AND (? = '' OR c.process = ?) AND {stands} ORDER BY c.id LIMIT ?",
        *values, after, process, process, *steps, limit + 1)  # fmt: skip
    states = shown(caller.person, [load(row[1:]) for row in rows[:limit]])
    found = [f.Case(**_said(s, row[0])) for s, row in zip(states, rows, strict=False)]
    more = (
        f"/api/v1/cases?process={process}&step={step}&after={found[-1].id}&limit={limit}" if len(rows) > limit else None
    )
    return f.Page(items=found, next=more)


@router.get("/cases/{case}")
def case(caller: Reads, case: int) -> f.Whole:
    """One case whole, as far as the caller is shown it, with the acts that its step offers."""
    s, borrower = seen(caller, case)
    step = caller.person.rules.processes[s.process].steps[s.step]
    acts = [do.name for do in step.does if do.name != step.late] if step.kind == USER else []
    facts = sight(caller.person, s).facts(s)
    return f.Whole(**_said(s, borrower), book=s.book, facts=facts, holder=s.holder, owner=s.owner, acts=acts)


@router.get("/items")
def items_(caller: Reads, after: Place = "", limit: Limit = 50) -> f.Page:
    """What waits for the caller, by deadline."""
    asking = caller.person
    waiting = list(islice(items(caller.db, asking.rules, asking.me.person, asking.day, _place(after)), limit + 1))
    found = [f.Case(**_said(w.state, w.borrower)) for w in waiting[:limit]]
    more = len(waiting) > limit
    address = f"/api/v1/items?after={found[-1].due_on or NEVER}_{found[-1].id}&limit={limit}" if more else None
    return f.Page(items=found, next=address)


def _place(after: str) -> tuple[str, int]:
    due, _, last = after.partition("_")
    try:
        return (date.fromisoformat(due).isoformat(), int(last)) if last else START
    except ValueError:
        raise Problem(
            422, "field", "after: this is no place in the list; take it from `next`.", field="after"
        ) from None


@router.post("/cases/{case}/acts")
def act(caller: Acts, key: Key, case: int, asked: f.Act) -> f.Done:
    """Decides, claims, comments, as the same person does on a page. What holds back money, lets it go, changes the rules or
    ends a case takes a sign-in that was proved within minutes: a program has none."""
    asking = caller.person
    s, _ = seen(caller, case)
    if ((s.process, asked.action) in HIGH_RISK or asked.action == "cancel") and not proved(asking.portal, asking.me):
        raise Problem(403, "proof", "That is decided on its page, where you are asked once more whether it is you.")
    return _act(caller, case, Command(caller.person.me.id, asked.action, asked.payload, case=case, key=key,
                                      on_behalf_of=asked.on_behalf_of, seen=asked.seen))  # fmt: skip


def _act(caller: Caller, case: int, command: Command) -> f.Done:
    seen(caller, case)
    if place := stranger(caller.person, case, command.payload):
        raise Problem(422, "no_file", f"{place}: this file was not handed in for the case by the caller: POST "
                      f"/cases/{case}/evidence takes it in, and answers how it is named.", field=place)  # fmt: skip
    (verdict,) = acted(caller.person, command)
    if verdict.refused:
        raise refusal(verdict.refused)
    return f.Done(case=case, step=verdict.step, seq=verdict.seq, hash=verdict.hash, repeated=verdict.repeated)


def _said(s: State, borrower: str) -> dict[str, Any]:
    return {"id": s.id, "process": s.process, "subject": s.subject, "borrower": borrower, "step": s.step, "seq": s.seq,
            "due_on": s.due_on, "opened_on": s.opened_on, "closed_on": s.closed_on}  # fmt: skip


def _reason(refused: Refused) -> f.Reason:
    return f.Reason(code=refused.code, facts=dict(refused.facts), says=sentence(refused))


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
    if isinstance(e.__cause__, TooLarge):
        return _problem(413, "too_large", TooLarge.says, {})
    return _problem(e.status_code, "http", str(e.detail) + ".", {})


def unreachable(request: Request, e: Exception) -> JSONResponse:
    return _problem(503, "unreachable", "The database does not answer; nothing was changed.", {})


def defect(request: Request, e: Exception) -> JSONResponse:
    """Nobody foresaw it."""
    number = numbered(e)
    says = f"This is a defect of the program: ask again with the same key, and report it by its number, {number}."
    answer = _problem(500, "defect", says, {"number": number})
    answer.headers["Connection"] = "close"  # the server does, after a defect
    return answer
