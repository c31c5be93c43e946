"""The night's proof: what is sound is anchored, what is not is named and never signed."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from deployments.bench.weeks import live
from deployments.demo import BEGIN
from door.anchor import verifier
from door.audit import audit
from door.db import Db, connect
from processes import PROCESSES
from tasks.house import House
from tasks.proof import Proof, prove
from tests.tasks.forge import entries, forge, said, without_triggers
from tests.tasks.lived import moved

WEEKS = 2
LAST = BEGIN + timedelta(weeks=WEEKS - 1)


@pytest.fixture(scope="module")
def lived(lite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    home = tmp_path_factory.mktemp("lived")
    shutil.copy(lite_template, home / "postloan.db")
    return live(f"sqlite:///{home / 'postloan.db'}", home, loans=30, weeks=WEEKS)


@pytest.fixture
def house(lived: House, url: str, tmp_path: Path) -> House:
    """After two weeks, not anchored yet."""
    here = moved(lived, url, tmp_path)
    with connect(url) as db:
        db.run("DELETE FROM anchor")
    return here


def proven(db: Db, house: House) -> Proof:
    return prove(db, house, LAST, house.clock(LAST))


def anchors(db: Db) -> list[str]:
    return [row[0] for row in db.rows("SELECT business_date FROM anchor ORDER BY business_date")]


def test_a_sound_record_is_signed_once_and_one_with_a_fault_is_not(db: Db, house: House) -> None:
    case, step = db.rows("SELECT id, step FROM cases WHERE process = 'inspection' ORDER BY id LIMIT 1")[0]
    db.run("UPDATE cases SET step = 'closed' WHERE id = ?", case)
    assert {(fault.stream, fault.code) for fault in proven(db, house).faults} == {(f"case:{case}", "table")}
    assert anchors(db) == []
    db.run("UPDATE cases SET step = ? WHERE id = ?", step, case)
    proof = proven(db, house)
    assert (proof.faults, proof.divergences) == ((), ())
    runs, wrote = db.rows("SELECT count(DISTINCT c.id), count(e.seq) FROM cases c LEFT JOIN entry e ON e.run = c.id "
                          "WHERE c.process = 'run' AND c.subject LIKE ?", f"%/{LAST}/%")[0]  # fmt: skip
    assert (proof.entries, proof.runs) == (db.rows("SELECT count(*) FROM entry")[0][0], runs)
    assert proof.recomputed >= wrote > 10
    assert anchors(db) == [LAST.isoformat()]
    assert proven(db, house) == proof
    assert anchors(db) == [LAST.isoformat()]


def test_without_its_snapshot_nothing_is_said_to_be_proven(db: Db, house: House) -> None:
    shutil.rmtree(house.snapshots)
    with pytest.raises(FileNotFoundError):
        proven(db, house)


def test_a_decision_forged_before_the_days_anchor_is_named_by_its_run(db: Db, house: House) -> None:
    """The chain is whole again, so the audit can't know; who recomputes does."""
    without_triggers(db)
    stream, seq = db.rows("SELECT stream, seq FROM entry WHERE action = 'propose' AND business_date = ? ORDER BY stream",
                          LAST.isoformat())[0]  # fmt: skip
    entry = entries(db, stream)[seq - 1]
    forge(db, entry, {**said(entry), "proposed_level": 4})
    proof = proven(db, house)
    assert proof.faults == ()
    assert {(d.stream, d.what) for d in proof.divergences} >= {(stream, "decision"), (f"run:{entry.run}", "written")}


def test_forged_after_the_anchor_it_is_named_by_the_audit_too(db: Db, house: House) -> None:
    proven(db, house)
    without_triggers(db)
    stream = db.rows("SELECT stream FROM entry WHERE action = 'propose' ORDER BY stream LIMIT 1")[0][0]
    entry = next(e for e in entries(db, stream) if e.action == "propose")
    forge(db, entry, {**said(entry), "green": not said(entry)["green"]})
    assert {(f.stream, f.code) for f in proven(db, house).faults} == {(stream, "anchored")}
    kept = verifier(house.anchor_key.with_suffix(".pub"))
    assert [f.code for f in audit(db, PROCESSES, kept).faults] == ["anchored"]
