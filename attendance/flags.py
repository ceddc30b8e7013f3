"""What looks odd in how people checked in: seen and told, never blocked. Pure."""

from __future__ import annotations

PHONE = "phone:"  # begins the device of an event that came by a phone: an id of its own follows
