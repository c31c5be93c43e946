"""A block of an extract's rows, as text, into the snapshot's columns, by a mapping; and what is wrong with them.

Whole columns at a time. A row's faults: one for each column, the first that is found there.
"""

from datetime import date

import polars as pl

from models.snapshot import COLUMNS, DEGREES, LAGS
from tasks.extract import FIELDS, LINE, IntakeError
from tasks.mapping import Column, Mapping

#: Decimal places of an amount (ISO 4217) where they are not two.
PLACES = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
    "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip
AMOUNTS = ("limit_amt", "drawn_amt", "bal")
NAMES = ("facility", "borrower", "unit", "manager", "product", "segment")  # identifiers, as models/forms.Name
DAYS = ("dpd", *(f"dpd_{n}" for n in range(LAGS)))
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
FAULTS = {LINE: pl.Int64(), "column": pl.String(), "value": pl.String(), "reason": pl.String()}
_AMOUNT = r"^(-?)\s?[$€£¥₩]?\s?(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?$"
_DIGITS = 17  # of an amount in minor units: below 10^17 fits Int64; the bound on its value is checked after


class Translation:
    """Grows column by column: `rows` (LINE and the snapshot's columns, NULL where unreadable) and `faults`."""

    def __init__(self, block: pl.DataFrame, mapping: Mapping, as_of: date) -> None:
        odd = block.filter(pl.col(FIELDS) != 0)
        self.raw = block.filter(pl.col(FIELDS) == 0).drop(FIELDS)
        words = self.raw.with_columns(pl.exclude(LINE).str.strip_chars())
        empty = ["", *mapping.format.empty]
        self.words = words.with_columns(pl.when(~pl.exclude(LINE).is_in(empty)).then(pl.exclude(LINE)))
        self.work = self.words.with_columns(pl.lit(as_of).alias("as_of"))
        self.mapping, self.as_of = mapping, as_of
        self._faults = [
            odd.select(
                LINE,
                pl.lit("").alias("column"),
                pl.lit("").alias("value"),
                pl.format("the line has {} fields too {}", pl.col(FIELDS).abs(),
                          pl.when(pl.col(FIELDS) < 0).then(pl.lit("few")).otherwise(pl.lit("many"))).alias("reason"),
            )
        ]  # fmt: skip
        for target in mapping.order:
            self._column(target, mapping.all[target])
        absent = [pl.lit(None, dtype=COLUMNS[c]).alias(c) for c in COLUMNS if c not in mapping.columns]
        self.rows = self.work.with_columns(absent).select(LINE, *COLUMNS)
        self._rules()
        self._plausible()
        torn = odd.select(LINE, *(pl.lit(None, dtype=dtype).alias(c) for c, dtype in COLUMNS.items()))
        self.rows = pl.concat([self.rows, torn]).sort(LINE)

    @property
    def faults(self) -> pl.DataFrame:
        return pl.concat(self._faults).unique([LINE, "column"], keep="first").sort(LINE, "column")

    def named(self, target: str) -> str:
        """What a reader finds in the file: the extract's column, or ours where it is derived."""
        column = self.mapping.all.get(target)
        return " + ".join(column.source) if column and column.source else target

    def fault(self, target: str, where: pl.Series, reason: str | pl.Expr, value: pl.Series | None = None) -> None:
        """Rows (a mask over `work`) that are wrong in a column. The value shown is the extract's own text."""
        where = where.fill_null(value=False)
        if not where.any():
            return
        shown = self._shown(target) if value is None else value
        self._faults.append(
            self.work.with_columns(shown.cast(pl.String).alias("_shown"))
            .filter(where)
            .select(
                LINE,
                pl.lit(self.named(target)).alias("column"),
                pl.col("_shown").fill_null("").alias("value"),
                (pl.lit(reason) if isinstance(reason, str) else reason).alias("reason"),
            )
        )

    def _shown(self, target: str) -> pl.Series:
        column = self.mapping.all.get(target)
        if column and column.source:
            return self.raw.select(pl.concat_str([pl.col(s) for s in column.source], separator=" ")).to_series()
        if self.work[target].dtype == pl.List(pl.Date()):
            return self.work.select(pl.col(target).list.eval(pl.element().cast(pl.String)).list.join(";")).to_series()
        return self.work[target].cast(pl.String)

    def _column(self, target: str, column: Column) -> None:
        dtype = self.mapping.types[target]
        if column.sql:
            value = self._sql(column.sql, f"columns.{target}").cast(dtype, strict=False)
            if column.default is not None:
                value = value.fill_null(self._typed(target, column, _same(column.default, len(value)))[0])
            self._set(target, value)
            if column.required:
                self._underived(target, value)
            return
        text = self._text(column)
        if column.values:
            known = text.replace_strict(list(column.values), list(column.values.values()), default=None,
                                        return_dtype=pl.String)  # fmt: skip
            odd = text.is_not_null() & known.is_null()
            text = known
        else:
            odd = _same(None, len(text)).is_not_null()
        if column.default is not None:
            text = pl.select(pl.when(odd).then(None).otherwise(text.fill_null(column.default))).to_series()
        value, reason = self._typed(target, column, text)
        self._set(target, value)
        self.fault(target, odd, f"is none of {', '.join(column.values)}")
        base = self.work[column.months_after] if column.months_after else text
        self.fault(target, text.is_not_null() & value.is_null() & base.is_not_null(), reason)
        if column.required:
            self.fault(target, text.is_null() & ~odd, "is missing")
            self._underived(target, value)

    def _underived(self, target: str, value: pl.Series) -> None:
        """A required column is empty, and nothing said so far explains it."""
        spotless = ~self.work[LINE].is_in(pl.concat(self._faults)[LINE].implode())
        self.fault(target, value.is_null() & spotless, "is missing: it could not be derived")

    def _text(self, column: Column) -> pl.Series:
        """The extract's words; NULL for what means no value."""
        if not column.source:
            return _same(None, len(self.raw))
        parts = [pl.col(s) for s in column.source]
        if column.slug:
            parts = [p.str.replace_all(r"[^A-Za-z0-9]+", "-").str.strip_chars("-") for p in parts]
        text = pl.concat_str(parts, separator=".")
        return self.words.select(text.alias("text")).to_series()

    def _typed(self, target: str, column: Column, text: pl.Series) -> tuple[pl.Series, str]:
        """Text as what the column holds, NULL where it can't be read, and what to say then."""
        frame, dtype, t = self.work.with_columns(text.alias("_text")), self.mapping.types[target], pl.col("_text")
        says = "is no text"
        value = t
        if column.months_after:
            months = t.str.extract(r"^(\d{1,4})$").cast(pl.Int64, strict=False)
            value = pl.col(column.months_after).dt.offset_by(pl.format("{}mo", months))
            says = f"is no number of months after {self.named(column.months_after)}"
        elif target in AMOUNTS:
            value = self._amount(t, column.minor)
            says = "is no amount in the currency's units, as 1234.50 or 1,234.50"
        elif dtype == pl.Int64():
            value, says = t.str.extract(r"^([+-]?\d{1,15})(?:\.0+)?$").cast(pl.Int64), "is no whole number"
        elif dtype == pl.Boolean():
            low = t.str.to_lowercase()
            value = pl.when(low.is_in(TRUE)).then(pl.lit(True)).when(low.is_in(FALSE)).then(pl.lit(False))
            says = "is neither true nor false"
        elif dtype == pl.Date():
            value, says = _date(t, column.format), f"is no date as {' or '.join(column.format or ('%Y-%m-%d',))}"
        elif dtype == pl.List(pl.Date()):
            days = t.str.split(column.split).list.eval(_date(pl.element().str.strip_chars(), column.format)).list.sort()
            value = pl.when(~days.list.eval(pl.element().is_null()).list.any()).then(days)
            says = f"holds a day that is no date as {' or '.join(column.format or ('%Y-%m-%d',))}"
        return frame.select(value.alias("value")).to_series().cast(dtype), says

    def _amount(self, text: pl.Expr, minor: bool) -> pl.Expr:
        """Minor units, exactly: no float on the way. NULL where there are more places than the currency has."""
        places = pl.lit(0) if minor or "currency" not in self.work.columns else pl.col("currency").replace_strict(
            PLACES, default=2, return_dtype=pl.Int64)  # fmt: skip
        whole = text.str.extract(_AMOUNT, 2).str.replace_all(",", "").str.strip_chars_start("0")
        part = text.str.extract(_AMOUNT, 3).fill_null("").str.strip_chars_end("0")
        digits = whole + pl.concat_str(part, pl.lit("000")).str.slice(0, places)
        fits = (part.str.len_chars() <= places) & (digits.str.len_chars() <= _DIGITS)
        number = pl.when(digits == "").then(pl.lit("0")).otherwise(digits).cast(pl.Int64, strict=False)
        return pl.when(fits & text.str.contains(_AMOUNT)).then(
            pl.when(text.str.starts_with("-")).then(-number).otherwise(number)
        )

    def _set(self, target: str, value: pl.Series) -> None:
        self.work = self.work.with_columns(value.alias(target))

    def _sql(self, sql: str, place: str) -> pl.Series:
        try:
            found = self.work.select(pl.sql_expr(sql).alias("value")).to_series()
        except pl.exceptions.PolarsError as e:
            raise IntakeError(f"The mapping {self.mapping.name}, {place}: {sql!r} cannot be computed "
                              f"({str(e).strip().splitlines()[0]}).") from e  # fmt: skip
        return found if len(found) == len(self.work) else found.new_from_index(0, len(self.work))

    def _plausible(self) -> None:
        """What no extract may say, whatever its mapping."""
        rows = self.rows
        for name in NAMES:
            good = rows[name].str.contains(r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,79}$")
            self.fault(name, ~good, "is no identifier: letters, digits and . _ : @ / + -, at most 80")
        self.fault("currency", ~rows["currency"].str.contains(r"^[A-Z]{3}$"), "is no currency code of three letters")
        for name in ("borrower_name", "address", "contact"):
            odd = rows[name].str.contains(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
            self.fault(name, odd, "holds a control character")
        for name, most in (("latitude", 90), ("longitude", 180)):
            within = rows[name].cast(pl.Float64, strict=False).is_between(-most, most)
            good = rows[name].str.contains(DEGREES) & within
            self.fault(name, ~good, f"is no {name} in degrees, as 37.56650")
        alone = rows["latitude"].is_null() != rows["longitude"].is_null()
        self.fault("latitude", alone, "is a position by halves: it takes a latitude and a longitude, or neither")
        for name in (*AMOUNTS, *DAYS):
            self.fault(name, rows[name] < 0, "is negative")
        for name in AMOUNTS:
            self.fault(name, rows[name] >= 2**53, "is larger than 2^53 minor units")
        self.fault("class", ~rows["class"].is_between(1, 5), "is no class from 1 (normal) to 5 (loss)")
        for name in ("opened_on", "maturity_on", "rating_on"):
            self.fault(name, ~rows[name].dt.year().is_between(1900, 2199), "is no plausible date")
        self.fault("maturity_on", rows["maturity_on"] < rows["opened_on"], "lies before the opening of the facility")
        self.fault("drawings", rows["drawings"].list.max() > self.as_of, "holds a day after the as-of date")

    def _rules(self) -> None:
        for n, rule in enumerate(self.mapping.reject_if):
            holds = self._sql(rule.when, f"reject_if.{n}")
            if holds.dtype != pl.Boolean:
                raise IntakeError(f"The mapping {self.mapping.name}, reject_if.{n}: {rule.when!r} is no condition.")
            shown = None if rule.column in COLUMNS else _same("", len(self.work))
            if rule.column in self.raw.columns:
                shown = self.raw[rule.column]
            self.fault(rule.column, holds, rule.reason, shown)


def _same(value: str | None, n: int) -> pl.Series:
    return pl.Series([value], dtype=pl.String).new_from_index(0, n)


def _date(text: pl.Expr, formats: tuple[str, ...]) -> pl.Expr:
    return pl.coalesce(text.str.to_date(f, strict=False) for f in (*formats, "%Y-%m-%d"))
