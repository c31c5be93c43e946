"""The first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


FIXED = (
    "stream",
    "seq",
    "action",
    "person",
    "on_behalf_of",
    "role",
    "step",
    "round",
    "due_on",
    "process",
    "run",
    "key",
    "business_date",
    "recorded_at",
    "digest",
    "prev",
    "hash",
)
SAYS = "the journal is immutable: only payload and salt of an entry may be erased, together"
LITE_SAME = " AND ".join(f"NEW.{c} IS OLD.{c}" for c in FIXED)
SAME = " AND ".join(f"NEW.{c} IS NOT DISTINCT FROM OLD.{c}" for c in FIXED)
LITE = (
    f"CREATE TRIGGER entry_kept BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, '{SAYS}'); END",
    f"CREATE TRIGGER entry_unchanged BEFORE UPDATE ON entry WHEN NOT (NEW.payload IS NULL AND NEW.salt IS NULL "
    f"AND {LITE_SAME}) BEGIN SELECT RAISE(ABORT, '{SAYS}'); END",
)
PG = (
    f"CREATE FUNCTION entry_immutable() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{SAYS}'; END $$",
    "CREATE TRIGGER entry_kept BEFORE DELETE ON entry FOR EACH ROW EXECUTE FUNCTION entry_immutable()",
    "CREATE TRIGGER entry_whole BEFORE TRUNCATE ON entry FOR EACH STATEMENT EXECUTE FUNCTION entry_immutable()",
    f"CREATE TRIGGER entry_unchanged BEFORE UPDATE ON entry FOR EACH ROW WHEN (NOT (NEW.payload IS NULL AND NEW.salt "
    f"IS NULL AND {SAME})) EXECUTE FUNCTION entry_immutable()",
)


def upgrade() -> None:
    op.create_table(
        "anchor",
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("streams", sa.Integer(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("heads", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("business_date"),
    )
    op.create_table(
        "book",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("process", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=True),
        sa.Column("parent", sa.BigInteger(), nullable=True),
        sa.Column("book", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent"],
            ["cases.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stream"),
    )
    op.create_index(
        "case_parent",
        "cases",
        ["parent"],
        unique=False,
        sqlite_where=sa.text("parent IS NOT NULL"),
        postgresql_where=sa.text("parent IS NOT NULL"),
    )
    op.create_index(
        "case_slot",
        "cases",
        ["process", "slot"],
        unique=True,
        sqlite_where=sa.text("closed_on IS NULL AND slot IS NOT NULL"),
        postgresql_where=sa.text("closed_on IS NULL AND slot IS NOT NULL"),
    )
    op.create_index("case_step", "cases", ["process", "step"], unique=False)
    op.create_index("case_subject", "cases", ["subject"], unique=False)
    op.create_table(
        "condition",
        sa.Column("facility", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('covenant','checkpoint','frequency')", name="condition_kind"),
        sa.PrimaryKeyConstraint("facility", "name"),
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "entry",
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("on_behalf_of", sa.String(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("process", sa.String(), nullable=True),
        sa.Column("run", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("prev", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.CheckConstraint("length(hash) = 64 AND length(prev) = 64 AND length(digest) = 64", name="hashes_whole"),
        sa.CheckConstraint("seq >= 1", name="seq_from_one"),
        sa.PrimaryKeyConstraint("stream", "seq"),
    )
    op.create_index(
        "entry_experience",
        "entry",
        ["person"],
        sqlite_where=sa.text("action IN ('submit', 'conclude')"),
        postgresql_where=sa.text("action IN ('submit', 'conclude')"),
    )
    op.create_index(
        "entry_key",
        "entry",
        ["person", "key"],
        unique=True,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.create_index(
        "entry_run",
        "entry",
        ["run"],
        unique=False,
        sqlite_where=sa.text("run IS NOT NULL"),
        postgresql_where=sa.text("run IS NOT NULL"),
    )
    op.create_table(
        "secret",
        sa.Column("quarter", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("quarter"),
    )
    op.create_table(
        "snapshot",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("total_bal", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index(op.f("ix_snapshot_as_of"), "snapshot", ["as_of"], unique=False)
    op.create_table(
        "stream",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "unit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("calendar", sa.String(), nullable=False),
        sa.Column("reports_to", sa.String(), nullable=True),
        sa.CheckConstraint("lane IN ('branch','department','vendor','office')", name="unit_lane"),
        sa.ForeignKeyConstraint(
            ["reports_to"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "attempt",
        sa.Column("flow_run", sa.String(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run"],
            ["cases.id"],
        ),
        sa.PrimaryKeyConstraint("flow_run"),
    )
    op.create_table(
        "book_version",
        sa.Column("book", sa.String(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.PrimaryKeyConstraint("effective_from", "case_id"),
    )
    op.create_table(
        "borrower",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "contract",
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("per_day", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["vendor"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("vendor", "product", "unit"),
    )
    op.create_table(
        "due",
        sa.Column("facility", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("outcome IN ('started','merged','skipped')", name="due_outcome"),
        sa.CheckConstraint("outcome <> 'skipped' OR reason <> ''", name="due_reason"),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.PrimaryKeyConstraint("facility", "kind", "due_on"),
    )
    op.create_index("due_case", "due", ["case_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.PrimaryKeyConstraint("sha256", "case_id", "seq"),
    )
    op.create_table(
        "item",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("process", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("whose", sa.String(), nullable=True),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("held_until", sa.Date(), nullable=True),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_index("item_due", "item", ["due_on"], unique=False)
    op.create_index("item_role", "item", ["role", "owner"], unique=False)
    op.create_table(
        "notice",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
        sa.PrimaryKeyConstraint("case_id", "seq", "kind"),
    )
    op.create_index(
        "notice_open",
        "notice",
        ["message"],
        unique=False,
        sqlite_where=sa.text("message IS NULL"),
        postgresql_where=sa.text("message IS NULL"),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "channel",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("person", "url"),
    )
    op.create_table(
        "facility",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("borrower", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("limit_amt", sa.BigInteger(), nullable=False),
        sa.Column("bal", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.Date(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["borrower"],
            ["borrower.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_facility_borrower"), "facility", ["borrower"], unique=False)
    op.create_table(
        "message",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("sent_at", sa.String(), nullable=True),
        sa.CheckConstraint("state IN ('queued','sent','dead','dropped')", name="message_state"),
        sa.ForeignKeyConstraint(
            ["person"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("message_due", "message", ["state", "next_at"], unique=False)
    op.create_table(
        "told",
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('item','remind','late','nobody','restriction','lifted')", name="told_kind"),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("message", "case_id", "seq", "kind"),
    )
    op.create_index("told_case", "told", ["case_id"], unique=False)
    op.create_table(
        "relation",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("person", "subject"),
    )
    op.create_table(
        "responsible",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("manager", sa.String(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.id"],
        ),
    )
    op.create_index("responsible_handed", "responsible", ["subject", "since", "case_id"], unique=True)
    op.create_index(
        "responsible_imported",
        "responsible",
        ["subject", "since"],
        unique=True,
        sqlite_where=sa.text("case_id IS NULL"),
        postgresql_where=sa.text("case_id IS NULL"),
    )
    op.create_table(
        "role_grant",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("person", "role", "since"),
    )
    op.create_index("grant_role", "role_grant", ["role"], unique=False)
    op.create_table(
        "substitute",
        sa.Column("absent", sa.String(), nullable=False),
        sa.Column("deputy", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.CheckConstraint("absent <> deputy", name="deputy_is_another"),
        sa.CheckConstraint("since <= until", name="deputy_dates"),
        sa.ForeignKeyConstraint(
            ["absent"],
            ["person.id"],
        ),
        sa.ForeignKeyConstraint(
            ["deputy"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("absent", "deputy", "since"),
    )
    op.create_index("substitute_deputy", "substitute", ["deputy"], unique=False)
    for statement in LITE if op.get_bind().dialect.name == "sqlite" else PG:
        op.execute(statement)
    op.execute("INSERT INTO counter (name, value) VALUES ('case', 0)")


def downgrade() -> None:
    op.drop_index("substitute_deputy", table_name="substitute")
    op.drop_table("substitute")
    op.drop_index("grant_role", table_name="role_grant")
    op.drop_table("role_grant")
    op.drop_table("responsible")
    op.drop_table("relation")
    op.drop_index("told_case", table_name="told")
    op.drop_table("told")
    op.drop_index("message_due", table_name="message")
    op.drop_table("message")
    op.drop_index(op.f("ix_facility_borrower"), table_name="facility")
    op.drop_table("facility")
    op.drop_table("channel")
    op.drop_table("person")
    op.drop_index(
        "notice_open",
        table_name="notice",
        sqlite_where=sa.text("message IS NULL"),
        postgresql_where=sa.text("message IS NULL"),
    )
    op.drop_table("notice")
    op.drop_index("item_role", table_name="item")
    op.drop_index("item_due", table_name="item")
    op.drop_table("item")
    op.drop_table("evidence")
    op.drop_index("due_case", table_name="due")
    op.drop_table("due")
    op.drop_table("contract")
    op.drop_table("borrower")
    op.drop_table("book_version")
    op.drop_table("attempt")
    op.drop_table("unit")
    op.drop_table("stream")
    op.drop_index(op.f("ix_snapshot_as_of"), table_name="snapshot")
    op.drop_table("snapshot")
    op.drop_table("secret")
    op.drop_index(
        "entry_run",
        table_name="entry",
        sqlite_where=sa.text("run IS NOT NULL"),
        postgresql_where=sa.text("run IS NOT NULL"),
    )
    op.drop_index(
        "entry_key",
        table_name="entry",
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.drop_table("entry")
    op.drop_table("counter")
    op.drop_table("condition")
    op.drop_index("case_subject", table_name="cases")
    op.drop_index("case_step", table_name="cases")
    op.drop_index(
        "case_slot",
        table_name="cases",
        sqlite_where=sa.text("closed_on IS NULL AND slot IS NOT NULL"),
        postgresql_where=sa.text("closed_on IS NULL AND slot IS NOT NULL"),
    )
    op.drop_index(
        "case_parent",
        table_name="cases",
        sqlite_where=sa.text("parent IS NOT NULL"),
        postgresql_where=sa.text("parent IS NOT NULL"),
    )
    op.drop_table("cases")
    op.drop_table("book")
    op.drop_table("anchor")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION entry_immutable()")
