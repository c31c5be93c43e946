"""Where a borrower is visited: address, whom to ask for, and the position of the premises"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = ("address", "contact", "latitude", "longitude")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("borrower", sa.Column(name, sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("borrower", name)
