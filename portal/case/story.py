"""The timeline: a case's journal in sentences, newest first, by round. A round begins where the case comes back to a step
that it has already been at in this one; what was done in earlier rounds stays."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from markupsafe import Markup, escape

from door.command import SYSTEM
from door.journal import Entry
from models.policy import Book
from models.process import ITEM_ACTS, Process
from portal.case.sight import Sight
from portal.case.strip import named
from portal.words.automatic import automatic
from portal.words.reader import Reader
from portal.words.reading import outcome
from portal.words.told import told

REASONS = ("reason", "text", "says", "note", "because", "why")  # fields in which somebody says why


@dataclass(frozen=True, slots=True)
class Line:
    """An entry: what was done, in a sentence; what was said with it, a line each; by which run."""

    seq: int
    at: str
    does: Markup
    said: tuple[str, ...] = ()
    run: int | None = None


@dataclass(slots=True)
class Round:
    n: int
    lines: list[Line] = field(default_factory=list)


def payload(e: Entry) -> dict[str, Any]:
    """What an entry says; an erased one nothing."""
    return dict(orjson.loads(e.payload)) if e.payload else {}


def persons(entries: Iterable[Entry]) -> set[str]:
    """Everybody whom the entries name."""
    found: set[str] = set()
    for e in entries:
        found |= {e.person, e.on_behalf_of or ""}
        if e.action in ("delegate", "reassign", "assign", "hand_over"):
            said = payload(e)
            found |= {str(said.get(name, "")) for name in ("to", "inspector", "manager")}
    return found - {"", SYSTEM}


def given(entries: Iterable[Entry]) -> Iterator[str]:
    """Why a run chose whom it chose, and what it found amiss: there persons and vendors are named by their ids."""
    for e in entries:
        if e.person == SYSTEM:
            said = payload(e)
            yield from (str(each) for each in (said.get("why", ""), *(d["says"] for d in said.get("defects", ()))))


def story(process: Process, entries: Sequence[Entry], sight: Sight, me: str, reader: Reader, names: Mapping[str, str],
          book: Book | None) -> list[Round]:  # fmt: skip
    """Rounds and their lines, newest first."""
    rounds, at, been = [Round(1)], process.start, {process.start}
    for e in entries:
        if sight.shows(e.action, e.person, me):
            said = payload(e)
            tells = sight.tells(e.action, e.person, me)
            erased = (reader.say("What was said is erased."),) if e.payload is None else ()
            lines = tuple(_said(process.name, e, said, reader, book, sight, names)) if tells else ()
            does = _does(process, at, e, said, reader, names)
            rounds[-1].lines.append(
                Line(e.seq, e.recorded_at, does, lines + erased, e.run if sight.everything else None)
            )
        if e.action not in ITEM_ACTS or e.step != at:
            if e.step in been:
                rounds.append(Round(len(rounds) + 1))
                been = set()
            at = e.step
            been.add(at)
    for r in rounds:
        r.lines.reverse()
    return [r for r in reversed(rounds) if r.lines]


def _does(process: Process, at: str, e: Entry, said: Mapping[str, Any], reader: Reader,
          names: Mapping[str, str]) -> Markup:  # fmt: skip
    to = next((str(said[name]) for name in ("to", "inspector", "manager") if said.get(name)), "")
    return escape(told(reader.say, process.name, e.action)).format(
        who=_who(process, at, e, reader, names), to=names.get(to, to), action=e.action.replace("_", " "),
        until=reader.day(said.get("until") or said.get("due_on")))  # fmt: skip


def _who(process: Process, at: str, e: Entry, reader: Reader, names: Mapping[str, str]) -> Markup:
    """The person in his role, and for whom; or the step that a run did."""
    if e.person == SYSTEM:
        step = reader.say("The schedule") if at == process.start else named(reader, process.name, at)
        return Markup("<b>{}</b>").format(step)
    name = Markup("<b>{}</b>").format(names.get(e.person, e.person))
    if e.role and e.action not in ITEM_ACTS:
        name = escape(reader.say("{who}, {role},")).format(who=name, role=reader.role(e.role))
    if e.on_behalf_of and e.on_behalf_of != e.person:
        name = escape(reader.say("{who} for {absent},")).format(
            who=name, absent=names.get(e.on_behalf_of, e.on_behalf_of)
        )
    return name


def _said(process: str, e: Entry, p: Mapping[str, Any], reader: Reader, book: Book | None,
          sight: Sight, names: Mapping[str, str]) -> Iterator[str]:  # fmt: skip
    say, action = reader.say, e.action
    if "answers" in p:
        answered, files = len(p["answers"]), p.get("evidence", ())
        photos = sum(f["kind"] == "photo" for f in files)
        papers = len(files) - photos
        counts = ((answered, "answer"), (photos, "photograph"), (papers, "document"))
        yield say("{what}; visited {day}.").format(what=", ".join(reader.counted(*each) for each in counts),
                                                   day=reader.day(p.get("visited_on")))  # fmt: skip
    if process == "inspection" and sight.judged:
        yield from _judged(action, p, reader, book)
    for d in p.get("defects", ()):
        code = book.return_codes.get(d["code"]) if book else None
        says = automatic(d["says"], reader, book, names) if e.person == SYSTEM else d["says"]
        yield ", ".join(filter(None, (f"{d['code']} {code.says if code else ''}".strip(), d["where"], says)))
    if action in ("grant", "renew", "not_accepted") and p.get("due_on"):
        yield say("Until {day}.").format(day=reader.day(p["due_on"]))
    for name in REASONS:
        if isinstance(p.get(name), str) and p[name] and (sight.judged or name != "because"):
            yield automatic(p[name], reader, book, names) if e.person == SYSTEM else p[name]


def _judged(action: str, p: Mapping[str, Any], reader: Reader, book: Book | None) -> Iterator[str]:
    """Level, class, outcome; what was found, drawn, met, imposed."""
    say = reader.say
    level = next((p[name] for name in ("level", "proposed_level", "own_level") if name in p), None)
    class_ = next((p[name] for name in ("class_", "proposed_class") if name in p), None) if action != "open" else None
    if level is not None or "outcome" in p:
        yield ", ".join(filter(None, (outcome(book, p.get("outcome", "")), f"L{level}" if level is not None else "",
                                      reader.class_(class_) if class_ else ""))) + "."  # fmt: skip
    for name in ("capacity", "repayment_source", "opportunity"):
        if p.get(name):
            yield str(p[name])
    for m in p.get("measures", ()):
        action_ = book.actions.get(m["code"]) if book else None
        yield say("{measure}, by {day}.").format(measure=f"{m['code']} {action_.says if action_ else ''}".strip(),
                                                 day=reader.day(m["by"]))  # fmt: skip
    if p.get("findings"):
        yield say("Findings: {n}.").format(n=len(p["findings"]))
    if "rule" in p and "probability" in p:
        yield say("By the rule {rule}, with probability {p}.").format(rule=reader.rule(p["rule"]), p=p["probability"])
    if p.get("triggers"):
        yield say("Met: {what}.").format(what=", ".join(reader.read(t.replace("_", " ")) for t in p["triggers"]))
    for r in (*p.get("restrictions", ()), *p.get("orders", ())):
        yield f"{r['kind']} {_kind(r['kind'], book)}: {r['reason']}"


def _kind(code: str, book: Book | None) -> str:
    rule = (book.restrictions.get(code) or book.orders.get(code)) if book else None
    return rule.says if rule else ""
