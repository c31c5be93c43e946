"""A run is recorded with all that its decisions depend on: what was left unfinished is taken up with the inputs recorded
then, nothing is done twice, and its end says what it wrote."""

import hashlib
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from door.audit import check_tables
from door.command import SYSTEM
from door.db import Db, connect
from models.policy import PolicyError
from tasks import books
from tasks import run as runs
from tasks import work as batches
from tasks.due import open_due
from tasks.recorded import astray
from tasks.replay import all_cases, replay, replay_run
from tasks.run import Run, Untimely, finish, start, written
from tasks.work import waits, work
from tests.tasks.works import QUIET, Works, changed, facility, works


class Killed(BaseException):
    """The process is gone, wherever it was."""


@pytest.fixture
def bank(db: Db, tmp_path: Path) -> Works:
    """On both databases: forty loans of forty borrowers, all due on 5 January."""
    bank = works(db, tmp_path)
    bank.snapshot(*(facility(f"L{n:02}", f"B{n}") for n in range(40)))
    return bank


def killed_after(bank: Works, n: int) -> Run:
    """The due ledger's run of today, killed when it had opened so many cases."""
    run = bank.begin("scheduled_inspection")
    open_due(run, limit=n)
    return run


# -- what it depends on -----------------------------------------------------------------------------------------------


def test_its_inputs_stand_in_its_first_entry(bank: Works) -> None:
    run = bank.begin("scheduled_inspection")
    said = json.loads(bank.db.rows("SELECT payload FROM entry WHERE stream = ? AND seq = 1", f"run:{run.id}")[0][0])
    snapshot = bank.db.rows("SELECT sha256 FROM snapshot")[0][0]
    assert (said["stage"], said["as_of"], said["partition"]) == ("scheduled_inspection", "2026-01-05", "1")
    assert (said["snapshot"], said["book"]) == (snapshot, bank.book)
    assert said["secret_hash"] == hashlib.sha256(b"5" * 64).hexdigest()
    for name in (said["snapshot"], said["conditions"]):
        file = bank.house.snapshots / f"{name}.parquet"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == name
    assert "polars==" in said["libraries"]
    assert len(said["code"]) == 16


def test_the_newest_snapshot_and_the_newest_book_not_after_the_date_are_taken(bank: Works) -> None:
    first, book = bank.db.rows("SELECT sha256 FROM snapshot")[0][0], bank.book
    bank.bank.day = "2026-02-02"
    bank.enforce(changed(collection={"stale_months": 2}))
    corrected = bank.snapshot(facility("L1", "B1", bal=1))
    last = bank.snapshot(facility("L1", "B1", bal=2))
    assert corrected != last
    found = {}
    for day in ("2026-02-01", "2026-02-02", "2026-02-03"):
        bank.bank.day = day
        inputs = bank.begin("scheduled_inspection").inputs
        found[day] = (inputs.snapshot, inputs.book == book)
    assert found == {"2026-02-01": (first, True), "2026-02-02": (last, False), "2026-02-03": (last, False)}


def test_without_a_book_in_force_there_is_no_run(bank: Works) -> None:
    bank.bank.day = "2026-01-04"
    with pytest.raises(PolicyError, match="No policy book is in force on 2026-01-04"):
        bank.begin("scheduled_inspection")


def test_an_open_case_keeps_its_book_though_another_is_in_force(bank: Works) -> None:
    """Opened under a book that asks for visits close to the due date; examined when another allows any day."""
    case = bank.bank.open("inspection", SYSTEM, "open", subject="B1", book=bank.book, said={"path": "own"})
    bank.bank.day = "2026-01-28"
    bank.enforce(changed(collection={"window_after_days": 400}))
    later = bank.bank.open("inspection", SYSTEM, "open", subject="B2", book=bank.book, said={"path": "own"})
    for each in (case, later):
        bank.bank.do("lee", "collect", each, said={"how": "own", "visited_on": bank.bank.day})
    assert bank.stage("outsourced_collection", "screen") == {"recollect": 1, "pass": 1}
    assert bank.bank.state(case).done["recollect"] == 1


# -- on which date ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["manager_review", "four_eyes_verification", "deadlines"])
def test_no_run_is_made_ahead_of_its_day(bank: Works, stage: str) -> None:
    """It would disclose the draw's secret while the quarter lasts, and take late arrows of deadlines that stand."""
    bank.begin("scheduled_inspection")
    before = bank.db.rows("SELECT stream, seq FROM entry ORDER BY stream, seq")
    with pytest.raises(Untimely, match="2026-04-01 has not come, today is 2026-01-05: name today or an earlier day"):
        start(bank.db, bank.house, stage, date(2026, 4, 1), "", lambda: True, int)
    assert bank.db.rows("SELECT stream, seq FROM entry ORDER BY stream, seq") == before


def test_after_an_outage_an_earlier_day_is_caught_up(bank: Works) -> None:
    day, bank.bank.day = bank.today, "2026-01-08"
    run = start(bank.db, bank.house, "scheduled_inspection", day, "", lambda: True, int)
    assert run is not None
    assert open_due(run).cases == {"own": 40}


# -- again, and after a kill ------------------------------------------------------------------------------------------


def test_a_run_repeated_opens_nothing_more(bank: Works) -> None:
    assert bank.due().cases == {"own": 40}
    ledger, entries = bank.ledger(), bank.db.rows("SELECT count(*) FROM entry WHERE stream LIKE 'case:%'")
    for day in ("2026-01-05", "2026-01-05", "2026-01-06"):
        bank.bank.day = day
        assert not bank.due().cases
    assert bank.ledger() == ledger
    assert bank.db.rows("SELECT count(*) FROM entry WHERE stream LIKE 'case:%'") == entries


def test_a_second_run_of_a_date_is_only_made_where_there_is_work(bank: Works) -> None:
    def again() -> Run | None:
        return start(bank.db, bank.house, "manager_review", bank.today, "", lambda: waits(bank.db, "prepare"), int)

    first = again()
    assert first is not None
    bank.finish(first)
    assert again() is None
    bank.bring(bank.bank.open("inspection", SYSTEM, "open", subject="B1", book=bank.book), "prepare")
    second = again()
    assert second is not None
    assert second.inputs.partition == "2"
    subjects = bank.db.rows("SELECT subject FROM cases WHERE process = 'run' ORDER BY id")
    assert subjects == [(f"manager_review/2026-01-05/{n}",) for n in (1, 2)]


def test_what_was_left_unfinished_is_taken_up_with_the_inputs_recorded_then(bank: Works) -> None:
    """Meanwhile came another snapshot, another book and a condition: the rest is opened as if they had not."""
    left = killed_after(bank, 15)
    bank.snapshot(*(facility(f"L{n:02}", f"B{n}", **QUIET, bal=77) for n in range(40)))
    bank.enforce(changed(kinds={"regular": {"path": "desk"}}))
    bank.condition("L30", "checkpoint", "M1")
    run = bank.begin("scheduled_inspection")
    assert (run.id, run.inputs) == (left.id, left.inputs)
    opened = open_due(run)
    assert opened.cases == {"own": 25}
    result = bank.finish(run, opened)
    assert [(c.action, c.n) for c in result.counts] == [("open", 40)]
    assert len(bank.ledger()) == 40 == len({f for f, *_ in bank.ledger()})
    assert {bank.said(case)["amount"] for case in bank.cases()} == {900}
    assert not any("M1" in ask["checkpoints"] for case in bank.cases() for ask in bank.said(case)["asks"])
    assert not replay(bank.db, bank.house.snapshots, all_cases(bank.db)).divergences


def test_once_finished_the_next_run_takes_what_is_new(bank: Works) -> None:
    first = bank.begin("scheduled_inspection")
    bank.finish(first, open_due(first))
    snapshot = bank.snapshot(facility("L99", "B99"))
    run = bank.begin("scheduled_inspection")
    assert (run.inputs.snapshot, run.inputs.partition) == (snapshot, "2")
    assert open_due(run).cases == {"own": 1}


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [0, 1, 2, 3])
def test_killed_at_any_moment_the_day_ends_the_same(db: Db, tmp_path: Path, chunks: int) -> None:
    """The due ledger, then the screening of what was collected; each killed after so many of its three chunks (the last
    time before its end), and run again."""
    bank = works(db, tmp_path)
    bank.snapshot(*(facility(f"L{n:03}", f"B{n}") for n in range(500)))

    def stage(name: str, do: Callable[[Run], Any]) -> None:
        turn = count(1)

        def give_way() -> None:
            if next(turn) == chunks:
                raise Killed

        with suppress(Killed):
            run = replace(bank.begin(name), give_way=give_way)
            if chunks:
                do(run)
        run = bank.begin(name)
        bank.finish(run, do(run))

    stage("scheduled_inspection", open_due)
    assert len(bank.cases()) == len(bank.ledger()) == 500
    bank.bank.act(*(bank.bank.command("lee", "collect", case, said={"how": "own"}) for case in bank.cases()))
    stage("outsourced_collection", lambda run: work(run, "screen") and None)
    assert db.rows("SELECT count(*) FROM cases WHERE step = 'collect' AND process = 'inspection'") == [(500,)]
    assert db.rows("SELECT count(*) FROM entry WHERE action = 'recollect'") == [(500,)]
    runs = db.rows("SELECT id, closed_on FROM cases WHERE process = 'run' ORDER BY id")
    assert [closed is not None for _, closed in runs] == [True, True]
    assert not replay_run(db, bank.house.snapshots, runs[0][0]).divergences


@pytest.mark.parametrize("batch", [batches.BATCH, 1, 2])
def test_at_most_so_many_cases_are_decided_and_the_rest_next_time(
    bank: Works, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """In whatever batches they are read."""
    monkeypatch.setattr(batches, "BATCH", batch)
    run = bank.begin("scheduled_inspection")
    bank.finish(run, open_due(run, limit=9))
    bank.bank.act(*(bank.bank.command("lee", "collect", case) for case in bank.cases()))
    run = bank.begin("outsourced_collection")
    assert [work(run, "screen", limit=3).total() for _ in range(2)] == [3, 3]
    assert work(run, "screen").total() == 3
    assert work(run, "screen").total() == 0


def test_many_due_rows_that_start_nothing_are_said_part_by_part_none_twice_though_it_is_killed_in_between(
    bank: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for them all; forty borrowers are due again while their inspections are still open."""
    monkeypatch.setattr(runs, "PART", 15)
    bank.due()
    bank.bank.day = "2026-04-06"

    def killed() -> None:
        raise Killed

    run = bank.begin("scheduled_inspection")
    with suppress(Killed):
        finish(replace(run, give_way=killed), open_due(run).elsewhere)
    rival = bank.begin("scheduled_inspection")
    merged = open_due(rival).elsewhere
    assert (run.id, len(merged)) == (rival.id, 25)
    finish(run, open_due(run).elsewhere)
    with pytest.raises(RuntimeError, match="could not be closed"):
        finish(rival, merged)
    said = bank.db.rows("SELECT action FROM entry WHERE stream = ? ORDER BY seq", f"run:{run.id}")
    assert [action for (action,) in said] == ["start", "set_aside", "set_aside", "finish"]
    assert [outcome for *_, due_on, outcome in bank.ledger() if due_on > "2026-01-05"] == ["merged"] * 40
    assert not replay_run(bank.db, bank.house.snapshots, run.id).divergences
    assert not check_tables(bank.db, books.rules(bank.db).processes)
    assert not astray(bank.db, date(2026, 1, 1), date(2026, 4, 30))


def test_two_flows_at_one_run_both_write_until_one_has_closed_it(bank: Works) -> None:
    """Whoever is still at it is refused; its case is left to the next run."""
    bank.finish(run := bank.begin("scheduled_inspection"), open_due(run, limit=2))
    bank.bank.act(*(bank.bank.command("lee", "collect", case) for case in bank.cases()))
    one, two = bank.begin("outsourced_collection"), bank.begin("outsourced_collection")
    assert one.id == two.id
    work(one, "screen", limit=1)
    bank.finish(one)
    assert work(two, "screen") == {"run_closed": 1}
    with pytest.raises(RuntimeError, match="could not be closed"):
        bank.finish(two)
    assert not replay_run(bank.db, bank.house.snapshots, one.id).divergences
    assert bank.stage("outsourced_collection", "screen").total() == 1


@pytest.mark.slow
def test_a_run_is_closed_with_all_that_was_written_under_it(bank: Works, url: str) -> None:
    """One closes it while the other's batch is still being written: the end waits for the batch, or the batch is
    refused; what the end says it wrote is what was written."""
    run = bank.begin("scheduled_inspection")
    open_due(run, limit=20)
    ready = threading.Barrier(2)

    def other() -> None:
        with connect(url) as db:
            at_work = replace(run, db=db)
            ready.wait(120)
            open_due(at_work)

    rival = threading.Thread(target=other)
    rival.start()
    ready.wait(120)
    result = bank.finish(run)
    rival.join(120)
    assert (result.counts, result.digest) == written(bank.db, run.id)
    assert not replay_run(bank.db, bank.house.snapshots, run.id).divergences


# -- its end ----------------------------------------------------------------------------------------------------------


def test_its_end_says_what_it_wrote_and_a_digest_over_it(bank: Works) -> None:
    run = bank.begin("scheduled_inspection")
    result = bank.finish(run, open_due(run))
    hashes = bank.db.rows("SELECT stream, seq, hash FROM entry WHERE action = 'open' AND run IS NOT NULL")
    assert {s for s, *_ in hashes} == {f"case:{case}" for case in bank.cases()}
    digest = hashlib.sha256("".join(h for *_, h in sorted(hashes)).encode()).hexdigest()
    assert ([(c.action, c.n) for c in result.counts], result.digest) == ([("open", 40)], digest)
    assert bank.db.rows("SELECT closed_on FROM cases WHERE id = ?", run.id) == [("2026-01-05",)]


def test_a_finished_run_is_not_finished_again(bank: Works) -> None:
    run = bank.begin("scheduled_inspection")
    bank.finish(run)
    with pytest.raises(RuntimeError, match="could not be closed"):
        bank.finish(run)


# -- attempts ---------------------------------------------------------------------------------------------------------


def attempts(bank: Works) -> list[tuple[str, int]]:
    """(flow run, run) as the table has them, which must be what the journal has."""
    rows = bank.db.rows("SELECT flow_run, run FROM attempt ORDER BY flow_run")
    said = bank.db.rows("SELECT payload FROM entry WHERE action = 'attempt' ORDER BY stream")
    assert [(p["flow_run"], p["run"]) for p in (json.loads(row[0]) for row in said)] == rows
    return rows


def test_every_flow_run_that_worked_on_it_is_on_record_once(bank: Works) -> None:
    first = bank.begin("scheduled_inspection", "a1")
    again = bank.begin("scheduled_inspection", "a1")
    second = bank.begin("scheduled_inspection", "b2")
    assert first.id == again.id == second.id
    assert attempts(bank) == [("a1", first.id), ("b2", first.id)]


def test_a_flow_run_that_is_killed_while_it_is_bound_leaves_no_half_record(bank: Works) -> None:
    run = bank.begin("scheduled_inspection")
    bank.finish(run)

    def killed(n: int) -> list[str]:
        raise Killed

    bank.begin("scheduled_inspection")
    dying = replace(bank.house, salts=killed)
    with pytest.raises(Killed):
        start(bank.db, dying, "scheduled_inspection", date(2026, 1, 5), "a1", lambda: True, int)
    assert attempts(bank) == []
    bank.begin("scheduled_inspection", "a1")
    assert [name for name, _ in attempts(bank)] == ["a1"]
