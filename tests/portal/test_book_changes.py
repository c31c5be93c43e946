"""Who approves a policy book sees what differs from the one in force, place by place; and later what he approved."""

import json
import re

import pytest

from models.policy import Book
from portal.words.places import placed
from portal.words.reader import Reader
from tasks import books
from tests.portal.conftest import Office
from tests.portal.links import do

ROW = re.compile(
    r'<tr><th scope="row">(?:[^<]+<small class="dim">)?<code>([^<]*)</code>(?:</small>)?</th><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td></tr>'
)


def in_force(office: Office) -> Book:
    return books.book(office.db, books.in_force(office.db, office.house.business_date().isoformat()))


def another(office: Office, version: str = "2026.2", lead_days: int = 20) -> Book:
    """As the one in force, but a first use is opened earlier, and the first trigger of the line is the last."""
    said = json.loads(in_force(office).text)
    said["kinds"]["use"]["lead_days"] = lead_days
    said["line"] = said["line"][1:] + said["line"][:1]
    return Book.from_text(json.dumps(said | {"version": version}))


@pytest.fixture
def editors(office: Office) -> tuple[str, str]:
    """Two who may propose and approve."""
    return office.of("policy_editor"), office.of("policy_editor", 1)


def proposed(office: Office, by: str, book: Book) -> int:
    books.keep(office.db, book)
    day = office.house.business_date().isoformat()
    said = {"book": book.hash, "effective_from": day, "reason": "first uses came late"}
    return do(office, by, "propose_book", None, said, process="policy", subject="policy", book=book.hash)


def said(page: str) -> dict[str, tuple[str, str]]:
    return {place: (re.sub("<[^>]*>", "", a), re.sub("<[^>]*>", "", b)) for place, a, b in ROW.findall(page)}


def test_what_differs_stands_beside_the_approval_and_on_the_case(office: Office, editors: tuple[str, str]) -> None:
    one, other = editors
    case = proposed(office, one, another(office))
    first = in_force(office).line[0].id
    for path in (f"/cases/{case}", f"/cases/{case}/approve_book"):
        page = office.at(other).get(path).text
        assert f"What differs from book {in_force(office).version}, which is in force" in page
        found = said(page)
        assert found["kinds.use.lead_days"] == (str(in_force(office).kinds["use"].lead_days), "20")
        assert found["version"] == (in_force(office).version, "2026.2")
        assert found[f"line[{first}].when"][1] == "the same, at another place in the order"
        assert all(place == "version" or place.startswith(("kinds.use", f"line[{first}]")) for place in found)


def test_an_approved_book_is_compared_with_the_one_that_it_replaced(office: Office, editors: tuple[str, str]) -> None:
    one, other = editors
    case = proposed(office, one, another(office))
    before = office.at(other).get(f"/cases/{case}").text
    do(office, other, "approve_book", case)
    assert in_force(office).version == "2026.2"
    assert said(office.at(other).get(f"/cases/{case}").text) == said(before)
    later = proposed(office, one, another(office, "2026.3", 25))
    page = office.at(other).get(f"/cases/{later}").text
    assert "What differs from book 2026.2, which is in force" in page
    assert said(page)["kinds.use.lead_days"] == ("20", "25")


def test_where_nothing_was_in_force_before_nothing_is_compared(office: Office) -> None:
    first = office.db.rows("SELECT min(id) FROM cases WHERE process = 'policy'")[0][0]
    page = office.at(office.of("auditor")).get(f"/cases/{first}").text
    assert "No other book can be compared with it" in page


def test_a_book_that_says_the_same_is_said_to(office: Office, editors: tuple[str, str]) -> None:
    one, other = editors
    case = proposed(office, one, in_force(office))
    assert "Nothing: the two say the same." in office.at(other).get(f"/cases/{case}").text


@pytest.mark.parametrize(("place", "english", "korean"), [
    ("version", "Version", "판"),
    ("holds_max_days", "Days that a case may be on hold in all", "건별 최대 보류 일수"),
    ("kinds.use.lead_days", "Kinds of inspection, first use of funds, days ahead", "점검 종류, 자금용도, 사전 일수"),
    ("line[workout].when", "Line of escalation, workout, condition", "상신 기준, workout, 조건"),
    ("no_such.days", "", ""),
])  # fmt: skip
def test_a_place_in_the_book_is_said_in_words(place: str, english: str, korean: str) -> None:
    assert [placed(Reader(language), place) for language in ("en", "ko")] == [english, korean]


def test_each_section_of_the_book_has_its_words() -> None:
    """But for the places of its files, which are no part of what it says."""
    assert [name for name in Book.model_fields if name != "places" and not placed(Reader("en"), name)] == []
