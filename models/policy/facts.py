"""Named facts: SQL boolean expressions over the snapshot's columns, run by polars.

SQL's three-valued logic holds: a fact whose answer depends on a NULL or absent column is null, "not evaluated",
and never false. What could pass over a NULL (CASE, COALESCE, GREATEST) is not offered, nor is division, because a
zero divisor would make a fact true.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache

import polars as pl

from models.snapshot import COLUMNS

WORDS = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "between",
        "is",
        "null",
        "true",
        "false",
        "like",
        "abs",
        "greatest",
        "least",
        "array_length",
        "date",
    ]
)
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


@cache
def wrong(sql: str) -> str:
    """What keeps `sql` from being a boolean expression over the snapshot's columns; empty if nothing does."""
    plain = _QUOTED.sub(" ", sql)
    if '"' in plain or "--" in plain or "/*" in plain:
        return "quote text with '…' and write no comments inside an expression"
    if "/" in plain or "%" in plain:
        return "write a product instead of a quotient (a > 2 * b), a zero divisor would make it true"
    strange = sorted({w for w in _WORD.findall(plain) if w not in COLUMNS and w.lower() not in WORDS})
    if strange:
        names = ", ".join(c for c in COLUMNS if not c.startswith("dpd_"))
        return (
            f"unknown {', '.join(map(repr, strange))}; allowed are the snapshot's columns ({names}, dpd_0 … dpd_11) "
            f"and {', '.join(sorted(w.upper() for w in WORDS))}"
        )
    if not any(w in COLUMNS for w in _WORD.findall(plain)):
        return "it asks about no column of the snapshot"
    try:
        got = pl.DataFrame(schema=COLUMNS).select(pl.sql_expr(sql)).dtypes[0]
    except Exception as refusal:  # polars raises many kinds; each says why in its first line
        return f"no SQL expression: {str(refusal).splitlines()[0]}"
    return "" if got == pl.Boolean else f"it gives {got}, not true or false; compare it with something"


@cache
def expression(sql: str) -> pl.Expr:
    return pl.sql_expr(sql)


def complete(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every column of the snapshot; those absent are NULL."""
    absent = [pl.lit(None, dtype=t).alias(c) for c, t in COLUMNS.items() if c not in frame.columns]
    return frame.with_columns(absent) if absent else frame


def columns(facts: Mapping[str, str]) -> list[pl.Expr]:
    """One nullable Boolean column `f_<fact>` per fact."""
    return [expression(sql).cast(pl.Boolean).alias(f"f_{name}") for name, sql in facts.items()]


def parts(when: str) -> tuple[str, ...]:
    """The facts that a rule joins by `and`; none where the rule always holds."""
    return tuple(p.strip() for p in when.split(" and ")) if when else ()


def all_hold(values: Iterable[bool | None]) -> bool | None:
    """SQL's AND: false if one is false, else null if one is null."""
    found = set(values)
    return False if False in found else None if None in found else True
