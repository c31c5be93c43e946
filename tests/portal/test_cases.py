"""The list of cases: what is his, found by borrower, number and facility, page by page."""

import re

import pytest

from tests.portal.conftest import Office
from tests.portal.links import do, waiting
from tests.portal.paged import paged

LINK = re.compile(r'href="/cases/(\d+)"')


def shown(office: Office, person: str, address: str = "/cases") -> list[int]:
    """All that the list has, followed to its end and back."""
    return [int(n) for n in paged(office.at(person), address, LINK)]


def test_open_cases_come_first_and_every_page_goes_on_from_the_last(office: Office) -> None:
    wanted = [id_ for (id_,) in office.db.rows("SELECT id FROM cases ORDER BY closed_on IS NOT NULL, id DESC")]
    assert shown(office, office.of("auditor")) == wanted


@pytest.mark.parametrize("state", ["open", "closed"])
def test_it_is_narrowed_by_what_the_address_says(office: Office, state: str) -> None:
    found = shown(office, office.of("auditor"), f"/cases?process=inspection&state={state}")
    open_ = "IS NULL" if state == "open" else "IS NOT NULL"
    assert found == [id_ for (id_,) in office.db.rows(f"SELECT id FROM cases WHERE process = 'inspection' AND closed_on {open_} "
                                                      "ORDER BY id DESC")]  # fmt: skip


def test_a_borrower_a_number_and_a_facility_each_find_the_case(office: Office) -> None:
    id_, subject, name = office.db.rows("SELECT c.id, c.subject, b.name FROM cases c JOIN borrower b ON b.id = c.subject "
                                        "WHERE c.process = 'inspection' ORDER BY c.id LIMIT 1")[0]  # fmt: skip
    facility = office.db.rows("SELECT id FROM facility WHERE borrower = ? ORDER BY id", subject)[0][0]
    auditor = office.of("auditor")
    for q in (name, name[1:-2].upper(), subject, facility, facility.lower(), str(id_)):
        assert id_ in shown(office, auditor, f"/cases?q={q}"), q
    assert id_ not in shown(office, auditor, "/cases?q=%25nobody_")


def test_a_manager_finds_his_customers_alone_and_an_inspector_his_assignments(office: Office) -> None:
    manager, inspector, day = (
        office.of("account_manager"),
        office.of("inspector"),
        office.house.business_date().isoformat(),
    )
    subjects = {s for (s,) in office.db.rows("SELECT id FROM borrower")}
    his = {s for s in subjects if office.db.rows("SELECT manager FROM responsible WHERE subject = ? AND since <= ? ORDER BY "
                                                 "since DESC, recorded_at DESC, case_id DESC LIMIT 1", s, day) == [(manager,)]}  # fmt: skip
    found = shown(office, manager)
    assert found
    assert {s for (s, id_) in office.db.rows("SELECT subject, id FROM cases") if id_ in set(found)} <= his
    visits = {
        c for (c,) in office.db.rows("SELECT case_id FROM item WHERE role = 'inspector' AND owner = ?", inspector)
    }
    handed = {c for (c,) in office.db.rows("SELECT c.id FROM cases c JOIN entry e ON e.stream = c.stream WHERE e.person = ? "
                                           "AND e.action = 'submit'", inspector)}  # fmt: skip
    assert set(shown(office, inspector)) == visits | handed


def test_an_inspector_learns_nothing_from_the_list_that_the_case_would_not_say(office: Office) -> None:
    inspector = office.db.rows("SELECT person FROM entry WHERE action = 'submit' ORDER BY person LIMIT 1")[0][0]
    page = office.at(inspector).get("/cases").text
    assert 'class="badge' not in page
    assert "Decide" not in page
    assert shown(office, inspector, "/cases?step=decide") == shown(office, inspector)


def test_a_search_that_finds_nothing_says_what_to_write(office: Office) -> None:
    page = office.at(office.of("auditor")).get("/cases?q=Zzyzx").text
    assert "Nothing is found that is yours to see." in page


@pytest.mark.parametrize("process", ["control", "order"])
def test_what_is_restricted_or_ordered_stands_in_words_beside_its_code(office: Office, process: str) -> None:
    page = office.at(office.of("auditor")).get(f"/cases?process={process}").text
    found = re.findall(r" · ([KO]\d+)([^<]*)</small>", page)
    assert found
    assert all(says.strip() for _, says in found)


def test_who_has_a_case_in_hand_stands_beside_its_step(office: Office) -> None:
    case, person = waiting(office, "review")
    do(office, person, "claim", case, {})
    assert "with you</small>" in office.at(person).get(f"/cases?q={case}").text
    name = office.db.rows("SELECT name FROM person WHERE id = ?", person)[0][0]
    page = office.at(office.of("auditor")).get(f"/cases?q={case}").text
    assert f"with {name}</small>" in page
    heads = re.findall('<th role="columnheader"[^>]*>([^<]+)</th>', page)
    assert (heads[0], heads[-1]) == ("Opened", "Deadline")
