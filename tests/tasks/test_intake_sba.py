"""Real loans, with the flaws of a public record: the file of the US Small Business Administration."""

import csv
import gzip
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from door.db import Db
from tasks.mapping import load
from tests.tasks.bank import ROOT, rejects, take

FILE = ROOT.parent / "shared/data/sba_loans.csv.gz"
AS_OF = date(2006, 6, 30)
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="no ../shared/data/sba_loans.csv.gz here")


def day(text: str, written: str) -> date | None:
    return datetime.strptime(text, written).date() if text else None  # noqa: DTZ007 - a date


def months_later(start: date, months: int) -> date:
    at = start.month - 1 + months
    first = date(start.year + at // 12, at % 12 + 1, 1)
    last = (date(first.year + first.month // 12, first.month % 12 + 1, 1) - first).days
    return first.replace(day=min(start.day, last))


def why(row: dict[str, str]) -> set[str]:
    """The reasons to leave a loan out, written once more by hand."""
    opened, lost = day(row["DisbursementDate"], "%m/%d/%Y"), day(row["ChgOffDate"], "%d-%b-%y")
    found = {f"is none of {', '.join('YNT0')}"} if row["RevLineCr"] not in "YNT0" else set()
    if not row["BankState"] or not opened:
        found.add("is missing")
    if opened and opened > AS_OF:
        found.add("not disbursed by the as-of date")
    if opened and months_later(opened, int(row["Term"])) <= AS_OF:
        found.add("matured by the as-of date")
    if lost and lost <= AS_OF:
        found.add("charged off by the as-of date")
    return found


@pytest.mark.slow
def test_every_loan_is_accepted_or_rejected_as_a_recount_by_hand_says(db: Db, tmp_path: Path) -> None:
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as text:
        loans = {row["LoanNr_ChkDgt"]: row for row in csv.DictReader(text)}
    expected = {number: reasons for number, row in loans.items() if (reasons := why(row))}
    copy = tmp_path / FILE.name
    copy.write_bytes(FILE.read_bytes())
    done = take(db, copy, as_of=AS_OF, mapping=load(ROOT / "policies/mappings/sba_loans.yaml"))
    assert (done.read, done.rejected) == (len(loans), len(expected))
    assert done.read == 13_456

    numbers = list(loans)
    lines = {line: n for n, line in zip(numbers, _first_lines(copy), strict=True)}
    found: dict[str, set[str]] = {}
    for fault in rejects(done):
        found.setdefault(lines[int(fault["line"])], set()).add(fault["reason"])
    assert found == expected

    snapshot = pl.read_parquet(done.snapshot_file)
    assert set(snapshot["facility"]) == set(loans) - set(expected)
    assert Counter(snapshot["product"]) == Counter(
        "RV" if loans[n]["RevLineCr"] in "YT" else "RE" if loans[n]["NAICS"].startswith("53") else "SE"
        for n in snapshot["facility"]
    )
    for loan in snapshot.sample(500, seed=1).iter_rows(named=True):
        row = loans[loan["facility"]]
        assert loan["address"] == f"{row['City'].strip()}, {row['State'].strip()} {row['Zip'].strip()}"
        opened = day(row["DisbursementDate"], "%m/%d/%Y")
        assert opened is not None
        gross, limit, term = 100 * int(row["DisbursementGross"]), 100 * int(row["GrAppv"]), int(row["Term"])
        left = max(0, term - 12 * (2006 - opened.year) - (6 - opened.month))
        assert loan["bal"] == (min(gross, limit) if loan["revolving"] else gross * left // term)
        assert (loan["opened_on"], loan["maturity_on"]) == (opened, months_later(opened, term))
        assert (loan["class"], loan["dpd"], loan["currency"]) == (1, None, "USD")


def _first_lines(file: Path) -> list[int]:
    """The line on which each row begins, counted by the quotes."""
    lines, open_quote = [], False
    for number, line in enumerate(gzip.decompress(file.read_bytes()).decode().split("\n")[:-1], 1):
        if not open_quote:
            lines.append(number)
        open_quote ^= line.count('"') % 2 == 1
    return lines[1:]


@pytest.mark.slow
def test_the_states_become_branches_with_a_manager_and_small_enterprises_have_vendors(db: Db, tmp_path: Path) -> None:
    copy = tmp_path / FILE.name
    copy.write_bytes(FILE.read_bytes())
    mapping = load(ROOT / "policies/mappings/sba_loans.yaml")
    done = take(db, copy, as_of=AS_OF, mapping=mapping)
    branches = {u for (u,) in db.rows("SELECT DISTINCT unit FROM borrower")}
    assert branches == {u for (u,) in db.rows("SELECT id FROM unit WHERE lane = 'branch'")}
    assert {m for (m,) in db.rows("SELECT DISTINCT manager FROM responsible")} == {f"{b}.manager" for b in branches}
    assert not db.rows("SELECT 1 FROM borrower b WHERE NOT EXISTS (SELECT 1 FROM responsible r WHERE r.subject = b.id)")
    assert db.rows("SELECT DISTINCT product FROM contract") == [("SE",)]
    again = take(db, copy, as_of=AS_OF, mapping=mapping)
    assert (again.snapshot, again.created, again.changed, again.unchanged) == (done.snapshot, 0, 0, done.accepted)
