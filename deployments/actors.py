"""Simulated people for the demo: each looks at what he may do and does it, through the same door as real ones.

Whatever they do hangs on the seed, the case and its version alone, so a demo can be repeated.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from deployments.answers import package
from door import store
from door.act import act
from door.command import Clock, Command, Person, Rules, Verdict
from door.db import Db
from door.decide import Facts, who_may
from door.fold import State
from door.store import among
from tasks import books
from tasks.dossier import Dossier, dossiers
from tasks.premises import Premises, premises

MEASURES = {0: "A01", 1: "A03", 2: "A04", 3: "A19", 4: "A16"}
LIST = 200  # decisions a list, as a person ticks them off


@dataclass
class Actors:
    """The staff at work on one business date."""

    db: Db
    seed: int
    day: date
    clock: Clock
    rules: Rules
    staff: dict[str, dict[str, Person]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    def work(self, rounds: int = 3) -> Counter[str]:
        """Everybody does what is to be done; what that leaves for others, they do in the next round."""
        for _ in range(rounds):
            commands = list(self._commands())
            if not commands:
                break
            for i in range(0, len(commands), LIST):
                for command, verdict in zip(commands[i : i + LIST], self._act(commands[i : i + LIST]), strict=True):
                    self.done[verdict.refused.code if verdict.refused else command.action] += 1
        return self.done

    def _act(self, commands: list[Command]) -> list[Verdict]:
        return act(self.db, commands, self.clock, self.rules)

    def chance(self, s: State) -> Random:
        return Random(f"{self.seed}/{s.stream}/{s.seq}/{self.day}")  # noqa: S311 - a simulation

    def _commands(self) -> Iterator[Command]:
        ids = [row[0] for row in self.db.rows("SELECT case_id FROM item ORDER BY case_id")]
        states = store.read_cases(self.db, ids)
        managers = store.managers(self.db, {s.subject for s in states}, self.clock.business_date)
        open_orders = self._open_orders(states)
        parents = {s.id: s for s in store.read_cases(self.db, sorted({s.parent for s in states if s.parent}))}
        lie = premises(self.db, {s.subject for s in states if s.step in ("visit", "collect")})
        reading = {d.state.id: d for d in dossiers(self.db, [s for s in states if s.process == "inspection"])}
        for s in states:
            if s.held_until and self.clock.business_date < s.held_until:
                continue
            person = self._person(s, managers, parents)
            if person is None:
                continue
            who, behalf = person
            said = self._decision(s, reading.get(s.id), open_orders, lie.get(s.subject, Premises()))
            if said is not None:
                yield Command(who, said[0], said[1], case=s.id, on_behalf_of=behalf, seen=s.seq)

    def _open_orders(self, states: list[State]) -> set[int]:
        where, values = among(self.db, "parent", sorted({s.parent for s in states if s.parent}), "bigint")
        rows = self.db.rows(f"SELECT DISTINCT parent FROM cases WHERE process = 'order' AND closed_on IS NULL AND {where}",
                            values)  # fmt: skip
        return {row[0] for row in rows}

    def _person(
        self, s: State, managers: Mapping[str, str], parents: Mapping[int, State]
    ) -> tuple[str, str | None] | None:
        """Somebody who may, by lot; a deputy where the owner is away."""
        step = self.rules.processes[s.process].steps[s.step]
        if step.role not in self.staff:
            self.staff[step.role] = store.staff(self.db, step.role, self.clock.business_date)
        staff = self.staff[step.role]
        manager = managers.get(s.subject)
        parent = parents.get(s.parent or 0)
        facts = Facts(manager, parent.hands if parent else None, None, staff)
        able = sorted(who_may(self.rules.processes[s.process], s, staff, facts))
        owner = s.owner or (manager if step.whose == "manager" else None)
        if not able:
            return None
        if owner is not None:
            deputies = [p for p in able if p != owner and owner in staff[p].stands_for]
            return (deputies[0], owner) if deputies else (owner, None) if owner in able else (able[0], None)
        return self.chance(s).choice(able), None

    # -- what they decide ---------------------------------------------------------------------------------------

    def _decision(
        self, s: State, d: Dossier | None, open_orders: set[int], lie: Premises
    ) -> tuple[str, dict[str, Any]] | None:
        """The act and its payload; None: not today."""
        r = self.chance(s)
        if r.random() < 0.06:
            return None  # busy with other things
        if d is not None:
            return self._inspection(s, d, r, lie)
        if s.process == "control":
            return self._control(s, r, open_orders)
        if s.process == "order":
            return self._order(s, r)
        return ("take_over", {}) if s.step == "take_over" else None

    def _inspection(self, s: State, d: Dossier, r: Random, lie: Premises) -> tuple[str, dict[str, Any]] | None:
        if s.step in ("visit", "collect"):
            how = "outsourced" if s.step == "visit" else "desk" if s.facts["path"] == "desk" else "own"
            made = package(r, d, books.book(self.db, s.book), how, self.day, lie)
            return ("submit" if s.step == "visit" else "collect"), made
        if s.step == "check":
            if r.random() < 0.06:
                return "return", {"defects": [{"code": "B10", "where": "photos"}],
                                  "reason": "The photos do not show what the report says."}  # fmt: skip
            return "check", {}
        if s.step == "review":
            if r.random() < 0.03 and s.done.get("send_back", 0) < 2:
                return "send_back", {"defects": [{"code": "B08", "where": "figures"}],
                                     "reason": "Orders and inflow contradict each other."}  # fmt: skip
            return "conclude", self._conclusion(s, d, r)
        if s.step == "verify_site" and r.random() < 0.012:
            return "nobody_met", {"reason": "The gate was shut, and nobody answered the telephone."}
        if s.step in ("verify_site", "revisit"):
            return "record", {"own_level": s.facts["proposed_level"], "visited_on": self.day.isoformat()}
        if s.step in ("verify_desk", "compare"):
            if r.random() < (0.15 if s.step == "compare" else 0.04):
                return "disagree", {"outcome": "V3", "own_level": min(4, s.facts["level"] + 1), "inadequate": ["N3"],
                                    "reason": "The evidence asks for a higher level."}  # fmt: skip
            return "verify", {"outcome": "V0", "own_level": s.facts["level"]}
        return self._escalated(s, d, r)

    def _conclusion(self, s: State, d: Dossier, r: Random) -> dict[str, Any]:
        level = s.facts["proposed_level"]
        understated = level >= 2 and r.random() < 0.1
        level -= understated
        responses = [{"facility": f["facility"], "checkpoint": f["checkpoint"], "accepted": True,
                      "why": "As found on the visit."} for f in d.findings]  # fmt: skip
        measure = {"code": MEASURES[level], "owner": s.facts.get("unit", "branch"),
                   "by": (self.day + timedelta(days=14)).isoformat()}  # fmt: skip
        opening = d.last("propose")
        return {"level": level, "class_": opening.payload["proposed_class"] if opening else s.facts["class_"],
                "capacity": "Inflow covers the dues of the next quarter.", "willingness": "good",
                "repayment_source": "Sales, monthly.", "responses": responses, "measures": [measure],
                "reason": "The finding is being settled." if understated else ""}  # fmt: skip

    def _escalated(self, s: State, d: Dossier, r: Random) -> tuple[str, dict[str, Any]]:
        if r.random() < 0.25:
            return "no_measure", {"reason": "The conclusion already orders what is needed."}
        facility = d.opening["asks"][0]["facility"]
        kind = r.choices(("K1", "K2", "K3", "K10", "K4"), (5, 2, 2, 1, 2))[0]
        restriction = {"kind": kind, "facility": facility, "reason": "Findings of the inspection."}
        if kind == "K3":
            restriction["cap"] = max(1, s.facts["amount"] // 2)
        orders = [{"kind": o, "facility": facility, "reason": "To be put right before any lifting."}
                  for o in r.sample(("O1", "O2", "O4", "O7", "O9", "O10"), r.choice((1, 1, 2)))]  # fmt: skip
        return "impose", {"restrictions": [restriction], "orders": orders, "reason": "The case lies above the line."}

    def _control(self, s: State, r: Random, open_orders: set[int]) -> tuple[str, dict[str, Any]] | None:
        if s.step == "confirm":
            return ("confirm", {}) if r.random() < 0.92 else ("reject", {"reason": "The facts do not carry it."})
        told, _ = self.rules.beside(s, self.clock.business_date, self.clock.now())
        if s.parent in open_orders or not (told["inspection_is_fresh"] and told["months_are_clean"]):
            return None
        if s.step == "in_force":
            return "ask_lift", {"reason": "Every order is accepted."}
        return "lift", {}

    def _order(self, s: State, r: Random) -> tuple[str, dict[str, Any]] | None:
        later = self.rules.deadline(s.book, "order.{kind}", self.day.isoformat(), s.facts)
        if s.step in ("in_work", "tightened"):
            if s.step == "in_work" and r.random() < 0.12 and not s.done.get("grant"):
                return "ask_extension", {"until": later, "reason": "The office in charge needs longer."}
            return ("done", {"says": "Put right; the proof is on file."}) if r.random() < 0.55 else None
        if s.step == "extend":
            granted = r.random() < 0.7 and not s.done.get("grant")
            why = {"reason": "As the file shows."}
            return ("grant", {"due_on": later, **why}) if granted else ("deny", why)
        if s.step == "accept":
            if r.random() < 0.85 or s.done.get("not_accepted", 0) >= 2:
                return "accept", {"reason": "Seen and complete."}
            return "not_accepted", {"due_on": later, "reason": "The proof is missing a page."}
        return "settle", {"reason": "Agreed with workout."}
