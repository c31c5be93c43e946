"""The journal exported and rebuilt elsewhere: every projection equal, row by row; and what does not verify, refused."""

from pathlib import Path

import pytest

from door.anchor import anchor, signer, verifier
from door.audit import audit
from door.db import Db
from door.project import ROWS
from door.rebuild import NotRebuilt, export, rebuild
from processes import PROCESSES
from tests.door.bank import Bank, found
from tests.door.history import history

TABLES = ("entry", "cases", "item", "stream", "anchor", *ROWS)


def table(db: Db, name: str) -> list[tuple[object, ...]]:
    where = " WHERE case_id IS NOT NULL" if name in ROWS else ""  # without case: reference data, from an extract
    return sorted(db.rows(f"SELECT * FROM {name}{where}"), key=repr)


def test_the_same_acts_give_the_same_export_on_either_database(quick_db: Db, db: Db, tmp_path: Path) -> None:
    sign = signer(tmp_path / "anchor.key")
    history(quick_db, sign)
    history(db, sign)
    assert list(export(db)) == list(export(quick_db))


def test_a_rebuild_into_an_empty_database_gives_every_projection_row_by_row(
    quick_db: Db, db: Db, tmp_path: Path
) -> None:
    history(quick_db, signer(tmp_path / "anchor.key"))
    verify = verifier(tmp_path / "anchor.pub")
    seen = rebuild(export(quick_db), db, PROCESSES, verify)
    assert (seen.entries, seen.streams) == quick_db.rows("SELECT count(*), count(DISTINCT stream) FROM entry")[0]
    for name in TABLES:
        assert table(db, name) == table(quick_db, name)
        assert table(db, name), f"nothing in {name}: the test says nothing about it"
    assert audit(db, PROCESSES, verify) == audit(quick_db, PROCESSES, verify)
    assert list(export(db)) == list(export(quick_db))


def test_life_goes_on_after_a_rebuild(quick: Bank, db: Db) -> None:
    case = quick.inspection("review")
    rebuild(export(quick.db), db, PROCESSES)
    after = found(db)
    after.do("lee", "conclude", case)
    assert after.inspection("collect", "B2") == case + 1
    assert audit(db, PROCESSES, None).faults == []


def test_a_database_with_a_journal_is_not_rebuilt_over(quick: Bank) -> None:
    quick.inspection("collect")
    lines = list(export(quick.db))
    with pytest.raises(NotRebuilt, match="not empty"):
        rebuild(lines, quick.db, PROCESSES)


def test_a_journal_that_does_not_verify_is_refused_and_nothing_is_written(quick: Bank, db: Db) -> None:
    case = quick.inspection("review")
    lines = [line.replace('"person":"lee"', '"person":"park"') for line in export(quick.db)]
    with pytest.raises(NotRebuilt, match=f"the first in case:{case}, entry 2") as refused:
        rebuild(lines, db, PROCESSES)
    assert [(fault.stream, fault.seq, fault.code) for fault in refused.value.faults] == [(f"case:{case}", 2, "hash")]
    assert [table(db, name) for name in TABLES] == [[]] * len(TABLES)


def test_anchors_signed_by_somebody_else_are_refused(quick: Bank, db: Db, tmp_path: Path) -> None:
    quick.inspection("collect")
    anchor(quick.db, quick.clock(), signer(tmp_path / "mallory.key"))
    signer(tmp_path / "anchor.key")
    with pytest.raises(NotRebuilt, match="anchor:2026-01-05"):
        rebuild(export(quick.db), db, PROCESSES, verifier(tmp_path / "anchor.pub"))


@pytest.mark.parametrize("line", ["", "no json", "[]", '{"entry": {}}', '{"anchor": {}}', '{"entry": 1, "hash": ""}'])
def test_a_line_that_is_neither_entry_nor_anchor_is_named(quick: Bank, db: Db, line: str) -> None:
    quick.inspection("collect")
    lines = [*export(quick.db), line]
    with pytest.raises(NotRebuilt, match=f"Line {len(lines)} is neither an entry nor an anchor"):
        rebuild(lines, db, PROCESSES)
    assert table(db, "entry") == []


def test_an_entry_made_under_a_process_that_is_not_at_hand_is_named(quick: Bank, db: Db) -> None:
    case = quick.inspection("collect")
    others = {name: process for name, process in PROCESSES.items() if name != "inspection"}
    with pytest.raises(NotRebuilt, match=f"Entry 1 of case:{case} can't be folded"):
        rebuild(export(quick.db), db, others)


def test_after_an_erasure_a_rebuild_lacks_what_the_payload_alone_said(quick: Bank, db: Db) -> None:
    case = quick.inspection("draw")
    assert quick.state(case).facts["level"] == 0
    erase = "UPDATE entry SET payload = NULL, salt = NULL WHERE stream = ? AND action = ?"
    assert quick.db.run(erase, f"case:{case}", "conclude") == 1
    assert rebuild(export(quick.db), db, PROCESSES).erased == [(f"case:{case}", quick.state(case).seq)]
    before, after = quick.state(case), Bank(db).state(case)
    assert (after.step, after.seq, after.head, after.hands) == (before.step, before.seq, before.head, before.hands)
    assert "level" not in after.facts
    assert {**before.facts, **after.facts} == before.facts


def test_after_the_opening_is_erased_a_rebuild_knows_the_case_but_not_whom_it_is_about(quick: Bank, db: Db) -> None:
    case = quick.inspection("review")
    quick.db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE seq = 1")
    rebuild(export(quick.db), db, PROCESSES)
    state = Bank(db).state(case)
    assert (state.process, state.subject, state.step, state.slot) == ("inspection", "", "review", None)
