"""Tables of reference: staff, vendors, customers, policy books, as the bank's extracts and lists say. Nothing in them is
decided here; the journal is rebuilt without them."""

from datetime import date
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint
from sqlmodel import Field, SQLModel

from models.tables import big, kind, long_text


@kind("reference")
class Unit(SQLModel, table=True):
    """A unit of the bank or a vendor. `lane`: branch, department, vendor or office; `calendar` of the book."""

    __tablename__ = "unit"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("lane IN ('branch','department','vendor','office')", name="unit_lane"),
    )
    id: str = Field(primary_key=True)
    name: str
    lane: str
    calendar: str
    reports_to: str | None = Field(default=None, foreign_key="unit.id")


@kind("reference")
class Person(SQLModel, table=True):
    """Somebody who may act. `until`: last day of service. `language` of messages."""

    __tablename__ = "person"
    id: str = Field(primary_key=True)
    name: str
    unit: str = Field(foreign_key="unit.id")
    until: date | None = None
    language: str = "en"


@kind("reference")
class Grant(SQLModel, table=True):
    """A role that a person holds from a date, until a date."""

    __tablename__ = "role_grant"
    __table_args__: ClassVar[Any] = (PrimaryKeyConstraint("person", "role", "since"), Index("grant_role", "role"))
    person: str = Field(foreign_key="person.id")
    role: str
    since: date
    until: date | None = None


@kind("reference")
class Substitute(SQLModel, table=True):
    """A deputy for dated absence; he must hold the role himself, and stands in for nobody else's deputy."""

    __tablename__ = "substitute"
    __table_args__: ClassVar[Any] = (
        PrimaryKeyConstraint("absent", "deputy", "since"),
        CheckConstraint("absent <> deputy", name="deputy_is_another"),
        CheckConstraint("since <= until", name="deputy_dates"),
        Index("substitute_deputy", "deputy"),
    )
    absent: str = Field(foreign_key="person.id")
    deputy: str = Field(foreign_key="person.id")
    since: date
    until: date


@kind("reference")
class Relation(SQLModel, table=True):
    """A declared relation of a person to a borrower: he acts on none of its cases."""

    __tablename__ = "relation"
    __table_args__: ClassVar[Any] = (PrimaryKeyConstraint("person", "subject"),)
    person: str = Field(foreign_key="person.id")
    subject: str


@kind("reference")
class Channel(SQLModel, table=True):
    """Where a person is told: an Apprise URL ({name} is filled from the settings' secrets, never stored), at most
    one of a scheme; each gets every message."""

    __tablename__ = "channel"
    __table_args__: ClassVar[Any] = (PrimaryKeyConstraint("person", "url"),)
    person: str = Field(foreign_key="person.id")
    url: str


@kind("reference")
class Contract(SQLModel, table=True):
    """What a vendor (a unit of lane vendor) is engaged for: product and branch ('*': any), visits a day, dates."""

    __tablename__ = "contract"
    __table_args__: ClassVar[Any] = (PrimaryKeyConstraint("vendor", "product", "unit"),)
    vendor: str = Field(foreign_key="unit.id")
    product: str
    unit: str
    per_day: int
    since: date
    until: date


@kind("reference")
class Borrower(SQLModel, table=True):
    """A customer with credit, as in the newest snapshot. `unit` is the branch that keeps it; `address` of the premises,
    the `contact` to ask for there, and where they lie (degrees, as decimal text). Empty: the bank's extract has none."""

    __tablename__ = "borrower"
    id: str = Field(primary_key=True)
    name: str
    unit: str = Field(foreign_key="unit.id")
    address: str = ""
    contact: str = ""
    latitude: str = ""
    longitude: str = ""


@kind("reference")
class Facility(SQLModel, table=True):
    """One loan or line, as in the newest snapshot; `digest`: SHA-256 of its row; `first_seen`: its first snapshot."""

    __tablename__ = "facility"
    id: str = Field(primary_key=True)
    borrower: str = Field(foreign_key="borrower.id", index=True)
    product: str
    currency: str
    limit_amt: int = big()
    bal: int = big()
    first_seen: date
    digest: str


@kind("reference")
class Condition(SQLModel, table=True):
    """A condition set at approval for one facility: covenant, special checkpoint, or frequency in months."""

    __tablename__ = "condition"
    __table_args__: ClassVar[Any] = (
        PrimaryKeyConstraint("facility", "name"),
        CheckConstraint("kind IN ('covenant','checkpoint','frequency')", name="condition_kind"),
    )
    facility: str
    name: str
    kind: str
    value: str
    source: str


@kind("reference")
class Snapshot(SQLModel, table=True):
    """An imported extract: Parquet, named by its SHA-256. `source` is the SHA-256 of the file it came from."""

    __tablename__ = "snapshot"
    sha256: str = Field(primary_key=True)
    as_of: date = Field(index=True)
    source: str
    mapping: str
    rows: int
    total_bal: int = big()
    taken_at: str


@kind("reference")
class Book(SQLModel, table=True):
    """A compiled policy book by hash: the whole text, so that open cases keep theirs."""

    __tablename__ = "book"
    hash: str = Field(primary_key=True)
    version: str
    text: str = long_text()


@kind("reference")
class Secret(SQLModel, table=True):
    """The draw's secret of a quarter (as 2026Q1): its hash is journaled at the start, itself after the end."""

    __tablename__ = "secret"
    quarter: str = Field(primary_key=True)
    secret: str
