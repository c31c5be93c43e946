"""The invented bank: the same from the same seed, staffed so that every step finds somebody, alive over the quarter."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from deployments.loanbook import Loan, later
from deployments.portfolio import BRANCHES, Portfolio, portfolio, staff
from door.db import Db
from models.policy import load as load_book
from tasks.grid import LEDGER, plan
from tasks.intake import Intake, intake
from tasks.mapping import load

START = date(2026, 1, 5)
ROOT = Path(__file__).parents[2]
WEEKS = [START + timedelta(weeks=n) for n in range(14)]


@pytest.fixture(scope="module")
def bank() -> Portfolio:
    return portfolio(seed=7, loans=600)


def take(db: Db, bank: Portfolio, day: date, folder: Path) -> Intake:
    file = bank.write(day, folder / f"{day}.csv.gz")
    mapping = load(ROOT / "policies/mappings/core_banking.yaml")
    return intake(db, file, mapping, day, folder / "snapshots", "2026-01-05T00:00:00.000000Z")


def test_the_same_seed_gives_the_same_bank_and_another_seed_another(bank: Portfolio, tmp_path: Path) -> None:
    twin, other = portfolio(seed=7, loans=600), portfolio(seed=8, loans=600)
    assert twin == bank
    assert other.roster != bank.roster
    day = WEEKS[5]
    twin.extract(WEEKS[9])  # whatever day was asked for before
    one, two = (b.write(day, tmp_path / name) for b, name in ((bank, "a.csv.gz"), (twin, "b.csv.gz")))
    assert one.read_bytes() == two.read_bytes()
    assert other.extract(day) != bank.extract(day)


def test_every_role_is_held_and_every_person_can_be_told(db: Db, bank: Portfolio) -> None:
    staff(db, bank)
    roles = Counter(role for (role,) in db.rows("SELECT role FROM role_grant"))
    assert roles == {"account_manager": 32, "branch_head": 8, "inspector": 10, "post_loan_officer": 6, "auditor": 1,
                     "credit_manager": 4, "policy_editor": 2, "operations": 2, "credit_approver": 2,
                     "administrator": 1}  # fmt: skip
    assert db.rows("SELECT id FROM person WHERE id NOT IN (SELECT person FROM channel)") == [("system",)]
    lanes = Counter(lane for (lane,) in db.rows("SELECT lane FROM unit"))
    assert lanes == {"branch": 8, "vendor": 2, "department": 1, "office": 2}


def test_each_branch_has_a_vendor_and_deputies_hold_the_role_themselves_in_the_same_unit(bank: Portfolio) -> None:
    assert {unit for _, _, unit, *_ in bank.roster.contract} == set(BRANCHES)
    unit = {id: unit for id, _, unit, *_ in bank.roster.person}
    role = {person: role for person, role, *_ in bank.roster.role_grant}
    for absent, deputy, since, until in bank.roster.substitute:
        assert (unit[absent], role[absent]) == (unit[deputy], role[deputy])
        assert since < until
    assert {borrower for _, borrower in bank.roster.relation} <= set(bank.borrowers)
    kinds = Counter(kind for _, _, kind, _, _ in bank.roster.condition)
    assert kinds == {"covenant": 12, "frequency": 12, "checkpoint": 12}


def test_customers_are_visited_in_their_branchs_district_and_the_premises_stay_where_they_are(
    db: Db, bank: Portfolio, tmp_path: Path
) -> None:
    staff(db, bank)
    take(db, bank, WEEKS[0], tmp_path)
    rows = db.rows("SELECT id, address, contact, latitude, longitude FROM borrower")
    assert all(address and contact for _, address, contact, _, _ in rows)
    assert {bank.borrowers[id].address for id, *_ in rows} == {address for _, address, *_ in rows}
    placed = [(Decimal(north), Decimal(east)) for *_, north, east in rows if north]
    assert len(rows) * 3 // 4 < len(placed) < len(rows)
    assert all(35 < north < 38 and 126 < east < 130 for north, east in placed)
    take(db, bank, WEEKS[1], tmp_path)
    later = {id: rest for id, *rest in db.rows("SELECT id, address, contact, latitude, longitude FROM borrower")}
    assert all(later[id] == rest for id, *rest in rows)


@pytest.mark.slow
def test_a_quarter_of_extracts_is_taken_in_with_a_few_rejects_each_and_all_loans_in_the_end(
    db: Db, bank: Portfolio, tmp_path: Path
) -> None:
    staff(db, bank)
    weeks = [take(db, bank, day, tmp_path) for day in WEEKS]
    for week in weeks:
        assert week.accepted + week.rejected == week.read
        assert 5 <= week.rejected < 25
    assert all(week.changed > 0 and week.unchanged > 0 for week in weeks[1:])
    assert sum(week.created for week in weeks) == len(bank.loans) == 600
    moved = {(b.id, b.manager, b.moves_to) for b in bank.borrowers.values() if b.moves_on}
    assert moved
    assert {(p.borrower, p.manager, p.proposed) for week in weeks for p in week.proposals} <= moved
    assert any(week.proposals for week in weeks)
    responsible = dict(db.rows("SELECT subject, manager FROM responsible"))
    assert all(responsible[b.id] == b.manager for b in bank.borrowers.values() if b.id in responsible)


@pytest.mark.parametrize("seed", [1, 2])
def test_in_the_quarter_each_kind_of_inspection_falls_due_arrears_roll_and_classes_change(seed: int) -> None:
    bank = portfolio(seed, loans=1000)
    first, last = ({row["FACILITY_NO"]: row for row in bank.extract(day)} for day in (WEEKS[0], WEEKS[-1]))
    both = first.keys() & last.keys()
    steps = ["NPSDL".index(last[f]["CLASS"]) - "NPSDL".index(first[f]["CLASS"]) for f in both]
    assert max(steps) > 0 > min(steps)
    assert any(int(first[f]["DPD"]) > 0 == int(last[f]["DPD"]) for f in both)
    assert any(int(first[f]["DPD"]) == 0 < int(last[f]["DPD"]) for f in both)
    assert any(len(first[f]["DRAWINGS"]) < len(last[f]["DRAWINGS"]) for f in both)
    assert sum(int(first[f]["BALANCE"]) > int(last[f]["BALANCE"]) for f in both) > len(both) // 2
    assert first.keys() - last.keys()  # paid off
    assert last.keys() - first.keys()  # new


def test_due_rows_of_the_quarter_hold_the_kinds_of_the_schedule(db: Db, bank: Portfolio, tmp_path: Path) -> None:
    staff(db, bank)
    day = WEEKS[0]
    snapshot = pl.read_parquet(take(db, bank, day, tmp_path).snapshot_file)
    book = load_book(ROOT / "policies")
    seen = snapshot.select("facility", pl.lit(day).alias("first_seen"))
    ledger = pl.DataFrame(schema=LEDGER)
    asked = pl.DataFrame(schema={"facility": pl.String, "due_on": pl.Date, "rule": pl.String})
    due = plan(book.apply(snapshot), book, day, ledger, seen, asked).filter(pl.col("outcome") == "start")
    assert set(due["kind"]) == {"use", "regular", "repayment", "rating"}


def test_days_past_due_of_the_months_follow_from_the_arrears() -> None:
    began, ended, day = date(2025, 11, 20), date(2026, 1, 10), date(2026, 2, 15)
    loan = Loan("L1", "C1", "SE", "small", 10**8, date(2024, 5, 31), date(2027, 5, 31), ((date(2024, 5, 31), 10**8),),
                ((began, ended),))  # fmt: skip
    assert [loan.worst_in_month(day, n) for n in range(5)] == [0, 50, 41, 10, 0]
    assert [loan.days_past_due(d) for d in (began, ended - timedelta(days=1), ended)] == [0, 50, 0]
    assert [loan.class_(d) for d in (began, began + timedelta(days=8), ended)] == ["N", "P", "N"]
    balances = [loan.balance(later(loan.opened, n)) for n in range(37)]
    assert balances[0] == 10**8
    assert balances[-1] == 0
    assert all(a >= b for a, b in pairwise(balances))
    assert loan.balance(ended - timedelta(days=1)) == loan.balance(began) > loan.balance(ended)
