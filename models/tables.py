"""Tables. Three kinds, said at each: *projection* (rebuilt from the journal, equal), *reference* (from a snapshot
or the staff list) and *operational* (delivery, attempts; not rebuilt). A projection's foreign keys end at cases, so
that the journal alone rebuilds it, before staff and customers are loaded.

Amounts are integers in minor units with their currency; `*_on` are dates; `*_at` are UTC instants as ISO 8601 text
with microseconds and Z, because the journal's hashes cover exactly those bytes. These classes declare the schema
and serve queries; input is validated by models/forms.py, never here.
"""

from datetime import date
from typing import Any, ClassVar, Literal

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, PrimaryKeyConstraint, Text, text
from sqlmodel import Field, SQLModel

Kind = Literal["projection", "reference", "operational", "journal"]
KINDS: dict[str, Kind] = {}


def kind(of: Kind) -> Any:
    """Marks a table."""

    def mark(cls: type[SQLModel]) -> type[SQLModel]:
        KINDS[str(cls.__tablename__)] = of
        return cls

    return mark


def long_text(default: str | None = None) -> Any:
    """Text that may be long. With a default it is optional for who writes it, never NULL."""
    column = Column(Text, nullable=False) if default is None else Column(Text, nullable=False, server_default=default)
    return Field(sa_column=column) if default is None else Field(default=default, sa_column=column)


def big(**kw: Any) -> Any:
    return Field(sa_type=BigInteger, **kw)


STOPPED = "action IN ('refuse', 'limit')"  # what the gate did not pay in full, from an index by the instant
POOL = "owner IS NULL AND whose IS NULL AND holder IS NULL"  # anyone's of the role
MANAGED = "whose = 'manager'"  # of who is responsible for its subject on the day
HELD = "holder IS NOT NULL"
EXPERIENCE = "action IN ('submit', 'conclude')"  # by which a person's experience is counted, from an index
RUN = "process = 'run'"  # the runs of a day, and the newest, from an index
REFUSED = "action = 'refused'"  # what a run was refused, from an index by the instant
CONCLUDED = "action = 'conclude'"  # by which an inspection is in time or late, from an index

# -- the journal and what the door keeps ------------------------------------------------------------------------


@kind("journal")
class Entry(SQLModel, table=True):
    """One link of a stream's hash chain. Immutable by trigger; only `payload` and `salt` may be erased (to NULL).

    `hash` = SHA-256 of the canonical JSON of every column but `hash`, `salt` and `payload`;
    `digest` = SHA-256(salt ‖ payload), salt as hex text. docs/journal.md has the bytes.
    """

    __tablename__ = "entry"
    __table_args__: ClassVar[Any] = (
        PrimaryKeyConstraint("stream", "seq"),
        CheckConstraint("seq >= 1", name="seq_from_one"),
        CheckConstraint("length(hash) = 64 AND length(prev) = 64 AND length(digest) = 64", name="hashes_whole"),
        Index("entry_key", "person", "key", unique=True, sqlite_where=text("key IS NOT NULL"),
              postgresql_where=text("key IS NOT NULL")),
        Index("entry_experience", "person", sqlite_where=text(EXPERIENCE), postgresql_where=text(EXPERIENCE)),
        Index("entry_concluded", "stream", "business_date", sqlite_where=text(CONCLUDED),
              postgresql_where=text(CONCLUDED)),
        Index("entry_refused", "person", "recorded_at", sqlite_where=text(REFUSED), postgresql_where=text(REFUSED)),
        Index("entry_stopped", "recorded_at", sqlite_where=text(STOPPED), postgresql_where=text(STOPPED)),
        Index("entry_run", "run", sqlite_where=text("run IS NOT NULL"), postgresql_where=text("run IS NOT NULL")),
    )  # fmt: skip
    stream: str
    seq: int
    action: str
    person: str
    on_behalf_of: str | None = None
    role: str
    step: str
    round: int
    due_on: date | None = None
    process: str | None = None
    run: int | None = big(default=None, nullable=True)
    key: str | None = None
    business_date: date
    recorded_at: str
    digest: str
    prev: str
    hash: str
    salt: str | None = None
    payload: str | None = Field(default=None, sa_column=Column(Text, nullable=True))


@kind("projection")
class Stream(SQLModel, table=True):
    """Head of a stream that is no case: person:, attempt:, draw:. (A case's head stands in its own row.)"""

    __tablename__ = "stream"
    name: str = Field(primary_key=True)
    seq: int
    head: str


@kind("projection")
class Case(SQLModel, table=True):
    """One token of one process: the last fold of its stream. `state` is the fold as JSON (rounds, hands, facts).

    `subject` is what it is about (a borrower; a run's business key). `slot`: at most one open case of a process.
    """

    __tablename__ = "cases"
    __table_args__: ClassVar[Any] = (
        Index("case_slot", "process", "slot", unique=True, sqlite_where=text("closed_on IS NULL AND slot IS NOT NULL"),
              postgresql_where=text("closed_on IS NULL AND slot IS NOT NULL")),
        Index("case_step", "process", "step", "id"),
        Index("case_subject", "subject", "process", "step"),
        Index("case_run", "opened_on", "id", sqlite_where=text(RUN), postgresql_where=text(RUN)),
        Index("case_parent", "parent", sqlite_where=text("parent IS NOT NULL"),
              postgresql_where=text("parent IS NOT NULL")),
    )  # fmt: skip
    id: int = big(primary_key=True, sa_column_kwargs={"autoincrement": False})
    process: str
    stream: str = Field(unique=True)
    subject: str
    slot: str | None = None
    parent: int | None = Field(default=None, sa_type=BigInteger, foreign_key="cases.id")
    book: str
    step: str
    seq: int
    head: str
    opened_on: date
    closed_on: date | None = None
    state: str = long_text()


@kind("projection")
class Item(SQLModel, table=True):
    """A step waiting for a person. A case has one token, hence at most one item: the key holds the rule.

    `owner` is whose step it is; `whose` is "manager" where it is the responsible manager's, whoever he is on the
    day; both empty: anyone of the role. `holder` has claimed or been handed it.
    `rung` counts the reminders sent; `held_until` the hold. The `subject` is the case's, and `facts` are those that its
    process lists, as JSON: a list of very many is made and narrowed by them without reading the cases.
    """

    __tablename__ = "item"
    __table_args__: ClassVar[Any] = (
        Index("item_pool", "role", "due_on", "case_id", sqlite_where=text(POOL), postgresql_where=text(POOL)),
        Index("item_owner", "owner", "due_on", "case_id"),
        Index(
            "item_managed", "subject", "due_on", "case_id", sqlite_where=text(MANAGED), postgresql_where=text(MANAGED)
        ),
        Index("item_holder", "holder", sqlite_where=text(HELD), postgresql_where=text(HELD)),
    )
    case_id: int = Field(primary_key=True, sa_type=BigInteger, foreign_key="cases.id")
    process: str
    subject: str
    step: str
    role: str
    lane: str
    round: int
    since: date
    due_on: date | None = None
    owner: str | None = None
    whose: str | None = None
    holder: str | None = None
    held_until: date | None = None
    rung: int = 0
    facts: str = long_text("")


@kind("projection")
class Due(SQLModel, table=True):
    """The due ledger: one prescribed inspection of one facility, and what became of it. What is on the grid and not
    here is pending."""

    __tablename__ = "due"
    __table_args__: ClassVar[Any] = (
        PrimaryKeyConstraint("facility", "kind", "due_on"),
        CheckConstraint("outcome IN ('started','merged','skipped')", name="due_outcome"),
        CheckConstraint("outcome <> 'skipped' OR reason <> ''", name="due_reason"),
        Index("due_case", "case_id"),
        Index("due_day", "due_on", "outcome", "reason", "case_id"),  # a period is counted from it alone
    )
    facility: str
    kind: str
    due_on: date
    outcome: str
    reason: str = ""
    case_id: int = big(foreign_key="cases.id")


@kind("projection")
class Responsible(SQLModel, table=True):
    """Who is first responsible for a borrower from a date on; the latest row counts, the earlier are its history. Of
    one date the hand-over that was taken up last counts, and any before what an import said (which has no case, and no
    instant)."""

    __tablename__ = "responsible"
    __table_args__: ClassVar[Any] = (
        Index("responsible_handed", "subject", "since", "case_id", unique=True),
        Index("responsible_manager", "manager", "subject"),
        Index("responsible_imported", "subject", "since", unique=True, sqlite_where=text("case_id IS NULL"),
              postgresql_where=text("case_id IS NULL")),
    )  # fmt: skip
    __mapper_args__: ClassVar[Any] = {"primary_key": ["subject", "since", "case_id"]}
    subject: str
    since: date
    manager: str
    case_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="cases.id")
    recorded_at: str = Field(default="", sa_column_kwargs={"server_default": ""})


@kind("projection")
class BookVersion(SQLModel, table=True):
    """A policy book put in force: by which case, from which date."""

    __tablename__ = "book_version"
    book: str
    effective_from: date = Field(primary_key=True)
    case_id: int = big(primary_key=True, foreign_key="cases.id")


@kind("projection")
class EvidenceUse(SQLModel, table=True):
    """A file handed in with a case: to find the same file used twice."""

    __tablename__ = "evidence"
    __table_args__: ClassVar[Any] = (PrimaryKeyConstraint("sha256", "case_id", "seq"),)
    sha256: str
    case_id: int = big(foreign_key="cases.id")
    seq: int
    recorded_at: str


@kind("operational")
class Counter(SQLModel, table=True):
    """Ids come in blocks from here, inside the transaction that uses them."""

    __tablename__ = "counter"
    name: str = Field(primary_key=True)
    value: int = big()


@kind("operational")
class Anchor(SQLModel, table=True):
    """Merkle root over all stream heads on a business date, signed; `previous` chains the anchors."""

    __tablename__ = "anchor"
    business_date: date = Field(primary_key=True)
    streams: int
    root: str
    previous: str
    signature: str
    heads: str = long_text()


@kind("operational")
class Attempt(SQLModel, table=True):
    """A Prefect flow run that worked on a run of ours (also journaled in stream attempt:<flow_run>)."""

    __tablename__ = "attempt"
    flow_run: str = Field(primary_key=True)
    run: int = big(foreign_key="cases.id")
    at: str


# -- messages ---------------------------------------------------------------------------------------------------


@kind("operational")
class Notice(SQLModel, table=True):
    """Something to tell: written with the act that caused it, addressed by the delivery flow.

    `kind`: item, remind, nobody, or the action that tells (confirm, lift). `person` empty: whoever is eligible for
    the case's item.
    `message` empty: not addressed yet; afterwards the Message-ID of the first person told (`told` has them all), or
    "-" and the reason why nobody was.
    """

    __tablename__ = "notice"
    __table_args__: ClassVar[Any] = (
        PrimaryKeyConstraint("case_id", "seq", "kind"),
        Index("notice_open", "message", sqlite_where=text("message IS NULL"), postgresql_where=text("message IS NULL")),
    )
    case_id: int = big(foreign_key="cases.id")
    seq: int
    kind: str
    person: str | None = None
    at: str
    message: str | None = None


@kind("operational")
class Message(SQLModel, table=True):
    """One message to one person over one channel: one notice or a digest of many. `id` is its Message-ID.

    `channel` is the kind of address (the scheme of its Apprise URL), never the address itself; subject and body are
    what was said at the last try, the link left out. A queued message is due at `next_at`; who takes it moves that
    on, so that nobody else does; one whose person has no channel waits. `dropped`: nothing in it was open any more when
    it was to be sent.
    """

    __tablename__ = "message"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("state IN ('queued','sent','dead','dropped')", name="message_state"),
        Index("message_due", "state", "next_at"),
    )
    id: str = Field(primary_key=True)
    person: str = Field(foreign_key="person.id")
    channel: str
    subject: str
    body: str = long_text()
    state: str = "queued"
    tries: int = 0
    next_at: str
    error: str = ""
    sent_at: str | None = None


@kind("operational")
class Told(SQLModel, table=True):
    """Which notice went into which message. `kind`: what it says to that person: item (his to do), remind, late
    (another's, for his information), nobody (nobody may do it), restriction (in force on a borrower of his)."""

    __tablename__ = "told"
    __table_args__: ClassVar[Any] = (
        PrimaryKeyConstraint("message", "case_id", "seq", "kind"),
        CheckConstraint("kind IN ('item','remind','late','nobody','restriction','lifted')", name="told_kind"),
        Index("told_case", "case_id"),
    )
    message: str = Field(foreign_key="message.id")
    case_id: int = big(foreign_key="cases.id")
    seq: int
    kind: str
