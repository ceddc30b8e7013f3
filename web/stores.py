"""What a node keeps: the stores on its database, made in one place."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable

from attendance.badge_store import BadgeStore
from attendance.expectation_store import Expectations
from attendance.flags_reports import FlagReports
from attendance.frozen_store import FrozenReports
from attendance.lecture_store import LectureStore
from attendance.merges_store import Merges
from attendance.people_store import PeopleStore
from attendance.policy_store import PolicyStore
from attendance.privacy_store import Privacy
from attendance.quarantine_store import Quarantine
from attendance.record_reports import RecordReports
from attendance.reports import Reports
from attendance.residents_store import Homes
from attendance.retention import Keep
from attendance.retention_store import Retention
from attendance.roster_reports import Rosters
from attendance.summary_store import Summaries
from attendance.twins_store import Twins
from attendance.years_store import Years
from venues.database import Database
from venues.enrolment import Enrolment
from venues.health import Health
from venues.settings import Settings
from venues.store import VenueStore
from venues.tokens import TokenStore
from web.phone_url_store import PhoneUrl
from web.store import UserStore


class Stores:
    """`db` is there before `make_stores`, everything else after it."""

    db: Database

    def make_stores(
        self,
        settings: Settings,
        now: Callable[[], dt.datetime],
        entropy: Callable[[int], bytes],
        home: Callable[[], int | None],
    ) -> None:
        """`home` gives the node's own venue, None while it does not know it."""
        is_root = settings.is_root
        self.venues = VenueStore(self.db)
        self.tokens = TokenStore(self.db, now, entropy)
        self.enrolment = Enrolment(self.db, now, entropy, self.tokens, home=home)
        self.health = Health(self.db, now, settings.heartbeat.silent_after_s)
        self.users = UserStore(self.db, entropy, now)
        self.lectures = LectureStore(self.db, now, entropy)
        self.expectations = Expectations(self.db, entropy)
        self.people = PeopleStore(self.db, entropy, now)
        self.homes = Homes(self.db, entropy)
        self.rosters = Rosters(self.db)
        self.badges = BadgeStore(self.db, now, entropy, is_root=is_root)
        self.merges = Merges(self.db, now, entropy, self.badges, is_root=is_root)
        self.policies = PolicyStore(self.db, now, entropy, is_root=is_root)
        wanted = settings.attendance
        keep = Keep(people_days=wanted.retention_days, device_days=wanted.device_days)
        self.privacy = Privacy(self.db, now, entropy, keep=keep)
        self.retention = Retention(self.db, entropy)
        self.quarantine = Quarantine(self.db)
        self.twins = Twins(self.db)
        self.reports = Reports(self.db, self.health, now)
        self.flags = FlagReports(self.db, now)
        zone = zoneinfo.ZoneInfo(settings.web.time_zone)
        self.frozen = FrozenReports(
            self.db, now, entropy, reports=self.reports, lectures=self.lectures, policies=self.policies
        )
        self.summaries = Summaries(self.db, zone)
        self.years = Years(self.db, zone)
        self.phone_url = PhoneUrl(self.db, settings.attendance.phone_url)
        self.records = RecordReports(self.db, zone, now)
