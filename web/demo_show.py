"""What the demonstration tells about itself: as a table for people, as one line of JSON for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from venues.settings import Settings, load
from venues.tree import VenueRow
from web.demo_cast import PARTS


@dataclass(frozen=True, kw_only=True)
class Site:
    """One of the five nodes. Its configuration is `folder/config.yaml`: `tongtang serve --config` starts it again."""

    level: str
    venue: VenueRow
    folder: Path
    url: str
    port: int  # TCP for pages and API, UDP for media

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def settings(self) -> Settings:
        return load(self.config)


@dataclass(frozen=True, kw_only=True)
class Show:
    """What the demonstration tells about itself."""

    lecture: str
    sites: tuple[Site, ...]
    pids: tuple[int, ...]
    publish_token: str
    view_tokens: tuple[str, ...]
    api_token: str
    passwords: tuple[str, ...]  # of PARTS

    def to_json(self) -> str:
        """The one line of --json."""
        root = self.sites[0]
        levels = zip(self.sites, self.pids, self.view_tokens, strict=True)
        told = {
            "lecture": self.lecture,
            "nodes": [
                {"level": site.level, "venue": site.venue.name, "url": site.url, "udp_port": site.port, "pid": pid}
                for site, pid in zip(self.sites, self.pids, strict=True)
            ],
            "whip": {"url": f"{root.url}/whip/{self.lecture}", "token": self.publish_token},
            "whep": [
                {"level": site.level, "url": f"{site.url}/whep/{self.lecture}", "token": token}
                for site, _, token in levels
            ],
            "users": [
                {"role": part.role.value, "name": part.name, "password": password}
                for part, password in zip(PARTS, self.passwords, strict=True)
            ],
            "api": {"token": self.api_token},
            "openapi": f"{root.url}/api/openapi.json",
        }
        return json.dumps(told, ensure_ascii=False)

    def to_text(self) -> str:
        """The table for people."""
        urls = {site.level: site.url for site in self.sites}
        lines = ["", "  " + " / ".join(site.venue.name for site in self.sites), ""]
        lines += [f"  {site.level:10} {site.url}" for site in self.sites]
        lines += ["", f"  {'sign in as':10}  {'password':15} {'begin at'}"]
        pages = {
            "lecturer": f"{urls['province']}/lectures/{self.lecture}/desk",
            "operator": f"{urls['village']}/screen",
            "organizer": f"{urls['province']}/lectures/{self.lecture}/report",
        }
        for part, password in zip(PARTS, self.passwords, strict=True):
            lines.append(f"  {part.name:10}  {password:15} {pages[part.role.value]}")
        roll_call = f"{urls['village']}/lectures/{self.lecture}/roll-call"
        return "\n".join(
            [*lines, "", f"  The village's roll-call (as operator): {roll_call}", "", "  Ctrl-C stops it.", ""]
        )
