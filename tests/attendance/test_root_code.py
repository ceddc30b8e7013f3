from __future__ import annotations

import base64
import datetime as dt

import pytest

from attendance import Method, Outcome, root_code
from attendance.event import to_wire
from attendance.root_code import ClockDoubt
from tests.attendance.world import CITY, PROVINCE, VILLAGE, Site
from venues.identity import NodeKey, decode

KEY = NodeKey.make(bytes(range(32)))
LECTURE, NODE = "0192f0c1-2345-7abc-8def-0123456789ab", "0192f0c1-2345-7abc-8def-0123456789ac"
NOW = dt.datetime(2026, 11, 22, 2, 0, 7, tzinfo=dt.UTC)
RIGHT = ClockDoubt(offset_ms=0, doubt_ms=0)


def made(now: dt.datetime = NOW, period_s: int = 15) -> str:
    return root_code.make(KEY, node=NODE, lecture=LECTURE, venue=70_000, now=now, period_s=period_s)


def test_it_says_what_it_is_for_and_who_signed_it() -> None:
    code = root_code.read(made())
    assert code is not None
    assert (code.lecture, code.venue, code.node, code.period_s) == (LECTURE, 70_000, NODE, 15)
    assert code.at == NOW.replace(second=0)
    assert root_code.is_genuine(made(), KEY.public)
    assert len(made()) == 142
    assert root_code.url("https://study.example/", "x") == "https://study.example/r/x"


def test_the_vector_of_the_documents() -> None:
    """docs/sync.md: with the private key 00 01 02 … 1f."""
    body, signature = decode(made())[:42].hex(), decode(made())[42:].hex()
    assert body == "01" + LECTURE.replace("-", "") + "00011170" + "6b024ca0" + "0f" + NODE.replace("-", "")
    assert signature.startswith("d8d46c943af98ea4")
    assert signature.endswith("7d2220501")


def test_it_stands_for_the_whole_period() -> None:
    assert made(NOW) == made(NOW + dt.timedelta(seconds=7)) != made(NOW + dt.timedelta(seconds=8))


def test_nobody_else_can_make_or_change_it() -> None:
    assert not root_code.is_genuine(made(), NodeKey.make(bytes(32)).public)
    raw = bytearray(decode(made()))
    for place in range(len(raw)):
        raw[place] ^= 1
        changed = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        assert not root_code.is_genuine(changed, KEY.public)
        raw[place] ^= 1


@pytest.mark.parametrize("text", ["", "x", "码", "\ud800", "A" * 142, made()[:-4], made() + "AAAA", "t.a.b.c.d.e"])
def test_what_is_no_code(text: str) -> None:
    assert root_code.read(text) is None or not root_code.is_genuine(text, KEY.public)
    assert not root_code.is_genuine(text, KEY.public)


@pytest.mark.parametrize(
    ("age_s", "clock", "good"),
    [
        (0, RIGHT, True),
        (30 + root_code.NETWORK_S + root_code.CLOCK_S, RIGHT, True),
        (31 + root_code.NETWORK_S + root_code.CLOCK_S, RIGHT, False),
        (-root_code.CLOCK_S, RIGHT, True),
        (-root_code.CLOCK_S - 1, RIGHT, False),
        (3600, RIGHT, False),
        (3600, ClockDoubt(offset_ms=3_600_000, doubt_ms=50), True),  # the node is an hour slow, and that is known
        (0, ClockDoubt(offset_ms=3_600_000, doubt_ms=50), False),
        (-3600, ClockDoubt(offset_ms=-3_600_000, doubt_ms=50), True),
        (100, ClockDoubt(), True),  # nobody knows how wrong it is: a minute more, and no longer
        (3600, ClockDoubt(), False),
        (3600, ClockDoubt(offset_ms=0, doubt_ms=1e12), False),
    ],
)
def test_the_current_one_and_the_one_before(age_s: float, clock: ClockDoubt, good: bool) -> None:
    code = root_code.read(made(NOW.replace(second=0)))
    assert code is not None
    assert root_code.is_current(code, NOW.replace(second=0) + dt.timedelta(seconds=age_s), clock) is good


def test_a_long_period_makes_no_long_life() -> None:
    code = root_code.read(made(period_s=3600))
    assert code is not None
    assert code.period_s == root_code.PERIOD_MOST_S


def test_doubts_of_two_hops_add_up() -> None:
    assert ClockDoubt(offset_ms=5, doubt_ms=1) + ClockDoubt(offset_ms=-3, doubt_ms=2) == ClockDoubt(
        offset_ms=2, doubt_ms=3
    )


async def test_what_a_node_in_between_writes_goes_up_like_its_own(site: Site) -> None:
    """A county, say, that phones reach: the event is of its stream, and of the village below it."""
    city = site.log(CITY, "city")
    done = await city.capture(
        lecture=site.lecture, venue=VILLAGE, number="A1", name="张三", method=Method.ROOT_CODE, data={"shown_by": "v"}
    )
    assert (done.event.node, done.event.venue) == ("city", VILLAGE)
    assert to_wire(done.event) in [to_wire(event) for event in await city.outbox(10)]
    (result,) = await site.log(PROVINCE, "root", is_root=True).ingest([to_wire(done.event)], CITY)
    assert result.outcome is not Outcome.QUARANTINED
