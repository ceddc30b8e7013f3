"""What Alembic runs: the steps on the connection that it was given, inside that connection's transaction."""

from __future__ import annotations

from alembic import context

from venues.database import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column only by writing its table anew
)
with context.begin_transaction():
    context.run_migrations()
