"""A number before a noun: one of it, or many; Korean has one form."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from markupsafe import escape

import portal
from portal.page import environment
from portal.words.reader import Reader

TEMPLATES = Path(portal.__file__).parent / "templates"
WHAT = ("entry", "stream", "anchor", "answer", "photograph", "document", "question", "day")
#: What follows a number and is the same of one and of many.
SAME = {
    "of",
    "d",
    "late",
    "due",
    "more",
    "shown",
    "failed",
    "waiting",
    "unclaimed",
    "to",
    "again",
    "in",
    "decided",
    "refused",
}


@pytest.mark.parametrize("what", WHAT)
def test_one_is_counted_otherwise_than_many(what: str) -> None:
    en, ko = Reader("en"), Reader("ko")
    assert en.counted(1, what) == f"1 {what}"
    assert re.fullmatch(r"0 \w+s", en.counted(0, what))
    assert re.fullmatch(r"1,200 \w+s", en.counted(1200, what))
    assert ko.counted(1, what).replace("1", "2") == ko.counted(2, what)


def test_shares_lie_one_point_apart_or_several() -> None:
    said = [Reader("en").points(Decimal(n), n) for n in ("+1", "-1", "+4.5", "+0.5")]
    assert said == ["+1 point", "-1 point", "+4.5 points", "+0.5 points"]


def test_no_template_puts_a_bare_number_before_a_noun() -> None:
    """Where it is `n`, and not the same of one and of many, it is said twice: `pluralize`. Two sentences are of many alone."""
    found = []
    for file in sorted(TEMPLATES.glob("*.html")):
        for said in re.findall(r"{% trans [^%]*\bn=.*?{% endtrans %}", file.read_text(), re.S):
            after = re.search(r"{{ n }} ([a-z]+)", said)
            if after and "pluralize" not in said and after[1] not in SAME:
                found.append((file.name, said))
    many = ("More than {{ n }}", "{{ n }} business days from")
    assert [each for each in found if not any(says in each[1] for says in many)] == []


@pytest.mark.parametrize(("needs", "says"), [(0, "0 of 3 answered"), (1, "0 of 3 answered, 0 of 1 file"),
                                             (2, "0 of 3 answered, 0 of 2 files")])  # fmt: skip
def test_how_far_a_form_is_counts_its_files(needs: int, says: str) -> None:
    page = environment("en").from_string('{% import "form_parts.html" as form with context %}'
                                         "{{ form.progress(3, 0, needs, 0) }}").render(needs=needs)  # fmt: skip
    assert f">{escape(says)}<" in page
