"""What is said of being told is what is so: by mail, by another message, or not at all."""

import re

import pytest

from portal.who import access
from tests.portal.conftest import PASSWORD, Office
from tests.portal.links import able, link, restriction
from tests.portal.test_decision import form

WAYS = [("mailtos://user:pass@mail.bank.example?to=me@bank.example", "You are told by mail."),
        ("ntfys://chat.bank.example/topic", "You are told by a message."),
        ("", "Nothing is sent to you: your address is not known here. The administrator adds one.")]  # fmt: skip


@pytest.mark.parametrize(("url", "says"), WAYS)
def test_an_empty_list_says_how_one_is_told_of_what_comes(office: Office, url: str, says: str) -> None:
    for person, path in ((office.of("auditor"), "/inbox"), (idle(office), "/visits")):
        office.db.run("DELETE FROM channel WHERE person = ?", person)
        if url:
            office.db.run("INSERT INTO channel (person, url) VALUES (?, ?)", person, url)
        page = office.at(person).get(path).text
        assert says in page
        assert [other for _, other in WAYS if other in page] == [says]


def idle(office: Office) -> str:
    """An inspector for whom nothing waits."""
    return next(p for n in range(20) if (p := office.of("inspector", n))
                and not office.db.rows("SELECT 1 FROM item WHERE owner = ?", p))  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
def test_after_a_decision_it_is_said_whether_the_manager_is_told(office: Office, known: bool) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    ((manager, name),) = office.db.rows(
        "SELECT p.id, p.name FROM cases c JOIN responsible r ON r.subject = c.subject JOIN person p ON p.id = r.manager "
        "WHERE c.id = ? ORDER BY r.since DESC LIMIT 1", case)  # fmt: skip
    office.db.run("DELETE FROM channel WHERE person = ?", manager)
    if known:
        office.db.run("INSERT INTO channel (person, url) VALUES (?, ?)", manager, WAYS[0][0])
    access.set_password(office.db, bae, PASSWORD)
    address = link(office, case, bae)
    done = office.post(bae, address, decision="confirm", read="yes", password=PASSWORD,
                       **form(office.at(bae).get(address)))  # fmt: skip
    said = re.sub(r"\s+", " ", done.text)  # type: ignore[attr-defined]
    assert (f"{name} is told." in said) is known
    assert (f"Nothing is sent to {name}: no address is known." in said) is not known
