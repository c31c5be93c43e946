"""Why each row of the inbox is there, in a few words: what was found, what came back and why, which restriction or order by
the words of its own book. Everything for a page is read at once, and nobody is told what he is not to know."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from door.fold import State
from door.store import among
from models.policy import Book, PolicyError
from portal.case.sight import sight
from portal.house import Asking
from portal.words import reading
from portal.words.reader import Reader, names_of
from tasks.dossier import SCREENINGS, Dossier, Past, pasts
from tasks.inbox import Waiting

#: By which a case comes back to who collects.
BACK = ("incomplete", "recollect", "integrity", "return", "send_back", "not_visited", "no_vendor")
READ = tuple(dict.fromkeys((
    *SCREENINGS, *BACK, "check", "propose", "disagree", "escalate",  # of inspections
    "ask_lift", "refuse_lift", "renew",  # of restrictions; they are proposed too
    "done", "ask_extension", "grant", "deny", "not_accepted",  # of orders
    "hand_over", "propose_book",
)))  # fmt: skip
COLOURS = "yor"  # from the least


@dataclass
class Row:
    """`what`: parts of a line; `exposure`: of what is restricted or ordered, in words."""

    what: list[str] = field(default_factory=list)
    exposure: str = ""


def rows(asking: Asking, page: Sequence[Waiting], reader: Reader) -> dict[int, Row]:
    """By case."""
    past = pasts(asking.db, [w.state.stream for w in page], READ)
    names = names_of(asking.db, [p.person for each in past.values() for p in each if p.action in _BY])
    books, owed = _books(asking, page, reader), _facilities(asking, page)
    found = {}
    for w in page:
        s, seen = w.state, sight(asking, w.state)
        d = Dossier(s, tuple(p for p in past.get(s.stream, ()) if seen.shows(p.action, p.person, asking.me.id)
                             and seen.tells(p.action, p.person, asking.me.id)))  # fmt: skip
        if s.process == "inspection":
            kind = [reader.kind(s.facts["kind"])] if s.facts.get("kind") else []
            found[s.id] = Row(kind + _inspection(d, books.get(s.book), seen.judged, reader))
        elif s.process in MEASURES:
            book = books.get(s.book)
            facility = _facility(s, book)
            found[s.id] = Row(_measure(d, book, facility, names, reader), _exposure(s, facility, owed, reader))
        else:
            found[s.id] = Row(_from_a_day(asking, d, names, reader), _exposure(s, "", owed, reader))
    return found


MEASURES = ("control", "order")
_BY = ("propose", "ask_lift", "done", "ask_extension", "hand_over", "propose_book")  # whoever did it is named


def _books(asking: Asking, page: Sequence[Waiting], reader: Reader) -> dict[str, Book]:
    read = {hash_: reading.readable(asking.db, hash_, reader) for hash_ in {w.state.book for w in page} - {""}}
    return {hash_: book for hash_, book in read.items() if book}


def _facilities(asking: Asking, page: Sequence[Waiting]) -> dict[str, list[tuple[str, str, int]]]:
    """Of the borrowers of all but inspections, which know their own exposure: number, currency and exposure of each facility."""
    where, values = among(
        asking.db, "borrower", sorted({w.state.subject for w in page if w.state.process != "inspection"})
    )
    found: dict[str, list[tuple[str, str, int]]] = {}
    for borrower, id_, currency, bal in asking.db.rows(
        f"SELECT borrower, id, currency, bal FROM facility WHERE {where} ORDER BY id", values
    ):
        found.setdefault(borrower, []).append((id_, currency, bal or 0))
    return found


def _facility(s: State, book: Book | None) -> str:
    """The one that it is about; empty: it is about all that the borrower has."""
    rule = book.restrictions.get(str(s.facts.get("kind"))) if book and s.process == "control" else None
    return str(s.facts.get("facility") or "") if rule is None or rule.reaches == "facility" else ""


def _exposure(s: State, facility: str, owed: Mapping[str, Sequence[tuple[str, str, int]]], reader: Reader) -> str:
    """Of its facility, or of all of the borrower's; nothing where these are not in one currency."""
    reached = [row for row in owed.get(s.subject, ()) if not facility or row[0] == facility]
    currencies = {currency for _, currency, _ in reached}
    return reader.money(sum(bal for *_, bal in reached), currencies.pop()) if len(currencies) == 1 else ""


# -- inspections ------------------------------------------------------------------------------------------------------


def _inspection(d: Dossier, book: Book | None, judged: bool, reader: Reader) -> list[str]:
    step = d.state.step
    if step in ("visit", "collect"):
        back = d.last(*BACK)
        return [_back(back, book, reader)] if back else []
    if not judged:
        return []
    newest = d.last("propose", "disagree", "escalate") if step in ("review", "decide") else None
    if newest and newest.action == "escalate":
        met = ", ".join(reader.read(t.replace("_", " ")) for t in newest.payload.get("triggers", ()))
        return [reader.say("over the line: {what}").format(what=met)]
    if newest and newest.action == "disagree":
        said = reading.outcome(book, str(newest.payload.get("outcome", "")))
        return [reader.say("disagreed with: {outcome}").format(outcome=said)]
    return [_found(d, book, reader)]


def _back(p: Past, book: Book | None, reader: Reader) -> str:
    """Why it came back to who collects."""
    say, defects = reader.say, p.payload.get("defects", ())
    if p.action == "not_visited":
        return say("the vendor did not visit in time")
    if p.action == "no_vendor":
        return say("there was no vendor for it")
    codes = list(dict.fromkeys(str(defect["code"]) for defect in defects))
    words = [f"{code} {book.return_codes[code].says if book and code in book.return_codes else ''}".strip()
             for code in codes[:2]]  # fmt: skip
    more = say(" and {n} more").format(n=len(codes) - 2) if len(codes) > 2 else ""
    return say("came back: {what}").format(what=", ".join(words) + more)


def _found(d: Dossier, book: Book | None, reader: Reader) -> str:
    say, findings = reader.say, d.findings
    if findings:
        worst = max(findings, key=lambda f: COLOURS.index(f["colour"]))["checkpoint"]
        asked = book.checkpoints.get(worst) if book else None
        question = asked.question if asked else worst
        return (say("one finding: {question}") if len(findings) == 1 else say("{n} findings, first: {question}")).format(
            n=len(findings), question=question)  # fmt: skip
    proposed = d.last("propose")
    if proposed is None:
        return say("no finding")
    n = len(proposed.payload.get("changes", ()))
    return say("no finding, nothing changed") if not n else say("no finding, answers changed: {n}").format(n=n)


# -- restrictions and orders ------------------------------------------------------------------------------------------


def _measure(d: Dossier, book: Book | None, facility: str, names: Mapping[str, str], reader: Reader) -> list[str]:
    """The book's words, of which facility, and what was last done about it."""
    say, s = reader.say, d.state
    found = [reading.measure(book, s)]
    if facility:
        found.append(say("Facility {id}").format(id=facility))
    elif s.process == "control":
        found.append(say("All of the borrower's facilities"))
    last = d.last(
        {"confirm": "propose", "confirm_lift": "ask_lift", "extend": "ask_extension", "accept": "done"}.get(s.step, "")
    )
    if last:
        frame = {"propose": say("proposed by {who}"), "ask_lift": say("lifting proposed by {who}"),
                 "done": say("reported as done by {who}"), "ask_extension": say("until {day} asked for by {who}")}[last.action]  # fmt: skip
        found.append(frame.format(who=names.get(last.person, last.person), day=reader.day(last.payload.get("until"))))
    elif s.step in ("in_work", "in_force") and (
        back := d.last("grant", "deny", "not_accepted", "refuse_lift", "renew")
    ):
        found.append({"deny": say("more time was not granted"), "not_accepted": say("the correction was not accepted"),
                      "refuse_lift": say("the lifting was refused")}.get(back.action, ""))  # fmt: skip
    return [part for part in found if part]


# -- hand-overs and versions of the book ------------------------------------------------------------------------------


def _from_a_day(asking: Asking, d: Dossier, names: Mapping[str, str], reader: Reader) -> list[str]:
    """Which version, from which day on, and who brought it here."""
    say, s, found = reader.say, d.state, list[str]()
    if proposed := str(s.facts.get("book", "")):
        with suppress(PolicyError):
            found.append(reading.book(asking.db, proposed, reader).version)
    if since := s.facts.get("since") or s.facts.get("effective_from"):
        found.append(say("from {day}").format(day=reader.day(since)))
    if begun := d.last("hand_over", "propose_book"):
        says = say("handed over by {who}") if begun.action == "hand_over" else say("proposed by {who}")
        found.append(says.format(who=names.get(begun.person, begun.person)))
    return found
