"""The snapshot's columns: one row per facility, lags as columns. What an import produces and policy facts ask about.

Amounts are integers in minor units of `currency`. A column that the extract lacks is NULL: facts that ask for it
are not evaluated, never false.
"""

import polars as pl

LAGS = 12

COLUMNS: dict[str, pl.DataType] = {
    "facility": pl.String(),
    "borrower": pl.String(),
    "borrower_name": pl.String(),
    "unit": pl.String(),
    "manager": pl.String(),
    "product": pl.String(),  # WC RV SE RE PF GL
    "segment": pl.String(),  # large medium small micro
    "currency": pl.String(),
    "limit_amt": pl.Int64(),
    "drawn_amt": pl.Int64(),
    "bal": pl.Int64(),
    "opened_on": pl.Date(),
    "drawings": pl.List(pl.Date()),  # day of each drawing, ascending
    "maturity_on": pl.Date(),
    "rating_on": pl.Date(),  # day on which the rating lapses
    "class": pl.Int64(),  # 1 normal … 5 loss
    "dpd": pl.Int64(),
    **{f"dpd_{n}": pl.Int64() for n in range(LAGS)},
    "revolving": pl.Boolean(),
    "grade": pl.Int64(),
    "address": pl.String(),  # of the borrower's premises
    "contact": pl.String(),  # whom to ask for there
    "latitude": pl.String(),  # of the premises, in degrees: decimal text, no float
    "longitude": pl.String(),
}
PREMISES = ("address", "contact", "latitude", "longitude")  # of the borrower, not of the facility
DEGREES = r"^-?[0-9]{1,3}(\.[0-9]{1,15})?$"  # how a latitude or longitude is written
REQUIRED = ("facility", "borrower", "unit", "product", "currency", "bal", "opened_on")
