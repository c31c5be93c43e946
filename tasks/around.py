"""What a recorded decision depended on outside its own stream: as it stood at the entry's instant, for replay."""

from dataclasses import dataclass

from door.command import Rules
from door.db import Db
from door.decide import Facts
from door.fold import State
from door.journal import Entry
from door.store import among
from models.process import Process


@dataclass
class Around:
    """For decisions on the cases of these parents and subjects: responsible managers, hands in the parent, open
    siblings; and what their pages ask for from beside them."""

    db: Db
    parents: set[int]
    subjects: set[str]
    rules: Rules

    def __post_init__(self) -> None:
        where, values = among(self.db, "subject", sorted(self.subjects))
        self.managers: dict[str, list[tuple[str, str, str]]] = {}
        for subject, since, manager, at in self.db.rows(
            f"SELECT subject, since, manager, recorded_at FROM responsible WHERE {where} "
            "ORDER BY since, recorded_at, case_id", values):  # fmt: skip
            self.managers.setdefault(subject, []).append((since, manager, at))
        where, values = among(self.db, "id", sorted(self.parents), "bigint")
        self.hands: dict[int, list[tuple[str, str, list[str]]]] = {}
        self.siblings: dict[int, list[tuple[str, str, str | None]]] = {}
        for id_, stream in self.db.rows(f"SELECT id, stream FROM cases WHERE {where}", values):
            self.hands[id_] = [
                (at, action, [p for p in (behalf, person) if p])
                for at, action, behalf, person in self.db.rows(
                    "SELECT recorded_at, action, on_behalf_of, person FROM entry WHERE stream = ? ORDER BY seq", stream)
            ]  # fmt: skip
        where, values = among(self.db, "c.parent", sorted(self.parents), "bigint")
        for parent, process, opened, closed_on, seq, stream in self.db.rows(
            "SELECT c.parent, c.process, e.recorded_at, c.closed_on, c.seq, c.stream FROM cases c "
            f"JOIN entry e ON e.stream = c.stream AND e.seq = 1 WHERE {where}", values):  # fmt: skip
            closed = None
            if closed_on is not None:
                closed = self.db.rows("SELECT recorded_at FROM entry WHERE stream = ? AND seq = ?", stream, seq)[0][0]
            self.siblings.setdefault(parent, []).append((process, opened, closed))

    def __call__(self, process: Process, s: State, e: Entry) -> Facts:
        parent = s.parent or 0
        hands: dict[str, list[str]] = {}
        for at, action, persons in self.hands.get(parent, ()):
            if at <= e.recorded_at:
                hands.setdefault(action, []).extend(persons)
        counts = None
        if process.counted:
            counts = dict.fromkeys(process.counted, 0)
            for name, opened, closed in self.siblings.get(parent, ()):
                if name in counts and opened <= e.recorded_at and (closed is None or closed > e.recorded_at):
                    counts[name] += 1
        beside = self.rules.beside(s, e.business_date, e.recorded_at)[0] if e.action in process.asking else None
        return Facts(self._manager(s, e), hands, counts, None, self.rules.holds_max(s.book) if s.book else 0, beside)

    def _manager(self, s: State, e: Entry) -> str | None:
        known = [
            manager for since, manager, at in self.managers.get(s.subject, ())
            if since <= e.business_date and at < e.recorded_at
        ]  # fmt: skip
        return known[-1] if known else None
