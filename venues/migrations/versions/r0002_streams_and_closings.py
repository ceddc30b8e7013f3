"""Figures of an event, high-water marks of each node's numbers, closings of venues."""

from __future__ import annotations

import itertools
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("data", sa.Text(), nullable=True))
    stream = op.create_table(
        "stream",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("beyond", sa.Text(), nullable=False),
        sa.Column("forked_at", sa.BigInteger(), nullable=True),
        sa.Column("root", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", "epoch"),
    )
    op.create_index(
        "stream_uncovered",
        "stream",
        ["node", "epoch"],
        unique=False,
        sqlite_where=sa.text("root < upto"),
        postgresql_where=sa.text("root < upto"),
    )
    op.create_table(
        "closing",
        sa.Column("lecture", sa.Text(), nullable=False),
        sa.Column("venue", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("event", sa.String(length=36), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("here", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("lecture", "venue", "node"),
    )
    _fill(stream)


def _fill(stream: sa.Table) -> None:
    """The marks of what is in the log already (attendance.streams says it in the words of today)."""
    connection = op.get_bind()
    event = sa.table("event", sa.column("node"), sa.column("epoch"), sa.column("seq"))
    query = sa.select(event).order_by(event.c.node, event.c.epoch, event.c.seq)
    rows = connection.execute(query.execution_options(yield_per=10_000))
    found = []
    for (node, epoch), numbers in itertools.groupby(rows, key=lambda row: (row.node, row.epoch)):
        ranges: list[list[int]] = []
        forked_at = None
        for row in numbers:
            if ranges and row.seq == ranges[-1][1]:
                forked_at = row.seq if forked_at is None else forked_at
            elif ranges and row.seq == ranges[-1][1] + 1:
                ranges[-1][1] = row.seq
            else:
                ranges.append([row.seq, row.seq])
        upto = ranges.pop(0)[1] if ranges[0][0] == 1 else 0
        beyond = json.dumps(ranges, separators=(",", ":"))
        found.append({"node": node, "epoch": epoch, "upto": upto, "beyond": beyond, "forked_at": forked_at, "root": 0})
    if found:
        op.bulk_insert(stream, found)
