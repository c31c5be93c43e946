"""What a mail tells of a borrower: by the policy book in force on the day that it is sent."""

import re
from dataclasses import replace

import pytest

from door.eligible import eligible
from door.store import read_case
from models.policy import Book, Letters
from portal.words.reader import Reader
from tasks import books
from tasks.address import address
from tasks.deliver import Post, send
from tasks.words import EN
from tests.portal.conftest import Office
from tests.portal.links import able, do, link, restriction, waiting
from tests.tasks.core_bank import BOOK
from tests.tasks.post_office import mail_server


def in_force(office: Office, letters: Letters) -> None:
    """A version of the book that says so, by two people."""
    day = office.house.business_date().isoformat()
    book = Book.model_validate(BOOK.model_dump() | {"version": "2026.2", "letters": letters})
    books.keep(office.db, book)
    said = {"book": book.hash, "effective_from": day, "reason": "What mails tell."}
    case = do(office, office.of("policy_editor"), "propose_book", None, said, process="policy", subject="policy",
              book=book.hash)  # fmt: skip
    do(office, office.of("policy_editor", 1), "approve_book", case)


def mailed(office: Office, case: int, person: str) -> str:
    """The whole mail that he gets about the case."""
    db, house, day = office.db, office.house, office.house.business_date().isoformat()
    s = read_case(db, case)
    assert s is not None
    for table in ("told", "notice", "message", "channel"):
        db.run(f"DELETE FROM {table}")
    db.run("UPDATE person SET language = 'en'")
    db.insert("notice", ("case_id", "seq", "kind", "person", "at"), [(case, s.seq, "remind", person, house.now())])
    with mail_server() as server:
        db.insert("channel", ("person", "url"), [(person, server.url(person))])
        rules = books.rules(db)
        address(db, lambda db, case, on: eligible(db, rules, case, on), day, house.now())
        post = Post(house.bank, house.link_secret(), house.page, {}, tells=books.letters(db, day))
        send(db, house.now, day, post, lambda: 0.5)
        (mail,) = server.mails()
    return f"{mail['Subject']}\n" + "".join(
        mail.get_body((kind,)).get_content()  # type: ignore[union-attr]
        for kind in ("plain", "html")
    )


def told(office: Office, case: int, person: str) -> tuple[bool, bool]:
    """Whether his mail says the borrower's name in full, and a level."""
    mail = mailed(office, case, person)
    assert f"inspection {case}" in mail
    ((name,),) = office.db.rows("SELECT b.name FROM cases c JOIN borrower b ON b.id = c.subject WHERE c.id = ?", case)
    return name in mail, "Level" in mail


def test_a_mail_tells_neither_name_nor_level_unless_the_book_in_force_says_so(office: Office) -> None:
    case, manager = waiting(office, "review")
    s = read_case(office.db, case)
    assert s is not None
    assert told(office, case, manager) == (False, False)
    in_force(office, Letters(borrower="full", level="yes"))
    assert told(office, case, manager) == (True, True)
    level = s.facts["proposed_level"]
    assert f"<td>L{level} {EN.levels[level]}</td>" in mailed(office, case, manager)


def test_a_mail_names_a_restriction_by_the_books_words_and_who_proposed_it(office: Office) -> None:
    case, shin, facility = restriction(office)
    ((name,),) = office.db.rows("SELECT name FROM person WHERE id = ?", shin)
    mail = mailed(office, case, able(office, case)[0])
    assert f"<td>{case}, K1 no drawing</td>" in mail
    day = Reader("en").day(office.house.business_date())
    assert re.search(rf"Proposed by +{name}, {day}\s", mail)
    assert facility not in mail


def test_a_mail_names_an_order_by_the_books_words_and_who_issued_it(office: Office) -> None:
    case, manager = waiting(office, "in_work")
    s = read_case(office.db, case)
    assert s is not None
    rule = books.book(office.db, s.book).orders[s.facts["kind"]]
    mail = mailed(office, case, manager)
    assert f"{case}, {s.facts['kind']} {rule.says}" in mail
    assert "Issued by" in mail


@pytest.mark.parametrize("step", ["visit", "verify_site"])
def test_neither_a_vendor_nor_who_is_to_come_to_it_by_himself_is_told_a_level(office: Office, step: str) -> None:
    in_force(office, Letters(level="yes"))
    case, person = waiting(office, step)
    assert told(office, case, person) == (False, False)


def test_where_no_book_is_in_force_the_least_is_told(office: Office) -> None:
    in_force(office, Letters(borrower="full", level="yes"))
    office.db.run("DELETE FROM book_version")
    assert books.letters(office.db, office.house.business_date().isoformat()) == Letters()


def test_pages_and_mails_are_signed_by_the_bank_and_its_clock_is_that_of_its_zone(office: Office) -> None:
    office.house = replace(office.house, bank="Narae Bank", zone="Europe/Berlin")
    office.app.state.portal.house = office.house
    case = restriction(office)[0]
    person = able(office, case)[0]
    ((at,),) = office.db.rows("SELECT e.recorded_at FROM entry e JOIN cases c ON c.stream = e.stream AND e.seq = 1 WHERE c.id = ?",
                              case)  # fmt: skip
    for path in (f"/cases/{case}", link(office, case, person)):
        page = office.at(person).get(path).text
        assert "· Narae Bank</title>" in page
        assert Reader("en").instant(at, "Europe/Berlin") in page
        assert Reader("en").instant(at, "Asia/Seoul") not in page
    assert "\nNarae Bank. If the link" in mailed(office, case, person).replace("\r", "")
