"""The web layer's one table: who may sign in."""

from __future__ import annotations

import sqlalchemy as sa

from venues.database import metadata

# `name_key` is the name as compared: NFKC, case folded. `origin` is "here" for users made at this node, "parent" for
# those that came down the tree. No foreign key to the venues: users may arrive before the tree does.
user_account = sa.Table(
    "user_account",
    metadata,
    sa.Column("name_key", sa.String(200), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("venue_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("origin", sa.String(10), nullable=False),
)
