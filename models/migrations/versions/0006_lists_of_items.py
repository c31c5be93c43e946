"""An item carries what lists of items are made and narrowed by: its subject, and facts of its case"""

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

MANAGED, OPEN = sa.text("whose = 'manager'"), sa.text("closed_on IS NULL")
LISTED = {
    "inspection": ("class_", "proposed_level", "level"),
    "control": ("class_", "level"),
    "order": ("class_", "level"),
}
WAITING = sa.text("SELECT i.case_id, c.process, c.state FROM item i JOIN cases c ON c.id = i.case_id")
CARRIES = sa.text("UPDATE item SET facts = :facts WHERE case_id = :case_id")


def upgrade() -> None:
    op.add_column("item", sa.Column("subject", sa.String(), nullable=False, server_default=""))
    op.add_column("item", sa.Column("facts", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE item SET subject = (SELECT c.subject FROM cases c WHERE c.id = item.case_id)")
    found = []
    for case_id, process, state in op.get_bind().execute(WAITING):
        facts = orjson.loads(state)[5]
        if listed := {name: facts[name] for name in LISTED.get(process, ()) if name in facts}:
            found.append({"case_id": case_id, "facts": orjson.dumps(listed).decode()})
    if found:
        op.get_bind().execute(CARRIES, found)
    columns = ["subject", "due_on", "case_id"]
    op.create_index("item_managed", "item", columns, sqlite_where=MANAGED, postgresql_where=MANAGED)
    op.drop_index("case_open", "cases")


def downgrade() -> None:
    op.create_index("case_open", "cases", ["subject", "id", "closed_on"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.drop_index("item_managed", "item")
    op.drop_column("item", "facts")
    op.drop_column("item", "subject")
