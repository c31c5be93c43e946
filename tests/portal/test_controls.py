"""Credit management: what waits, what restricts, what is ordered, what the gate did not pay; and what is proposed here."""

import re

import pytest

from door.act import act
from door.command import Command
from tasks import books
from tasks.gate import check
from tests.portal.conftest import ON_ONE, Office

LINK = re.compile(r'<th role="rowheader"[^>]*><a href="/cases/(\d+)"')


@pytest.fixture
def han(office: Office) -> str:
    """A credit manager, signed in."""
    person = office.of("credit_manager")
    office.at(person)
    return person


def customer(office: Office) -> tuple[str, str, str]:
    """A borrower that had no control or order before the test, one facility of his, its currency."""
    return office.db.rows("SELECT f.borrower, f.id, f.currency FROM facility f WHERE f.borrower NOT IN (SELECT subject FROM "
                          "cases WHERE process IN ('control', 'order') AND parent IS NOT NULL) ORDER BY f.borrower, f.id LIMIT 1")[0]  # type: ignore[return-value]  # fmt: skip


def proposed(office: Office, person: str, key: str = "k1", **fields: str) -> object:
    borrower, facility, _ = customer(office) if "borrower" not in fields else (fields["borrower"], "", "")
    said = {"what": "control", "borrower": borrower, "kind": "K1", "facility": facility, "reason": "misuse", "cap": "",
            "review_on": "", "key": key}  # fmt: skip
    return office.post(person, "/controls/new", **{**said, **fields})


def pay(office: Office, facility: str, amount: int, key: str) -> str:
    house = office.house
    return check(office.db, facility, amount, house.clock(house.business_date()), books.rules(office.db), house.snapshots,
                 person="core-banking", key=key).outcome  # fmt: skip


def test_what_waits_stands_there_by_step_and_deadline(office: Office, han: str) -> None:
    page = office.at(han).get("/controls")
    assert page.status_code == 200
    shown = [int(n) for n in LINK.findall(page.text)]
    order = [("inspection", "decide"), ("control", "confirm"), ("control", "confirm_lift"), ("control", "in_force"),
             ("order", "workout"), ("order", "tightened"), ("order", "extend"), ("order", "accept"), ("order", "in_work")]  # fmt: skip
    expected = [row[0] for process, step in order for row in office.db.rows(
        "SELECT case_id FROM item WHERE process = ? AND step = ? ORDER BY coalesce(due_on, '9999-12-31'), case_id",
        process, step)]  # fmt: skip
    assert shown == expected != []


def test_a_restriction_is_proposed_and_leads_to_its_case(office: Office, han: str) -> None:
    borrower, facility, _ = customer(office)
    answer = proposed(office, han)
    assert answer.status_code == 303  # type: ignore[attr-defined]
    case = int(answer.headers["location"].removeprefix("/cases/"))  # type: ignore[attr-defined]
    assert office.db.rows("SELECT subject, step FROM cases WHERE id = ? AND process = 'control'", case) == [
        (borrower, "confirm")
    ]
    again = proposed(office, han)
    assert again.headers["location"] == f"/cases/{case}"  # type: ignore[attr-defined]
    page = office.at(han).get("/controls").text
    assert "K1 no drawing" in page
    assert facility in page
    assert (
        "Restrictions that stand already:" in office.at(han).get(f"/controls/new?what=control&borrower={borrower}").text
    )


def test_an_order_is_issued_with_the_days_of_the_book(office: Office, han: str) -> None:
    page = office.at(han).get(f"/controls/new?what=order&borrower={customer(office)[0]}").text
    assert "O2 inspect again (5 days)" in re.sub(r"<[^>]+>", "", page)
    assert page.index('value="O2"') < page.index('value="O10"')
    answer = proposed(office, han, what="order", kind="O2")
    assert answer.status_code == 303  # type: ignore[attr-defined]
    case = answer.headers["location"].removeprefix("/cases/")  # type: ignore[attr-defined]
    assert f'href="/cases/{case}"' in office.at(han).get("/controls").text


def test_a_limit_is_written_in_the_currency_and_kept_in_minor_units(office: Office, han: str) -> None:
    _, _, currency = customer(office)
    assert currency == "KRW"
    answer = proposed(office, han, kind="K3", cap="120,000,000")
    case = answer.headers["location"].removeprefix("/cases/")  # type: ignore[attr-defined]
    [(payload,)] = office.db.rows("SELECT payload FROM entry WHERE stream = ?", f"case:{case}")
    assert '"cap":120000000' in payload
    assert "₩120,000,000" in office.at(han).get("/controls").text


@ON_ONE
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": ""}, "Choose what is to be done."),
        ({"kind": "K99"}, "Choose what is to be done."),
        ({"kind": "O1"}, "Choose what is to be done."),
        ({"reason": ""}, "Write why, in a sentence."),
        ({"kind": "K3"}, "Write an amount, for example 120,000,000."),
        ({"kind": "K3", "cap": "much"}, "Write an amount, for example 120,000,000."),
        ({"kind": "K3", "cap": "-5"}, "Write an amount, for example 120,000,000."),
        ({"kind": "K3", "cap": "1e400"}, "Write an amount, for example 120,000,000."),
        ({"kind": "K3", "cap": "NaN"}, "Write an amount, for example 120,000,000."),
        ({"cap": "5"}, "This restriction has no limit: leave it empty."),
        ({"facility": "of another"}, "Choose a facility of this borrower."),
        ({"review_on": "2020-01-01"}, "Choose a day after today."),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_nothing_typed_is_lost(
    office: Office, han: str, fields: dict[str, str], says: str
) -> None:
    before = office.db.rows("SELECT count(*) FROM entry")
    answer = proposed(office, han, **{"reason": "kept all the same", **fields})
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert answer.text.count(says) == 2, "in the summary and at the field"  # type: ignore[attr-defined]
    if fields.get("reason") != "":
        assert "kept all the same" in answer.text  # type: ignore[attr-defined]
    assert office.db.rows("SELECT count(*) FROM entry") == before


def test_what_only_the_door_can_know_is_said_in_its_words(office: Office, han: str) -> None:
    answer = proposed(office, han, review_on="no day at all")
    assert answer.status_code == 409  # type: ignore[attr-defined]
    assert "Nothing was changed." in answer.text  # type: ignore[attr-defined]
    assert "Review on: Choose a day after today." in answer.text  # type: ignore[attr-defined]


def test_a_borrower_is_found_by_name_number_or_facility(office: Office, han: str) -> None:
    borrower, facility, _ = customer(office)
    name = office.db.rows("SELECT name FROM borrower WHERE id = ?", borrower)[0][0]
    for q in (name[:6], borrower, facility):
        assert f"borrower={borrower}" in office.at(han).get("/controls/new", params={"what": "order", "q": q}).text
    assert "No borrower is found." in office.at(han).get("/controls/new?q=%25%25").text
    assert office.at(han).get("/controls/new?borrower=nobody").status_code == 404
    assert office.at(han).get("/controls/new?what=run").status_code == 404


def test_what_the_gate_did_not_pay_is_shown_with_the_reason(office: Office, han: str) -> None:
    facility = customer(office)[1]
    case = proposed(office, han).headers["location"].removeprefix("/cases/")  # type: ignore[attr-defined]
    other = office.of("credit_manager", 1)
    act(office.db, [Command(other, "confirm", {}, case=int(case))], office.house.clock(office.house.business_date()),
        books.rules(office.db))  # fmt: skip
    assert pay(office, facility, 5_000_000, "p1") == "refuse"
    page = office.at(han).get("/controls").text
    newest = page[page.index('id="gate"') :]
    newest = newest[: newest.index("</li>")]
    assert facility in newest
    assert "₩5,000,000 refused" in newest
    assert f"The restriction K1 of case {case} is in force: no drawing." in newest


def test_the_gates_refusals_are_found_by_an_index(office: Office) -> None:
    if office.db.dialect != "sqlite":
        office.db.run("SET enable_seqscan = off")  # the journal is small here
    sql = ("SELECT stream, recorded_at, person, payload FROM entry WHERE action IN ('refuse', 'limit') AND stream LIKE "
           "'gate:%' ORDER BY recorded_at DESC, stream LIMIT 20")  # fmt: skip
    plan = office.db.rows(("EXPLAIN QUERY PLAN " if office.db.dialect == "sqlite" else "EXPLAIN ") + sql)
    assert "entry_stopped" in str(plan)


@ON_ONE
@pytest.mark.parametrize("role", ["account_manager", "branch_head", "inspector", "operations"])
def test_who_has_no_part_in_it_finds_no_such_page(office: Office, role: str) -> None:
    person = office.of(role)
    assert office.at(person).get("/controls").status_code == 404
    assert office.at(person).get("/controls/new").status_code == 404
    assert proposed(office, person).status_code == 404  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", ["post_loan_officer", "auditor"])
def test_who_only_reads_it_proposes_nothing(office: Office, role: str) -> None:
    person = office.of(role)
    page = office.at(person).get("/controls")
    assert page.status_code == 200
    assert "/controls/new" not in page.text
    assert office.at(person).get("/controls/new").status_code == 404
    before = office.db.rows("SELECT count(*) FROM cases")
    assert proposed(office, person).status_code == 404  # type: ignore[attr-defined]
    assert office.db.rows("SELECT count(*) FROM cases") == before
