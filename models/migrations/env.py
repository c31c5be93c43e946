"""Alembic's entry: the connection comes from door/schema.py; the target is the tables' metadata."""

from alembic import context
from sqlmodel import SQLModel

import models.access
import models.reference
import models.tables  # noqa: F401 - fill the metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=False)
with context.begin_transaction():
    context.run_migrations()
