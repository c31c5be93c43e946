"""Tables of the portal: how people sign in, what they have begun to write, what they handed in one photo at a time.

All operational: none of it decides anything, and a rebuild does not need it. Instants are UTC text as in tables.py.
"""

from datetime import date
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, PrimaryKeyConstraint
from sqlmodel import Field, SQLModel

from models.tables import kind, long_text


@kind("operational")
class Credential(SQLModel, table=True):
    """How a person proves who he is: an argon2id hash of his password (empty: none), and his account at the bank's
    identity provider (issuer and subject of OpenID Connect; empty: none)."""

    __tablename__ = "credential"
    __table_args__: ClassVar[Any] = (Index("credential_subject", "issuer", "subject"),)
    person: str = Field(primary_key=True, foreign_key="person.id")
    password: str = ""
    issuer: str = ""
    subject: str = ""


@kind("operational")
class Session(SQLModel, table=True):
    """A person signed in. `token`: SHA-256 of the cookie's, which is nowhere stored. It ends at `ends_at`, or when it
    was not used for the idle time; `proved_at`: when he last proved himself, by `way`: "password", or "oidc", at the
    bank's account service."""

    __tablename__ = "session"
    token: str = Field(primary_key=True)
    person: str = Field(foreign_key="person.id", index=True)
    seen_at: str
    proved_at: str
    ends_at: str
    way: str = "password"


@kind("operational")
class Errand(SQLModel, table=True):
    """A browser that was sent to the bank's account service and is not back yet. `token`: SHA-256 of the secret that it
    keeps; `next`: where its person goes then; `session`: the sign-in that is to be proved once more (empty: a new one)."""

    __tablename__ = "errand"
    token: str = Field(primary_key=True)
    next: str
    session: str = ""
    begun_at: str


@kind("operational")
class Throttle(SQLModel, table=True):
    """Failed sign-ins of an account or from an address (`account:lee`, `address:127.0.0.1`) since an instant."""

    __tablename__ = "throttle"
    key: str = Field(primary_key=True)
    failures: int
    since: str


@kind("operational")
class Draft(SQLModel, table=True):
    """What a person has typed into a form and not sent: the fields as JSON."""

    __tablename__ = "draft"
    __table_args__: ClassVar[Any] = (PrimaryKeyConstraint("person", "case_id", "action"),)
    person: str = Field(foreign_key="person.id")
    case_id: int = Field(sa_type=BigInteger)
    action: str
    fields: str = long_text()
    saved_at: str


@kind("operational")
class Upload(SQLModel, table=True):
    """A file handed in for a case before the package it belongs to: `key` is the sender's, so that a repeat is none.
    The bytes stand in the house's evidence folder under their SHA-256."""

    __tablename__ = "upload"
    __table_args__: ClassVar[Any] = (PrimaryKeyConstraint("person", "case_id", "key"),)
    person: str = Field(foreign_key="person.id")
    case_id: int = Field(sa_type=BigInteger)
    key: str
    sha256: str
    kind: str
    shows: str
    name: str
    taken_at: str
    latitude: str = ""
    longitude: str = ""
    at: str


@kind("operational")
class Alert(SQLModel, table=True):
    """What Prefect reported: a flow run failed, late, stuck or lost (`crashed`). Reported twice it is one."""

    __tablename__ = "alert"
    flow_run: str = Field(primary_key=True)
    what: str = Field(primary_key=True)
    flow: str
    says: str = long_text()
    at: str


@kind("operational")
class Alerted(SQLModel, table=True):
    """Which alert went into which message to operations."""

    __tablename__ = "alerted"
    message: str = Field(primary_key=True, foreign_key="message.id")
    flow_run: str
    what: str


@kind("operational")
class Machine(SQLModel, table=True):
    """A program that may ask the API. `token`: SHA-256 of its secret; `person`: in whose name it acts (empty: in no
    one's, as core banking asks the gate); `scopes`: what it may, words between blanks; `ends_on`: its last day."""

    __tablename__ = "machine"
    token: str = Field(primary_key=True)
    name: str = Field(unique=True)
    person: str = ""
    scopes: str
    ends_on: date
