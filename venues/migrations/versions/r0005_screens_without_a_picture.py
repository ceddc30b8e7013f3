"""Venues whose screens told that there was nothing count now: figures of lectures with such a one are made anew."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "INSERT INTO summary_due SELECT DISTINCT lecture_id, 1 FROM venue_record"
        " WHERE told_s > 0 AND picture_s = 0 AND sound_s = 0"
        " AND lecture_id NOT IN (SELECT lecture_id FROM summary_due)"
    )
