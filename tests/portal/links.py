"""What waits for people in the lived bank, and the links that their mails carry."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from deployments.bench.weeks import begun
from door.act import act
from door.command import SYSTEM, Command
from door.eligible import eligible
from door.store import read_case
from tasks import books
from tasks.address import address
from tasks.deliver import Post, send
from tasks.run import finish
from tasks.token import Token, make, read
from tests.portal.conftest import Office
from tests.tasks.post_office import mail_server


def link(office: Office, case: int, person: str, days: int = 7) -> str:
    """The path of a link to a case as it stands now, which ends in so many days."""
    s = read_case(office.db, case)
    assert s is not None
    expires = int(datetime.now(UTC).timestamp()) + days * 86400
    made = Token(case, s.seq, person, s.visits.get(s.step, 0), s.head, expires)
    return "/d/" + make(made, office.house.link_secret())


def digest(office: Office, person: str) -> dict[int, str]:
    """By case, the path of its link in the digest that comes to him by mail of all that he has not been told yet."""
    house, day = office.house, office.house.business_date().isoformat()
    rules = books.rules(office.db)
    with mail_server() as letters:
        office.db.run("DELETE FROM channel")
        office.db.run("INSERT INTO channel (person, url) VALUES (?, ?)", person, letters.url(person))
        address(office.db, lambda db, case, on: eligible(db, rules, case, on), day, house.now())
        send(office.db, house.now, day, Post(house.bank, house.link_secret(), house.page, {}), lambda: 1.0)
        (mail,) = letters.mails()
    body = mail.get_body(("plain",))
    assert body is not None
    links = re.findall(re.escape(house.portal) + r"/d/(\S+)", body.get_content())
    said = {text: read(text, house.link_secret(), house.now()) for text in links}
    return {token.case: f"/d/{text}" for text, token in said.items() if isinstance(token, Token)}


def do(office: Office, person: str, action: str, case: int | None = None, payload: dict[str, Any] | None = None,
       **more: Any) -> int:  # fmt: skip
    """Somebody acts elsewhere; it must be permitted."""
    clock = office.house.clock(office.house.business_date())
    (verdict,) = act(
        office.db, [Command(person, action, payload or {}, case=case, **more)], clock, books.rules(office.db)
    )
    assert verdict.refused is None, verdict
    assert verdict.case is not None
    return verdict.case


def able(office: Office, case: int) -> list[str]:
    return eligible(office.db, books.rules(office.db), case, office.house.business_date().isoformat())


def restriction(office: Office, kind: str = "K1") -> tuple[int, str, str]:
    """A restriction proposed on a facility: its case, who proposed it, the facility."""
    shin = office.of("credit_manager")
    facility, borrower = office.db.rows(
        "SELECT f.id, f.borrower FROM facility f WHERE NOT EXISTS (SELECT 1 FROM cases c WHERE c.subject = f.borrower "
        "AND c.process <> 'handover' AND c.closed_on IS NULL) ORDER BY f.id LIMIT 1")[0]  # fmt: skip
    book = books.in_force(office.db, office.house.business_date().isoformat())
    said = {"kind": kind, "facility": facility, "reason": "The site stood still on both visits."}
    return do(office, shin, "propose", None, said, process="control", subject=borrower, book=book), shin, facility


def waiting(office: Office, step: str, green: bool | None = None) -> tuple[int, str]:
    """A case that waits at a step, and somebody who may decide it; green: with nothing found."""
    for (case,) in office.db.rows(
        "SELECT case_id FROM item WHERE step = ? AND held_until IS NULL ORDER BY case_id", step
    ):
        s = read_case(office.db, case)
        if s and (green is None or bool(s.facts.get("green")) == green) and (found := able(office, case)):
            return case, found[0]
    raise AssertionError(f"nothing waits at {step}")


def at_the_desk(office: Office, green: bool, **concluded: Any) -> tuple[int, str]:
    """A case that was concluded (as proposed, or as said) and that the draw left at the desk, and who may verify it."""
    case, manager = waiting(office, "review", green)
    s, day = read_case(office.db, case), office.house.business_date()
    assert s is not None
    do(office, manager, "conclude", case, {
        "level": s.facts["proposed_level"], "class_": s.facts["class_"], "capacity": "Sales hold.",
        "willingness": "good", "repayment_source": "Cash from operations.",
        "measures": [{"code": "A01", "owner": manager, "by": (day + timedelta(days=90)).isoformat()}], **concluded})  # fmt: skip
    run = begun(office.db, office.house, "four_eyes_verification", day)
    drawn = {"round": 1, "rule": "chance", "probability": "0.10"}
    do(office, SYSTEM, "desk", case, drawn, run=run.id)
    finish(run)
    return case, able(office, case)[0]


def returned(office: Office, case: int, findings: bool) -> None:
    """A package that waits for its check is returned, handed in again, and examined: with something found, or nothing."""
    s = read_case(office.db, case)
    assert s is not None
    payload, inspector = office.db.rows("SELECT payload, person FROM entry WHERE stream = ? AND action = 'submit'",
                                        s.stream)[-1]  # fmt: skip
    defects = [{"code": "B02", "where": "Meter"}]
    do(office, able(office, case)[0], "return", case, {"defects": defects, "reason": "It can't be read."})
    do(office, inspector, "submit", case, orjson.loads(payload))
    run = begun(office.db, office.house, "outsourced_collection", office.house.business_date())
    asked = orjson.loads(payload)["answers"][0]
    found = [{"facility": asked["facility"], "checkpoint": asked["checkpoint"], "colour": "o"}] if findings else []
    do(office, SYSTEM, "pass", case, {"defects": [], "findings": found}, run=run.id)
    finish(run)
