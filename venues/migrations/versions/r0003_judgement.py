"""Policies and judgement: what a person's events in a lecture amount to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _policies()
    _presences()
    _badges()
    _summaries()
    _privacy()


def _policies() -> None:
    op.add_column("lecture", sa.Column("policy", sa.Integer(), nullable=True))
    op.create_table(
        "policy",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )


def _presences() -> None:
    """Those of the older version are judged after the start (`policy` 0)."""
    for column in (
        sa.Column("home_id", sa.Integer(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(length=16), server_default="present", nullable=False),
        sa.Column("late", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("early", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("attended", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("seconds", sa.Integer(), server_default="0", nullable=False),
        sa.Column("credit", sa.Integer(), server_default="0", nullable=False),
        sa.Column("policy", sa.Integer(), server_default="0", nullable=False),
    ):
        op.add_column("presence", column)
    op.create_index("presence_by_home", "presence", ["lecture_id", "home_id"])
    op.create_index("presence_by_person", "presence", ["person_id"])
    op.create_table(
        "judge_due",
        sa.Column("lecture_id", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("lecture_id"),
    )
    op.execute("INSERT INTO judge_due SELECT DISTINCT lecture_id, 1 FROM presence")


def _badges() -> None:
    op.create_table(
        "badge_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("private", sa.Text(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "badge",
        sa.Column("card", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("card"),
    )
    op.create_index("ix_badge_person_id", "badge", ["person_id"])
    op.create_table(
        "badge_revoked",
        sa.Column("card", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("card"),
    )
    op.create_table(
        "badge_seen",
        sa.Column("card", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lecture", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("card", "lecture"),
    )


FIGURES = (
    "present",
    "guests",
    "late",
    "early",
    "attended",
    "seconds",
    "expected",
    "came",
    "came_late",
    "came_early",
    "leave",
    "makeup",
    "marked_absent",
    "unseen_final",
    "unseen_open",
    "credit",
    "final",
    "incomplete",
)


def _summaries() -> None:
    op.create_table(
        "summary",
        sa.Column("lecture_id", sa.Text(), nullable=False),
        sa.Column("venue_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in FIGURES),
        sa.PrimaryKeyConstraint("lecture_id", "venue_id"),
    )
    op.create_index("summary_by_venue", "summary", ["venue_id"])
    op.create_table(
        "summary_due",
        sa.Column("lecture_id", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("lecture_id"),
    )
    op.execute("INSERT INTO summary_due SELECT id, 1 FROM lecture")


def _privacy() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.String(length=36), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("applied_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_erasure_person", "erasure", ["person"])
    op.create_table(
        "forgotten",
        sa.Column("lecture", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("devices_at", sa.BigInteger(), nullable=True),
        sa.Column("people_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("lecture"),
    )
