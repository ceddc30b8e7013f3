"""The tables of the venues package. Times are UTC (`UtcDateTime`); venue ids are the root's, the same at every node."""

from __future__ import annotations

import sqlalchemy as sa

from venues.database import UtcDateTime, metadata

venue = sa.Table(
    "venue",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("level", sa.SmallInteger, nullable=False),
    sa.Column("parent_id", sa.Integer, nullable=True, index=True),
)

# Every pair (ancestor, descendant) with itself at depth 0: "within" is one index look-up.
venue_closure = sa.Table(
    "venue_closure",
    metadata,
    sa.Column("ancestor", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("descendant", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("depth", sa.SmallInteger, nullable=False),
    sa.Index("venue_closure_up", "descendant", "depth"),
)

# The nodes that this parent has enrolled (`own`), and those enrolled below it. `revision` orders the changes for the
# parent above.
node = sa.Table(
    "node",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("venue_id", sa.Integer, nullable=False, index=True),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("enrolled_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime, nullable=True),
    sa.Column("own", sa.Boolean, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, index=True),
    sa.Column("below_revision", sa.BigInteger, nullable=False),  # how far this node's own records are known here
)

enrolment_token = sa.Table(
    "enrolment_token",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),  # SHA-256 of the secret, hex
    sa.Column("venue_id", sa.Integer, nullable=False),
    sa.Column("replace", sa.Boolean, nullable=False),  # may take the place of an active node
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime, nullable=True),
    sa.Column("node_id", sa.Text, nullable=True),  # the node that used it
)

token = sa.Table(
    "token",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),  # SHA-256 of the secret, hex
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("venue_id", sa.Integer, nullable=False),
    sa.Column("lecture_id", sa.Text, nullable=True),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
    sa.Column("revoked_at", UtcDateTime, nullable=True),
    sa.Index("token_subject", "kind", "subject"),
)

# What is known of each venue's node; no row = never seen. `revision` orders the changes for the parent above.
node_status = sa.Table(
    "node_status",
    metadata,
    sa.Column("venue_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("presence", sa.Text, nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("last_seen", UtcDateTime, nullable=False),
    sa.Column("report", sa.Text, nullable=True),  # JSON, wire form of NodeReport
    sa.Column("revision", sa.BigInteger, nullable=False, index=True),
    sa.Column("direct", sa.Boolean, nullable=False),  # it beats to this node itself
    sa.Column("below_revision", sa.BigInteger, nullable=False),  # how far this direct child's own changes are known
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
