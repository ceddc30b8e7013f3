"""Whom a lecture expects, when people came and went, what a venue saw, frozen reports, and whole years."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _roster()
    _venue_records()
    _frozen_reports()
    _years()
    _phones()
    op.execute("DELETE FROM summary_due")
    op.execute("INSERT INTO summary_due SELECT id, 1 FROM lecture")


def _roster() -> None:
    op.add_column("person", sa.Column("since", sa.BigInteger(), nullable=True))
    op.add_column("person", sa.Column("gone_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "person_home",
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("venue_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "until"),
    )
    op.create_index("person_home_by_venue", "person_home", ["venue_id"])
    op.create_index("person_home_by_time", "person_home", ["until"])
    for name, column in (("person_since", "since"), ("person_gone", "gone_at")):
        some = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "person", [column], sqlite_where=some, postgresql_where=some)
    op.create_table(
        "expectation",
        sa.Column("lecture_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lecture_id", "kind", "ref"),
    )


def _venue_records() -> None:
    op.create_table(
        "venue_record",
        sa.Column("lecture_id", sa.Text(), nullable=False),
        sa.Column("venue_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("picture_s", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sound_s", sa.Integer(), server_default="0", nullable=False),
        sa.Column("told_s", sa.Integer(), server_default="0", nullable=False),
        sa.Column("headcount", sa.Integer(), nullable=True),
        sa.Column("headcount_at", sa.BigInteger(), nullable=True),
        sa.Column("checks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seen", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("lecture_id", "venue_id"),
    )
    op.create_index("venue_record_by_venue", "venue_record", ["venue_id"])
    op.create_index("closing_by_venue", "closing", ["venue"])
    names = ("picture_s", "sound_s", "told_s", "shown", "headcount", "counted", "counted_present")
    for name in (*names, "seen", "checked", "checked_present"):
        op.add_column("summary", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))


def _frozen_reports() -> None:
    op.create_table(
        "frozen_report",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lecture_id", sa.Text(), nullable=False),
        sa.Column("venue_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("frozen_report_by_number", "frozen_report", ["lecture_id", "venue_id", "number"], unique=True)
    op.create_table(
        "freeze_due",
        sa.Column("lecture_id", sa.Text(), nullable=False),
        sa.Column("venue_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lecture_id", "venue_id"),
    )


def _years() -> None:
    op.drop_index("presence_by_level", "presence")
    op.create_index("presence_by_venue", "presence", ["lecture_id", "venue_id"])
    op.create_table(
        "person_year",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("venue_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("home_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(f"l{level}", sa.Integer(), nullable=True) for level in range(1, 6)),
        *(sa.Column(f"h{level}", sa.Integer(), nullable=True) for level in range(1, 6)),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("lectures", "attended", "late", "seconds", "leave", "makeup", "credit")
        ),
        sa.PrimaryKeyConstraint("year", "person_id", "venue_id", "home_id"),
    )
    op.create_table(
        "year_people",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("venue_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("at_home", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", "venue_id"),
    )
    op.create_table(
        "year_due",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year"),
    )


def _phones() -> None:
    codes = sa.text("method IN ('code', 'root_code')")
    columns = ["device", "subject", "lecture", "method"]
    op.create_index("event_by_phone", "event", columns, sqlite_where=codes, postgresql_where=codes)
