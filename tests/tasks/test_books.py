"""Which policy book is in force: what two people put in force, from the day they said and never before they did."""

import hashlib
import json
from pathlib import Path

import pytest

from door.command import SYSTEM, Refused
from door.db import Db
from models.policy import Book
from tasks import books
from tasks.replay import replay
from tests.tasks.core_bank import BOOK
from tests.tasks.works import Works, changed, works

FIRST, SECOND = changed(collection={"stale_months": 2}), changed(collection={"stale_months": 3})


@pytest.fixture
def bank(db: Db, tmp_path: Path) -> Works:
    """With the default book in force since 5 January."""
    return works(db, tmp_path)


def proposed(bank: Works, book: Book, since: str) -> int:
    books.keep(bank.db, book)
    said = {"book": book.hash, "effective_from": since, "reason": "decided"}
    return bank.bank.open("policy", "ryu", "propose_book", payload=said, subject="policy", book=book.hash)


def on(bank: Works, *days: str) -> list[str]:
    return [books.in_force(bank.db, day) for day in days]


def test_of_two_versions_for_one_date_the_one_approved_last_is_in_force(bank: Works) -> None:
    """Whichever was proposed first."""
    first, second = proposed(bank, FIRST, "2026-02-02"), proposed(bank, SECOND, "2026-02-02")
    bank.bank.do("oh", "approve_book", second)
    bank.bank.do("oh", "approve_book", first)
    assert on(bank, "2026-02-02") == [FIRST.hash]


def test_a_version_is_in_force_from_its_date(bank: Works) -> None:
    before = bank.book
    bank.bank.do("oh", "approve_book", proposed(bank, FIRST, "2026-02-02"))
    assert on(bank, "2026-02-01", "2026-02-02") == [before, FIRST.hash]


def test_one_that_is_dated_back_is_in_force_from_the_day_of_its_approval(bank: Works) -> None:
    """What was done on the days before was done under the book that was in force then."""
    before = bank.book
    bank.bank.day = "2026-03-02"
    bank.bank.do("oh", "approve_book", proposed(bank, FIRST, "2025-06-01"))
    assert on(bank, "2026-01-05", "2026-03-01", "2026-03-02") == [before, before, FIRST.hash]


def test_days_before_anything_was_approved_go_by_what_was_approved_for_them_first(bank: Works) -> None:
    """So the first book of a bank may hold for the loans of years ago."""
    bank.bank.day = "2026-03-02"
    for book in (FIRST, SECOND):
        bank.bank.do("oh", "approve_book", proposed(bank, book, "2025-06-01"))
    assert on(bank, "2025-07-01") == [FIRST.hash]


def test_a_version_that_is_not_the_book_of_its_case_is_refused(bank: Works) -> None:
    """Else the one would be approved and the other come into force."""
    books.keep(bank.db, FIRST)
    said = {"book": FIRST.hash, "effective_from": "2026-02-02", "reason": "decided"}
    refused = refusal(bank, said, bank.book)
    assert (refused.code, "kept under another book" in refused.facts["says"]) == ("form", True)


def test_a_version_that_nobody_has_is_refused(bank: Works) -> None:
    unknown = "0" * 64
    refused = refusal(bank, {"book": unknown, "effective_from": "2026-02-02", "reason": "decided"}, unknown)
    assert (refused.code, "is not in the database" in refused.facts["says"]) == ("form", True)
    assert bank.cases("policy") == [1]


def refusal(bank: Works, said: dict[str, str], book: str) -> Refused:
    return bank.bank.refused("ryu", "propose_book", process="policy", payload=said, subject="policy", book=book)


# -- books that an earlier version of the product compiled --------------------------------------------------------------


def of_old() -> str:
    """The default book as it was compiled when it had rules that nothing followed."""
    said = json.loads(BOOK.text)
    said["sampling"]["second_look"] = "0.05"
    said["classification"] |= {"technical_days": 7, "technical_source": "J"}
    said["restrictions"]["K9"]["reaches"] = "group"
    del said["timers"]["order.O9.red"], said["timers"]["revisit"], said["calendar"]
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def test_a_book_compiled_by_an_earlier_version_is_read_under_its_own_hash(db: Db) -> None:
    text = of_old()
    hash_ = hashlib.sha256(text.encode()).hexdigest()
    db.run("INSERT INTO book (hash, version, text) VALUES (?, 'old', ?)", hash_, text)
    found = books.book(db, hash_)
    assert (found.hash, found.text) == (hash_, text)
    assert found.restrictions["K9"].reaches == "borrower"
    assert (found.sampling, found.calendar) == (BOOK.sampling, "KR")
    assert found.timer("revisit") == BOOK.timer("verify_desk")


def test_a_case_that_began_with_such_a_book_goes_on_with_it(bank: Works) -> None:
    """An order of those days keeps the days that it was told, red finding or not."""
    text = of_old()
    old = Book.kept(text)
    bank.enforce(old)
    books._compiled.clear()  # as in a process that starts today
    case = bank.bank.open("inspection", SYSTEM, "open", book=bank.book, said={"path": "desk"})
    bank.bring(case, "prepare")
    bank.bank.do(SYSTEM, "propose", case, said={"proposed_level": 3})
    bank.bank.do("lee", "conclude", case, said={"level": 3})
    bank.bring(case, "decide")
    ordered = {"restrictions": [], "orders": [{"kind": "O9", "reason": "plan"}]}
    (order,) = bank.bank.do("han", "impose", case, said=ordered).opened
    assert bank.bank.state(order).due_on == "2026-01-12"  # five days, to the next business day


def test_where_a_red_finding_stands_the_plan_is_due_in_two_days(bank: Works) -> None:
    due = {}
    for level, subject in ((3, "B1"), (2, "B2")):
        case = bank.bank.open("inspection", SYSTEM, "open", subject=subject, book=bank.book, said={"path": "desk"})
        bank.bring(case, "prepare")
        bank.bank.do(SYSTEM, "propose", case, said={"proposed_level": level})
        bank.bank.do("lee", "conclude", case, said={"level": level})
        bank.bring(case, "decide")
        ordered = {"restrictions": [], "orders": [{"kind": kind, "reason": "plan"} for kind in ("O9", "O1")]}
        opened = bank.bank.do("han", "impose", case, said=ordered).opened
        due[level] = [bank.bank.state(order).due_on for order in opened]
    assert due == {3: ["2026-01-07", "2026-01-15"], 2: ["2026-01-12", "2026-01-15"]}


def test_a_bank_elsewhere_goes_by_its_own_calendar_and_needs_no_other(db: Db, tmp_path: Path) -> None:
    """On 14 February 2026, a Saturday, Chinese banks worked before their new year."""
    said = json.loads(BOOK.text)
    said["calendars"] = {"CN": said["calendars"]["CN"]}
    there = works(db, tmp_path, Book.from_text(json.dumps(said | {"calendar": "CN"})))
    there.bank.day = "2026-02-13"
    control = there.bank.open("control", "han", "propose", subject="B1", book=there.book)
    assert there.bank.state(control).due_on == "2026-02-14"
    assert there.remind() == {"remind": 1}
    assert not [d for d in replay(db, there.house.snapshots, [control]).divergences if d.what == "deadline"]
