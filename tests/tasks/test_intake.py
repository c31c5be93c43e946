"""What an import does with a good extract, and with one that has a few bad rows."""

import gzip
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from door.db import Db
from models.snapshot import COLUMNS
from tasks.extract import FIELDS, LINE
from tasks.intake import Proposal, Total, intake
from tasks.mapping import Mapping, Office, Staff
from tasks.translate import Translation
from tests.conftest import ON_ONE
from tests.tasks.bank import AS_OF, ROW, content, core_banking, extract, many, rejects, row, staffed, take


@pytest.fixture
def bank(db: Db) -> Db:
    return staffed(db)


def test_a_row_becomes_one_facility_with_its_amounts_in_minor_units(bank: Db, tmp_path: Path) -> None:
    done = take(bank, extract(tmp_path / "day.csv", [row(CCY="USD", BALANCE="1,234.5", LIMIT="$60,000.00 ")]))
    assert (done.read, done.accepted, done.rejected, done.created) == (1, 1, 0, 1)
    snapshot = pl.read_parquet(done.snapshot_file)
    assert dict(snapshot.schema) == COLUMNS
    facility = snapshot.row(0, named=True)
    assert (facility["bal"], facility["limit_amt"], facility["product"], facility["segment"]) == (
        123450, 6000000, "SE", "small")  # fmt: skip
    assert facility["drawings"] == [date(2024, 2, 29), date(2024, 3, 4)]
    assert (facility["class"], facility["dpd_11"], facility["revolving"], facility["rating_on"]) == (1, 0, False, None)
    assert bank.rows("SELECT id, borrower, bal, first_seen FROM facility") == [("F1", "C1", 123450, "2026-03-31")]
    assert bank.rows("SELECT subject, since, manager FROM responsible") == [("C1", "2026-03-31", "lee")]
    assert bank.rows("SELECT sha256, rows, total_bal FROM snapshot") == [(done.snapshot, 1, 123450)]
    assert bank.rows("SELECT unit FROM person WHERE id = 'system'") == [("system",)]


def test_accepted_and_rejected_make_up_what_was_read_in_rows_and_in_balances(bank: Db, tmp_path: Path) -> None:
    bad = [row(FACILITY_NO="F8", BALANCE="-5"), row(FACILITY_NO="F9", BALANCE="NaN", CLASS="?", OPENED="2026-02-30")]
    done = take(bank, extract(tmp_path / "day.csv", [*many(5), *bad]))
    assert (done.read, done.accepted, done.rejected) == (7, 5, 2)
    assert done.totals == {
        "read": Total(7, {"KRW": 5 * 420000000 - 5}, 1),
        "accepted": Total(5, {"KRW": 5 * 420000000}, 0),
        "rejected": Total(2, {"KRW": -5}, 1),
    }
    assert [(r["line"], r["column"], r["value"]) for r in rejects(done)] == [
        ("7", "BALANCE", "-5"),
        ("8", "BALANCE", "NaN"),
        ("8", "CLASS", "?"),
        ("8", "OPENED", "2026-02-30"),
    ]


def test_the_second_import_of_the_same_file_changes_nothing(bank: Db, tmp_path: Path) -> None:
    file = extract(tmp_path / "day.csv", [*many(9), row(FACILITY_NO="F1")])
    first = take(bank, file)
    before, files = content(bank), sorted((tmp_path / "snapshots").iterdir())
    second = take(bank, file)
    assert (second.created, second.changed, second.unchanged) == (0, 0, 9)
    assert second == replace(first, created=0, unchanged=9)
    assert content(bank) == before
    assert sorted((tmp_path / "snapshots").iterdir()) == files


def test_one_changed_row_changes_one_facility_and_leaves_when_it_was_first_seen(bank: Db, tmp_path: Path) -> None:
    rows = many(9)
    take(bank, extract(tmp_path / "day.csv", rows))
    before = content(bank)["facility"]
    rows[3]["DPD"] = "12"
    done = take(bank, extract(tmp_path / "day.csv", rows), as_of=date(2026, 4, 1))
    assert (done.created, done.changed, done.unchanged) == (0, 1, 8)
    after = content(bank)["facility"]
    assert [a[0] for a, b in zip(after, before, strict=True) if a != b] == ["F4"]
    assert {f[6] for f in after} == {"2026-03-31"}
    assert len(bank.rows("SELECT 1 FROM snapshot")) == 2


def test_the_order_of_the_extract_does_not_matter_and_the_day_does(bank: Db, tmp_path: Path) -> None:
    rows = many(9)
    one = take(bank, extract(tmp_path / "a.csv", rows))
    assert take(bank, extract(tmp_path / "b.csv", rows[::-1])).snapshot == one.snapshot
    assert take(bank, tmp_path / "a.csv", as_of=date(2026, 4, 1)).snapshot != one.snapshot


def test_gzip_and_parquet_give_the_same_snapshot_as_csv(bank: Db, tmp_path: Path) -> None:
    rows = many(9)
    plain = extract(tmp_path / "day.csv", rows)
    packed = tmp_path / "day.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    typed = pl.DataFrame(rows).with_columns(
        pl.col("OPENED", "MATURITY").str.to_date(),
        pl.col("DPD", "LIMIT").cast(pl.Int64),
        pl.col("BALANCE").cast(pl.Decimal(18, 2)),
        pl.col("DRAWN").cast(pl.Float64),
        pl.col("DRAWINGS").str.split(";"),
        pl.col("REVOLVING") == "Y",
    )
    typed.write_parquet(tmp_path / "day.parquet")
    assert {take(bank, f).snapshot for f in (plain, packed, tmp_path / "day.parquet")} == {take(bank, plain).snapshot}


def test_another_manager_of_a_known_borrower_is_proposed_and_not_applied(bank: Db, tmp_path: Path) -> None:
    rows = many(4)
    take(bank, extract(tmp_path / "day.csv", rows))
    for r in rows:
        r["OFFICER"] = "park"
    done = take(bank, extract(tmp_path / "day.csv", rows), as_of=date(2026, 4, 1))
    assert done.proposals == (Proposal("C0", "lee", "park"), Proposal("C2", "lee", "park"))
    assert dict(bank.rows("SELECT subject, manager FROM responsible")) == {"C0": "lee", "C1": "park", "C2": "lee"}


def test_two_managers_for_one_new_borrower_leave_one_responsible_and_one_proposed(bank: Db, tmp_path: Path) -> None:
    done = take(bank, extract(tmp_path / "day.csv", [row(), row(FACILITY_NO="F2", OFFICER="park")]))
    assert done.proposals == (Proposal("C1", "lee", "park"),)
    assert bank.rows("SELECT manager FROM responsible") == [("lee",)]


def test_an_extract_of_an_earlier_day_leaves_what_a_later_one_said(bank: Db, tmp_path: Path) -> None:
    take(bank, extract(tmp_path / "day.csv", [row(BALANCE="1")]))
    done = take(bank, extract(tmp_path / "before.csv", [row(BALANCE="2"), row(FACILITY_NO="F2")]),
                as_of=date(2026, 2, 28))  # fmt: skip
    assert bank.rows("SELECT id, bal FROM facility ORDER BY id") == [("F1", 1), ("F2", 420000000)]
    assert pl.read_parquet(done.snapshot_file)["bal"].to_list() == [2, 420000000]


VISITED = ("ADDRESS", "CONTACT", "LATITUDE", "LONGITUDE")
PREMISES = {
    "ADDRESS": "42 Banwol-ro 18-gil, Ansan",
    "CONTACT": "Han, owner",
    "LATITUDE": "37.31090",
    "LONGITUDE": "126.8",
}
_PREMISES = "SELECT address, contact, latitude, longitude FROM borrower ORDER BY id"


def test_where_a_borrower_is_visited_comes_in_and_is_not_there_where_the_extract_has_no_such_columns(
    bank: Db, tmp_path: Path
) -> None:
    take(bank, extract(tmp_path / "bare.csv", [row()]))
    assert bank.rows(_PREMISES) == [("", "", "", "")]
    file = extract(tmp_path / "day.csv", [row(**PREMISES)], *VISITED)
    done = take(bank, file, as_of=date(2026, 4, 1))
    assert bank.rows(_PREMISES) == [tuple(PREMISES.values())]
    assert pl.read_parquet(done.snapshot_file).select("latitude", "longitude").row(0) == ("37.31090", "126.8")
    before = content(bank)
    assert take(bank, file, as_of=date(2026, 4, 1)) == replace(done, changed=0, unchanged=1)
    assert content(bank) == before
    pl.read_csv(file, infer_schema=False).write_parquet(tmp_path / "day.parquet")
    assert take(bank, tmp_path / "day.parquet", as_of=date(2026, 4, 1)).snapshot == done.snapshot


def test_premises_are_the_borrowers_so_they_change_no_facility_and_one_row_that_names_them_is_enough(
    bank: Db, tmp_path: Path
) -> None:
    take(bank, extract(tmp_path / "a.csv", [row(), row(FACILITY_NO="F2", **PREMISES)], *VISITED))
    assert bank.rows(_PREMISES) == [tuple(PREMISES.values())]
    moved = [row(), row(FACILITY_NO="F2", **PREMISES | {"ADDRESS": "118 Gongdan 1-daero, Siheung"})]
    done = take(bank, extract(tmp_path / "b.csv", moved, *VISITED), as_of=date(2026, 4, 1))
    assert (done.changed, done.unchanged) == (0, 2)
    assert bank.rows("SELECT address FROM borrower") == [("118 Gongdan 1-daero, Siheung",)]


@ON_ONE
@pytest.mark.parametrize(
    ("wrong", "column", "says"),
    [({"LATITUDE": "91"}, "LATITUDE", "is no latitude in degrees, as 37.56650"),
     ({"LATITUDE": "N 37°18'"}, "LATITUDE", "is no latitude in degrees, as 37.56650"),
     ({"LONGITUDE": "-180.01"}, "LONGITUDE", "is no longitude in degrees, as 37.56650"),
     ({"LONGITUDE": "1e2"}, "LONGITUDE", "is no longitude in degrees, as 37.56650"),
     ({"LATITUDE": ""}, "LATITUDE", "is a position by halves: it takes a latitude and a longitude, or neither"),
     ({"CONTACT": "Han\x07"}, "CONTACT", "holds a control character")],
)  # fmt: skip
def test_a_position_that_is_none_is_said_with_line_and_column(
    bank: Db, tmp_path: Path, wrong: dict[str, str], column: str, says: str
) -> None:
    rows = [row(**PREMISES), row(FACILITY_NO="F2", **PREMISES | wrong)]
    done = take(bank, extract(tmp_path / "day.csv", rows, *VISITED))
    assert [(r["line"], r["column"], r["reason"]) for r in rejects(done)] == [("3", column, says)]


def test_lines_are_those_an_editor_shows_with_line_breaks_in_quotes_and_empty_lines(bank: Db, tmp_path: Path) -> None:
    file = extract(tmp_path / "day.csv", [row(CUSTOMER_NAME="two\nlines"), row(FACILITY_NO="F2", BALANCE="x")])
    text = file.read_text(encoding="utf-8")
    file.write_text("\ufeff" + text.replace("\nF2", "\n\nF2"), encoding="utf-8")
    assert [(r["line"], r["column"]) for r in rejects(take(bank, file))] == [("5", "BALANCE")]


def test_a_korean_extract_is_read_in_its_own_encoding(bank: Db, tmp_path: Path) -> None:
    file = extract(tmp_path / "day.csv", [row(CUSTOMER_NAME="한빛정밀")])
    file.write_bytes(file.read_text(encoding="utf-8").encode("cp949"))
    mapping = core_banking()
    korean = mapping.model_copy(update={"format": mapping.format.model_copy(update={"encoding": "cp949"})})
    take(bank, file, mapping=korean)
    assert bank.rows("SELECT name FROM borrower") == [("한빛정밀",)]


def test_progress_ends_at_the_size_of_the_file(bank: Db, tmp_path: Path) -> None:
    file = extract(tmp_path / "day.csv", many(3))
    seen: list[tuple[int, int]] = []
    intake(bank, file, core_banking(), AS_OF, tmp_path / "s", "2026-03-31T00:00:00.000000Z",
           lambda done, of: seen.append((done, of)))  # fmt: skip
    assert seen[-1] == (file.stat().st_size, file.stat().st_size)


def staffless() -> Mapping:
    """A mapping for an extract without a staff list."""
    offices = {"credit": Office(name="Credit", lane="department", people={"post_loan_officer": 2}),
               "visits": Office(name="Visits", lane="vendor", product="SE", people={"inspector": 3})}  # fmt: skip
    return core_banking().model_copy(update={"staff": Staff(calendar="KR", people={"branch_head": 1}, offices=offices)})


def test_an_extract_without_a_staff_list_brings_the_staff_that_its_mapping_names(db: Db, tmp_path: Path) -> None:
    file = extract(tmp_path / "day.csv", many(4))
    take(db, file, mapping=staffless())
    assert db.rows("SELECT id, lane FROM unit ORDER BY id") == [
        ("credit", "department"), ("jongno", "branch"), ("mapo", "branch"), ("system", "office"), ("visits", "vendor")
    ]  # fmt: skip
    grants = db.rows("SELECT person, role FROM role_grant WHERE since = '2026-03-31' ORDER BY person")
    assert ("lee", "account_manager") in grants
    assert ("mapo.branch_head.1", "branch_head") in grants
    assert sum(role == "inspector" for _, role in grants) == 3
    assert db.rows("SELECT vendor, product, unit FROM contract") == [("visits", "SE", "*")]
    before = content(db)
    take(db, file, mapping=staffless(), as_of=date(2026, 4, 1))
    after = content(db)
    assert {t: after[t] for t in after if t != "snapshot"} == {t: before[t] for t in before if t != "snapshot"}


AMOUNTS = st.tuples(
    st.decimals(min_value=0, max_value=10**12, places=2), st.sampled_from(["", ","]), st.sampled_from(["", "$", "$ "])
)


@settings(deadline=None, max_examples=8)
@given(st.lists(AMOUNTS, min_size=20, max_size=200))
def test_an_amount_is_exact_however_it_is_written(amounts: list[tuple[Decimal, str, str]]) -> None:
    texts = [f"{sign}{amount:{thousands}.2f} " for amount, thousands, sign in amounts]
    mapping = core_banking()
    usual = {LINE: 0, FIELDS: 0, **ROW, **dict.fromkeys(mapping.optional, ""), "CCY": "USD"}
    block = pl.DataFrame([usual | {LINE: n, "BALANCE": t} for n, t in enumerate(texts, 2)])
    done = Translation(block, mapping, AS_OF)
    assert done.faults.is_empty()
    assert done.rows["bal"].to_list() == [int(amount * 100) for amount, _, _ in amounts]
