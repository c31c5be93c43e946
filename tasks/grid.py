"""The due grid: which inspections of which facility the book prescribes up to a date. Pure, over the whole snapshot.

Dates lie on a grid from the facility's own dates (opening, drawings, maturity, lapse of the rating), never from the
last completion; so an inspection that came late does not push the next one away.
"""

from datetime import date, timedelta

import polars as pl

from models.policy import Book

LEDGER = {"facility": pl.String, "kind": pl.String, "due_on": pl.Date}
HORIZON = timedelta(days=366)  # what an outage missed is taken up so far back


def plan(applied: pl.DataFrame, book: Book, as_of: date, ledger: pl.DataFrame, first_seen: pl.DataFrame,
         ordered: pl.DataFrame) -> pl.DataFrame:  # fmt: skip
    """Due rows not yet in the ledger: `facility, kind, due_on, rule, outcome, reason`, outcome `start` or `skipped`.

    `applied`: the snapshot with the book's columns (Book.apply). `ledger`: rows decided before (facility, kind,
    due_on). `first_seen`: facility, first_seen. `ordered`: special inspections asked for (facility, due_on, rule).
    """
    return _catch_up(undecided(applied, book, as_of, ledger, first_seen, ordered), book, as_of).select(
        "facility", "kind", "due_on", "rule", "outcome", "reason"
    )


def undecided(applied: pl.DataFrame, book: Book, as_of: date, ledger: pl.DataFrame, first_seen: pl.DataFrame,
              ordered: pl.DataFrame) -> pl.DataFrame:  # fmt: skip
    """What is prescribed up to a date (with each kind's lead) and not in the ledger: nobody has opened or skipped it."""
    found = candidates(applied.join(first_seen, on="facility", how="left", maintain_order="left"), book, as_of, ordered)
    leads = pl.DataFrame(
        {"kind": list(book.kinds), "until": [as_of + timedelta(days=k.lead_days) for k in book.kinds.values()]}
    )
    due = (
        found.join(leads, on="kind", maintain_order="left")
        .filter(pl.col("due_on") > pl.col("floor"), pl.col("due_on") <= pl.col("until"))
        .unique(["facility", "kind", "due_on"], keep="first", maintain_order=True)
        .join(ledger, on=["facility", "kind", "due_on"], how="anti", maintain_order="left")
        .sort("facility", "kind", "due_on")
    )
    return _after_the_last(due, ledger)


def candidates(applied: pl.DataFrame, book: Book, as_of: date, ordered: pl.DataFrame | None = None) -> pl.DataFrame:
    """The grid: every prescribed row about that date (`facility, floor, rule, kind, due_on`), decided or not. Without
    the column `first_seen` the floor is the horizon."""
    if "first_seen" not in applied.columns:
        applied = applied.with_columns(first_seen=pl.lit(None, dtype=pl.Date))
    taken_up = pl.col("first_seen") - timedelta(days=book.backlog_days)
    live = applied.filter(~pl.col("f_fully_repaid").fill_null(False)).with_columns(
        floor=pl.max_horizontal(taken_up, pl.lit(as_of - HORIZON))
    )
    found = [_use(live), _regular(live, book, as_of), _before(live, book, "repayment", "maturity_on"),
             _before(live, book, "rating", "rating_on")]  # fmt: skip
    return pl.concat(found if ordered is None else [*found, _special(live, ordered)])


def _use(live: pl.DataFrame) -> pl.DataFrame:
    """Use of funds: so many days after each drawing; where none is listed, after the opening."""
    drawings = pl.when(pl.col("drawings").list.len() > 0).then("drawings").otherwise(pl.concat_list("opened_on"))
    return (
        live.select("facility", "floor", "use_days", rule="use_rule", drawn_on=drawings)
        .explode("drawn_on", empty_as_null=True, keep_nulls=True)
        .select(
            "facility", "floor", "rule", kind=pl.lit("use"), due_on=pl.col("drawn_on") + pl.duration(days="use_days")
        )
    )


def _regular(live: pl.DataFrame, book: Book, as_of: date) -> pl.DataFrame:
    """Every so many months from the opening."""
    until = as_of + timedelta(days=book.kinds["regular"].lead_days)
    m = pl.col("regular_months")

    def months_to(day: pl.Expr) -> pl.Expr:
        years = day.dt.year().cast(pl.Int64) - pl.col("opened_on").dt.year().cast(pl.Int64)
        return years * 12 + day.dt.month().cast(pl.Int64) - pl.col("opened_on").dt.month().cast(pl.Int64)

    steps = pl.int_ranges(pl.max_horizontal(months_to(pl.col("floor")) // m, 1), months_to(pl.lit(until)) // m + 1)
    return (
        live.select("facility", "floor", "opened_on", m, rule="regular_rule", k=steps)
        .explode("k", empty_as_null=True, keep_nulls=True)
        .drop_nulls("k")
        .select("facility", "floor", "rule", kind=pl.lit("regular"),
                due_on=pl.col("opened_on").dt.offset_by(pl.format("{}mo", pl.col("k") * m)))
    )  # fmt: skip


def _before(live: pl.DataFrame, book: Book, kind: str, column: str) -> pl.DataFrame:
    """So many days before a date of the facility, in each of the book's stages."""
    return pl.concat(
        live.drop_nulls(column).select(
            "facility", "floor", rule=pl.lit(f"{kind}_{days}_days_before"), kind=pl.lit(kind),
            due_on=pl.col(column) - timedelta(days=days))
        for days in book.kinds[kind].before or (0,)  # type: ignore[index]
    )  # fmt: skip


def _special(live: pl.DataFrame, ordered: pl.DataFrame) -> pl.DataFrame:
    return live.join(ordered, on="facility", maintain_order="left").select(
        "facility", "floor", "rule", "due_on", kind=pl.lit("special")
    ).select("facility", "floor", "rule", "kind", "due_on")  # fmt: skip


def _after_the_last(due: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """A shorter interval begins after the last regular date decided: it makes none due in the past."""
    last = ledger.filter(pl.col("kind") == "regular").group_by("facility").agg(last=pl.col("due_on").max())
    return due.join(last, on="facility", how="left", maintain_order="left").filter(
        (pl.col("kind") != "regular") | pl.col("last").is_null() | (pl.col("due_on") > pl.col("last"))
    )


def _catch_up(due: pl.DataFrame, book: Book, as_of: date) -> pl.DataFrame:
    """What was missed: every one, only the latest, or skipped with a record (`kinds.<kind>.catch_up`)."""
    policy = pl.DataFrame({"kind": list(book.kinds), "catch_up": [k.catch_up for k in book.kinds.values()]})
    latest = pl.col("due_on") == pl.col("due_on").max().over("facility", "kind")
    missed = ((pl.col("catch_up") == "latest") & ~latest) | (
        (pl.col("catch_up") == "skip") & (pl.col("due_on") < as_of)
    )
    return due.join(policy, on="kind", maintain_order="left").with_columns(
        outcome=pl.when(missed).then(pl.lit("skipped")).otherwise(pl.lit("start")),
        reason=pl.when(missed).then(pl.format("catch_up: {}", "catch_up")).otherwise(pl.lit("")),
    )
