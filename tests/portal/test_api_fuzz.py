"""Whatever is sent to the API by whomever, a person of each role or a program, it answers: never with an error of its own, as
its description says."""

from datetime import date
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.openapi import from_asgi
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from portal.api.caller import issue
from portal.asking import COOKIE
from tests.portal.conftest import Office

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
ROLES = ("account_manager", "branch_head", "post_loan_officer", "credit_manager", "operations", "auditor",
         "administrator", "credit_approver", "policy_editor")  # fmt: skip
CONFORMS = [response_schema_conformance, content_type_conformance]


def sensible(office: Office, path: str, person: str) -> dict[str, Any]:
    """What somebody who knows the bank would send there."""
    day = office.house.business_date().isoformat()
    waiting = office.at(person).get("/api/v1/items").json()["items"]
    visit = next((c["id"] for c in waiting if c["step"] == "visit"), 1)
    facility = office.db.rows("SELECT id FROM facility ORDER BY id LIMIT 1")[0][0]
    found: dict[str, dict[str, Any]] = {
        "/disbursement-checks": {"body": {"facility": facility, "amount": 100}},
        "/packages": {"body": {"case": visit, "package": {"how": "outsourced", "visited_on": day, "answers": []}}},
        "/cases/{case}": {"path_parameters": {"case": waiting[0]["id"] if waiting else 1}},
        "/cases/{case}/acts": {"path_parameters": {"case": waiting[0]["id"] if waiting else 1},
                               "body": {"action": "comment", "payload": {"text": "seen"}}},
        "/cases": {"query": {"limit": 5}}, "/items": {"query": {"limit": 5}}, "/assignments": {"query": {"limit": 5}},
    }  # fmt: skip
    return found[path]


def test_nothing_that_is_sent_breaks_it_and_most_of_it_is_reached(office: Office) -> None:
    schema = from_asgi("/api/v1/openapi.json", office.app, headers={"host": "127.0.0.1"})
    schema.config.update(base_url="http://127.0.0.1/api/v1")
    operations = [found.ok() for found in schema.get_all_operations()]
    reached: set[str] = set()
    visiting = office.db.rows("SELECT owner FROM item WHERE step = 'visit' ORDER BY case_id")[0][0]
    people = [visiting, *map(office.of, ROLES)]
    for person in people:
        headers = {"cookie": f"{COOKIE}={office.at(person).cookies[COOKIE]}", "x-form-token": office.form(person)}
        for operation in operations:
            bombard(operation, sensible(office, operation.path, person), headers, reached)
    program = {"authorization": f"Bearer {issue(office.db, 'core-banking', '', ['checks:write'], date(2099, 1, 1))}"}
    for operation in operations:
        bombard(operation, sensible(office, operation.path, visiting), program, reached)
    print(f"\n{len(reached)} of {len(operations)} operations answered with 2xx")
    assert len(reached) >= 0.8 * len(operations)


def bombard(operation: Any, known: dict[str, Any], headers: dict[str, str], reached: set[str]) -> None:
    """Sends what the description allows and what it does not, half of it as somebody who knows the bank."""

    @settings(max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), sense=st.booleans())
    def send(case: schemathesis.Case, sense: bool) -> None:
        if sense:
            for name, value in known.items():
                setattr(case, name, value)
        answer = case.call(headers=headers)
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        case.validate_response(answer, checks=CONFORMS)
        if answer.status_code < 300:
            reached.add(operation.label)

    send()
