"""May a restriction be lifted? What its page asks of the borrower's inspections, from their journals."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from door.db import Db
from door.fold import CASE_COLUMNS, State, load
from models.policy import Book
from models.policy.finding import later
from tasks.dossier import SCREENINGS, Dossier, pasts

_INSPECTIONS = f"SELECT {', '.join(CASE_COLUMNS)} FROM cases WHERE subject = ? AND process = 'inspection' ORDER BY id"


def lifting(db: Db, book: Callable[[str], Book], s: State, day: str, at: str) -> tuple[dict[str, Any], str]:
    """The facts that lifting the restriction `s` hangs on (Rules.beside): is the last inspection, of its facility where it
    binds one, fresh; are the months since a misuse of funds clean (None where an answer to that is erased)."""
    rule = book(s.book).lifting
    closed = list(_closed(db, s.subject, at))
    newest = max((c.last_at for c in closed), default="")
    asked = {row[0] for row in db.rows("SELECT case_id FROM due WHERE facility = ? AND outcome <> 'skipped'",
                                       s.facts["facility"])} if s.facts.get("facility") else None  # fmt: skip
    last = max((c.facts["conclude_on"] for c in closed if asked is None or c.id in asked), default="")
    oldest = (date.fromisoformat(day) - timedelta(rule.inspection_max_age_days)).isoformat()
    since = later(date.fromisoformat(day), -rule.clean_months, "months").isoformat()
    counted = [c for c in closed if c.id == s.parent or c.facts["conclude_on"] >= min(since, s.opened_on)]
    facts = {"inspection_is_fresh": last >= oldest, "most_days": rule.inspection_max_age_days,
             "months_are_clean": _clean(db, book, counted, since), "clean_months": rule.clean_months}  # fmt: skip
    return facts, newest


def _closed(db: Db, subject: str, at: str) -> Iterator[State]:
    """The inspections of a borrower that were over before an instant; without one those that are, and none that is just
    being closed is overlooked."""
    lock = " FOR SHARE" if db.dialect == "postgresql" and not at else ""
    for row in db.rows(_INSPECTIONS + lock, subject):
        s = load(row)
        if s.step == "closed" and "conclude_on" in s.facts and (not at or s.last_at < at):
            yield s


def _clean(db: Db, book: Callable[[str], Book], counted: Sequence[State], since: str) -> bool | None:
    """Where one of these inspections found misuse of funds: has none found anything red since a day?"""
    past = pasts(db, [c.stream for c in counted])
    if any(p.said is None for each in past.values() for p in each if p.action in (*SCREENINGS, "check")):
        return None
    found = {c.id: book(c.book).tally((f["checkpoint"], f["colour"]) for f in Dossier(c, past[c.stream]).findings)
             for c in counted}  # fmt: skip
    if not any(tally["misuse"] for tally in found.values()):
        return True
    return not any(found[c.id]["red"] and c.facts["conclude_on"] > since for c in counted)
