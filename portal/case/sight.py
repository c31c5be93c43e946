"""What of a case a person is shown, beyond whether it is his to see at all.

A vendor's inspector sees what is collected, not what the bank makes of it. Who may be drawn to verify on site sees, until
he has recorded his own, nothing that was collected, found or said: he is to come to it by himself.

The department verifies unannounced. To the branch and the vendor, and to whoever is responsible for the borrower whatever
else he is, a case stays as it was concluded until the outcome is there: which way it was drawn, how far that has come and in
whose hands it is, no page of theirs tells, and no answer to what they try.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from door import store
from door.command import Command, Refused, Verdict
from door.fold import State
from door.journal import COLUMNS, Entry
from models.process import Process
from portal.case.scope import ALL, managed
from portal.house import Asking, Me
from tasks.gate import VERIFYING

ON_SITE = ("verify_site", "revisit")  # where one records for oneself
BLIND = ("draw", *ON_SITE)  # concluded, and a record of one's own may still be asked for
RECORD, OFFICER, MANAGER = "record", "post_loan_officer", "account_manager"
DRAW = "draw"  # what each step of the verification is shown as to whom it is not announced
UNANNOUNCED = "unannounced"
FOUND = ("own_level", "outcome")  # facts that a verification finds
#: What an inspector is told of: the visit, and why a package came back.
COLLECTED = ("open", "assign", "submit", "not_visited", "incomplete", "integrity", "return", "send_back", "remind")
#: Facts of a case that somebody has judged.
JUDGED = ("class_", "green", "proposed_level", "proposed_class", "level", "own_level", "outcome", "orange_since",
          "breach_since")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sight:
    """`vendor`, `blind`, `unannounced`: as above. `everything`: also the journal as it is recorded, and the case at any entry
    of it."""

    vendor: bool = False
    blind: bool = False
    everything: bool = False
    unannounced: bool = False

    @property
    def judged(self) -> bool:
        """Does he see level, class, findings, what was concluded?"""
        return not (self.vendor or self.blind)

    def hides(self, s: State) -> bool:
        """Is it being verified, and he is not told how?"""
        return self.unannounced and _verifying(s)

    def shows(self, action: str, person: str, me: str) -> bool:
        """Is he shown that this was done?"""
        return not self.vendor or action in COLLECTED or person == me

    def tells(self, action: str, person: str, me: str) -> bool:
        """Is he shown what was said with it? His own words always."""
        return not self.blind or person == me

    def facts(self, s: State) -> dict[str, Any]:
        """What the case remembers, as far as he is shown it."""
        return {k: v for k, v in s.facts.items() if self.judged or k not in JUDGED}


def sight(asking: Asking, s: State) -> Sight:
    return sights(asking, [s])[0]


def sights(asking: Asking, states: Sequence[State]) -> list[Sight]:
    me, processes, dark = asking.me, asking.rules.processes, _unannounced(asking, states)
    return [_seen_by(me, s, processes[s.process], s.subject in dark) for s in states]


def _seen_by(me: Me, s: State, process: Process, unannounced: bool) -> Sight:
    vendor, hidden = me.person.lane == "vendor", unannounced and _verifying(s)
    blind = (hidden or s.step in BLIND) and OFFICER in me.person.roles and not _barred(process, s, me.id)
    return Sight(vendor, blind, me.has(*ALL) and not (blind or vendor or hidden), unannounced)


def _barred(process: Process, s: State, person: str) -> bool:
    """Has he had a part in the case that keeps him from verifying it? Then he knows it."""
    return any(person in s.hands.get(rival, ()) for rival in process.rivals.get(RECORD, ()))


# -- the verification, unannounced ------------------------------------------------------------------------------------


def shown(asking: Asking, states: Sequence[State]) -> list[State]:
    """The cases as he is shown them."""
    dark = hidden(asking, states)
    where, streams = store.among(asking.db, "stream", [s.stream for s in states if s.id in dark])
    found: dict[str, list[Entry]] = {}
    rows = asking.db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE {where} AND action = 'conclude' ORDER BY stream, seq",
                          streams) if dark else []  # fmt: skip
    for row in rows:
        found.setdefault(row[0], []).append(Entry(*row))
    return [as_concluded(s, found.get(s.stream, ()), asking.me.id)[0] if s.id in dark else s for s in states]


def as_concluded(s: State, entries: Sequence[Entry], me: str) -> tuple[State, list[Entry]]:
    """A case as it was last concluded, and its entries up to there; after them what he wrote himself since, numbered on."""
    last = next((e for e in reversed(entries) if e.action == "conclude"), None)
    if last is None:  # its record does not hold together, and its page says so
        return s, list(entries)
    facts = {name: value for name, value in s.facts.items() if name not in FOUND}
    own = [e for e in entries if e.seq > last.seq and e.person == me]
    concluded = replace(
        s, step=DRAW, seq=last.seq, head=last.hash, last_person=last.person, last_at=last.recorded_at,
        since=last.business_date, facts=facts, due_on=None, owner=None, holder=None, delegator=None, held_until=None,
        held_days=0, rung=0, given=False)  # fmt: skip
    numbered = [e._replace(seq=last.seq + n, step=DRAW) for n, e in enumerate(own, 1)]
    return concluded, [*(e for e in entries if e.seq <= last.seq), *numbered]


def one_step(me: Me, step: str) -> str:
    """A step as he tells it from others."""
    return DRAW if step in VERIFYING and not me.has(*ALL) else step


def at_step(asking: Asking, step: str) -> tuple[str, list[Any]]:
    """A condition on `cases c`, and its parameters: as he is shown it, it stands at this step."""
    if step not in VERIFYING or _told_all(asking.me):
        return "c.step = ?", [step]
    of_them = f"c.step IN ({', '.join('?' * len(VERIFYING))})"
    if not asking.me.has(*ALL):
        return of_them, [*VERIFYING]
    his, values = managed(asking)
    return f"CASE WHEN {his} THEN {of_them} ELSE c.step = ? END", [*values, *VERIFYING, step]


def unheard(asking: Asking, commands: Sequence[Command]) -> Collection[int]:
    """Those of the cases that he acts on of whose verification the answer is to tell nothing."""
    cases = [c.case for c in commands if c.case is not None]
    return set[int]() if _told_all(asking.me) else hidden(asking, store.read_cases(asking.db, cases))


def discreet(asking: Asking, c: Command, verdict: Verdict) -> Verdict:
    """The answer to an act on such a case: no more than its page says."""
    if verdict.refused is not None:
        said = verdict.refused.code == "key_reused" or (c.action == "comment" and verdict.refused.code in _SAID)
        return replace(verdict, step=DRAW, refused=verdict.refused if said else Refused(UNANNOUNCED))
    rows = asking.db.rows("SELECT seq, action FROM entry WHERE stream = ? AND (action = 'conclude' OR person = ?) AND seq <= ?",
                          f"case:{verdict.case}", asking.me.id, verdict.seq)  # fmt: skip
    last = max((seq for seq, action in rows if action == "conclude"), default=0)
    return replace(verdict, step=DRAW, seq=last + sum(seq > last for seq, _ in rows))


_SAID = ("form", "reads_only", "related")  # refusals of a comment that hang on himself and on what he wrote


def hidden(asking: Asking, states: Sequence[State]) -> set[int]:
    """Those of the cases that are being verified, and he is not told how."""
    return {s.id for s, seen in zip(states, sights(asking, states), strict=True) if seen.hides(s)}


def _verifying(s: State) -> bool:
    return s.process == "inspection" and s.step in VERIFYING


def _told_all(me: Me) -> bool:
    return me.has(*ALL) and not me.has(MANAGER)


def _unannounced(asking: Asking, states: Sequence[State]) -> set[str]:
    """Subjects of those of the cases whose verification is not announced to him."""
    me, subjects = asking.me, {s.subject for s in states}
    if not me.has(*ALL):
        return subjects
    if not me.has(MANAGER):
        return set()
    managers = store.managers(asking.db, subjects, asking.day)
    return {subject for subject, manager in managers.items() if manager in me.hands}
