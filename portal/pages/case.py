"""Case page: one case as its own journal tells it, and what can be done now. `?at=` shows it after an earlier entry, to whom
may see the whole record; acts on the item are sent here, decisions have forms of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from door import store
from door.command import Command, Refused
from door.journal import ZERO, Entry, intact
from models.policy import Book, PolicyError
from models.process import END, USER
from portal import draft
from portal.case import about, answers
from portal.case.acted import acted
from portal.case.distance import Distances, distances
from portal.case.file import File, book_changes, opened
from portal.case.now import item_acts, now, recipients
from portal.case.scope import scope
from portal.case.story import payload, story
from portal.case.strip import named, passages, strip
from portal.house import Asking
from portal.page import show, status_of, why
from portal.who.asking import Form, NotThere, SignedIn
from portal.who.proof import unproved, wanted
from portal.words import reading
from portal.words.reader import Reader, raised
from processes.trace import passed, to_page
from tasks.dossier import PACKAGES, Dossier, Past, dossiers

router = APIRouter()
#: Acts on the item that first ask for something, and what: field → whether it is a day.
ASKED: dict[str, tuple[str, ...]] = {
    "delegate": ("to", "reason"), "reassign": ("to", "reason"), "hold": ("until", "reason"), "cancel": ("reason",),
    "comment": ("text",),
}  # fmt: skip
PLAIN = ("claim", "hand_back")


@router.get("/cases/{case:int}")
def shown(asking: SignedIn, case: int, at: Annotated[int | None, Query()] = None, on: str = "", answers: str = "",
          did: str = "") -> Response:  # fmt: skip
    file = opened(asking, case, at, _day(on, asking.day))
    return _page(file, changed_only=answers == "changed", did=did if did in (*ASKED, *PLAIN, "relation") else "")


@router.get("/cases/{case:int}/export")
def export(asking: SignedIn, case: int) -> Response:
    """The case's entries as they are recorded, one a line. Raises NotThere for who does not see all of them."""
    file = opened(asking, case)
    if not file.sight.everything:
        raise NotThere
    lines = b"".join(orjson.dumps(e._asdict()) + b"\n" for e in file.entries)
    name = f"{file.s.stream.replace(':', '-')}.jsonl"
    return Response(lines, media_type="application/x-ndjson",
                    headers={"Content-Disposition": f'attachment; filename="{name}"'})  # fmt: skip


@router.post("/cases/{case:int}")
def act(posted: Form, case: int) -> Response:
    """An act on the item. What it asks for is asked on a page of its own first; a refusal keeps what was typed."""
    asking, action = posted.asking, posted.text("act")
    file = opened(asking, case)
    if action not in (*PLAIN, *ASKED):
        raise NotThere
    said = {name: posted.text(name) for name in ASKED.get(action, ())}
    wrong = _wrong(file.reader, said) if posted.text("sent") else {}
    if action == "cancel" and posted.text("sent") and not wrong:
        says = unproved(posted, file.reader, case, "cancel", f"/cases/{case}/cancel")
        wrong = {"password": says} if says else {}
    if action in ASKED and (wrong or not posted.text("sent")):
        return _asked(file, posted.text("behalf"), action, said, wrong, 422 if wrong else 200)
    seen = posted.text("seen")
    verdict = acted(asking, Command(
        asking.me.id, action, said, case=case, key=posted.text("key") or None, on_behalf_of=posted.text("behalf") or None,
        seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 and action != "comment" else None))[0]  # fmt: skip
    if verdict.refused is None:
        draft.drop(asking, case, action)
        return RedirectResponse(f"/cases/{case}?did={action}", 303)
    if action in ASKED and action in item_acts(asking, file.s, file.process, posted.text("behalf") or None):
        return _asked(file, posted.text("behalf"), action, said, {}, status_of(verdict.refused), verdict.refused)
    return _page(opened(asking, case), status_of(verdict.refused), refused=verdict.refused)


@router.get("/cases/{case:int}/cancel")
def cancelling(asking: SignedIn, case: int) -> Response:
    """The form of a cancel, with what was written before he was sent to prove himself."""
    file, kept = opened(asking, case), draft.load(asking, case, "cancel")
    if "cancel" not in item_acts(asking, file.s, file.process, None):
        raise NotThere
    return _asked(file, "", "cancel", {"reason": kept.typed.get("reason", "") if kept else ""}, {}, 200)


# -- reading ----------------------------------------------------------------------------------------------------------


def _day(text: str, today: str) -> str:
    """A day up to today; empty where the text is none."""
    try:
        return min(date.fromisoformat(text).isoformat(), today)
    except ValueError:
        return ""


def chained(entries: Sequence[Entry]) -> bool:
    """Does each entry follow the one before it, with nothing changed in it since?"""
    heads = [ZERO, *(e.hash for e in entries)]
    return all(intact(e) and e.prev == head for e, head in zip(entries, heads, strict=False))


def _dossier(file: File) -> Dossier | None:
    if file.s.process != "inspection" or not file.entries or file.entries[0].payload is None:
        return None
    (d,) = dossiers(file.asking.db, [file.s])
    return replace(d, past=d.past[: file.s.seq])


def _book(asking: Asking, hash_: str, reader: Reader) -> Book | None:
    try:
        return reading.book(asking.db, hash_, reader) if hash_ else None
    except PolicyError:
        return None


# -- showing ----------------------------------------------------------------------------------------------------------


def _page(file: File, status: int = 200, changed_only: bool = False, did: str = "",
          refused: Refused | None = None) -> Response:  # fmt: skip
    asking, s, reader, process, sight_ = file.asking, file.s, file.reader, file.process, file.sight
    book, d = _book(asking, s.book, file.reader), _dossier(file)
    manager = store.managers(asking.db, [s.subject], file.day).get(s.subject, "")
    opening = payload(file.entries[0]) if file.entries else {}
    facts = sight_.facts(s)
    level, verified = facts.get("level", facts.get("proposed_level")), _verified(file)
    return show(
        asking, "case.html", status, file=file, s=s, who=file.reader.called(s, file.borrower), names=file.names, sight=sight_,
        facts=about.facts(asking, s, sight_, opening, book, manager, reader, file.names, file.premises),
        level=level if isinstance(level, int) else None, class_=facts.get("class_"),
        proposed=s.process == "inspection" and "level" not in facts,
        rounds=story(process, file.entries, sight_, asking.me.id, reader, file.names, book), said=len(file.entries),
        marks=strip(process, s, file.entries, reader, _with(file), sight_), picture=_picture(file),
        now=now(asking, s, process, reader) if not file.past else None, ended=process.steps[s.step].kind == END,
        chained=chained(file.entries[: s.seq]), authority=process.authority.get(process.steps[s.step].lane, ""),
        did=did, changed_only=changed_only, refused=why(asking, refused, s.id) if refused else "",
        key=asking.portal.house.salts(1)[0][:16], parent=_parent(file),
        late=about.late_by(s.due_on, file.day) if process.steps[s.step].kind == USER else 0,
        **_collected(file, d, book), **_around(file, d, opening, book), verified=verified,
        outcome=reading.outcome(book, verified[2].get("outcome", "")),
        book_changes=book_changes(file))  # fmt: skip


def _with(file: File) -> str:
    """In whose hands it is, and until when."""
    s, reader, step = file.s, file.reader, file.process.steps[file.s.step]
    if file.sight.hides(s):
        return reader.say("by the department")
    if step.kind != USER:
        return ""
    manager = store.managers(file.asking.db, [s.subject], file.day).get(s.subject) if step.whose == "manager" else None
    person = s.holder or s.owner or manager
    who = reader.say("you") if person == file.asking.me.id else file.names.get(person or "", reader.role(step.role))
    return reader.say("{who}, till {day}").format(who=who, day=reader.day(s.due_on, year=False)) if s.due_on else who


def _picture(file: File) -> str:
    """Not for an inspector: how the bank decides is none of his."""
    if file.sight.vendor:
        return ""
    reader, process = file.reader, file.process
    gone = {way for p in passages(process, file.entries) for way in passed(process, p.step, p.action, p.to)}
    lanes = {"system": reader.say("System"), "vendor": reader.say("Vendor"), "branch": reader.say("Branch"),
             "department": reader.say("Department")}  # fmt: skip
    hidden = file.sight.hides(file.s)
    here = named(reader, process.name, file.s.step, hidden)
    title = reader.say("Process picture. The token stands at {step}.").format(step=here)

    def name(n: str) -> str:
        if n not in process.steps:
            return raised(reader.thing(n))
        return named(reader, process.name, n, hidden and n == file.s.step)

    return to_page(process, file.s.step, gone, title, name, lambda n: lanes.get(n) or reader.thing(n))


def _parent(file: File) -> int | None:
    """The case that opened this one, if it is his to see."""
    where, values = scope(file.asking, of_one=True)
    found = file.asking.db.rows(f"SELECT c.id FROM cases c WHERE c.id = ? AND {where}", file.s.parent or 0, *values)
    return int(found[0][0]) if found else None


def _collected(file: File, d: Dossier | None, book: Book | None) -> dict[str, Any]:
    """Answers, findings, evidence, and those of earlier rounds; to an inspector what he handed in himself."""
    none: dict[str, Any] = {"groups": [], "found": [], "evidence": [], "files": {}, "package": None, "before": [], "own": None,
                            "distances": Distances(), "last_on": "", "screened": False, "n_changed": 0,
                            "n_asked": len(d.questions) if d else 0}  # fmt: skip
    if d is None or book is None or file.sight.blind:
        return none
    mine = file.asking.me.id
    shown_ = [p for p in d.past if p.action in PACKAGES and (file.sight.judged or p.person == mine)]
    package = shown_[-1] if shown_ else None
    groups = answers.side_by_side(d, book, file.reader, package, file.sight.judged)
    record_ = d.last("record") if file.sight.judged else None

    def whole(p: Past) -> list[answers.Group]:
        return answers.side_by_side(d, book, file.reader, p, compared=False)

    return none | {
        "package": package, "groups": groups if package or d.answers_before else [],
        "n_changed": sum(r.changed for g in groups for r in g.rows),
        "last_on": d.earlier[0].closed_on if d.earlier and file.sight.judged else "",
        "found": answers.findings(d, book) if file.sight.judged else [],
        "screened": answers.screened(d),
        "evidence": package.payload.get("evidence", ()) if package else (),
        "distances": distances(file.premises, book, [e for p in (package, record_) if p
                                                     for e in p.payload.get("evidence", ())]),
        "files": dict(file.asking.db.rows("SELECT sha256, name FROM upload WHERE person IN (?, ?) AND case_id = ?",
                                          *((p.person if p else "") for p in (package, record_)), file.s.id)),
        "before": [(p, whole(p)) for p in reversed(shown_[:-1])],
        "own": (record_, whole(record_)) if record_ and any(map(record_.payload.get, ("answers", "evidence"))) else None,
    }  # fmt: skip


def _around(file: File, d: Dossier | None, opening: Mapping[str, Any], book: Book | None) -> dict[str, Any]:
    """Due rows, arrears, conditions, controls and orders, the gate; of them an inspector needs the due rows alone. All of
    it as of the day that is shown; conditions and the gate's answer are known of today alone."""
    asking, s = file.asking, file.s
    due = about.due_rows(asking.db, s, file.day, file.past)
    facilities = sorted(
        {str(ask["facility"]) for ask in opening.get("asks", ())} | {str(s.facts.get("facility") or "")} - {""}
    )
    bare: dict[str, Any] = {
        "due_rows": due,
        "arrears": None,
        "data_of": "",
        "agreed": [],
        "beside": [],
        "gate": [],
        "passes": False,
    }
    if file.sight.vendor or s.process in ("policy", "run"):
        return bare
    if not facilities:
        facilities = [f for (f,) in asking.db.rows("SELECT id FROM facility WHERE borrower = ? ORDER BY id", s.subject)]
    days, data_of = about.arrears(asking, facilities, file.day)
    known = {book.hash: book} if book else {}
    return bare | {
        "arrears": about.in_arrears(facilities, days, file.reader), "data_of": data_of,
        "beside": about.beside(asking, s, known, file.day),
    } | ({} if file.past else {
        "agreed": about.conditions(asking, facilities, d if file.sight.judged else None, book, file.reader),
        "passes": about.passes(s, book.restrictions.get(s.facts.get("kind", "")) if book else None),
        "gate": [(g, [why(asking, r) for r in g.reasons]) for g in about.at_the_gate(asking, facilities)],
    })  # fmt: skip


def _verified(file: File) -> tuple[str, Entry | None, dict[str, Any]]:
    """How far four eyes have come: which way was drawn, and who verified with which outcome."""
    drawn = next((e for e in reversed(file.entries) if e.action in ("desk", "site")), None)
    found = next((e for e in reversed(file.entries) if e.action in ("verify", "disagree")), None)
    if found and drawn and found.seq < drawn.seq:
        found = None
    return (drawn.action if drawn else "", found, payload(found) if found else {})


def _asked(file: File, behalf: str, action: str, said: Mapping[str, str], wrong: Mapping[str, str], status: int,
           refused: Refused | None = None) -> Response:  # fmt: skip
    """The short form of an act on the item."""
    asking, s = file.asking, file.s
    to = recipients(asking, s, file.process, action) if action in ("delegate", "reassign") else []
    return show(
        asking, "item_act.html", status, file=file, s=s, who=file.reader.called(s, file.borrower), action=action, said=said,
        wrong=wrong, refused=why(asking, refused, s.id) if refused else "", key=asking.portal.house.salts(1)[0][:16],
        proof=wanted(asking) if action == "cancel" else "", behalf=behalf, recipients=to,
    )  # fmt: skip


def _wrong(reader: Reader, said: Mapping[str, str]) -> dict[str, str]:
    say = reader.say
    needs = {"reason": say("Write why, in a sentence or two."), "text": say("Write your comment."),
             "to": say("Choose who gets it."), "until": say("Choose a day.")}  # fmt: skip
    return {name: needs[name] for name, value in said.items() if not value}
