"""Two policy books beside each other: what was added, taken away, changed, and what has come to another place."""

import json
from pathlib import Path
from typing import Any

from models.policy import Book, load
from models.policy.compare import Difference, compare

BOOK = load(Path(__file__).parents[2] / "policies")


def with_(**sections: Any) -> Book:
    return Book.from_text(json.dumps({**json.loads(BOOK.text), **sections}))


def test_what_is_added_and_taken_away_is_told_by_its_place() -> None:
    said = json.loads(BOOK.text)
    gone = said["checkpoints"]["C1"]["photos"].pop()
    said["facts"]["new_fact"] = "dpd > 3"
    after = with_(checkpoints=said["checkpoints"], facts=said["facts"], backlog_days=93)
    assert compare(BOOK, after) == [
        Difference("backlog_days", str(BOOK.backlog_days), "93"),
        Difference(f"checkpoints.C1.photos[{gone}]", gone, ""),
        Difference("facts.new_fact", "", "dpd > 3"),
    ]


def test_what_goes_without_saying_is_told_where_another_book_says_otherwise() -> None:
    after = with_(collection={**json.loads(BOOK.text)["collection"], "premises_within_m": 500})
    assert compare(BOOK, after) == [Difference("collection.premises_within_m", "300", "500")]


def test_what_came_to_another_place_in_the_order_has_moved() -> None:
    line = json.loads(BOOK.text)["line"]
    found = compare(BOOK, with_(line=[*line[1:], line[0]]))
    assert found
    assert {d.moved for d in found} == {True}
    assert {d.place.rpartition(".")[0] for d in found} == {f"line[{line[0]['id']}]"}


def test_where_a_rule_stands_in_its_files_is_no_difference() -> None:
    assert compare(BOOK, with_(places={"backlog_days": "policies/book.yaml:99"})) == []
