"""What stands beside a form: the facts that are decided on, what changed since the last inspection, what happened on the
case since the form was begun, and (to who recorded on site) the comparison."""

from collections.abc import Iterator
from typing import Any

from door import store
from door.command import SYSTEM
from models.policy import Book
from portal.case import about
from portal.case.answers import findings, written
from portal.case.compare import Comparison, comparison, level_says
from portal.case.file import File
from portal.case.matter import effect
from portal.case.sight import ON_SITE
from portal.case.story import payload
from portal.words.automatic import adds, automatic
from portal.words.reader import names_of
from portal.words.reading import outcome
from portal.words.told import told
from tasks.dossier import Dossier

CHANGES, FOUND = 8, 8  # of what changed since the last inspection, and of the findings, the first
READS = ("check", "review", "verify_desk", "compare", "decide")  # steps at which what was found is decided on


def surroundings(file: File, d: Dossier | None, book: Book, seen: int) -> dict[str, Any]:
    asking, s, sight, reader = file.asking, file.s, file.sight, file.reader
    opening = payload(file.entries[0]) if file.entries else {}
    manager = store.managers(asking.db, [s.subject], asking.day).get(s.subject, "")
    blind = s.step in ON_SITE
    proposal = d.last("propose") if d and sight.judged and not blind else None
    why = str(proposal.payload.get("because", "")) if proposal else ""
    because = automatic(why, reader, book, file.names) if adds(why) else ""
    changes: list[dict[str, Any]] = list(proposal.payload.get("changes", ())) if proposal else []
    record = d.last("record") if d else None
    compared: Comparison | None = comparison(d, book, reader) if d and s.step == "compare" else None
    return {
        "facts": about.facts(asking, s, sight, opening, book, manager, reader, file.names, file.premises), "blind": blind,
        "judged": judged(file, d, book), "found": findings(d, book)[:FOUND] if d and s.step in READS and sight.judged else [],
        "because": because if s.step == "review" and proposal else opening.get("reason", ""),
        "changes": [(c["checkpoint"], book.checkpoint(c["checkpoint"]).question, _written(book, c, "before", file),
                     _written(book, c, "now", file)) for c in changes[:CHANGES]] if s.step == "review" else [],
        "more_changes": max(0, len(changes) - CHANGES), "meanwhile": list(meanwhile(file, seen)),
        "compared": compared, "level_says": level_says(compared, reader) if compared else "", "record": record,
        "outcomes": {code: rule.says for code, rule in book.outcomes.items()}, "returned": _returned(file, d, book),
        "late": about.late_by(s.due_on, asking.day), "book": book.version,
        "effect": effect(asking, s, book, reader) if s.process == "control" else "",
    }  # fmt: skip


def judged(file: File, d: Dossier | None, book: Book) -> list[tuple[str, Any]]:
    """Level and class as they were proposed, concluded and verified, as far as it has come."""
    say, reader, found = file.reader.say, file.reader, list[tuple[str, Any]]()
    if d is None or not file.sight.judged or file.s.step not in READS:
        return found
    proposed, concluded = d.last("propose"), d.last("conclude")
    verified = d.last("verify", "disagree")
    if proposed and file.s.step == "review":
        found += [(say("Proposed level"), reader.level(proposed.payload["proposed_level"])),
                  (say("Proposed class"), reader.class_(proposed.payload["proposed_class"]))]  # fmt: skip
    elif concluded and file.s.step != "check":
        found += [(say("Concluded level"), reader.level(concluded.payload["level"])),
                  (say("Concluded class"), reader.class_(concluded.payload["class_"])),
                  (say("Capacity to pay"), concluded.payload["capacity"]),
                  (say("What it is repaid from"), concluded.payload["repayment_source"])]  # fmt: skip
    if verified and (file.s.step == "decide" or verified.action == "disagree"):
        found += [(say("Verified with"), outcome(book, verified.payload["outcome"])),
                  (say("Verifier's level"), reader.level(verified.payload["own_level"])),
                  (say("Verifier's reason"), verified.payload.get("reason") or verified.payload.get("note", ""))]  # fmt: skip
    return [(name, value) for name, value in found if value not in ("", None)]


def _written(book: Book, change: dict[str, Any], which: str, file: File) -> str:
    return written(book.checkpoint(change["checkpoint"]), change[which], str(file.s.facts["currency"]), file.reader)


def meanwhile(file: File, seen: int) -> Iterator[tuple[str, str]]:
    """What was done on the case after that version, by whom, and when; reminders left out."""
    since = [e for e in file.entries if e.seq > seen >= 0 and e.action != "remind"]
    names = names_of(file.asking.db, [e.person for e in since]) | {SYSTEM: file.reader.say("A run")} if since else {}
    for e in since:
        if file.sight.shows(e.action, e.person, file.asking.me.id):
            said = payload(e)
            to = str(said.get("to", ""))
            says = told(file.reader.say, file.s.process, e.action).format(
                who=names.get(e.person, e.person), to=names_of(file.asking.db, [to]).get(to, to),
                action=e.action.replace("_", " "), until=file.reader.day(said.get("until") or said.get("due_on")))  # fmt: skip
            yield says, e.recorded_at


def _returned(file: File, d: Dossier | None, book: Book) -> list[str]:
    """Why the package before came back, where it did: codes with their words and places, and the reason."""
    if d is None or file.s.step not in ("visit", "collect"):
        return []
    back = d.last("return", "incomplete", "recollect", "integrity", "send_back", "submit", "collect")
    if back is None or back.action in ("submit", "collect"):
        return []
    run, codes = back.person == SYSTEM, list[str]()
    for x in back.payload.get("defects", ()):
        if x["code"] in book.return_codes:
            says = automatic(x["says"], file.reader, book, file.names) if run else x["says"]
            codes.append(
                f"{x['code']} {book.return_codes[x['code']].says}: {', '.join(filter(None, (x['where'], says)))}"
            )
    return [*codes, *filter(None, [str(back.payload.get("reason", ""))])]
