"""The API: core banking asks the gate, a vendor's system fetches visits and hands in packages, people's programs act."""

import hashlib
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient

from portal.api.caller import issue
from tests.portal.conftest import ON_ONE, Office
from tests.portal.links import waiting
from tests.portal.pictures import HTML, PDF, SVG, photo

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


@ON_ONE
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
    where = ("address", "contact", "latitude", "longitude")
    lie = office.db.rows(f"SELECT c.id, {', '.join(where)} FROM cases c JOIN borrower b ON b.id = c.subject")
    assert {a["case"]: [a[name] for name in where] for a in found}.items() <= {id_: rest for id_, *rest in lie}.items()
    assert all(a["address"] and a["contact"] for a in found)
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


# -- evidence ---------------------------------------------------------------------------------------------------------


def visited(office: Office, program: Any, *scopes: str) -> tuple[TestClient, int]:
    """A vendor's system, and a visit of its inspector."""
    inspector, case = office.db.rows("SELECT owner, case_id FROM item WHERE step = 'visit' ORDER BY case_id LIMIT 1")[0]
    return program("vendor", inspector, *(scopes or ("packages:write",))), case


def sent(vendor: TestClient, case: int, content: bytes, key: str = "photo-01", **said: str) -> Any:
    said = {"kind": "photo", "shows": "gate"} | said
    return vendor.post(f"/api/v1/cases/{case}/evidence", data=said, files={"file": ("gate.jpg", content, "text/html")},
                       headers={"Idempotency-Key": key})  # fmt: skip


def handed_in(office: Office, vendor: TestClient, case: int, *evidence: Any, key: str = "package-1") -> Any:
    said = {"how": "outsourced", "visited_on": office.house.business_date().isoformat(), "answers": [],
            "evidence": list(evidence)}  # fmt: skip
    return vendor.post("/api/v1/packages", json={"case": case, "package": said}, headers={"Idempotency-Key": key})


def test_a_photograph_is_kept_by_its_content_and_stands_in_the_package_as_it_was_answered(
    office: Office, program: Any
) -> None:
    vendor, case = visited(office, program)
    content = photo()
    taken = sent(vendor, case, content)
    assert taken.status_code == 200
    assert taken.json() == {"sha256": hashlib.sha256(content).hexdigest(), "kind": "photo", "shows": "gate",
                            "taken_at": "2026-02-02T05:07:00Z", "latitude": "37.56650", "longitude": "126.97800"}  # fmt: skip
    sha256 = taken.json()["sha256"]
    assert (office.house.home / "evidence" / sha256[:2] / sha256).read_bytes() == content
    assert handed_in(office, vendor, case, taken.json()).json()["step"] == "screen"
    assert office.db.rows("SELECT case_id FROM evidence WHERE sha256 = ?", sha256) == [(case,)]


def test_a_repeat_under_the_same_key_is_none_and_another_file_under_it_is_refused(office: Office, program: Any) -> None:
    vendor, case = visited(office, program)
    first, content = sent(vendor, case, photo()), photo("red")
    assert sent(vendor, case, photo()).json() == first.json()
    for again in (sent(vendor, case, content), sent(vendor, case, photo(), shows="sign")):
        assert (again.status_code, again.json()["code"]) == (409, "key_reused")
    assert office.db.rows("SELECT count(*) FROM upload WHERE case_id = ?", case) == [(1,)]


@ON_ONE
@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [(HTML, "photo", 415, "unknown"), (SVG, "document", 415, "unknown"), (PDF, "photo", 415, "no_picture"),
     (PDF + b"\0" * (10 << 20), "document", 413, "too_large"), (photo(size=(400, 300))[:900], "photo", 422, "broken"),
     (PDF + b"\0" * (12 << 20), "document", 413, "guard")],
    ids=["html", "svg", "pdf as photo", "large", "cut off", "larger than a body"])  # fmt: skip
def test_what_is_no_evidence_is_a_problem_that_says_what_to_send(
    office: Office, program: Any, content: bytes, kind: str, status: int, code: str
) -> None:
    vendor, case = visited(office, program)
    answer = sent(vendor, case, content, kind=kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert office.db.rows("SELECT count(*) FROM upload") == [(0,)]


def test_a_body_without_a_length_is_cut_off_as_well(office: Office, program: Any) -> None:
    vendor, _ = visited(office, program)
    endless = (b"x" * (1 << 20) for _ in range(20))
    answer = vendor.post("/api/v1/packages", content=endless, headers={"Idempotency-Key": "package-1",
                                                                       "content-type": "application/json"})  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_files_are_taken_for_a_visit_of_ones_own_while_it_waits(office: Office, program: Any) -> None:
    vendor, case = visited(office, program)
    others = office.db.rows("SELECT i.case_id FROM item i WHERE i.step = 'visit' AND i.owner <> (SELECT owner FROM item "
                            "WHERE case_id = ?) LIMIT 1", case)[0][0]  # fmt: skip
    assert sent(vendor, others, photo()).status_code == 404
    assert handed_in(office, vendor, case).status_code == 200
    late = sent(vendor, case, photo())
    assert (late.status_code, late.json()["code"]) == (409, "not_here")
    officer = program("officer", office.of("post_loan_officer"), "packages:write")
    assert sent(officer, others, photo()).status_code == 403
    assert office.db.rows("SELECT count(*) FROM upload") == [(0,)]
    core = program("core", "", "packages:write")
    assert sent(core, case, photo()).json()["code"] == "nobody"


@ON_ONE
@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"taken_at": "2026-02-02T05:08:00Z"}, {"latitude": "37.00000"},
                                    {"shows": "sign"}, {"kind": "document"}])  # fmt: skip
def test_a_package_names_no_file_otherwise_than_it_was_taken_in(
    office: Office, program: Any, change: dict[str, str]
) -> None:
    vendor, case = visited(office, program, "packages:write", "act")
    taken = sent(vendor, case, photo()).json()
    answer = handed_in(office, vendor, case, taken, taken | change)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "no_file", "evidence.1")
    body = {"action": "submit", "payload": {"how": "outsourced", "visited_on": "2026-02-02", "answers": [],
                                            "evidence": [taken | change]}}  # fmt: skip
    acted = vendor.post(f"/api/v1/cases/{case}/acts", json=body, headers={"Idempotency-Key": "package-2"})
    assert (acted.status_code, acted.json()["code"]) == (422, "no_file"), "nor by the door for all acts"


def test_a_proof_of_a_correction_is_a_file_that_was_handed_in(office: Office, program: Any) -> None:
    case, manager = waiting(office, "in_work")
    program_ = program("branch", manager, "packages:write", "act")
    body = {"action": "done", "payload": {"says": "The plan is here.", "files": ["0" * 64]}}
    path, key = f"/api/v1/cases/{case}/acts", {"Idempotency-Key": "correction-1"}
    refused = program_.post(path, json=body, headers=key)
    assert (refused.status_code, refused.json()["field"]) == (422, "files.0")
    taken = sent(program_, case, PDF, kind="document", shows="plan").json()
    body["payload"]["files"] = [taken["sha256"]]  # type: ignore[index]
    assert program_.post(path, json=body, headers=key).json()["step"] == "accept"


def test_somebody_signed_in_may_ask_with_his_form_token(office: Office) -> None:
    officer = office.of("post_loan_officer")
    case = office.at(officer).get("/api/v1/items").json()["items"][0]
    act = {"action": "claim", "payload": {}, "seen": case["seq"]}
    path, key = f"/api/v1/cases/{case['id']}/acts", {"Idempotency-Key": "claim-01"}
    assert office.at(officer).post(path, json=act, headers=key).status_code == 403
    done = office.at(officer).post(path, json=act, headers={**key, "X-Form-Token": office.form(officer)})
    assert done.status_code == 200
    assert office.db.rows("SELECT holder FROM item WHERE case_id = ?", case["id"]) == [(officer,)]


def test_what_waits_is_found_page_by_page(office: Office, program: Any) -> None:
    asks = program("asks", office.of("post_loan_officer"), "cases:read")
    whole = asks.get("/api/v1/items?limit=200").json()
    found, address = [], "/api/v1/items?limit=1"
    while address:
        page = asks.get(address).json()
        found += page["items"]
        address = page["next"]
    assert (found, whole["next"]) == (whole["items"], None)
    assert asks.get("/api/v1/items?after=9999-12-32_1").json()["field"] == "after"
    assert len(found) > 5


def test_a_host_that_is_not_ours_is_told_so_in_the_form_of_a_problem(office: Office) -> None:
    answer = office.browser().get("/api/v1/cases", headers={"host": "elsewhere.example"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


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
        "/cases/{case}/evidence",
    }  # fmt: skip
