"""From an empty database to a proven record: init, staff, policy, import, dry run, audit, replay, export, rebuild."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.serve import server
from door.db import Db, connect
from processes import PROCESSES
from tasks import books
from tasks.due import open_due
from tasks.foresee import foresee
from tasks.house import House
from tasks.run import finish, start
from tests.deployments.shell import ROOT, Shell, bank_of, book, inspection
from tests.tasks.bank import extract, many, row
from tests.tasks.works import changed

AS_OF = date(2026, 3, 31)


@pytest.fixture
def shell(url: str, tmp_path: Path) -> Shell:
    return Shell(url, tmp_path / "var", AS_OF.isoformat())


def test_init_can_be_repeated_and_says_what_is_next(shell: Shell, db: Db) -> None:
    assert shell("init", "--json").json["in_force"] is False
    said = shell("init", "--sample-staff").out
    assert "No book is in force yet" in said
    assert "14 people" in said
    before = {t: db.rows(f"SELECT * FROM {t}") for t in ("unit", "person", "role_grant", "contract", "book")}
    shell("init", "--sample-staff")
    assert before == {t: db.rows(f"SELECT * FROM {t}") for t in before}
    assert db.rows("SELECT count(*) FROM entry") == [(0,)]


def test_init_makes_a_new_sqlite_file(tmp_path: Path) -> None:
    shell = Shell(f"sqlite:///{tmp_path / 'new' / 'postloan.db'}", tmp_path / "new")
    shell("init")
    assert shell("cases", "--json").json == {"number": 0, "cases": []}


def test_two_editors_put_a_book_in_force(shell: Shell) -> None:
    shell("init", "--sample-staff")
    words = ("policy", "propose", "--effective-from", "2026-01-01", "--reason", "first")
    case = shell(*words, "-p", "ryu", "--json").json["case"]
    says = shell.wrong("policy", "approve", case, "-p", "ryu", code=1)
    assert says == "ryu had a part in this case (propose book), so this is for somebody else (four eyes). May act: oh."
    shell("policy", "approve", case, "-p", "oh")
    found = shell("policy", "show", "--json").json["versions"][0]
    assert (found["in_force_from"], found["proposed_by"], found["approved_by"]) == ("2026-01-01", "ryu", "oh")
    assert "No book is in force yet" not in shell("init").out


def test_a_book_with_a_mistake_is_neither_checked_nor_proposed(shell: Shell, db: Db, tmp_path: Path) -> None:
    shell("init", "--sample-staff")
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "book.yaml").write_text("version: '1'\nsemantics: 1\ncolour: red\n")
    assert "unknown key 'colour'" in shell("policy", "check", folder, code=1).out
    assert shell("policy", "check", folder, "--json", code=1).json["mistakes"]
    said = shell("policy", "propose", folder, "--effective-from", "2026-01-01", "--reason", "x", "-p", "ryu", code=2)
    assert "unknown key 'colour'" in said.err
    assert db.rows("SELECT count(*) FROM cases") == [(0,)]
    assert shell("policy", "check").out.endswith("has no mistake.\n")


def test_a_book_that_is_not_stored_or_not_what_its_hash_says_does_not_come_into_force(shell: Shell, db: Db) -> None:
    """Taken away, or changed, between the proposal and its approval."""
    bank, other = bank_of(db), changed(collection={"stale_months": 2})
    shell.day = bank.day
    books.keep(db, other)
    said = {"book": other.hash, "effective_from": "2026-01-01", "reason": "other"}
    case = bank.open("policy", "ryu", "propose_book", subject="policy", book=other.hash, payload=said)
    db.run("DELETE FROM book WHERE hash = ?", other.hash)
    books._compiled.clear()  # as every command is a process of its own
    before = db.rows("SELECT count(*) FROM entry"), bank.state(case)
    for words in (("policy", "approve", case), ("act", case, "approve_book")):
        assert f"The policy book {other.hash[:12]} is not in the database" in shell.wrong(*words, "-p", "oh")
    assert (db.rows("SELECT count(*) FROM entry"), bank.state(case)) == before
    db.run("INSERT INTO book (hash, version, text) VALUES (?, '2026.1', ?)", other.hash, book().text)
    assert "is not what its hash says" in shell.wrong("policy", "approve", case, "-p", "oh")
    assert db.rows("SELECT book FROM book_version") == [(book().hash,)]


def test_a_proposal_stores_its_book_first(shell: Shell, db: Db) -> None:
    shell("init", "--sample-staff")
    db.run("DELETE FROM book")
    shell("policy", "propose", "--effective-from", "2026-01-01", "--reason", "first", "-p", "ryu")
    assert db.rows("SELECT b.hash FROM book b JOIN cases c ON c.book = b.hash") == [(book().hash,)]


def test_a_staff_list_with_a_mistake_is_refused_whole_with_its_line(shell: Shell, db: Db, tmp_path: Path) -> None:
    shell("init")
    file = tmp_path / "staff.yaml"
    good = "units:\n  mapo: {name: Mapo, lane: branch, calendar: KR}\npersons:\n  lee: {name: Lee, unit: mapo, roles: {%s}}\n"
    for text, says in {
        good % "account_manger: 2020-01-01": "staff.yaml:4: there is no role 'account_manger'",
        good % "account_manager: 2020-13-01": "staff.yaml:4: persons.lee.roles.account_manager",
        good.replace("unit: mapo", "unit: nowhere") % "": "staff.yaml:4: there is no unit 'nowhere'",
        good.replace("branch,", "brunch,") % "": "staff.yaml:2: units.mapo.lane",
        good % "" + "  lee: {name: Other, unit: mapo}\n": "staff.yaml:5: 'lee' stands twice",
        good % "" + "substitutes:\n  - {absent: lee, deputy: kim, since: 2026-01-01, until: 2026-01-02}\n":
            "staff.yaml:6: there is no person 'kim'",
        "units: [": "this is not YAML",
    }.items():  # fmt: skip
        file.write_text(text)
        assert says in shell("staff", file, code=2).err, says
    assert db.rows("SELECT id FROM person") == [("system",)]


def test_a_staff_list_changes_whom_it_names_and_leaves_the_others(shell: Shell, db: Db, tmp_path: Path) -> None:
    shell("init", "--sample-staff")
    file = tmp_path / "staff.yaml"
    file.write_text("persons:\n  lee: {name: Lee, unit: jongno, until: 2026-06-30, channels: ['mailto://lee@bank.example'],\n"
                    "    roles: {account_manager: {since: 2020-01-01, until: 2026-06-30}}}\n")  # fmt: skip
    others = db.rows("SELECT * FROM person WHERE id <> 'lee' ORDER BY id")
    shell("staff", file)
    assert db.rows("SELECT name, unit, until FROM person WHERE id = 'lee'") == [("Lee", "jongno", "2026-06-30")]
    assert db.rows("SELECT until FROM role_grant WHERE person = 'lee'") == [("2026-06-30",)]
    assert db.rows("SELECT * FROM person WHERE id <> 'lee' ORDER BY id") == others


def test_a_staff_list_that_leaves_an_item_to_nobody_says_so_and_tells_operations_once(
    shell: Shell, db: Db, tmp_path: Path
) -> None:
    bank = bank_of(db)
    shell.day = bank.day
    case, _ = inspection(bank), inspection(bank, "verify_desk", "B2")
    file = tmp_path / "staff.yaml"
    file.write_text("relations:\n  - {person: lee, borrower: B1}\n")
    said = shell("staff", file).out
    assert "Nobody may do these any more; operations is told:" in said
    assert said.split()[-3:] == [str(case), "B1", "collect"]
    assert [n[1:] for n in bank.notices(case)][-1] == ("nobody", None)
    assert shell("staff", file, "--json").json == {"people": 0, "nobody": []}
    assert sum(n[1] == "nobody" for n in bank.notices(case)) == 1


# -- import, dry run ---------------------------------------------------------------------------------------------------


def in_force(shell: Shell) -> None:
    shell("init", "--sample-staff")
    words = ("policy", "propose", "--effective-from", "2026-01-01", "--reason", "first", "-p", "ryu", "--json")
    shell("policy", "approve", shell(*words).json["case"], "-p", "oh")


def taken_in(shell: Shell, tmp_path: Path, n: int = 40) -> None:
    file = extract(tmp_path / "extract.csv", [*many(n), row(FACILITY_NO="X1", BALANCE="-1")])
    said = shell("import", file, "--mapping", "core_banking", "--as-of", AS_OF, "--json").json
    assert (said["read"], said["accepted"], said["rejected"], said["unchanged"]) == (n + 1, n, 1, 0)
    assert "is negative" in Path(said["rejects_file"]).read_text()


def test_an_import_says_its_totals_and_the_second_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    shell("init", "--sample-staff")
    taken_in(shell, tmp_path)
    again = shell("import", tmp_path / "extract.csv", "--mapping", "core_banking", "--as-of", AS_OF)
    assert "0 new, 0 changed, 40 unchanged" in again.out
    assert "KRW 16,800,000,000" in again.out


def test_a_dry_run_foresees_what_the_run_does_and_writes_nothing(shell: Shell, db: Db, tmp_path: Path) -> None:
    in_force(shell)
    taken_in(shell, tmp_path)
    before = db.rows("SELECT count(*) FROM entry"), db.rows("SELECT count(*) FROM cases")
    said = shell("run", "inspection", "--as-of", AS_OF, "--dry-run", "--json").json
    assert "cases to open" in shell("run", "inspection", "--as-of", AS_OF, "--dry-run").out
    assert (db.rows("SELECT count(*) FROM entry"), db.rows("SELECT count(*) FROM cases")) == before
    assert shell("run", "inspection", "--as-of", AS_OF, "--dry-run", "--limit", 3, "--json").json["cases"].values()

    here = House(shell.url, shell.home)
    run = start(db, here, "scheduled_inspection", AS_OF, "", lambda: True, lambda: None)
    assert run
    opened = open_due(run)
    finish(run, opened.elsewhere)
    assert said["cases"] == dict(opened.cases)
    assert said["not_evaluated"] == dict(opened.untold)
    ledger = {tuple(r) for r in db.rows("SELECT facility, kind, due_on, outcome FROM due")}
    assert {(d["facility"], d["kind"], d["due"], d["outcome"]) for d in said["due"]} == ledger
    assert len(ledger) > 20
    assert foresee(db, here, AS_OF).cases.total() == 0


def test_a_rule_is_explained_with_its_place(shell: Shell, tmp_path: Path) -> None:
    in_force(shell)
    taken_in(shell, tmp_path)
    rules = shell("policy", "explain", "F1", "--as-of", AS_OF, "--json").json["rules"]
    assert {"path", "template", "regular_months", "use_days"} <= {r["topic"] for r in rules}
    assert all(r["where"].startswith("policies/") for r in rules if r["topic"] == "path")
    assert "has no facility F999" in shell.wrong("policy", "explain", "F999", "--as-of", AS_OF)


AGREED = """conditions:
  F%d:
    - {name: visited-more-often, kind: frequency, value: %s, source: credit approval 2026-014}
    - {name: cover, kind: covenant, value: "at least 1.2, tested quarterly", source: credit approval 2026-014}
    - {name: watched, kind: checkpoint, value: %s, source: credit approval 2026-014}
"""


def due(shell: Shell, facility: str) -> set[tuple[str, str, str]]:
    rows = shell("run", "inspection", "--as-of", AS_OF, "--dry-run", "--json").json["due"]
    return {(r["kind"], r["due"], r["rule"]) for r in rows if r["facility"] == facility}


def test_what_was_agreed_at_an_approval_comes_before_the_book_and_is_shown_with_its_source(
    shell: Shell, db: Db, tmp_path: Path
) -> None:
    in_force(shell)
    taken_in(shell, tmp_path, 4)
    by_the_book, other = due(shell, "F1"), due(shell, "F2")
    file = tmp_path / "agreed.yaml"
    file.write_text(AGREED % (1, 1, "collateral"))
    shell("staff", file)
    rules = shell("policy", "explain", "F1", "--as-of", AS_OF, "--json").json["rules"]
    often = next(r for r in rules if r["topic"] == "regular_months")
    assert (often["rule"], often["says"], often["source"]) == (
        "condition:visited-more-often", "1 months", "credit approval 2026-014")  # fmt: skip
    assert often["overrode"], "the rule of the book that it comes before"
    asked = {r["rule"]: r["says"] for r in rules if r["topic"] == "checkpoint"}
    assert "(condition cover)" in asked["C13"]
    assert "(condition watched)" in asked["M1"]
    agreed = due(shell, "F1")
    assert any(rule == "condition:visited-more-often" for _, _, rule in agreed)
    assert {r for r in agreed if r[0] == "regular"} != {r for r in by_the_book if r[0] == "regular"}
    assert due(shell, "F2") == other
    file.write_text("conditions:\n  F1: []\n")
    shell("staff", file)
    assert due(shell, "F1") == by_the_book
    assert db.rows("SELECT * FROM condition") == []


def test_a_condition_that_the_book_can_not_follow_is_refused_with_its_line(
    shell: Shell, db: Db, tmp_path: Path
) -> None:
    in_force(shell)
    taken_in(shell, tmp_path, 4)
    file = tmp_path / "agreed.yaml"
    for text, says in {
        AGREED % (1, 0, "M1"): "agreed.yaml:3: Condition 'visited-more-often' of facility F1 says '0'; a frequency condition",
        AGREED % (1, "often", "M1"): "is whole months from 1 to 120",
        AGREED % (1, 2, "Z9"): "agreed.yaml:5: Condition 'watched' of facility F1 says 'Z9'; a checkpoint condition is",
        AGREED % (99, 2, "M1"): "agreed.yaml:2: there is no facility F99: import the extract that has it first.",
        AGREED.replace("watched", "cover") % (1, 2, "M1"): "agreed.yaml:5: 'cover' stands twice; name it once.",
        AGREED.replace("covenant", "promise") % (1, 2, "M1"): "agreed.yaml:4: conditions.F1.1.kind",
    }.items():  # fmt: skip
        file.write_text(text)
        assert says in shell("staff", file, code=2).err, says
    assert db.rows("SELECT * FROM condition") == []


def test_a_book_that_can_not_follow_what_was_agreed_is_not_proposed(shell: Shell, tmp_path: Path) -> None:
    in_force(shell)
    taken_in(shell, tmp_path, 4)
    file = tmp_path / "agreed.yaml"
    file.write_text(AGREED % (1, 1, "guarantor"))
    shell("staff", file)
    folder = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", folder)
    text = (folder / "templates.yaml").read_text()
    (folder / "templates.yaml").write_text(text.replace("  guarantor: [G1-G5b]\n", ""))
    words = ("policy", "propose", folder, "--effective-from", "2026-04-01", "--reason", "x", "-p", "ryu")
    assert "Condition 'watched' of facility F1 says 'guarantor'" in shell.wrong(*words, code=1)


# -- proof ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lived(shell: Shell, db: Db) -> int:
    """A case with a story."""
    shell.day = "2026-01-05"
    shell("init")
    return inspection(bank_of(db), "verify_desk")


def test_a_sound_record_is_verified_anchored_and_replayed(shell: Shell, lived: int) -> None:
    root = shell("audit", "anchor", "--json").json["root"]
    said = shell("audit", "verify", "--json").json
    assert (said["faults"], said["anchors"], said["root"]) == ([], 1, root)
    assert (
        shell("audit", "verify", "--root", f"2026-01-05={root}", "--parts", 2).out.splitlines()[0].endswith("no fault.")
    )
    other = "0" * 64
    assert "kept elsewhere" in shell("audit", "verify", "--root", f"2026-01-05={other}", code=1).out
    (shell.home / "keys" / "anchor.pub").unlink()
    assert "name it with --key" in shell.wrong("audit", "verify")


def test_a_table_that_was_changed_is_named(shell: Shell, db: Db, lived: int) -> None:
    db.run("UPDATE cases SET step = 'closed' WHERE id = ?", lived)
    assert f"case:{lived}, entry 6: its row in the table cases" in shell("audit", "verify", code=1).out
    fault = shell("audit", "verify", "--json", code=1).json["faults"][0]
    assert (fault["stream"], fault["code"]) == (f"case:{lived}", "table")


def test_a_replay_names_what_would_not_be_decided_again(shell: Shell, db: Db, tmp_path: Path) -> None:
    in_force(shell)
    taken_in(shell, tmp_path)
    run = start(db, House(shell.url, shell.home), "scheduled_inspection", AS_OF, "", lambda: True, lambda: None)
    assert run
    finish(run, open_due(run).elsewhere)
    said = shell("replay", "run", run.id, "--json").json
    assert (said["divergences"], said["recomputed"] > 10) == ([], True)
    assert shell("replay", "all").out.endswith("no divergence.\n")
    case = db.rows("SELECT min(id) FROM cases WHERE process = 'inspection'")[0][0]
    db.run("DROP TRIGGER entry_unchanged" + " ON entry" * (db.dialect == "postgresql"))
    db.run("UPDATE entry SET payload = replace(payload, 'regular', 'special') WHERE stream = ?", f"case:{case}")
    assert shell("replay", "case", case, "--json", code=1).json["divergences"][0]["stream"] == f"case:{case}"
    assert f"case:{case}, entry 1:" in shell("replay", "all", code=1).out
    shutil.rmtree(shell.home / "snapshots")
    assert "is gone" in shell.wrong("replay", "case", case + 1)


def test_the_outbox_shows_what_was_given_up_and_tries_it_again(shell: Shell, db: Db, lived: int) -> None:
    columns = ("id", "person", "channel", "subject", "body", "state", "tries", "next_at", "error")
    db.insert("message", columns, [("m1@x", "lee", "mailto", "Review", "…", "dead", 7, "2026-01-05T08:00:00.000000Z", "550 no such user"),
                                   ("m2@x", "lee", "mailto", "Review", "…", "queued", 0, "2026-01-05T08:00:00.000000Z", "")])  # fmt: skip
    assert [m["id"] for m in shell("outbox", "--dead", "--json").json["messages"]] == ["m1@x"]
    assert "550 no such user" in shell("outbox").out
    assert shell("outbox", "--requeue", "--json").json["requeued"] == 1
    assert shell("outbox", "--json").json["counts"] | {"open": 0} == {
        "queued": 2, "sent": 0, "dead": 0, "dropped": 0, "open": 0}  # fmt: skip


def test_the_outbox_says_once_who_has_no_channel_and_where_he_gets_one(shell: Shell, db: Db, lived: int) -> None:
    db.run("DELETE FROM channel")
    columns = ("id", "person", "channel", "subject", "body", "state", "tries", "next_at", "error")
    for person in ("lee", "choi"):
        db.insert("message", columns, [(f"{n}{person}", person, "", "", "", "queued", 0, "2026-01-05T08:00:00.000000Z", "")
                                       for n in range(3)])  # fmt: skip
    said = shell("outbox")
    assert said.err.startswith(
        "6 messages wait because 2 people have no channel (choi, lee): give them one under `channels`"
    )
    assert said.out.count("no channel yet") == 6
    assert shell("outbox", "--json").json["without_channel"] == ["choi", "lee"]


def test_an_export_makes_the_same_tables_in_an_empty_database(shell: Shell, db: Db, lived: int, tmp_path: Path) -> None:
    shell("audit", "anchor")
    file = tmp_path / "journal.jsonl"
    shell("journal", "export", file)
    assert shell("journal", "export", "-").out == file.read_text()
    new = f"sqlite:///{tmp_path / 'again.db'}"
    key = shell.home / "keys" / "anchor.pub"
    said = shell("rebuild", file, "--database", new, "--key", key, "--json").json
    assert said["entries"] == len(file.read_text().splitlines()) - 1
    with connect(new) as again:
        for table in ("cases", "item", "due", "book_version"):
            assert sorted(again.rows(f"SELECT * FROM {table}"), key=repr) == sorted(
                db.rows(f"SELECT * FROM {table}"), key=repr)  # fmt: skip
    assert "is not empty" in shell.wrong("rebuild", file, "--database", new)


def test_a_changed_export_is_refused(shell: Shell, lived: int, tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    shell("journal", "export", file)
    lines = file.read_text().splitlines()
    n = next(i for i, text in enumerate(lines) if f'"case:{lived}"' in text)
    forged = json.loads(lines[n])
    forged["entry"]["person"] = "kang"
    file.write_text("\n".join([*lines[:n], json.dumps(forged), *lines[n + 1 :]]))
    new = f"sqlite:///{tmp_path / 'again.db'}"
    assert f"the first in case:{lived}" in shell.wrong("rebuild", file, "--database", new, code=1)
    file.write_text("no export\n")
    assert "Line 1 is neither" in shell.wrong("rebuild", file, "--database", new)
    with connect(new) as again:
        assert again.rows("SELECT count(*) FROM entry") == [(0,)]


@pytest.mark.slow
def test_the_process_files_are_current_and_a_stale_one_is_named(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "bpmn"
    assert "inspection.bpmn" in shell("bpmn", "--check", "--folder", folder, code=1).out
    assert len(shell("bpmn", "--write", "--folder", folder, "--json").json["written"]) == 12
    assert "up to date" in shell("bpmn", "--check", "--folder", folder).out
    drawn = folder / "inspection.bpmn"
    assert shell("bpmn", "inspection").out == drawn.read_text()
    now = PROCESSES["inspection"].hash
    drawn.write_text(drawn.read_text().replace(now, "0123456789abcdef"))
    said = shell("bpmn", "--write", "--folder", folder).out
    assert "inspection: the page had the fingerprint 0123456789abcdef." in said
    assert 'before=(…, "0123456789abcdef")' in said


# -- through Prefect -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_is_on_record_at_prefect_and_a_second_one_does_nothing(
    shell: Shell, db: Db, tmp_path: Path, migrated: Path
) -> None:
    (shell.home / "prefect").mkdir(parents=True)
    shutil.copy(migrated, shell.home / "prefect" / "prefect.db")
    in_force(shell)
    taken_in(shell, tmp_path)
    foreseen = shell("run", "inspection", "--as-of", AS_OF, "--dry-run", "--json").json["cases"]
    first = asked(shell, "run", "inspection", "--as-of", AS_OF)
    assert {k.removeprefix("opened "): n for k, n in first["counts"].items() if k.startswith("opened")} == foreseen
    assert asked(shell, "run", "inspection", "--as-of", AS_OF)["counts"].get("due rows started", 0) == 0
    stated = db.rows("SELECT flow_run FROM attempt ORDER BY at")
    with server(shell.home / "prefect") as api:
        for (flow_run,) in stated:
            found = httpx.get(f"{api}/flow_runs/{flow_run}").json()
            assert (found["state_type"], found["parameters"]["as_of"]) == ("COMPLETED", AS_OF.isoformat())
    assert (first["run"], first["flow_run"]) == (db.rows("SELECT min(run) FROM attempt")[0][0], stated[0][0])


def asked(shell: Shell, *words: object) -> dict[str, Any]:
    """In a process of its own: Prefect reads its settings once in each."""
    line = [
        sys.executable,
        "-m",
        "deployments.cli",
        "--database",
        shell.url,
        "--home",
        str(shell.home),
        *map(str, words),
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [*line, "--json"], capture_output=True, text=True, cwd=ROOT, env=env, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "No Prefect server is up (`postloan up`): one is started for this run.\n"
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_a_prefect_that_does_not_answer_is_said(shell: Shell, tmp_path: Path) -> None:
    in_force(shell)
    taken_in(shell, tmp_path)
    env = {"PREFECT_API_URL": "http://127.0.0.1:1/api"}
    line = [sys.executable, "-m", "deployments.cli", "--database", shell.url, "--home", str(shell.home)]
    done = subprocess.run([*line, "run", "inspection", "--as-of", str(AS_OF)], capture_output=True, text=True, cwd=ROOT,
                          env=os.environ | env, check=False)  # fmt: skip
    assert done.returncode == 2
    assert "http://127.0.0.1:1/api does not answer" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
