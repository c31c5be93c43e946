"""Which vendor visits and which of its inspectors: who is engaged for it, in what proportion, and whose turn it is not."""

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from door.command import SYSTEM
from door.db import Db
from models.runs import Engaged, Related
from tasks.dispatch import dispatch
from tasks.dossier import Dossier
from tests.tasks.papers import dossier, given, vendor
from tests.tasks.works import Works, changed, facility, works


def sent(d: Dossier, *vendors: Engaged, **more: Any) -> tuple[str, str]:
    """(vendor, inspector), or the arrow and the reason where nobody goes."""
    action, said = dispatch(d, given(vendors=vendors, **more))
    return (said["vendor"], said["inspector"]) if action == "assign" else (action, said["reason"])


def case(id: int = 7, *last: str | None, product: str = "SE", unit: str = "mapo", **more: Any) -> Dossier:
    """A case whose borrower was last inspected by these, the newest first (None: not by a vendor)."""
    made = dossier(id=id, product=product, unit=unit, **more)
    return replace(made, earlier=tuple(replace(made.state, id=0, facts={"inspector": i} if i else {}) for i in last))


# -- who is engaged ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("product", "unit", "fits"),
    [("SE", "mapo", True), ("*", "mapo", True), ("SE", "*", True), ("*", "*", True), ("WC", "mapo", False),
     ("SE", "jongno", False), ("WC", "*", False), ("*", "jongno", False)],
)  # fmt: skip
def test_a_vendor_is_sent_where_its_contract_covers_product_and_unit(product: str, unit: str, fits: bool) -> None:
    found = sent(case(), vendor("v", "ahn", product=product, unit=unit))
    assert found == (("v", "ahn") if fits else ("no_vendor", "no vendor under contract for SE in mapo"))


def test_of_several_only_those_that_cover_it_are_asked() -> None:
    others = vendor("w", product="WC", per_day=200), vendor("j", unit="jongno", per_day=200)
    assert {sent(case(n), vendor("v", "ahn"), *others) for n in range(50)} == {("v", "ahn")}


def test_without_any_vendor_the_bank_visits_itself() -> None:
    assert sent(case()) == ("no_vendor", "no vendor under contract for SE in mapo")


def test_assignments_of_a_vendor_and_day_are_one_batch_and_say_why() -> None:
    _, said = dispatch(case(), given(vendors=(vendor("v", "ahn", product="SE"),), as_of=date(2026, 1, 9)))
    assert (said["batch"], said["why"]) == ("v-2026-01-09", "v covers SE in *")


# -- in what proportion -----------------------------------------------------------------------------------------------


def test_vendors_get_shares_by_their_visits_a_day_and_inspectors_equal_ones() -> None:
    """Of 6,000 cases two thirds and one third, each inspector his part, within 6 %."""
    big, small = vendor("big", "a", "b", "c", per_day=20), vendor("small", "x", "y", per_day=10)
    found = Counter(sent(case(n), big, small) for n in range(6_000))
    vendors = Counter(v for (v, _), n in found.items() for _ in range(n))
    assert vendors["big"] == pytest.approx(4_000, rel=0.06)
    for (name, _), n in found.items():
        assert n == pytest.approx(vendors[name] / len({"big": "abc", "small": "xy"}[name]), rel=0.06)


def test_the_choice_hangs_on_the_case_alone() -> None:
    vendors = (vendor("big", "a", "b", "c", per_day=20), vendor("small", "x", "y"))
    for n in range(100):
        assert sent(case(n), *vendors) == sent(case(n, None, "a"), *vendors)


# -- whose turn it is not ---------------------------------------------------------------------------------------------


def visitors(*last: str | None, at_most: int = 3) -> set[str]:
    """Who may be sent next, by the borrower's last visitors."""
    book = changed(collection={"same_inspector_at_most": at_most})
    found = {sent(case(n, *last, book=book), vendor("v", "ahn", "bae"), book=book)[1] for n in range(40)}
    return found


BOTH = {"ahn", "bae"}


def test_who_made_the_last_three_visits_in_a_row_is_not_sent_a_fourth_time() -> None:
    assert visitors("ahn", "ahn", "ahn") == {"bae"}
    assert visitors("ahn", "ahn", "ahn", "ahn") == {"bae"}
    assert visitors("ahn", "ahn") == BOTH
    assert visitors("ahn", "bae", "ahn", "ahn") == BOTH
    assert visitors("bae", "ahn", "ahn", "ahn") == BOTH
    assert visitors("ahn", None, "ahn", "ahn") == BOTH
    assert visitors(None, None, None) == BOTH


def test_how_many_in_a_row_is_the_books() -> None:
    assert visitors("ahn", at_most=1) == {"bae"}
    assert visitors(*["ahn"] * 4, at_most=5) == BOTH
    assert visitors(*["ahn"] * 5, at_most=5) == {"bae"}
    assert visitors(*["ahn"] * 5, at_most=0) == BOTH


def test_where_only_he_is_left_the_bank_visits_itself_and_says_that() -> None:
    action, reason = sent(case(7, "ahn", "ahn", "ahn"), vendor("v", "ahn"))
    assert (action, reason) == ("no_vendor", "no inspector may go: ahn made the last 3 visits")


def test_who_is_related_to_the_borrower_is_not_sent_there() -> None:
    kin = (Related(inspector="ahn", borrower="B1"), Related(inspector="bae", borrower="B2"))
    two = vendor("v", "ahn", "bae")
    assert {sent(case(n), two, related=kin) for n in range(50)} == {("v", "bae")}
    alone = sent(case(7, "bae", "bae", "bae"), two, related=kin)
    assert alone == ("no_vendor", "no inspector may go: ahn is related, bae made the last 3 visits")


def test_declared_relations_of_inspectors_are_recorded_with_the_run(db: Db, tmp_path: Path) -> None:
    bank = works(db, tmp_path)
    bank.db.insert("contract", ("vendor", "product", "unit", "per_day", "since", "until"),
                   [("visits", "*", "*", 5, "2026-01-01", "2026-12-31")])  # fmt: skip
    bank.snapshot(facility("L1", "B1"))
    for person in ("ahn", "bae", "lee"):
        bank.bank.relation(person, "B9")
    assert bank.begin("outsourced_collection").inputs.related == (
        Related(inspector="ahn", borrower="B9"), Related(inspector="bae", borrower="B9"))  # fmt: skip


def test_another_vendors_inspectors_are_free_then() -> None:
    found = {sent(case(n, "ahn", "ahn", "ahn"), vendor("v", "ahn"), vendor("w", "cha")) for n in range(40)}
    assert found == {("w", "cha")}


# -- through the door -------------------------------------------------------------------------------------------------


def engaged(bank: Works, since: str = "2026-01-01", until: str = "2026-12-31", unit: str = "*") -> None:
    bank.db.run("INSERT INTO contract (vendor, product, unit, per_day, since, until) VALUES ('visits', 'SE', ?, 9, ?, ?)",
                unit, since, until)  # fmt: skip


def waiting(bank: Works, subject: str = "B1") -> int:
    said = {"path": "outsourced", "product": "SE"}
    return bank.bank.open("inspection", SYSTEM, "open", subject=subject, book=bank.book, said=said)


@pytest.mark.parametrize(("since", "until", "sends"), [
    ("2026-01-05", "2026-01-05", True), ("2026-01-06", "2026-12-31", False), ("2025-01-01", "2026-01-04", False)])  # fmt: skip
def test_a_contract_counts_from_its_first_to_its_last_day(
    db: Db, tmp_path: Path, since: str, until: str, sends: bool
) -> None:
    bank = works(db, tmp_path)
    engaged(bank, since, until)
    case = waiting(bank)
    assert bank.stage("outsourced_collection", "dispatch") == {"assign" if sends else "no_vendor": 1}
    state = bank.bank.state(case)
    assert (state.step, state.owner in ("ahn", "bae")) == (("visit", True) if sends else ("collect", False))


def test_an_inspector_is_one_who_holds_the_role_on_the_day(db: Db, tmp_path: Path) -> None:
    """Six who begin, end or leave on that day, or a day too late or too early."""
    bank = works(db, tmp_path)
    engaged(bank)
    terms: dict[str, tuple[str, str | None, str | None]] = {  # since, until, last day of service
        "begins": ("2026-01-05", None, None), "later": ("2026-01-06", None, None),
        "ends": ("2020-01-01", "2026-01-05", None), "ended": ("2020-01-01", "2026-01-04", None),
        "leaves": ("2020-01-01", None, "2026-01-05"), "left": ("2020-01-01", None, "2026-01-04"),
    }  # fmt: skip
    for person, (since, until, last) in terms.items():
        bank.bank.hire(person, "visits")
        bank.bank.grant(person, "inspector", since, until)
        if last:
            bank.bank.leave(person, last)
    (vendor,) = bank.begin("outsourced_collection").inputs.vendors
    assert vendor.inspectors == ("ahn", "bae", "begins", "ends", "leaves")


def test_a_vendor_without_inspectors_is_not_engaged(db: Db, tmp_path: Path) -> None:
    bank = works(db, tmp_path)
    engaged(bank)
    for person in ("ahn", "bae"):
        bank.bank.leave(person, "2026-01-04")
    assert bank.begin("outsourced_collection").inputs.vendors == ()
