"""The API: core banking asks the gate, a vendor's system fetches visits and hands in packages, people's programs act."""

from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient

from portal.api.caller import issue
from tests.portal.conftest import Office

FAR = date(2030, 1, 1)


@pytest.fixture
def program(office: Office) -> Any:
    """Makes a program with a token: its client."""

    def make(name: str, person: str, *scopes: str, ends_on: date = FAR) -> TestClient:
        client = office.browser()
        client.headers["authorization"] = f"Bearer {issue(office.db, name, person, list(scopes), ends_on)}"
        return client

    return make


def facility(office: Office) -> str:
    """One that nothing stands against."""
    return str(office.db.rows("SELECT f.id FROM facility f WHERE NOT EXISTS (SELECT 1 FROM cases c WHERE c.subject = "
                              "f.borrower AND c.closed_on IS NULL) ORDER BY f.id LIMIT 1")[0][0])  # fmt: skip


def test_core_banking_asks_before_it_pays_and_a_repeat_gets_the_first_answer(office: Office, program: Any) -> None:
    core = program("core-banking", "", "checks:write")
    asked = {"facility": facility(office), "amount": 100}
    first = core.post("/api/v1/disbursement-checks", json=asked, headers={"Idempotency-Key": "payment-1"})
    again = core.post("/api/v1/disbursement-checks", json=asked, headers={"Idempotency-Key": "payment-1"})
    assert first.status_code == 200
    assert again.json() == {**first.json(), "repeated": True}
    assert office.db.rows("SELECT person FROM entry WHERE hash = ?", first.json()["hash"]) == [("core-banking",)]


@pytest.mark.parametrize("amount", [0, -1, 1.5, "100", 2**53, True])
def test_an_amount_that_is_none_is_a_problem_and_asks_nothing(office: Office, program: Any, amount: Any) -> None:
    core = program("core-banking", "", "checks:write")
    answer = core.post("/api/v1/disbursement-checks", json={"facility": "F", "amount": amount},
                       headers={"Idempotency-Key": "payment-1"})  # fmt: skip
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["field"] == "amount"


def test_a_program_may_only_what_its_scopes_say_and_only_until_it_ends(office: Office, program: Any) -> None:
    reader = program("reader", office.of("auditor"), "cases:read")
    assert reader.get("/api/v1/cases").status_code == 200
    refused = reader.post("/api/v1/disbursement-checks", json={"facility": "F", "amount": 1},
                          headers={"Idempotency-Key": "payment-1"})  # fmt: skip
    assert (refused.status_code, refused.json()["code"]) == (403, "scope")
    over = program("over", office.of("auditor"), "cases:read", ends_on=date(2020, 1, 1))
    assert over.get("/api/v1/cases").status_code == 401
    assert office.browser().get("/api/v1/cases").status_code == 401
    assert not office.db.rows("SELECT 1 FROM machine WHERE token LIKE 'plm_%'")


def test_a_vendors_system_sees_its_inspectors_visits_and_nothing_else(office: Office, program: Any) -> None:
    rows = office.db.rows("SELECT owner, case_id FROM item WHERE step = 'visit' ORDER BY case_id")
    inspector = rows[0][0]
    vendor = program("vendor", inspector, "assignments:read", "packages:write", "cases:read")
    found = vendor.get("/api/v1/assignments").json()["items"]
    assert [a["case"] for a in found] == [case for owner, case in rows if owner == inspector]
    assert all(a["inspector"] == inspector and a["asks"] for a in found)
    other = office.db.rows("SELECT c.id FROM cases c WHERE c.process = 'inspection' AND c.stream NOT IN (SELECT stream "
                           "FROM entry WHERE person = ?) AND c.step <> 'visit' LIMIT 1", inspector)[0][0]  # fmt: skip
    assert vendor.get(f"/api/v1/cases/{other}").status_code == 404


def test_a_package_is_handed_in_once_and_the_door_refuses_in_a_sentence(office: Office, program: Any) -> None:
    ((inspector, case),) = office.db.rows(
        "SELECT owner, case_id FROM item WHERE step = 'visit' ORDER BY case_id LIMIT 1"
    )
    vendor = program("vendor", inspector, "packages:write")
    day = office.house.business_date().isoformat()
    handed = {"case": case, "package": {"how": "outsourced", "visited_on": day, "answers": []}}
    first = vendor.post("/api/v1/packages", json=handed, headers={"Idempotency-Key": "package-1"})
    again = vendor.post("/api/v1/packages", json=handed, headers={"Idempotency-Key": "package-1"})
    assert (first.status_code, first.json()["step"]) == (200, "screen")
    assert again.json() == {**first.json(), "repeated": True}
    assert office.woken == ["outsourced_collection", "outsourced_collection"]
    late = vendor.post("/api/v1/packages", json=handed, headers={"Idempotency-Key": "package-2"})
    assert (late.status_code, late.json()["code"]) == (409, "not_here")
    assert late.json()["detail"].endswith(".")


def test_somebody_signed_in_may_ask_with_his_form_token(office: Office) -> None:
    officer = office.of("post_loan_officer")
    case = office.at(officer).get("/api/v1/items").json()["items"][0]
    act = {"action": "claim", "payload": {}, "seen": case["seq"]}
    path, key = f"/api/v1/cases/{case['id']}/acts", {"Idempotency-Key": "claim-01"}
    assert office.at(officer).post(path, json=act, headers=key).status_code == 403
    done = office.at(officer).post(path, json=act, headers={**key, "X-Form-Token": office.form(officer)})
    assert done.status_code == 200
    assert office.db.rows("SELECT holder FROM item WHERE case_id = ?", case["id"]) == [(officer,)]


def test_all_cases_are_found_page_by_page(office: Office, program: Any) -> None:
    auditor = program("audit", office.of("auditor"), "cases:read")
    found, address = [], "/api/v1/cases?limit=100"
    while address:
        page = auditor.get(address).json()
        found += [c["id"] for c in page["items"]]
        address = page["next"]
    assert found == [id_ for (id_,) in office.db.rows("SELECT id FROM cases ORDER BY id")]


def test_the_description_names_every_operation(office: Office) -> None:
    said = office.browser().get("/api/v1/openapi.json").json()
    assert set(said["paths"]) == {
        "/disbursement-checks", "/assignments", "/packages", "/cases", "/cases/{case}", "/cases/{case}/acts", "/items",
    }  # fmt: skip
