"""Mistakes in the book: each in one sentence with file, line and what is allowed, all at once."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.policy import PolicyError, check, load
from models.policy.source import read

FOLDER = Path(__file__).parents[2] / "policies"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the default book to spoil."""
    copy = tmp_path / "policies"
    copy.mkdir()
    for file in FOLDER.glob("*.yaml"):
        shutil.copy(file, copy)
    return copy


def spoil(folder: Path, file: str, old: str, new: str) -> str:
    """Replace text that stands once; gives the place of the first line changed."""
    text = (folder / file).read_text()
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new))
    return f"policies/{file}:{text[: text.index(old)].count(chr(10)) + 1}:"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("book.yaml", 'version: "2026.1"', 'version: ""', "version: string should match"),
        ("book.yaml", "semantics: 1", "semantics: 2", "less than or equal to 1, not 2"),
        ("book.yaml", "backlog_days: 92", "backlog_days: -1", "greater than or equal to 0, not -1"),
        ("book.yaml", "backlog_days: 92", "backlog_dais: 92",
         "unknown key 'backlog_dais'; allowed here: version, semantics"),
        ("book.yaml", "borrower: masked ", "borrower: hidden ", "letters.borrower: input should be 'masked' or 'full'"),
        ("book.yaml", "calendar: KR", "calendar: DE", "calendar: unknown calendar 'DE'; there are KR, CN, US"),
        ("calendars.yaml", "country: US", "country: XX", "XX"),
        ("calendars.yaml", "categories: [public, bank]", "categories: [public, holy]", "holy"),
        ("calendars.yaml", "{country: US", "{closed: [2026-13-01], country: US", "month must be in 1..12"),
        ("calendars.yaml", "{country: US, first_year: 2000", "{country: US, first_year: 2099", "before it begins"),
        ("timers.yaml", "review: {business_days: 5", "review: {busines_days: 5",
         "allowed here: business_days, calendar_days, hours"),
        ("timers.yaml", "review: {business_days: 5", "review: {hours: 5, business_days: 5", "exactly one of"),
        ("timers.yaml", "review: {business_days: 5", "review: {whose: JP, business_days: 5",
         "unknown calendar 'JP'; there are KR, CN, US"),
        ("timers.yaml", "review: {business_days: 5, ladder: branch}", "review: {business_days: 5, ladder: brunch}",
         "unknown ladder 'brunch'; there are visit, branch, department, order"),
        ("timers.yaml", "{days: 8, to: credit_manager}", "{days: 8, to: boss}", "'branch_head'"),
        ("timers.yaml", "order.extend: {", "order.O1: {calendar_days: 3, ladder: order}\n  order.extend: {",
         "stand with the order"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: segmnt = 'micro'",
         "unknown 'segmnt'; allowed are the snapshot's columns (facility"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: segment", "it gives String, not true or false"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: segment = ", "no SQL expression"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: segment = 5", "no SQL expression: cannot compare string"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: SUM(bal) > 3", "unknown 'SUM'"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: COALESCE(dpd, 0) = 0", "unknown 'COALESCE'"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: bal / limit_amt > 1", "a product instead of a quotient"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: 1 = 1", "no column"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: segment = 'micro' -- small", "no comments"),
        ("facts.yaml", "micro: segment = 'micro'", "micro: (SELECT 1) = bal", "unknown 'SELECT'"),
        ("inspections.yaml", "when: micro and clean, then: desk", "when: micro and cleen, then: desk",
         "unknown fact 'cleen'; there are working_capital"),
        ("inspections.yaml", "when: micro and clean, then: desk", "when: micro and clean, then: post",
         "'outsourced', 'own' or 'desk'"),
        ("inspections.yaml", "then: RV", "then: RW", "unknown template 'RW'; there are WC"),
        ("inspections.yaml", "id: large_monthly", "id: watched_monthly",
         "stands twice, first at policies/inspections.yaml:30"),
        ("inspections.yaml", "id: large_monthly, when: large,", "id: large_monthly,", "large_monthly must say when"),
        ("inspections.yaml", "catch_up: latest, merge: true}\n  special", "catch_up: some, merge: true}\n  special",
         "'all', 'latest' or 'skip'"),
        ("templates.yaml", "use: [U1-U8, R1]", "use: [U1-U8, R9]", "unknown checkpoint 'R9'"),
        ("templates.yaml", "use: [U1-U8, R1]", "use: [U8-U1, R1]", "unknown checkpoint 'U8-U1'"),
        ("checkpoints.yaml", "low: 0, high: 100, documents: [invoice]", "low: none, high: 100, documents: [invoice]",
         "valid decimal"),
        ("checkpoints.yaml", "orange: < 90, red: < 50", "orange: <> 90, red: < 50", "neither a word nor a comparison"),
        ("checkpoints.yaml", "orange: reduced, red: halted", "orange: reduced, red: stopped",
         "can never be met; the answers are normal, reduced, halted"),
        ("checkpoints.yaml", "yellow: age > 3 months,", "yellow: age > 3,", "compared with days or months"),
        ("checkpoints.yaml", "orange: fall >= 30,", "orange: fall <= 30,", "by > or >="),
        ("checkpoints.yaml", "choices: [met, open, broken],", "", "a choice needs its choices"),
        ("classification.yaml", "from_days: 271", "from_days: 71", "not [0, 1, 91, 71, 361]"),
        ("verification.yaml", "probability: 0.10", "probability: 1.10", "less than or equal to 1"),
        ("verification.yaml", "when: class_ >= 2", "when: clas >= 2", "unknown 'clas'; a case knows kind, path"),
        ("verification.yaml", "when: class_ >= 2", "when: class_ >=", "can't be read"),
        ("verification.yaml", "when: class_ >= 2", "when: exit()", "only names, constants, comparisons"),
        ("measures.yaml", "gate: limit", "gate: maybe", "'stop', 'limit', 'consent' or 'none'"),
        ("measures.yaml", "O1: {says: hand in the document, days: 10}", "P1: {says: hand in the document, days: 10}",
         "orders.P1: string should match"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(folder: Path, file: str, old: str, new: str, said: str) -> None:
    spoilt = spoil(folder, file, old, new)
    told = [m for m in check(folder) if said in m]
    assert len(told) == 1
    place, line, _ = told[0].split(":", 2)
    assert place == spoilt.partition(":")[0]
    around = 12 if said in ABOUT_SEVERAL else 2  # a rule broken and the id or list that it stands in
    assert int(spoilt.split(":")[1]) - around <= int(line) <= int(spoilt.split(":")[1]) + 1
    assert told[0].endswith(".")


ABOUT_SEVERAL = ("large_monthly must say when", "not [0, 1, 91, 71, 361]")


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    places = [
        spoil(folder, "facts.yaml", "micro: segment = 'micro'", "micro: segmnt = 'micro'"),
        spoil(folder, "timers.yaml", "decide: {business_days: 3", "decide: {busines_days: 3"),
        spoil(folder, "measures.yaml", "gate: limit", "gate: maybe"),
        spoil(folder, "templates.yaml", "use: [U1-U8, R1]", "use: [U1-U8, R9]"),
        spoil(folder, "book.yaml", "holds_max_days: 30", "holds_max_days: 30\nholds_max_days: 40"),
        spoil(folder, "timers.yaml", "compare: {business_days: 3, ladder: department}", ""),
    ]
    told = check(folder, ["compare", "order.{kind}", "kind.{kind}", "review"])
    for place in places[:4]:
        assert any(m.startswith(place) for m in told)
    assert any("'holds_max_days' stands twice" in m for m in told)
    assert [m for m in told if "timer 'compare' is missing" in m]
    assert [m for m in told if "timer 'kind.use' is missing" in m]
    assert not [m for m in told if "order.O1" in m or "'review'" in m]
    with pytest.raises(PolicyError) as refused:
        load(folder)
    assert set(refused.value.mistakes) < set(told)


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [1", "this is not YAML"), ("- a\n- b\n", "a policy file holds sections"), ("\x00", "can't be read as YAML"),
     ("facts: {}\n", "'facts' stands twice, first at policies/facts.yaml:6")],
)  # fmt: skip
def test_a_file_that_is_no_part_of_a_book(folder: Path, text: str, said: str) -> None:
    (folder / "zz.yaml").write_text(text)
    assert [m for m in check(folder) if m.startswith("policies/zz.yaml:") and said in m]


def test_a_file_in_another_encoding(folder: Path) -> None:
    (folder / "zz.yaml").write_bytes("note: Prüfung".encode("latin-1"))
    assert [m for m in check(folder) if "can't be read as YAML in UTF-8" in m]


def test_no_book_at_all(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy book here"):
        load(tmp_path / "none")


def test_a_section_that_is_missing_is_named(folder: Path) -> None:
    (folder / "classification.yaml").unlink()
    assert [m for m in check(folder) if "'classification' is missing" in m]


def test_words_stay_words(folder: Path) -> None:
    spoil(
        folder,
        "checkpoints.yaml",
        "choices: [met, open, broken], orange: open, red: broken",
        "choices: [no, on, off], orange: on, red: no",
    )
    assert load(folder).checkpoint("U7").choices == ("no", "on", "off")


def test_a_product_may_be_kept_apart(folder: Path) -> None:
    spoil(folder, "inspections.yaml", "regular: {lead_days: 10,", "regular: {separate_products: [PF], lead_days: 10,")
    book = load(folder)
    assert [book.merges("regular", product) for product in ("PF", "WC")] == [False, True]


def test_own_closed_and_worked_days_join_the_calendar(folder: Path) -> None:
    spoil(
        folder, "calendars.yaml", "{country: US", "{closed: [2026-06-01], worked: [2026-06-06, 2026-07-03], country: US"
    )
    book = load(folder)
    open_ = {day: book.is_business_day(day, "US") for day in ("2026-06-01", "2026-06-06", "2026-07-03", "2026-06-02")}
    assert open_ == {"2026-06-01": False, "2026-06-06": True, "2026-07-03": True, "2026-06-02": True}


def places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every mapping of the book, one of each kind (the first of a section's keys or of a list)."""
    if isinstance(data, dict):
        yield place
        keys = (
            list(data)
            if len(place) != 1
            else list(data)[:1] + [k for k in data if place[0] in ("rules", "sampling")][1:]
        )
        for key in keys:
            yield from places(data[key], (*place, key))
    elif isinstance(data, list) and data:
        yield from places(data[0], (*place, 0))


@pytest.mark.slow
def test_unknown_keys_are_refused_at_every_level(tmp_path: Path) -> None:
    yaml.SafeDumper.add_representer(Decimal, lambda dump, n: dump.represent_scalar("tag:yaml.org,2002:float", str(n)))
    folder = tmp_path / "policies"
    folder.mkdir()
    tried = 0
    for place in list(places(read(FOLDER).data)):
        data = read(FOLDER).data
        at = data
        for part in place:
            at = at[part]
        at["odd_key"] = {"odd": "odd"}
        (folder / "book.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
        told = [m for m in check(folder) if "odd" in m]
        assert told, f"an unknown key passed at {place}"
        line = (folder / "book.yaml").read_text().splitlines()[int(told[0].split(":")[1]) - 1]
        assert "odd" in line
        tried += 1
    assert tried > 40
