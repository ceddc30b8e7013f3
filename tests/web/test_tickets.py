from __future__ import annotations

import datetime as dt

from web import tickets

NOW = dt.datetime(2026, 11, 22, 2, tzinfo=dt.UTC)
SECRET, LECTURE, VENUE = b"s" * 32, "0192f0c1-2345-7abc-8def-0123456789ab", 7


def test_a_ticket_opens_its_lecture_for_five_minutes() -> None:
    ticket = tickets.make(SECRET, LECTURE, VENUE, NOW)
    assert tickets.check(SECRET, ticket, VENUE, NOW) == LECTURE
    assert tickets.check(SECRET, ticket, VENUE, NOW + dt.timedelta(seconds=299)) == LECTURE
    assert tickets.check(SECRET, ticket, VENUE, NOW + dt.timedelta(seconds=301)) is None
    assert len(ticket) <= 100


def test_nothing_else_opens_it() -> None:
    ticket = tickets.make(SECRET, LECTURE, VENUE, NOW)
    mark, lecture, expires, seal = ticket.split(".")
    later = f"{mark}.{lecture}.{int(expires) + 3600}.{seal}"
    other = f"{mark}.{lecture[:-1]}c.{expires}.{seal}"
    for text in (later, other, ticket[:-1], ticket + "a", "", "t...", "t.a.b.c", "码.码.码.码", "t" * 100):
        assert tickets.check(SECRET, text, VENUE, NOW) is None
    assert tickets.check(SECRET, ticket, VENUE + 1, NOW) is None
    assert tickets.check(b"x" * 32, ticket, VENUE, NOW) is None
