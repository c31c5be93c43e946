"""Indexes for the runs of a day, and for what they were refused between their beginning and their end"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

REFUSED, RUN = sa.text("action = 'refused'"), sa.text("process = 'run'")


def upgrade() -> None:
    op.create_index("entry_refused", "entry", ["person", "recorded_at"], sqlite_where=REFUSED, postgresql_where=REFUSED)
    op.create_index("case_run", "cases", ["opened_on", "id"], sqlite_where=RUN, postgresql_where=RUN)


def downgrade() -> None:
    op.drop_index("case_run", "cases")
    op.drop_index("entry_refused", "entry")
