"""The bank's account service: who is on his way there, by which way somebody signed in"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("session", sa.Column("way", sa.String(), nullable=False, server_default="password"))
    op.create_table(
        "errand",
        sa.Column("token", sa.String(), primary_key=True),
        sa.Column("next", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("begun_at", sa.String(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("errand")
    op.drop_column("session", "way")
