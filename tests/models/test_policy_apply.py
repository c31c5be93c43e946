"""Rules over a whole snapshot, against the same rules written out by hand and asked row by row."""

import itertools
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models.policy import PolicyError, load
from models.snapshot import COLUMNS

BOOK = load(Path(__file__).parents[2] / "policies")
Maybe = bool | None


def both(*values: Maybe) -> Maybe:
    return False if False in values else None if None in values else True


def either(*values: Maybe) -> Maybe:
    return True if True in values else None if None in values else False


def asked(row: dict[str, Any], column: str, test: Any) -> Maybe:
    return None if row[column] is None else test(row[column])


def facts(row: dict[str, Any]) -> dict[str, Maybe]:
    """The facts of policies/facts.yaml, by hand."""
    product, segment = row["product"], row["segment"]
    lags = [row[f"dpd_{n}"] for n in range(6)]
    quiet = None if None in lags else sum(lags) == 0
    drawing = None if None in (row["drawn_amt"], row["limit_amt"]) else row["drawn_amt"] < row["limit_amt"]
    names = ("working_capital", "revolving_line", "small_enterprise", "real_estate", "project", "guaranteed")
    return {
        **{
            n: asked(row, "product", lambda p, code=c: p == code)
            for n, c in zip(names, ("WC", "RV", "SE", "RE", "PF", "GL"), strict=True)
        },
        "large": None if segment is None else segment == "large",
        "small_or_micro": None if segment is None else segment in ("small", "micro"),
        "micro": None if segment is None else segment == "micro",
        "watched": either(asked(row, "class", lambda c: c >= 2), asked(row, "dpd", lambda d: d > 7)),
        "clean": both(asked(row, "class", lambda c: c == 1), quiet),
        "still_drawing": drawing,
        "fully_repaid": both(asked(row, "bal", lambda b: b == 0), asked(row, "drawn_amt", lambda d: d == 0)),
        "any_product": product is not None,
    }


def rules(row: dict[str, Any]) -> dict[str, Any]:
    """The rules of policies/inspections.yaml, by hand."""
    f = facts(row)
    path = (
        ("own", "small_watched") if f["small_enterprise"] and f["watched"]
        else ("outsourced", "small_by_vendor") if f["small_enterprise"] and f["small_or_micro"]
        else ("own", "watched_visited") if f["watched"]
        else ("desk", "smallest_clean_at_desk") if f["micro"] and f["clean"]
        else ("own", "visited")
    )  # fmt: skip
    regular = (
        (1, "project_in_building") if f["project"] and f["still_drawing"]
        else (1, "watched_monthly") if f["watched"]
        else (1, "large_monthly") if f["large"]
        else (6, "smallest_clean_half_yearly") if f["micro"] and f["clean"]
        else (3, "quarterly")
    )  # fmt: skip
    use = (90, "small_differentiated") if f["small_enterprise"] and f["micro"] else (15, "soon_after_drawing")
    dpd = row["dpd"]
    class_ = None if dpd is None else 1 + sum(dpd >= line for line in (1, 91, 271, 361))
    return {
        "path": path[0], "path_rule": path[1], "template": row["product"] or "WC",
        "regular_months": regular[0], "regular_rule": regular[1], "use_days": use[0], "use_rule": use[1],
        "proposed_class": class_,
    }  # fmt: skip


def portfolio(seed: int, rows: int, absent: float = 0.1) -> pl.DataFrame:
    """Random facilities with gaps in every column that rules ask about."""
    rng = random.Random(seed)  # noqa: S311 - test data

    def some(*values: Any) -> Any:
        return None if rng.random() < absent else rng.choice(values)

    return pl.DataFrame(
        [
            {
                "facility": f"F{n}", "borrower": f"B{n // 2}", "unit": "U1", "currency": "KRW",
                "product": some("WC", "RV", "SE", "SE", "RE", "PF", "GL"),
                "segment": some("large", "medium", "small", "micro"),
                "class": some(1, 1, 1, 2, 3, 5), "dpd": some(0, 0, 1, 7, 8, 90, 91, 270, 271, 360, 361),
                "bal": some(0, 5), "drawn_amt": some(0, 5, 9), "limit_amt": some(5, 9),
                **{f"dpd_{lag}": 0 if rng.random() < 0.9 else some(3) for lag in range(12)},
            }
            for n in range(rows)
        ],
        schema_overrides={c: t for c, t in COLUMNS.items() if c in ("class", "dpd") or c.startswith("dpd_")},
        infer_schema_length=None,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_every_row_is_judged_as_by_hand(seed: int) -> None:
    frame = portfolio(seed, 1_500)
    seen = set()
    for row in BOOK.apply(frame).iter_rows(named=True):
        by_hand = facts(row)
        assert {name: row[f"f_{name}"] for name in BOOK.facts} == {name: by_hand[name] for name in BOOK.facts}
        expected = rules(row)
        assert {name: row[name] for name in expected} == expected
        seen |= {row["path_rule"], row["regular_rule"], row["use_rule"]}
    ruled = (BOOK.rules.path, BOOK.rules.regular_months, BOOK.rules.use_days)
    assert seen == {rule.id for ruling in ruled for rule in ruling.ordered}


def test_what_is_missing_is_not_evaluated_and_its_rules_do_not_hold() -> None:
    frame = pl.DataFrame({"facility": ["F1"], "product": ["SE"], "segment": ["small"], "bal": [7]})
    row = BOOK.apply(frame).row(0, named=True)
    assert row["f_watched"] is None
    assert row["f_clean"] is None
    assert row["f_small_enterprise"] is True
    assert row["path_rule"] == "small_by_vendor"
    assert row["regular_rule"] == "quarterly"
    assert row["proposed_class"] is None
    ruled = "path path_rule template template_rule regular_months regular_rule use_days use_rule proposed_class extra"
    assert set(row) == {*frame.columns, *(f"f_{name}" for name in BOOK.facts), *ruled.split()}


def test_a_fact_is_decided_where_the_missing_value_does_not_matter() -> None:
    frame = pl.DataFrame(
        {"facility": ["F1", "F2"], "class": [3, 1], "dpd": [None, None]}, schema_overrides={"dpd": pl.Int64}
    )
    assert BOOK.apply(frame)["f_watched"].to_list() == [True, None]


def conditions(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    columns = ("facility", "name", "kind", "value")
    return pl.DataFrame([dict(zip(columns, row, strict=True)) for row in rows])


def test_conditions_of_a_facility_come_before_every_rule() -> None:
    frame = pl.DataFrame({"facility": ["F1", "F2", "F3"], "product": ["PF", "WC", "WC"], "segment": ["large"] * 3})
    found = BOOK.apply(
        frame,
        conditions(
            ("F1", "yearly", "frequency", "12"), ("F1", "half", "frequency", "6"),
            ("F2", "look", "checkpoint", "M1"), ("F2", "ratio", "covenant", "dscr >= 1.2"),
            ("F2", "all", "checkpoint", "collateral"),
            ("F9", "other", "frequency", "1"),
        ),
    )  # fmt: skip
    assert found["facility"].to_list() == ["F1", "F2", "F3"]
    assert found["regular_months"].to_list() == [6, 1, 1]
    assert found["regular_rule"].to_list() == ["condition:half", "large_monthly", "large_monthly"]
    assert found["extra"].to_list() == [[], ["M1", "M2", "M2b", "M3", "M4", "M5", "C13"], []]


def test_conditions_are_the_same_in_any_order() -> None:
    frame = pl.DataFrame({"facility": ["F1"], "product": ["WC"]})
    rows = [("F1", "a", "frequency", "6"), ("F1", "b", "frequency", "6"), ("F1", "c", "checkpoint", "M1")]
    found = {str(BOOK.apply(frame, conditions(*order)).rows()) for order in itertools.permutations(rows)}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("frequency", "often", "whole months from 1 to 120"),
        ("frequency", "0", "whole months"),
        ("checkpoint", "Z9", "id of a checkpoint"),
    ],
)
def test_a_condition_that_says_nothing_possible_is_refused(kind: str, value: str, said: str) -> None:
    frame = pl.DataFrame({"facility": ["F1"], "product": ["WC"]})
    with pytest.raises(PolicyError, match=f"'odd' of facility F1 says '{value}'.*{said}"):
        BOOK.apply(frame, conditions(("F1", "odd", kind, value)))


def test_an_empty_snapshot_gives_an_empty_answer() -> None:
    found = BOOK.apply(pl.DataFrame(schema=COLUMNS))
    assert found.height == 0
    assert found.schema["regular_months"] == pl.Int64
    assert found.schema["extra"] == pl.List(pl.String)


@pytest.mark.parametrize(
    ("dpd", "class_"),
    [(0, 1), (1, 2), (7, 2), (8, 2), (90, 2), (91, 3), (270, 3), (271, 4), (360, 4), (361, 5)],
)
def test_the_class_by_days_past_due(dpd: int, class_: int) -> None:
    assert BOOK.class_for(dpd) == class_
    frame = pl.DataFrame({"facility": ["F1"], "dpd": [dpd]})
    assert BOOK.apply(frame)["proposed_class"].to_list() == [class_]


def test_each_drawings_first_inspection_is_never_merged() -> None:
    assert not any(BOOK.merges("use", product) for product in BOOK.templates)
    assert BOOK.merges("regular", "WC")
