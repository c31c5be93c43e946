"""Who may what, route by route: routes.txt says it, and each person asks each address of the portal and of its API, on
both databases. An address that the table does not have fails, and so does one that there is not."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from portal.api.caller import issue
from portal.pages.account import HERE
from portal.provider import Provider
from portal.who import access
from portal.who.asking import COOKIE
from tests.portal.accounts import account_service
from tests.portal.conftest import PASSWORD, Office, moved_in
from tests.portal.desk import Desk, desk
from tests.portal.links import link
from tests.portal.pictures import photo

TABLE = Path(__file__).parent / "routes.txt"
WIDTH = 61  # of a row's address and of what it is about; the letters stand behind
SUBJECTS = ("visit", "package", "review", "control", "policy", "run", "nowhere")
#: Pages of one decision: who may take it finds its form there, others why not.
FORMS = ("/cases/{case}/{action}", "/cases/{case}/relation", "/visits/{case}", "/d/{text}")
STATUS = {200: "y", 201: "y", 400: "b", 401: "u", 403: "x", 404: "-", 503: "!"}
DONE = "y>!"
MEASURE = {"code": "A01", "by": "2099-01-01"}
CONCLUSION = {"level": 0, "class_": 1, "capacity": "1.2", "willingness": "good", "repayment_source": "sales"}


@dataclass(frozen=True)
class Row:
    """A line of the table: an address, what is asked there, and for each person what he gets."""

    method: str
    path: str
    what: str
    expected: Mapping[str, str]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.method, self.path, self.what)))

    @property
    def subject(self) -> str:
        return "run" if "/runs/" in self.path else next((s for s in SUBJECTS if self.what.endswith(s)), "")


def table() -> list[Row]:
    rows, columns = list[Row](), list[str]()
    for line in TABLE.read_text().splitlines():
        address, letters = line[:WIDTH].split(), line[WIDTH:].split()
        if not address and letters:
            columns = letters
        elif columns and address and not line.startswith("#"):
            rows.append(Row(address[0], address[1], " ".join(address[2:]), dict(zip(columns, letters, strict=True))))
    return rows


def addresses(routes: Any, before: str = "") -> Iterator[str]:
    """Method and path of every route of an application, of what is included and mounted too."""
    for route in routes:
        if included := getattr(route, "original_router", None):
            yield from addresses(included.routes, before)
        elif methods := getattr(route, "methods", None):
            yield from (f"{method} {before}{route.path}".replace(":int", "").replace(":path", "") for method in methods)
        elif inner := getattr(route.app, "routes", None):
            yield from addresses(inner, before + route.path)
        else:
            yield f"GET {before}{route.path}/{{path}}"


def address(row: Row, at: Desk) -> str:
    """The row's address, its places filled."""
    action = row.what.partition(",")[0]

    def place(found: re.Match[str]) -> str:
        match found[0]:
            case "{case}":
                return str(at.case)
            case "{action}":
                return {"draft": "conclude", "approve": "approve_book", "hand-in": "submit"}.get(action, action)
            case "{seq}":
                return at.one("SELECT max(seq) FROM entry WHERE stream = ? AND action = 'submit'", f"case:{at.case}")
            case "{text}":
                whose = at.people["c"]
                return "abc" if row.what == "no link" else link(at.office, at.case, whose).removeprefix("/d/")
            case "{sha256}":
                return at.photographed()
            case "{name}":
                return f"person:{at.people['o']}"
            case "{path}":
                return "style.css"
        return {"runs": str(at.case), "people": at.people["o"], "units": "mapo"}[row.path.split("/")[2]]

    return re.sub(r"{\w+}", place, row.path)


def typed(row: Row, at: Desk) -> dict[str, Any]:
    """The form's fields, as somebody who may would send them."""
    seen, (facility, borrower) = at.seq, at.facility
    match f"{row.path} {row.what}":
        case "/signin right password":
            return {"username": at.people["u"], "password": PASSWORD, "next": "/inbox"}
        case "/signin wrong password":
            return {"username": "nobody", "password": "wrong"}
        case "/preferences without form token":
            return {"theme": "dark", "_form": ""}
        case "/cases/{case} comment, review":
            return {"act": "comment", "sent": "yes", "text": "Seen."}
        case "/cases/{case} reassign, review":
            return {"act": "reassign", "sent": "yes", "reason": "Away.", "to": at.colleague}
        case "/cases/{case} cancel, review":
            return {"act": "cancel", "sent": "yes", "reason": "Opened twice."}
        case "/cases/{case}/{action} draft, review" | "/visits/{case} draft, visit":
            return {"act": "draft", "capacity": "1.2"}
        case "/cases/{case}/{action} conclude, review":
            measure = {f"measures.0.{name}": value for name, value in MEASURE.items()}
            measure["measures.0.owner"] = at.people["m"]
            return {"act": "decide", "seen": seen, **CONCLUSION, **measure}
        case "/visits/{case}/files a photo, visit" | "/api/v1/cases/{case}/evidence a photo, visit":
            return {"key": "k1", "shows": "gate", "kind": "photo"}
        case "/cases/{case}/relation the package":
            return {"says": "My brother owns it."}
        case "/d/{text} confirm, control":
            return {"decision": "confirm", "seen": seen, "key": f"d-{at.case}"}
        case "/controls/new restrict":
            return {"what": "control", "borrower": borrower, "kind": "K1", "reason": "It stands still.", "key": "r1"}
        case "/controls/new order":
            said = {"kind": "O1", "facility": facility, "reason": "Send the figures.", "key": "r2"}
            return {"what": "order", "borrower": borrower, **said}
        case "/operations/dry " | "/operations/run ":
            return {"stage": "escalation", "batch": "b1"}
        case "/operations/requeue ":
            return {"message": "all"}
        case "/staff a new unit":
            return {"what": "add_unit", "id": "busan", "name": "Busan Branch", "lane": "branch", "calendar": "KR"}
    return {"claim": at.case} if row.path == "/inbox" else {"act": "decide", "seen": seen}


def body(row: Row, at: Desk) -> dict[str, Any]:
    """What a program sends."""
    match row.path:
        case "/api/v1/disbursement-checks":
            return {"facility": at.facility[0], "amount": 100}
        case "/api/v1/packages":
            return {"case": at.case, "package": {"how": "outsourced", "visited_on": at.day, "answers": []}}
        case "/hooks/prefect":
            run = "11111111-0000-0000-0000-111111111111"
            return {"what": "failed", "flow_run": run, "flow": "escalation"}
    if row.what.startswith("conclude"):
        measures = [{**MEASURE, "owner": at.people["m"]}]
        return {"action": "conclude", "payload": {**CONCLUSION, "measures": measures}}
    return {"action": "comment", "payload": {"text": "Seen."}}


class Asker:
    """A browser that is each person's in turn."""

    def __init__(self, office: Office, browser: TestClient) -> None:
        self.office, self.browser = office, browser
        self.cookies: dict[str, str] = {}

    def answers(self, row: Row, at: Desk) -> Iterator[tuple[str, Response]]:
        """Each person's, by his letter; of those who may last, because it stands otherwise then."""
        to, sent = address(row, at), dict[str, Any]()
        file = row.path.endswith(("/files", "/evidence"))
        data = row.method == "POST" and (file or not row.path.startswith(("/api", "/hooks")))
        if data:
            sent["data"] = {name: str(value) for name, value in typed(row, at).items()}
        elif row.method == "POST":
            sent["json"] = body(row, at)
        if file:
            sent["files"] = {"file": ("gate.jpg", photo(size=(64, 48)), "image/jpeg")}
        for letter in sorted(row.expected, key=lambda letter: row.expected[letter] in DONE):
            if row.expected[letter] != ".":
                headers, form = self.headers(row, at, letter)
                said = sent | {"data": {"_form": form} | sent["data"]} if data else sent
                yield letter, self.browser.request(row.method, to, headers=headers, **said)
                self.browser.cookies.clear()

    def headers(self, row: Row, at: Desk, letter: str) -> tuple[dict[str, str], str]:
        """What tells who it is; and what his forms carry."""
        headers, form = {"idempotency-key": f"routes-{len(str(row))}-{at.case}-{letter}"}, ""
        if row.path.endswith("/files"):
            headers["accept"] = "application/json"
        if letter != "n":
            person = at.people[letter]
            if person not in self.cookies or row.path == "/signout":
                self.cookies[person] = at.cookie(letter)
            form = access.csrf(self.cookies[person])
            headers["cookie"] = (
                f"{COOKIE}={self.cookies.pop(person) if row.path == '/signout' else self.cookies[person]}"
            )
        if row.what == "by a program":
            headers["authorization"] = f"Bearer {issue(self.office.db, 'core', '', ['checks:write'], date(2099, 1, 1))}"
        elif row.what == "with the secret":
            headers["authorization"] = f"Bearer {self.office.house.hook_secret()}"
        elif "without" not in row.what:
            headers["x-form-token"] = form
        return headers, form


def letter_of(row: Row, answer: Response, accounts: str) -> str:
    there = answer.headers.get("location", "")
    if answer.status_code == 303:
        ours = ">" if there.startswith("/") else there
        return "s" if there.startswith("/signin?next=") else "~" if there.startswith(accounts) else ours
    if answer.status_code == 200 and row.method == "GET" and row.path in FORMS:
        return "y" if 'method="post"' in answer.text.partition("<main")[2] else "w"
    return STATUS.get(answer.status_code, str(answer.status_code))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One for all rows."""
    with moved_in(request, tmp_path_factory.mktemp("routes")) as made:
        yield made


def test_every_address_has_a_row_and_every_row_an_address(office: Office) -> None:
    assert {f"{row.method} {row.path}" for row in table()} == set(addresses(office.app.routes))


@pytest.mark.slow
def test_each_person_gets_at_each_address_what_the_table_says(office: Office) -> None:
    rows, wrong = table(), list[str]()
    assert len({str(row) for row in rows}) == len(rows)
    access.set_password(office.db, office.of("auditor"), PASSWORD)
    with account_service() as accounts, office.browser() as browser:  # one event loop for all that is asked
        asker = Asker(office, browser)
        office.app.state.portal.provider = Provider(accounts.declared, f"{office.house.portal}{HERE}/back")
        for row in rows:
            for letter, answer in asker.answers(row, desk(office, row.subject)):
                found = letter_of(row, answer, accounts.address)
                if found != row.expected[letter]:
                    wrong.append(f"{row}: {letter} gets {found}, not {row.expected[letter]}")
    assert wrong == [], "\n" + "\n".join(wrong)
