"""The explanation of one facility: what applies, where it stands, what it overrode."""

from pathlib import Path

import polars as pl
import pytest

from models.policy import Explained, Letters, explain, load

FOLDER = Path(__file__).parents[2] / "policies"
BOOK = load(FOLDER)
ROW = pl.DataFrame(
    {"facility": ["F1"], "product": ["SE"], "segment": ["micro"], "currency": ["KRW"], "bal": [10**11], "dpd": [100]}
)


def found(topic: str, lines: list[Explained]) -> Explained:
    return next(line for line in lines if line.topic == topic)


def line_of(place: str) -> str:
    file, _, number = place.removeprefix("policies/").partition(":")
    return (FOLDER / file).read_text().splitlines()[int(number) - 1]


def test_the_rule_that_wins_names_those_it_overrode_and_their_places() -> None:
    path = found("path", explain(BOOK, ROW))
    assert (path.rule, path.says) == ("small_watched", "own")
    assert "small_watched" in line_of(path.where)
    overrode = [(text.split()[0], text.split(" at ")[1]) for text in path.overrode if ": not" not in text]
    assert [rule for rule, _ in overrode] == ["small_by_vendor", "watched_visited", "visited"]
    assert all(rule in line_of(place) for rule, place in overrode)


def test_a_rule_that_could_not_be_evaluated_is_shown_as_such() -> None:
    frequency = found("regular_months", explain(BOOK, ROW.drop("dpd")))
    assert frequency.rule == "quarterly"
    assert any("watched_monthly" in text and "not evaluated" in text for text in frequency.overrode)


def test_a_condition_names_its_source_and_what_it_overrode() -> None:
    mine = {"name": "quarter", "kind": "frequency", "value": "3", "source": "approval 7"}
    rows = [{"facility": f, **mine} for f in ("F1", "F2")]
    rows.append({"facility": "F1", "name": "looser", "kind": "frequency", "value": "9", "source": "approval 8"})
    frequency = found("regular_months", explain(BOOK, ROW, pl.DataFrame(rows)))
    assert (frequency.rule, frequency.says, frequency.source) == ("condition:quarter", "3 months", "approval 7")
    assert frequency.overrode[0] == "condition:looser (9 months)"
    assert "watched_monthly (1 months)" in frequency.overrode[1]


def test_every_fact_timer_and_checkpoint_stands_somewhere() -> None:
    lines = explain(BOOK, ROW)
    for topic, section in (("fact", BOOK.facts), ("timer", BOOK.timers)):
        assert [x.rule for x in lines if x.topic == topic] == list(section)
    for line in lines:
        if line.topic in ("fact", "timer", "kind", "checkpoint"):
            assert line.rule.removeprefix("order.").removesuffix(".red") in line_of(line.where)
    assert {x.rule for x in lines if x.topic == "checkpoint"} >= set(BOOK.checkpoint_ids("SE", "regular"))


def test_the_draw_is_foretold_as_far_as_the_facility_tells() -> None:
    draw = found("draw", explain(BOOK, ROW))
    assert draw.rule == "top_exposure_krw"
    assert "10000000000" in line_of(draw.where)
    assert any("red_finding" in text for text in draw.overrode)
    assert found("draw", explain(BOOK, ROW.with_columns(bal=pl.lit(1)))).rule == "base"


def test_class_and_gate_are_explained_too() -> None:
    lines = explain(BOOK, ROW)
    assert "substandard" in found("class", lines).says
    assert "more than 30 days overdue" in found("gate", lines).says  # day 30 itself is within the grace
    assert "not evaluated" in found("class", explain(BOOK, ROW.drop("dpd"))).says


def test_what_a_message_may_tell_is_explained_with_its_place() -> None:
    told = found("letters", explain(BOOK, ROW))
    assert told.says == "a message shows the borrower's name masked, and no level"
    assert "borrower: masked" in line_of(told.where)
    more = BOOK.model_copy(update={"letters": Letters(borrower="full", level="yes")})
    assert found("letters", explain(more, ROW)).says == "a message shows the borrower's name in full, and the level"


def test_one_facility_at_a_time() -> None:
    with pytest.raises(ValueError, match="one facility"):
        explain(BOOK, pl.concat([ROW, ROW]))
