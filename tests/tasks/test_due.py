"""From due rows to cases: what is merged and what is kept apart, what waits, what an outage leaves, and that every
prescribed inspection is started, merged, skipped or pending, none twice."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from deployments.portfolio import portfolio, staff
from door.db import Db
from tasks.foresee import foresee
from tasks.replay import all_cases, replay
from tests.door.bank import DAY
from tests.door.conftest import lite
from tests.tasks.bank import take
from tests.tasks.core_bank import BOOK
from tests.tasks.recount import Recount
from tests.tasks.works import QUIET, Works, changed, facility, works

QUARTERLY = "2026-01-03"  # a loan opened on 3 January 2025 is due then
SOON = {"opened_on": date(2025, 10, 20), "drawings": [date(2024, 1, 1)]}  # due on 20 January


@pytest.fixture
def bank(db: Db, tmp_path: Path) -> Works:
    """On both databases."""
    return works(db, tmp_path)


@pytest.fixture
def quick(lite_template: Path, tmp_path: Path) -> Iterator[Works]:
    """On SQLite alone, for rules that the database has no part in."""
    with lite(lite_template, tmp_path) as db:
        yield works(db, tmp_path)


def rows(payload: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(r["facility"], r["kind"], r["outcome"], r["reason"]) for r in payload["due"]]


# -- one case a borrower ----------------------------------------------------------------------------------------------


def test_what_is_due_of_a_borrower_becomes_one_case(bank: Works) -> None:
    bank.snapshot(facility("L1", "B1"), facility("L2", "B1", maturity_on=date(2026, 2, 8)), facility("L3", "B2"))
    opened = bank.due()
    assert opened.cases == {"own": 2}
    assert opened.rows == {"started": 2, "merged": 2, "skipped": 1}
    assert not opened.pending
    first, second = bank.cases()
    said = bank.said(first)
    assert rows(said) == [
        ("L1", "regular", "merged", "same borrower"),
        ("L2", "regular", "merged", "same borrower"),
        ("L2", "repayment", "skipped", "catch_up: latest"),
        ("L2", "repayment", "started", ""),
    ]
    assert (said["kind"], said["template"], said["amount"], said["prescribed_on"]) == (
        "repayment",
        "WC",
        1800,
        QUARTERLY,
    )
    assert [(a["facility"], a["kind"]) for a in said["asks"]] == [
        ("L1", "regular"),
        ("L2", "regular"),
        ("L2", "repayment"),
    ]
    assert bank.bank.state(second).subject == "B2"


def test_each_drawing_has_a_case_of_its_own_beside_the_borrowers_one(bank: Works) -> None:
    bank.snapshot(facility("L1", "B1", drawings=[date(2025, 12, 22), date(2025, 12, 30)]), facility("L2", "B1"))
    assert bank.due().cases == {"own": 3}
    due = [rows(bank.said(case)) for case in bank.cases()]
    assert sorted(len(d) for d in due) == [1, 1, 2]
    assert sum(d == [("L1", "use", "started", "")] for d in due) == 2
    assert not bank.due().cases


def test_a_product_that_forbids_merging_is_kept_apart(quick: Works) -> None:
    quick.enforce(changed(kinds={"regular": {"separate_products": ["RV"]}}))
    quick.snapshot(facility("L1", "B1"), facility("L2", "B1", product="RV"), facility("L3", "B1", product="RV"))
    quick.due()
    assert sorted([f for f, *_ in rows(quick.said(case))] for case in quick.cases()) == [["L1"], ["L2"], ["L3"]]


def test_a_kind_that_may_merge_joins_the_borrowers_case(quick: Works) -> None:
    quick.enforce(changed(kinds={"use": {"merge": True}}))
    quick.snapshot(facility("L1", "B1", drawings=[date(2025, 12, 22), date(2025, 12, 30)]))
    quick.due()
    (case,) = quick.cases()
    assert [r[1:3] for r in rows(quick.said(case))] == [("regular", "merged"), ("use", "started"), ("use", "merged")]


def test_the_strictest_path_of_the_facilities_is_the_cases(quick: Works) -> None:
    """A rating review is made at the desk and a small enterprise is visited by a vendor; what is watched, by us."""
    small = {"product": "SE", "segment": "small"}
    quick.snapshot(
        facility("L1", "B1", **QUIET, rating_on=date(2026, 2, 10)),
        facility("L2", "B2", **small),
        facility("L3", "B3", **small), facility("L4", "B3", **small, dpd=8),
        facility("L5", "B4", **small), facility("L6", "B4", **QUIET,
                                                rating_on=date(2026, 2, 10)),
    )  # fmt: skip
    quick.due()
    paths = {quick.bank.state(c).subject: quick.said(c)["path"] for c in quick.cases()}
    assert paths == {"B1": "desk", "B2": "outsourced", "B3": "own", "B4": "outsourced"}


def test_the_case_bears_the_worst_class_and_adds_amounts_of_one_currency_only(quick: Works) -> None:
    quick.snapshot(facility("L1", "B1"), facility("L2", "B1", **{"class": 3}), facility("L3", "B1", currency="USD"))
    quick.due()
    said = quick.said(quick.cases()[0])
    assert (said["class_"], said["amount"], said["currency"], said["segment"]) == (3, 1800, "KRW", "small")


def test_what_the_extract_does_not_say_is_called_unknown_or_normal(quick: Works) -> None:
    quick.snapshot(facility("L1", "B1", segment=None, **{"class": None}))
    quick.due()
    said = quick.said(quick.cases()[0])
    assert (said["class_"], said["segment"]) == (1, "unknown")


def test_at_most_so_many_cases_are_opened_and_the_rest_next_time(bank: Works) -> None:
    bank.snapshot(*(facility(f"L{n}", f"B{n}") for n in range(1, 6)))
    assert [sum(bank.due(limit=2).cases.values()) for _ in range(4)] == [2, 2, 1, 0]


# -- while a case is open ---------------------------------------------------------------------------------------------


def test_what_becomes_due_while_a_case_is_open_waits_where_the_case_does_not_ask_it(bank: Works) -> None:
    """Another kind asks other questions, another loan is not asked about: both stay due until the case is over."""
    bank.snapshot(facility("L1", "B1", maturity_on=date(2026, 3, 16)), facility("L2", "B1", **SOON))
    bank.due()
    (case,) = bank.cases()
    bank.bank.day = "2026-01-12"
    opened = bank.due()
    assert bank.cases() == [case]
    assert not opened.cases
    assert not opened.rows
    why = f"inspection {case} is open"
    assert opened.pending == [("L1", "repayment", "2026-01-15", why), ("L2", "regular", "2026-01-20", why)]
    assert not any(f == "L2" or kind == "repayment" for f, kind, *_ in bank.ledger())
    bank.bank.day = "2026-01-13"
    bank.cancel([case])
    assert bank.due().cases == {"own": 1}
    assert ("L1", "repayment", "2026-01-15", "started") in bank.ledger()
    assert ("L2", "regular", "2026-01-20", "merged") in bank.ledger()


def test_the_next_of_the_same_kind_joins_the_case_that_asks_it(bank: Works) -> None:
    bank.snapshot(facility("L1", "B1", **{"class": 2}))
    bank.due()
    (case,) = bank.cases()
    before = len(bank.ledger())
    bank.bank.day = "2026-02-09"
    opened = bank.due()
    assert bank.cases() == [case]
    assert opened.rows["merged"] == 1
    assert not opened.pending
    assert len(bank.ledger()) == before + sum(opened.rows.values())
    assert bank.db.rows("SELECT DISTINCT case_id FROM due WHERE reason = 'open inspection'") == [(case,)]


def test_a_case_apart_keeps_nobody_waiting(quick: Works) -> None:
    quick.snapshot(facility("L1", "B1", opened_on=date(2025, 12, 30)), facility("L2", "B1", **SOON))
    quick.due()
    quick.bank.day = "2026-01-12"
    assert quick.due().cases == {"own": 1}


def test_what_is_skipped_while_a_case_is_open_is_on_record(quick: Works) -> None:
    """The record is the run's, which closes with the rows that started nothing."""
    quick.snapshot(facility("L1", "B1", maturity_on=date(2026, 3, 16)))
    quick.due()
    quick.bank.day = "2026-02-16"
    opened = quick.due()
    assert [(r.kind, r.outcome, r.reason) for r in opened.elsewhere] == [("repayment", "skipped", "catch_up: latest")]
    assert [row[1] for row in opened.pending] == ["repayment"]
    run = quick.cases("run")[-1]
    assert quick.db.rows("SELECT case_id, reason FROM due WHERE outcome = 'skipped'") == [(run, "catch_up: latest")]


# -- outage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "started", "skipped"), [("all", 3, 0), ("latest", 1, 2), ("skip", 0, 3)])
def test_what_an_outage_missed_is_taken_up_by_each_kinds_policy(
    quick: Works, policy: str, started: int, skipped: int
) -> None:
    """A watched loan, due monthly, and no run from January to April."""
    quick.enforce(changed(kinds={"regular": {"catch_up": policy}}))
    quick.snapshot(facility("L1", "B1", opened_on=date(2025, 1, 20), **{"class": 2}))
    quick.db.run("UPDATE facility SET first_seen = '2026-04-25'")  # so that only the outage's months are taken up
    quick.bank.day = "2026-04-21"
    opened = quick.due()
    assert opened.rows["skipped"] == skipped
    assert opened.rows["started"] + opened.rows["merged"] == started
    assert [d for *_, d, o in quick.ledger()] == ["2026-02-20", "2026-03-20", "2026-04-20"]
    assert not quick.due().rows


# -- conditions and orders --------------------------------------------------------------------------------------------


def test_a_condition_of_the_facility_comes_before_the_products_rules(bank: Works) -> None:
    bank.snapshot(facility("L1", "B1", opened_on=date(2025, 9, 10)), facility("L2", "B2", opened_on=date(2025, 9, 10)))
    bank.condition("L1", "frequency", "1", "visited_more_often")
    bank.condition("L1", "covenant", "debt service at least 1.2", "cover")
    bank.condition("L1", "checkpoint", "M1", "register")
    bank.due()
    own = {bank.bank.state(c).subject: bank.said(c) for c in bank.cases()}
    (ask,) = own["B1"]["asks"]
    assert own.keys() == {"B1", "B2"}
    assert [r["due_on"] for r in own["B1"]["due"]][-1] == "2026-01-10"
    assert [r["due_on"] for r in own["B2"]["due"]] == ["2025-12-10"]
    assert ask["rules"][0] == "condition:visited_more_often"
    assert {"M1", "C13"} < set(ask["checkpoints"])
    assert not {"M1", "C13"} & set(own["B2"]["asks"][0]["checkpoints"])


def ordered(bank: Works, kind: str, facility: str = "") -> int:
    """An order that the credit manager issued on a case of B1, which is closed by it."""
    case = bank.bank.open("inspection", "system", "open", subject="B1", book=BOOK.hash)
    bank.bring(case, "decide")
    order = {"kind": kind, "facility": facility, "reason": "seen too little"}
    said = {"orders": [order], "restrictions": [], "reason": "alarm"}
    return bank.bank.do("han", "impose", case, payload=said).opened[0]


def test_the_order_to_inspect_again_makes_a_special_inspection_due(bank: Works) -> None:
    bank.snapshot(facility("L1", "B1", **QUIET), facility("L2", "B1", **QUIET),
                  facility("L3", "B2", **QUIET))  # fmt: skip
    order, before = ordered(bank, "O2", "L2"), bank.cases()
    assert bank.due().cases == {"own": 1}
    (case,) = set(bank.cases()) - set(before)
    said = bank.said(case)
    assert rows(said) == [("L2", "special", "started", "")]
    assert said["asks"][0]["rules"][0] == f"order {order}"
    assert set(said["asks"][0]["checkpoints"]) == {f"X{n}" for n in range(1, 9)}
    assert said["due"][0]["due_on"] == bank.bank.state(order).due_on


def test_an_order_that_names_no_facility_is_about_all_of_the_borrower(quick: Works) -> None:
    quick.snapshot(facility("L1", "B1", **QUIET), facility("L2", "B1", **QUIET),
                   facility("L3", "B2", **QUIET))  # fmt: skip
    ordered(quick, "O2")
    quick.due()
    assert [r[:2] for r in rows(quick.said(quick.cases()[-1]))] == [("L1", "special"), ("L2", "special")]


def test_other_orders_ask_for_no_inspection(quick: Works) -> None:
    quick.snapshot(facility("L1", "B1", **QUIET))
    ordered(quick, "O1", "L1")
    assert not quick.due().rows


def test_an_order_that_is_late_or_extended_asks_for_one_inspection_all_the_same(quick: Works) -> None:
    quick.snapshot(facility("L1", "B1", **QUIET))
    order = ordered(quick, "O2", "L1")
    quick.due()
    quick.cancel(quick.cases()[-1:])
    quick.bank.day = "2026-01-12"
    quick.bank.do("lee", "ask_extension", order)
    quick.bank.do("choi", "grant", order, said={"due_on": "2026-01-19"})
    assert not quick.due().rows
    quick.bank.day = "2026-01-20"
    quick.remind()
    assert quick.bank.state(order).step == "tightened"
    assert not quick.due().rows


# -- the whole ledger -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weeks", [(0, 1, 2, 3, 4, 5, 6, 7, 8), (0, 1, 7, 8)], ids=["every week", "an outage"])
def test_every_prescribed_inspection_is_started_merged_skipped_or_pending(
    db: Db, tmp_path: Path, weeks: tuple[int, ...]
) -> None:
    """Counted over two months against the recount in SQL; and what was started is open, closed or cancelled."""
    begin = date.fromisoformat(DAY)
    loans = portfolio(11, 160, begin)
    bank = works(db, tmp_path)
    staff(db, loans)
    take(db, loans.write(begin, tmp_path / "extract.csv"), begin)
    everything = Recount(dict.fromkeys(("use", "regular", "special", "repayment", "rating"), "all"))
    snapshot = pl.read_parquet(tmp_path / "snapshots" / f"{bank.begin('scheduled_inspection').inputs.snapshot}.parquet")
    everything.load(snapshot, dict(db.rows("SELECT id, first_seen FROM facility")),
                    db.rows("SELECT facility, name, kind, value FROM condition"), [])  # fmt: skip
    waited = 0
    for week in weeks:
        bank.bank.day = str(begin + timedelta(weeks=week))
        if week == 7:
            bank.cancel(bank.cases()[::3])
        opened = bank.due()
        waited += len(opened.pending)
        prescribed = {row[:3] for row in everything.due(bank.today)}
        decided = [row[:3] for row in bank.ledger()]
        pending = [row[:3] for row in opened.pending]
        assert len(decided) == len(set(decided))
        assert Counter(decided) + Counter(pending) == Counter(prescribed)
        again = bank.due()
        assert not again.rows
        assert again.pending == opened.pending
    outcomes = Counter(outcome for *_, outcome in bank.ledger())
    cases = db.rows("SELECT count(*), count(closed_on) FROM cases WHERE process = 'inspection'")
    assert outcomes["started"] == cases[0][0] > cases[0][1] > 0
    assert min(waited, outcomes["merged"], outcomes["skipped"]) > 0
    assert not replay(db, bank.house.snapshots, all_cases(db)).divergences


def test_facts_that_could_not_be_evaluated_are_counted_by_name_in_the_run_and_in_the_dry_run(bank: Works) -> None:
    """Without a class nobody knows whether it is watched or clean; the rules that ask for it do not hold."""
    bank.snapshot(facility("L1", "B1", **{"class": None}), facility("L2", "B1", dpd_3=None), facility("L3", "B2"))
    foreseen = foresee(bank.db, bank.house, bank.today)
    assert foreseen.untold == {"watched": 1, "clean": 2}
    assert bank.due().untold == foreseen.untold
