"""The nightly proof: an anchor over all streams, every chain and table checked, the day's runs decided again."""

from dataclasses import dataclass
from datetime import date

from door.anchor import anchor, signer, verifier
from door.audit import audit
from door.chain import Fault
from door.command import Clock
from door.db import Db
from door.replay import Divergence
from processes import PROCESSES
from tasks.house import House
from tasks.replay import replay_run


@dataclass(frozen=True)
class Proof:
    """What was checked, and what is wrong."""

    entries: int
    streams: int
    runs: int
    recomputed: int
    faults: tuple[Fault, ...]
    divergences: tuple[Divergence, ...]


def prove(db: Db, house: House, as_of: date, clock: Clock) -> Proof:
    """Audits everything, anchors the business date (once, if all is well), replays the finished runs of that date."""
    sign = signer(house.anchor_key)
    seen = audit(db, PROCESSES, verifier(house.anchor_key.with_suffix(".pub")))
    if not seen.faults:  # what was forged is not signed for good
        anchor(db, clock, sign)
    divergences: list[Divergence] = []
    recomputed = 0
    runs = db.rows("SELECT id FROM cases WHERE process = 'run' AND subject LIKE ? AND step = 'finished' ORDER BY id",
                   f"%/{as_of}/%")  # fmt: skip
    for (run,) in runs:
        found = replay_run(db, house.snapshots, run)
        recomputed += found.recomputed
        divergences += found.divergences
    return Proof(seen.entries, seen.streams, len(runs), recomputed, tuple(seen.faults), tuple(divergences))
