"""What goes wrong is one sentence on stderr and an exit code, never a trace; nothing is left half done."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployments.cli import app
from door.chain import Fault
from door.command import Refused
from door.db import Db, connect
from door.replay import Divergence
from models.process import USER, clauses
from processes import PROCESSES
from tasks import sentences
from tasks.found import DIFFERS, FAULTS, INSTEAD, divergence, fault
from tests.conftest import pg_url
from tests.deployments.shell import ROOT, Shell, bank_of, inspection

HEAVY = ("prefect", "polars", "sqlalchemy", "pydantic", "psycopg", "httpx")


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    asked = f"import sys; from deployments.cli import app; app(['--help'], standalone_mode=False); " \
            f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr == "[]\n"
    for name in ("init", "import", "policy", "run", "cases", "case", "inbox", "act", "gate", "outbox", "journal", "audit",
                 "replay", "rebuild", "bpmn", "demo", "up", "down", "bench"):  # fmt: skip
        assert f"\n  {name} " in done.stdout


MISTAKES = {
    "no such command": (("inspct",), "No such command"),
    "no date": (("run", "inspection", "--as-of", "2006-06-31"), "'2006-06-31' is no date"),
    "no person": (("inbox",), "--person"),
    "an unknown person": (("inbox", "-p", "nobody"), "nobody is nobody in service"),
    "an unknown case": (("case", "99"), "There is no case 99"),
    "a case to act on": (("act", "99", "claim", "-p", "lee"), "There is no case 99"),
    "no number": (("act", "x1", "claim", "-p", "lee"), "'x1' is no number of a case"),
    "no JSON": (("act", "1", "claim", "-p", "lee", "--payload", "{level: 1}"), "--payload is no JSON"),
    "no object": (("act", "1", "claim", "-p", "lee", "--payload", "[1]"), "--payload is no JSON object"),
    "no list": (("act", "1", "claim", "-p", "lee", "-f", "answers=[1"), "--field answers is no JSON"),
    "a field without value": (("act", "1", "claim", "-p", "lee", "-f", "level"), "write it as name=value"),
    "no file of a payload": (("act", "1", "claim", "-p", "lee", "--payload", "@none.json"), "none.json: this file"),
    "an unknown stage": (("run", "inspections", "--as-of", "2026-01-05"), "There is no stage 'inspections'"),
    "a dry run of another stage": (("run", "review", "--as-of", "2026-01-05", "--dry-run"), "--dry-run goes with"),
    "a limit of the day": (("run", "lifecycle", "--as-of", "2026-01-05", "--limit", "5"), "--limit does not go with"),
    "no book on that date": (
        ("run", "inspection", "--as-of", "2025-12-31"),
        "No policy book is in force on 2025-12-31",
    ),
    "a day to come": (("run", "deadlines", "--as-of", "2030-01-01"), "2030-01-01 has not come, today is 2026-01-05"),
    "an anchor of a day to come": (("audit", "anchor", "--as-of", "2030-01-01"), "2030-01-01 has not come"),
    "no snapshot": (
        ("run", "inspection", "--as-of", "2026-01-05", "--dry-run"),
        "There is no snapshot up to 2026-01-05",
    ),
    "no snapshot to explain": (("policy", "explain", "F1"), "There is no snapshot"),
    "no extract": (("import", "none.csv", "--mapping", "core_banking", "--as-of", "2026-01-05"), "none.csv"),
    "no mapping": (("import", "none.csv", "--mapping", "other", "--as-of", "2026-01-05"), "other.yaml does not exist"),
    "no staff list": (("staff", "none.yaml"), "none.yaml: this file or folder is not there"),
    "no stream": (("journal", "show", "case:99"), "no stream case:99"),
    "no run to replay": (("replay", "run", "99"), "There is no run 99"),
    "no case to replay": (("replay", "case", "99"), "There is no case 99"),
    "no root": (("audit", "verify", "--root", "2026-01-05"), "is no root of a day"),
    "no key": (("audit", "verify", "--key", "none.pub"), "none.pub: this file"),
    "no process": (("bpmn", "inspect"), "There is no process 'inspect'"),
    "no measurement": (("bench", "--only", "speed"), "There is no measurement 'speed'"),
    "a port that is none": (("up", "--port", "0"), "--port"),
    "nothing up to deploy to": (("deploy",), "No Prefect server is up"),
}


@pytest.fixture
def shell(db: Db, url: str, tmp_path: Path) -> Shell:
    bank_of(db)
    return Shell(url, tmp_path / "var")


def test_each_mistake_is_a_sentence(shell: Shell, db: Db) -> None:
    before = db.rows("SELECT count(*) FROM entry")
    for name, (words, says) in MISTAKES.items():
        assert says in shell.wrong(*words), name
    assert db.rows("SELECT count(*) FROM entry") == before


def test_a_form_that_does_not_fit_names_the_field(shell: Shell, db: Db) -> None:
    case = inspection(bank_again(db), "verify_desk")
    says = shell.wrong("act", case, "verify", "-p", "choi", "-f", "outcome=V9", "-f", "own_level=0", code=1)
    assert says == "outcome: Input should be 'V0' or 'V1' (form Verification). May act: choi, jung, yoon."


def bank_again(db: Db):  # type: ignore[no-untyped-def]
    from tasks import books
    from tests.door.bank import Bank

    return Bank(db, books.rules(db))


# -- the database ------------------------------------------------------------------------------------------------------


def test_a_database_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    shell = Shell(f"sqlite:///{tmp_path / 'none.db'}", tmp_path)
    assert "run `postloan init` first" in shell.wrong("cases")
    assert not (tmp_path / "none.db").exists()


def test_a_database_without_tables_asks_for_init(pg_server: str, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with connect(pg_server) as admin:
        admin.run("CREATE DATABASE bare")
    try:
        for url in (f"sqlite:///{tmp_path / 'empty.db'}", pg_url(pg_server, "bare")):
            assert "run `postloan init` first" in Shell(url, tmp_path).wrong("inbox", "-p", "lee")
    finally:
        with connect(pg_server) as admin:
            admin.run("DROP DATABASE bare WITH (FORCE)")


def test_a_server_that_does_not_answer_and_a_url_that_is_none(tmp_path: Path) -> None:
    away = Shell("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    for words in (("cases",), ("init",)):
        assert "does not answer" in away.wrong(*words)
    assert "is no database" in Shell("mysql://x/y", tmp_path).wrong("cases")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all " * 100)
    assert "text.db" in Shell(f"sqlite:///{tmp_path / 'text.db'}", tmp_path).wrong("cases")


def test_a_database_that_may_only_be_read_can_be_looked_at_and_not_acted_on(
    shell: Shell, db: Db, url: str, tmp_path: Path
) -> None:
    case = inspection(bank_again(db))
    if db.dialect == "postgresql":
        name = db.rows("SELECT current_database()")[0][0]
        db.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        assert "can't be written" in shell.wrong("act", case, "claim", "-p", "lee")
        assert "waits at collect" in shell("case", case).out
        db.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        return
    db.run("PRAGMA wal_checkpoint(TRUNCATE)")
    db.run("PRAGMA journal_mode=DELETE")
    file = Path(url.removeprefix("sqlite:///"))
    done = only_reading(tmp_path, file, "act", str(case), "claim", "-p", "lee")
    assert (done.returncode, done.stdout) == (2, "")
    assert "attempt to write a readonly database" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


WITHOUT = """
import ctypes, os, sys
CAP_DAC_OVERRIDE = 1
assert os.geteuid() or ctypes.CDLL(None).prctl(24, CAP_DAC_OVERRIDE, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-m", "deployments.cli", *sys.argv[1:]])
"""


def only_reading(tmp_path: Path, file: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command on a copy that may only be read. Root gives up before to pass over the rights of files."""
    place = tmp_path / "read-only"
    place.mkdir()
    try:
        copy = Path(shutil.copy(file, place))
        copy.chmod(0o444)
        place.chmod(0o555)
        return subprocess.run(
            [sys.executable, "-c", WITHOUT, "--database", f"sqlite:///{copy}", *words],
            capture_output=True, text=True, cwd=ROOT, check=False)  # fmt: skip
    finally:
        place.chmod(0o755)
        shutil.rmtree(place)


def test_a_disk_that_is_full_leaves_no_half_export(shell: Shell, tmp_path: Path) -> None:
    assert "disk is full" in shell.wrong("journal", "export", "/dev/full")
    kept = tmp_path / "kept.jsonl"
    kept.write_text("before\n")
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)); " \
              "from deployments.cli import app; app(sys.argv[1:])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", limited, "--database", shell.url, "journal", "export", str(kept)],
                          capture_output=True, text=True, cwd=ROOT, check=False)  # fmt: skip
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert kept.read_text() == "before\n"
    assert [p.name for p in tmp_path.iterdir() if "half" in p.name] == []


def test_a_folder_that_can_not_be_made(url: str) -> None:
    done = CliRunner().invoke(app, ["--database", url, "--home", "/proc/none/var", "init"])
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1


# -- every code has its sentence ---------------------------------------------------------------------------------------


def refusals() -> dict[str, list[set[str]]]:
    """Every `Refused("code", {facts})` in the code: by code, the facts that each place gives."""
    found: dict[str, list[set[str]]] = {}
    for file in [*(ROOT / "door").glob("*.py"), *(ROOT / "tasks").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused" and node.args:
                first = node.args[0]
                for code in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
                    if isinstance(code, ast.Constant):
                        found.setdefault(code.value, []).append(_facts(node.args[1:]))
    return found


def _facts(args: list[ast.expr]) -> set[str]:
    if not args or not isinstance(args[0], ast.Dict):
        return {"case", "kind", "says"} if args else set()  # the gate's, put together before
    keys = args[0].keys
    return {str(k.value) for k in keys if isinstance(k, ast.Constant)} | (
        {"case", "kind", "says"} if None in keys else set())  # fmt: skip


_CODE = {"not_to_him": {"code": "role", "role": "<role>"}}


def test_every_refusal_of_the_code_has_a_sentence_that_its_facts_fill() -> None:
    codes = refusals()
    assert len(codes) > 35
    for code, places in codes.items():
        for facts in places:
            says = sentences.sentence(Refused(code, {name: f"<{name}>" for name in facts} | _CODE.get(code, {})))
            assert says.endswith("."), code
            assert "Refused (" not in says, code
            assert "?" not in says, (code, says)


def test_every_fault_of_an_audit_has_a_sentence() -> None:
    text = "".join(file.read_text() for file in (ROOT / "door").glob("*.py"))
    named = {"gap", "prev", "hash", "digest", "no_entries", "unreadable", "signature", "follows", "root", "kept",
             "anchored", "secret"}  # fmt: skip
    assert all(f'"{code}"' in text for code in named)
    assert named | {"missing", "extra", "differs"} == FAULTS.keys()
    assert fault(Fault("case:7", 3, "table", {"table": "cases", "what": "differs", "columns": ["step"]})) == (
        "case:7, entry 3: its row in the table cases is not what the journal says (step)."
    )


def test_every_condition_of_a_persons_arrow_has_a_sentence() -> None:
    asked = {do.when for p in PROCESSES.values() for step in p.steps.values() if step.kind == USER for do in step.does}
    assert {clause for when in asked - {""} for clause in clauses(when)} == sentences.CONDITIONS.keys()


def divergences() -> Iterator[list[ast.expr]]:
    """The arguments of every `Divergence(…)` in the code."""
    for file in [*(ROOT / "door").glob("*.py"), *(ROOT / "tasks").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Divergence":
                yield node.args


def test_every_divergence_of_a_replay_has_words() -> None:
    called = {what.value for _, _, what, *_ in divergences() if isinstance(what, ast.Constant)}
    assert called | {"step", "role", "deadline", "round"} == DIFFERS.keys()
    fixed = {now.value for *_, now in divergences() if isinstance(now, ast.Constant)}
    assert fixed < set(INSTEAD)


@pytest.mark.parametrize(
    ("found", "says"),
    [(Divergence("case:7", 5, "refused", "verify_desk", "four_eyes", Refused("four_eyes", {"did": "conclude", "person": "lee"})),
      "case:7, entry 5: whether it may be done was verify desk, now comes out: lee had a part in this case (conclude), "
      "so this is for somebody else (four eyes)."),
     (Divergence("case:7", 5, "refused", "lift", "condition", Refused("condition", {"condition": "open_order == 0"})),
      "case:7, entry 5: whether it may be done was lift, now comes out: Not yet: an order of the same decision is still open."),
     (Divergence("case:7", 2, "decision", 'propose {"because":"x","proposed_class":1}', 'propose {"because":"x","proposed_class":2}'),
      "case:7, entry 2: decision was propose proposed class: 1, now comes out: propose proposed class: 2."),
     (Divergence("case:7", 2, "step", "verify_desk", "verify_site"),
      "case:7, entry 2: step was verify desk, now comes out: verify site."),
     (Divergence("run:3", 9, "due row", '[{"due_on":"2026-01-05","facility":"L1"}]', "not on the grid"),
      "run:3, entry 9: due row was due on: 2026-01-05, facility: L1, now comes out: not on the grid."),
     (Divergence("case:7", 2, "run", "", "manager_review 2026-01-05"),
      "case:7, entry 2: run was nothing, now comes out: manager review 2026-01-05.")])  # fmt: skip
def test_a_divergence_is_said_in_words_of_objects_only_what_differs(found: Divergence, says: str) -> None:
    assert divergence(found) == says
