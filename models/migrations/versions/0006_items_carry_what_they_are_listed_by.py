"""An item carries the facts by which lists are narrowed"""

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

LISTED = ("class_", "proposed_level", "level")
WAITING = sa.text(
    "SELECT i.case_id, c.state FROM item i JOIN cases c ON c.id = i.case_id WHERE c.process = 'inspection'"
)
CARRIES = sa.text("UPDATE item SET facts = :facts WHERE case_id = :case_id")


def upgrade() -> None:
    op.add_column("item", sa.Column("facts", sa.Text(), nullable=False, server_default=""))
    found = []
    for case_id, state in op.get_bind().execute(WAITING):
        facts = orjson.loads(state)[5]
        if listed := {name: facts[name] for name in LISTED if name in facts}:
            found.append({"case_id": case_id, "facts": orjson.dumps(listed).decode()})
    if found:
        op.get_bind().execute(CARRIES, found)


def downgrade() -> None:
    op.drop_column("item", "facts")
