"""The audit of a clean journal, of erased payloads, of other pages, while people act; and what it names."""

import random
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from door.act import note
from door.anchor import anchor, signer, verifier
from door.audit import PARTS, audit
from door.chain import check_chains
from door.db import Db, connect
from door.decide import Facts
from door.journal import COLUMNS, Entry, seal
from door.project import ROWS
from door.replay import recheck
from models import forms
from models.process import USER, Do, Process, Step
from processes import PROCESSES
from tests.door.bank import Bank, later
from tests.door.history import SECOND, history


def codes(db: Db, processes: dict[str, Process] | None = None) -> list[tuple[str, int, str]]:
    return [(f.stream, f.seq, f.code) for f in audit(db, processes or PROCESSES, None).faults]


def without_triggers(db: Db) -> None:
    if db.dialect == "sqlite":
        for (name,) in db.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            db.run(f"DROP TRIGGER {name}")
    else:
        db.run("SET session_replication_role = replica")


def test_every_process_stream_and_table_is_audited_and_clean(db: Db, tmp_path: Path) -> None:
    history(db, signer(tmp_path / "anchor.key"))
    seen = audit(db, PROCESSES, verifier(tmp_path / "anchor.pub"))
    assert (seen.faults, seen.erased, seen.anchors) == ([], [], 2)
    assert (seen.entries, seen.streams) == db.rows("SELECT count(*), count(DISTINCT stream) FROM entry")[0]
    made = {name for (name,) in db.rows("SELECT DISTINCT process FROM cases")}
    assert made == set(PROCESSES), "a process that is not in the history is not tested here"
    assert all(db.rows(f"SELECT 1 FROM {table} WHERE case_id IS NOT NULL LIMIT 1") for table in ROWS)


def test_it_is_told_how_far_the_audit_is(db: Db, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("door.chain._BLOCK", 20)
    monkeypatch.setattr("door.audit._BLOCK", 5)
    history(db, signer(tmp_path / "anchor.key"))
    told: list[tuple[str, int, int]] = []
    seen = audit(db, PROCESSES, None, told=lambda *said: told.append(said))
    of = {"anchors": seen.anchors, "chains": seen.entries, "tables": seen.streams}
    assert list(dict.fromkeys(part for part, *_ in told)) == list(PARTS) == list(of)
    for part, whole in of.items():
        counts = [n for each, n, all_ in told if each == part and all_ == whole]
        assert counts == sorted(counts)
        assert len(counts) == sum(each == part for each, *_ in told) > 1
        assert counts[-1] == whole - (part == "anchors"), "an anchor is told of before it is looked at: it may be long"


@pytest.mark.slow
def test_parts_see_together_what_one_sees_alone(db: Db, tmp_path: Path) -> None:
    history(db, signer(tmp_path / "anchor.key"))
    without_triggers(db)
    names = [name for (name,) in db.rows("SELECT DISTINCT stream FROM entry ORDER BY stream")]
    db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE stream = ? AND seq = 1", names[0])
    for name in (names[1], names[-1]):
        db.run("UPDATE entry SET role = 'king' WHERE stream = ? AND seq = 1", name)
    alone = check_chains(db)
    assert {fault.stream for fault in alone.faults} == {names[1], names[-1]}
    told: list[tuple[int, int]] = []
    assert check_chains(db, 2, lambda *said: told.append(said)) == check_chains(db, parts=3) == alone
    assert (told[0], told[-1], len(told)) == ((0, alone.entries), (alone.entries, alone.entries), 3)


def test_an_erased_payload_is_reported_as_erased_and_is_no_fault(bank: Bank) -> None:
    case = bank.inspection("draw")
    erase = "UPDATE entry SET payload = NULL, salt = NULL WHERE stream = ? AND seq = ?"
    for seq in range(1, bank.state(case).seq + 1):
        bank.db.run(erase, f"case:{case}", seq)
        seen = audit(bank.db, PROCESSES, None)
        assert seen.faults == []
        assert seen.erased == [(f"case:{case}", n) for n in range(1, seq + 1)]


def test_an_erased_item_act_is_no_fault_either(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    bank.do("choi", "delegate", case, said={"to": "jung"})
    bank.do("jung", "hold", case)
    bank.do("han", "reassign", case, said={"to": "yoon"})
    bank.db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE action IN ('delegate', 'hold', 'reassign')")
    seen = audit(bank.db, PROCESSES, None)
    assert (seen.faults, len(seen.erased)) == ([], 3)


def test_what_no_payload_says_is_compared_after_an_erasure_too(bank: Bank) -> None:
    case = bank.inspection("review")
    bank.db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE seq = 1")
    bank.db.run("UPDATE cases SET step = 'closed' WHERE id = ?", case)
    assert codes(bank.db) == [(f"case:{case}", bank.state(case).seq, "table")]


@pytest.mark.parametrize("half", ["payload", "salt"])
def test_half_an_erasure_is_a_fault(bank: Bank, half: str) -> None:
    case = bank.inspection("collect")
    without_triggers(bank.db)
    bank.db.run(f"UPDATE entry SET {half} = NULL")
    assert codes(bank.db) == [(f"case:{case}", 1, "digest")]


CHAIN_FAULTS: dict[str, Callable[[Db], object]] = {
    "gap": lambda db: db.run("DELETE FROM entry WHERE seq = 2"),
    "prev": lambda db: db.run("UPDATE entry SET prev = hash WHERE seq = 2"),
    "hash": lambda db: db.run("UPDATE entry SET person = 'kim' WHERE seq = 2"),
    "digest": lambda db: db.run("UPDATE entry SET payload = '{}' WHERE seq = 2"),
}


@pytest.mark.parametrize("code", CHAIN_FAULTS)
def test_the_first_fault_of_a_chain_is_named_with_its_code(bank: Bank, code: str) -> None:
    case, _ = bank.inspection("review", "B1"), bank.inspection("collect", "B2")
    without_triggers(bank.db)
    CHAIN_FAULTS[code](bank.db)
    assert codes(bank.db) == [(f"case:{case}", 2, code)]


def test_a_head_or_a_case_without_entries_is_named(bank: Bank) -> None:
    case = bank.inspection("collect")
    without_triggers(bank.db)
    bank.db.run("DELETE FROM entry")
    bank.db.run("INSERT INTO stream (name, seq, head) VALUES ('person:lee', 3, ?)", "ab" * 32)
    assert set(codes(bank.db)) == {(f"case:{case}", 1, "no_entries"), ("person:lee", 3, "no_entries")}


def test_the_columns_that_differ_are_named(bank: Bank) -> None:
    case = bank.inspection("collect")
    bank.db.run("UPDATE item SET due_on = '2027-01-01', rung = 3 WHERE case_id = ?", case)
    (fault,) = audit(bank.db, PROCESSES, None).faults
    assert fault.stream == f"case:{case}"
    assert fault.facts == {"table": "item", "what": "differs", "columns": ["due_on", "rung"]}


def test_an_anchor_taken_away_is_named_by_the_next_and_the_newest_by_who_kept_its_root(db: Db, tmp_path: Path) -> None:
    history(db, signer(tmp_path / "anchor.key"))
    verify = verifier(tmp_path / "anchor.pub")
    kept = {SECOND: audit(db, PROCESSES, verify).root}
    assert audit(db, PROCESSES, verify, kept).faults == []
    db.run("DELETE FROM anchor WHERE business_date = (SELECT min(business_date) FROM anchor)")
    assert [(f.stream, f.code) for f in audit(db, PROCESSES, verify, kept).faults] == [(f"anchor:{SECOND}", "follows")]
    db.run("DELETE FROM anchor")
    assert audit(db, PROCESSES, verify).faults == []
    assert [(f.stream, f.code) for f in audit(db, PROCESSES, verify, kept).faults] == [(f"anchor:{SECOND}", "kept")]


def test_a_case_is_folded_by_the_page_it_was_made_under(bank: Bank) -> None:
    case = bank.inspection("review")
    old = PROCESSES["inspection"]
    today = replace(old, facts=tuple(fact for fact in old.facts if fact != "segment"), before=(old.hash,))
    changed = {**PROCESSES, "inspection": today}
    assert codes(bank.db, changed) == [(f"case:{case}", bank.state(case).seq, "table")]
    assert codes(bank.db, {**changed, "inspection before": old}) == []


@pytest.mark.parametrize("named", [True, False], ids=["with its old hash", "without"])
def test_a_page_with_history_gets_the_readmes_step(bank: Bank, named: bool) -> None:
    """Cases are made before, taken over before and after; those that wait go on by the new page."""
    old = PROCESSES["handover"]
    done, waiting = (bank.open("handover", boss, "hand_over", subject=subject, said={"manager": to})
                     for boss, subject, to in (("kang", "B1", "park"), ("kang", "B2", "park")))  # fmt: skip
    bank.do("park", "take_over", done)
    steps = {**old.steps, **the_readmes_steps()}
    today = replace(old, steps=steps, authority={**old.authority, "department": "credit_manager"},
                    before=(old.hash,) if named else ())  # fmt: skip
    assert today.check() == []
    bank.rules = replace(bank.rules, processes={**PROCESSES, "handover": today})
    bank.do("park", "take_over", waiting)
    assert bank.state(waiting).step == "note"
    bank.do("choi", "noted", waiting)
    new = bank.open("handover", "kang", "hand_over", subject="B3", said={"manager": "park"})
    faults = codes(bank.db, {**PROCESSES, "handover": today})
    if named:
        assert faults == []
    else:
        assert {(f"party:{case}", 1, "unreadable") for case in (done, waiting)} <= set(faults)
    assert f"party:{new}" not in {stream for stream, *_ in faults}
    streams = [[Entry(*row) for row in bank.db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE stream = ? "
                "ORDER BY seq", f"party:{case}")] for case in (done, waiting, new)]  # fmt: skip
    left: list[str] = []
    found = [d.what for entries in streams for d in recheck(today, entries, bank.rules, lambda *_: Facts("park"),
             left=lambda e, why: left.append(why))]  # fmt: skip
    assert (found, left) == (([], ["other_page"] * 3) if named else (["page"] * 3, []))


def the_readmes_steps() -> dict[str, Step]:
    """As they stand under "Add a step"."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    said = re.search(r"^## Add a step.*?^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert said is not None
    steps: dict[str, Step] = eval(f"{{{said[1]}}}", {"Step": Step, "Do": Do, "USER": USER, "f": forms})  # noqa: S307
    return steps


def test_an_entry_that_cannot_be_folded_is_named(bank: Bank) -> None:
    case = bank.inspection("collect")
    assert (f"case:{case}", 1, "unreadable") in codes(bank.db, {"run": PROCESSES["run"]})


def test_an_entry_that_is_of_no_process_is_named_in_a_cases_stream(bank: Bank) -> None:
    """Well sealed, and the head left as it was: a conclusion that nobody was asked for."""
    case = bank.inspection("review")
    append(bank, case, action="conclude", process=None)
    named = {(f.stream, f.seq, f.code) for f in audit(bank.db, PROCESSES, None).faults}
    assert (f"case:{case}", bank.state(case).seq + 1, "unreadable") in named


def test_a_stream_of_a_case_that_never_was_is_named(bank: Bank) -> None:
    note(bank.db, "case:99", "conclude", "lee", {}, bank.clock())
    assert ("case:99", 1, "unreadable") in codes(bank.db)


def test_an_entry_under_a_page_that_never_was_is_named(bank: Bank) -> None:
    case = bank.inspection("review")
    append(bank, case, process="f" * 16)
    assert (f"case:{case}", bank.state(case).seq + 1, "unreadable") in codes(bank.db)
    listed = replace(PROCESSES["inspection"], before=("f" * 16,))
    assert "unreadable" not in {code for *_, code in codes(bank.db, {**PROCESSES, "inspection": listed})}


def append(bank: Bank, case: int, **columns: Any) -> None:
    """Another entry at the end of a case's stream, like the one before, sealed as the door seals."""
    last = Entry(*bank.db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE stream = ? ORDER BY seq DESC LIMIT 1",
                               f"case:{case}")[0])  # fmt: skip
    e = last._replace(seq=last.seq + 1, **columns)
    bank.db.insert("entry", COLUMNS, [seal(*e[:14], last.hash, "0" * 32, "{}")])


def test_a_value_of_a_type_that_the_door_never_writes_is_named(quick: Bank) -> None:
    case = quick.inspection("review")
    without_triggers(quick.db)
    quick.db.run("UPDATE entry SET person = x'ff00' WHERE seq = 2")
    assert codes(quick.db) == [(f"case:{case}", 2, "hash")]


@pytest.mark.slow
def test_who_acts_while_the_audit_runs_raises_no_false_alarm(url: str, db: Db, tmp_path: Path) -> None:
    sign = signer(tmp_path / "anchor.key")
    bank = history(db, sign)
    verify, done = verifier(tmp_path / "anchor.pub"), threading.Event()
    acted: list[Any] = []

    def act() -> None:
        dice = random.Random(7)  # noqa: S311 - repeatable on purpose
        with connect(url) as own:
            busy = Bank(own, day=SECOND, tick=bank.tick)
            while not done.is_set():
                acted.append(busy.inspection(dice.choice(("collect", "review", "verify_desk")), "B2"))

    other = threading.Thread(target=act)
    other.start()
    try:
        for n in range(200):
            assert audit(db, PROCESSES, verify, parts=1 + (n == 0)).faults == []
            anchor(db, replace(bank.clock(), business_date=later(SECOND, n + 1)), sign)
            if n >= 8 and len(acted) >= 8:
                break
    finally:
        done.set()
        other.join(60)
    assert len(acted) >= 8
    assert audit(db, PROCESSES, verify).faults == []
