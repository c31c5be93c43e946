"""A case as one person sees it, now or as it stood: what its pages and its forms are made from."""

from dataclasses import dataclass, field

from door import store
from door.db import one
from door.fold import CASE_COLUMNS, State, load
from door.journal import COLUMNS, Entry
from models.policy.compare import Difference
from models.process import Process
from models.snapshot import PREMISES
from portal.case import about
from portal.case.scope import scope
from portal.case.sight import Sight, as_concluded, sight
from portal.case.story import given, persons
from portal.house import Asking
from portal.page import spoken
from portal.who.asking import NotThere
from portal.words import reading
from portal.words.automatic import whom
from portal.words.places import placed
from portal.words.reader import Reader, names_of
from tasks.premises import Premises

LARGEST = 2**63 - 1
_CASE = ", ".join(f"c.{name}" for name in CASE_COLUMNS)
_PREMISES = ", ".join(f"coalesce(b.{name}, '')" for name in PREMISES)


@dataclass(slots=True)
class File:
    """The case as one person sees it: its state now or after an entry, its entries up to there, the borrower's name and
    where it is visited. `day`: as of which it is shown, with what stands beside it; `on`: the day that was asked for, if
    one was; `unborn`: on it the case had not been opened."""

    asking: Asking
    s: State
    borrower: str
    entries: list[Entry]
    sight: Sight
    last: int
    premises: Premises
    day: str
    on: str = ""
    unborn: bool = False
    names: dict[str, str] = field(default_factory=dict)

    @property
    def reader(self) -> Reader:
        return Reader(spoken(self.asking.request, self.asking.me.language))

    @property
    def process(self) -> Process:
        return self.asking.rules.processes[self.s.process]

    @property
    def past(self) -> bool:
        """Is it shown as it stood, not as it stands?"""
        return self.s.seq < self.last or self.day < self.asking.day


def opened(asking: Asking, case: int, at: int | None = None, on: str = "", did: bool = False) -> File:
    """The case as it stands, after an entry of it, or at the end of a day: after the last entry of that business date or
    an earlier one. Raises NotThere where there is no such case, or none for him, or no such entry. `did`: it is for him
    too if an entry of it is his own."""
    db, (where, values) = asking.db, scope(asking, of_one=True)
    if did:
        where = f"({where} OR EXISTS (SELECT 1 FROM entry e WHERE e.stream = c.stream AND e.person = ?))"
        values = [*values, asking.me.id]
    row = one(db.rows(f"SELECT coalesce(b.name, ''), {_PREMISES}, {_CASE} FROM cases c LEFT JOIN borrower b "
                      f"ON b.id = c.subject WHERE c.id = ? AND {where}", min(case, LARGEST), *values))  # fmt: skip
    if row is None:
        raise NotThere
    name, lie, s = str(row[0]), Premises(*row[1 : 1 + len(PREMISES)]), load(row[1 + len(PREMISES) :])
    entries = [Entry(*e) for e in db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE stream = ? AND seq <= ? "
                                          "ORDER BY seq", s.stream, s.seq)]  # fmt: skip
    seen = sight(asking, s)
    if seen.hides(s):
        s, entries = as_concluded(s, entries, asking.me.id)
    file = File(asking, s, name, entries, seen, s.seq, lie, asking.day, on)
    if on and not file.sight.everything:
        raise NotThere
    if on:
        at = max((e.seq for e in entries if e.business_date <= on), default=None)
        file.unborn = at is None
    if at is not None and (on or at != s.seq):
        if not file.sight.everything or not 0 < at <= s.seq:
            raise NotThere
        file.entries, file.day = entries[:at], on or entries[at - 1].business_date
        file.s = about.then(file.process, s, file.entries)
    s = file.s
    manager = store.managers(db, [s.subject], file.day).get(s.subject, "")
    named_ = {*persons(file.entries), manager, s.holder or "", s.owner or "", str(s.facts.get("inspector", "")),
              str(s.facts.get("manager", ""))}  # fmt: skip
    file.names = names_of(db, sorted(named_)) | whom(db, given(file.entries))
    return file


def book_changes(file: File) -> tuple[str, list[tuple[str, Difference]]] | None:
    """Of a proposed book: the version that is in force beside it, and what differs, with its place in words; a decided one as
    it was decided."""
    s = file.s
    if s.process != "policy":
        return None
    found = reading.changes(file.asking.db, s.id, str(s.facts["book"]), s.closed_on or file.day)
    return (found[0], [(placed(file.reader, d.place), d) for d in found[1]]) if found else None
