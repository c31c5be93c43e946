"""The due grid once more, as SQL over the snapshot: a recount that shares no code with the one it is held against."""

import sqlite3
from datetime import date
from typing import Any

import polars as pl

from models.snapshot import COLUMNS

Row = tuple[Any, ...]  # facility, kind, due_on, rule, outcome, reason

#: The default book's frequencies and first inspections, said here again; amounts, days and classes of one facility.
RECOUNT = """
WITH RECURSIVE
n(k) AS (VALUES (1) UNION ALL SELECT k + 1 FROM n WHERE k < :most),
ruled AS (
  SELECT f.*, c.value AS own_months, c.name AS own_name,
    CASE WHEN product = 'PF' AND drawn_amt < limit_amt THEN 'project_in_building'
         WHEN class >= 2 OR dpd > 7 THEN 'watched_monthly'
         WHEN segment = 'large' THEN 'large_monthly'
         WHEN segment = 'micro' AND class = 1 AND dpd_0 + dpd_1 + dpd_2 + dpd_3 + dpd_4 + dpd_5 = 0
         THEN 'smallest_clean_half_yearly' ELSE 'quarterly' END AS often,
    CASE WHEN product = 'SE' AND segment = 'micro' THEN 'small_differentiated' ELSE 'soon_after_drawing' END AS first
  FROM facility f LEFT JOIN condition c ON c.facility = f.facility AND c.kind = 'frequency'
  WHERE NOT coalesce(bal = 0 AND drawn_amt = 0, FALSE)),
live AS (
  SELECT *, coalesce('condition:' || own_name, often) AS regular_rule,
    coalesce(CAST(own_months AS INTEGER), CASE often WHEN 'quarterly' THEN 3 WHEN 'smallest_clean_half_yearly' THEN 6
             ELSE 1 END) AS months,
    CASE first WHEN 'small_differentiated' THEN '+90 days' ELSE '+15 days' END AS after,
    (strftime('%Y', :as_of) - strftime('%Y', opened_on)) * 12 + strftime('%m', :as_of) - strftime('%m', opened_on) AS age
  FROM ruled),
grid(facility, kind, due_on, rule) AS MATERIALIZED (
  SELECT facility, 'use', date(d.drawn_on, after), first FROM live JOIN drawing d USING (facility)
  UNION SELECT facility, 'use', date(opened_on, after), first FROM live
        WHERE facility NOT IN (SELECT facility FROM drawing)
  UNION SELECT facility, 'regular',
          min(date(opened_on, 'start of month', '+' || (k * months) || ' months', '+1 month', '-1 day'),
              date(opened_on, 'start of month', '+' || (k * months) || ' months',
                   '+' || (strftime('%d', opened_on) - 1) || ' days')), regular_rule FROM live, n
        WHERE k * months BETWEEN age - 14 AND age + 2
  UNION SELECT facility, 'repayment', date(maturity_on, '-' || b.days || ' days'),
          'repayment_' || b.days || '_days_before' FROM live, (SELECT 60 AS days UNION SELECT 30 UNION SELECT 7) b
        WHERE maturity_on IS NOT NULL
  UNION SELECT facility, 'rating', date(rating_on, '-30 days'), 'rating_30_days_before' FROM live
        WHERE rating_on IS NOT NULL
  UNION SELECT facility, 'special', due_on, o.rule FROM live JOIN ordered o USING (facility)),
due AS MATERIALIZED (
  SELECT g.*, k.catch_up FROM grid g JOIN facility f USING (facility) JOIN kind k USING (kind)
  WHERE g.due_on <= date(:as_of, '+' || k.lead_days || ' days')
    AND g.due_on > date(:as_of, '-366 days')
    AND (f.first_seen IS NULL OR g.due_on > date(f.first_seen, '-92 days'))
    AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.facility = g.facility AND l.kind = g.kind
                    AND (l.due_on = g.due_on OR (g.kind = 'regular' AND l.due_on > g.due_on)))),
judged AS (
  SELECT *, CASE catch_up
    WHEN 'latest' THEN due_on < max(due_on) OVER (PARTITION BY facility, kind)
    WHEN 'skip' THEN due_on < :as_of ELSE FALSE END AS missed FROM due)
SELECT facility, kind, due_on, rule, CASE WHEN missed THEN 'skipped' ELSE 'start' END,
       CASE WHEN missed THEN 'catch_up: ' || catch_up ELSE '' END
FROM judged ORDER BY facility, kind, due_on, rule
"""
LEADS = {"use": 10, "regular": 10, "special": 15, "repayment": 7, "rating": 10}
CATCH_UP = {"use": "all", "regular": "latest", "special": "all", "repayment": "latest", "rating": "latest"}


class Recount:
    """A SQLite database of its own with the snapshot, the conditions and the ledger so far."""

    def __init__(self, catch_up: dict[str, str] = CATCH_UP) -> None:
        self.db = sqlite3.connect(":memory:")
        names = ", ".join([*(c for c in COLUMNS if c != "drawings"), "first_seen"])
        self.db.executescript(f"""
            CREATE TABLE facility ({names}); CREATE TABLE drawing (facility, drawn_on);
            CREATE TABLE condition (facility, name, kind, value); CREATE TABLE ordered (facility, due_on, rule);
            CREATE TABLE ledger (facility, kind, due_on, PRIMARY KEY (facility, kind, due_on));
            CREATE TABLE kind (kind, lead_days, catch_up);
            CREATE INDEX of_facility ON ledger (facility, kind)""")
        self.db.executemany("INSERT INTO kind VALUES (?, ?, ?)", [(k, n, catch_up[k]) for k, n in LEADS.items()])

    def load(self, frame: pl.DataFrame, seen: dict[str, str], conditions: list[Row], ordered: list[Row]) -> None:
        for table in ("facility", "drawing", "condition", "ordered"):
            self.db.execute(f"DELETE FROM {table}")
        marks = ", ".join("?" * len(COLUMNS))  # all but the drawings, and first_seen
        rows = [
            (*(str(v) if isinstance(v, date) else v for c, v in r.items() if c != "drawings"), seen.get(r["facility"]))
            for r in frame.iter_rows(named=True)
        ]
        self.db.executemany(f"INSERT INTO facility VALUES ({marks})", rows)
        drawn = frame.select("facility", "drawings").explode("drawings", empty_as_null=True, keep_nulls=True)
        self.db.executemany("INSERT INTO drawing VALUES (?, ?)",
                            [(f, str(d)) for f, d in drawn.drop_nulls().iter_rows()])  # fmt: skip
        self.db.executemany("INSERT INTO condition VALUES (?, ?, ?, ?)", [c[:4] for c in conditions])
        self.db.executemany("INSERT INTO ordered VALUES (?, ?, ?)", [(f, str(d), r) for f, d, r in ordered])

    def due(self, as_of: date) -> list[Row]:
        first = self.db.execute("SELECT min(opened_on) FROM facility").fetchone()[0]
        most = (as_of.year - int(first[:4])) * 12 + 14
        return self.db.execute(RECOUNT, {"as_of": str(as_of), "most": most}).fetchall()

    def decide(self, rows: list[Row]) -> None:
        self.db.executemany("INSERT INTO ledger VALUES (?, ?, ?)", [r[:3] for r in rows])

    def ledger(self) -> list[Row]:
        return self.db.execute("SELECT facility, kind, due_on FROM ledger").fetchall()
