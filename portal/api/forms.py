"""What the API answers with and takes in. Amounts are minor units of their currency; days ISO dates; instants UTC."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.forms import Name, VendorPackage


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reason(Model):
    code: str
    facts: dict[str, Any]
    says: str


class Check(Model):
    """A payment that is about to be made."""

    facility: Annotated[str, Field(min_length=1, max_length=80)]
    amount: Annotated[int, Field(ge=1, le=2**53 - 1, strict=True)]


class Checked(Model):
    """`allowed` of it may be paid; where the outcome is not `allow`, `reasons` say why. Entry `seq` of `gate:FACILITY`."""

    outcome: Literal["allow", "limit", "refuse"]
    allowed: int
    reasons: list[Reason]
    seq: int
    hash: str
    repeated: bool


class Case(Model):
    """A case as it stands. `seq` is its version: send it as `seen`, so that nothing is decided on what has changed."""

    id: int
    process: str
    subject: str
    borrower: str
    step: str
    seq: int
    due_on: date | None
    opened_on: date
    closed_on: date | None


class Whole(Case):
    book: str
    facts: dict[str, Any]
    holder: str | None
    owner: str | None
    acts: list[str]


class Page(Model):
    """`next` is the address of what comes after; null: that was all."""

    items: list[Case]
    next: str | None


class Assignment(Model):
    """A visit to be made: whom, where, by when, and what is to be asked of which facility. What the bank's file does not say
    is empty; the position is that of the premises, in degrees."""

    case: int
    seq: int
    borrower: str
    address: str
    contact: str
    latitude: str
    longitude: str
    due_on: date | None
    inspector: str
    batch: str
    asks: list[dict[str, Any]]


class Assignments(Model):
    items: list[Assignment]
    next: str | None


class Package(Model):
    """A collected package for a case."""

    case: Annotated[int, Field(ge=1, le=2**53 - 1)]
    package: VendorPackage
    seen: Annotated[int, Field(ge=1)] | None = None


class File(Model):
    """A file that was taken in, as a package's `evidence` names it; time and place are empty where nothing says them."""

    sha256: str
    kind: Literal["photo", "document"]
    shows: str
    taken_at: str
    latitude: str
    longitude: str


class Act(Model):
    """One act on a case, with its form's fields as the payload."""

    action: Name
    payload: dict[str, Any] = {}
    on_behalf_of: Name | None = None
    seen: Annotated[int, Field(ge=1)] | None = None


class Done(Model):
    """The entry that the act made, and where the case now stands."""

    case: int
    step: str
    seq: int
    hash: str
    repeated: bool


class Trouble(Model):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
