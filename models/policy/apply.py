"""The book's rules over a whole snapshot at once: facts, path, template, frequency, first inspection, class."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from models.policy import facts as sql
from models.policy.judgement import Classification
from models.policy.parts import Rules, Ruling, T
from models.policy.source import PolicyError

TOPICS = {"path": "path_rule", "template": "template_rule", "regular_months": "regular_rule", "use_days": "use_rule"}


def apply(
    facts: Mapping[str, str],
    rules: Rules,
    classification: Classification,
    frame: pl.DataFrame,
    conditions: pl.DataFrame | None,
    adds: Mapping[str, tuple[str, ...]],
) -> pl.DataFrame:
    """The frame (one row per facility, columns of models/snapshot.py) and, per row,

    `f_<fact>` (null: not evaluated), `path`, `template`, `regular_months`, `use_days` each with the id of the rule
    that chose it (`path_rule`, `template_rule`, `regular_rule`, `use_rule`), `proposed_class` by days past due (null
    where these are), and `extra`, the checkpoints that conditions of the facility add. A rule whose facts are not
    evaluated does not hold; the next one is asked.

    `conditions` has the columns of the table `condition`; `adds` the checkpoints that a condition's value stands for.
    """
    evaluated = sql.complete(frame).with_columns(sql.columns(facts))
    chosen = [e for topic, rule in TOPICS.items() for e in _choose(getattr(rules, topic), topic, rule)]
    done = evaluated.with_columns(*chosen, proposed(classification))
    return _with_conditions(done, conditions, adds).select(
        *frame.columns,
        *(f"f_{f}" for f in facts),
        *(c for pair in TOPICS.items() for c in pair),
        "proposed_class",
        "extra",
    )


def _choose(ruling: Ruling[T], topic: str, rule: str) -> tuple[pl.Expr, pl.Expr]:
    then, name = pl.lit(ruling.default.then), pl.lit(ruling.default.id)
    for choice in reversed(ruling.ordered[:-1]):
        holds = pl.all_horizontal(f"f_{fact}" for fact in sql.parts(choice.when))
        then = pl.when(holds).then(pl.lit(choice.then)).otherwise(then)
        name = pl.when(holds).then(pl.lit(choice.id)).otherwise(name)
    number = isinstance(ruling.default.then, int)
    return (then.cast(pl.Int64) if number else then).alias(topic), name.alias(rule)


def proposed(classification: Classification) -> pl.Expr:
    found = pl.lit(classification.lines[0].at_least, dtype=pl.Int64)
    for line in classification.lines[1:]:
        found = pl.when(pl.col("dpd") >= line.from_days).then(pl.lit(line.at_least, dtype=pl.Int64)).otherwise(found)
    return pl.when(pl.col("dpd").is_not_null()).then(found).alias("proposed_class")


def _with_conditions(
    done: pl.DataFrame, conditions: pl.DataFrame | None, adds: Mapping[str, tuple[str, ...]]
) -> pl.DataFrame:
    if conditions is None or conditions.is_empty():
        return done.with_columns(extra=pl.lit([], dtype=pl.List(pl.String)))
    months, extra = frequencies(conditions), _extras(conditions, adds)
    return (
        done.join(months, on="facility", how="left", maintain_order="left")
        .join(extra, on="facility", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("months", "regular_months").alias("regular_months"),
            pl.coalesce("months_rule", "regular_rule").alias("regular_rule"),
            pl.col("extra").fill_null([]),
        )
    )


def follow(conditions: pl.DataFrame, adds: Mapping[str, tuple[str, ...]]) -> None:
    """Raises PolicyError with the first of the conditions that can't be followed."""
    frequencies(conditions)
    _extras(conditions, adds)


def frequencies(conditions: pl.DataFrame) -> pl.DataFrame:
    """The strictest frequency condition of each facility: `facility, months, months_rule`."""
    found = conditions.filter(pl.col("kind") == "frequency").with_columns(
        months=pl.col("value").cast(pl.Int64, strict=False), months_rule=pl.lit("condition:") + pl.col("name")
    )
    for row in found.filter(~pl.col("months").is_between(1, 120).fill_null(False)).iter_rows(named=True):
        raise PolicyError([_says(row, "whole months from 1 to 120")])
    first = found.sort("facility", "months", "name").unique("facility", keep="first", maintain_order=True)
    return first.select("facility", "months", "months_rule")


def _extras(conditions: pl.DataFrame, adds: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    found: dict[str, list[str]] = {}
    for row in conditions.sort("facility", "name").iter_rows(named=True):
        if row["kind"] != "frequency":
            value = "covenant" if row["kind"] == "covenant" else row["value"]
            if value not in adds:
                raise PolicyError([_says(row, "the id of a checkpoint or of a group of them")])
            found.setdefault(row["facility"], []).extend(adds[value])
    extra = [list(dict.fromkeys(ids)) for ids in found.values()]
    return pl.DataFrame(
        {"facility": list(found), "extra": extra}, schema={"facility": pl.String, "extra": pl.List(pl.String)}
    )


def _says(row: Mapping[str, Any], allowed: str) -> str:
    name, facility, value = row["name"], row["facility"], row["value"]
    return f"Condition {name!r} of facility {facility} says {value!r}; a {row['kind']} condition is {allowed}."
