"""The life of one invented loan: drawings, repayment, arrears and class on any day, as a core-banking system tells it.

A loan's story is told once, when the portfolio is made; what the extract of a day says is a function of the story
and that day alone, so any day's extract can be had without those before it. Amounts are whole won.
"""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from models.snapshot import LAGS

#: product: its code in the core-banking system, segments that take it with their weight, term in months, limit in
#: millions of won for a micro borrower; a revolving line is drawn and paid back as it goes.
PRODUCTS: dict[str, tuple[str, dict[str, int], tuple[int, int], tuple[int, int]]] = {
    "SE": ("SME", {"micro": 78, "small": 52}, (36, 84), (20, 150)),
    "WC": ("WCT", {"micro": 6, "small": 14, "medium": 30, "large": 26}, (12, 36), (30, 200)),
    "RV": ("RCF", {"micro": 10, "small": 16, "medium": 28, "large": 28}, (12, 36), (20, 120)),
    "RE": ("CRE", {"small": 8, "medium": 16, "large": 16}, (96, 180), (150, 700)),
    "PF": ("PRJ", {"medium": 10, "large": 22}, (30, 72), (300, 900)),
    "GL": ("GTD", {"micro": 6, "small": 10, "medium": 16, "large": 8}, (12, 60), (30, 180)),
}
SIZE = {"micro": 1, "small": 4, "medium": 15, "large": 60}
SEGMENTS = {"micro": "X", "small": "S", "medium": "M", "large": "L"}
CLASSES = ((360, "L"), (270, "D"), (90, "S"), (7, "P"))
PROBATION = timedelta(days=180)  # after long arrears a loan stays at special mention for so long


def later(day: date, months: int) -> date:
    """The same day so many months later, or the month's last."""
    at = day.year * 12 + day.month - 1 + months
    year, month = divmod(at, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Loan:
    """One facility's story. `drawings`: day and amount; `arrears`: first day past due and the day on which it was
    cleared, None if it never is."""

    facility: str
    borrower: str
    product: str
    segment: str
    limit: int
    opened: date
    maturity: date
    drawings: tuple[tuple[date, int], ...]
    arrears: tuple[tuple[date, date | None], ...] = ()
    grade: int = 4

    @property
    def revolving(self) -> bool:
        return self.product == "RV"

    def alive(self, day: date) -> bool:
        """Is it on the books? A loan leaves them at maturity, unless it is in arrears then."""
        return self.opened <= day and (day < self.maturity or self.days_past_due(day) > 0)

    def days_past_due(self, day: date) -> int:
        return max(((day - start).days for start, end in self.arrears if start <= day and (end is None or day < end)),
                   default=0)  # fmt: skip

    def worst_in_month(self, day: date, back: int) -> int:
        """Greatest number of days past due in the month so many months before that day's, up to the day."""
        if not self.arrears:
            return 0
        first = later(day.replace(day=1), -back)
        last = min(day, later(first, 1) - timedelta(days=1))
        held = [min(last, end - timedelta(days=1)) if end else last for _, end in self.arrears]
        return max((self.days_past_due(d) for d in held if d >= first), default=0)

    def class_(self, day: date) -> str:
        past_due = self.days_past_due(day)
        for more_than, name in CLASSES:
            if past_due > more_than:
                return name
        watched = any(end and end <= day < end + PROBATION and (end - start).days > 60 for start, end in self.arrears)
        return "P" if watched else "N"

    def drawn(self, day: date) -> int:
        """What has been paid out; of a line what is in use, which changes from month to month."""
        if not self.revolving:
            return sum(amount for on, amount in self.drawings if on <= day)
        use = Random(f"{self.facility}/{day:%Y-%m}").randint(35, 98)  # noqa: S311 - an invented loan
        return self.limit * use // 100_000 * 1_000

    def balance(self, day: date) -> int:
        """Paid back in equal monthly parts to maturity; arrears stop it where they begin."""
        if self.revolving:
            return self.drawn(day)
        late = self.days_past_due(day)
        reached = day - timedelta(days=late) if late else day
        months = max(1, (self.maturity.year - self.opened.year) * 12 + self.maturity.month - self.opened.month)
        gone = (
            (reached.year - self.opened.year) * 12 + reached.month - self.opened.month - (reached.day < self.opened.day)
        )
        return self.drawn(day) * max(0, months - max(0, gone)) // months

    def rating_until(self, day: date) -> str:
        """Larger borrowers are rated every year on the day of their opening."""
        if self.segment not in ("medium", "large"):
            return ""
        years = day.year - self.opened.year
        lapses = later(self.opened, 12 * max(1, years))
        return (lapses if lapses > day else later(self.opened, 12 * (years + 1))).isoformat()

    def row(self, day: date) -> dict[str, str]:
        """The line of that day's extract, but for what belongs to the borrower."""
        return {
            "FACILITY_NO": self.facility,
            "CUSTOMER_NO": self.borrower,
            "PRODUCT": PRODUCTS[self.product][0],
            "SEGMENT": SEGMENTS[self.segment],
            "CCY": "KRW",
            "LIMIT": str(self.limit),
            "DRAWN": str(self.drawn(day)),
            "BALANCE": str(self.balance(day)),
            "OPENED": self.opened.isoformat(),
            "DRAWINGS": ";".join(on.isoformat() for on, _ in self.drawings if on <= day),
            "MATURITY": self.maturity.isoformat(),
            "RATING_UNTIL": self.rating_until(day),
            "CLASS": self.class_(day),
            "DPD": str(self.days_past_due(day)),
            **{f"DPD_{n}": str(self.worst_in_month(day, n)) for n in range(LAGS)},
            "REVOLVING": "Y" if self.revolving else "N",
            "GRADE": str(self.grade),
        }


def story(r: Random, facility: str, borrower: str, segment: str, start: date, fresh: bool) -> Loan:
    """A loan that is on the books at `start`, or, where `fresh`, one that is opened in the quarter after it."""
    weights = {p: segments[segment] for p, (_, segments, _, _) in PRODUCTS.items() if segment in segments}
    product = r.choices(list(weights), list(weights.values()))[0]
    _, _, term, size = PRODUCTS[product]
    limit = r.randint(*size) * SIZE[segment] * 1_000_000
    months = r.randint(*term)
    if fresh:
        opened = start + timedelta(days=r.randint(1, 88))
    else:
        opened = later(start, -r.randint(0, months - 3)) - timedelta(days=r.randint(1, 27))
        if r.random() < 0.06:  # and some of them end within the quarter or soon after
            opened = later(start + timedelta(days=r.randint(10, 150)), -months)
    loan = Loan(facility, borrower, product, segment, limit, opened, later(opened, months), (), (), r.randint(1, 8))
    return replace(loan, drawings=_drawings(r, loan, start), arrears=_arrears(r, loan, start))


def _drawings(r: Random, loan: Loan, start: date) -> tuple[tuple[date, int], ...]:
    """Most are drawn at once. A project is drawn as it is built, a line again now and then."""
    days = [loan.opened]
    if loan.product == "PF":
        days += [later(loan.opened, 3 * n) for n in range(1, 6)]
    elif r.random() < (0.1 if loan.revolving else 0.04):
        days.append(max(loan.opened, start + timedelta(days=r.randint(-20, 85))))
    days = sorted({day for day in days if day < loan.maturity})
    part = loan.limit // len(days) // 1_000 * 1_000
    return tuple((day, loan.limit - part * (len(days) - 1) if n == 0 else part) for n, day in enumerate(days))


def _arrears(r: Random, loan: Loan, start: date) -> tuple[tuple[date, date | None], ...]:
    """One loan in nine is late once: mostly for days or weeks, some for months, some for good."""
    if r.random() > 0.11:
        return ()
    begins = max(loan.opened + timedelta(days=31), start + timedelta(days=r.randint(-320, 130)))
    if begins >= loan.maturity:
        return ()
    how = r.random()
    lasts = r.randint(2, 20) if how < 0.5 else r.randint(21, 85) if how < 0.8 else r.randint(86, 200)
    return ((begins, None if how > 0.9 else begins + timedelta(days=lasts)),)
