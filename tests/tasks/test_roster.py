"""What a change of the staff would leave to nobody: every open item is judged, as the door itself judges each."""

import pytest

from door.command import SYSTEM
from door.db import Db
from door.eligible import eligible
from tasks.roster import Change, would_leave_alone
from tests.door.bank import DAY, Bank, found, later

NEXT = later(DAY, 1)


@pytest.fixture
def bank(db: Db) -> Bank:
    return found(db)


def leaves(person: str) -> Change:
    """The person leaves after DAY."""
    sql = [("UPDATE person SET until = ? WHERE id = ?", (DAY, person))]
    return Change("person_changed", f"staff:{person}", {}, sql, [person], NEXT)


def alone(bank: Bank, person: str) -> list[int]:
    return [s.id for s in would_leave_alone(bank.db, bank.rules, leaves(person))]


def test_of_six_hundred_items_each_is_judged(bank: Bank) -> None:
    opened = [bank.command(SYSTEM, "open", process="inspection", said={"path": "desk"}) for _ in range(600)]
    cases = [verdict.case for verdict in bank.act(*opened)]
    assert len(set(cases)) == 600
    other = bank.inspection("collect", subject="B2")
    bank.db.run("INSERT INTO responsible (subject, since, manager) VALUES ('B2', ?, 'park')", DAY)
    assert sorted(alone(bank, "lee")) == cases
    assert alone(bank, "park") == [other]
    assert eligible(bank.db, bank.rules, other, NEXT) == ["park"], "it was only tried"


def test_it_is_said_of_an_item_just_where_the_door_would_find_nobody(bank: Bank) -> None:
    steps = ("collect", "visit", "check", "review", "verify_desk", "verify_site", "decide")
    cases = [bank.inspection(s, path="outsourced" if s in ("visit", "check") else "desk") for s in steps]
    control = bank.open("control", "han", "propose")
    bank.absence("lee", "park")
    for person in ("lee", "park", "ahn", "choi", "yoon", "han", "seo", "kang"):
        said, before = alone(bank, person), {c for c in (*cases, control) if eligible(bank.db, bank.rules, c, NEXT)}
        bank.leave(person, DAY)
        after = {c for c in (*cases, control) if eligible(bank.db, bank.rules, c, NEXT)}
        bank.db.run("UPDATE person SET until = NULL WHERE id = ?", person)
        assert set(said) == before - after, person
