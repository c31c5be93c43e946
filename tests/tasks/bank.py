"""A bank of two branches and two managers, and extracts in its core-banking layout, for the import's tests."""

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from door.db import Db
from tasks.intake import Intake, intake
from tasks.mapping import Mapping, load
from tasks.staffing import Roster, write

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 3, 31)
NOW = "2026-03-31T18:00:00.000000Z"
ROW = {
    "FACILITY_NO": "F1", "CUSTOMER_NO": "C1", "CUSTOMER_NAME": "Hanbit Precision", "BRANCH": "mapo", "OFFICER": "lee",
    "PRODUCT": "SME", "SEGMENT": "S", "CCY": "KRW", "LIMIT": "500000000", "DRAWN": "500000000", "BALANCE": "420000000",
    "OPENED": "2024-02-29", "DRAWINGS": "2024-03-04;2024-02-29", "MATURITY": "2027-02-28", "RATING_UNTIL": "",
    "CLASS": "N", "DPD": "0", **{f"DPD_{n}": "0" for n in range(12)}, "REVOLVING": "N", "GRADE": "4",
}  # fmt: skip


def core_banking() -> Mapping:
    return load(ROOT / "policies/mappings/core_banking.yaml")


def staffed(db: Db) -> Db:
    roster = Roster()
    for unit, lane in (("mapo", "branch"), ("jongno", "branch"), ("credit", "department"), ("visits", "vendor")):
        roster.add_unit(unit, unit.title(), lane, "KR")
    for person, unit, role in (("lee", "mapo", "account_manager"), ("park", "jongno", "account_manager"),
                               ("choi", "credit", "post_loan_officer")):  # fmt: skip
        roster.add_person(person, person.title(), unit, role, date(2020, 1, 1))
    with db.transaction():
        write(db, roster, "KR")
    return db


def row(**other: str) -> dict[str, str]:
    return {**ROW, **other}


def many(n: int) -> list[dict[str, str]]:
    """Facilities F1 … Fn, two to a borrower, each borrower with one manager."""
    staff = (("mapo", "lee"), ("jongno", "park"))
    return [
        row(FACILITY_NO=f"F{i}", CUSTOMER_NO=f"C{i // 2}", BRANCH=staff[i // 2 % 2][0], OFFICER=staff[i // 2 % 2][1])
        for i in range(1, n + 1)
    ]


def extract(file: Path, rows: Iterable[dict[str, str]], *more: str) -> Path:
    """`more` are columns beside those that the mapping requires; empty where a row has none."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, [*ROW, *more], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return file


def take(db: Db, file: Path, as_of: date = AS_OF, mapping: Mapping | None = None) -> Intake:
    return intake(db, file, mapping or core_banking(), as_of, file.parent / "snapshots", NOW)


def rejects(done: Intake) -> list[dict[str, str]]:
    with Path(done.rejects_file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def content(db: Db) -> dict[str, list[Any]]:
    """All that an import may write."""
    tables = ("unit", "person", "role_grant", "contract", "borrower", "facility", "responsible", "snapshot")
    return {table: sorted(db.rows(f"SELECT * FROM {table}"), key=repr) for table in tables}
