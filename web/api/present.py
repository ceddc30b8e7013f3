"""From the stores' records to the API's models."""

from __future__ import annotations

from attendance.lectures import Lecture
from venues.settings import Settings
from venues.status import Presence, VenueStatus
from venues.tree import Venue
from web.api.models import LectureOut, LevelCount, VenueOut, VenueStatusOut


def venue_out(settings: Settings, venue: Venue) -> VenueOut:
    return VenueOut(
        id=venue.id,
        code=venue.code,
        name=venue.name,
        level=venue.level,
        level_key=level_key(settings, venue.level),
        parent=venue.parent_id,
    )


def level_key(settings: Settings, level: int) -> str:
    return settings.levels[level].key if level < len(settings.levels) else str(level)


def status_out(status: VenueStatus) -> VenueStatusOut:
    report = status.report
    stream = report.stream if report else None
    return VenueStatusOut(
        presence=status.presence.value,
        since=status.since,
        last_seen=status.last_seen,
        version=report.version if report else None,
        stream_state=report.stream_state.value if report else None,
        viewers=stream.viewers if stream else None,
        pending_events=report.pending_events if report else None,
        oldest_pending_s=report.oldest_pending_s if report else None,
        clock_offset_ms=report.clock_offset_ms if report else None,
        loss=stream.loss if stream else None,
        round_trip_ms=stream.round_trip_ms if stream else None,
        jitter_ms=stream.jitter_ms if stream else None,
        delay_ms=stream.delay_ms if stream else None,
    )


def level_counts(settings: Settings, counts: dict[int, dict[Presence, int]]) -> list[LevelCount]:
    return [
        LevelCount(
            level=level,
            level_key=level_key(settings, level),
            connected=counted.get(Presence.CONNECTED, 0),
            silent=counted.get(Presence.SILENT, 0),
            never_seen=counted.get(Presence.NEVER_SEEN, 0),
        )
        for level, counted in sorted(counts.items())
    ]


def lecture_out(lecture: Lecture) -> LectureOut:
    return LectureOut(
        id=lecture.id,
        title=lecture.title,
        venue=lecture.venue_id,
        state=lecture.state.value,
        starts_at=lecture.starts_at,
        started_at=lecture.started_at,
        ended_at=lecture.ended_at,
    )
