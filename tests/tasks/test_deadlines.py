"""Deadlines are kept on the business date: reminders climb their ladder by business days, each rung once and to whom
it names; a late arrow is taken once; what is put aside waits."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from door.act import CHUNK
from door.command import SYSTEM
from door.db import Db
from processes import PROCESSES
from tasks import deadlines
from tasks.deadlines import keep_deadlines
from tasks.replay import replay
from tests.door.bank import MAY_LIFT
from tests.door.conftest import lite
from tests.tasks.core_bank import BOOK
from tests.tasks.works import Works, works

#: Calendar days around the new year of 2026 in Seoul: 16 to 18 February are a holiday.
COLLECT = ("2026-02-03", "2026-02-20")  # opened on; ten business days later
LADDER = [  # what the branch's ladder makes of it: business day, days from the deadline, to whom
    ("2026-02-13", -2, ""), ("2026-02-23", 1, ""), ("2026-02-25", 3, "kang"), ("2026-03-05", 8, "han"),
]  # fmt: skip


@pytest.fixture
def bank(db: Db, tmp_path: Path) -> Works:
    """On both databases."""
    return works(db, tmp_path)


@pytest.fixture
def quick(lite_template: Path, tmp_path: Path) -> Iterator[Works]:
    """On SQLite alone, for rules that the database has no part in."""
    with lite(lite_template, tmp_path) as db:
        yield works(db, tmp_path)


def opened(bank: Works, day: str, subject: str = "B1", path: str = "own", **said: Any) -> int:
    """An inspection that waits from that day for its manager, or for ahn of the vendor."""
    bank.bank.day = day
    case = bank.bank.open("inspection", SYSTEM, "open", subject=subject, book=bank.book, said={"path": path, **said})
    if path == "outsourced":
        bank.bank.do(SYSTEM, "assign", case)
    return case


def reminded(bank: Works, case: int) -> list[tuple[str, int, str]]:
    """(day, days from the deadline, to whom) of every reminder."""
    rows = bank.db.rows("SELECT business_date, payload FROM entry WHERE stream = ? AND action = 'remind' ORDER BY seq",
                        bank.bank.state(case).stream)  # fmt: skip
    return [(str(day), json.loads(p)["days"], json.loads(p)["to"]) for day, p in rows]


def days(first: str, last: str) -> Iterator[str]:
    day = date.fromisoformat(first)
    while str(day) <= last:
        yield str(day)
        day += timedelta(1)


def keep(bank: Works, *on: str) -> Counter[str]:
    done: Counter[str] = Counter()
    for day in on:
        bank.bank.day = day
        done += bank.remind()
    return done


# -- the ladder -------------------------------------------------------------------------------------------------------


def test_reminders_climb_by_business_days_each_rung_once_and_to_whom_it_names(bank: Works) -> None:
    """Run every day of six weeks, weekends and holidays too: the holder before and after, then his head, then credit."""
    case = opened(bank, COLLECT[0])
    assert bank.bank.state(case).due_on == COLLECT[1]
    assert keep(bank, *days("2026-02-03", "2026-03-16")) == {"remind": 4}
    assert reminded(bank, case) == LADDER
    assert [n[1:] for n in bank.bank.notices(case)][1:] == [("remind", who or None) for *_, who in LADDER]
    assert bank.bank.state(case).step == "collect"


def test_twice_on_a_day_reminds_once(bank: Works) -> None:
    opened(bank, COLLECT[0])
    assert keep(bank, "2026-02-13", "2026-02-13") == {"remind": 1}


@pytest.mark.parametrize(
    ("day", "rungs"),
    [("2026-02-24", [1]), ("2026-02-26", [3]), ("2026-03-09", [8]), ("2026-12-01", [8])],
)
def test_what_an_outage_missed_is_one_reminder_the_highest(quick: Works, day: str, rungs: list[int]) -> None:
    case = opened(quick, COLLECT[0])
    assert keep(quick, day) == {"remind": 1}
    assert [r[1] for r in reminded(quick, case)] == rungs
    assert keep(quick, day, str(date.fromisoformat(day) + timedelta(40))) == ({"remind": 1} if rungs != [8] else {})


def test_each_step_climbs_its_own_ladder_from_below(quick: Works) -> None:
    case = opened(quick, COLLECT[0])
    keep(quick, "2026-02-24")
    quick.bring(case, "review")
    assert quick.bank.state(case).due_on == "2026-03-04"
    keep(quick, *days("2026-02-25", "2026-03-06"))
    assert reminded(quick, case)[1:] == [("2026-02-27", -2, ""), ("2026-03-05", 1, "")]


def test_a_ladder_climbs_over_the_turn_of_the_year(quick: Works) -> None:
    case = opened(quick, "2026-12-22")
    assert quick.bank.state(case).due_on == "2027-01-07"
    assert keep(quick, *days("2026-12-22", "2027-01-07")) == {"remind": 1}
    assert reminded(quick, case) == [("2027-01-05", -2, "")]
    far = opened(quick, "2026-12-18", "B2")
    keep(quick, *days("2026-12-29", "2026-12-31"))
    assert reminded(quick, far) == [("2026-12-31", -2, "")]


def test_nobody_is_reminded_before_the_first_rung_or_where_nothing_waits(quick: Works) -> None:
    case = opened(quick, COLLECT[0])
    assert keep(quick, *days("2026-02-03", "2026-02-12")) == {}
    quick.cancel([case])
    assert keep(quick, "2026-02-13", "2026-03-31") == {}


def test_the_calendar_is_the_cases_own(quick: Works) -> None:
    """In New York the Korean new year is three days of work, and Washington's birthday on 16 February is none."""
    case = opened(quick, COLLECT[0], calendar="US")
    assert quick.bank.state(case).due_on == "2026-02-18"
    keep(quick, *days("2026-02-03", "2026-02-20"))
    assert reminded(quick, case) == [("2026-02-13", -2, ""), ("2026-02-19", 1, "")]


# -- to whom ----------------------------------------------------------------------------------------------------------


def test_a_head_is_that_of_the_managers_branch(quick: Works) -> None:
    """Though the case was opened by another."""
    quick.bank.borrower("B3", manager="park")
    case = opened(quick, COLLECT[0], "B3", unit="mapo")
    keep(quick, "2026-02-25")
    assert reminded(quick, case) == [("2026-02-25", 3, "noh")]


def test_where_the_manager_has_left_it_is_still_the_head_of_the_cases_branch(quick: Works) -> None:
    quick.bank.borrower("B3", manager="park")
    case = opened(quick, COLLECT[0], "B3", unit="jongno")
    quick.bank.leave("park", "2026-02-20")
    keep(quick, "2026-02-25")
    assert reminded(quick, case) == [("2026-02-25", 3, "noh")]


@pytest.mark.parametrize(
    ("since", "until", "leaves", "told"),
    [
        ("2026-02-25", None, None, "abe"), ("2026-02-26", None, None, "kang"),
        ("2020-01-01", "2026-02-25", None, "abe"), ("2020-01-01", "2026-02-24", None, "kang"),
        ("2020-01-01", None, "2026-02-25", "abe"), ("2020-01-01", None, "2026-02-24", "kang"),
    ],
)  # fmt: skip
def test_who_is_told_holds_the_role_on_the_day(
    quick: Works, since: str, until: str | None, leaves: str | None, told: str
) -> None:
    """Beside kang, the head of the branch is abe, from a day or to a day."""
    quick.bank.hire("abe", "mapo")
    quick.bank.grant("abe", "branch_head", since, until)
    if leaves:
        quick.bank.leave("abe", leaves)
    case = opened(quick, COLLECT[0])
    keep(quick, "2026-02-25")
    assert reminded(quick, case) == [("2026-02-25", 3, told)]


@pytest.mark.parametrize(
    ("beside", "since", "until", "told"),
    [
        ("", "2026-02-25", "2026-02-25", "lee"), ("", "2026-02-26", "2026-03-31", "kang"),
        ("", "2026-02-01", "2026-02-24", "kang"), ("zoe", "2026-02-01", "2026-03-31", "zoe"),
    ],
)  # fmt: skip
def test_in_the_place_of_who_is_absent_another_holder_is_told_or_his_deputy(
    bank: Works, beside: str, since: str, until: str, told: str
) -> None:
    """kang heads the branch, perhaps with another beside him; lee stands in for him."""
    if beside:
        bank.bank.hire(beside, "mapo", "branch_head")
    bank.bank.absence("kang", "lee", since, until)
    case = opened(bank, COLLECT[0])
    keep(bank, "2026-02-25")
    assert reminded(bank, case) == [("2026-02-25", 3, told)]


def test_who_has_left_stands_in_for_nobody(quick: Works) -> None:
    quick.bank.absence("kang", "noh")
    quick.bank.leave("noh", "2026-02-24")
    case = opened(quick, COLLECT[0])
    keep(quick, "2026-02-25")
    assert reminded(quick, case) == [("2026-02-25", 3, "kang")]


# -- late arrows ------------------------------------------------------------------------------------------------------


def test_a_visit_that_was_not_made_goes_to_the_manager_on_the_day_after_the_deadline_and_once(bank: Works) -> None:
    """Seven business days from 3 February. The inspector is reminded one before it, and nobody after."""
    case = opened(bank, COLLECT[0], path="outsourced")
    assert bank.bank.state(case).due_on == "2026-02-12"
    assert keep(bank, *days("2026-02-03", "2026-02-12")) == {"remind": 1}
    assert bank.bank.state(case).step == "visit"
    assert keep(bank, "2026-02-13", "2026-02-13", "2026-02-14") == {"not_visited": 1}
    state = bank.bank.state(case)
    assert (state.step, state.due_on, state.done["not_visited"]) == ("collect", "2026-03-05", 1)


def test_an_outage_takes_the_late_arrow_at_once_and_its_next_step_has_its_whole_time(quick: Works) -> None:
    case = opened(quick, COLLECT[0], path="outsourced")
    assert keep(quick, "2026-04-01") == {"not_visited": 1}
    assert quick.bank.state(case).due_on == "2026-04-15"
    assert reminded(quick, case) == []


def test_an_order_that_nobody_does_tightens_and_ends_in_the_workout(bank: Works) -> None:
    bank.bank.day = "2026-02-02"
    order = bank.bank.open("order", "han", "issue", subject="B1", book=bank.book, said={"kind": "O1"})
    assert bank.bank.state(order).due_on == "2026-02-12"
    done = keep(bank, *days("2026-02-02", "2026-03-31"))
    assert (done["overdue"], done["to_workout"]) == (1, 1)
    assert bank.bank.state(order).step == "workout"
    said = reminded(bank, order)
    assert said[:2] == [("2026-02-05", -5, ""), ("2026-02-11", -1, "")]
    assert ("2026-02-13", 1, "kang") not in said  # it is tightened that day, which tells more


# -- put aside --------------------------------------------------------------------------------------------------------


def test_what_is_put_aside_waits_and_its_ladder_moves_with_the_deadline(bank: Works) -> None:
    case = opened(bank, COLLECT[0])
    bank.bank.day = "2026-02-12"
    bank.bank.do("lee", "hold", case, said={"until": "2026-03-04"})
    assert bank.bank.state(case).due_on == "2026-03-12"
    assert keep(bank, *days("2026-02-12", "2026-03-09")) == {}
    keep(bank, *days("2026-03-10", "2026-03-13"))
    assert reminded(bank, case) == [("2026-03-10", -2, ""), ("2026-03-13", 1, "")]


def test_on_the_day_a_hold_ends_the_ladder_goes_on(quick: Works) -> None:
    case = opened(quick, COLLECT[0], path="outsourced")
    quick.bank.day = "2026-02-12"
    quick.bank.do("ahn", "hold", case, said={"until": "2026-02-13"})
    assert keep(quick, "2026-02-12", "2026-02-13") == {"remind": 1}
    assert reminded(quick, case) == [("2026-02-13", -1, "")]


def test_a_late_arrow_waits_too_while_a_visit_is_put_aside(quick: Works) -> None:
    case = opened(quick, COLLECT[0], path="outsourced")
    quick.bank.do("ahn", "hold", case, said={"until": "2026-02-20"})
    due = quick.bank.state(case).due_on
    assert due == "2026-03-01"
    assert keep(quick, *days("2026-02-03", "2026-02-20"))["not_visited"] == 0
    assert keep(quick, *days("2026-02-21", due)) == {"remind": 1}
    assert keep(quick, "2026-03-02") == {"not_visited": 1}


# -- many -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [deadlines.BATCH, 1, 2])
def test_at_most_so_many_items_are_kept_and_the_rest_next_time(
    quick: Works, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(deadlines, "BATCH", batch)
    for _ in range(5):
        opened(quick, COLLECT[0])
    quick.bank.day = "2026-02-13"
    run = quick.begin("deadlines")
    assert [sum(keep_deadlines(run, limit=2).values()) for _ in range(4)] == [2, 2, 1, 0]
    quick.bank.day = "2026-02-23"
    assert keep_deadlines(quick.begin("deadlines")).total() == 5


def test_what_somebody_does_while_the_run_is_at_work_is_left_alone(quick: Works) -> None:
    """The manager hands a case in between two chunks: no reminder of it, all others go out."""
    opened(quick, COLLECT[0])
    more = [quick.bank.command(SYSTEM, "open", process="inspection", said={"path": "own"}, book=quick.book)
            for _ in range(CHUNK)]  # fmt: skip
    quick.bank.act(*more)
    quick.bank.day = "2026-02-13"
    run, last = quick.begin("deadlines"), quick.cases()[-1]
    done = keep_deadlines(replace(run, give_way=lambda: quick.bank.do("lee", "collect", last) and None))
    assert done == {"remind": CHUNK, "changed": 1}
    assert not reminded(quick, last)


def test_an_item_whose_deadline_no_calendar_reaches_holds_up_no_other(bank: Works) -> None:
    """As an extension to the year 2000 that was granted before such were refused."""
    stray, case = opened(bank, COLLECT[0]), opened(bank, COLLECT[0], "B2")
    bank.db.run("UPDATE cases SET state = replace(state, ?, '2000-01-01') WHERE id = ?", COLLECT[1], stray)
    assert keep(bank, "2026-02-13") == {"remind": 1, "untold": 1}
    assert reminded(bank, case) == LADDER[:1]


def test_every_timer_of_every_step_has_a_ladder_in_the_book() -> None:
    for process in PROCESSES.values():
        for step in process.steps.values():
            for kind in BOOK.orders if "{kind}" in step.due else [""]:
                assert not step.due or BOOK.rungs(step.due.format(kind=kind))


# -- the review of a restriction ----------------------------------------------------------------------------------------


def in_force(bank: Works, review_on: str | None) -> int:
    said = {"kind": "K1", "review_on": review_on}
    control = bank.bank.open("control", "han", "propose", subject="B1", book=bank.book, said=said)
    bank.bank.do("oh", "confirm", control)
    return control


@pytest.mark.parametrize(
    ("review_on", "due"), [("2026-01-20", "2026-01-20"), ("2026-04-06", "2026-04-06"), ("2026-06-01", "2026-04-06"),
                           (None, "2026-04-06")])  # fmt: skip
def test_a_restriction_is_reviewed_on_the_day_that_was_wished_or_the_books_whichever_comes_first(
    bank: Works, review_on: str | None, due: str
) -> None:
    control = in_force(bank, review_on)
    assert bank.bank.state(control).due_on == due
    assert not [d for d in replay(bank.db, bank.house.snapshots, [control]).divergences if d.what == "deadline"]


def test_who_is_reminded_of_it_then_may_renew_it_for_the_whole_time_again(quick: Works) -> None:
    control = in_force(quick, "2026-01-20")
    quick.bank.day = "2026-01-19"
    assert quick.remind() == Counter(remind=1)
    quick.bank.do("oh", "renew", control, said={"due_on": "2026-04-15"})
    assert quick.bank.state(control).due_on == "2026-04-15"


def test_a_lifting_refused_after_that_day_is_reviewed_by_the_book(quick: Works) -> None:
    quick.bank.rules = replace(quick.bank.rules, beside=lambda *_: (MAY_LIFT, ""))
    control = in_force(quick, "2026-01-20")
    for day, due in (("2026-01-12", "2026-01-20"), ("2026-01-20", "2026-04-20")):
        quick.bank.day = day
        quick.bank.do("han", "ask_lift", control)
        quick.bank.do("oh", "refuse_lift", control)
        assert quick.bank.state(control).due_on == due
