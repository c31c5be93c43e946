"""The journal holds on SQLite against REPLACE too, which takes the old row away without a DELETE's trigger"""

from alembic import op

revision = "0008"
down_revision = "0007"

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
SAME = " AND ".join(f"NEW.{c} IS OLD.{c}" for c in FIXED)
# Whatever REPLACE would take away for the new row: by the primary key, by the unique index entry_key, by the rowid.
TAKEN = (
    "EXISTS (SELECT 1 FROM entry WHERE stream = NEW.stream AND seq = NEW.seq) "
    "OR (NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM entry WHERE person = NEW.person AND key = NEW.key)) "
    "OR EXISTS (SELECT 1 FROM entry WHERE rowid = NEW.rowid)"
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return  # PostgreSQL has no REPLACE: its ON CONFLICT DO UPDATE meets the trigger of an UPDATE
    op.execute(f"CREATE TRIGGER entry_new BEFORE INSERT ON entry WHEN {TAKEN} BEGIN SELECT RAISE(ABORT, '{SAYS}'); END")
    _unchanged(f"{SAME} AND NEW.rowid IS OLD.rowid")


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("DROP TRIGGER entry_new")
    _unchanged(SAME)


def _unchanged(same: str) -> None:
    op.execute("DROP TRIGGER entry_unchanged")
    op.execute(
        f"CREATE TRIGGER entry_unchanged BEFORE UPDATE ON entry WHEN NOT (NEW.payload IS NULL AND NEW.salt IS NULL "
        f"AND {same}) BEGIN SELECT RAISE(ABORT, '{SAYS}'); END"
    )
