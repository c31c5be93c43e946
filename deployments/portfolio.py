"""An invented bank from a seed: branches, staff, vendors, borrowers, and the extracts of its core-banking system.

All names are made up. The same seed gives the same bank, and the same seed and day the same extract; each extract
carries a few rows that no bank should deliver and each bank does.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

from deployments.loanbook import Loan, later, story
from door.db import Db
from tasks.staffing import Roster, write

CALENDAR = "KR"  # of the invented bank
BRANCHES = ("mapo", "jongno", "seongsu", "pangyo", "suwon", "daejeon", "gwangju", "haeundae")
VENDORS = {"fieldsight": "Fieldsight Survey Co.", "nuri": "Nuri On-site Services"}
DEPARTMENT = {"post_loan_officer": 6, "credit_manager": 4, "policy_editor": 2}
OFFICE = {"operations": 2, "credit_approver": 2, "auditor": 1, "administrator": 1}
MANAGERS, INSPECTORS = 4, 5
# fmt: off
FAMILIES = ("Kim", "Lee", "Park", "Choi", "Jung", "Kang", "Cho", "Yoon", "Jang", "Lim", "Han", "Oh", "Seo", "Shin",
            "Kwon", "Hwang", "Ahn", "Song", "Ryu", "Hong")
GIVEN = ("Min-seo", "Ji-ho", "Ha-eun", "Do-yun", "Seo-yeon", "Jun-ho", "Su-bin", "Tae-yang", "Ye-rin", "Hyun-woo",
         "Da-hye", "Sang-min", "Bo-ra", "Jae-won", "Na-ri", "Dong-hyun", "Yu-jin", "Ki-tae", "Eun-ji", "Woo-sung")
STEMS = ("Hanbit", "Daon", "Garam", "Sebit", "Onnuri", "Miru", "Narae", "Bomi", "Seorin", "Gaon", "Areum", "Dasom",
         "Haneul", "Nuribit", "Saebom", "Taeyang", "Jinju", "Northgate", "Riverside", "Blue Pine", "Silverline",
         "Eastfield", "Goldstone", "Clearwater", "Maple", "Summit", "Harbour", "Crescent", "Lotus", "Evergreen",
         "Pioneer", "Zenith", "Orchard", "Falcon", "Granite", "Beacon", "Meridian", "Willow", "Amber", "Coral")
TRADES = ("Precision", "Foods", "Textile", "Logistics", "Dental Clinic", "Steelworks", "Bakery", "Printing", "Plastics",
          "Cosmetics", "Semicon Parts", "Furniture", "Auto Parts", "Pharmacy", "Packaging", "Construction", "Seafood",
          "Hotel", "Software", "Machinery", "Optics", "Ceramics", "Apparel", "Dairy", "Electronics", "Academy",
          "Glass", "Shipping", "Interiors", "Paper", "Coffee", "Batteries", "Robotics", "Farm")
# fmt: on
#: Where a branch's customers are: districts, and the middle of them in hundred-thousandths of a degree.
AREAS = {
    "mapo": ("Mapo-gu, Seoul", 37_55380, 126_90960),
    "jongno": ("Jongno-gu, Seoul", 37_57300, 126_97940),
    "seongsu": ("Seongdong-gu, Seoul", 37_54460, 127_05590),
    "pangyo": ("Bundang-gu, Seongnam", 37_39470, 127_11120),
    "suwon": ("Gwonseon-gu, Suwon", 37_25770, 126_97190),
    "daejeon": ("Daedeok-gu, Daejeon", 36_34680, 127_41560),
    "gwangju": ("Gwangsan-gu, Gwangju", 35_13960, 126_79370),
    "haeundae": ("Haeundae-gu, Busan", 35_16310, 129_16360),
}  # fmt: skip
ROADS = (
    "Banwol",
    "Gongdan",
    "Sanggok",
    "Dongmak",
    "Seolleung",
    "Baekjegobun",
    "Hwarang",
    "Namdong",
    "Cheonho",
    "Hangang",
)
HOSTS = ("owner", "manager", "accountant", "foreman")
SHARES = {"micro": 40, "small": 35, "medium": 18, "large": 7}  # of the borrowers
MORE = {"micro": 1, "small": 2, "medium": 3, "large": 4}  # how likely one more loan is
FORMS = {"micro": "", "small": "", "medium": " Co.", "large": " Group"}


@dataclass(frozen=True)
class Borrower:
    """A customer, and where it is visited; from `moves_on` the extract names another manager for it."""

    id: str
    name: str
    segment: str
    unit: str
    manager: str
    moves_on: date | None = None
    moves_to: str = ""
    address: str = ""
    contact: str = ""
    latitude: str = ""
    longitude: str = ""

    def officer(self, day: date) -> str:
        return self.moves_to if self.moves_on and day >= self.moves_on else self.manager


@dataclass(frozen=True)
class Portfolio:
    """The bank: its staff as rows of the reference tables, its borrowers by id, its loans."""

    seed: int
    as_of: date
    roster: Roster
    borrowers: dict[str, Borrower]
    loans: tuple[Loan, ...]

    def extract(self, day: date) -> list[dict[str, str]]:
        """The rows of that day's extract in the core-banking layout, flawed ones included."""
        rows = [self._row(loan, day) for loan in self.loans if loan.alive(day)]
        return sorted(rows + self._flawed(day, rows), key=lambda row: row["FACILITY_NO"])

    def write(self, day: date, file: Path) -> Path:
        """That day's extract as CSV (gzipped where the name ends so); the same bytes each time."""
        text = io.StringIO(newline="")
        rows = self.extract(day)
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        data = text.getvalue().encode()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(data, mtime=0) if file.suffix == ".gz" else data)
        return file

    def _row(self, loan: Loan, day: date) -> dict[str, str]:
        borrower = self.borrowers[loan.borrower]
        about = {"CUSTOMER_NAME": borrower.name, "BRANCH": borrower.unit, "OFFICER": borrower.officer(day),
                 "ADDRESS": borrower.address, "CONTACT": borrower.contact, "LATITUDE": borrower.latitude,
                 "LONGITUDE": borrower.longitude}  # fmt: skip
        return {**loan.row(day), **about}

    def _flawed(self, day: date, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        """A balance below zero, one that is no number, a day that does not exist, an officer nobody knows, a facility
        delivered twice; and what was approved but is not yet disbursed."""
        r = Random(f"{self.seed}/{day}/flaws")  # noqa: S311 - an invented bank
        flaws = ({"BALANCE": "-1250000"}, {"BALANCE": "NaN"}, {"OPENED": "2025-02-30"}, {"OFFICER": "temp.01"})
        wrong = [
            {**r.choice(rows), "FACILITY_NO": f"L99{n:05d}", **flaw} for n, flaw in enumerate(flaws, r.randint(1, 900))
        ]
        soon = [loan for loan in self.loans if day < loan.opened <= day + timedelta(days=7)]
        return [*wrong, dict(r.choice(rows)), *(self._row(loan, day) for loan in soon)]


def portfolio(seed: int, loans: int = 2000, as_of: date = date(2026, 1, 5), mail: str = "127.0.0.1:1025") -> Portfolio:
    """The bank of a seed. `loans` in all, of which some are opened in the quarter from `as_of`; three borrowers to
    five loans. `mail` is host and port of the server that takes its staff's letters."""
    r = Random(seed)  # noqa: S311 - an invented bank
    roster, managers = _staff(r, as_of, mail)
    borrowers = {b.id: _housed(seed, b) for b in _borrowers(r, loans * 3 // 5, managers, as_of)}
    known = list(borrowers.values())
    owners = known + r.choices(known, [MORE[b.segment] for b in known], k=loans - len(known))
    book = tuple(
        story(r, f"L{n:07d}", owner.id, owner.segment, as_of, fresh=n > len(known) and r.random() < 0.08)
        for n, owner in enumerate(owners, 1)
    )
    _agreed(r, roster, managers, borrowers, book, as_of)
    return Portfolio(seed, as_of, roster, borrowers, book)


def staff(db: Db, portfolio: Portfolio) -> None:
    """Writes the reference tables that an extract does not bring, in one transaction."""
    with db.transaction():
        write(db, portfolio.roster, CALENDAR)


def _staff(r: Random, as_of: date, mail: str) -> tuple[Roster, dict[str, list[str]]]:
    """Units and people, and the account managers of each branch."""
    roster, since = Roster(), later(as_of, -24)
    names = [(f, g) for f in FAMILIES for g in GIVEN]
    r.shuffle(names)

    def hire(unit: str, role: str, count: int) -> list[str]:
        hired = []
        for family, given in (names.pop() for _ in range(count)):
            id = f"{family}.{given.replace('-', '')}".lower()
            roster.add_person(id, f"{family} {given}", unit, role, since, r.choice(("en", "en", "ko")))
            roster.channel.append((id, f"mailto://{mail}/?from=postloan@example.com&to={id}@example.com&mode=insecure"))
            hired.append(id)
        return hired

    roster.add_unit("head-office", "Head Office", "office", CALENDAR)
    roster.add_unit("credit-management", "Credit Management Department", "department", CALENDAR, "head-office")
    for role, count in OFFICE.items():
        hire("head-office", role, count)
    for role, count in DEPARTMENT.items():
        hire("credit-management", role, count)
    managers = {}
    for branch in BRANCHES:
        roster.add_unit(branch, f"{branch.title()} Branch", "branch", CALENDAR, "head-office")
        hire(branch, "branch_head", 1)
        managers[branch] = hire(branch, "account_manager", MANAGERS)
    for vendor, name in VENDORS.items():
        roster.add_unit(vendor, name, "vendor", CALENDAR)
        hire(vendor, "inspector", INSPECTORS)
    until = later(as_of, 24).isoformat()
    for n, vendor in enumerate(VENDORS):  # two branches in the middle may choose
        for branch in BRANCHES[n * 3 : n * 3 + 5]:
            roster.contract.append((vendor, "SE", branch, r.choice((15, 20, 25)), since.isoformat(), until))
    return roster, managers


def _borrowers(r: Random, count: int, managers: dict[str, list[str]], as_of: date) -> Iterator[Borrower]:
    names = [f"{stem} {trade}" for stem in STEMS for trade in TRADES]
    r.shuffle(names)
    names += [f"{name} {n}" for n in range(2, 2 + count // len(names)) for name in names]  # beyond 1,400: numbered
    for n in range(1, count + 1):
        segment = r.choices(list(SHARES), list(SHARES.values()))[0]
        branch = r.choice(BRANCHES)
        manager, other = r.sample(managers[branch], 2)
        moves_on = as_of + timedelta(days=r.randint(20, 70)) if r.random() < 0.012 else None
        yield Borrower(f"C{n:06d}", names[n - 1] + FORMS[segment], segment, branch, manager, moves_on, other)


def _housed(seed: int, b: Borrower) -> Borrower:
    """The borrower with its premises, by a lot of their own; of one in twenty the bank has never measured where they lie."""
    r = Random(f"{seed}/{b.id}/premises")  # noqa: S311 - an invented bank
    district, north, east = AREAS[b.unit]
    north, east = north + r.randint(-2500, 2500), east + r.randint(-2500, 2500)
    address = f"{r.randint(2, 190)} {r.choice(ROADS)}-ro {r.randint(1, 40)}-gil, {district}"
    contact = f"{r.choice(FAMILIES)} {r.choice(GIVEN)}, {r.choice(HOSTS)}, 010-0000-{r.randint(0, 9999):04}"
    measured = r.random() > 0.05
    return replace(b, address=address, contact=contact, latitude=_degrees(north) if measured else "",
                   longitude=_degrees(east) if measured else "")  # fmt: skip


def _degrees(parts: int) -> str:
    return f"{parts // 100_000}.{parts % 100_000:05}"


def _agreed(r: Random, roster: Roster, managers: dict[str, list[str]], borrowers: dict[str, Borrower],
            loans: tuple[Loan, ...], as_of: date) -> None:  # fmt: skip
    """Deputies for dated absences, declared relations, conditions set at approval."""
    officers, heads = ([str(p) for p, role, *_ in roster.role_grant if role == wanted]
                       for wanted in ("post_loan_officer", "credit_manager"))  # fmt: skip
    for team in [*managers.values(), officers, heads]:
        absent, deputy = r.sample(team, 2)
        away = as_of + timedelta(days=r.randint(7, 60))
        back = away + timedelta(days=r.randint(4, 18))
        roster.substitute.append((absent, deputy, away.isoformat(), back.isoformat()))
    for person in (*r.sample(officers, 3), r.choice(heads)):
        roster.relation.append((person, r.choice(list(borrowers))))
    for near, other in pairwise(r.sample(list(managers.values()), 3)):
        colleague = r.choice(near)
        if theirs := [b.id for b in borrowers.values() if b.manager in other]:  # a small bank's branch may have none
            roster.relation.append((colleague, r.choice(theirs)))
    larger = [loan for loan in loans if loan.segment in ("medium", "large")]
    for n, loan in enumerate(r.sample(larger, min(36, len(larger)))):
        kind, name, value = (("covenant", "debt-service-cover", "at least 1.2, tested quarterly"),
                             ("frequency", "visited-more-often", r.choice(("1", "2"))),
                             ("checkpoint", "collateral-watched", "collateral"))[n % 3]  # fmt: skip
        approval = f"credit approval {loan.opened.year}-{r.randint(1, 999):03d}"
        roster.condition.append((loan.facility, name, kind, value, approval))
