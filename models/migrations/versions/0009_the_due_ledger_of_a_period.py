"""Indexes for the due ledger of a period: its rows by their days, and when an inspection was concluded"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

CONCLUDED = sa.text("action = 'conclude'")


def upgrade() -> None:
    op.create_index("due_day", "due", ["due_on", "outcome", "reason", "case_id"])
    op.create_index(
        "entry_concluded", "entry", ["stream", "business_date"], sqlite_where=CONCLUDED, postgresql_where=CONCLUDED
    )


def downgrade() -> None:
    op.drop_index("entry_concluded", "entry")
    op.drop_index("due_day", "due")
