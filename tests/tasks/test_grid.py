"""The due grid against an independent recount: the same rules written once more, as SQL over the snapshot."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.portfolio import portfolio, staff
from door.db import Db
from models.policy import Book
from models.snapshot import COLUMNS
from tasks.due import applied, rows_due
from tasks.files import CONDITION, keep_conditions
from tasks.grid import LEDGER, candidates, plan
from tests.door.conftest import lite
from tests.tasks.bank import take
from tests.tasks.core_bank import BOOK
from tests.tasks.recount import CATCH_UP, LEADS, Recount, Row

BEGIN = date(2026, 1, 5)
SEEN = {"facility": pl.String, "first_seen": pl.Date}
ORDERED = {"facility": pl.String, "due_on": pl.Date, "rule": pl.String}


def catching_up(policy: str) -> Book:
    """The default book with one catch-up policy for every kind."""
    said = json.loads(BOOK.text)
    for kind in said["kinds"].values():
        kind["catch_up"] = policy
    return Book.from_text(json.dumps(said))


def dated(rows: list[Row], schema: dict[str, Any]) -> pl.DataFrame:
    found = [tuple(date.fromisoformat(v) if t == pl.Date and isinstance(v, str) else v
                   for v, t in zip(row, schema.values(), strict=True)) for row in rows]  # fmt: skip
    return pl.DataFrame(found, schema=schema, orient="row")


def listed(planned: pl.DataFrame) -> list[Row]:
    columns = ("facility", "kind", "due_on", "rule", "outcome", "reason")
    return sorted((f, k, str(d), *more) for f, k, d, *more in planned.select(columns).iter_rows())


# -- the synthetic portfolio ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def staffed(lite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Db, Path]]:
    """A portfolio of 500 loans with two snapshots, taken in on 5 January and 2 March."""
    home = tmp_path_factory.mktemp("grid")
    bank = portfolio(7, 500, BEGIN)
    with lite(lite_template, home) as db:
        staff(db, bank)
        for day in (BEGIN, date(2026, 3, 2)):
            take(db, bank.write(day, home / f"{day}.csv"), day)
        yield db, home / "snapshots"


def snapshots(db: Db) -> dict[str, str]:
    return {str(day): sha256 for day, sha256 in db.rows("SELECT as_of, sha256 FROM snapshot ORDER BY as_of")}


@pytest.mark.parametrize("policy", ["", "all", "latest", "skip"])
def test_every_due_row_agrees_with_a_recount_in_sql(staffed: tuple[Db, Path], policy: str) -> None:
    """Week by week on two snapshots, with an outage of five weeks; each policy of catching up, and the book's own."""
    db, folder = staffed
    book = catching_up(policy) if policy else BOOK
    recount = Recount(dict.fromkeys(LEADS, policy) if policy else CATCH_UP)
    conditions = db.rows("SELECT facility, name, kind, value, source FROM condition")
    seen = dict(db.rows("SELECT id, first_seen FROM facility"))
    some = [row[0] for row in db.rows("SELECT id FROM facility ORDER BY id LIMIT 3")]
    skipped, kinds = 0, set()
    for week in (0, 1, 2, 3, 8, 9, 12):
        as_of = BEGIN + timedelta(weeks=week)
        sha256 = [s for day, s in snapshots(db).items() if day <= str(as_of)][-1]
        frame = pl.read_parquet(folder / f"{sha256}.parquet")
        ordered = [(f, as_of + timedelta(5), "order 1") for f in some] if week in (2, 8) else []
        recount.load(frame, seen, conditions, ordered)
        expected = recount.due(as_of)
        applied = book.apply(frame, pl.DataFrame(conditions, CONDITION, orient="row"))
        planned = listed(plan(applied, book, as_of, dated(recount.ledger(), LEDGER), dated(list(seen.items()), SEEN),
                              dated(ordered, ORDERED)))  # fmt: skip
        assert planned == expected
        recount.decide(expected)
        assert not recount.due(as_of)
        skipped += sum(row[4] == "skipped" for row in expected)
        kinds |= {row[1] for row in expected}
    assert kinds == set(LEADS)
    assert (skipped > 20) == (policy != "all")


def test_the_plan_of_the_database_is_the_recounts(staffed: tuple[Db, Path]) -> None:
    """Through the tables: conditions as kept, first snapshots, the ledger as it stands (empty)."""
    db, folder = staffed
    recount, as_of = Recount(), date(2026, 3, 9)
    sha256 = snapshots(db)["2026-03-02"]
    recount.load(pl.read_parquet(folder / f"{sha256}.parquet"), dict(db.rows("SELECT id, first_seen FROM facility")),
                 db.rows("SELECT facility, name, kind, value FROM condition"), [])  # fmt: skip
    planned = rows_due(db, applied(folder, sha256, keep_conditions(db, folder), BOOK), BOOK, as_of)
    assert listed(planned) == recount.due(as_of)
    assert any(row[3].startswith("condition:") for row in listed(planned))


# -- edge dates -------------------------------------------------------------------------------------------------------

EDGES = st.one_of(
    st.dates(date(2019, 1, 1), date(2028, 12, 31)),
    st.sampled_from([date(y, m, d) for y in (2019, 2020, 2023, 2024)
                     for m, d in ((1, 29), (1, 30), (1, 31), (2, 28), (3, 31), (8, 31), (10, 31), (12, 31))]),
    st.sampled_from([date(2020, 2, 29), date(2024, 2, 29)]),
)  # fmt: skip


@st.composite
def facilities(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for n in range(draw(st.integers(1, 12))):
        opened = draw(EDGES)
        drawings = sorted(draw(st.lists(EDGES, max_size=3)))
        row = dict.fromkeys(COLUMNS) | {f"dpd_{m}": 0 for m in range(12)}
        found.append(row | {
            "facility": f"F{n:02}", "borrower": f"B{n}", "unit": "mapo", "currency": "KRW", "limit_amt": 100,
            "product": draw(st.sampled_from(["WC", "SE", "PF"])), "segment": draw(st.sampled_from(["micro", "large", None])),
            "bal": draw(st.sampled_from([0, 100])), "drawn_amt": draw(st.sampled_from([0, 50, 100, None])),
            "opened_on": opened, "drawings": draw(st.sampled_from([drawings, None])),
            "maturity_on": draw(st.one_of(st.none(), EDGES)), "rating_on": draw(st.one_of(st.none(), EDGES)),
            "class": draw(st.sampled_from([None, 1, 2])), "dpd": draw(st.sampled_from([None, 0, 8])),
        })  # fmt: skip
    return found


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(rows=facilities(), start=EDGES, steps=st.lists(st.integers(1, 120), max_size=4), data=st.data())
def test_on_edge_dates_too(rows: list[dict[str, Any]], start: date, steps: list[int], data: st.DataObject) -> None:
    """Month's ends, leap days, missing values, dates in the future, frequencies set at approval, gaps of months."""
    frame = pl.DataFrame(rows, schema=COLUMNS)
    policy = data.draw(st.sampled_from(["all", "latest", "skip"]))
    months = data.draw(st.lists(st.integers(1, 14), max_size=len(rows)))
    conditions = [(f"F{n:02}", "often", "frequency", str(m), "") for n, m in enumerate(months)]
    seen = {r["facility"]: str(data.draw(EDGES)) for r in rows if data.draw(st.booleans())}
    book, recount = catching_up(policy), Recount(dict.fromkeys(LEADS, policy))
    as_of = start
    for step in (0, *steps):
        as_of += timedelta(step)
        recount.load(frame, seen, conditions, [])
        expected = recount.due(as_of)
        applied = book.apply(frame, pl.DataFrame(conditions, CONDITION, orient="row"))
        ledger = dated(recount.ledger(), LEDGER)
        planned = plan(applied, book, as_of, ledger, dated(list(seen.items()), SEEN), dated([], ORDERED))
        assert listed(planned) == expected
        recount.decide(expected)


# -- by example -------------------------------------------------------------------------------------------------------


def one(**other: Any) -> pl.DataFrame:
    """A quarterly working-capital loan opened on the last of January 2024, class normal."""
    row = dict.fromkeys(COLUMNS) | {f"dpd_{m}": 0 for m in range(12)} | {
        "facility": "F1", "borrower": "B1", "unit": "mapo", "currency": "KRW", "product": "WC", "segment": "small",
        "limit_amt": 100, "drawn_amt": 100, "bal": 100, "opened_on": date(2024, 1, 31), "class": 1, "dpd": 0}  # fmt: skip
    return pl.DataFrame([row | other], schema=COLUMNS)


def due_of(as_of: date, kind: str, ledger: list[Row] | None = None, book: Book = BOOK, **other: Any) -> list[Row]:
    """(due_on, outcome) of a kind."""
    found = plan(
        book.apply(one(**other)), book, as_of, dated(ledger or [], LEDGER), dated([], SEEN), dated([], ORDERED)
    )
    return [(str(d), o) for _, k, d, _, o, _ in found.iter_rows() if k == kind]


def test_the_last_of_january_is_followed_by_the_last_of_april() -> None:
    grid = candidates(BOOK.apply(one()), BOOK, date(2024, 12, 31)).filter(pl.col("kind") == "regular")
    assert [str(d) for d in grid["due_on"] if d.year == 2024] == ["2024-04-30", "2024-07-31", "2024-10-31"]


def test_a_leap_day_is_kept_where_the_month_has_it() -> None:
    grid = candidates(BOOK.apply(one(opened_on=date(2024, 2, 29), segment="large")), BOOK, date(2025, 3, 31))
    regular = [str(d) for d in grid.filter(pl.col("kind") == "regular")["due_on"]]
    assert {"2024-03-29", "2025-01-29", "2025-02-28", "2025-03-29"} <= set(regular)


def test_the_same_date_is_due_whenever_the_last_one_was_answered() -> None:
    """The grid hangs on the opening: neither early nor late answers move it."""
    for answered in ("2024-04-30", "2024-07-31"):
        assert due_of(date(2024, 10, 25), "regular", [("F1", "regular", answered)])[-1] == ("2024-10-31", "start")


def test_a_case_opens_no_sooner_than_the_kinds_lead() -> None:
    assert due_of(date(2024, 4, 19), "regular") == []
    assert due_of(date(2024, 4, 20), "regular") == [("2024-04-30", "start")]


def test_what_was_missed_is_answered_by_each_policy_in_its_way() -> None:
    as_of = date(2024, 11, 2)
    three = ["2024-04-30", "2024-07-31", "2024-10-31"]
    assert due_of(as_of, "regular", book=catching_up("all")) == [(d, "start") for d in three]
    assert due_of(as_of, "regular", book=catching_up("skip")) == [(d, "skipped") for d in three]
    latest = [(three[0], "skipped"), (three[1], "skipped"), (three[2], "start")]
    assert due_of(as_of, "regular", book=catching_up("latest")) == latest


def test_skipping_leaves_what_is_not_yet_past() -> None:
    assert due_of(date(2024, 7, 31), "regular", book=catching_up("skip")) == [
        ("2024-04-30", "skipped"), ("2024-07-31", "start")]  # fmt: skip


def test_a_shorter_interval_makes_nothing_due_in_the_past() -> None:
    """Half-yearly until July, then watched and monthly: August is next, not the months before July."""
    ledger = [("F1", "regular", "2024-04-30"), ("F1", "regular", "2024-07-31")]
    assert due_of(date(2024, 8, 31), "regular", ledger, **{"class": 2}) == [("2024-08-31", "start")]


def test_a_borrower_new_to_the_bank_is_not_asked_for_years_gone_by() -> None:
    """Taken up so many days back (`backlog_days`) from the first snapshot that has it."""
    found = plan(BOOK.apply(one(opened_on=date(2015, 1, 31))), catching_up("all"), date(2024, 12, 31),
                 dated([], LEDGER), dated([("F1", "2024-12-15")], SEEN), dated([], ORDERED))  # fmt: skip
    assert [str(d) for d in found["due_on"]] == ["2024-10-31"]


def test_each_drawing_has_its_own_first_inspection_and_the_opening_one_only_where_none_is_listed() -> None:
    drawings = [date(2024, 5, 2), date(2024, 5, 10)]
    assert due_of(date(2024, 5, 20), "use", drawings=drawings) == [("2024-05-17", "start"), ("2024-05-25", "start")]
    assert due_of(date(2024, 5, 20), "use", drawings=[]) == [("2024-02-15", "start")]


def test_before_maturity_it_is_due_in_three_stages_and_the_latest_counts() -> None:
    maturity = date(2024, 9, 30)
    stages = [(str(maturity - timedelta(n)), "skipped" if n > 7 else "start") for n in (60, 30, 7)]
    assert due_of(date(2024, 9, 22), "repayment", maturity_on=maturity) == stages
    first, second = stages[0][0], stages[1][0]
    assert due_of(date(2024, 8, 31), "repayment", [("F1", "repayment", first)], maturity_on=maturity) == [
        (second, "start")]  # fmt: skip


def test_a_facility_repaid_in_full_is_due_for_nothing() -> None:
    assert due_of(date(2024, 12, 31), "regular", bal=0, drawn_amt=0) == []
    assert due_of(date(2024, 12, 31), "regular", bal=0, drawn_amt=None) != []
