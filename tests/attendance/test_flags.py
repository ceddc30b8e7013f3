from __future__ import annotations

import dataclasses
import datetime as dt

from attendance.event import Event, Kind, Method
from attendance.flags import PHONE, VENUE_SERIES, Scan, Sign, of_person, of_phones, of_venue, ordered
from attendance.lectures import Lecture, LectureState
from tests.attendance.world import VILLAGE, VILLAGE_2, an_event

NOON = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)
LECTURE = Lecture(
    id="now", title="", venue_id=1, starts_at=None, state=LectureState.ENDED, started_at=NOON,
    ended_at=NOON + dt.timedelta(hours=1),
)  # fmt: skip


def a_scan(who: str, seconds: float = 0, *, phone: str = "a", lecture: str = "now") -> Scan:
    at = NOON + dt.timedelta(seconds=seconds)
    device = f"{PHONE}{phone}"
    return Scan(lecture=lecture, venue=VILLAGE, subject=who, number=None, name=who, device=device, at=at)


def test_one_phone_for_several_people() -> None:
    (flag,) = of_phones("now", [a_scan("b", 60), a_scan("a"), a_scan("a", 5), a_scan("c", phone="other")])
    assert (flag.sign, [who.subject for who in flag.people]) == (Sign.ONE_PHONE, ["a", "b"])
    assert (flag.number, flag.seconds, flag.since) == (2, 60, NOON)
    assert of_phones("now", [a_scan("a"), a_scan("a", 20)]) == []


def test_one_phone_for_several_people_too_quickly() -> None:
    (flag,) = of_phones("now", [a_scan("a"), a_scan("b", 10), a_scan("c", 20), a_scan("d", 600)])
    assert (flag.sign, flag.number) == (Sign.QUICK_PHONE, 4)
    (flag,) = of_phones("now", [a_scan("a"), a_scan("b", 10), a_scan("c", 21)])
    assert flag.sign is Sign.ONE_PHONE


def test_one_phone_for_other_people_at_another_lecture() -> None:
    before = [a_scan("x", -90_000, lecture="before"), a_scan("a", -90_100, lecture="before")]
    (flag,) = of_phones("now", [*before, a_scan("a")])
    assert flag.sign is Sign.PHONE_BEFORE
    assert [(who.subject, who.lecture) for who in flag.people] == [("x", "before"), ("a", None)]
    assert of_phones("now", before) == []  # not at this lecture at all
    assert of_phones("now", [a_scan("a", -90_000, lecture="before"), a_scan("a")]) == []


def test_a_venue_quicker_than_people_can_scan() -> None:
    scans = [a_scan(str(n), n * 0.4, phone=str(n)) for n in range(VENUE_SERIES)]
    (flag,) = of_venue("now", [*reversed(scans), a_scan("late", 300)])
    assert (flag.sign, flag.number, flag.seconds) == (Sign.QUICK_VENUE, VENUE_SERIES, 3)
    assert of_venue("now", scans[1:]) == []
    assert of_venue("now", [a_scan(str(n), n * 0.5) for n in range(VENUE_SERIES)]) == []
    assert of_venue("now", [a_scan("always me", n * 0.1) for n in range(VENUE_SERIES)]) == []


def test_the_crowd_of_a_hall_is_no_series() -> None:
    crowd = [a_scan(str(n), n * 0.2) for n in range(500)]  # fifteen in three seconds, for a hundred seconds
    assert of_venue("now", crowd) == []
    script = [a_scan(f"s{n}", 200 + n * 0.01) for n in range(200)]
    (flag,) = of_venue("now", [*crowd, *script])
    assert flag.number == 200


def _came(n: int, minutes: float, venue: int = VILLAGE, **changed: object) -> Event:
    return an_event(n, venue=venue, captured_at=NOON + dt.timedelta(minutes=minutes), method=Method.CODE, **changed)


def test_at_two_venues_at_the_same_time() -> None:
    first, second = _came(1, 0), _came(2, 10, VILLAGE_2)
    (flag,) = of_person([second, first], LECTURE)
    assert (flag.sign, flag.number) == (Sign.TWO_VENUES, 1)
    assert [who.venue for who in flag.people] == [VILLAGE, VILLAGE_2]
    gone = _came(3, 5, kind=Kind.SIGN_OUT)
    assert of_person([first, second, gone], LECTURE) == []
    undo = _came(4, 20, VILLAGE_2, kind=Kind.UNDO, supersedes=second.id)
    assert of_person([first, second, undo], LECTURE) == []
    assert of_person([first, _came(5, 20)], LECTURE) == []


def test_a_tick_in_the_evening_means_the_whole_lecture() -> None:
    scanned, left = _came(1, 0), _came(2, 50, kind=Kind.SIGN_OUT)
    ticked = dataclasses.replace(_came(3, 300, VILLAGE_2), method=Method.ROLL_CALL)
    (flag,) = of_person([scanned, left, ticked], LECTURE)
    assert flag.sign is Sign.TWO_VENUES
    assert of_person([scanned, left, _came(4, 300, VILLAGE_2)], LECTURE) == []


def test_the_oddest_come_first() -> None:
    one = of_phones("now", [a_scan("a"), a_scan("b", 60)])
    more = of_phones("now", [a_scan("a", phone="z"), a_scan("b", 60, phone="z"), a_scan("c", 90, phone="z")])
    quick = of_phones("now", [a_scan("a"), a_scan("b", 1), a_scan("c", 2)])
    assert ordered([*one, *more, *quick]) == [*quick, *more, *one]
