from __future__ import annotations

import datetime as dt

import pytest

from web import tickets
from web.tickets import Ticket

NOW = dt.datetime(2026, 11, 22, 2, tzinfo=dt.UTC)
SECRET = b"s" * 32
OWN = Ticket(lecture="0192f0c1-2345-7abc-8def-0123456789ab", venue=7)
BELOW = Ticket(lecture=OWN.lecture, venue=2**31 - 1, node="0192f0c1-2345-7abc-8def-0123456789ac")


@pytest.mark.parametrize("told", [OWN, BELOW])
def test_a_ticket_opens_its_lecture_for_five_minutes(told: Ticket) -> None:
    ticket = tickets.make(SECRET, told, NOW)
    assert tickets.check(SECRET, ticket, NOW) == told
    assert tickets.check(SECRET, ticket, NOW + dt.timedelta(seconds=299)) == told
    assert tickets.check(SECRET, ticket, NOW + dt.timedelta(seconds=301)) is None
    assert len(ticket) <= 150


def test_nothing_else_opens_it() -> None:
    ticket = tickets.make(SECRET, OWN, NOW)
    mark, lecture, venue, node, expires, seal = ticket.split(".")
    later = f"{mark}.{lecture}.{venue}.{node}.{int(expires) + 3600}.{seal}"
    other = f"{mark}.{lecture[:-1]}c.{venue}.{node}.{expires}.{seal}"
    elsewhere = f"{mark}.{lecture}.8.{node}.{expires}.{seal}"
    for text in (later, other, elsewhere, ticket[:-1], ticket + "a", "", "t...", "t.a.b.c", "码.码.码", "\ud800." * 9):
        assert tickets.check(SECRET, text, NOW) is None
    assert tickets.check(b"x" * 32, ticket, NOW) is None
