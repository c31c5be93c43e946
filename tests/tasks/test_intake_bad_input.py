"""Bad input: a bad row is rejected with its line and reason; a bad file or folder is refused in one sentence, and
then nothing is half-done."""

import gzip
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from door.db import Db, connect
from tasks.intake import IntakeError
from tasks.mapping import load
from tests.conftest import ON_ONE
from tests.tasks.bank import ROOT, ROW, content, extract, many, rejects, row, staffed, take


@pytest.fixture
def bank(db: Db) -> Db:
    return staffed(db)


ROWS: list[tuple[dict[str, str], str, str]] = [
    ({"FACILITY_NO": ""}, "FACILITY_NO", "is missing"),
    ({"FACILITY_NO": "F 7;x"}, "FACILITY_NO", "is no identifier: letters, digits and . _ : @ / + -, at most 80"),
    ({"CUSTOMER_NO": "-"}, "CUSTOMER_NO", "is missing"),
    ({"CUSTOMER_NAME": "bell\x07"}, "CUSTOMER_NAME", "holds a control character"),
    ({"CUSTOMER_NAME": "nul\x00"}, "CUSTOMER_NAME", "holds a control character"),
    ({"BRANCH": "nowhere"}, "BRANCH", "is no branch or department of the staff list"),
    ({"BRANCH": "visits"}, "BRANCH", "is no branch or department of the staff list"),
    ({"OFFICER": "nobody"}, "OFFICER", "is no account manager in service on 2026-03-31"),
    ({"OFFICER": "choi"}, "OFFICER", "is no account manager in service on 2026-03-31"),
    ({"PRODUCT": "XXX"}, "PRODUCT", "is none of WCT, RCF, SME, CRE, PRJ, GTD"),
    ({"CCY": "won"}, "CCY", "is no currency code of three letters"),
    ({"BALANCE": "-1"}, "BALANCE", "is negative"),
    ({"LIMIT": "-500000"}, "LIMIT", "is negative"),
    ({"BALANCE": "NaN"}, "BALANCE", "is no amount in the currency's units, as 1234.50 or 1,234.50"),
    ({"BALANCE": "inf"}, "BALANCE", "is no amount in the currency's units, as 1234.50 or 1,234.50"),
    ({"BALANCE": "1e9"}, "BALANCE", "is no amount in the currency's units, as 1234.50 or 1,234.50"),
    ({"BALANCE": "1,5"}, "BALANCE", "is no amount in the currency's units, as 1234.50 or 1,234.50"),
    ({"BALANCE": "0.5"}, "BALANCE", "is no amount in the currency's units, as 1234.50 or 1,234.50"),
    ({"BALANCE": "9007199254740992"}, "BALANCE", "is larger than 2^53 minor units"),
    ({"OPENED": "2026-02-30"}, "OPENED", "is no date as %Y-%m-%d"),
    ({"OPENED": "31/12/2025"}, "OPENED", "is no date as %Y-%m-%d"),
    ({"OPENED": "0024-02-29"}, "OPENED", "is no plausible date"),
    ({"OPENED": "2026-04-01"}, "OPENED", "not disbursed by the as-of date"),
    ({"DRAWINGS": "2024-03-04;2024-03-32"}, "DRAWINGS", "holds a day that is no date as %Y-%m-%d"),
    ({"DRAWINGS": "2024-03-04;2026-04-01"}, "DRAWINGS", "holds a day after the as-of date"),
    ({"MATURITY": "2023-01-31"}, "MATURITY", "lies before the opening of the facility"),
    ({"CLASS": "Z"}, "CLASS", "is none of N, P, S, D, L"),
    ({"DPD": "-3"}, "DPD", "is negative"),
    ({"DPD": "3.5"}, "DPD", "is no whole number"),
    ({"DPD_4": "many"}, "DPD_4", "is no whole number"),
    ({"REVOLVING": "perhaps"}, "REVOLVING", "is neither true nor false"),
    ({"PRODUCT": "RCF"}, "REVOLVING", "a revolving facility that does not revolve"),
]


def test_each_bad_row_is_rejected_with_line_column_value_and_reason(bank: Db, tmp_path: Path) -> None:
    bad = [row(**{"FACILITY_NO": f"F{n}", **cells}) for n, (cells, _, _) in enumerate(ROWS, 100)]
    done = take(bank, extract(tmp_path / "day.csv", [row(), *bad]))
    assert (done.read, done.accepted, done.rejected) == (len(ROWS) + 1, 1, len(ROWS))
    found = [(r["line"], r["column"], r["value"], r["reason"]) for r in rejects(done)]
    assert found == [
        (str(n), column, "N" if column == "REVOLVING" and "PRODUCT" in cells else cells[column], reason)
        for n, (cells, column, reason) in enumerate(ROWS, 3)
    ]
    assert bank.rows("SELECT id FROM facility") == [("F1",)]


def test_a_row_with_several_faults_counts_once_and_says_all(bank: Db, tmp_path: Path) -> None:
    done = take(bank, extract(tmp_path / "day.csv", [row(), row(FACILITY_NO="F2", BALANCE="x", DPD="y", CLASS="z")]))
    assert (done.rejected, len(rejects(done))) == (1, 3)


def test_a_facility_that_stands_twice_keeps_its_first_row_and_the_second_says_where(bank: Db, tmp_path: Path) -> None:
    done = take(bank, extract(tmp_path / "day.csv", [*many(3), row(FACILITY_NO="F2", BALANCE="1")]))
    assert [(r["line"], r["value"], r["reason"]) for r in rejects(done)] == [("5", "F2", "stands already in line 3")]
    assert bank.rows("SELECT bal FROM facility WHERE id = 'F2'") == [(420000000,)]


def test_a_line_with_too_few_or_too_many_fields_is_rejected_as_such(bank: Db, tmp_path: Path) -> None:
    file = extract(tmp_path / "day.csv", many(1))
    with file.open("a", encoding="utf-8") as out:
        out.write("F2,C2,short\n" + file.read_text(encoding="utf-8").splitlines()[1].replace("F1", "F3") + ",extra\n")
    done = take(bank, file)
    assert [(r["line"], r["reason"]) for r in rejects(done)] == [
        ("3", f"the line has {len(ROW) - 3} fields too few"), ("4", "the line has 1 fields too many")]  # fmt: skip
    assert done.totals["rejected"].unreadable == 2


def test_a_manager_whose_service_has_ended_is_unknown_from_then_on(bank: Db, tmp_path: Path) -> None:
    bank.run("UPDATE person SET until = '2026-03-30' WHERE id = 'lee'")
    done = take(bank, extract(tmp_path / "day.csv", [row(), row(FACILITY_NO="F2", OFFICER="park")]))
    assert [r["column"] for r in rejects(done)] == ["OFFICER"]


def cut(file: Path) -> Path:
    packed = file.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(extract(file, many(500)).read_bytes())[:-600])
    return packed


def written(text: bytes) -> Callable[[Path], Path]:
    def write(file: Path) -> Path:
        file.write_bytes(text)
        return file

    return write


def text_of(file: Path, old: str, new: str, encoding: str = "utf-8") -> Path:
    file.write_bytes(extract(file, many(3)).read_text(encoding="utf-8").replace(old, new).encode(encoding))
    return file


def parquet(content: bytes) -> Callable[[Path], Path]:
    return lambda file: written(content)(file.with_suffix(".parquet"))


FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "absent": (lambda f: f, "cannot be read .No such file"),
    "a folder": (lambda f: f.parent, "cannot be read .Is a directory"),
    "empty": (written(b""), "is empty: an extract begins with a line of column names"),
    "only names": (lambda f: extract(f, []), "no row: the extract was not filled"),
    "absent columns": (lambda f: text_of(f, "BALANCE", "BAL"), "lacks BALANCE, which the mapping asks for"),
    "column twice": (lambda f: text_of(f, "GRADE", "DPD"), "lacks GRADE"),
    "same column twice": (lambda f: text_of(f, "DPD_11,REVOLVING,GRADE", "DPD_11,REVOLVING,GRADE,GRADE"),
                          "GRADE more than once"),
    "other separator": (lambda f: text_of(f, ",", ";"), "check the mapping, and the separator"),
    "open quote": (lambda f: text_of(f, "Hanbit", '"Hanbit'), "line 2: malformed CSV"),
    "wrong encoding": (lambda f: text_of(f, "Hanbit", "한빛", "cp949"), "line 2: not utf-8 text .byte 0xc7."),
    "utf-16": (lambda f: text_of(f, "Hanbit", "한빛", "utf-16"), "line 1: not utf-8 text .byte 0xff."),
    "truncated gzip": (cut, "is damaged or was cut off"),
    "gzip with rubbish": (written(b"\x1f\x8b\x08\x00" + b"rubbish" * 9), "is damaged or was cut off"),
    "no Parquet": (parquet(b"PAR1 rubbish"), "is no whole Parquet file"),
    "all rows bad": (lambda f: extract(f, [row(BALANCE="x")]), "None of the 1 rows"),
}  # fmt: skip


@ON_ONE
@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_refused_in_a_sentence_and_leaves_nothing(bank: Db, tmp_path: Path, name: str) -> None:
    make, says = FILES[name]
    before = content(bank)
    with pytest.raises(IntakeError, match=says) as refused:
        take(bank, make(tmp_path / "day.csv"))
    assert "\n" not in str(refused.value)
    assert content(bank) == before
    left = [f.name for f in tmp_path.rglob("*") if f.suffix == ".parquet" or f.name.startswith(".import")]
    assert left == ([] if name != "no Parquet" else ["day.parquet"])


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_read(bank: Db, tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("a file where the folder should be")
    before = content(bank)
    with pytest.raises(IntakeError, match=r"folder for snapshots.*cannot be written .File exists"):
        take(bank, extract(tmp_path / "day.csv", many(3)))
    assert content(bank) == before


FULL = """
import resource, signal, sys
from pathlib import Path
from door.db import connect
from tasks.intake import IntakeError
from tests.tasks.bank import content, take
db = connect(sys.argv[1])
before = content(db)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    take(db, Path(sys.argv[2]))
except IntakeError as e:
    print(e)
assert content(db) == before
"""


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 4_000])
def test_a_disk_that_fills_up_is_said_and_leaves_nothing(bank: Db, url: str, tmp_path: Path, room: int) -> None:
    """The limit on the size of a file stands in for the full disk: the write fails in the same place. At 0 the rejects
    file fails, at 4,000 bytes the snapshot."""
    file = extract(tmp_path / "day.csv", many(3000))
    ran = subprocess.run([sys.executable, "-c", FULL, url, str(file), str(room)], cwd=ROOT, capture_output=True,
                         text=True, timeout=120, check=False)  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "nothing was changed" in ran.stdout
    assert list((tmp_path / "snapshots").iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_database_that_refuses_takes_the_snapshot_back(bank: Db, url: str, tmp_path: Path) -> None:
    """Somebody else's change in the middle of the import, as the database sees it: a row that may not be there."""
    bank.run("INSERT INTO borrower (id, name, unit) VALUES ('C0', 'Other', 'mapo')")
    bank.run("CREATE UNIQUE INDEX one_name ON borrower (name)")
    before = content(bank)
    with pytest.raises(IntakeError, match="The database refused the import"):
        take(bank, extract(tmp_path / "day.csv", many(5)))
    assert list((tmp_path / "snapshots").iterdir()) == []
    with connect(url) as other:
        assert content(other) == before


@ON_ONE
@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("nosuch + 1", "lacks nosuch, which the mapping asks for"),
        ("DPD + opened_on", r"columns.grade: 'DPD . opened_on' cannot be computed"),
        ("CAST(CUSTOMER_NAME AS INT)", "columns.grade: .* cannot be computed"),
    ],
)
def test_an_expression_that_cannot_be_computed_names_its_column(bank: Db, tmp_path: Path, sql: str, says: str) -> None:
    text = (ROOT / "policies/mappings/core_banking.yaml").read_text(encoding="utf-8")
    broken = tmp_path / "broken.yaml"
    broken.write_text(text.replace("{from: GRADE}", f'{{sql: "{sql}"}}'), encoding="utf-8")
    with pytest.raises(IntakeError, match=says):
        take(bank, extract(tmp_path / "day.csv", many(3)), mapping=load(broken))
