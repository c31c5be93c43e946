"""Replay decides again: nothing diverges where the record is the code's own, and what was forged is named, however
well the chain was sealed anew."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deployments.bench.weeks import WEEKS, live
from door.anchor import verifier
from door.audit import audit
from door.db import Db
from door.journal import Entry
from door.replay import Divergence
from processes import PROCESSES
from tasks.house import House
from tasks.replay import Replayed, all_cases, replay, replay_run
from tests.tasks.forge import entries, forge, said, without_triggers

ROOT = Path(__file__).parents[2]
AUTOMATIC = {"open", "assign", "pass", "propose", "site", "close", "escalate", "remind"}


class Undo(Exception):
    pass


@pytest.fixture(scope="module")
def banks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], House]:
    """A small bank after six weeks, one for all tests of a database."""

    @cache
    def lived(database: str) -> House:
        home = tmp_path_factory.mktemp(database)
        if database == "sqlite":
            shutil.copy(request.getfixturevalue("lite_template"), home / "postloan.db")
            return live(f"sqlite:///{home / 'postloan.db'}", home)
        return live(request.getfixturevalue("pg_copy")("lived"), home)

    return lived


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, banks: Callable[[str], House]) -> House:
    return banks(request.param)


@pytest.fixture
def db(house: House) -> Iterator[Db]:
    """Without triggers, and whatever is done to it is undone."""
    with house.db() as db, suppress(Undo), db.transaction():
        without_triggers(db)
        yield db
        raise Undo


def again(db: Db, house: House) -> Replayed:
    return replay(db, house.snapshots, all_cases(db))


def found(db: Db, house: House, stream: str = "") -> list[tuple[str, int, str]]:
    """What diverges: in that stream, or in all."""
    done = replay(db, house.snapshots, [int(stream.partition(":")[2])]) if stream else again(db, house)
    return [(d.stream, d.seq, d.what) for d in done.divergences]


def some(db: Db, action: str) -> Entry:
    """An entry of a run."""
    stream, seq = db.rows(
        "SELECT stream, seq FROM entry WHERE action = ? AND run IS NOT NULL ORDER BY length(stream), stream LIMIT 1",
        action,
    )[0]
    return entries(db, stream)[seq - 1]


def faults(db: Db, house: House) -> set[tuple[str, str]]:
    seen = audit(db, PROCESSES, verifier(house.anchor_key.with_suffix(".pub")))
    return {(fault.stream, fault.code) for fault in seen.faults}


# -- the record as it is ----------------------------------------------------------------------------------------------


def test_every_decision_comes_out_as_recorded(db: Db, house: House) -> None:
    done = again(db, house)
    assert (done.divergences, done.left) == ([], {})
    assert done.entries == db.rows("SELECT count(*) FROM entry WHERE process IS NOT NULL")[0][0]
    assert done.recomputed == db.rows("SELECT count(*) FROM entry WHERE run IS NOT NULL")[0][0] > 200
    assert {a for (a,) in db.rows("SELECT DISTINCT action FROM entry WHERE run IS NOT NULL")} >= AUTOMATIC
    assert faults(db, house) == set()


@pytest.mark.slow
def test_each_run_replayed_alone_recomputes_what_it_wrote(db: Db, house: House) -> None:
    runs = db.rows("SELECT c.id, (SELECT count(*) FROM entry e WHERE e.run = c.id) FROM cases c "
                   "WHERE c.process = 'run' ORDER BY c.id")  # fmt: skip
    assert len(runs) >= 4 * WEEKS
    for run, wrote in runs[::4]:
        done = replay_run(db, house.snapshots, run)
        assert done.divergences == []
        assert done.recomputed >= wrote


# -- forged, and sealed anew to the head ------------------------------------------------------------------------------

ALTERED: dict[str, tuple[str, dict[str, Any]]] = {
    "another vendor's inspector": ("assign", {"inspector": "mallory"}),
    "a finding added": ("pass", {"findings": [{"facility": "L0000001", "checkpoint": "C1", "colour": "r"}]}),
    "a better class": ("propose", {"proposed_class": 1, "because": "class 1 in the books"}),
    "a green case": ("propose", {"green": True}),
    "another probability": ("site", {"probability": "0.99"}),
    "a trigger left out": ("escalate", {"triggers": []}),
    "another path": ("open", {"path": "own"}),
    "a lower amount": ("open", {"amount": 1}),
    "another rung": ("remind", {"rung": 9}),
}


def test_altered_automatic_entries_are_named_and_their_runs_with_them(db: Db, house: House) -> None:
    forged: dict[str, Entry] = {}
    for action, change in ALTERED.values():
        entry = next(e for e in _of(db, action) if e.stream not in forged and {**said(e), **change} != said(e))
        forged[entry.stream] = entry
        forge(db, entry, {**said(entry), **change})
    assert faults(db, house) == {(stream, "anchored") for stream in forged}, "nothing but the anchor tells"
    named = found(db, house)
    for (what, _), entry in zip(ALTERED.items(), forged.values(), strict=True):
        assert entry[:2] in {(stream, seq) for stream, seq, _ in named}, what
        assert (f"run:{entry.run}", 2, "written") in named, what
    runs = {f"run:{e.run}" for stream in forged for e in entries(db, stream)}
    assert {stream for stream, *_ in named} <= {*forged, *runs}


def _of(db: Db, action: str) -> list[Entry]:
    keys = db.rows("SELECT stream, seq FROM entry WHERE action = ? AND run IS NOT NULL ORDER BY stream", action)
    return [entries(db, stream)[seq - 1] for stream, seq in keys]


def test_another_arrow_taken_is_named(db: Db, house: House) -> None:
    entry = some(db, "escalate")
    forge(db, entry, {**said(entry), "triggers": []}, action="close", step="closed", due_on=None)
    assert (entry.stream, entry.seq, "decision") in found(db, house, entry.stream)


def test_an_automatic_entry_that_says_it_is_of_no_run_or_of_another_is_named(db: Db, house: House) -> None:
    """Else whoever alters one would only have to take its run away, and nothing would be recomputed."""
    for run in (None, 999_999, some(db, "assign").run):
        entry = some(db, "propose")
        forge(db, entry, run=run)
        assert (entry.stream, entry.seq, "run") in found(db, house, entry.stream)


def test_a_changed_deadline_is_named(db: Db, house: House) -> None:
    for entry in (some(db, "propose"), some(db, "assign")):
        later = date.fromisoformat(entry.due_on or "") + timedelta(days=1)
        forge(db, entry, due_on=later.isoformat())
        assert (entry.stream, entry.seq, "deadline") in found(db, house, entry.stream)


def test_a_deadline_that_a_persons_act_set_is_named_too(db: Db, house: House) -> None:
    stream, seq = db.rows("SELECT stream, seq FROM entry WHERE action = 'conclude' ORDER BY stream LIMIT 1")[0]
    entry = next(e for e in entries(db, stream)[seq:] if e.due_on)
    forge(db, entry, due_on="2027-01-04")
    assert (entry.stream, entry.seq, "deadline") in found(db, house, entry.stream)


def test_a_reminder_before_its_time_is_named(db: Db, house: House) -> None:
    entry = some(db, "remind")
    forge(db, entry, business_date=entries(db, entry.stream)[entry.seq - 2].business_date)
    assert (entry.stream, entry.seq, "run") in found(db, house, entry.stream)
    assert found(db, house, f"run:{entry.run}") == [(f"run:{entry.run}", 2, "written")]


def test_an_opening_with_a_due_row_off_the_grid_is_named(db: Db, house: House) -> None:
    entry = some(db, "open")
    payload = said(entry)
    first = payload["due"][0]
    first["due_on"] = (date.fromisoformat(first["due_on"]) + timedelta(days=1)).isoformat()
    forge(db, entry, payload)
    assert db.rows("SELECT 1 FROM due WHERE facility = ? AND due_on = ?", first["facility"], first["due_on"])
    [mine] = replay(db, house.snapshots, [int(entry.stream.partition(":")[2])]).divergences
    assert (mine.what, mine.recomputed) == ("due row", "not on the grid")
    assert first["due_on"] in mine.recorded


def test_a_due_row_off_the_grid_in_a_runs_end_is_named(db: Db, house: House) -> None:
    entry = entries(db, f"run:{some(db, 'open').run}")[-1]
    payload = said(entry)
    case = db.rows("SELECT max(id) FROM cases WHERE process = 'inspection'")[0][0]
    payload["due"].append({"facility": "L0000001", "kind": "regular", "due_on": "2026-01-03", "outcome": "merged",
                           "reason": "open inspection", "case_id": case})  # fmt: skip
    forge(db, entry, payload)
    assert found(db, house, entry.stream) == [(entry.stream, 2, "due row")]


def test_what_a_person_may_not_do_is_named(db: Db, house: House) -> None:
    """Whoever concluded is written over who verified."""
    stream, seq = db.rows("SELECT stream, seq FROM entry WHERE action = 'verify' ORDER BY stream LIMIT 1")[0]
    chain = entries(db, stream)
    manager = next(e.person for e in chain if e.action == "conclude")
    forge(db, chain[seq - 1], person=manager)
    assert (stream, seq, "refused") in found(db, house, stream)


def test_an_entry_that_no_form_made_is_named_and_stops_nothing_else(db: Db, house: House) -> None:
    opening, package, run = some(db, "open"), _of(db, "pass")[-1], some(db, "propose").run
    assert opening.stream != package.stream
    forge(db, opening, {"case": said(opening)["case"], "unit": 7})
    collected = next(e for e in entries(db, package.stream) if e.action in ("collect", "submit"))
    forge(db, collected, {"how": said(collected)["how"]})
    forge(db, entries(db, f"run:{run}")[-1], {"counts": "many"})
    named = found(db, house)
    assert {opening.stream, package.stream, f"run:{run}"} <= {stream for stream, *_ in named}
    assert (f"run:{run}", 2, "unreadable") in named


def test_an_entry_with_a_step_that_is_none_is_named_and_the_rest_left(db: Db, house: House) -> None:
    stream, seq = db.rows("SELECT stream, seq FROM entry WHERE action = 'verify' ORDER BY stream LIMIT 1")[0]
    db.run("UPDATE entry SET step = 'nowhere' WHERE stream = ? AND seq = ?", stream, seq)
    done = again(db, house)
    assert (stream, seq, "unreadable") in {(d.stream, d.seq, d.what) for d in done.divergences}
    assert done.left == {"after_unreadable": len(entries(db, stream)) - seq}


def test_an_entry_under_a_page_that_never_was_is_named(db: Db, house: House) -> None:
    """Else whoever verifies what he concluded would only have to invent a page."""
    entry = some(db, "propose")
    db.run("UPDATE entry SET process = ? WHERE stream = ? AND seq = ?", "f" * 16, entry.stream, entry.seq)
    assert found(db, house, entry.stream) == [(entry.stream, entry.seq, "page")]


def test_entries_of_an_earlier_page_are_said_to_be_left_and_none_is_made_once_another_is_in_use(
    db: Db, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page was changed after the first day; then somebody acts under the old one as if it were in force."""
    old, today = "f" * 16, replace(PROCESSES["inspection"], before=("f" * 16,))
    monkeypatch.setitem(PROCESSES, "inspection", today)
    day = db.rows("SELECT min(business_date) FROM entry WHERE process = ?", today.hash)[0][0]
    before = db.run("UPDATE entry SET process = ? WHERE process = ? AND business_date = ?", old, today.hash, day)
    done = again(db, house)
    assert (done.left, [d for d in done.divergences if d.what == "page"]) == ({"other_page": before}, [])
    last = db.rows("SELECT stream, seq FROM entry WHERE process = ? ORDER BY recorded_at DESC LIMIT 1", today.hash)[0]
    db.run("UPDATE entry SET process = ? WHERE stream = ? AND seq = ?", old, *last)
    assert (*last, "page") in found(db, house, last[0])


def test_a_divergence_says_what_was_recorded_and_what_comes_out(db: Db, house: House) -> None:
    entry = some(db, "propose")
    forge(db, entry, {**said(entry), "proposed_level": 4})
    [mine] = [d for d in again(db, house).divergences if d.what == "decision"]
    assert isinstance(mine, Divergence)
    assert '"proposed_level":4' in mine.recorded
    assert f'"proposed_level":{said(entry)["proposed_level"]}' in mine.recomputed


# -- files and erasure ------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(house: House, tmp_path: Path) -> House:
    shutil.copytree(house.snapshots, tmp_path / "snapshots")
    return House(house.url, tmp_path)


def test_a_changed_snapshot_is_named_for_every_run_that_decided_on_it(db: Db, copied: House) -> None:
    entry = some(db, "open")
    sha256 = said(entries(db, f"run:{entry.run}")[0])["snapshot"]
    file = copied.snapshots / f"{sha256}.parquet"
    file.write_bytes(file.read_bytes().replace(b"L0000001", b"L0000002"))
    divergences = again(db, copied).divergences
    assert {(d.what, d.recorded) for d in divergences} == {("snapshot", sha256)}
    decided = {f"run:{run}" for (run,) in db.rows("SELECT DISTINCT run FROM entry WHERE run IS NOT NULL")
               if said(entries(db, f"run:{run}")[0])["snapshot"] == sha256}  # fmt: skip
    assert f"run:{entry.run}" in {d.stream for d in divergences} <= decided


def test_a_file_that_is_no_snapshot_any_more_is_named_too(db: Db, copied: House) -> None:
    for file in copied.snapshots.iterdir():
        file.write_bytes(b"")
    assert {d.what for d in again(db, copied).divergences} == {"snapshot"}


def test_a_missing_snapshot_is_an_error_that_names_the_file(db: Db, copied: House) -> None:
    sha256 = said(entries(db, f"run:{some(db, 'open').run}")[0])["snapshot"]
    (copied.snapshots / f"{sha256}.parquet").unlink()
    with pytest.raises(FileNotFoundError) as missing:
        again(db, copied)
    assert Path(missing.value.filename).name == f"{sha256}.parquet"


def test_what_was_erased_is_said_and_nothing_diverges(db: Db, house: House) -> None:
    whole = again(db, house)
    streams = [row[0] for row in db.rows("SELECT stream FROM cases WHERE process = 'inspection' ORDER BY id LIMIT 10")]
    n = 0
    for i, stream in enumerate(streams):
        length = len(entries(db, stream))
        seq = 1 + i % length
        db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE stream = ? AND seq = ?", stream, seq)
        n += length - seq + 1
    done = again(db, house)
    assert done.divergences == []
    assert done.left == {"erased": n}
    assert done.entries == whole.entries - n
    assert 0 < done.recomputed < whole.recomputed


def test_everything_erased_leaves_nothing_to_decide(db: Db, house: House) -> None:
    db.run("UPDATE entry SET payload = NULL, salt = NULL")
    done = again(db, house)
    assert (done.entries, done.recomputed, done.divergences) == (0, 0, [])
    assert done.left.total() == db.rows("SELECT count(*) FROM entry WHERE process IS NOT NULL")[0][0]


# -- the code is turned round -----------------------------------------------------------------------------------------

TURNED = {
    "dispatch": ("if i not in kept_out", "if i in kept_out"),
    "screen": ("if answer is None or not answer[\"value\"]:", "if answer is None or answer[\"value\"]:"),
    "prepare": (") > class_:", ") < class_:"),
    "draw": ("round_) < probability", "round_) >= probability"),
    "weigh": ("d.state.facts[\"class_\"] > d.opening", "d.state.facts[\"class_\"] <= d.opening"),
}  # fmt: skip
REPLAY = """
import sys
from collections import Counter
from pathlib import Path
from door.db import connect
from tasks.replay import all_cases, replay
with connect(sys.argv[1]) as db:
    done = replay(db, Path(sys.argv[2]), all_cases(db))
    actions = dict(db.rows("SELECT stream || '/' || seq, action FROM entry"))
print(Counter(actions[f"{d.stream}/{d.seq}"] for d in done.divergences))
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", TURNED)
def test_with_one_comparison_turned_round_replay_diverges(house: House, tmp_path: Path, step: str) -> None:
    """Proof that replay computes: the same record under code that decides otherwise."""
    for folder in ("models", "processes", "door", "tasks"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert replayed_by(ROOT, house) == "Counter()\n"
    was, now = TURNED[step]
    file = tmp_path / "tasks" / f"{step}.py"
    code = file.read_text()
    assert code.count(was) == 1
    file.write_text(code.replace(was, now))
    says = replayed_by(tmp_path, house)
    print(f"\n{step} turned round: {says}", end="")
    expected = {"dispatch": "assign", "screen": "pass", "prepare": "propose", "draw": "site", "weigh": "close"}
    assert f"'{expected[step]}'" in says


def replayed_by(code: Path, house: House) -> str:
    return subprocess.run(
        [sys.executable, "-c", REPLAY, house.url, str(house.snapshots)], cwd=code, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(code)}, stdout=subprocess.PIPE).stdout  # fmt: skip


# -- the seed -----------------------------------------------------------------------------------------------------------


def heads(house: House) -> dict[str, str]:
    with house.db() as db:
        return dict(db.rows("SELECT stream, hash FROM entry e WHERE seq = "
                            "(SELECT max(seq) FROM entry WHERE stream = e.stream)"))  # fmt: skip


def test_the_same_seed_gives_the_same_heads_and_another_seed_others(
    banks: Callable[[str], House], lite_template: Path, tmp_path: Path
) -> None:
    """Also from one database to the other: the record is a function of the seed alone."""
    lived = heads(banks("sqlite"))
    assert len(lived) > 100
    assert lived == heads(banks("postgresql"))
    shutil.copy(lite_template, tmp_path / "postloan.db")
    other = heads(live(f"sqlite:///{tmp_path / 'postloan.db'}", tmp_path, seed=8, weeks=2))
    assert not set(other.values()) & set(lived.values())
