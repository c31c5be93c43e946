"""No payment in force of a control that stops it, whatever comes between: imposing, lifting and paying at random in
processes of their own, judged by the journal alone. And the fault that this is to find is found where it is planted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from door.act import act
from door.command import Command
from door.db import Db, connect
from tasks import books, gate
from tasks.gate import Answer, check
from tests.tasks.core_bank import BOOK, CLOCK, Paid, live, open_bank, payments, racy, turns

pytestmark = pytest.mark.slow  # real processes, killed or racing


def lived(url: str, snapshots: Path, seed: int, processes: int, each: int) -> list[Paid]:
    """A day through the gate, held against the journal: every answer is exactly what the controls in force at its
    instant leave, and the core bank paid what was answered, once."""
    with connect(url) as db:
        open_bank(db, snapshots)
        day = live(url, seed, processes, each, snapshots)
        found = payments(db)
    assert [p for p in found if p.allowed > p.due] == []
    assert [p for p in found if p.allowed < p.due] == []
    assert {(p.person, p.key): p.allowed for p in found} == day.ledger
    for action in ("propose", "confirm", "ask_lift", "lift"):
        assert day.done[action] > 0, day.done
    assert turns(found) > len(found) / 20
    print(f"\n{len(found)} payments, {turns(found)} turns, "
          f"{sum(p.allowed == p.amount for p in found)} allowed, {sum(0 < p.allowed < p.amount for p in found)} limited, "
          f"{sum(p.allowed == 0 for p in found)} refused; {dict(day.done)}")  # fmt: skip
    return found


def test_no_payment_in_force_of_a_control_in_300_interleavings(url: str, tmp_path: Path) -> None:
    found = lived(url, tmp_path, seed=1, processes=2, each=150)
    assert any(p.allowed for p in found)
    assert any(not p.allowed for p in found)


@pytest.mark.slow
def test_no_payment_in_force_of_a_control_in_10000_interleavings(url: str, tmp_path: Path) -> None:
    found = lived(url, tmp_path, seed=2, processes=4, each=2_500)
    assert sum(p.allowed == p.amount for p in found) > 500
    assert sum(0 < p.allowed < p.amount for p in found) > 50
    assert sum(p.allowed == 0 for p in found) > 500


@pytest.mark.slow
def test_a_gate_that_reads_before_its_transaction_is_caught(url: str, tmp_path: Path) -> None:
    with connect(url) as db:
        open_bank(db, tmp_path)
        live(url, seed=3, processes=3, each=150, snapshots=tmp_path, ask=racy)
        caught = [p for p in payments(db) if p.allowed > p.due]
        print(f"\n{len(caught)} payments in force of a control")
        assert caught != []


def test_a_control_opened_and_confirmed_while_the_gate_waits_for_another_binds(
    pg_copy: Callable[[str], str], tmp_path: Path
) -> None:
    """PostgreSQL looks again at a row that it waited for, but finds none that came meanwhile: the gate asks again."""
    url = pg_copy("gate_waits")
    answers = []
    with connect(url) as db, connect(url) as other, connect(url) as gates:
        bank = open_bank(db, tmp_path)
        first = propose(db, "B1", "K4")

        def ask() -> None:
            answers.append(check(gates, "F1", 100, CLOCK, bank.rules, bank.snapshots, person="core", key="1"))

        asking = threading.Thread(target=ask)
        with other.transaction():
            other.rows("SELECT id FROM cases WHERE id = ? FOR UPDATE", first)  # somebody is about to confirm it
            asking.start()
            for _ in range(100_000):
                if db.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
                    break
            else:
                pytest.fail("the gate does not wait")
            second = propose(db, "B1", "K10")
            (verdict,) = act(db, [Command("seo", "confirm", case=second)], CLOCK, bank.rules)
            assert verdict.step == "in_force"
        asking.join(120)
    assert [(a.outcome, [r.code for r in a.reasons]) for a in answers] == [("refuse", ["stopped"])]


def test_a_payment_that_began_before_a_limit_and_ends_after_another_hides_nothing_of_what_was_paid(
    pg_copy: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first saw no limit and is slow; a limit comes into force, and 300 of its 500 are paid: 200 are left, although
    the first is journaled in between."""
    url = pg_copy("gate_slow")
    slow, go_on, owed = threading.Event(), threading.Event(), gate._owed

    def wait(*about: object) -> Any:
        if not slow.is_set():
            slow.set()
            assert go_on.wait(120)
        return owed(*about)  # type: ignore[arg-type]

    monkeypatch.setattr(gate, "_owed", wait)
    said: dict[str, Answer] = {}
    with connect(url) as db, connect(url) as one, connect(url) as two:
        bank = open_bank(db, tmp_path)

        def pay(gates: Db, key: str, amount: int) -> None:
            said[key] = check(gates, "F1", amount, CLOCK, bank.rules, bank.snapshots, person="core", key=key)

        first = threading.Thread(target=pay, args=(one, "first", 100))
        first.start()
        assert slow.wait(120)
        limit = propose(db, "B1", "K3", cap=500)
        act(db, [Command("seo", "confirm", case=limit)], CLOCK, bank.rules)
        second = threading.Thread(target=pay, args=(two, "second", 300))
        second.start()
        while second.is_alive() and not db.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
            pass  # either it has answered, or it waits for the first
        go_on.set()
        first.join(30)
        second.join(30)
        pay(db, "third", 500)
    assert {key: a.allowed for key, a in said.items()} == {"first": 100, "second": 300, "third": 200}


def propose(db: Db, borrower: str, kind: str, **more: int) -> int:
    said = {"kind": kind, "reason": "arrears", **more}
    (verdict,) = act(db, [Command("han", "propose", said, process="control", subject=borrower, book=BOOK.hash)], CLOCK,
                     books.rules(db))  # fmt: skip
    assert verdict.case is not None
    return verdict.case
