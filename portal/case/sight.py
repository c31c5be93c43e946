"""What of a case a person is shown, beyond whether it is his to see at all.

A vendor's inspector sees what is collected, not what the bank makes of it. Who may be drawn to verify on site sees, until
he has recorded his own, nothing that was collected, found or said: he is to come to it by himself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from door.fold import State
from models.process import Process
from portal.case.scope import ALL
from portal.house import Asking, Me

BLIND = ("draw", "verify_site", "revisit")  # concluded, and a record of one's own may still be asked for
RECORD, OFFICER = "record", "post_loan_officer"
#: What an inspector is told of: the visit, and why a package came back.
COLLECTED = ("open", "assign", "submit", "not_visited", "incomplete", "integrity", "return", "send_back", "remind")
#: Facts of a case that somebody has judged.
JUDGED = ("class_", "green", "proposed_level", "proposed_class", "level", "own_level", "outcome", "orange_since",
          "breach_since")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sight:
    """`vendor`, `blind`: as above. `everything`: also the journal as it is recorded, and the case at any entry of it."""

    vendor: bool = False
    blind: bool = False
    everything: bool = False

    @property
    def judged(self) -> bool:
        """Does he see level, class, findings, what was concluded?"""
        return not (self.vendor or self.blind)

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
    return seen_by(asking.me, s, asking.rules.processes)


def seen_by(me: Me, s: State, processes: Mapping[str, Process]) -> Sight:
    vendor = me.person.lane == "vendor"
    blind = s.step in BLIND and OFFICER in me.person.roles and not _barred(processes[s.process], s, me.id)
    return Sight(vendor, blind, me.has(*ALL) and not blind and not vendor)


def _barred(process: Process, s: State, person: str) -> bool:
    """Has he had a part in the case that keeps him from verifying it? Then he knows it."""
    return any(person in s.hands.get(rival, ()) for rival in process.rivals.get(RECORD, ()))
