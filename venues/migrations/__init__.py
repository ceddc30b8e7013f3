"""The history of the schema, one file per step in `versions`, run by Alembic (`venues.schema_store`)."""

HEAD = "0006"  # the last step; a test proves it
