"""Four eyes under everything that people do: no walk through the bank lets one person be both pairs of eyes.

Hypothesis walks cases of all processes through the real door: who is on duty, deputies, delegation, holds, bulk lists,
people who change unit and role midway, borrowers handed over. The judge (procedure.py) writes down who touched what.
It must agree with the door both ways: nothing that breaks a rule is let through, and whoever is kept out for four
eyes would have broken one.
"""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from door.command import SYSTEM, Verdict
from door.db import Db
from door.fold import State
from models.process import SERVICE, Step
from tests.door.bank import LANES, Bank, found, later
from tests.door.procedure import Record

TOLD = ("control.confirm", "control.lift", "order.accept")  # arrows whose walks are counted
VERIFYING = ("record", "verify", "disagree")
ROLES = ("inspector", "inspector", "account_manager", "account_manager", "branch_head", "post_loan_officer",
         "post_loan_officer", "post_loan_officer", "credit_manager", "credit_manager", "credit_manager",
         "policy_editor", "policy_editor")  # fmt: skip
AUTHORITY = ("post_loan_officer", "branch_head", "credit_manager")
OPENINGS = (("control", "propose"), ("order", "issue"))
chance = st.randoms(use_true_random=True)


class Walk(RuleBasedStateMachine):
    """One walk: a staff of its own in a database shared by all walks."""

    walks = 0
    reached: Counter[str]
    bank: Bank

    @initialize(r=chance, path=st.sampled_from(("outsourced", "own", "desk")), busy=st.integers(10, 20),
                below=st.sampled_from((None, *OPENINGS)))  # fmt: skip
    def staff(self, r: Random, path: str, busy: int, below: tuple[str, str] | None = None) -> None:
        type(self).walks += 1
        of = f".{type(self).walks}"
        self.bank.day = "2026-01-05"
        self.record = Record()
        self.seen: set[str] = set()
        self.cases: list[int] = []
        self.handed: dict[int, tuple[str, str]] = {}  # case: delegate and who delegated to him, while the step lasts
        self.deputies: set[tuple[str, str]] = set()  # absent, deputy
        self.roles = {f"{role}{n}{of}": role for n, role in enumerate(ROLES)}
        for person, role in self.roles.items():
            self.bank.hire(person, LANES[role], role)
        self.subject = f"B{of}"
        self.bank.borrower(self.subject, self.one_of(r, "account_manager"))
        self.open("inspection", "open", SYSTEM, said={"path": path})
        for _ in range(busy):
            self.go_on(r, self.cases[0])
        if below:
            self.another_control_or_order_below_an_inspection(r, below, busy)

    def teardown(self) -> None:
        self.reached.update(self.seen)

    # -- who and what -------------------------------------------------------------------------------------------

    def one_of(self, r: Random, role: str) -> str:
        """One of those who hold the role now; anybody where nobody does."""
        return r.choice([p for p, held in self.roles.items() if held == role] or list(self.roles))

    def at(self, case: int) -> tuple[State, Step]:
        state = self.bank.state(case)
        return state, self.bank.rules.processes[state.process].steps[state.step]

    def able(self, r: Random, case: int) -> str:
        """One who might do the open step: mostly its holder or owner, or one of the role; sometimes just anybody."""
        state, step = self.at(case)
        whose = state.holder or state.owner or (self.manager(state.subject) if step.whose == "manager" else None)
        if r.random() < 0.1:
            return r.choice(list(self.roles))
        return whose if whose and r.random() < 0.8 else self.one_of(r, step.role)

    def manager(self, subject: str) -> str:
        rows = self.bank.db.rows("SELECT manager FROM responsible WHERE subject = ? AND since <= ? ORDER BY since DESC",
                                 subject, self.bank.day)  # fmt: skip
        return str(rows[0][0])

    def waiting(self, r: Random, process: str = "") -> int | None:
        """A case that has not ended, mostly the newest."""
        open_ = [c for c in self.cases if not self.bank.state(c).closed_on and process in ("", self.record.process[c])]
        return (open_[-1] if r.random() < 0.6 else r.choice(open_)) if open_ else None

    # -- the judge hears ----------------------------------------------------------------------------------------

    def tell(self, case: int, action: str, person: str, behalf: str | None, verdict: Verdict) -> None:
        """Of an arrow that somebody took or tried."""
        persons = {person} | ({behalf} if behalf else set())
        if case in self.handed and self.handed[case][0] == person:
            persons.add(self.handed[case][1])
        if verdict.refused is not None:
            if verdict.refused.code == "four_eyes":
                self.seen.add("kept out")
                assert self.record.breach(case, action, persons), (action, persons, verdict.refused)
            return
        assert self.record.put_down(case, action, persons) is None, (action, persons)
        self.handed.pop(case, None)
        if (arrow := f"{self.record.process[case]}.{action}") in TOLD:
            self.seen.add(arrow)
        if action in VERIFYING:
            self.seen.add("verification")
        if behalf:
            self.seen.add("deputy")
        if self.bank.state(case).visits.get("review", 0) > 1:
            self.seen.add("second round")
        for child in verdict.opened:
            process = self.bank.state(child).process
            self.start(child, process, {"control": "propose", "order": "issue"}[process], persons, case)

    def start(self, case: int, process: str, action: str, persons: set[str], parent: int | None = None) -> None:
        """Of a case that was opened."""
        self.cases.append(case)
        self.record.opened(case, process, parent)
        assert self.record.put_down(case, action, persons) is None

    def open(self, process: str, action: str, person: str, **more: Any) -> None:
        verdict = self.bank.ask(person, action, process=process, subject=self.subject, **more)
        if verdict.refused is None and verdict.case is not None:
            self.start(verdict.case, process, action, {person}, more.get("parent"))

    def go_on(self, r: Random, case: int, person: str = "") -> None:
        """Somebody does the open step; or his deputy does in his name; or a colleague to whom he delegates it."""
        person = person or self.able(r, case)
        colleague = self.one_of(r, self.roles[person])
        how = r.random()
        if colleague == person or how < 0.5:
            self.work(r, case, person)
        elif how < 0.75:
            if (person, colleague) not in self.deputies:
                self.bank.absence(person, colleague, since=self.bank.day)
                self.deputies.add((person, colleague))
            self.work(r, case, colleague, person)
        else:
            self.delegate(case, person, colleague)
            self.work(r, case, colleague)

    def delegate(self, case: int, person: str, to: str) -> None:
        if self.bank.ask(person, "delegate", case, said={"to": to}).refused is None:
            self.handed[case] = (to, person)
            self.seen.add("delegate")

    def work(self, r: Random, case: int, person: str, behalf: str | None = None) -> None:
        """One arrow of the open step, mostly its first."""
        step = self.at(case)[1]
        if not step.does:
            return
        action = (step.does[0] if r.random() < 0.7 else r.choice(step.does)).name
        if step.kind == SERVICE or action == step.late:
            person, behalf = SYSTEM, None
        verdict = self.bank.ask(person, action, case, on_behalf_of=behalf, said=self.said(r, action))
        self.tell(case, action, person, behalf, verdict)

    def said(self, r: Random, action: str) -> dict[str, Any]:
        if action == "assign":
            return {"inspector": self.one_of(r, "inspector")}
        return {"restrictions": [{"kind": "K1", "reason": "fifteen days late"}]} if action == "impose" else {}

    # -- deciding -----------------------------------------------------------------------------------------------

    @rule(r=chance, path=st.sampled_from(("outsourced", "own", "desk")))
    def an_inspection_opens(self, r: Random, path: str) -> None:
        self.open("inspection", "open", SYSTEM, said={"path": path})

    @rule(r=chance, process=st.sampled_from(("", "inspection", "control", "order", "handover", "policy")),
          times=st.integers(2, 8))  # fmt: skip
    def the_day_goes_on(self, r: Random, process: str, times: int) -> None:
        for _ in range(times):
            if (case := self.waiting(r, process)) is not None:
                self.go_on(r, case)

    @rule(r=chance)
    def a_whole_list_is_decided_at_once(self, r: Random) -> None:
        places: dict[tuple[str, str], list[int]] = {}
        for c in self.cases:
            if not (state := self.bank.state(c)).closed_on:
                places.setdefault((state.process, state.step), []).append(c)
        if not places:
            return
        same = max(places.values(), key=len)
        step = self.at(same[0])[1]
        person, action = SYSTEM if step.kind == SERVICE else self.able(r, same[0]), step.does[0].name
        verdicts = self.bank.act(*[self.bank.command(person, action, c, said=self.said(r, action)) for c in same])
        for c, verdict in zip(same, verdicts, strict=True):
            self.tell(c, action, person, None, verdict)
        if len(same) > 1:
            self.seen.add("list")

    # -- the item -----------------------------------------------------------------------------------------------

    @rule(r=chance)
    def it_is_delegated(self, r: Random) -> None:
        if (case := self.waiting(r)) is None:
            return
        self.delegate(case, self.able(r, case), self.one_of(r, self.at(case)[1].role))

    @rule(r=chance, authority=st.sampled_from(("", "", "", *AUTHORITY)))
    def it_is_reassigned(self, r: Random, authority: str) -> None:
        """Mostly by the authority of its lane."""
        if (case := self.waiting(r)) is None:
            return
        state, step = self.at(case)
        role = authority or self.bank.rules.processes[state.process].authority.get(step.lane, "")
        to = self.one_of(r, step.role)
        if self.bank.ask(self.one_of(r, role), "reassign", case, said={"to": to}).refused is None:
            self.handed.pop(case, None)
            self.seen.add("reassign")

    @rule(r=chance, action=st.sampled_from(("claim", "hand_back", "hold", "hold", "comment")))
    def it_is_taken_up_or_put_aside(self, r: Random, action: str) -> None:
        if (case := self.waiting(r)) is None:
            return
        said = {"until": later(self.bank.day, 1)} if action == "hold" else {}
        if self.bank.ask(self.able(r, case), action, case, said=said).refused is None:
            self.seen.add(action)
            if action == "hand_back":
                self.handed.pop(case, None)

    @rule(r=chance, among=st.sampled_from(("post_loan_officer", *["credit_manager"] * 5)))
    def it_is_cancelled(self, r: Random, among: str) -> None:
        """By nobody who had a part in it."""
        if (case := self.waiting(r)) is None:
            return
        touched = {p for (place, _), persons in self.record.touched.items() if place == case for p in persons}
        person = r.choice(sorted(touched & self.roles.keys()) or list(self.roles))
        if r.random() < 0.8:
            self.transfer(person, among)
        verdict = self.bank.ask(person, "cancel", case)
        if verdict.refused is None:
            assert not self.record.took_part(case, person), (case, person)
            self.seen.add("cancel")
        elif verdict.refused.code == "four_eyes":
            assert self.record.took_part(case, person), (case, person)
            self.seen.add("kept from cancelling")

    # -- the staff ----------------------------------------------------------------------------------------------

    def transfer(self, person: str, role: str) -> None:
        self.bank.transfer(person, LANES[role], role)
        self.roles[person] = role
        self.seen.add("transfer")

    @rule(r=chance, role=st.sampled_from(tuple(dict.fromkeys(ROLES))))
    def somebody_changes_unit_and_role(self, r: Random, role: str) -> None:
        self.transfer(r.choice(list(self.roles)), role)

    @rule(r=chance)
    def one_who_had_to_do_with_the_case_comes_to_its_next_desk(self, r: Random) -> None:
        """And acts there, for himself or for another."""
        if (case := self.waiting(r)) is None or not (role := self.at(case)[1].role) or role == SYSTEM:
            return
        places = (case, self.record.parent.get(case, case))
        touched = {p for (place, _), persons in self.record.touched.items() if place in places for p in persons}
        if able := sorted(touched & self.roles.keys()):
            person = r.choice(able)
            self.transfer(person, role)
            self.go_on(r, case, person)

    @rule(r=chance)
    def the_borrower_is_handed_over(self, r: Random) -> None:
        self.bank.day = later(self.bank.day, 1)  # a borrower has one responsible manager a day
        said = {"manager": self.one_of(r, "account_manager"), "since": self.bank.day}
        self.open("handover", "hand_over", self.one_of(r, "branch_head"), said=said)

    @rule(r=chance, opening=st.sampled_from(OPENINGS), times=st.integers(0, 8))
    def another_control_or_order_below_an_inspection(self, r: Random, opening: tuple[str, str], times: int) -> None:
        above = [c for c in self.cases if self.record.process[c] == "inspection"]
        self.open(*opening, self.one_of(r, "credit_manager"), parent=r.choice(above))
        self.the_day_goes_on(r, opening[0], times)

    @rule(r=chance)
    def a_book_is_proposed(self, r: Random) -> None:
        said = {"effective_from": later(self.bank.day, r.randrange(90))}
        self.open("policy", "propose_book", self.one_of(r, "policy_editor"), said=said)

    @rule()
    def a_day_passes(self) -> None:
        self.bank.day = later(self.bank.day, 1)


def machine(db: Db) -> type[Walk]:
    """In an empty database."""
    db.run("INSERT INTO book (hash, version, text) VALUES (?, '1', '{}')", "0" * 64)
    return type("Walk", (Walk,), {"bank": found(db), "reached": Counter(), "walks": 0})


def walks(db: Db, examples: int, steps: int) -> tuple[int, Counter[str]]:
    """How many walks there were, and in how many of them each thing happened."""
    walk = machine(db)
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),  # shrinking a walk takes longer than reading it
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(walk, settings=how)
    return walk.walks, walk.reached


@pytest.mark.parametrize("examples", [pytest.param(25, id="few"), pytest.param(200, id="many", marks=pytest.mark.slow)])
def test_no_walk_lets_one_person_be_both_pairs_of_eyes(
    db: Db, examples: int, capsys: pytest.CaptureFixture[str]
) -> None:
    if db.dialect == "sqlite":
        db.run("PRAGMA synchronous=OFF")
        examples *= 3
    n, reached = walks(db, examples, steps=20 if examples < 100 else 45)
    shares = ", ".join(f"{what} {100 * count // n} %" for what, count in reached.most_common())
    with capsys.disabled():
        print(f"\nfour eyes on {db.dialect}, {n} walks: {shares}")
    assert reached["verification"] >= 0.3 * n
    assert reached["deputy"] >= 0.1 * n
    if n > 50:
        assert set(reached) >= {"kept out", "transfer", "delegate", "second round", *TOLD}
    if n > 150:  # Hypothesis leaves whole rules out of a walk: what a rule alone brings about needs many
        assert set(reached) >= {"reassign", "list", "hold", "kept from cancelling"}
