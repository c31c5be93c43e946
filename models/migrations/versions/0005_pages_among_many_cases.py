"""Indexes for pages among very many cases: each way to an inbox by its own, a borrower's cases by what they are"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


POOL = sa.text("owner IS NULL AND whose IS NULL AND holder IS NULL")
HELD, OPEN = sa.text("holder IS NOT NULL"), sa.text("closed_on IS NULL")


def upgrade() -> None:
    op.drop_index("item_due", "item")
    op.drop_index("item_role", "item")
    op.create_index("item_pool", "item", ["role", "due_on", "case_id"], sqlite_where=POOL, postgresql_where=POOL)
    op.create_index("item_owner", "item", ["owner", "due_on", "case_id"])
    op.create_index("item_holder", "item", ["holder"], sqlite_where=HELD, postgresql_where=HELD)
    op.drop_index("case_step", "cases")
    op.create_index("case_step", "cases", ["process", "step", "id"])
    op.drop_index("case_subject", "cases")
    op.create_index("case_subject", "cases", ["subject", "process", "step"])
    op.create_index("case_open", "cases", ["subject", "id", "closed_on"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("responsible_manager", "responsible", ["manager", "subject"])


def downgrade() -> None:
    op.drop_index("responsible_manager", "responsible")
    op.drop_index("case_open", "cases")
    op.drop_index("case_subject", "cases")
    op.create_index("case_subject", "cases", ["subject"])
    op.drop_index("case_step", "cases")
    op.create_index("case_step", "cases", ["process", "step"])
    for name in ("item_holder", "item_owner", "item_pool"):
        op.drop_index(name, "item")
    op.create_index("item_role", "item", ["role", "owner"])
    op.create_index("item_due", "item", ["due_on"])
