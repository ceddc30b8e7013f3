"""The tables of attendance. Rows of `event` and `quarantine` are never deleted, and of an event only the upload
columns ever change, and `subject`, which is derived, as `presence` is: that can be made again at any time."""

from __future__ import annotations

import sqlalchemy as sa

from attendance.figures import NAMES as FIGURES
from attendance.years import SUMS
from venues.database import UtcDateTime, metadata

person = sa.Table(
    "person",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("home_id", sa.Integer, nullable=False, index=True),  # now; before: person_home
    sa.Column("since", UtcDateTime),  # on the roster from then on; null: always was
    sa.Column("gone_at", UtcDateTime),  # off the roster since then; nobody is expected after that
)
# Whether there is anybody at all who came later, or left.
sa.Index(
    "person_since",
    person.c.since,
    sqlite_where=person.c.since.is_not(None),
    postgresql_where=person.c.since.is_not(None),
)
sa.Index(
    "person_gone",
    person.c.gone_at,
    sqlite_where=person.c.gone_at.is_not(None),
    postgresql_where=person.c.gone_at.is_not(None),
)

# Where people were at home before they moved; of the rows of a person that with the least later `until` holds.
person_home = sa.Table(
    "person_home",
    metadata,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("until", UtcDateTime, primary_key=True),
    sa.Column("venue_id", sa.Integer, nullable=False),  # 0: on no roster here, see attendance.homes
    sa.Index("person_home_by_venue", "venue_id"),
    sa.Index("person_home_by_time", "until"),
)

# Numbers that were found to be of somebody who has another one: made at the root, sent down.
person_merge = sa.Table(
    "person_merge",
    metadata,
    sa.Column("person_id", sa.String(36), primary_key=True),  # of the number that is not used any more
    sa.Column("kept_id", sa.String(36), nullable=False, index=True),
    sa.Column("merged_at", UtcDateTime, nullable=False),
    # At the root alone: who said so, the number, and what to put back should it turn out to be wrong.
    sa.Column("merged_by", sa.Text),
    sa.Column("number", sa.Text),
    sa.Column("before", sa.Text),  # JSON, see attendance.merges_store
)

# Whom a lecture expects; without a row: everybody at home in the lecture's venue and below it.
expectation = sa.Table(
    "expectation",
    metadata,
    sa.Column("lecture_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),  # unit, level, person
    sa.Column("ref", sa.Text, primary_key=True),  # a venue's number, a level's, a person's id
)

lecture = sa.Table(
    "lecture",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("venue_id", sa.Integer, nullable=False),
    sa.Column("starts_at", UtcDateTime),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("local", sa.Boolean, nullable=False),  # made at this node, not sent by the parent
    sa.Column("policy", sa.Integer),  # version of the policy that it is judged under; null: the first
)

# How check-ins are judged, version by version; never changed, made at the root and sent down.
policy = sa.Table(
    "policy",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("rules", sa.Text, nullable=False),  # JSON, see attendance.policy
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
)

event = sa.Table(
    "event",
    metadata,
    # The order of arrival at this node, own and children's alike.
    sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("node", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("lecture", sa.Text, nullable=False),
    sa.Column("venue", sa.Integer, nullable=False),
    sa.Column("person", sa.Text),
    sa.Column("number", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("method", sa.String(16), nullable=False),
    sa.Column("captured_at", UtcDateTime, nullable=False),
    sa.Column("monotonic_ms", sa.BigInteger, nullable=False),
    sa.Column("boot_id", sa.Text, nullable=False),
    sa.Column("clock_offset_ms", sa.BigInteger),
    sa.Column("clock_uncertainty_ms", sa.BigInteger),
    sa.Column("device", sa.Text),
    sa.Column("operator", sa.Text),
    sa.Column("supersedes", sa.String(36)),
    sa.Column("reason", sa.Text),
    sa.Column("data", sa.Text),  # canonical JSON
    sa.Column("subject", sa.Text, nullable=False),  # Event.subject, as attendance.bearers_store knows the person
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("received_from", sa.Integer),  # the child's venue; null: captured here
    sa.Column("recorded_at", UtcDateTime, nullable=False),
    sa.Column("uploaded_at", UtcDateTime),  # when the parent had answered for it; at the root, at once
    sa.Column("upload_code", sa.Text),  # why the parent quarantined it
    sa.Column("refusals", sa.Integer, nullable=False, server_default="0"),  # whole requests refused because of it
    sa.Index("event_by_subject", "lecture", "subject"),
    sa.Index("event_by_venue", "lecture", "venue"),
)
# The gapless sequence of this node. A child whose disk was set back repeats numbers; its facts are kept all the same.
sa.Index(
    "event_own_sequence",
    event.c.node,
    event.c.epoch,
    event.c.seq,
    unique=True,
    sqlite_where=event.c.received_from.is_(None),
    postgresql_where=event.c.received_from.is_(None),
)
# With which phone whom: of all ways in only the codes of screens know the phone.
sa.Index(
    "event_by_phone",
    event.c.device,
    event.c.subject,
    event.c.lecture,
    event.c.method,
    sqlite_where=sa.text("method IN ('code', 'root_code')"),
    postgresql_where=sa.text("method IN ('code', 'root_code')"),
)
sa.Index(
    "event_outbox",
    event.c.refusals,
    event.c.position,
    sqlite_where=event.c.uploaded_at.is_(None),
    postgresql_where=event.c.uploaded_at.is_(None),
)

# How far this database holds what a node wrote in one epoch of its own; the node's own counting, too.
stream = sa.Table(
    "stream",
    metadata,
    sa.Column("node", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("upto", sa.BigInteger, nullable=False),  # every event from 1 to here is in the log
    sa.Column("beyond", sa.Text, nullable=False),  # JSON: ranges [first, last] of those above a gap
    sa.Column("forked_at", sa.BigInteger),  # the least number that two different events bear
    sa.Column("root", sa.BigInteger, nullable=False),  # `upto` at the root, as far as it is known here
    sa.Index(
        "stream_uncovered",
        "node",
        "epoch",
        sqlite_where=sa.text("root < upto"),
        postgresql_where=sa.text("root < upto"),
    ),
)

# What a venue's node said when it handed a lecture's attendance in, and how much of it is here.
closing = sa.Table(
    "closing",
    metadata,
    sa.Column("lecture", sa.Text, primary_key=True),
    sa.Column("venue", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("node", sa.Text, primary_key=True),
    sa.Column("event", sa.String(36), nullable=False),  # the last close or reopen
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("open", sa.Boolean, nullable=False),  # it was opened again
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("here", sa.Integer, nullable=False),  # how many of them are here
    sa.Column("complete", sa.Boolean, nullable=False),  # count and hash agree
    sa.Index("closing_by_venue", "venue"),
)

# What a venue itself did in a lecture, beside its people: derived, made again from the events at any time.
venue_record = sa.Table(
    "venue_record",
    metadata,
    sa.Column("lecture_id", sa.Text, primary_key=True),
    sa.Column("venue_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("picture_s", sa.Integer, nullable=False, server_default="0"),  # of the lecture, with a picture
    sa.Column("sound_s", sa.Integer, nullable=False, server_default="0"),
    sa.Column("told_s", sa.Integer, nullable=False, server_default="0"),  # of the lecture, until the venue last told
    sa.Column("headcount", sa.Integer),  # the last one
    sa.Column("headcount_at", UtcDateTime),
    sa.Column("checks", sa.Integer, nullable=False, server_default="0"),  # presence checks held
    sa.Column("seen", sa.Integer, nullable=False, server_default="0"),  # people seen at the last of them
    sa.Index("venue_record_by_venue", "venue_id"),
)

# Lectures whose presences must be made anew, because their times or their policy changed.
judge_due = sa.Table(
    "judge_due",
    metadata,
    sa.Column("lecture_id", sa.Text, primary_key=True),
    sa.Column("round", sa.Integer, nullable=False),  # one more with each change: what comes meanwhile is not missed
)

# One row for each person of whom something stands in a lecture: who was there, who is excused, who made it up.
presence = sa.Table(
    "presence",
    metadata,
    sa.Column("lecture_id", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),  # Event.subject
    sa.Column("venue_id", sa.Integer, nullable=False),  # attended first, or where it was noted
    sa.Column("number", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("event_id", sa.String(36), nullable=False),
    sa.Column("methods", sa.Text, nullable=False),  # sorted, joined with ","
    sa.Column("other_venue", sa.Boolean, nullable=False),
    # The attended venue's ancestors and itself by level, as the tree was; null where the branch has no such level.
    *(sa.Column(f"l{level}", sa.Integer) for level in range(1, 6)),
    sa.Column("home_id", sa.Integer),  # home when the lecture was; null: on no roster here
    sa.Column("last_at", UtcDateTime),  # signed out for the last time; null: did not, or was not there
    sa.Column("status", sa.String(16), nullable=False, server_default="present"),  # attendance.judge.Status
    sa.Column("late", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("early", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("attended", sa.Boolean, nullable=False, server_default=sa.false()),  # long enough for the policy
    sa.Column("seconds", sa.Integer, nullable=False, server_default="0"),  # of the lecture, at all venues together
    sa.Column("credit", sa.Integer, nullable=False, server_default="0"),  # hundredths of a credit hour
    sa.Column("policy", sa.Integer, nullable=False, server_default="0"),  # version judged under; 0: not judged yet
    sa.Index("presence_by_home", "lecture_id", "home_id"),
    sa.Index("presence_by_person", "person_id"),
    sa.Index("presence_by_venue", "lecture_id", "venue_id"),
    sa.Index("presence_by_time", "lecture_id", "first_at"),
)

# The root's keys for badges; elsewhere the public halves of those that count.
badge_key = sa.Table(
    "badge_key",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("public", sa.Text, nullable=False),
    sa.Column("private", sa.Text),  # PEM; at the root only
    sa.Column("retired_at", UtcDateTime),  # no card that it signed counts any more
)

# Whose card it is; at the root all of them, elsewhere those of the people of the subtree. Revoked ones stay: what was
# shown with them before that became known stays a fact.
badge = sa.Table(
    "badge",
    metadata,
    sa.Column("card", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.String(36), nullable=False, index=True),
    sa.Column("key_id", sa.Integer, nullable=False),
    sa.Column("issued_at", UtcDateTime, nullable=False),
    sa.Column("issued_by", sa.Text, nullable=False),  # "" where it came from the parent
)

# Every card that does not count any more, whoever's it was.
badge_revoked = sa.Table(
    "badge_revoked",
    metadata,
    sa.Column("card", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("revoked_at", UtcDateTime),  # null where it came from the parent
    sa.Column("revoked_by", sa.Text),
    sa.Column("reason", sa.Text),
)

# Where events name a card and no person: their subject is another one when it becomes known whose card it is.
badge_seen = sa.Table(
    "badge_seen",
    metadata,
    sa.Column("card", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("lecture", sa.Text, primary_key=True),
)

# The figures of a lecture for each venue that has others below it (attendance.figures). While the lecture stands in
# `summary_due` they are not read, and will be made anew.
summary = sa.Table(
    "summary",
    metadata,
    sa.Column("lecture_id", sa.Text, primary_key=True),
    sa.Column("venue_id", sa.Integer, primary_key=True, autoincrement=False),
    *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in FIGURES),
    sa.Index("summary_by_venue", "venue_id"),
)
# Figures that shall not change any more, whatever happens to what they were made from.
frozen_report = sa.Table(
    "frozen_report",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("lecture_id", sa.Text, nullable=False),
    sa.Column("venue_id", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # 1, 2, 3… of this lecture and venue
    sa.Column("policy", sa.Integer, nullable=False),  # version that it was judged under
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("cause", sa.String(16), nullable=False),  # attendance.frozen.Cause
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),  # SHA-256 of the canonical JSON
    sa.Column("content", sa.LargeBinary, nullable=False),  # that JSON, zlib
    sa.Index("frozen_report_by_number", "lecture_id", "venue_id", "number", unique=True),
)

# Reports to freeze as soon as their lectures are judged under this version of the policy.
freeze_due = sa.Table(
    "freeze_due",
    metadata,
    sa.Column("lecture_id", sa.Text, primary_key=True),
    sa.Column("venue_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("policy", sa.Integer, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
)

# What a person's lectures of one year at one venue add up to, for people at home in one venue (attendance.years_store).
person_year = sa.Table(
    "person_year",
    metadata,
    sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("person_id", sa.Text, primary_key=True),  # Event.subject
    sa.Column("venue_id", sa.Integer, primary_key=True, autoincrement=False),  # attended
    sa.Column("home_id", sa.Integer, primary_key=True, autoincrement=False),  # 0: on no roster here
    *(sa.Column(f"l{level}", sa.Integer) for level in range(1, 6)),  # of the attended venue its ancestors and itself
    *(sa.Column(f"h{level}", sa.Integer) for level in range(1, 6)),  # of the home likewise
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in SUMS),
)

# How many different people these are, by venue with all below it; made when a year's rows are.
year_people = sa.Table(
    "year_people",
    metadata,
    sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("venue_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("people", sa.Integer, nullable=False),  # who were there
    sa.Column("at_home", sa.Integer, nullable=False),  # at home there, and came anywhere
)

# Years of which the rows above must be made anew, because a lecture's summary was.
year_due = sa.Table(
    "year_due",
    metadata,
    sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("round", sa.Integer, nullable=False),
)

summary_due = sa.Table(
    "summary_due",
    metadata,
    sa.Column("lecture_id", sa.Text, primary_key=True),
    sa.Column("round", sa.Integer, nullable=False),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),  # SHA-256 of child and raw: a repeat is kept once
    sa.Column("received_from", sa.Integer, nullable=False),
    sa.Column("event_id", sa.Text),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("raw", sa.Text, nullable=False),  # ASCII JSON
    sa.Column("received_at", UtcDateTime, nullable=False),
)

# Who is to be forgotten: made at the root, sent down, carried out at each node. `person` is an Event.subject.
erasure = sa.Table(
    "erasure",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),  # UUIDv7: of a person's erasures the last one counts
    sa.Column("person", sa.Text, nullable=False, index=True),
    sa.Column("pseudonym", sa.String(36), nullable=False),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("requested_by", sa.Text),  # at the root alone, as the reason
    sa.Column("reason", sa.String(16)),  # attendance.erasure.Reason
    sa.Column("applied_at", UtcDateTime),  # at this node; null: to be carried out
)

# Lectures of which this node keeps no devices, or no persons, any more, because their time is over.
forgotten = sa.Table(
    "forgotten",
    metadata,
    sa.Column("lecture", sa.Text, primary_key=True),
    sa.Column("year", sa.Integer, nullable=False),  # when it was, UTC: a person has one pseudonym in a year
    sa.Column("devices_at", UtcDateTime),
    sa.Column("people_at", UtcDateTime),
)
