"""Responsibility knows the instant of its hand-over: of one day the last taken up counts"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("responsible", sa.Column("recorded_at", sa.String(), nullable=False, server_default=""))
    op.execute(
        "UPDATE responsible SET recorded_at = (SELECT e.recorded_at FROM cases c JOIN entry e ON e.stream = c.stream "
        "AND e.seq = c.seq WHERE c.id = responsible.case_id) WHERE case_id IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_column("responsible", "recorded_at")
