"""What a decision is about, on one page: the facts that it hangs on, and what was said before, from the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from door.command import SYSTEM
from door.db import Row
from door.fold import State
from models.policy import Book
from models.process import ITEM_ACTS
from portal.case.sight import sight
from portal.case.strip import named as place
from portal.house import Asking
from portal.words import arrows, reading
from portal.words.automatic import adds, automatic
from portal.words.currency import currency
from portal.words.reader import Reader, names_of, raised
from tasks import books

SAID = ("reason", "because", "says", "note", "opportunity", "text")  # fields in which somebody says why
QUOTES, FINDINGS = 5, 8
COLOURS = {"r": 3, "o": 2, "y": 1}

#: Of a package, whose answers are the case page's, only that it came.
_SAID = """
SELECT e.stream, e.seq, e.action, e.person, e.on_behalf_of, e.recorded_at,
       CASE WHEN e.action IN ('open', 'submit', 'collect', 'record') THEN NULL ELSE e.payload END, c.process, c.id
  FROM entry e JOIN cases c ON c.stream = e.stream WHERE c.id IN (?, ?) AND e.action <> 'remind' ORDER BY c.id, e.seq
"""
#: What became of the borrower's other restrictions and orders after an instant.
_BESIDE = """
SELECT e.stream, e.seq, e.action, e.person, e.on_behalf_of, e.recorded_at, e.payload, c.process, c.id
  FROM cases c JOIN entry e ON e.stream = c.stream WHERE c.subject = ? AND c.process IN ('control', 'order')
   AND c.id NOT IN (?, ?) AND e.recorded_at > ? AND e.action <> 'remind' ORDER BY e.recorded_at, c.id
"""


@dataclass(frozen=True, slots=True)
class Said:
    """An entry of the case (or of the one that it comes from, or of one beside it) and what it says."""

    own: bool
    seq: int
    action: str
    person: str
    behalf: str | None
    at: str
    payload: Mapping[str, Any]
    process: str
    case: int


@dataclass(frozen=True, slots=True)
class Quote:
    text: str
    done: str
    who: str
    at: str


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: its level, the checkpoint and its question, of which facility."""

    level: int
    checkpoint: str
    question: str
    facility: str


@dataclass(slots=True)
class Matter:
    """`effect`: what the main arrow brings about, in a sentence; `more`: findings that are not listed."""

    title: str
    facts: list[tuple[str, str]]
    effect: str = ""
    quotes: list[Quote] = field(default_factory=list)
    findings: list[Found] = field(default_factory=list)
    more: int = 0


def journal(asking: Asking, s: State) -> list[Said]:
    """The case's entries, and those of the case that opened it, as far as he is shown them; reminders left out."""
    return _told(asking, s, asking.db.rows(_SAID, s.id, s.parent or s.id))


def beside(asking: Asking, s: State, since: str) -> list[Said]:
    """What others did since an instant on the borrower's other restrictions and orders; not for an inspector."""
    if sight(asking, s).vendor or not s.subject:
        return []
    said = _told(asking, s, asking.db.rows(_BESIDE, s.subject, s.id, s.parent or s.id, since))
    return [e for e in said if e.action not in ITEM_ACTS]


def _told(asking: Asking, s: State, rows: Sequence[Row]) -> list[Said]:
    seen, me = sight(asking, s), asking.me.id
    if seen.hides(s):
        rows = [row for row in rows if row[0] != s.stream or row[1] <= s.seq or row[3] == me]
    return [
        Said(stream == s.stream, seq, action, person, behalf, at,
             orjson.loads(payload) if payload and seen.tells(action, person, me) else {}, process, case)
        for stream, seq, action, person, behalf, at, payload, process, case in rows if seen.shows(action, person, me)
    ]  # fmt: skip


def matter(asking: Asking, s: State, borrower: str, said: Sequence[Said], reader: Reader) -> Matter:
    """Made of what `journal` gave, so that he is shown no more here than there."""
    book = reading.book(asking.db, s.book or books.in_force(asking.db, asking.day), reader)
    names = names_of(asking.db, [*{e.person for e in said}, *filter(None, (e.behalf for e in said)),
                                 str(s.facts.get("manager", ""))])  # fmt: skip
    who, seen = reader.called(s, borrower), sight(asking, s)
    step = place(reader, s.process, s.step, True) if seen.hides(s) else reader.step(s.step, s.process)
    made = Matter(reader.say("{step}: {who}").format(step=step, who=who), [])
    last = {e.action: e for e in said if e.own}
    if s.process == "control":
        rule = book.restrictions[s.facts["kind"]]
        made.title = reader.say("{step}: {says}, {who}").format(step=step, says=rule.says, who=who)
        made.facts, made.effect = _control(asking, s, book, last, names, reader), effect(asking, s, book, reader)
    elif s.process == "order":
        made.facts = _order(asking, s, book, last, names, reader)
    elif s.process == "handover":
        made.facts = [(reader.say("To"), names.get(s.facts["manager"], s.facts["manager"])),
                      (reader.say("From"), reader.day(s.facts["since"]))]  # fmt: skip
    elif s.process == "policy":
        made.title = reader.say("{step}: {who}").format(step=step, who=books.book(asking.db, s.facts["book"]).version)
        made.facts = [(reader.say("Hash"), s.facts["book"][:16]),
                      (reader.say("In force from"), reader.day(s.facts["effective_from"]))]  # fmt: skip
    else:
        made.facts = _inspection(seen.facts(s), last, book, reader)
    made.quotes = _quotes(said, s, names, reader, book)
    found = _findings(said, book) if seen.judged else []
    made.findings, made.more = found[:FINDINGS], max(0, len(found) - FINDINGS)
    return made


def effect(asking: Asking, s: State, book: Book, reader: Reader) -> str:
    """What a restriction brings about at the gate once it is confirmed."""
    rule, say = book.restrictions[s.facts["kind"]], reader.say
    if rule.gate == "limit":
        amount = reader.money(int(s.facts.get("cap", 0)), currency(asking.db, s))
        return say("the gate pays no more than {amount} at a time from now on").format(amount=amount)
    return {"stop": say("the gate refuses drawings from now on"),
            "consent": say("the gate asks for consent before each drawing from now on")}.get(
            rule.gate, say("it binds from now on, outside the gate"))  # fmt: skip


def _control(asking: Asking, s: State, book: Book, last: Mapping[str, Said], names: Mapping[str, str],
             reader: Reader) -> list[tuple[str, str]]:  # fmt: skip
    say, facts = reader.say, s.facts
    rule = book.restrictions[facts["kind"]]
    facility = str(facts.get("facility") or "") if rule.reaches == "facility" else ""
    rows = [(say("Restriction"), f"{facts['kind']} {rule.says}"),
            (say("On"), say("Facility {id}").format(id=facility) if facility else
             say("All of the borrower's facilities"))]  # fmt: skip
    undrawn = asking.db.rows("SELECT currency, sum(CASE WHEN limit_amt > bal THEN limit_amt - bal ELSE 0 END) FROM facility "
                             "WHERE borrower = ? AND (? = '' OR id = ?) GROUP BY currency ORDER BY currency", s.subject,
                             facility, facility)  # fmt: skip
    if rule.gate == "stop":
        rows += [(say("Undrawn, held back"), reader.money(int(amount), currency)) for currency, amount in undrawn]
    if rule.gate == "limit":
        rows.append((say("At most"), reader.money(int(facts.get("cap", 0)), currency(asking.db, s))))
    for action, name in (("propose", say("Proposed by")), ("confirm", say("Confirmed by")),
                         ("ask_lift", say("Lifting proposed by"))):  # fmt: skip
        if action in last:
            e = last[action]
            rows.append((name, f"{names.get(e.person, e.person)}, {reader.instant(e.at, asking.portal.house.zone)}"))
    if facts.get("review_on"):
        rows.append((say("Review on"), reader.day(facts["review_on"])))
    return rows


def _order(asking: Asking, s: State, book: Book, last: Mapping[str, Said], names: Mapping[str, str],
           reader: Reader) -> list[tuple[str, str]]:  # fmt: skip
    say, kind = reader.say, s.facts["kind"]
    rows = [(say("Order"), f"{kind} {book.orders[kind].says}")]
    if s.facts.get("facility"):
        rows.append((say("On"), say("Facility {id}").format(id=s.facts["facility"])))
    for action, name in (("issue", say("Issued by")), ("done", say("Done by"))):
        if action in last:
            e = last[action]
            rows.append((name, f"{names.get(e.person, e.person)}, {reader.instant(e.at, asking.portal.house.zone)}"))
    if "ask_extension" in last and s.step == "extend":
        rows.append((say("Asked for until"), reader.day(last["ask_extension"].payload.get("until"))))
    return rows


def _inspection(
    facts: Mapping[str, Any], last: Mapping[str, Said], book: Book, reader: Reader
) -> list[tuple[str, str]]:
    say = reader.say
    concluded, weighed = (last[action].payload if action in last else {} for action in ("conclude", "escalate"))
    rows = [(say("Kind"), raised(reader.kind(facts["kind"]))),
            (say("Exposure"), reader.money(facts["amount"], facts["currency"]))]  # fmt: skip
    if "class_" in facts:
        rows.append((say("Class"), reader.class_(facts["class_"])))
    if "proposed_level" in facts:
        rows.append((say("Proposed level"), reader.level(facts["proposed_level"])))
    if concluded:
        rows += [(say("Concluded level"), reader.level(concluded["level"])), (say("Capacity to pay"), concluded["capacity"]),
                 (say("What it is repaid from"), concluded["repayment_source"])]  # fmt: skip
    if "own_level" in facts:
        rows += [(say("Verified with"), reading.outcome(book, facts.get("outcome", ""))),
                 (say("Verifier's level"), reader.level(facts["own_level"]))]  # fmt: skip
    if weighed:
        rows.append((say("Over the line by"), ", ".join(reader.read(t.replace("_", " ")) for t in weighed["triggers"])))
    return rows


def _quotes(said: Sequence[Said], s: State, names: Mapping[str, str], reader: Reader, book: Book) -> list[Quote]:
    """What people and runs gave as their reason, the newest first; of each act only the last, for it has come round."""
    parent = _process_of_parent(said, s)
    found: list[tuple[str, Quote]] = []
    for e in said:
        text = next((str(e.payload[name]) for name in SAID if e.payload.get(name)), "")
        if e.person == SYSTEM:
            text = automatic(text, reader, book) if adds(text) else ""
        elif text:
            text = f"“{text}”"
        if text and (e.action not in ITEM_ACTS or e.action == "comment"):
            done = reader.say("Comment") if e.action == "comment" else arrows.done(
                reader.say, s.process if e.own else parent, e.action)  # fmt: skip
            found.append((e.action, Quote(text, done, named(e, names, reader), e.at)))
    newest = {action: quote for action, quote in found if action != "comment"}
    latest = {quote.text: quote for _, quote in found}  # what was imposed is proposed in the same words
    kept = [quote for action, quote in found
            if latest[quote.text] is quote and (action == "comment" or newest[action] is quote)]  # fmt: skip
    return kept[: -QUOTES - 1 : -1]


def _process_of_parent(said: Sequence[Said], s: State) -> str:
    return "inspection" if any(not e.own for e in said) else s.process


def named(e: Said, names: Mapping[str, str], reader: Reader) -> str:
    """Who did it, and for whom."""
    who = reader.say("a run") if e.person == "system" else names.get(e.person, e.person)
    if e.behalf and e.behalf != e.person:
        return reader.say("{who} for {absent}").format(who=who, absent=names.get(e.behalf, e.behalf))
    return who


def _findings(said: Sequence[Said], book: Book) -> list[Found]:
    """Those of the last examination, the worst first."""
    screened = next((e for e in reversed(said) if e.payload.get("findings")), None)
    found = []
    for f in screened.payload["findings"] if screened else ():
        asked = book.checkpoints.get(f["checkpoint"])
        found.append(Found(COLOURS[f["colour"]], f["checkpoint"], asked.question if asked else "", f["facility"]))
    return sorted(found, key=lambda f: (-f.level, f.checkpoint, f.facility))
