"""The portal: credentials, sessions, drafts, uploads, alerts"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


STOPPED = sa.text("action IN ('refuse', 'limit')")


def upgrade() -> None:
    op.create_index("entry_stopped", "entry", ["recorded_at"], sqlite_where=STOPPED, postgresql_where=STOPPED)
    op.create_table(
        "credential",
        sa.Column("person", sa.String(), sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
    )
    op.create_index("credential_subject", "credential", ["issuer", "subject"])
    op.create_table(
        "session",
        sa.Column("token", sa.String(), primary_key=True),
        sa.Column("person", sa.String(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("proved_at", sa.String(), nullable=False),
        sa.Column("ends_at", sa.String(), nullable=False),
    )
    op.create_index("ix_session_person", "session", ["person"])
    op.create_table(
        "throttle",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
    )
    op.create_table(
        "draft",
        sa.Column("person", sa.String(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("person", "case_id", "action"),
    )
    op.create_table(
        "upload",
        sa.Column("person", sa.String(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("key", "sha256", "kind", "shows", "name", "taken_at", "latitude", "longitude", "at")
        ),
        sa.PrimaryKeyConstraint("person", "case_id", "key"),
    )
    op.create_table(
        "alert",
        sa.Column("flow_run", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("flow_run", "what"),
    )
    op.create_table(
        "alerted",
        sa.Column("message", sa.String(), sa.ForeignKey("message.id"), primary_key=True),
        sa.Column("flow_run", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
    )
    op.create_table(
        "machine",
        sa.Column("token", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.UniqueConstraint("name"),
    )


def downgrade() -> None:
    for table in ("machine", "alerted", "alert", "upload", "draft", "throttle", "session", "credential"):
        op.drop_table(table)
    op.drop_index("entry_stopped", "entry")
