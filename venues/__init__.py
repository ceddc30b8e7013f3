"""The lowest layer: the tree of venues, node identity and enrolment, health, the link upwards, settings, database."""

from __future__ import annotations

from venues.collections import Changes, Collection, Collections
from venues.database import Database, UtcDateTime, metadata, upsert
from venues.enrolment import Enrolment, NodeRecord
from venues.errors import TongtangError
from venues.health import Health
from venues.hops import Grade, Hop
from venues.identity import Identity, IdentityInvalid, NodeKey
from venues.ids import uuid7
from venues.link import EnrolmentResult, LinkError, LinkState, Pace, ParentLink, ParentRefused, ParentUnreachable, enrol
from venues.settings import CHINESE_LEVELS, Settings, SettingsError, load
from venues.status import (
    Heartbeat,
    NodeNews,
    NodeReport,
    Presence,
    StatusChange,
    StreamReport,
    StreamState,
    VenueStatus,
    parse_heartbeat,
)
from venues.store import ImportSummary, VenueStore, VenueUnknown
from venues.tokens import Grant, TokenKind, TokenStore
from venues.tree import Level, Problem, TreeInvalid, Venue, VenueRow, check, parse_file
from venues.wire import format_time, parse_time

__all__ = [
    "CHINESE_LEVELS",
    "Changes",
    "Collection",
    "Collections",
    "Database",
    "Enrolment",
    "EnrolmentResult",
    "Grade",
    "Grant",
    "Health",
    "Heartbeat",
    "Hop",
    "Identity",
    "IdentityInvalid",
    "ImportSummary",
    "Level",
    "LinkError",
    "LinkState",
    "NodeKey",
    "NodeNews",
    "NodeRecord",
    "NodeReport",
    "Pace",
    "ParentLink",
    "ParentRefused",
    "ParentUnreachable",
    "Presence",
    "Problem",
    "Settings",
    "SettingsError",
    "StatusChange",
    "StreamReport",
    "StreamState",
    "TokenKind",
    "TokenStore",
    "TongtangError",
    "TreeInvalid",
    "UtcDateTime",
    "Venue",
    "VenueRow",
    "VenueStatus",
    "VenueStore",
    "VenueUnknown",
    "check",
    "enrol",
    "format_time",
    "load",
    "metadata",
    "parse_file",
    "parse_heartbeat",
    "parse_time",
    "upsert",
    "uuid7",
]
