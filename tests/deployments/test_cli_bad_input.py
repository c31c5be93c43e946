"""Bad input at the command line: one clear sentence, an exit code other than 0, and everything as it was before."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from door.db import Db
from models.tables import KINDS
from tests.deployments.shell import ROOT, Shell, bank_of, inspection
from tests.deployments.test_cli_mistakes import only_reading
from tests.tasks.bank import extract, many, row

pytestmark = pytest.mark.slow  # every kind of bad input against every command
AS_OF = "2026-03-31"
CORE = ("--mapping", "core_banking", "--as-of", AS_OF)


def everything(db: Db, home: Path) -> tuple[Any, ...]:
    """All rows of all tables, all files of the house."""
    rows = [sorted(db.rows(f"SELECT * FROM {table}"), key=repr) for table in KINDS]
    return rows, {str(f): f.read_bytes() for f in home.rglob("*") if f.is_file()}


@pytest.fixture
def shell(db: Db, url: str, tmp_path: Path) -> Shell:
    """The bank with the sample staff and its book in force, nothing imported yet."""
    shell = Shell(url, tmp_path / "var", AS_OF)
    shell("init", "--sample-staff")
    words = ("policy", "propose", "--effective-from", "2026-01-01", "--reason", "first", "-p", "ryu", "--json")
    shell("policy", "approve", shell(*words).json["case"], "-p", "oh")
    return shell


# -- extracts ----------------------------------------------------------------------------------------------------------

ROWS = ({"BALANCE": "-1"}, {"BALANCE": "NaN"}, {"OPENED": "2026-02-30"}, {"OFFICER": "nobody"}, {"BRANCH": ""})


def spoilt(file: Path) -> dict[str, bytes]:
    good = extract(file, many(3)).read_bytes()
    return {
        "line 2: malformed CSV": good.replace(b"Hanbit", b'"Hanbit'),
        "line 2: not utf-8 text": good.replace(b"Hanbit", "한빛".encode("cp949")),
        "lacks BALANCE": good.replace(b"BALANCE", b"BAL"),
        "is damaged or was cut off": b"\x1f\x8b\x08\x00" + good,
        "is empty": b"",
        "None of the 5 rows": extract(
            file, [row(FACILITY_NO=f"F{n}") | bad for n, bad in enumerate(ROWS)]
        ).read_bytes(),
    }


def test_a_bad_extract_leaves_tables_and_files_as_they_were(shell: Shell, db: Db, tmp_path: Path) -> None:
    shell("import", extract(tmp_path / "before.csv", many(4)), *CORE)
    before, known = everything(db, shell.home), set(shell.home.rglob("rejects-*"))
    file = tmp_path / "day.csv"
    for says, text in spoilt(file).items():
        file.write_bytes(text)
        assert says in shell.wrong("import", file, *CORE), says
        rejects = set(shell.home.rglob("rejects-*")) - known
        assert bool(rejects) == says.startswith("None of"), says
        for each in rejects:
            each.unlink()
        assert everything(db, shell.home) == before, says


def test_bad_rows_are_told_one_by_one_and_the_good_ones_are_in(shell: Shell, db: Db, tmp_path: Path) -> None:
    bad = [row(FACILITY_NO=f"F{n}") | cells for n, cells in enumerate(ROWS, 10)]
    file = extract(tmp_path / "day.csv", [*many(3), *bad, row(FACILITY_NO="F2", BALANCE="7")])
    said = shell("import", file, *CORE, "--json").json
    assert (said["read"], said["accepted"], said["rejected"]) == (9, 3, 6)
    told = Path(said["rejects_file"]).read_text(encoding="utf-8")
    for why in ("is negative", "is no amount", "is no date", "is no account manager", "is missing", "stands already"):
        assert told.count(why) == 1, why
    assert db.rows("SELECT id FROM facility ORDER BY id") == [("F1",), ("F2",), ("F3",)]


# -- files of the bank's own -------------------------------------------------------------------------------------------

YAML = {
    "UTF-8": "name: é".encode("latin-1"),
    "not allowed": b"name: \x00",
    "this is not YAML": b"name: [",
    "YAML": b"[" * 3000 + b"]" * 3000,
}
RECURSIVE = b"a: &a\n  b: *a\n"


@pytest.mark.parametrize("what", ["staff", "mapping"])
def test_a_file_that_can_not_be_read_as_yaml_changes_nothing(shell: Shell, db: Db, tmp_path: Path, what: str) -> None:
    extract(tmp_path / "day.csv", many(3))
    before, file = everything(db, shell.home), tmp_path / "list.yaml"
    words = (
        ("staff", file) if what == "staff" else ("import", tmp_path / "day.csv", "--mapping", file, "--as-of", AS_OF)
    )
    for says, text in {**YAML, "list.yaml": RECURSIVE, "holds the keys": b""}.items():
        file.write_bytes(text)
        assert says in shell.wrong(*words), says
    assert everything(db, shell.home) == before


def test_a_staff_list_with_impossible_values_changes_nobody(shell: Shell, db: Db, tmp_path: Path) -> None:
    before, file = everything(db, shell.home), tmp_path / "staff.yaml"
    contract = "contracts:\n  - {vendor: visits, product: SME, per_day: %s, since: 2026-01-01, until: %s}\n"
    for text, place in {
        contract % (".nan", "2026-12-31"): "staff.yaml:2: contracts.0.per_day",
        contract % ("-1", "2026-12-31"): "staff.yaml:2: contracts.0.per_day",
        contract % ("1", "2026-02-30"): "staff.yaml:2: contracts.0.until",
        'persons:\n  new: {name: "a\\0b", unit: mapo}\n': "staff.yaml:2: persons.new.name",
    }.items():
        file.write_text(text)
        assert place in shell.wrong("staff", file), place
    assert everything(db, shell.home) == before


def test_a_mapping_with_an_unknown_key_or_a_broken_expression_takes_nothing_in(
    shell: Shell, db: Db, tmp_path: Path
) -> None:
    file, broken = extract(tmp_path / "day.csv", many(3)), tmp_path / "broken.yaml"
    before = everything(db, shell.home)
    text = (ROOT / "policies/mappings/core_banking.yaml").read_text(encoding="utf-8")
    for new, says in {
        "{form: GRADE}": "columns.grade.form: is not known here",
        '{sql: "GRADE +"}': "columns.grade.sql",
        '{sql: "nosuch + 1"}': "lacks nosuch",
    }.items():
        broken.write_text(text.replace("{from: GRADE}", new), encoding="utf-8")
        assert says in shell.wrong("import", file, "--mapping", broken, "--as-of", AS_OF), says
    assert everything(db, shell.home) == before


BOOKS = {
    ("book.yaml", "backlog_days:", "backlog_dais:"): "unknown key 'backlog_dais'",
    ("facts.yaml", "micro: segment = 'micro'", "micro: segment = "): "no SQL expression",
    ("timers.yaml", "review: {business_days: 5", "review: {business_days: -5"): "-5",
    ("timers.yaml", "timers:", "timers: &all\n  itself: *all"): "holds itself",
    ("inspections.yaml", "rules:", "rules: ["): "this is not YAML",
}


@pytest.mark.parametrize(("file", "old", "new"), BOOKS)
def test_a_spoilt_policy_book_is_neither_stored_nor_proposed(
    shell: Shell, db: Db, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "policies", "policies")
    text = Path("policies", file).read_text(encoding="utf-8")
    assert old in text
    Path("policies", file).write_text(text.replace(old, new, 1), encoding="utf-8")
    before, says = everything(db, shell.home), BOOKS[file, old, new]
    propose = ("policy", "propose", "--effective-from", "2026-05-01", "--reason", "worse", "-p", "ryu")
    assert says in shell("policy", "check", code=1).out
    for words in (propose, ("init",)):
        told = shell(*words, code=2)
        assert (says in told.err, told.out) == (True, "")
        assert f"policies/{file}:" in told.err
    assert everything(db, shell.home) == before
    new_house = Shell(f"sqlite:///{tmp_path / 'other' / 'new.db'}", tmp_path / "other")
    new_house("init", code=2)
    assert not new_house.home.exists()


def test_a_policy_file_in_another_encoding_and_a_folder_that_is_none(shell: Shell, tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "policies", tmp_path / "policies")
    (folder / "book.yaml").write_bytes("version: é".encode("latin-1"))
    said = shell("policy", "check", folder, code=1)
    assert said.out.count("\n") == 1, "what the unreadable file would hold is not missing besides"
    assert "policies/book.yaml:1: this can't be read as YAML in UTF-8" in said.out
    assert "is no folder" in shell.wrong("policy", "check", tmp_path / "none")


# -- what is typed -----------------------------------------------------------------------------------------------------

HUGE = "9" * 30
TYPED = {
    "a year that is none": (("run", "inspection", "--as-of", "9999-12-31"), "outside the years"),
    "a day that is none": (("import", "x.csv", "--mapping", "core_banking", "--as-of", "2026-02-30"), "is no date"),
    "a date as elsewhere": (("policy", "explain", "F1", "--as-of", "31.03.2026"), "is no date"),
    "an anchor of no year": (("audit", "anchor", "--as-of", "0001-01-01"), "outside the years"),
    "a huge case": (("case", HUGE), "CASE"),
    "a huge case to act on": (("act", HUGE, "claim", "-p", "lee"), "is no number of a case"),
    "a number of another script": (("act", "²", "claim", "-p", "lee"), "is no number of a case"),
    "a huge case to replay": (("replay", "case", HUGE), "CASE"),
    "a huge run to replay": (("replay", "run", HUGE), "RUN"),
    "a huge proposal": (("policy", "approve", HUGE, "-p", "oh"), "CASE"),
    "a huge limit": (("cases", "--limit", HUGE), "--limit"),
    "a negative limit": (("cases", "--limit", "-1"), "--limit"),
    "an amount that is none": (("gate", "F1", "--amount", "NaN"), "--amount"),
    "an amount with a fraction": (("gate", "F1", "--amount", "10.5"), "--amount"),
    "another encoding": (("cases", "--borrower", "a\udcff"), "is not UTF-8 text"),
    "an unknown manager": (
        ("open", "handover", "--subject", "C1", "-p", "kang", "-f", "manager=nobody", "-f", f"since={AS_OF}"),
        "There is no person nobody",
    ),
    "JSON in each other": (("act", "1", "claim", "-p", "lee", "--payload", "[" * 100_000), "is no JSON"),
    "half a character": (("act", "1", "claim", "-p", "lee", "--payload", '{"a": "\\ud800"}'), "is no JSON"),
}


def test_what_is_typed_wrongly_changes_nothing(shell: Shell, db: Db, tmp_path: Path) -> None:
    shell("import", extract(tmp_path / "day.csv", many(3)), *CORE)
    before = everything(db, shell.home)
    for name, (words, says) in TYPED.items():
        assert says in shell.wrong(*words), name
    assert everything(db, shell.home) == before


def test_words_in_another_encoding_come_as_bytes(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "deployments.cli", "inbox", "-p", b"\xc7\xd1"]
    done = subprocess.run(
        line, capture_output=True, cwd=ROOT, env=os.environ | {"POSTLOAN_HOME": str(tmp_path)}, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"is not UTF-8 text" in done.stderr


def test_a_payload_from_the_standard_input_in_another_encoding(shell: Shell) -> None:
    words = ("act", "1", "claim", "-p", "lee", "--payload", "@-")
    assert "is not UTF-8 text" in shell.wrong(*words, stdin="한빛".encode("cp949"))


FORMS = {
    "cap": ("NaN", "1e400", "-5", "10.5", HUGE, '"much"', "null", "[]"),
    "review_on": ('"2026-02-30"', '"1026-03-31"', '"9999-12-31"', '"soon"', "1e999"),
    "kind": ('"K"', '"O1"', "1", "null"),
    "reason": ('""', '"  "', "5", f'"{"x" * 5000}"'),
    "colour": ('"red"',),
}


def test_a_form_with_what_can_not_be_is_refused_and_opens_nothing(shell: Shell, db: Db, tmp_path: Path) -> None:
    shell("import", extract(tmp_path / "day.csv", many(3)), *CORE)
    for field, values in FORMS.items():
        for value in values:
            given = {"kind": '"K3"', "reason": '"late"', field: value}
            said = "{" + ", ".join(f'"{name}": {text}' for name, text in given.items()) + "}"
            words = ("open", "control", "--subject", "C1", "-p", "han", "--payload", said)
            assert shell.wrong(*words, code=1).startswith(f"{field}: "), (field, value)
    assert db.rows("SELECT count(*) FROM cases WHERE process = 'control'") == [(0,)]


# -- the database ------------------------------------------------------------------------------------------------------

ALL = (
    ("staff", "policies/staff/sample.yaml"), ("import", "x.csv", *CORE), ("policy", "explain", "F1"),
    ("policy", "propose", "--effective-from", AS_OF, "--reason", "x", "-p", "ryu"), ("policy", "approve", 1, "-p", "oh"),
    ("policy", "show"), ("run", "inspection", "--as-of", AS_OF), ("run", "inspection", "--as-of", AS_OF, "--dry-run"),
    ("cases",), ("case", 1), ("inbox", "-p", "lee"), ("act", 1, "claim", "-p", "lee"),
    ("open", "control", "--subject", "C1", "-p", "han"), ("outbox",), ("outbox", "--requeue"),
    ("journal", "export", "-"), ("journal", "show", "case:1"), ("audit", "verify"), ("audit", "anchor"),
    ("replay", "run", 1), ("replay", "case", 1), ("replay", "all"), ("up",),
)  # fmt: skip


def test_every_command_says_that_the_database_is_missing_and_makes_none(tmp_path: Path) -> None:
    shell = Shell(f"sqlite:///{tmp_path / 'house' / 'none.db'}", tmp_path / "house")
    for words in ALL:
        assert "run `postloan init` first" in shell.wrong(*words), words
    assert list(tmp_path.iterdir()) == []


def test_every_command_says_that_the_server_does_not_answer(tmp_path: Path) -> None:
    shell = Shell("postgresql://nobody@127.0.0.1:1/none", tmp_path / "house")
    for words in ALL:
        assert "does not answer" in shell.wrong(*words), words
    assert not shell.home.exists()


WRITES = (
    ("init",), ("staff", "policies/staff/sample.yaml"), ("import", "day.csv", *CORE),
    ("policy", "propose", "--effective-from", "2026-05-01", "--reason", "x", "-p", "ryu"),
    ("open", "control", "--subject", "C1", "-p", "han", "-f", "kind=K1", "-f", "reason=x"), ("audit", "anchor"),
)  # fmt: skip


def test_a_database_that_may_only_be_read_is_written_by_no_command(
    shell: Shell, db: Db, url: str, tmp_path: Path
) -> None:
    file = extract(tmp_path / "day.csv", many(6))
    shell("import", extract(tmp_path / "before.csv", many(3)), *CORE)
    shell("audit", "anchor", "--as-of", "2026-03-30")  # the key is there already
    before = everything(db, shell.home)
    commands = [tuple(file if word == "day.csv" else word for word in words) for words in WRITES]
    if db.dialect == "postgresql":
        name = db.rows("SELECT current_database()")[0][0]
        db.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        for words in commands:
            assert "can't be written" in shell.wrong(*words) or "read-only" in shell.wrong(*words), words
        db.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    else:
        db.run("PRAGMA wal_checkpoint(TRUNCATE)")
        db.run("PRAGMA journal_mode=DELETE")
        house = ("--home", str(shell.home), "--today", shell.day)
        for words in commands:
            done = only_reading(tmp_path, Path(url.removeprefix("sqlite:///")), *house, *map(str, words))
            assert (done.returncode, done.stdout, len(done.stderr.strip().splitlines())) == (2, "", 1), done
            assert "cannot be used (attempt to write a readonly database)" in done.stderr, words
        db.run("PRAGMA journal_mode=WAL")
    assert everything(db, shell.home) == before


# -- the disk ----------------------------------------------------------------------------------------------------------

LIMITED = """
import resource, sys
room = int(sys.argv.pop(1))
from deployments.cli import app
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
app(sys.argv[1:])
"""


FULL = (
    "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' "
    "USING ERRCODE = 'disk_full'; END $$",
    "CREATE TRIGGER disk_full BEFORE UPDATE ON cases FOR EACH ROW EXECUTE FUNCTION disk_full()",
)


def full(shell: Shell, room: int, *words: object) -> str:
    """The command where no file may grow beyond `room` bytes: the write fails in the same place as on a full disk."""
    line = [sys.executable, "-c", LIMITED, str(room), "--database", shell.url, "--home", str(shell.home),
            "--today", shell.day, *map(str, words)]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.strip().splitlines())) == (2, "", 1), done
    return done.stderr


def test_a_full_disk_stops_an_import_an_anchor_and_an_export_and_leaves_nothing(
    shell: Shell, db: Db, tmp_path: Path
) -> None:
    file = extract(tmp_path / "day.csv", many(3000))
    before, out = everything(db, shell.home), tmp_path / "journal.jsonl"
    for room, words in ((4_000, ("import", file, *CORE)), (40, ("audit", "anchor")), (500, ("journal", "export", out))):
        says = full(shell, room, *words)
        assert "nothing was changed" in says or "File too large" in says, says
        assert everything(db, shell.home) == before, words
        assert not out.exists()
    assert shell("import", file, *CORE, "--json").json["accepted"] == 3000


def test_a_full_disk_stops_an_act_in_the_database_and_the_next_one_goes_on(db: Db, url: str, tmp_path: Path) -> None:
    """PostgreSQL's disk is its server's: there a trigger says what the server would."""
    shell, bank = Shell(url, tmp_path / "var"), bank_of(db)
    cases = [inspection(bank, subject=subject) for subject in ("B1", "B2")]
    words = ("act", cases[0], "comment", "-p", "lee", "-f", f"text={'x' * 4000}")
    if db.dialect == "sqlite":
        db.run("PRAGMA wal_checkpoint(TRUNCATE)")
        before = everything(db, shell.home)
        assert "see that the disk has room" in full(shell, 4_000, *words)
    else:
        for sql in FULL:
            db.run(sql)
        before = everything(db, shell.home)
        assert "The disk is full (could not extend file), and nothing was changed" in shell.wrong(*words)
        db.run("DROP TRIGGER disk_full ON cases")
    assert everything(db, shell.home) == before
    shell(*words)
    assert shell("audit", "verify").out.splitlines()[0].endswith("no fault.")
