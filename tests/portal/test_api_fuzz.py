"""Whatever is sent to the API by whomever, it answers: never with an error of its own, as its description says. And who
may do something there, gets it done."""

from datetime import date
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.openapi import from_asgi
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from portal.api.caller import SCOPES, issue
from portal.who.asking import COOKIE
from tests.portal.conftest import Office
from tests.portal.links import able
from tests.portal.pictures import photo

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
CONFORMS = [response_schema_conformance, content_type_conformance]
READ = {"GET /cases", "GET /items", "GET /assignments"}
ONE, ACTS = {"GET /cases/{case}"}, {"POST /cases/{case}/acts"}
FILES, PACKAGES, CHECKS = {"POST /cases/{case}/evidence"}, {"POST /packages"}, {"POST /disbursement-checks"}
#: What each caller gets done, by the bank's own division of labour: at least this.
DOES = {
    "inspector": READ | ONE | ACTS | FILES | PACKAGES,
    "account_manager": READ | ONE | ACTS | FILES,
    "branch_head": READ | ONE,
    "post_loan_officer": READ | ONE | ACTS,
    "credit_manager": READ | ONE | ACTS,
    "operations": READ | ONE,
    "auditor": READ | ONE,
    "administrator": READ,
    "credit_approver": READ | ONE,
    "policy_editor": READ | ONE,
    "program that pays": CHECKS,
    "program that reads": {"GET /cases", "GET /items"} | ONE,
    "program of a vendor": READ | ONE | ACTS | FILES | PACKAGES,
}
PROGRAMS = {"program that pays": ("checks:write", ""), "program that reads": ("cases:read", "auditor"),
            "program of a vendor": (" ".join(SCOPES), "inspector")}  # fmt: skip


@pytest.fixture
def callers(office: Office) -> list[tuple[str, str, dict[str, str]]]:
    """Each by name, with the person whose eyes it has and the headers that let it in."""
    found = []
    for name in DOES:
        if name in PROGRAMS:
            scopes, role = PROGRAMS[name]
            person = at_work(office, role, -1) if role else ""
            token = issue(office.db, name.replace(" ", "-"), person, scopes.split(), date(2030, 1, 1))
            found.append((name, person, {"authorization": f"Bearer {token}"}))
        else:
            person = at_work(office, name)
            cookie = f"{COOKIE}={office.at(person).cookies[COOKIE]}"
            found.append((name, person, {"cookie": cookie, "x-form-token": office.form(person)}))
    return found


def at_work(office: Office, role: str, n: int = 0) -> str:
    """Somebody of the role; of those who collect one who has something to collect."""
    step = {"inspector": "visit", "account_manager": "collect"}.get(role)
    return visitors(office, step)[n] if step else office.of(role)


def visitors(office: Office, step: str) -> list[str]:
    cases = office.db.rows("SELECT case_id FROM item WHERE step = ? ORDER BY case_id", step)
    return list(dict.fromkeys(person for (case,) in cases for person in able(office, case)))


def sensible(office: Office, path: str, person: str) -> dict[str, Any]:
    """What somebody who knows the bank would send there."""
    day = office.house.business_date().isoformat()
    waiting = office.at(person).get("/api/v1/items").json()["items"] if person else []
    seen = office.at(person).get("/api/v1/cases").json()["items"] if person else []

    def first(*steps: str) -> int:
        return next((c["id"] for c in (*waiting, *seen) if not steps or c["step"] in steps), 1)

    facility = office.db.rows("SELECT id FROM facility ORDER BY id LIMIT 1")[0][0]
    found: dict[str, dict[str, Any]] = {
        "/disbursement-checks": {"body": {"facility": facility, "amount": 100}},
        "/packages": {"body": {"case": first("visit"),
                               "package": {"how": "outsourced", "visited_on": day, "answers": []}}},
        "/cases/{case}": {"path_parameters": {"case": first()}},
        "/cases/{case}/acts": {"path_parameters": {"case": first()},
                               "body": {"action": "comment", "payload": {"text": "seen"}}},
        "/cases/{case}/evidence": {"path_parameters": {"case": first("visit", "collect")},
                                   "body": {"file": photo(size=(40, 30)), "kind": "photo", "shows": "gate"}},
        "/cases": {"query": {"limit": 5}}, "/items": {"query": {"limit": 5}}, "/assignments": {"query": {"limit": 5}},
    }  # fmt: skip
    return found[path]


def test_nothing_that_is_sent_breaks_it_and_everybody_reaches_what_is_his(
    office: Office, callers: list[tuple[str, str, dict[str, str]]]
) -> None:
    schema = from_asgi("/api/v1/openapi.json", office.app, headers={"host": "127.0.0.1"})
    schema.config.update(base_url="http://127.0.0.1/api/v1")
    operations = [found.ok() for found in schema.get_all_operations()]
    operations.sort(key=lambda o: o.path == "/packages")  # what hands a visit in comes last
    reached: dict[str, set[str]] = {}
    for name, person, headers in callers:
        for operation in operations:
            known = sensible(office, operation.path, person)
            reached.setdefault(name, set()).update(bombard(operation, known, headers))
    labels = sorted(o.label for o in operations)
    print(f"\nanswered with 2xx:{'':14}{'  '.join(labels)}")
    for name, got in reached.items():
        print(f"{name:32}{'  '.join(('✓' if label in got else '·').ljust(len(label)) for label in labels)}")
    every = set().union(*reached.values())
    print(f"{len(every)} of {len(labels)} operations")
    assert len(every) >= 0.8 * len(labels)
    assert {name: does - reached[name] for name, does in DOES.items() if does - reached[name]} == {}


def bombard(operation: Any, known: dict[str, Any], headers: dict[str, str]) -> set[str]:
    """Sends what the description allows and what it does not, half of it as somebody who knows the bank; the operation,
    if it answered with 2xx."""
    reached = set()

    @settings(max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), sense=st.booleans())
    def send(case: schemathesis.Case, sense: bool) -> None:
        if sense:
            for name, value in known.items():
                setattr(case, name, value)
        answer = case.call(headers=dict(headers))
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        case.validate_response(answer, checks=CONFORMS)
        if answer.status_code < 300:
            reached.add(operation.label)

    send()
    return reached
