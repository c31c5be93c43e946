"""The policy book in the reader's words: nothing that it says lacks a translation, and the book stays what was approved."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.policy import Book, load
from portal.words.reader import LANGUAGES, Reader
from portal.words.reading import SECTIONS, read
from tests.portal.conftest import Office
from tests.portal.test_evidence import visit
from tests.portal.test_step import with_finding

DRAWN = ("base", "top_up")  # besides the rules by which a case is always drawn
OTHERS = sorted(set(LANGUAGES) - {"en"})


@pytest.fixture(scope="module")
def book() -> Book:
    return load(Path("policies"))


def said(book: Book) -> Iterator[tuple[str, str]]:
    """Everything that a reader is shown of a book, and whose it is."""
    words = {"yes", "no"}
    for id_, asked in book.checkpoints.items():
        yield asked.question, id_
        yield asked.unit, id_
        tests = (t for t in (*asked.yellow, *asked.orange, *asked.red) if t.isidentifier() and asked.type != "text")
        for code in (*asked.choices, *tests, *asked.photos, *asked.documents):
            if code not in words:
                yield code.replace("_", " ").capitalize(), id_
    for photo in book.collection.photos:
        yield photo.replace("_", " ").capitalize(), "collection"
    for section in SECTIONS:
        for code, rule in getattr(book, section).items():
            yield rule.says, code
    rules = book.rules
    ids = [rule.id for layers in (rules.path, rules.template, rules.regular_months, rules.use_days)
           for rule in (*layers.product, *layers.customer, layers.default)]  # fmt: skip
    yield from ((id_.replace("_", " "), "rules") for id_ in ids)
    for id_ in (*(rule.id for rule in book.sampling.always), *DRAWN):
        yield id_.replace("_", " "), "sampling"
    for rule in book.line:
        yield rule.id.replace("_", " "), "line"


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_that_the_book_says_is_left_untranslated(book: Book, language: str) -> None:
    reader = Reader(language)
    missing = {text: whose for text, whose in said(book) if text and text != "%" and reader.read(text) == text}
    assert missing == {}
    assert len(set(said(book))) > 250


@pytest.mark.parametrize("language", OTHERS)
def test_a_reading_asks_the_same_in_other_words_and_keeps_the_hash_that_was_approved(book: Book, language: str) -> None:
    spoken = read(book, Reader(language))
    assert spoken.hash == book.hash
    for id_, asked in book.checkpoints.items():
        ours = spoken.checkpoint(id_)
        assert ours.question != asked.question
        assert ours.unit.startswith("%") == asked.unit.startswith("%"), id_  # by which figures are written
        assert ours.model_copy(update={"question": asked.question, "unit": asked.unit}) == asked
    assert read(book, Reader("en")) is book


def test_a_question_that_the_bank_words_itself_is_shown_as_it_words_it(book: Book) -> None:
    own = book.checkpoint("C1").model_copy(update={"question": "Does the shop sell?"})
    changed = Book.from_text(book.model_copy(update={"checkpoints": {**book.checkpoints, "C1": own}}).model_dump_json())
    assert changed.hash != book.hash
    assert read(changed, Reader("ko")).checkpoint("C1").question == "Does the shop sell?"
    assert read(book, Reader("ko")).checkpoint("C1").question == "영업 중입니까?"


def test_a_korean_reads_korean_questions_on_a_visit_a_step_form_and_the_case(office: Office, book: Book) -> None:
    case, inspector = visit(office)
    s, page = with_finding(office)
    english, korean = (
        [asked.question for asked in each.checkpoints.values()] for each in (book, read(book, Reader("ko")))
    )
    for person, address in (
        (inspector, f"/visits/{case}"),
        (page.person, page.address),
        (page.person, f"/cases/{s.id}"),
    ):
        browser = office.at(person)
        browser.cookies.delete("language")
        browser.cookies.set("language", "ko")
        shown = browser.get(address).text
        assert any(text in shown for text in korean), address
        assert [text for text in english if text in shown] == [], address


def test_what_an_inspection_is_due_by_is_read_too() -> None:
    says = {"rating_30_days_before": "등급재평가, 30일 전", "order 178": "시정요구 178", "condition:visited-more-often":
            "조건: visited more often", "by_project": "프로젝트"}  # fmt: skip
    assert {id_: Reader("ko").rule(id_) for id_ in says} == says
    assert Reader("en").rule("repayment_60_days_before") == "repayment source, 60 days before"
    assert Reader("en").rule("large_monthly") == "every month (large borrower)"


def test_a_code_that_does_not_say_which_document_it_is_is_said_in_full_and_a_banks_own_as_it_is() -> None:
    assert [Reader("en").named(code) for code in ("bill", "bureau", "fleet_list")] == [
        "Utility bill", "Credit bureau report", "Fleet list"]  # fmt: skip
