"""Step forms: what a decision asks for, by its arrow. What is typed is never lost: whatever is refused comes back as it
was, with the reasons beside the fields, and stays on the server as a draft until it is decided."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, RedirectResponse, Response

from door import store
from door.command import Command, Refused, Verdict
from door.eligible import eligible
from models.policy import Book, PolicyError
from models.process import USER, Do
from portal import draft, files, handed
from portal.case.acted import acted
from portal.case.distance import Distances, distances
from portal.case.file import File, book_changes, opened
from portal.case.now import for_whom
from portal.case.offers import offers
from portal.case.sight import UNANNOUNCED
from portal.case.story import payload
from portal.case.surroundings import meanwhile, surroundings
from portal.form import sheets
from portal.form.fields import Read, Sheet
from portal.form.questions import absent, with_files
from portal.form.typed import read
from portal.house import Asking
from portal.page import show, status_of, why
from portal.who.asking import Form, NotThere, Posted, SignedIn
from portal.who.proof import unproved, wanted
from portal.words import arrows, reading
from portal.words.labels import labels
from portal.words.reader import Reader, names_of
from tasks import books
from tasks.dossier import Dossier, dossiers

router = APIRouter()
COLLECTING = ("submit", "collect")  # on the page of the visit
OUTCOMES = ("verify", "disagree")  # of a comparison, chosen by what it came to


@dataclass(slots=True)
class View:
    """An arrow of a case as one person has it before him; `refused`: why he can't take it, `gone`: because the case stands
    elsewhere."""

    file: File
    action: str
    do: Do
    book: Book
    d: Dossier | None
    behalf: str | None = None
    refused: Refused | None = None
    gone: bool = False
    ready: list[handed.File] = field(default_factory=list)

    @property
    def asking(self) -> Asking:
        return self.file.asking

    @property
    def reader(self) -> Reader:
        return self.file.reader

    @property
    def high_risk(self) -> bool:
        return (self.file.s.process, self.action) in arrows.HIGH_RISK

    @property
    def address(self) -> str:
        case = self.file.s.id
        return f"/visits/{case}" if self.action in COLLECTING else f"/cases/{case}/{self.action}"

    @property
    def distances(self) -> Distances:
        return distances(self.file.premises, self.book, map(asdict, self.ready))

    def sheet(self, typed: Mapping[str, str]) -> Sheet:
        return sheets.sheet(sheets.Matter(self.file, self.do, self.book, self.d, typed, tuple(self.ready)))


@router.get("/cases/{case:int}/{action}")
def asked(asking: SignedIn, case: int, action: str, empty: bool = False, saved: bool = False) -> Response:
    if action in COLLECTING:
        view_of(asking, case, action)
        return RedirectResponse(f"/visits/{case}", 303)
    return shown(view_of(asking, case, action), empty, saved)


@router.post("/cases/{case:int}/{action}")
def sent(posted: Form, case: int, action: str) -> Response:
    return taken(posted, view_of(posted.asking, case, action))


@router.get("/cases/{case:int}/{action}/{seq:int}")
def receipt(asking: SignedIn, case: int, action: str, seq: int) -> Response:
    """What was handed in or decided, by the entry that it became; to who did it, whosever the case is now."""
    file = opened(asking, case, did=True)
    e = file.entries[seq - 1] if 0 < seq <= len(file.entries) else None
    if e is None or e.action != action or e.person != asking.me.id:
        raise NotThere
    said = payload(e)
    return show(
        asking, "receipt.html", s=file.s, who=file.reader.called(file.s, file.borrower), e=e, said=said,
        did=arrows.done(file.reader.say, file.s.process, action), collected=action in COLLECTING,
        files=[f for f in said.get("evidence", ()) if f], process=file.s.process,
        opened=store.opened(asking.db, case, e.person, e.recorded_at) if file.sight.judged else ())  # fmt: skip


def view_of(asking: Asking, case: int, action: str) -> View:
    """Raises NotThere where the case is not his to see, or its process has no such arrow for a person."""
    file = opened(asking, case)
    s, process = file.s, file.process
    step = process.steps[s.step]
    of = [each.by_name[action] for each in process.steps.values()
          if each.kind == USER and action in each.by_name and action != each.late]  # fmt: skip
    if not of:
        raise NotThere
    try:
        book = reading.book(asking.db, s.book or books.in_force(asking.db, asking.day), file.reader)
    except PolicyError as error:
        raise NotThere from error
    do = step.by_name.get(action) if step.kind == USER and action != step.late else None
    view = View(file, action, do or of[0], book, None)
    if do is None:
        view.gone, view.refused = True, Refused("not_here", {"step": s.step, "by": s.last_person, "at": s.last_at,
                                                             "offered": sorted(step.by_name)})  # fmt: skip
        if file.sight.hides(s):
            view.refused = Refused(UNANNOUNCED)
        return view
    view.behalf, refused = for_whom(asking, s, process)
    view.refused = refused or next(o.refused for o in offers(asking, s, view.behalf) if o.do.name == action)
    if view.refused is None:
        view.d = dossiers(asking.db, [s])[0] if s.process == "inspection" else None
        view.ready = handed.ready(asking, s.id)
    return view


# -- sent ---------------------------------------------------------------------------------------------------------------


def taken(posted: Posted, view: View) -> Response:
    """Decides, keeps as a draft, adds a row: whatever of it, what was typed comes back or is done."""
    asking, case, act = posted.asking, view.file.s.id, posted.text("act")
    if before := _before(view, posted.text("key")):
        return RedirectResponse(before, 303)
    typed = draft.typed(posted.fields())
    if view.refused is not None:
        return shown(view, typed=typed, status=status_of(view.refused))
    spoiled = _files(posted, view)
    quiet = posted.text("quiet") == "yes"
    if act == "draft" and not spoiled:
        at = draft.save(asking, case, view.action, typed)
        if quiet:
            return JSONResponse({"at": view.reader.instant(at, asking.portal.house.zone)})
        return RedirectResponse(f"{view.address}?saved=true", 303)
    what, _, name = act.partition(".")
    if what == "more":
        rows = sheets.Matter(view.file, view.do, view.book, view.d, typed).rows(name, 0)
        typed[f"n.{name}"] = str(rows + 1)
    if what == "remove" and handed.KEY.match(name):
        handed.drop(asking, case, name)
        view.ready = handed.ready(asking, case)
    draft.save(asking, case, view.action, typed)
    if what in ("more", "remove") or spoiled or act == "draft":
        return shown(view, typed=typed, spoiled=spoiled, status=422 if spoiled else 200)
    return _decided(posted, view, typed)


def _files(posted: Posted, view: View) -> dict[str, str]:
    """Takes in the files that came with the form; why one was not, by its field."""
    wrong = {}
    for need in view.sheet({}).needs:
        name = f"file.{need.kind}.{need.shows}"
        for value in posted.form.getlist(name):
            if not isinstance(value, str) and value.size:
                try:
                    handed.take(view.asking, view.file.s.id, value, "", need.kind, need.shows)
                except files.Unfit as unfit:
                    wrong[name] = handed.says(view.reader, unfit)
    view.ready = handed.ready(view.asking, view.file.s.id)
    return wrong


def _decided(posted: Posted, view: View, typed: dict[str, str]) -> Response:
    asking, s = view.asking, view.file.s
    seen = draft.number(posted.text("seen"))
    if seen < 0 or any(meanwhile(view.file, seen)):
        return shown(view, typed=typed, status=409, key=posted.text("key"), changed=True)
    _turn(view, typed)
    asked_ = view.sheet(typed)
    found = read(asked_, typed, view.reader)
    _package(view, asked_, found, typed)
    if view.high_risk and not (found.wrong or found.missing):
        problem = unproved(posted, view.reader, s.id, view.action, view.address)
        found.wrong |= {"password": problem} if problem else {}
    if found.wrong or found.missing:
        return shown(view, typed=typed, found=found, status=422, key=posted.text("key"))
    verdict: Verdict = acted(asking, Command(
        asking.me.id, view.action, found.payload, case=s.id, key=posted.text("key") or None, on_behalf_of=view.behalf,
        seen=s.seq))[0]  # fmt: skip
    if verdict.refused is not None:
        again = view_of(asking, s.id, view.action)
        return shown(again, typed=typed, status=status_of(verdict.refused), told=verdict.refused)
    for action in _alike(view.action):
        draft.drop(asking, s.id, action)
    return RedirectResponse(_after(view, verdict.seq), 303)


def _turn(view: View, typed: Mapping[str, str]) -> None:
    """Where own record and conclusion are compared, the outcome says whether it is to agree or to disagree."""
    outcome = view.book.outcomes.get(typed.get("outcome", ""))
    if view.file.s.step == "compare" and outcome is not None:
        view.action = "disagree" if outcome.answered else "verify"
        view.do = view.file.process.steps["compare"].by_name[view.action]


def _alike(action: str) -> tuple[str, ...]:
    """Actions that one form may lead to."""
    return OUTCOMES if action in OUTCOMES else (action,)


def _package(view: View, asked_: Sheet, found: Read, typed: Mapping[str, str]) -> None:
    """The evidence of a package or record; what is missing may stay so where it is said why, and what a package shows of
    another place than the premises is said why."""
    if "evidence" not in view.do.form.model_fields or view.d is None:
        return
    desk = found.payload.get("how") == "desk"
    found.missing |= absent(asked_.needs, view.ready, desk, view.reader)
    why_ = typed.get("why", "").strip() if typed.get("without") == "yes" else ""
    with_files(found.payload, view.book, view.ready, view.d.questions, why_ if found.missing else "")
    if why_:
        found.missing.clear()
    far = view.distances.far
    away = typed.get("away", "").strip()
    for file in (e for e in found.payload["evidence"] if e["sha256"] in far):
        file["note"] = away[:2000]
        if not away:
            found.wrong["away"] = view.reader.say(
                "Say in a sentence why photographs were taken away from the premises."
            )


def _before(view: View, key: str) -> str:
    """The form was sent before, and was decided: where its answer stands."""
    me, s = view.asking.me.id, view.file.s
    found = store.earlier(view.asking.db, [(me, key)]).get((me, key)) if handed.KEY.match(key) else None
    if found is None or found[0] != s.stream or found[2] not in _alike(view.action):
        return ""
    view.action = str(found[2])
    return _after(view, int(found[1]))


def _after(view: View, seq: int) -> str:
    """To the receipt; who has recorded on site goes on to compare."""
    case = view.file.s.id
    return f"/cases/{case}/verify" if view.action == "record" else f"/cases/{case}/{view.action}/{seq}"


# -- shown --------------------------------------------------------------------------------------------------------------


def shown(view: View, empty: bool = False, saved: bool = False, typed: Mapping[str, str] | None = None,
          found: Read | None = None, spoiled: Mapping[str, str] | None = None, status: int = 200, key: str = "",
          told: Refused | None = None, changed: bool = False) -> Response:  # fmt: skip
    """The form: empty, from the draft, or as it was sent with what is wrong; or why it can't be taken."""
    asking, file, reader = view.asking, view.file, view.reader
    s, say = file.s, reader.say
    kept = draft.load(asking, s.id, view.action) if typed is None and not empty else None
    text: Mapping[str, str] = typed if typed is not None else kept.typed if kept else {}
    title = reader.step(s.step) if s.step == "compare" else arrows.choice(say, s.process, view.action)
    common: dict[str, Any] = {
        "file": file, "s": s, "who": file.reader.called(s, file.borrower), "action": view.action, "address": view.address,
        "title": title, "collecting": view.action in COLLECTING,
        "told": why(asking, told, s.id) if told else "", "process": s.process}  # fmt: skip
    if view.refused is not None:
        able = eligible(asking.db, asking.rules, s.id, asking.day, view.action)[:3]
        called = labels(say)
        wrote = [(next((called[part] for part in reversed(n.split(".")) if part in called), say("Answer")), v)
                 for n, v in text.items() if v and n != "seen" and not n.startswith("n.")]  # fmt: skip
        return show(asking, "step_barred.html", status, **common, gone=view.gone, why=why(asking, view.refused, s.id), wrote=wrote,
                    could=list(names_of(asking.db, [p for p in able if p != asking.me.id]).values()))  # fmt: skip
    asked_ = view.sheet(text)
    seen = draft.number(text["seen"]) if "seen" in text else s.seq
    answered = sum(bool(text.get(f.name) or text.get(f"{f.name}.word")) for f in asked_.questions)
    there = {(f.kind, f.shows) for f in view.ready}
    template = "visit.html" if view.action in COLLECTING else "step.html"
    wrong = (found.wrong if found else {}) | dict(spoiled or {})
    missing = found.missing if found else {}
    lacks = dict.fromkeys(missing, say("This is still missing."))  # which it is stands above it
    return show(
        asking, template, status, **common, **surroundings(file, view.d, view.book, seen), sheet=asked_,
        values=dict(sheets.presets(asked_)) | dict(text), wrong=wrong, missing=missing, errors=wrong | lacks, saved=saved,
        kept=kept, changed=changed, behalf=view.behalf, key=key or asking.portal.house.salts(1)[0][:16], ready=view.ready,
        distances=view.distances, answered=answered, photographed=sum((n.kind, n.shows) in there for n in asked_.needs),
        proof=wanted(asking) if view.high_risk else "", book_changes=book_changes(file))  # fmt: skip
